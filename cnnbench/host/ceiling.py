"""CEILING: the most that a device can do, measured or from its datasheet; plain data.

Williams, Waterman, Patterson, "Roofline: an insightful visual performance model", CACM 52(4),
2009: a peak of arithmetic and a peak of memory bandwidth.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any


@dataclass(frozen=True, slots=True)
class Probed:
    """The fastest launch of one probe: operations, bytes read and written, seconds a call."""

    case: str
    flops: int
    moved_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The ceilings of one device for one data type.

    Args:
        name: of the device, for people.
        device: cpu, gpu or gpu:1.
        dtype: of the values.
        flops_per_s: of multiply-adds, which count as two.
        bytes_per_s: to and from the main memory of the device; None, and no limit, if unknown.
        cache_bytes: how much of the data may stay outside that memory; None if unknown.
        tolerance: a rate above the peak by less than this factor is not remarkable: measured
            peaks vary between launches, those of a datasheet do not.
        source: where the numbers come from.
        key: what must be equal for a measured ceiling to be valid; empty for a datasheet's.
        probes: what was measured.
    """

    name: str
    device: str
    dtype: str
    flops_per_s: float
    bytes_per_s: float | None
    cache_bytes: int | None = None
    tolerance: float = 1.0
    source: str = ""
    key: dict[str, Any] = field(default_factory=dict)
    probes: tuple[Probed, ...] = ()

    def __post_init__(self) -> None:
        for rate in (self.flops_per_s, self.bytes_per_s, self.tolerance):
            if rate is not None and not 0 < rate < inf:
                raise ValueError(f"a rate must be positive and finite; got {rate}")

    @property
    def ridge(self) -> float:
        """FLOPs per byte above which arithmetic, not memory, is the limit."""
        return self.flops_per_s / self.bytes_per_s if self.bytes_per_s else 0.0

    def moving_s(self, size: float) -> float:
        """Seconds that it takes to move this many bytes to or from memory."""
        return size / self.bytes_per_s if self.bytes_per_s else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values for a record."""
        return asdict(self)
