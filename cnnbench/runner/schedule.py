"""Which launch comes when, and how long it may sample."""

from __future__ import annotations

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
    """One launch to come: its cases, the round it belongs to, and the reference beside them."""

    cases: Group
    number: int
    reference: Case | None = None

    @property
    def members(self) -> Group:
        """All that take turns."""
        return self.cases if self.reference is None else (*self.cases, self.reference)


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
    groups: Sequence[Group], number: int, seed: int, reference: Case | None = None
) -> list[Launch]:
    """The launches of one round, in an order that depends on seed and number alone.

    So a slow minute of the machine falls on all cases and not on one, and a continued run keeps
    the order of what is left. The reference runs on the device of the cases.
    """

    def beside(case: Case) -> Case | None:
        return reference and replace(reference, device=case.device)

    order = list(groups)
    Random(f"{seed} {number}").shuffle(order)
    return [Launch(group, number, beside(group[0])) for group in order]


class Slices:
    """Shares the time that is left among the launches that are left."""

    def __init__(self, budget_s: float) -> None:
        self._left_s = budget_s
        self._reserve_s = RESERVE * budget_s
        # The wall time of a launch without its sampling: building, tracing, starting. By the first
        # case of a launch, as last seen: a deep network takes ten times as long as a block.
        self._overhead_s: dict[str, float] = {}

    def next(self, queue: Sequence[Launch], at_once: int = 1) -> float:
        """Seconds that the first launch of a queue may sample; 0 when the budget is spent.

        So many of the launches run at once.
        """
        if self._left_s <= 0:
            return 0.0
        samplers = sum(len(launch.members) for launch in queue)
        left_s = at_once * (self._left_s - self._reserve_s)
        share = (left_s - self._overhead(queue)) / samplers
        return min(max(share, MIN_SLICE_S), MAX_SLICE_S)

    def spent(self, launch: Launch, wall_s: float, sampled_s: float, at_once: int = 1) -> None:
        """Account for a launch that has ended, and that was one of so many at once."""
        self._left_s -= wall_s / at_once
        self._overhead_s[launch.cases[0].id] = max(wall_s - sampled_s, 0.0)

    def left(self, queue: Sequence[Launch], at_once: int = 1) -> float:
        """Seconds that the launches of a queue should take, within what is left of the budget."""
        samplers = sum(len(launch.members) for launch in queue)
        sampling = samplers * self.next(queue, at_once) if queue else 0.0
        return max(min(self._left_s, (self._overhead(queue) + sampling) / at_once), 0.0)

    def _overhead(self, queue: Sequence[Launch]) -> float:
        """Seconds that the launches of a queue should take besides sampling."""
        seen = self._overhead_s.values()
        typical = sum(seen) / len(seen) if seen else FIRST_OVERHEAD_S
        return sum(self._overhead_s.get(launch.cases[0].id, typical) for launch in queue)
