"""LAUNCHES: how long a call takes, from launches of many calls each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from cnnbench.stats.estimate import FEW, Doubt, Estimate, geometric, variation
from cnnbench.stats.steadiness import unsteady

Launches = Mapping[int, Sequence[float]]
"""The calls of each launch, by its number."""

BEYOND = 5
"""A percentile is given only if this many steady calls of each launch lie beyond it."""


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
    comes back as doubts, see `steadiness`; the order of the launches is that of their numbers,
    or of the collection.
    """
    numbered = launches if isinstance(launches, Mapping) else dict(enumerate(launches))
    rest = {number: calls for number, launch in numbered.items() if (calls := steady(launch))}
    lost = (Doubt.ONLY_FIRST,) if len(rest) < len(numbered) else ()
    return geometric([median(calls) for calls in rest.values()], (*lost, *unsteady(rest)))


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
