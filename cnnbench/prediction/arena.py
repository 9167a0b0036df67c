"""ARENA: the allocator that TensorFlow uses on a CPU with oneDNN, as far as it matters here.

It takes the best fit and joins free neighbours, in regions that double in size
(tsl/framework/bfc_allocator.cc). Buffers smaller than 256 KiB go to malloc instead
(core/common_runtime/mkl_cpu_allocator.h). The arena never gives memory back to the system. The
resident set grows when an address is used for the first time; freed memory is used again only
if the next buffer fits into it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LEAST = 256 * 2**10
"""Bytes of the smallest buffer that comes from the arena."""

_GRAIN = 256
_ENTRY = 8
"""Bytes that the table of a region needs for each grain, to hold the number of its chunk."""

_FIRST_REGION = 2 * 2**20
_WASTE = 128 * 2**20
"""If more than this is left of a chunk, the rest is always split off."""


@dataclass(slots=True)
class _Chunk:
    size: int
    region: int
    free: bool = True


@dataclass(slots=True)
class Arena:
    """Chunks in regions; `touched` is the number of bytes that were ever used.

    Each region lies below the one before, where mmap(2) puts it. Of two holes of the same size,
    the lower one is taken.
    """

    touched: int = 0
    _chunks: dict[int, _Chunk] = field(default_factory=dict)
    _used: list[tuple[int, int]] = field(default_factory=list)
    _bottom: int = 0
    _next_region: int = _FIRST_REGION
    _regions: int = 0

    @property
    def tables(self) -> int:
        """Bytes of the tables of all regions; a table is filled when its region is made."""
        return -self._bottom // _GRAIN * _ENTRY

    def allocate(self, size: int) -> int:
        """The address of a new buffer."""
        rounded = -(-size // _GRAIN) * _GRAIN
        address = self._best(rounded)
        if address is None:
            self._extend(rounded)
            address = self._best(rounded)
            assert address is not None  # the new region is large enough
        chunk = self._chunks[address]
        rest = chunk.size - rounded
        if rest >= min(rounded, _WASTE) and rest:
            self._chunks[address + rounded] = _Chunk(rest, chunk.region)
            chunk.size = rounded
        chunk.free = False
        self._touch(address, address + size)
        return address

    def release(self, address: int) -> None:
        """Free a buffer and join it with free neighbours."""
        chunk = self._chunks[address]
        chunk.free = True
        after = self._chunks.get(address + chunk.size)
        if after and after.free and after.region == chunk.region:
            del self._chunks[address + chunk.size]
            chunk.size += after.size
        for start, before in self._chunks.items():
            if start + before.size == address and before.free and before.region == chunk.region:
                before.size += chunk.size
                del self._chunks[address]
                return

    def _best(self, size: int) -> int | None:
        fitting = ((c.size, a) for a, c in self._chunks.items() if c.free and c.size >= size)
        return min(fitting, default=(0, None))[1]

    def _extend(self, size: int) -> None:
        enough = self._next_region >= size
        while self._next_region < size:
            self._next_region *= 2
        self._regions += 1
        self._bottom -= self._next_region
        self._chunks[self._bottom] = _Chunk(self._next_region, self._regions)
        if enough:
            self._next_region *= 2

    def _touch(self, start: int, end: int) -> None:
        apart = []
        for low, high in self._used:
            if high < start or end < low:
                apart.append((low, high))
            else:
                start, end = min(start, low), max(end, high)
        self._used = [*apart, (start, end)]
        self.touched = sum(high - low for low, high in self._used)
