"""The best of many points, found chunk by chunk: those that no other beats, or the first few."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.int64]
"""(points, objectives), each to be small."""


class Front:
    """The points that no other beats: as good in every objective, and better in one.

    Of equal points the one with the lowest number stays (Pareto front; Kung, Luccio and
    Preparata, "On finding the maxima of a set of vectors", J. ACM 22(4), 1975). Exact. Two
    objectives take n log n steps, more of them n times the size of the front.
    """

    def __init__(self, objectives: int) -> None:
        self.points: Points = np.empty((0, objectives), np.int64)
        self.numbers: Points = np.empty(0, np.int64)

    def add(self, points: Points, numbers: Points) -> None:
        """Points and the number of each, which is above all that were added before."""
        new = ~_beaten(points, self.points)
        points = np.concatenate([self.points, points[new]])
        numbers = np.concatenate([self.numbers, numbers[new]])
        # By the first objective, then the second, ...: whatever beats a point is before it.
        order = np.lexsort((numbers, *points.T[::-1]))
        kept = order[_first_of(points[order])]
        self.points, self.numbers = points[kept], numbers[kept]


class Best:
    """The first `most` points in the order of the objectives, then of their numbers."""

    def __init__(self, objectives: int, most: int) -> None:
        self.points: Points = np.empty((0, objectives), np.int64)
        self.numbers: Points = np.empty(0, np.int64)
        self._most = most

    def add(self, points: Points, numbers: Points) -> None:
        """Points and the number of each."""
        if len(self.points) == self._most:
            hopeful = points[:, 0] <= self.points[-1, 0]
            points, numbers = points[hopeful], numbers[hopeful]
        points = np.concatenate([self.points, points])
        numbers = np.concatenate([self.numbers, numbers])
        kept = np.lexsort((numbers, *points.T[::-1]))[: self._most]
        self.points, self.numbers = points[kept], numbers[kept]


def _beaten(points: Points, front: Points) -> NDArray[np.bool_]:
    """Which points a front, sorted as `Front` sorts it, has equalled or beaten."""
    if not len(front):
        return np.zeros(len(points), bool)
    if points.shape[1] == 2:
        # Along the front the second objective falls: the last that is as good in the first one
        # is the best in the second.
        last = np.searchsorted(front[:, 0], points[:, 0], side="right") - 1
        beaten: NDArray[np.bool_] = (last >= 0) & (front[last, 1] <= points[:, 1])
        return beaten
    left = np.arange(len(points))
    for best in front:
        left = left[(points[left] < best).any(axis=1)]
    beaten = np.ones(len(points), np.bool_)
    beaten[left] = False
    return beaten


def _first_of(points: Points) -> Any:
    """Places of the sorted points that none before them equals or beats."""
    if points.shape[1] == 2:
        least = np.minimum.accumulate(points[:, 1])
        return np.flatnonzero(np.r_[True, points[1:, 1] < least[:-1]][: len(points)])
    left, kept = np.arange(len(points)), []
    while len(left):
        kept.append(left[0])
        left = left[(points[left] < points[left[0]]).any(axis=1)]
    return np.array(kept, np.intp)
