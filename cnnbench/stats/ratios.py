"""RATIOS: how many times as long one thing takes as another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from cnnbench.stats.estimate import Doubt, Estimate, geometric, half_interval, scatter
from cnnbench.stats.launches import medians, steady

DRIFT = 0.015
"""How far the paces of one and the same thing lie apart in two runs, as a standard deviation of
their logarithms, beyond what the launches of either run show: a machine is not the same half an
hour later. Without it 14 % of equals were called different, at 16 launches of each, on the
recording on which its size was chosen."""

LAYOUT = 0.005
"""The same of two things side by side in one run, or in runs that take turns: where a build, an
import order or an environment puts code and data moves a time and no launch shows it (Mytkowicz
et al., "Producing Wrong Data Without Doing Anything Obviously Wrong!", ASPLOS 2009). Its size
was chosen on the same recording, where without it up to 8 % of equals were called different. A
difference of less than 1 % is never decided."""

Bursts = Sequence[Sequence[float]]
"""The calls of one launch, in the stretches in which it was its turn."""


def ratio(
    base: Mapping[int, Sequence[float]], new: Mapping[int, Sequence[float]], beyond: float = 0.0
) -> Estimate | None:
    """How many times as long `new` takes as `base`: the geometric mean of paired ratios.

    Launches of one number ran in the same round, so that whatever slowed the machine for
    all of it cancels; what changes faster does not, see `duet`. Student's interval on the
    logs of the ratios; `beyond` as of `half_interval`.
    """
    rounds = {
        number: (median(b), median(n))
        for number in sorted(base.keys() & new.keys())
        if (b := steady(base[number])) and (n := steady(new[number]))
    }
    lost = (Doubt.UNPAIRED,) if len(rounds) < len(base.keys() | new.keys()) else ()
    return geometric([n / b for b, n in rounds.values()], lost, beyond)


def separate(base: Sequence[float], new: Sequence[float], beyond: float = 0.0) -> Estimate | None:
    """The ratio new / base of the geometric means of positive values, one value a launch.

    The interval is of two means with two variances, on logs, with the degrees of freedom of
    the smaller side. Welch's and Satterthwaite's are nearly twice as many, but they take
    launches for independent, and launches of one run meet one mood of the machine: with
    theirs 6 to 8 % of equals were called different. `beyond` as of `half_interval`. `n` is the
    smaller of the two counts; a single value on either side leaves no interval.
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


def unpaired(
    base: Mapping[int, Sequence[float]], new: Mapping[int, Sequence[float]]
) -> Estimate | None:
    """How many times as long `new` takes as `base`, measured in another run.

    Nothing pairs the launches, so it is `separate` of their medians. The interval holds
    the spread within each run; what changed in the machine between them is part of the
    ratio and not of the interval, and a doubt says so.
    """
    found = separate(medians(base.values()), medians(new.values()))
    return replace(found, doubts=(*found.doubts, Doubt.SEPARATE)) if found else None


def duet(
    base: Mapping[int, Bursts], new: Mapping[int, Bursts], beyond: float = 0.0
) -> Estimate | None:
    """How many times as long `new` takes as `base`, where the two processes took turns.

    Burst i of one ran right beside burst i of the other, so that both met the machine in
    the same mood; after Bulej et al., "Duet Benchmarking", ICPE 2020, who run the two at
    once. A launch gives the median over its bursts of the ratio of the two bursts' medians,
    and the interval is Student's over launches, on logs; `beyond` as of `half_interval`.

    No warm-up is cut: the median does not see a few first bursts, and a cut that is looked
    for in calls whose level wanders made the ratios of launches spread by a tenth more.
    """
    rounds = {
        number: value
        for number in sorted(base.keys() & new.keys())
        if (value := _duet(base[number], new[number]))
    }
    lost = (Doubt.UNPAIRED,) if len(rounds) < len(base.keys() | new.keys()) else ()
    return geometric(list(rounds.values()), lost, beyond)


def relative(bursts: Bursts, reference: Sequence[float]) -> float | None:
    """How many times as long a launch's calls take as the reference beside which they ran.

    The median over bursts, on logs, of the burst's median over the reference's time of
    that burst; None without bursts.
    """
    return _beside(reference, list(map(median, bursts)))


def _duet(base: Bursts, new: Bursts) -> float | None:
    """The ratio of one launch; None without bursts."""
    return _beside(list(map(median, base)), list(map(median, new)))


def _beside(base: Sequence[float], new: Sequence[float]) -> float | None:
    """The median of the ratios, on logs; the last turn of one may have no partner."""
    logs = [math.log(n / b) for b, n in zip(base, new, strict=False)]
    return math.exp(median(logs)) if logs else None
