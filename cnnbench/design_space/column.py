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
    """The numbers of a column give different answers; its `parts` have positions with the same."""

    def __init__(self, *parts: NDArray[np.intp]) -> None:
        self.parts = parts
        super().__init__()


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[Column, Any], bool]:
    """A comparison that has the same answer for all numbers of a column, or splits it."""

    def answer(column: Column, other: Any) -> bool:
        if not isinstance(other, int):
            return bool(compare(int(column), other))
        low, high = _bounds(other)
        answers = {compare(column.low, high), compare(column.high, low)}
        if len(answers) == 1:
            return bool(answers.pop())
        return _one_answer(compare(column.values, _values(other)))

    return answer


Operator = Callable[["Column", Any], Any]


def _operators(
    operate: Callable[[Any, Any], Any], neutral: int | None = None
) -> tuple[Operator, Operator]:
    """An operator with a column on the left, where `neutral` changes nothing, and on the right."""
    return (
        lambda column, other: column if _is(other, neutral) else _join(operate, column, other),
        lambda column, other: _join(operate, other, column),
    )


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

    def __round__(self, digits: int | None = None) -> int:
        return int(self)

    __int__ = __trunc__ = __floor__ = __ceil__ = __index__
    numerator = property(__index__)  # what `Fraction` asks a whole number for
    denominator = 1

    def __bool__(self) -> bool:
        return self != 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int):
            return NotImplemented
        low, high = _bounds(other)
        if self.high < low or high < self.low:
            return False
        return _one_answer(self.values == _values(other))

    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)

    def __neg__(self) -> Column:
        return Column(-self.values, -self.high, -self.low)

    def __mul__(self, other: Any) -> Any:
        return self if _is(other, 1) else 0 if _is(other, 0) else _join(operator.mul, self, other)

    __rmul__ = __mul__
    __add__ = __radd__ = _operators(operator.add, neutral=0)[0]
    __sub__, __rsub__ = _operators(operator.sub, neutral=0)
    __floordiv__, __rfloordiv__ = _operators(operator.floordiv, neutral=1)
    __mod__, __rmod__ = _operators(operator.mod)
    __truediv__, __rtruediv__ = _operators(operator.truediv)
    __pow__, __rpow__ = _operators(operator.pow)


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


def _is(value: Any, number: int | None) -> bool:
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
    integral = isinstance(left, int) and isinstance(right, int)
    if not integral or operate in (operator.truediv, operator.pow):  # no int64 can hold a float
        plain = (int(side) if type(side) is Column else side for side in (left, right))
        return operate(*plain)
    a, b = _values(left), _values(right)
    if operate in (operator.floordiv, operator.mod):  # never further from 0 than `left` or `right`
        return Column(operate(a, b))
    # The bounds may be wider than the numbers, so that these may fit though the bounds do not.
    for bounds in (_bounds, _extremes):
        # A sum, a difference or a product has its extremes where both sides have theirs.
        corners = [operate(x, y) for x in bounds(left) for y in bounds(right)]
        if max(map(abs, corners)) <= LARGEST:
            return Column(operate(a, b), min(corners), max(corners))
    raise _too_large()


def _extremes(value: Any) -> tuple[int, int]:
    values = _values(value)
    return int(np.min(values)), int(np.max(values))


def _too_large() -> CnnbenchError:
    return CnnbenchError(
        f"some of these configurations cost more than {LARGEST:.1e}, the largest number that "
        "fits; narrow the ranges"
    )
