"""CHANGEPOINTS: where a value that is measured again and again changed its level.

Change points by PELT (Killick, Fearnhead and Eckley, "Optimal Detection of Changepoints With a
Linear Computational Cost", JASA 107, 2012) on the logarithms, as `ruptures` has it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import geometric_mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnbench.stats.estimate import Estimate, half_interval
from cnnbench.stats.ratios import DRIFT, LAYOUT

PENALTY = 3.3
"""What one shift more costs, times the logarithm of the number of values, and no less than that
of CALIBRATED; in squared standard deviations of a value. A smaller one calls more than 5 % of
histories without a change different; see reports/calibration."""

CALIBRATED = 50
"""The number of values for which the penalty was chosen."""

SHORTEST = 2
"""The fewest values on one level: one alone may be an outlier."""

OUTLIER = 4.0
"""By how many standard deviations a value must lie off its neighbours to be no evidence."""

LOCATED = 6.0
"""How much worse a fit may be, in squared standard deviations, with the shift at another place
that is as good as possible too. It was chosen so that the right place is among these in 95 of 100
slow-downs of 5 %."""

_NORMAL = 1.4826 / math.sqrt(2)
"""From the median distance of neighbours to the standard deviation of normal values."""


@dataclass(frozen=True, slots=True)
class Shift:
    """The level changed before value `at`, counted from 0; it may have been `earliest` to `latest`.

    `ratio` is the level after over the level before.
    """

    at: int
    earliest: int
    latest: int
    ratio: Estimate


def shifts(
    values: Sequence[float],
    errors: Sequence[float] = (),
    drift: float = DRIFT,
    layout: float = LAYOUT,
) -> tuple[Shift, ...]:
    """Where positive values changed their level, in order.

    A value far off both its neighbours is taken for an outlier, so that a shift is seen from its
    second value on. The standard deviation of a value is taken from the distances of neighbours,
    of which shifts are few; it is no less than the `errors` and the drift between runs
    explain. The interval of a ratio is Student's with the residuals of all levels, and room for
    what no value shows, the layout. It holds for the place that was found, so it is a
    little too far from 1. A shift whose interval contains 1 is none.

    Assumes independent values about levels that are constant in between. A slow drift becomes
    several shifts.

    Args:
        values: in the order of time.
        errors: the standard errors of their logarithms, of those that have one.
        drift: as `DRIFT`.
        layout: as `LAYOUT`.
    """
    if len(values) < 2 * SHORTEST:
        return ()
    from ruptures import KernelCPD  # here: nothing else needs it

    logs = np.log(values)
    spread = _spread(logs, errors, drift)
    logs = _without_outliers(logs, spread)
    # The linear kernel is the squared error, of which it has the fast implementation.
    search: Any = KernelCPD(kernel="linear", min_size=SHORTEST)
    penalty = PENALTY * math.log(max(len(logs), CALIBRATED))
    ends = search.fit(((logs - np.median(logs)) / spread)[:, None]).predict(pen=penalty)
    return tuple(_shifts(logs, spread, [0, *ends], layout))


def levels(values: Sequence[float], found: Sequence[Shift]) -> list[float]:
    """Of each value the geometric mean of those between the same two shifts, outliers included."""
    ends = [0, *(shift.at for shift in found), len(values)]
    parts = [values[start:stop] for start, stop in pairwise(ends)]
    return [geometric_mean(part) for part in parts for _ in part]


def _spread(logs: NDArray[np.float64], errors: Sequence[float], drift: float) -> float:
    """The standard deviation of a value on its level."""
    between = _NORMAL * float(np.median(np.abs(np.diff(logs))))
    within = float(np.median(np.square(errors))) if len(errors) else 0.0
    # A drift is of the difference of two.
    return max(between, math.sqrt(within + drift**2 / 2))


def _without_outliers(logs: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """Outliers replaced by the median of three; a step of two values passes it unchanged."""
    ends = [logs[2], *logs, logs[-3]]
    middle = np.median([ends[:-2], ends[1:-1], ends[2:]], axis=0)
    return np.where(np.abs(logs - middle) > OUTLIER * spread, middle, logs)


def _shifts(
    logs: NDArray[np.float64], spread: float, ends: Sequence[int], layout: float
) -> list[Shift]:
    parts = [logs[start:stop] for start, stop in pairwise(ends)]
    freedom = len(logs) - len(parts)
    squares = sum(float(np.square(part - part.mean()).sum()) for part in parts)
    spread = max(spread, math.sqrt(squares / freedom))
    found = []
    for (before, after), at in zip(pairwise(parts), ends[1:], strict=False):
        error = spread * math.sqrt(1 / len(before) + 1 / len(after))
        half = half_interval(error, freedom, layout)
        change = float(after.mean() - before.mean())
        if abs(change) > half:
            low, high = math.exp(change - half), math.exp(change + half)
            count = min(len(before), len(after))
            first, last = _places(np.concatenate([before, after]), len(before), spread)
            start = at - len(before)
            ratio = Estimate(math.exp(change), low, high, count)
            found.append(Shift(at, start + first, start + last, ratio))
    return found


def _places(logs: NDArray[np.float64], at: int, spread: float) -> tuple[int, int]:
    """The first and the last place of a shift that fits nearly as well as the best one."""
    count = len(logs)
    sums = np.cumsum(logs - logs.mean())[:-1]
    places = np.arange(1, count)
    gains = sums**2 * count / (places * (count - places)) / spread**2
    as_good = places[gains >= gains[at - 1] - LOCATED]
    return int(as_good[0]), int(as_good[-1])
