"""STOPPING: whether more launches are worth their time."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from cnnbench.stats.estimate import geometric

TARGET = 0.02
"""Relative half-width of the interval at which a case is precise."""

SOONEST, FULL = 6, 20
"""The fewest launches of a precise case, and the number from which the plain target applies."""

LONG, HALTED = 16, 0.9
"""The fewest launches of a stalled case, and the share of an earlier width that means stalled."""


class Stop(StrEnum):
    """Why no more launches of a case were made."""

    PRECISE = "the interval's half-width is under the target"
    STALLED = "more launches no longer narrow the interval"
    BUDGET = "the time budget is spent"
    LAUNCHES = "all launches asked for are made"
    FAILED = "it failed too often"
    FULL = "its batch is too large"


def enough(values: Sequence[float], target: float = TARGET) -> Stop | None:
    """Whether to stop after these launches; None means go on.

    PRECISE: the half-width of `location`'s interval is below the target; before launch 20,
    below the target times (n / 20)^2. Whoever looks after every launch and stops as soon as the
    interval looks narrow selects launches that agree by chance: with the plain target from 5
    launches on, the final interval covers the truth 92 times in 100 (simulated, 80,000 runs each
    at eleven spreads of 0.2 to 5 %, target 2 %). As in sequential trials (O'Brien and Fleming,
    Biometrics 35, 1979), early looks must therefore be stricter: this rule covers 94.1 to 94.8
    in 100. Quiet cases (1 %) stop after 12 launches.

    STALLED: the half-width is still over 0.9 of what it was with half the launches, and with a
    quarter of them. Independent normal launches should narrow it to 0.7 and 0.5: 3 in 100 runs
    are stopped wrongly within 200 launches, and 22 of heavy-tailed ones (Student's with 3
    degrees of freedom). A drift of 2 % a launch at 5 % of noise stops half of the runs by launch
    20 and all by launch 50.

    `values` has one positive number a launch, in the order in which they ran; a `target` of 0.02
    is 2 %.
    """
    count = len(values)
    width = half_width(values)
    if count >= SOONEST and width <= target * min(1, count / FULL) ** 2:
        return Stop.PRECISE
    if count >= LONG and all(
        width > HALTED * half_width(values[: count // part]) for part in (2, 4)
    ):
        return Stop.STALLED
    return None


def half_width(values: Sequence[float]) -> float:
    """How far the interval of the geometric mean reaches above it, relative; infinite of one."""
    estimate = geometric(values)
    if estimate is None or estimate.high is None:
        return float("inf")
    return estimate.high / estimate.value - 1
