"""What a source says of two values, as bounds on new / base: "81 % more", "similar".

The bounds follow from the printed digits alone. "28 %" is every value that gives 28 when it is
rounded or when it is cut off, because papers do both. Without a base, the bounds are on the value
itself, in its base unit.

    less, more              less or more than base
    equal                   exactly as much as base
    similar                 nearer to base than to half of it or to twice it
    2.5 times, 2.5 times more    2.5 times as much as base
    12 times less           base is 12 times as much
    8 to 9 times less       base is 8 to 9 times as much
    81 % more, 28 % less    more or less than base
    18 % of                 that share of base
    3.6 G, 159 Ki, 164 ms   without a base; k, M and G count thousands, Ki and Mi count 1024s
    more than 1 h           "more than" or "less than", before any of these with a number
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from cnnbench.errors import CnnbenchError

Exact = Fraction | float
NEARLY = 0.01
"""A value is nearly as said if it lies within this share of the printed number."""

_Map = Callable[[Exact], Exact]

UNITS: dict[str, Fraction] = {
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "h": Fraction(3600),
}


def _scaled(factor: Fraction) -> tuple[_Map, _Map]:
    return lambda printed: printed * factor, lambda value: value / factor


_READINGS: dict[str, tuple[_Map, _Map]] = {
    # From the number that is printed to new / base, or to a value in its base unit, and back.
    **{unit: _scaled(factor) for unit, factor in UNITS.items()},
    **dict.fromkeys(("times", "times more"), _scaled(Fraction(1))),
    "times less": (lambda v: 1 / v, lambda r: 1 / r),
    "% more": (lambda v: 1 + v / 100, lambda r: 100 * (r - 1)),
    "% less": (lambda v: 1 - v / 100, lambda r: 100 * (1 - r)),
    "% of": (lambda v: v / 100, lambda r: 100 * r),
}
_WORDS: dict[str, tuple[Exact | None, Exact | None, str]] = {
    "less": (None, Fraction(1), "()"),
    "more": (Fraction(1), None, "()"),
    "equal": (Fraction(1), Fraction(1), "[]"),
    "similar": (0.5**0.5, 2**0.5, "[]"),
}
_NUMBER = re.compile(
    r"(?:(more|less) than )?(\d+(?:\.\d+)?)(?: to (\d+(?:\.\d+)?))?(?: ([a-zA-Z% ]+))?"
)


@dataclass(frozen=True, slots=True)
class Said:
    """Bounds on a value; None where there is no bound.

    `ends` says which of the two bounds belong to the interval, as in "[)". `reading` is how the
    number is meant ("% more"), or the unit of a value without a base.
    """

    text: str
    reading: str
    low: Exact | None
    high: Exact | None
    ends: str

    @property
    def compares(self) -> bool:
        """Whether it speaks of two values."""
        return self.reading not in UNITS

    @property
    def printed(self) -> bool:
        """Whether it gives a number, not only a direction."""
        return self.text not in _WORDS

    @property
    def number(self) -> float:
        """The value that is printed, of two the geometric middle; 1 where no number is."""
        to = _READINGS[self.reading][0]
        values = [float(to(Fraction(number))) for number in self._numbers]
        return math.prod(values) ** (1 / len(values)) if values and all(values) else 1.0

    @property
    def _numbers(self) -> list[str]:
        return re.findall(r"\d+\.?\d*", self.text)

    @property
    def decimals(self) -> int | None:
        """Digits after the decimal point; None where there is no number, or only one bound."""
        match = re.match(r"\d+\.?(\d*)", self.text)
        return len(match[1]) if match else None

    def side(self, value: Exact) -> int:
        """-1 for a value below the bounds, 1 for one above them, 0 for one that is as said."""
        low, high = self.low, self.high
        if low is not None and (value <= low if self.ends[0] == "(" else value < low):
            return -1
        if high is not None and (value >= high if self.ends[1] == ")" else value > high):
            return 1
        return 0

    def decides(self, low: Exact, high: Exact) -> bool | None:
        """True if a whole interval is as said, False if none of it is, None if only a part is."""
        sides = self.side(low), self.side(high)
        return True if sides == (0, 0) else False if sides[0] == sides[1] else None

    def deviation(self, value: Exact) -> float | None:
        """By which share a value, read as the source prints it, lies above the printed number.

        Of two numbers, above or below the nearer one, and 0 between them. None where no number is
        printed: 3.57 is 0.19 above 3, and 10.7 times less is -0.51 of 22 times less.
        """
        numbers = [float(number) for number in self._numbers]
        if not numbers or not all(numbers):
            return None
        found = self.read(value)
        return found / min(max(found, numbers[0]), numbers[-1]) - 1

    def near(self, value: Exact) -> int:
        """As `side`, of the values within `NEARLY` of the printed number; 1 where there is none."""
        deviation = self.deviation(value)
        if deviation is None or deviation > NEARLY:
            return 1
        return -1 if deviation < -NEARLY else 0

    def read(self, value: Exact) -> float:
        """A value as the source would print it: 1.815 is 81.5 where the source says "% more"."""
        return float(_READINGS[self.reading][1](value))


def parse(text: str) -> Said:
    """Read what a source says, in one of the forms at the head of this file."""
    if text in _WORDS:
        return Said(text, "times", *_WORDS[text])
    match = _NUMBER.fullmatch(text)
    reading = (match and match[4]) or ""
    if match is None or reading not in _READINGS or (match[1] and match[3]):
        raise CnnbenchError(
            "expected less, more, equal, similar, or a number as in '81 % more', "
            f"'8 to 9 times less', '159 Ki' or 'more than 1 h'; got {text!r}"
        )
    low: Exact | None = _printed(match[2])[0]
    high: Exact | None = _printed(match[3] or match[2])[1]
    ends = "[)"
    if match[1]:
        exact, ends = Fraction(match[2]), "()"
        low, high = (exact, None) if match[1] == "more" else (None, exact)
    if reading == "times less" and low is not None and low <= 0:
        raise CnnbenchError(f"{text!r} could be any number; give more digits")
    to = _READINGS[reading][0]
    low, high = (None if bound is None else to(bound) for bound in (low, high))
    if reading in ("times less", "% less"):
        low, high = high, low
        ends = {"[)": "(]"}.get(ends, ends)
    return Said(text, reading, low, high, ends)


def _printed(number: str) -> tuple[Fraction, Fraction]:
    """The smallest value that rounds to a number, and the first one that is cut off to the next."""
    digit = Fraction(1, 10 ** len(number.partition(".")[2]))
    return Fraction(number) - digit / 2, Fraction(number) + digit
