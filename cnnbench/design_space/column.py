"""Many whole numbers that act as one, so that a block is traced once for all of them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnbench.errors import CnnbenchError

Ints = NDArray[np.int64]
LARGEST = int(np.iinfo(np.int64).max)


class SplitError(Exception):
    """The numbers of a column give different answers to one question, so it must be split.

    Args:
        parts: positions in the column; numbers with the same answer are in the same part.
    """

    def __init__(self, *parts: NDArray[np.intp]) -> None:
        self.parts = parts
        super().__init__()


class Column:
    """One whole number for each of many configurations; together they act as one number.

    For `isinstance` it is an int, so rules and blocks can check it and branch on it. Sums,
    differences, products, quotients and remainders are computed for each number. An operation
    that needs one answer, such as a comparison or a count of repetitions, raises `SplitError`
    unless all numbers give the same answer. Arithmetic is exact: `low` and `high` are bounds of
    the numbers, and a result that might not fit into int64 is refused.
    """

    __slots__ = ("high", "low", "values")

    def __init__(self, values: Ints, low: int | None = None, high: int | None = None) -> None:
        self.values = values
        self.low = int(values.min()) if low is None else low
        self.high = int(values.max()) if high is None else high

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return int

    def __index__(self) -> int:
        if self.low < self.high:
            order = np.argsort(self.values, kind="stable")
            ends = np.flatnonzero(np.diff(self.values[order])) + 1
            if len(ends):
                raise SplitError(*np.split(order, ends))
        return int(self.values[0])

    def __hash__(self) -> int:
        return hash(int(self))

    def __float__(self) -> float:
        return float(int(self))

    def __round__(self, digits: int | None = None) -> int:
        return int(self)

    __int__ = __trunc__ = __floor__ = __ceil__ = __index__

    @property
    def numerator(self) -> int:
        """The numerator, which `Fraction` asks for."""
        return int(self)

    @property
    def denominator(self) -> int:
        """The denominator, which `Fraction` asks for too."""
        return 1

    def __bool__(self) -> bool:
        return self != 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int):
            return NotImplemented
        low, high = _bounds(other)
        if self.high < low or high < self.low:
            return False
        return _one_answer(self.values == _values(other))

    def __lt__(self, other: Any) -> bool:
        return self._ordered(operator.lt, other)

    def __le__(self, other: Any) -> bool:
        return self._ordered(operator.le, other)

    def __gt__(self, other: Any) -> bool:
        return self._ordered(operator.gt, other)

    def __ge__(self, other: Any) -> bool:
        return self._ordered(operator.ge, other)

    def _ordered(self, compare: Callable[[Any, Any], Any], other: Any) -> bool:
        if not isinstance(other, int):
            return bool(compare(int(self), other))
        low, high = _bounds(other)
        answers = {compare(self.low, high), compare(self.high, low)}
        if len(answers) == 1:
            return bool(answers.pop())
        return _one_answer(compare(self.values, _values(other)))

    def __neg__(self) -> Column:
        return Column(-self.values, -self.high, -self.low)

    def __add__(self, other: Any) -> Any:
        return self if _is(other, 0) else _join(operator.add, self, other)

    def __sub__(self, other: Any) -> Any:
        return self if _is(other, 0) else _join(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _join(operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return self if _is(other, 1) else 0 if _is(other, 0) else _join(operator.mul, self, other)

    def __floordiv__(self, other: Any) -> Any:
        return self if _is(other, 1) else _join(operator.floordiv, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _join(operator.floordiv, other, self)

    def __mod__(self, other: Any) -> Any:
        return _join(operator.mod, self, other)

    def __rmod__(self, other: Any) -> Any:
        return _join(operator.mod, other, self)

    def __truediv__(self, other: Any) -> Any:
        return int(self) / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / int(self)

    def __pow__(self, other: Any) -> Any:
        return int(self) ** other

    def __rpow__(self, other: Any) -> Any:
        return other ** int(self)

    __radd__ = __add__

    def __rmul__(self, other: Any) -> Any:
        return self * other if isinstance(other, int) else other * int(self)


def array(value: Any, length: int) -> Ints:
    """A column or a plain number as an array."""
    if type(value) is Column:
        return value.values
    if abs(value) > LARGEST:
        raise _too_large()
    return np.full(length, value, np.int64)


def larger(first: Any, second: Any) -> Any:
    """The larger of two numbers, for each configuration."""
    if type(first) is not Column and type(second) is not Column:
        return max(first, second)
    (low, high), (least, most) = _bounds(first), _bounds(second)
    if low >= most:
        return first
    if least >= high:
        return second
    values: Ints = np.maximum(_values(first), _values(second))
    return Column(values, max(low, least), max(high, most))


def _is(value: Any, number: int) -> bool:
    return type(value) is int and value == number


def _values(value: Any) -> Any:
    return value.values if type(value) is Column else value


def _bounds(value: Any) -> tuple[int, int]:
    return (value.low, value.high) if type(value) is Column else (value, value)


def _one_answer(mask: NDArray[np.bool_]) -> bool:
    if mask.all():
        return True
    if mask.any():
        raise SplitError(np.flatnonzero(mask), np.flatnonzero(~mask))
    return False


def _join(operate: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    if not isinstance(left, int) or not isinstance(right, int):  # no int64 can hold a float
        plain = (int(side) if type(side) is Column else side for side in (left, right))
        return operate(*plain)
    a, b = _values(left), _values(right)
    if operate in (operator.floordiv, operator.mod):  # never further from 0 than `left` or `right`
        return Column(operate(a, b))
    low, high = _corners(operate, _bounds(left), _bounds(right))
    if -low > LARGEST or high > LARGEST:  # perhaps only because the bounds are wide
        exact = [(int(np.min(side)), int(np.max(side))) for side in (a, b)]
        low, high = _corners(operate, *exact)
        if -low > LARGEST or high > LARGEST:
            raise _too_large()
    return Column(operate(a, b), low, high)


def _corners(
    operate: Callable[[int, int], int], left: tuple[int, int], right: tuple[int, int]
) -> tuple[int, int]:
    # A sum, a difference or a product has its extremes where both sides have theirs.
    corners = [operate(x, y) for x in left for y in right]
    return min(corners), max(corners)


def _too_large() -> CnnbenchError:
    return CnnbenchError(
        f"some of these configurations cost more than {LARGEST:.1e}, the largest number that "
        "fits; narrow the ranges"
    )
