"""A text in an HDF5 file as h5py lays it out for Keras; importing h5py takes as long as all else.

The names are those of the HDF5 File Format Specification, version 3.0.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path

_CONTINUATION, _ATTRIBUTE = 16, 12
_VARIABLE_LENGTH = 9


def attribute(path: Path, name: str) -> bytes | None:
    """A text that is an attribute of the file itself.

    None if it has none of that name, or is laid out in another way, which h5py can read.
    """
    with (
        suppress(struct.error, IndexError, OverflowError, ValueError),
        open(path, "rb") as file,
        mmap(file.fileno(), 0, access=ACCESS_READ) as data,
    ):
        return _attribute(data, name.encode() + b"\0")
    return None


def _attribute(data: mmap, name: bytes) -> bytes | None:
    def read(form: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(f"<{form}", data, at)

    signature, version, offsets, lengths = data[:8], data[8], data[13], data[14]
    (header,) = read("Q", 64)  # of the root group
    if (signature, version, offsets, lengths, data[header]) != (b"\x89HDF\r\n\x1a\n", 0, 8, 8, 1):
        return None
    messages, _, size = read("HII", header + 2)
    blocks = [(header + 16, size)]
    while blocks:
        at, size = blocks.pop()
        end = at + size
        while at < end and messages:
            messages -= 1
            kind, size = read("HH", at)
            at += 8
            if kind == _CONTINUATION:
                blocks.append(read("QQ", at))  # type: ignore[arg-type]
            elif kind == _ATTRIBUTE and data[at] == 1:
                (of_name, *others) = map(_padded, read("HHH", at + 2))
                if data[at + 8 : at + 8 + len(name)] == name:
                    if data[at + 8 + of_name] & 15 != _VARIABLE_LENGTH:
                        return None
                    length, heap, index = read("IQI", at + 8 + of_name + sum(others))
                    return _of_heap(data, heap + 16, index, length)
            at += size
    return None


def _of_heap(data: mmap, at: int, index: int, length: int) -> bytes:
    """The object of that index in a global heap collection, whose first object is at `at`."""
    while True:
        found, _, _, size = struct.unpack_from("<HHIQ", data, at)
        at += 16
        if found == index:
            return data[at : at + length]
        at += _padded(size)


def _padded(size: int) -> int:
    return -(-size // 8) * 8
