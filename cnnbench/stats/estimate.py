"""ESTIMATE: a value with its interval, and what makes it doubtful."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

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
    SEPARATE = "two separate runs: what changed in the machine between them is in the ratio"
    ONLY_FIRST = "launches with a single call were left out, for that call initialises"
    UNSETTLED = "calls still became faster or slower after the warm-up"
    DRIFT = "launches became slower or faster in the order in which they ran"
    TWO_SPEEDS = "calls fall into two groups, so the median is of one of them"


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


class RatioVerdict(StrEnum):
    """What a ratio new / base of durations says."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    UNCLEAR = "unclear"


def verdict(estimate: Estimate, margin: float = 0.05) -> RatioVerdict:
    """Faster or slower if the interval excludes 1; otherwise the same, or unclear.

    "Same" needs evidence too: the whole interval within a factor of 1 + `margin` of 1 (the
    two one-sided tests of Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15, 1987,
    here each at 2.5 %). A wide interval around 1 does not prove equality, and without an
    interval the verdict is unclear.
    """
    if estimate.low is None or estimate.high is None:
        return RatioVerdict.UNCLEAR
    if estimate.decided:
        return RatioVerdict.FASTER if estimate.high < 1 else RatioVerdict.SLOWER
    within = 1 / (1 + margin) <= estimate.low and estimate.high <= 1 + margin
    return RatioVerdict.SAME if within else RatioVerdict.UNCLEAR


def geometric(
    values: Sequence[float], doubts: tuple[Doubt, ...] = (), beyond: float = 0.0
) -> Estimate | None:
    """The geometric mean with Student's interval on the logs.

    `beyond` is an error in addition to what the values show; see `half_interval`.
    """
    count = len(values)
    if not count:
        return None
    logs = np.log(values)
    centre = float(logs.mean())
    if count == 1:
        return Estimate(math.exp(centre), None, None, 1, (Doubt.SINGLE, *doubts))
    half = half_interval(float(logs.std(ddof=1)) / math.sqrt(count), count - 1, beyond)
    low, high = math.exp(centre - half), math.exp(centre + half)
    return Estimate(math.exp(centre), low, high, count, (*scatter(values), *doubts))


def inverse(estimate: Estimate) -> Estimate:
    """One divided by a positive estimate: a rate of a time, or a ratio the other way round."""
    low, high = (None if end is None else 1 / end for end in (estimate.high, estimate.low))
    return Estimate(1 / estimate.value, low, high, estimate.n, estimate.doubts)


def together(ratios: Sequence[Estimate]) -> Estimate | None:
    """The geometric mean of the ratios that have an interval, as those of the cases of a suite.

    Its ends are the geometric means of their ends. That is the interval if all are wrong together,
    as after a change of the machine, and wider than it had to be if they are wrong by chance; how
    they depend on each other is not known. It is about these cases, not about others like them.
    None for fewer than two; a ratio to or of nothing has no part in it.
    """
    ends = [(e.value, e.low, e.high) for e in ratios if e.low and e.high and e.high < math.inf]
    if len(ends) < 2:
        return None
    value, low, high = np.exp(np.log(ends).mean(axis=0)).tolist()
    return Estimate(value, low, high, len(ends))


def half_interval(error: float, freedom: int, beyond: float = 0.0) -> float:
    """Half of the 95 % interval of a mean.

    `error` is its estimated standard error, with `freedom` degrees of freedom for Student's
    quantile; `beyond` another, known standard error, which more values do not reduce.
    """
    return math.hypot(student(freedom) * error, student(math.inf) * beyond)


def scatter(*sides: Sequence[float]) -> tuple[Doubt, ...]:
    """Doubts because of too few launches, or of their spread, on one side or on several."""
    few = min(map(len, sides)) < FEW
    noisy = any((variation(values) or 0) > NOISY for values in sides)
    return (*((Doubt.FEW,) if few else ()), *((Doubt.SPREAD,) if noisy else ()))


def variation(values: Sequence[float]) -> float | None:
    """The coefficient of variation; None of a single value."""
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1) / np.mean(values))


def student(freedom: float, level: float = LEVEL) -> float:
    """Student's quantile for a two-sided interval."""
    return float(stdtrit(freedom, (1 + level) / 2))
