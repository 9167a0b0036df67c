"""The noise floor: the smallest difference that this machine can resolve.

One block is launched again and again beside the reference of all runs. The two processes take
turns, as two blocks do that a run compares. The true ratio of their times is always the same, so
the scatter of the measured ratios is noise. The 95 % interval over n launches follows from the
standard deviation of their logarithms with Student's t, and from the differences that no launch
can show (`stats.LAYOUT`). A difference of half its width is detected half of the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnbench.cases.case import Case
from cnnbench.records import one_line
from cnnbench.runs.result import Result, result
from cnnbench.stats import LAYOUT, Estimate
from cnnbench.stats.estimate import half_interval

if TYPE_CHECKING:
    from cnnbench.runner.loop import Progress
    from cnnbench.runner.session import Session

CASE = Case("residual_module", ((32, 32, 64),), label="noise floor")
"""A block of common size: some milliseconds a call."""

MOST_LAUNCHES = 30
LAUNCHES = (2, 3, 5, 10, 20)
"""Launches a case for which the smallest difference is shown."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How much launches of the same case differ.

    Args:
        case: what was launched.
        time: of one call.
        launches: how many there were.
        deviation: the standard deviation of the logarithms of the ratio to the reference.
    """

    case: Case
    time: Estimate
    launches: int
    deviation: float

    def __repr__(self) -> str:
        percent = f"{100 * self.deviation:.1f} %"
        return one_line(self, self.case.target, f"{percent} over {self.launches} launches")

    def resolved(self, launches: int) -> float:
        """The smallest difference that this many launches a case can resolve: 0.05 is 5 %."""
        half = half_interval(self.deviation / math.sqrt(launches), launches - 1, LAYOUT)
        return math.exp(half) - 1

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "case": self.case.id,
            "seconds": self.time.value,
            "launches": self.launches,
            "deviation": self.deviation,
            "smallest_difference": {str(n): self.resolved(n) for n in LAUNCHES},
        }


def measure(session: Session, progress: Progress | None, budget_s: float) -> Noise | None:
    """Launch the case until the budget is spent; None if too few launches gave a time."""
    run = session.measure(
        [CASE], progress, launches=MOST_LAUNCHES, time_budget_s=budget_s, reference=True
    )
    return noise(result(CASE, run.plan.paper(CASE), run.measurements))


def noise(measured: Result) -> Noise | None:
    """The noise of launches beside a reference; None for fewer than two launches."""
    ratios = list(measured.paces.values())
    if measured.time is None or len(ratios) < 2:
        return None
    return Noise(measured.case, measured.time, len(ratios), float(np.std(np.log(ratios), ddof=1)))
