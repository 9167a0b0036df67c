"""STEADINESS: signs that calls, or launches, are not about one value.

Each sign needs two things: chance does not explain it (at 1 %, because a report tests every
case), and it is large enough to matter.

How often they are wrong, by simulation: on normal, log-normal, heavy-tailed (Student's with 2
degrees of freedom), uniform and exponential calls, on autocorrelated ones (0.8 and 0.95 from
call to call) and on levels that change every 20 calls, with 1 to 20 launches of 22 to 1000
calls, each doubt is raised in about 1 % of the cases, at most 3 %. `two_speeds` of a single
launch, which no other launch confirms, reaches 5 % at 22 calls.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from cnnbench.stats.curves import slope
from cnnbench.stats.estimate import Doubt, student

SURE = 0.99
"""Confidence level of the tests."""

SETTLED = 0.02
STAYS = 0.05
"""The largest changes that do not matter: within a launch, and from first to last launch."""

ORDERED = 5
"""The fewest launches that can show an order."""

EXPLAINED = 0.85
SMALLEST = 0.15
GAP = 0.10
CALLS = 20
"""Two groups of calls: the least share of the variance that lies between them, the least share of
the calls in the smaller, the least distance of their means, and the fewest calls that show them."""


def unsteady(launches: Mapping[int, Sequence[float]]) -> tuple[Doubt, ...]:
    """Evidence against one steady level, in launches by number and without their warm-up."""
    middles = [float(np.median(calls)) for calls in launches.values()]
    doubts = {
        Doubt.UNSETTLED: unsettled(launches.values()),
        Doubt.DRIFT: drift(list(launches), middles),
        Doubt.TWO_SPEEDS: two_speeds(launches.values()),
    }
    return tuple(doubt for doubt, holds in doubts.items() if holds)


def unsettled(launches: Collection[Sequence[float]]) -> bool:
    """Later calls are faster, or slower, than earlier ones, in launch after launch.

    A t-test over launches of the log ratio of the medians of the two halves. A level that wanders
    does not count: it does so in both directions, and the launches disagree. In 1010 launches of
    0.15 s, whose calls indeed still became 2 to 7 % faster, it was seen in 3 of 100 samples of 5
    launches and in 32 of 100 samples of 20.
    """
    logs = [
        math.log(np.median(calls[-half:]) / np.median(calls[:half]))
        for calls in launches
        if (half := len(calls) // 2)
    ]
    if len(logs) < 2:
        return False
    error = float(np.std(logs, ddof=1)) / math.sqrt(len(logs))
    return _beyond(float(np.mean(logs)), error, len(logs) - 1, SETTLED)


def drift(numbers: Sequence[int], medians: Sequence[float]) -> bool:
    """Launches became slower, or faster, in the order of their numbers.

    A t-test of the slope of the log medians. It assumes independent launches; where each launch
    resembled the one before (correlation 0.3 to 0.5), it was wrong in 1 of 200 samples of 5
    launches, and in 4 of 100 samples of 40.
    """
    if len(numbers) < ORDERED:
        return False
    change, error = slope(numbers, np.log(medians))
    reach = max(numbers) - min(numbers)
    return _beyond(change * reach, error * reach, len(numbers) - 2, STAYS)


def two_speeds(launches: Collection[Sequence[float]]) -> bool:
    """In most launches, the calls fall into two groups with a gap between them.

    Otsu's split of the logs (IEEE Trans. Systems, Man and Cybernetics 9(1), 1979) leaves the
    least variance within the groups. For a normal variable, 2 / pi = 64 % of the variance lies
    between them, for a uniform one 75 %; 85 % needs groups about 5 of their own standard
    deviations apart. Two groups 20 % apart with 2 % of noise are always found from 60 calls on;
    rarer modes and more noise are not.
    """
    long = [calls for calls in launches if len(calls) >= CALLS]
    return 2 * sum(map(_splits, long)) > len(launches)


def _splits(calls: Sequence[float]) -> bool:
    """Whether Otsu's split of one launch leaves two groups."""
    logs = np.sort(np.log(calls))
    logs -= logs.mean()
    count = len(logs)
    left = np.arange(1, count)
    sums = np.cumsum(logs)[:-1]
    # The means are sums / left and -sums / (count - left), because the logs are centred.
    between = sums**2 / (left * (count - left))
    best = int(np.argmax(between))
    share = left[best] / count
    gap = -sums[best] * count / (left[best] * (count - left[best]))
    return bool(
        between[best] >= EXPLAINED * logs.var()
        and SMALLEST <= share <= 1 - SMALLEST
        and gap > math.log(1 + GAP)
    )


def _beyond(change: float, error: float, freedom: int, least: float) -> bool:
    """A change of a logarithm is larger than `least`, and larger than chance explains."""
    return abs(change) > max(math.log(1 + least), error * student(freedom, SURE))
