"""The points to keep of many, chunk by chunk: those that no other beats, the best, or a sample."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from cnnbench.errors import CnnbenchError

Points = NDArray[np.int64]
"""An array of (points, objectives), in which smaller is better."""
PROBES = 32
MOST = 20_000
"""The most points of a front of three objectives, which is computed again for each chunk."""


class Front:
    """The points that no other point beats: being as good in every objective, and better in one.

    This is the Pareto front (Kung, Luccio and Preparata, "On finding the maxima of a set of
    vectors", J. ACM 22(4), 1975), exact for two or three objectives. Of equal points, the one
    with the lowest number is kept.
    """

    def __init__(self, objectives: int) -> None:
        self.points: Points = np.empty((0, objectives), np.int64)
        self.numbers: Points = np.empty(0, np.int64)

    def add(self, points: Points, numbers: Points) -> None:
        """Add points, each with a number that is larger than all numbers before."""
        new = ~_beaten(points, self.points)
        points = np.concatenate([self.points, points[new]])
        numbers = np.concatenate([self.numbers, numbers[new]])
        # By the first objective, then the second, ...: a point that beats another comes before it.
        order = np.lexsort((numbers, *points.T[::-1]))
        kept = order[_unbeaten(points[order])]
        self.points, self.numbers = points[kept], numbers[kept]
        if points.shape[1] == 3 and len(kept) > MOST:
            raise CnnbenchError(
                f"more than {MOST:,} configurations are on the front of these three objectives; "
                "choose two of them, or wider steps"
            )


class Best:
    """The first `most` points, ordered by the objectives, then by their numbers."""

    def __init__(self, objectives: int, most: int) -> None:
        self.points: Points = np.empty((0, objectives), np.int64)
        self.numbers: Points = np.empty(0, np.int64)
        self._most = most

    def add(self, points: Points, numbers: Points) -> None:
        """Add points, each with its number."""
        if len(self.points) == self._most:
            possible = points[:, 0] <= self.points[-1, 0]
            points, numbers = points[possible], numbers[possible]
        points = np.concatenate([self.points, points])
        numbers = np.concatenate([self.numbers, numbers])
        kept = np.lexsort((numbers, *points.T[::-1]))[: self._most]
        self.points, self.numbers = points[kept], numbers[kept]


class Cloud:
    """A uniform sample of at most `most` points: those with the lowest random numbers."""

    def __init__(self, objectives: int, most: int, random: np.random.Generator) -> None:
        self.points: Points = np.empty((0, objectives), np.int64)
        self._marks = np.empty(0)
        self._most = most
        self._random = random

    def add(self, points: Points) -> None:
        """Add the points of one more chunk."""
        marks = self._random.random(len(points))
        if len(self._marks) == self._most:
            low = marks < self._marks[-1]
            points, marks = points[low], marks[low]
        marks = np.concatenate([self._marks, marks])
        kept = np.argsort(marks)[: self._most]
        self._marks, self.points = marks[kept], np.concatenate([self.points, points])[kept]


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
