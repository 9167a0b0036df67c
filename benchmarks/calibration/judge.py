"""JUDGE: what each method says of pairs between which there is no difference, and of slower ones.

A slow-down is injected by multiplying every time of one side, which multiplies the ratio and
both ends of its interval, or a mean, by as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import fmean, median

import numpy as np
from pytest_benchmark.utils import PercentageRegressionCheck
from scipy.stats import binomtest

from benchmarks.calibration import resampling
from cnnbench import stats
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.runs import result
from cnnbench.runs.result import Result
from cnnbench.runs.store import Measurement
from cnnbench.stats import Estimate

SLOWER = (0.02, 0.05, 0.10, 0.20)
GATE = 5
"""Percent; what pytest-benchmark's gate is most often set to."""

Side = Sequence[Measurement]
"""The launches of one side of a comparison."""


@dataclass(frozen=True)
class Rate:
    """How often something happened, of how many times."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.count / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, Clopper and Pearson's."""
        found = binomtest(self.count, self.of).proportion_ci()
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:.0%} of {self.of} [{100 * low:.0f}, {100 * high:.0f}]"


@dataclass(frozen=True)
class Judged:
    """One method on the same pairs: false alarms, what it found, how wide its intervals are.

    `slower` counts the equals that it called slower, `different` slower or faster.
    """

    method: str
    launches: int
    different: Rate
    slower: Rate
    found: tuple[Rate, ...]
    half_width: float | None

    @property
    def alarms(self) -> str:
        """Whether the promise of few false alarms is kept."""
        return "kept" if self.different.share <= 0.05 else "missed"


# Pairs


def in_one_run(recording: Sequence[Measurement], launches: int) -> Iterator[tuple[Side, Side]]:
    """Both sides of every pair, over so many rounds; several times if there are rounds for it."""
    by_side: dict[tuple[str, str, str], list[Measurement]] = {}
    for m in recording:
        side, number = m.case.label.split()
        by_side.setdefault((m.case.id, number, side), []).append(m)
    for (case, number, side), found in by_side.items():
        if side == "base":
            other = by_side[case, number, "new"]
            both = [
                sorted((m for m in launched if m.ok), key=lambda m: m.launch)
                for launched in (found, other)
            ]
            for first in range(0, min(map(len, both)) - launches + 1, launches):
                yield tuple(launched[first : first + launches] for launched in both)


def in_two_runs(recording: Sequence[Measurement], launches: int) -> Iterator[tuple[Side, Side]]:
    """Launches of the first half of the recording against as many of the second.

    As in two runs, each spread over its run; a launch counts in one comparison only.
    """
    middle = median(m.started for m in recording)
    groups: dict[tuple[str, str, bool], list[Measurement]] = {}
    for m in sorted(recording, key=lambda m: m.started):
        if m.ok:
            side, _ = m.case.label.split()
            groups.setdefault((m.case.id, side, m.started < middle), []).append(m)
    for case in dict.fromkeys(m.case.id for m in recording):
        for early, late in (("base", "new"), ("new", "base")):
            halves = [groups.get(key, []) for key in ((case, early, True), (case, late, False))]
            count = min(map(len, halves)) // launches
            for start in range(count):
                yield tuple(half[start::count][:launches] for half in halves)


def in_turn(recording: Sequence[Measurement], launches: int) -> Iterator[tuple[Side, Side]]:
    """A launch of each round of the recording against one of another pair in the same round.

    As in runs of two versions that take turns, one launch each. Where that needs more rounds
    than there are, several pairs give a launch each to a round, which counts as so many.
    """
    rounds = 1 + max(m.launch for m in recording)
    pairs = -(-launches // rounds)
    bases: dict[str, list[Side]] = {}
    news: dict[str, list[Side]] = {}
    for base, new in in_one_run(recording, launches // pairs):
        bases.setdefault(base[0].case.id, []).append(base)
        news.setdefault(new[0].case.id, []).append(new)
    for case, found in bases.items():
        others = [*news[case][pairs:], *news[case][:pairs]]
        yield from zip(_joined(found, pairs), _joined(others, pairs), strict=True)


def _joined(sides: Sequence[Side], count: int) -> list[Side]:
    """So many sides each as one."""
    starts = range(0, len(sides) - count + 1, count)
    return [tuple(chain.from_iterable(sides[i : i + count])) for i in starts]


# Methods


def _samples(side: Side) -> dict[int, list[float]]:
    return {i: [ns / 1e9 for ns in m.samples_ns] for i, m in enumerate(side)}


def _result(side: Side) -> Result:
    """The launches as those of one run, whichever pairs they come from; for their ratio only."""
    case = side[0].case
    launches = tuple(replace(m, case=case, launch=i) for i, m in enumerate(side))
    samples = {number: tuple(calls) for number, calls in _samples(side).items()}
    return Result(case, _paper(case), launches, samples, time=None, spread=None)


def _alone(side: Side) -> list[float]:
    """How many times as long as its first reference each launch took, as it is."""
    paces = [stats.pace(m.turns, [*m.references.values()][:1]) for m in side]
    return [pace.value for pace in paces if pace]


_papers: dict[str, Paper] = {}


def _paper(case: Case) -> Paper:
    """Its costs; each network is traced once."""
    if case.paper_key not in _papers:
        _papers[case.paper_key] = case.paper()
    return _papers[case.paper_key]


INTERVALS: dict[str, tuple[Callable[..., Iterator[tuple[Side, Side]]], Callable[..., Estimate]]] = {
    "one run, taking turns": (in_one_run, lambda b, n: result.ratio(_result(b), _result(n))),
    "one run, without turns": (
        in_one_run,
        lambda b, n: stats.ratio(_samples(b), _samples(n), stats.LAYOUT),
    ),
    "two versions, runs in turn": (
        in_turn,
        lambda b, n: result.ratio_in_turn(_result(b), _result(n), range(len(b)), range(len(n))),
    ),
    "two runs, beside references": (
        in_two_runs,
        lambda b, n: result.ratio_between_runs(_result(b), _result(n)),
    ),
    "runs in turn, one reference": (
        in_turn,
        lambda b, n: stats.geometric(
            [new / base for base, new in zip(_alone(b), _alone(n), strict=True)],
            beyond=stats.LAYOUT,
        ),
    ),
    "two runs, one reference": (
        in_two_runs,
        lambda b, n: stats.separate(_alone(b), _alone(n), stats.DRIFT),
    ),
    "two runs, times alone": (in_two_runs, lambda b, n: stats.unpaired(_samples(b), _samples(n))),
}
"""Which pairs, and the estimate of their ratio."""

COMPARE = (
    "one run, taking turns",
    "two versions, runs in turn",
    "two runs, beside references",
)
"""Those that `compare` uses."""


def by_interval(recording: Sequence[Measurement], method: str, launches: int) -> Judged:
    """A method that gives an interval: different if 1 is outside of it."""
    pairs, estimate = INTERVALS[method]
    found = [estimate(base, new) for base, new in pairs(recording, launches)]
    return Judged(
        method,
        launches,
        Rate(sum(e.decided for e in found), len(found)),
        Rate(sum(e.low > 1 for e in found), len(found)),
        tuple(Rate(sum(e.low * (1 + by) > 1 for e in found), len(found)) for by in SLOWER),
        median(np.sqrt(e.high / e.low) - 1 for e in found),
    )


def _theirs(average: Callable[..., float]) -> Callable[[Side, Side], float]:
    """The ratio of what pytest-benchmark keeps of each side; of several launches, its average."""

    def ratio(base: Side, new: Side) -> float:
        kept = [average([average(stats.steady(m.samples_ns)) for m in s]) for s in (base, new)]
        return kept[1] / kept[0]

    return ratio


THEIRS = {f"pytest-benchmark, mean:{GATE}%": fmean, f"pytest-benchmark, median:{GATE}%": median}
GATES: dict[str, tuple[Callable[..., Iterator[tuple[Side, Side]]], Callable[..., float]]] = {
    f"one run, taking turns, gate of {GATE}%": (
        in_one_run,
        lambda b, n: result.ratio(_result(b), _result(n)).value,
    ),
    f"two runs, beside references, gate of {GATE}%": (
        in_two_runs,
        lambda b, n: result.ratio_between_runs(_result(b), _result(n)).value,
    ),
    **{name: (in_two_runs, _theirs(average)) for name, average in THEIRS.items()},
}
"""Which pairs, and the ratio that the gate sees."""


def by_gate(recording: Sequence[Measurement], method: str, launches: int) -> Judged:
    """pytest-benchmark's gate on a ratio, without an interval: it fails where new is slower.

    `different` counts also the pairs that fail with base as the new side.
    """
    fails = PercentageRegressionCheck("time", GATE).fails
    pairs, ratio = GATES[method]
    ratios = [ratio(base, new) for base, new in pairs(recording, launches)]

    def slower(by: float) -> Rate:
        """How often the new side fails, if it is slower by so much."""
        found = [fails({"time": r * (1 + by)}, {"time": 1.0}) for r in ratios]
        return Rate(sum(map(bool, found)), len(ratios))

    faster = sum(bool(fails({"time": 1.0}, {"time": r})) for r in ratios)
    return Judged(
        method,
        launches,
        Rate(slower(0).count + faster, len(ratios)),
        slower(0),
        tuple(slower(by) for by in SLOWER),
        None,
    )


def everything(recording: Sequence[Measurement]) -> list[Judged]:
    """Every method, those with intervals at several numbers of launches, gates at one and eight."""
    return [
        *(
            by_interval(recording, method, launches)
            for method, (pairs, _) in INTERVALS.items()
            for launches in ((5, 8) if pairs is in_one_run else (5, 8, 16))
        ),
        *(by_gate(recording, method, launches) for method in GATES for launches in (1, 8)),
    ]


# Coverage


@dataclass(frozen=True)
class Covered:
    """How often an interval for the time of a call contains the median over the recording."""

    method: str
    launches: int
    covered: Rate
    half_width: float


def coverage(recording: Sequence[Measurement]) -> list[Covered]:
    """Of the interval that reports give, and of others, by how the launches were spread."""
    truths = _truths(recording)
    rows = []
    for where, sets in (("spread over the run", _spread), ("one after the other", _bunched)):
        for count in (5, 8):
            groups = list(sets(recording, count))
            for method, interval in COVERING.items() if groups else ():
                found = [(interval(side), truths[side[0].case.id]) for side in groups]
                hits = sum(low <= truth <= high for (low, high), truth in found)
                width = median(np.sqrt(high / low) - 1 for (low, high), _ in found)
                rows.append(Covered(f"{method}, {where}", count, Rate(hits, len(found)), width))
    return rows


def _bootstrap(side: Side) -> tuple[float, float]:
    calls = [stats.steady(launch) for launch in _samples(side).values()]
    return resampling.bootstrap(calls, resampling.median, resamples=400)


def _ends(found: Estimate) -> tuple[float, float]:
    return found.low, found.high


COVERING: dict[str, Callable[[Side], tuple[float, float]]] = {
    "Student's": lambda side: _ends(stats.location(_samples(side))),
    "bootstrap": _bootstrap,
}


def _truths(recording: Sequence[Measurement]) -> dict[str, float]:
    """The median over all launches of each case, in seconds."""
    found: dict[str, list[float]] = {}
    for m in recording:
        if m.ok:
            found.setdefault(m.case.id, []).extend(stats.medians([m.samples_ns]))
    return {case: median(values) / 1e9 for case, values in found.items()}


def _spread(recording: Sequence[Measurement], count: int) -> Iterator[Side]:
    for pair in in_one_run(recording, count):
        yield from pair


def _bunched(recording: Sequence[Measurement], count: int) -> Iterator[Side]:
    for case in _truths(recording):
        mine = sorted(
            (m for m in recording if m.ok and m.case.id == case and "base" in m.case.label),
            key=lambda m: m.started,
        )
        for start in range(0, len(mine) - count + 1, count):
            yield mine[start : start + count]
