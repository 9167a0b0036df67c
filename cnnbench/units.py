"""Base units to text and back; the only file that knows a prefix.

Everything inside the package is in bytes, seconds, nanoseconds and plain counts. Each of the
`parse_...` functions raises CnnbenchError for a text of another form or a senseless value.
"""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

from cnnbench.errors import CnnbenchError

_DECIMAL = ((1e0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"), (1e15, "P"), (1e18, "E"))
_BINARY = ((1, ""), *((1024**k, f"{letter}i") for k, letter in enumerate("KMGTPE", start=1)))
_SECONDS = ((1e-9, "n"), (1e-6, "u"), (1e-3, "m"), (1.0, ""))


def _scaled(value: float, steps: Sequence[tuple[float, str]], unit: str, base: int) -> str:
    """The value with the smallest prefix that leaves less than `base` after rounding."""
    (least, none), *prefixed = steps
    texts = [(_plain(value / least), none)]
    texts += [(_three(value / factor), prefix) for factor, prefix in prefixed]
    # `not >=` and not `<`: NaN takes no prefix.
    fitting = (step for step in texts if not abs(float(step[0])) >= base)
    text, prefix = next(fitting, texts[-1])
    return f"{text} {prefix}{unit}".rstrip()


def _three(value: float) -> str:
    """Three significant digits without an exponent: 1.23, 12.3, 123, 1234."""
    size = abs(value)
    return f"{value:.2f}" if size < 9.995 else f"{value:.1f}" if size < 99.95 else f"{value:.0f}"


def _plain(value: float) -> str:
    """The same without a prefix, where 7 is not 7.00 and 0.001 not 0.00."""
    return f"{value:.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def counted(number: int, what: str) -> str:
    """1 case, 2 cases, 12,345 launches."""
    ends = "es" if what.endswith("ch") else "s"
    return f"{number:,} {what}{ends if number != 1 else ''}"


def count(value: float, unit: str = "") -> str:
    """25557032 as 25.6 M."""
    return _scaled(value, _DECIMAL, unit, 1000)


def binary(value: float) -> str:
    """Bytes with binary prefixes: 958398464 as 914 MiB."""
    return _scaled(value, _BINARY, "B", 1024)


def binary_step(largest: float) -> tuple[int, str]:
    """Bytes in a unit and its name, for numbers up to `largest`, which is at least ten of it."""
    factor, prefix = _step(largest, _BINARY)
    return int(factor), f"{prefix}B"


def count_step(largest: float) -> tuple[float, str]:
    """As `binary_step` for counts: 25557032 in M."""
    return _step(largest, _DECIMAL)


def seconds_step(largest: float) -> tuple[float, str]:
    """As `binary_step` for durations: 0.0123 in ms."""
    factor, prefix = _step(largest, _SECONDS)
    return factor, f"{prefix}s"


def _step(largest: float, steps: Sequence[tuple[float, str]]) -> tuple[float, str]:
    return next((step for step in steps[::-1] if largest >= 10 * step[0]), steps[0])


def seconds(value: float) -> str:
    """A duration with three digits: 0.0123 as 12.3 ms."""
    return _scaled(value, _SECONDS, "s", 1000)


def shape(values: Iterable[int]) -> str:
    """(224, 224, 3) as 224x224x3."""
    return "x".join(map(str, values))


def parse_shape(text: str, ranks: tuple[int, ...] = (3,)) -> tuple[int, ...]:
    """224x224x3 as (224, 224, 3)."""
    example = "224x224x3" if 3 in ranks else "224x224"
    parts = str(text).strip().lower().split("x")
    if len(parts) not in ranks or not all(p.isascii() and p.isdigit() for p in parts):
        raise CnnbenchError(f"a size must look like {example}; got {text!r}")
    if max(map(len, parts)) > 18:  # as `graph.LARGEST`, and what Python can turn into a number
        raise CnnbenchError(f"every size must have at most 18 digits; got {text[:40]!r}...")
    sizes = tuple(int(p) for p in parts)
    if 0 in sizes:
        raise CnnbenchError(f"every size must be at least 1; got {text!r}")
    return sizes


def parse_shapes(text: str) -> list[tuple[int, ...]]:
    """224x224x3,10 as [(224, 224, 3), (10,)]: the size of each input."""
    return [parse_shape(part, ranks=tuple(range(1, 7))) for part in text.split(",")]


def parse_count(text: str) -> int:
    """100M, 1.5G or a plain number, rounded down."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgtpe]?)", str(text).strip().lower())
    if not match or len(match[1]) > 30:
        raise CnnbenchError(f"a count must look like 100M, 1.5G or 25000; got {text!r}")
    return int(Fraction(match[1]) * 1000 ** " kmgtpe".index(match[2] or " "))


def parse_bytes(text: str) -> int:
    """8GiB, 16GB, 512 MiB, 1.5G or a plain number of bytes, rounded down."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([kmgtpe])(i?))?b?", str(text).strip().lower())
    value = 0
    if match:
        number, prefix, binary = match.groups()
        power = "kmgtpe".index(prefix) + 1 if prefix else 0
        value = int(Fraction(number) * (1024 if binary else 1000) ** power)
    if not value:
        raise CnnbenchError(f"a memory must look like 8GiB, 16GB or 512MiB; got {text!r}")
    return value


LONGEST = 1000 * 3600
"""Seconds; a longer duration must be a typing error."""


def parse_duration(text: str | float) -> float:
    """90, 90s, 5m or 1.5h in seconds; a number is in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|)", str(text).strip().lower())
    value = float(match[1]) * {"h": 3600, "m": 60, "min": 60}.get(match[2], 1) if match else 0
    if not value:
        raise CnnbenchError(f"a duration must look like 90s, 5m or 1h; got {text!r}")
    if value > LONGEST:
        raise CnnbenchError(f"a duration must be at most {LONGEST // 3600}h; got {text!r}")
    return value


TIME = ("time", "4.16ms or 1.5s", ("s",))
RATE = ("rate", "156TFLOP/s", ("FLOP/s", "FLOPS"))
FLOW = ("bandwidth", "1555GB/s", ("B/s",))
"""Arguments of `parse_quantity` after the text."""


def parse_quantity(text: str, what: str, example: str, units: tuple[str, ...]) -> float:
    """4.16ms as 0.00416, 156TFLOP/s as 1.56e14: a number, a decimal prefix, one of the units."""
    match = re.fullmatch(
        r"(\d{1,30}(?:\.\d{1,30})?)\s*([numkMGTP]?)([A-Za-z/]+)", str(text).strip(), re.ASCII
    )
    value = 0.0
    if match and match[3] in units:
        factors = {prefix: factor for factor, prefix in (*_SECONDS, *_DECIMAL)}
        value = float(match[1]) * factors[match[2]]
    if not value:
        raise CnnbenchError(f"a {what} must look like {example}; got {text!r}")
    return value


def parse_percent(text: str) -> float:
    """5% or 2.5% as 0.05 or 0.025. A bare number is refused: 5 and 0.05 could both be meant."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*%", str(text).strip(), re.ASCII)
    if not match:
        raise CnnbenchError(f"a share must look like 5% or 2.5%; got {text!r}")
    return float(match[1]) / 100
