"""The points to keep of many, chunk by chunk: those that no other beats, or the best."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from cnnbench.errors import CnnbenchError

Points = NDArray[np.int64]
"""One row a point and one column an objective, in which smaller is better."""
PROBES = 32
MOST = 20_000
"""The most points of a front of three objectives, which is computed again for each chunk."""


class Front:
    """The points that no other point beats: being as good in every objective, and better in one.

    This is the Pareto front (Kung, Luccio and Preparata, "On finding the maxima of a set of
    vectors", J. ACM 22(4), 1975), exact for two or three objectives. Of equal points, the one
    with the lowest number is kept. A row is a point with its number behind it.
    """

    def __init__(self, columns: int) -> None:
        self.rows: Points = np.empty((0, columns), np.int64)

    def add(self, rows: Points) -> None:
        """Add rows with numbers that are larger than all numbers before."""
        new = ~_beaten(rows[:, :-1], self.rows[:, :-1])
        rows = np.concatenate([self.rows, rows[new]])
        # By the first objective, then the second, ...: a point that beats another comes before it.
        rows = rows[np.lexsort(rows.T[::-1])]
        self.rows = rows[_unbeaten(rows[:, :-1])]
        if rows.shape[1] == 4 and len(self.rows) > MOST:
            raise CnnbenchError(
                f"more than {MOST:,} configurations are on the front of these three objectives; "
                "choose two of them, or wider steps"
            )


class Best:
    """The first `most` rows in the order of their columns, or of the first `keys` columns."""

    def __init__(self, columns: int, most: int, keys: int | None = None) -> None:
        self.rows: Points = np.empty((0, columns), np.int64)
        self._most = most
        self._keys = keys

    def add(self, rows: Points) -> None:
        """Add the rows of one more chunk."""
        if len(self.rows) == self._most:
            rows = rows[rows[:, 0] <= self.rows[-1, 0]]
        rows = np.concatenate([self.rows, rows])
        self.rows = rows[np.lexsort(rows[:, : self._keys].T[::-1])[: self._most]]


def _beaten(points: Points, front: Points) -> NDArray[np.bool_]:
    """Which points are equalled or beaten by a front that is sorted as `Front` sorts it."""
    if not len(front):
        return np.zeros(len(points), bool)
    if points.shape[1] == 2:
        # Along the front the second objective falls. So of all points that are as good in the
        # first objective, the last one is the best in the second.
        last = np.searchsorted(front[:, 0], points[:, 0], side="right") - 1
        beaten: NDArray[np.bool_] = (last >= 0) & (front[last, 1] <= points[:, 1])
        return beaten
    # With three objectives, a few points beat most of the others; `_staircase` does the rest.
    left = np.arange(len(points))
    for best in front[:: len(front) // PROBES + 1]:
        left = left[(points[left] < best).any(axis=1)]
    beaten = np.ones(len(points), np.bool_)
    beaten[left] = False
    return beaten


def _unbeaten(points: Points) -> NDArray[np.intp]:
    """The places of the sorted points that no point before them equals or beats."""
    if points.shape[1] == 3:
        return np.array(_staircase(points[:, 1].tolist(), points[:, 2].tolist()), np.intp)
    least = np.minimum.accumulate(points[:, 1])
    return np.flatnonzero(np.r_[True, points[1:, 1] < least[:-1]][: len(points)])


def _staircase(second: list[int], third: list[int]) -> list[int]:
    """The places of the points that no point before them beats in two more objectives.

    The points are in the order of a first objective. `x` and `y` hold the best pairs so far:
    where `x` rises, `y` falls.
    """
    x: list[int] = []
    y: list[int] = []
    kept = []
    for place, (a, b) in enumerate(zip(second, third, strict=True)):
        at = bisect_right(x, a)
        if at and y[at - 1] <= b:
            continue
        kept.append(place)
        begin = at - (at > 0 and x[at - 1] == a)
        end = at
        while end < len(y) and y[end] >= b:
            end += 1
        x[begin:end], y[begin:end] = [a], [b]
    return kept
