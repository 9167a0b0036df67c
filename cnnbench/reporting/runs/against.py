"""Networks beside the base of a run, setting by setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cnnbench.cases.case import sizes
from cnnbench.runs.result import Result, ratio
from cnnbench.runs.store import Run
from cnnbench.stats import Estimate


@dataclass(frozen=True, slots=True)
class Against:
    """The networks that took turns in one setting: the base, and the others with their ratios.

    A ratio is of times, network / base; None if one of the two was not timed.
    """

    base: Result
    others: tuple[tuple[Result, Estimate | None], ...]

    @property
    def ranked(self) -> list[tuple[Result, Estimate | None]]:
        """All networks, the fastest first and those without a time last; the base has no ratio."""
        everyone = [(self.base, None), *self.others]
        return sorted(everyone, key=lambda one: one[0].time.value if one[0].time else float("inf"))

    @property
    def where(self) -> str:
        """The setting that all of them share."""
        cases = [result.case for result, _ in self.ranked]
        words = {sizes(case.inputs) for case in cases}
        case = self.base.case
        shared = [words.pop()] if len(words) == 1 else []
        return ", ".join([*shared, f"batch {case.batch_size}", case.device, case.mode])


def against(run: Run, results: Sequence[Result]) -> list[Against]:
    """Every setting in which the base of a run has others beside it; none without a base."""
    known = {result.case.id: result for result in results}
    rows = [[known[key] for key in row if key in known] for row in run.plan.together]
    settings = []
    for row in rows:
        base = next((result for result in row if result.label == run.plan.base), None)
        if base:
            others = [(result, ratio(base, result)) for result in row if result is not base]
            settings.append(Against(base, tuple(others)))
    return settings
