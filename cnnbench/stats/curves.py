"""CURVES: how a quantity grows with a size, and where two of them swap order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cnnbench.stats.estimate import Estimate, student


@dataclass(frozen=True, slots=True)
class Crossing:
    """Two series swap order after x = `below` and no later than x = `above`.

    `at` lies between, by interpolation; `a_first` says that a is the smaller one before.
    """

    at: float
    below: float
    above: float
    a_first: bool


def exponent(x: Sequence[float], y: Sequence[float]) -> Estimate | None:
    """The power of x with which y grows: the least-squares slope of log y on log x.

    The same x may occur several times, once per launch. The interval is Student's on the
    residuals, with n - 2 degrees of freedom; it needs three points. The result is None for
    fewer than two different x.

    Assumes one power over the whole range. Two different x cannot show a bend: their interval
    contains the variation between launches, and says nothing about the sizes between the two.
    """
    if len(set(x)) < 2:
        return None
    power, error = slope(np.log(x), np.log(y))
    if len(x) < 3:
        return Estimate(power, None, None, len(x))
    half = error * student(len(x) - 2)
    return Estimate(power, power - half, power + half, len(x))


def slope(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """The least-squares slope of y on x and its standard error; 0 from two points."""
    x, y = np.asarray(x), np.asarray(y)
    centred = x - x.mean()
    squares = float(centred @ centred)
    rise = float(centred @ y) / squares
    residuals = y - y.mean() - rise * centred
    freedom = max(len(x) - 2, 1)
    return rise, math.sqrt(float(residuals @ residuals) / freedom / squares)


def crossings(x: Sequence[float], a: Sequence[float], b: Sequence[float]) -> list[Crossing]:
    """Where a and b swap order along ascending x; ties belong to neither side.

    Between two points the logarithm of a / b is assumed linear in log x. On consecutive
    integers `above` is exactly the first one at which the order has changed.
    """
    swaps: list[Crossing] = []
    last: tuple[float, float, float] | None = None
    for point in zip(x, a, b, strict=True):
        if point[1] == point[2]:
            continue
        if last and (last[1] < last[2]) != (point[1] < point[2]):
            before, after = (math.log(p[1] / p[2]) for p in (last, point))
            start, end = math.log(last[0]), math.log(point[0])
            at = math.exp(start + (end - start) * before / (before - after))
            swaps.append(Crossing(at, last[0], point[0], a_first=last[1] < last[2]))
        last = point
    return swaps
