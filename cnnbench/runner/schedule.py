"""Which launch comes when, and how long it may sample."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

from cnnbench.case import Case

MIN_SLICE_S = 0.1
MAX_SLICE_S = 3.0
RESERVE = 0.02
FIRST_OVERHEAD_S = 0.6
"""What a launch is taken to need besides sampling before any has run."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One launch to come: the case, and the round it belongs to."""

    case: Case
    number: int


def schedule(
    cases: Sequence[Case], launches: int, seed: int, done: Collection[tuple[str, int]] = ()
) -> list[Launch]:
    """Every launch in the order to run them: round by round, each in a new random order.

    Interleaving spreads a slow minute of the machine over all cases instead of one, and
    gives each pair of cases launches of the same round to compare. The order depends on
    the seed alone, so a continued run keeps it.
    """
    random = Random(seed)
    order: list[Launch] = []
    for number in range(launches):
        launch_round = [Launch(case, number) for case in cases]
        random.shuffle(launch_round)
        order += [launch for launch in launch_round if (launch.case.id, number) not in done]
    return order


class Slices:
    """Shares the time that is left among the launches that are left."""

    def __init__(self, budget_s: float) -> None:
        self._left_s = budget_s
        # Launches differ from what was seen of them: kept back, so that the last ones fit.
        self._reserve_s = RESERVE * budget_s
        # Of a launch's wall time, what is not sampling: building, tracing, starting. Each
        # case's own as last seen, for a deep network takes ten times as long as a block.
        self._overhead_s: dict[str, float] = {}

    def next(self, queue: Sequence[Launch]) -> float:
        """Seconds that the first launch of a queue may sample; 0 when the budget is spent."""
        if self._left_s <= 0:
            return 0.0
        seen = self._overhead_s.values()
        typical = sum(seen) / len(seen) if seen else FIRST_OVERHEAD_S
        overhead = sum(self._overhead_s.get(launch.case.id, typical) for launch in queue)
        share = (self._left_s - self._reserve_s - overhead) / len(queue)
        return min(max(share, MIN_SLICE_S), MAX_SLICE_S)

    def spent(self, launch: Launch, wall_s: float, sampled_s: float) -> None:
        """Account for a launch that has ended."""
        self._left_s -= wall_s
        self._overhead_s[launch.case.id] = max(wall_s - sampled_s, 0.0)

    def left(self) -> float:
        """Seconds left of the budget."""
        return max(self._left_s, 0.0)
