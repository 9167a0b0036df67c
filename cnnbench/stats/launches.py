"""LAUNCHES: how long a call takes, from launches of many calls each, and what speaks against it.

The signs that calls, or launches, are not about one value need two things: chance does not explain
them (at 1 %, because a report tests every case), and they are large enough to matter.

How often they are wrong, by simulation: on normal, log-normal, heavy-tailed (Student's with 2
degrees of freedom), uniform and exponential calls, on autocorrelated ones (0.8 and 0.95 from
call to call) and on levels that change every 20 calls, with 1 to 20 launches of 22 to 1000
calls, each doubt is raised in about 1 % of the cases, at most 3 %. `two_speeds` of a single
launch, which no other launch confirms, reaches 5 % at 22 calls.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from cnnbench.stats.curves import slope
from cnnbench.stats.estimate import FEW, Doubt, Estimate, geometric, student, variation

Launches = Mapping[int, Sequence[float]]
"""The calls of each launch, by its number."""

BEYOND = 5
"""A percentile is given only if this many steady calls of each launch lie beyond it."""


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


@dataclass(frozen=True, slots=True)
class Spread:
    """How much launches differ, and how much calls differ within a launch; both relative.

    `between` is the coefficient of variation of the launch medians. `within` is the median over
    launches of the interquartile range of the steady calls, divided by their median.
    """

    between: float | None
    within: float


def warmup(samples: Sequence[float]) -> int:
    """The number of leading calls that are warm-up; at least 1, at most half.

    MSER: cut where the standard error of the mean of what remains is smallest (White,
    "An effective truncation heuristic for bias reduction in simulation output",
    Simulation 69(6), 1997). It works on log durations, because a slow call is slow by a factor,
    and after a running median of three, because otherwise a single late spike would move the
    cut; the steps and slopes of a warm-up pass that median unchanged.
    """
    logs = np.log(np.maximum(samples, np.finfo(float).tiny))
    half = len(logs) // 2
    if half < 2:
        return 1
    before, here, after = logs[:-2], logs[1:-1], logs[2:]
    low, high = np.minimum(before, here), np.maximum(before, here)
    inner = np.maximum(low, np.minimum(high, after))  # their medians
    smooth = np.concatenate([logs[:1], inner, inner[-1:]])
    # Centred on the steady level, so that the sums of squares below lose no precision.
    smooth -= np.median(smooth[half:])
    remaining = np.arange(len(smooth), 0, -1)
    mean = np.cumsum(smooth[::-1])[::-1] / remaining
    variance = np.cumsum(smooth[::-1] ** 2)[::-1] / remaining - mean**2
    return max(1, int(np.argmin((variance / remaining)[: half + 1])))


def steady(samples: Sequence[float]) -> Sequence[float]:
    """The calls after the warm-up; none where there was a single call."""
    return samples[warmup(samples) :]


def medians(launches: Collection[Sequence[float]]) -> list[float]:
    """The median of the steady calls of each launch that has any."""
    return [median(calls) for launch in launches if (calls := steady(launch))]


def location(launches: Collection[Sequence[float]] | Launches) -> Estimate | None:
    """How long a call takes: the geometric mean of the launch medians.

    Processes differ far more than the calls within one explain (measured: medians of 100 calls
    differ by 5 to 20 %), so the launch is the unit of observation. Each is reduced to its median,
    and the interval is Student's on the logs of the medians, which already contains the error
    within launches. A percentile bootstrap over n launches cannot leave the range of the data,
    so it covers at most 1 - 2^(1-n): 75 % at three. The geometric mean is used rather than the
    median of medians because it is the centre of that interval, and because the ratio of two of
    them equals the mean paired ratio.

    Assumes launches that are independent and log-normal about one value. Evidence against that
    comes back as doubts, see below; the order of the launches is that of their numbers,
    or of the collection.
    """
    numbered = launches if isinstance(launches, Mapping) else dict(enumerate(launches))
    rest = {number: calls for number, launch in numbered.items() if (calls := steady(launch))}
    middles = [median(calls) for calls in rest.values()]
    doubts = {
        Doubt.ONLY_FIRST: len(rest) < len(numbered),
        Doubt.UNSETTLED: unsettled(rest.values()),
        Doubt.DRIFT: drift(list(rest), middles),
        Doubt.TWO_SPEEDS: two_speeds(rest.values()),
    }
    return geometric(middles, tuple(doubt for doubt, holds in doubts.items() if holds))


def percentile(launches: Collection[Sequence[float]], q: float) -> Estimate | None:
    """The time that q % of the steady calls of a launch do not exceed.

    The geometric mean of each launch's own percentile, with the interval of `location`. The
    percentile of all calls together would be that of the few slowest launches, which a
    hierarchical bootstrap covers 47 to 75 times in 100.

    None if the sample does not support it: fewer than 3 launches, or fewer than 5 calls beyond
    the percentile in any of them. That number is uncertain by twice its square root, so with 4
    the percentile may lie beyond the data. In simulations (3 to 20 launches of 40 to 200 calls,
    the 5th to the 95th percentile) it covers the truth 93 to 97 times in 100 if calls are
    independent, and 88 to 97 times if each resembles the one before (correlation 0.8).
    """
    steadies = [calls for launch in launches if (calls := steady(launch))]
    beyond = [len(calls) * min(q, 100 - q) / 100 for calls in steadies]
    if len(steadies) < FEW or min(beyond) < BEYOND:
        return None
    # Hyndman and Fan's choice ("Sample Quantiles in Statistical Packages", 1996).
    return geometric(
        [float(np.percentile(calls, q, method="median_unbiased")) for calls in steadies]
    )


def spread(launches: Collection[Sequence[float]]) -> Spread | None:
    """The spread between and within launches; None without a steady call."""
    steadies = [calls for launch in launches if (calls := steady(launch))]
    if not steadies:
        return None
    inner = [np.percentile(calls, (25, 50, 75)) for calls in steadies]
    return Spread(
        between=variation([median(calls) for calls in steadies]),
        within=median(float((high - low) / middle) for low, middle, high in inner),
    )


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


def drift(numbers: Sequence[int], middles: Sequence[float]) -> bool:
    """Launches became slower, or faster, in the order of their numbers.

    A t-test of the slope of the log medians. It assumes independent launches; where each launch
    resembled the one before (correlation 0.3 to 0.5), it was wrong in 1 of 200 samples of 5
    launches, and in 4 of 100 samples of 40.
    """
    if len(numbers) < ORDERED:
        return False
    change, error = slope(numbers, np.log(middles))
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
