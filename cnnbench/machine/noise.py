"""The noise floor: the smallest difference that this machine can resolve.

One case is launched again and again, and each launch is compared with the one after it, as two
blocks of a run would be (A/A). The truth is a ratio of 1; what the ratios scatter around it is
noise. From the standard deviation s of their logarithms, the 95 % interval over n launches of
each of two cases has the half-width t(n - 1) * s / sqrt(n), with Student's t: a difference of
that size is told from none as often as not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnbench import stats
from cnnbench.case import Case
from cnnbench.stats import Estimate
from cnnbench.stats.estimate import student

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
        ratio: of each launch to the one before it, over `ratio.n` pairs.
        deviation: standard deviation of the logarithms of these ratios.
    """

    case: Case
    time: Estimate
    ratio: Estimate
    deviation: float

    def resolved(self, launches: int) -> float:
        """The smallest difference that so many launches a case can resolve: 0.05 is 5 %."""
        half = student(launches - 1) * self.deviation / math.sqrt(launches)
        return math.exp(half) - 1


def measure(session: Session, progress: Progress, budget_s: float) -> Noise | None:
    """Launch the case for a while; None if too few launches gave a time."""
    run = session.measure([CASE], progress, launches=MOST_LAUNCHES, time_budget_s=budget_s)
    return noise([[ns / 1e9 for ns in m.samples_ns] for m in run.measurements if m.ok])


def noise(launches: Sequence[Sequence[float]]) -> Noise | None:
    """The noise of launches of `CASE`, in the order in which they ran, as seconds of each call."""
    pairs = len(launches) // 2
    # Neighbours in time, as launches of one round are.
    first, second = (dict(enumerate(launches[k : 2 * pairs : 2])) for k in (0, 1))
    ratio, time = stats.ratio(first, second), stats.location(launches)
    if ratio is None or ratio.low is None or ratio.high is None or time is None:
        return None
    half = math.log(ratio.high / ratio.low) / 2
    return Noise(CASE, time, ratio, half * math.sqrt(ratio.n) / student(ratio.n - 1))
