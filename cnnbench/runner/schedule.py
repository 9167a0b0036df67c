"""Which launch comes when, and how long it may sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

from cnnbench.cases.case import Case

MIN_SLICE_S = 0.1
MAX_SLICE_S = 1.0
"""Launches differ more than calls do: time beyond this is better spent on another launch."""

RESERVE = 0.02
"""The share of the budget that is kept back: the last launches may take longer than those seen."""

FIRST_OVERHEAD_S = 0.6
"""The time that a launch is taken to need besides sampling, before any has run."""

Group = tuple[Case, ...]
"""Cases that take turns in one launch."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One launch to come: its cases, the round it belongs to, and the references beside them."""

    cases: Group
    number: int
    references: Group = ()

    @property
    def members(self) -> Group:
        """All that take turns."""
        return (*self.cases, *self.references)


def groups(cases: Sequence[Case], together: Iterable[Sequence[str]]) -> list[Group]:
    """The cases as they are launched: those of one row of `together` at once, others alone.

    Rows that share a case become one group.
    """
    of: dict[str, list[Case]] = {case.id: [case] for case in cases}
    for row in together:
        known = [of[key] for key in row if key in of]
        merged = list({case.id: case for group in known for case in group}.values())
        for case in merged:
            of[case.id] = merged
    return [tuple(group) for group in {id(group): group for group in of.values()}.values()]


def a_round(
    groups: Sequence[Group], number: int, seed: int, references: Group = ()
) -> list[Launch]:
    """The launches of one round, in an order that depends on seed and number alone.

    So a slow minute of the machine falls on all cases and not on one, and a continued run keeps
    the order of what is left. The references run on the device of the cases.
    """

    def beside(case: Case) -> Group:
        return tuple(replace(reference, device=case.device) for reference in references)

    order = list(groups)
    Random(f"{seed} {number}").shuffle(order)
    return [Launch(group, number, beside(group[0])) for group in order]


class _Load:
    """Launches, and how long they take in all besides sampling, as far as that was seen.

    It is kept up to date: to add it up for each launch of 100,000 would take hours.
    """

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        self.launches = self.samplers = self.seen = 0
        self.seen_s = 0.0

    def add(self, launch: Launch, overhead_s: float | None, count: int = 1) -> None:
        """Count a launch, or with -1 count it no more."""
        self.of[key := launch.cases[0].id] += count
        if not self.of[key]:
            del self.of[key]
        self.launches += count
        self.samplers += count * len(launch.members)
        if overhead_s is not None:
            self.seen += count
            self.seen_s += count * overhead_s

    def learn(self, key: str, before_s: float | None, now_s: float) -> None:
        """Launches of a case take another time than was known of them."""
        count = self.of[key]
        self.seen_s += count * (now_s - (before_s or 0.0))
        self.seen += count * (before_s is None)


class Slices:
    """Shares the time that is left among the launches that are left."""

    def __init__(self, budget_s: float) -> None:
        self._left_s = budget_s
        self._reserve_s = RESERVE * budget_s
        # The wall time of a launch without its sampling: building, tracing, starting. By the first
        # case of a launch, as last seen: a deep network takes ten times as long as a block.
        self._overhead_s: dict[str, float] = {}
        self._seen_s = 0.0
        self._waiting, self._running = _Load(), _Load()

    def expect(self, queue: Iterable[Launch]) -> None:
        """These launches are to come, and no others."""
        self._waiting = _Load()
        for launch in queue:
            self._waiting.add(launch, self._overhead(launch))

    def drop(self, launch: Launch) -> None:
        """A launch that was to come is not any more."""
        self._waiting.add(launch, self._overhead(launch), -1)

    def begin(self, launch: Launch) -> None:
        """A launch has begun."""
        self._running.add(launch, self._overhead(launch))

    def spent(self, launch: Launch, wall_s: float, sampled_s: float, at_once: int = 1) -> None:
        """Account for a launch that has ended, and that was one of so many at once."""
        before_s, key = self._overhead(launch), launch.cases[0].id
        self._running.add(launch, before_s, -1)
        self._left_s -= wall_s / at_once
        self._overhead_s[key] = now_s = max(wall_s - sampled_s, 0.0)
        self._seen_s += now_s - (before_s or 0.0)
        for load in (self._waiting, self._running):
            load.learn(key, before_s, now_s)

    @property
    def any_left(self) -> bool:
        """Whether a launch is to come, or to end."""
        return self._waiting.launches + self._running.launches > 0

    def next(self, at_once: int = 1) -> float:
        """Seconds that the next launch may sample; 0 when the budget is spent.

        So many of the launches that are to come run at once.
        """
        return self._slice(at_once, self._waiting)

    def left(self, at_once: int = 1) -> float:
        """Seconds until all launches should have ended, within what is left of the budget."""
        both = (self._waiting, self._running)
        sampling = sum(load.samplers for load in both) * self._slice(at_once, *both)
        overhead = sum(map(self._besides, both))
        return max(min(self._left_s, (overhead + sampling) / at_once), 0.0)

    def _slice(self, at_once: int, *loads: _Load) -> float:
        samplers = sum(load.samplers for load in loads)
        if self._left_s <= 0 or not samplers:
            return 0.0
        left_s = at_once * (self._left_s - self._reserve_s)
        share = (left_s - sum(map(self._besides, loads))) / samplers
        return min(max(share, MIN_SLICE_S), MAX_SLICE_S)

    def _besides(self, load: _Load) -> float:
        """Seconds that launches should take besides sampling."""
        known = len(self._overhead_s)
        typical = self._seen_s / known if known else FIRST_OVERHEAD_S
        return load.seen_s + (load.launches - load.seen) * typical

    def _overhead(self, launch: Launch) -> float | None:
        return self._overhead_s.get(launch.cases[0].id)
