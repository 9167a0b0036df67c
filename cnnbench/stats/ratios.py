"""RATIOS: how many times as long one thing takes as another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

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
    gives `relative` of its bursts, and the interval is Student's over launches, on logs; `beyond`
    as in `half_interval`.
    """
    return _paired(base, new, relative, beyond)


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


def relative(base: Bursts, new: Bursts) -> float | None:
    """How many times as long one launch's calls take as those of another, which it took turns with.

    The median over bursts, on logs, of the ratio of the two bursts' medians; None without bursts.
    No warm-up is cut: the median ignores a few first bursts, and cutting a warm-up from calls
    whose level wanders made the ratios of launches spread by a tenth more.
    """
    logs = _turns([new, base])
    return math.exp(np.median(logs[0] - logs[1])) if logs.size else None


@dataclass(frozen=True, slots=True)
class Pace:
    """How many times as long as references a launch's calls took, which took turns with them.

    `value` is relative to the geometric mean of the references. `controls` say how fast the
    machine was, as the references saw it: by how much each but the first was slower than the
    first, then how slow all were, in logarithms of nanoseconds. Networks do not all suffer alike
    where a machine slows down, so launches that differ in these differ in the value too.
    """

    value: float
    controls: tuple[float, ...]


def pace(bursts: Bursts, references: Sequence[Sequence[float]]) -> Pace | None:
    """The pace of a launch beside references, by the time of each in each turn; None without one.

    Args:
        bursts: of the calls of the launch, in seconds or nanoseconds.
        references: of each its time in each burst.
    """
    if not references:
        return None
    calls, *others = _turns([bursts, *([[time] for time in times] for times in references)])
    if not calls.size:
        return None
    beside = np.mean(others, axis=0)
    controls = [*(other - others[0] for other in others[1:]), beside]
    return Pace(
        math.exp(np.median(calls - beside)),
        tuple(float(np.median(control)) for control in controls),
    )


def _turns(sides: Sequence[Bursts]) -> NDArray[np.float64]:
    """The logarithm of the median of each burst; a row a side.

    The last burst of one side may have no partner.
    """
    count = min(map(len, sides))
    return np.log([[median(burst) for burst in side[:count]] for side in sides])


def separate(base: Sequence[float], new: Sequence[float], beyond: float = 0.0) -> Estimate | None:
    """The ratio new / base of the geometric means of positive values, one value a launch.

    The interval is that of two means with two variances, on logs, with the degrees of freedom of
    the smaller side. Welch's and Satterthwaite's are nearly twice as many, but they assume
    independent launches, and launches of one run share the machine's state: with theirs 6 to 8 %
    of equal pairs were called different. `beyond` as in `half_interval`. `n` is the smaller of
    the two counts; a single value on either side leaves no interval.
    """
    before, after = ([Pace(value, ()) for value in side] for side in (base, new))
    return separate_paces(before, after, beyond)


def separate_paces(
    base: Sequence[Pace], new: Sequence[Pace], beyond: float = 0.0
) -> Estimate | None:
    """The same of paces, with what their controls explain taken out.

    That is an analysis of covariance with common slopes (Fisher, "Statistical Methods for Research
    Workers", 4th edition, 1932, section 49.1), as control variates are used in simulation
    (Lavenberg and Welch, Management Science 27, 1981). Each slope costs a degree of freedom, so
    there are as many as leave `FREE` of them.
    """
    count = min(len(base), len(new))
    if not count:
        return None
    slopes = _Slopes(base, new, count)
    value = float(np.diff([side.mean() for side in slopes.values])[0])
    if count == 1:
        return Estimate(math.exp(value), None, None, 1, (Doubt.SINGLE,))
    return slopes.estimate(value, slopes.values, beyond)


def paces_in_turn(
    base: Sequence[Pace], new: Sequence[Pace], beyond: float = 0.0
) -> Estimate | None:
    """The ratio new / base of paces that are pairs, with what their controls explain taken out.

    Value i of one side was measured near value i of the other. The interval is Student's of the
    differences of logs; slopes as in `separate_paces`.
    """
    count = len(base)
    if count < 2:
        return geometric([b.value / a.value for a, b in zip(base, new, strict=True)])
    slopes = _Slopes(base, new, count)
    before, after = slopes.values
    differences = after - before
    return slopes.estimate(float(differences.mean()), [differences], beyond)


FREE = 5
"""The degrees of freedom that slopes must leave: with fewer, what they cost is more than what they
explain, at 5 launches of an earlier recording of reports/calibration."""


class _Slopes:
    """The logarithms of paces of two sides, without what the same slopes on controls explain.

    Slopes are those of least squares about the mean of each side.
    """

    def __init__(self, base: Sequence[Pace], new: Sequence[Pace], count: int) -> None:
        sides = (base, new)
        known = min(len(pace.controls) for pace in (*base, *new))
        number = min(known, max(0, count - 1 - FREE))
        self._count, self._freedom = count, count - 1 - number
        logs = [np.log([pace.value for pace in side]) for side in sides]
        controls = [
            np.array([pace.controls[:number] for pace in side]).reshape(len(side), number)
            for side in sides
        ]
        about = np.concatenate([x - x.mean(axis=0) for x in controls])
        inverse = np.linalg.pinv(about.T @ about)
        slopes = inverse @ about.T @ np.concatenate([y - y.mean() for y in logs])
        self.values = [y - x @ slopes for x, y in zip(controls, logs, strict=True)]
        # The slopes are uncertain: that counts as far as the sides differ in their controls.
        apart = controls[1].mean(axis=0) - controls[0].mean(axis=0)
        left = [float(np.square(y - y.mean()).sum()) for y in self.values]
        launches = len(base) + len(new) - 2
        self._scale = launches / max(launches - number, 1)
        self._uncertain = float(apart @ inverse @ apart) * sum(left) / max(launches - number, 1)

    def estimate(
        self, value: float, groups: Sequence[NDArray[np.float64]], beyond: float
    ) -> Estimate:
        """The ratio, by its logarithm and the groups of logarithms of whose means it is made."""
        squares = sum(float(group.var(ddof=1)) / len(group) for group in groups)
        error = math.sqrt(self._scale * squares + self._uncertain)
        half = half_interval(error, self._freedom, beyond)
        low, high = math.exp(value - half), math.exp(value + half)
        doubts = scatter(*(np.exp(group).tolist() for group in groups))
        return Estimate(math.exp(value), low, high, self._count, doubts)


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
