"""RATIOS: how many times as long one thing takes as another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import TypeVar

import numpy as np

from cnnbench.stats.estimate import Doubt, Estimate, geometric, half_interval, scatter
from cnnbench.stats.launches import Launches, medians, steady

T = TypeVar("T")

DRIFT = 0.015
"""How much two runs of the same thing differ beyond what the launches of either run show, as a
standard deviation of the logarithms: a machine is not the same half an hour later. Without it
14 % of equal pairs were called different, at 16 launches of each, on the recording from which
its size was chosen."""

LAYOUT = 0.005
"""The same for two things side by side in one run, or in runs that take turns: where a build, an
import order or an environment puts code and data changes a time, and no launch shows it (Mytkowicz
et al., "Producing Wrong Data Without Doing Anything Obviously Wrong!", ASPLOS 2009). Its size was
chosen from the same recording, where without it up to 8 % of equal pairs were called different.
With it, a difference of less than 1 % is never decided."""

Bursts = Sequence[Sequence[float]]
"""The calls of one launch, burst by burst: the stretches in which it was its turn."""


def ratio(base: Launches, new: Launches, beyond: float = 0.0) -> Estimate | None:
    """How many times as long `new` takes as `base`: the geometric mean of paired ratios.

    Launches of the same number ran in the same round, so what slows the machine for a whole round
    cancels; what changes faster does not, see `duet`. The interval is Student's on the logs of
    the ratios; `beyond` as in `half_interval`.
    """
    return _paired(base, new, _of_medians, beyond)


def duet(
    base: Mapping[int, Bursts], new: Mapping[int, Bursts], beyond: float = 0.0
) -> Estimate | None:
    """How many times as long `new` takes as `base`, where the two processes took turns.

    Burst i of one ran right beside burst i of the other, so both met the machine in the same
    state; after Bulej et al., "Duet Benchmarking", ICPE 2020, who run the two at once. A launch
    gives the median over its bursts of the ratio of the two bursts' medians, and the interval is
    Student's over launches, on logs; `beyond` as in `half_interval`.

    No warm-up is cut: the median ignores a few first bursts, and cutting a warm-up from calls
    whose level wanders made the ratios of launches spread by a tenth more.
    """
    return _paired(base, new, lambda b, n: relative(n, list(map(median, b))), beyond)


def _paired(
    base: Mapping[int, T],
    new: Mapping[int, T],
    ratio_of: Callable[[T, T], float | None],
    beyond: float,
) -> Estimate | None:
    """The geometric mean of the ratios of the launches with the same number."""
    numbers = sorted(base.keys() & new.keys())
    ratios = [value for i in numbers if (value := ratio_of(base[i], new[i]))]
    lost = (Doubt.UNPAIRED,) if len(ratios) < len(base.keys() | new.keys()) else ()
    return geometric(ratios, lost, beyond)


def _of_medians(base: Sequence[float], new: Sequence[float]) -> float | None:
    """The ratio of the medians of the steady calls; None if a launch has no such calls."""
    before, after = steady(base), steady(new)
    return median(after) / median(before) if before and after else None


def relative(bursts: Bursts, reference: Sequence[float]) -> float | None:
    """How many times as long a launch's calls take as the reference beside which they ran.

    The median over bursts, on logs, of the burst's median over the time of the reference in that
    burst; None without bursts.
    """
    # The last burst of one side may have no partner.
    pairs = zip(bursts, reference, strict=False)
    logs = [math.log(median(burst) / beside) for burst, beside in pairs]
    return math.exp(median(logs)) if logs else None


def separate(base: Sequence[float], new: Sequence[float], beyond: float = 0.0) -> Estimate | None:
    """The ratio new / base of the geometric means of positive values, one value a launch.

    The interval is that of two means with two variances, on logs, with the degrees of freedom of
    the smaller side. Welch's and Satterthwaite's are nearly twice as many, but they assume
    independent launches, and launches of one run share the machine's state: with theirs 6 to 8 %
    of equal pairs were called different. `beyond` as in `half_interval`. `n` is the smaller of
    the two counts; a single value on either side leaves no interval.
    """
    count = min(len(base), len(new))
    if not count:
        return None
    sides = [np.log(base), np.log(new)]
    value = float(sides[1].mean() - sides[0].mean())
    if count == 1:
        return Estimate(math.exp(value), None, None, 1, (Doubt.SINGLE,))
    error = math.sqrt(sum(float(side.var(ddof=1)) / len(side) for side in sides))
    half = half_interval(error, count - 1, beyond)
    low, high = math.exp(value - half), math.exp(value + half)
    return Estimate(math.exp(value), low, high, count, scatter(base, new))


def excess(groups: Sequence[Sequence[float]]) -> float:
    """How far the means of groups differ beyond what the values in each explain.

    The standard deviation between groups, from the mean squares of a one-way analysis of variance
    with random effects (Searle, Casella and McCulloch, "Variance Components", 1992, section 3.6);
    zero where chance explains all. Of at least two groups of at least two values.
    """
    within = [float(np.var(group, ddof=1)) / len(group) for group in groups]
    between = float(np.var([np.mean(group) for group in groups], ddof=1))
    return math.sqrt(max(0.0, between - float(np.mean(within))))


def unpaired(base: Launches, new: Launches) -> Estimate | None:
    """How many times as long `new` takes as `base`, measured in another run.

    Nothing pairs the launches, so it is `separate` of their medians. The interval contains the
    spread within each run; what changed in the machine between the runs is part of the ratio and
    not of the interval, and a doubt says so.
    """
    estimate = separate(medians(base.values()), medians(new.values()))
    return estimate and replace(estimate, doubts=(*estimate.doubts, Doubt.SEPARATE))
