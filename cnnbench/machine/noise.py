"""The noise floor: the smallest difference that this machine can resolve.

One block is launched again and again beside the reference of all runs, the two processes taking
turns as two blocks do that a run compares. The true ratio of their times is always the same; what
the measured ones scatter around it is noise. From the standard deviation s of their logarithms, the
95 % interval over n launches follows with Student's t, and with what no launch shows
(`stats.LAYOUT`): a difference of half its width is told from none as often as not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnbench.cases.case import Case
from cnnbench.runs.result import Result, result
from cnnbench.stats import LAYOUT, Estimate
from cnnbench.stats.estimate import half_interval

if TYPE_CHECKING:
    from cnnbench.runner.loop import Progress
    from cnnbench.runner.session import Session

CASE = Case("residual_module", (32, 32, 64), label="noise floor")
"""A block of common size: some milliseconds a call."""

MOST_LAUNCHES = 30


@dataclass(frozen=True, slots=True)
class Noise:
    """What launches of the same thing showed.

    Args:
        case: what was launched.
        time: of one call.
        launches: how many there were.
        deviation: of the ratio to the reference, the standard deviation of its logarithms.
    """

    case: Case
    time: Estimate
    launches: int
    deviation: float

    def resolved(self, launches: int) -> float:
        """The smallest difference that so many launches a case can resolve: 0.05 is 5 %."""
        half = half_interval(self.deviation / math.sqrt(launches), launches - 1, LAYOUT)
        return math.exp(half) - 1


def measure(session: Session, progress: Progress, budget_s: float) -> Noise | None:
    """Launch the case for a while; None if too few launches gave a time."""
    run = session.measure(
        [CASE], progress, launches=MOST_LAUNCHES, time_budget_s=budget_s, reference=True
    )
    return noise(result(CASE, run.measurements))


def noise(found: Result) -> Noise | None:
    """The noise of launches beside a reference; None of fewer than two."""
    ratios = list(found.paces.values())
    if found.time is None or len(ratios) < 2:
        return None
    return Noise(found.case, found.time, len(ratios), float(np.std(np.log(ratios), ddof=1)))
