"""Statistics of repeated timings: launches (processes) of many calls each.

Knows numbers only. Each function states what it assumes; what it doubts comes back with
the estimate, as values.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

import numpy as np
from scipy.special import stdtrit  # scipy.stats has the same quantile but takes 1 s to import

LEVEL = 0.95
"""Confidence level of every interval."""

FEW = 3
NOISY = 0.10


class Doubt(StrEnum):
    """Why an estimate deserves less trust than its digits suggest."""

    SINGLE = "one launch only, so there is no interval"
    FEW = f"fewer than {FEW} launches, so the interval is wide"
    SPREAD = f"launches differ by more than {100 * NOISY:.0f} % (coefficient of variation)"
    UNPAIRED = "launches without a partner in the same round were left out"
    ONLY_FIRST = "launches with a single call were left out, for that call initialises"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; no interval from a single observation."""

    value: float
    low: float | None
    high: float | None
    n: int
    doubts: tuple[Doubt, ...] = ()

    @property
    def decided(self) -> bool:
        """As a ratio: the interval lies on one side of 1."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high


@dataclass(frozen=True, slots=True)
class Spread:
    """How far launches lie apart, and calls within a launch; both relative.

    `between` is the coefficient of variation of the launch medians, `within` the median
    over launches of the interquartile range of the steady calls over their median.
    """

    between: float | None
    within: float


@dataclass(frozen=True, slots=True)
class Crossing:
    """Two series swap order after x = `below` and no later than x = `above`.

    `at` lies between, by interpolation; `a_first` says that a was the smaller one before.
    """

    at: float
    below: float
    above: float
    a_first: bool


def warmup(samples: Sequence[float]) -> int:
    """The number of leading calls that are warm-up; at least 1, at most half.

    MSER: cut where the standard error of the mean of what remains is least (White,
    "An effective truncation heuristic for bias reduction in simulation output",
    Simulation 69(6), 1997). On log durations, because a slow call is slow by a factor;
    after a running median of three, because a single late spike would otherwise move
    the cut, while steps and slopes, which are what warm-up looks like, pass unchanged.
    """
    logs = np.log(np.maximum(samples, np.finfo(float).tiny))
    half = len(logs) // 2
    if half < 2:
        return 1
    inner = np.median([logs[:-2], logs[1:-1], logs[2:]], axis=0)
    smooth = np.concatenate([logs[:1], inner, inner[-1:]])
    # Centred on the steady level, so that the sums of squares below lose no digits.
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


def location(launches: Collection[Sequence[float]]) -> Estimate | None:
    """How long a call takes: the geometric mean of the launch medians.

    Processes differ far more than the calls within one do (5 to 6 % against far less, as
    measured), so the launch is the unit of observation: each is reduced to its median,
    and the interval is Student's on the logs of these, which already contains the error
    within launches. A percentile bootstrap over n launches cannot leave the range of the
    data, and so covers at most 1 - 2^(1-n): 75 % at three. The geometric mean, not the
    median of medians, because it is the centre of that interval, and because ratios of
    two then equal the mean paired ratio.

    Assumes launches that are independent and log-normal about one value.
    """
    values = medians(launches)
    lost = (Doubt.ONLY_FIRST,) if len(values) < len(launches) else ()
    return _geometric(values, lost)


def ratio(
    base: Mapping[int, Sequence[float]], new: Mapping[int, Sequence[float]]
) -> Estimate | None:
    """How many times as long `new` takes as `base`: the geometric mean of paired ratios.

    Launches of one number ran in the same round, so that whatever slowed the machine in
    that round cancels; Student's interval on the logs of the ratios.
    """
    rounds = {
        number: (median(b), median(n))
        for number in sorted(base.keys() & new.keys())
        if (b := steady(base[number])) and (n := steady(new[number]))
    }
    lost = (Doubt.UNPAIRED,) if len(rounds) < len(base.keys() | new.keys()) else ()
    return _geometric([n / b for b, n in rounds.values()], lost)


def exponent(x: Sequence[float], y: Sequence[float]) -> Estimate | None:
    """The power of x that y grows with: the least-squares slope of log y on log x.

    An x may come several times, once per launch. The interval is Student's on the
    residuals, with n - 2 degrees of freedom; fewer than three points leave none. None
    from fewer than two different x.

    Assumes one power over the whole range. Two different x cannot show a bend: their
    interval holds what varies between launches, and says nothing of the sizes between.
    """
    if len(set(x)) < 2:
        return None
    log_x, log_y = np.log(x), np.log(y)
    centred = log_x - log_x.mean()
    slope = float(centred @ log_y / (centred @ centred))
    if len(x) < 3:
        return Estimate(slope, None, None, len(x))
    residuals = log_y - log_y.mean() - slope * centred
    freedom = len(x) - 2
    error = math.sqrt(float(residuals @ residuals) / freedom / float(centred @ centred))
    half = error * _student(freedom)
    return Estimate(slope, slope - half, slope + half, len(x))


def spread(launches: Collection[Sequence[float]]) -> Spread | None:
    """The spread between and within launches; None without a steady call."""
    steadies = [calls for launch in launches if (calls := steady(launch))]
    if not steadies:
        return None
    inner = [np.percentile(calls, (25, 50, 75)) for calls in steadies]
    return Spread(
        between=_variation([median(calls) for calls in steadies]),
        within=median(float((high - low) / middle) for low, middle, high in inner),
    )


def crossings(x: Sequence[float], a: Sequence[float], b: Sequence[float]) -> list[Crossing]:
    """Where a and b swap order along ascending x; ties belong to neither side.

    Between two points the logarithm of a / b is taken as linear in log x. On consecutive
    integers `above` is the first at which the order has flipped, exactly.
    """
    found: list[Crossing] = []
    last: tuple[float, float, float] | None = None
    for point in zip(x, a, b, strict=True):
        if point[1] == point[2]:
            continue
        if last and (last[1] < last[2]) != (point[1] < point[2]):
            found.append(_between(last, point))
        last = point
    return found


def _between(left: tuple[float, float, float], right: tuple[float, float, float]) -> Crossing:
    before, after = (math.log(p[1] / p[2]) for p in (left, right))
    start, end = math.log(left[0]), math.log(right[0])
    at = math.exp(start + (end - start) * before / (before - after))
    return Crossing(at, left[0], right[0], a_first=left[1] < left[2])


def _geometric(values: Sequence[float], doubts: tuple[Doubt, ...]) -> Estimate | None:
    """The geometric mean with Student's interval on the logs."""
    count = len(values)
    if not count:
        return None
    logs = np.log(values)
    centre = float(logs.mean())
    if count == 1:
        return Estimate(math.exp(centre), None, None, 1, (Doubt.SINGLE, *doubts))
    half = float(logs.std(ddof=1)) / math.sqrt(count) * _student(count - 1)
    noisy = (_variation(values) or 0) > NOISY
    doubts = (
        *((Doubt.FEW,) if count < FEW else ()),
        *((Doubt.SPREAD,) if noisy else ()),
        *doubts,
    )
    return Estimate(
        math.exp(centre), math.exp(centre - half), math.exp(centre + half), count, doubts
    )


def _variation(values: Sequence[float]) -> float | None:
    """The coefficient of variation; None of a single value."""
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1) / np.mean(values))


def _student(freedom: int) -> float:
    return float(stdtrit(freedom, (1 + LEVEL) / 2))
