"""Networks beside the one that a run compares them with, place by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cnnbench.cases.case import sizes
from cnnbench.runs.result import Result, ratio
from cnnbench.runs.store import Run
from cnnbench.stats import Estimate


@dataclass(frozen=True, slots=True)
class Against:
    """What took turns at one place of the grid: the base, and each other with its ratio to it.

    A ratio is time over the base's time; None where one of the two was not timed.
    """

    base: Result
    others: tuple[tuple[Result, Estimate | None], ...]

    @property
    def ranked(self) -> list[tuple[Result, Estimate | None]]:
        """All of them, the fastest first and those without a time last; the base has no ratio."""
        everyone = [(self.base, None), *self.others]
        return sorted(everyone, key=lambda one: one[0].time.value if one[0].time else float("inf"))

    @property
    def where(self) -> str:
        """What all of them share."""
        cases = [result.case for result, _ in self.ranked]
        words = {sizes(case.inputs) for case in cases}
        case = self.base.case
        shared = [words.pop()] if len(words) == 1 else []
        return ", ".join([*shared, f"batch {case.batch_size}", case.device, case.mode])


def against(run: Run, results: Sequence[Result]) -> list[Against]:
    """Every place at which the base of a run stands beside others; none where it has no base."""
    known = {result.case.id: result for result in results}
    rows = [[known[key] for key in row if key in known] for row in run.plan.together]
    found = []
    for row in rows:
        base = next((result for result in row if result.label == run.plan.base), None)
        if base:
            others = [(result, ratio(base, result)) for result in row if result is not base]
            found.append(Against(base, tuple(others)))
    return found
