"""Base units to text and back; the only file that knows a prefix.

Everything inside the package is in bytes, seconds, nanoseconds and plain counts.
"""

import re
from collections.abc import Iterable

from cnnbench.errors import CnnbenchError

_DECIMAL = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = ((2**40, "Ti"), (2**30, "Gi"), (2**20, "Mi"), (2**10, "Ki"))


def _scaled(value: float, steps: Iterable[tuple[float, str]], unit: str) -> str:
    for factor, prefix in steps:
        # What would round up to the next prefix is written in the next prefix.
        if abs(value) >= factor * 0.9995:
            return f"{_three(value / factor)} {prefix}{unit}".rstrip()
    return f"{value:.3g} {unit}".rstrip()


def _three(value: float) -> str:
    """Three significant digits without an exponent: 1.23, 12.3, 123, 1234."""
    size = abs(value)
    return f"{value:.2f}" if size < 9.995 else f"{value:.1f}" if size < 99.95 else f"{value:.0f}"


def count(value: float, unit: str = "") -> str:
    """25557032 as 25.6 M."""
    return _scaled(value, _DECIMAL, unit)


def binary(value: float) -> str:
    """Bytes with binary prefixes: 958398464 as 914 MiB."""
    return _scaled(value, _BINARY, "B")


def seconds(value: float) -> str:
    """A duration with three digits: 0.0123 as 12.3 ms."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")):
        if abs(value) >= factor * 0.9995:
            return f"{_three(value / factor)} {unit}"
    return f"{value / 1e-9:.3g} ns"


def shape(values: Iterable[int]) -> str:
    """(224, 224, 3) as 224x224x3."""
    return "x".join(map(str, values))


def parse_shape(text: str, ranks: tuple[int, ...] = (3,)) -> tuple[int, ...]:
    """224x224x3 as (224, 224, 3).

    Raises:
        CnnbenchError: not positive whole numbers with x between, or too few or too many.
    """
    example = "224x224x3" if 3 in ranks else "224x224"
    parts = str(text).strip().lower().split("x")
    if len(parts) not in ranks or not all(p.isascii() and p.isdigit() for p in parts):
        raise CnnbenchError(f"a size must look like {example}; got {text!r}")
    sizes = tuple(int(p) for p in parts)
    if 0 in sizes:
        raise CnnbenchError(f"every size must be at least 1; got {text!r}")
    return sizes


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|)")


def parse_duration(text: str) -> float:
    """90, 90s, 5m or 1.5h in seconds.

    Raises:
        CnnbenchError: anything else, or zero.
    """
    match = _DURATION.fullmatch(str(text).strip().lower())
    value = float(match[1]) * {"h": 3600, "m": 60, "min": 60}.get(match[2], 1) if match else 0
    if not value:
        raise CnnbenchError(f"a duration must look like 90s, 5m or 1h; got {text!r}")
    return value
