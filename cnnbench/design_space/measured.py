"""The times of some configurations of a sweep, beside their cost on paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnbench.design_space import evenly
from cnnbench.design_space.rows import MeasuredRows, Sweep
from cnnbench.errors import CnnbenchError
from cnnbench.runner.loop import Progress
from cnnbench.runner.session import Session
from cnnbench.runs.result import Result, results, timed


def measure(
    sweep: Sweep, count: int, session: Session, progress: Progress, folder: Path | None, **plan: Any
) -> MeasuredRows:
    """Measure rows of a sweep: the first `count` of them, or as many evenly along a front.

    The plan has launches, time_budget_s, ... of the `store.Plan`. After Ctrl-C, what was measured
    so far is in the folder.
    """
    there = len(sweep.numbers)
    rows = evenly(there, count) if sweep.pareto else range(min(there, count))
    cases = []
    for row in map(int, rows):
        case = sweep.grid.case(int(sweep.numbers[row]))
        label = " ".join(f"{name}={values[row]}" for name, values in sweep.values.items())
        cases.append(replace(case, label=label))
    run = session.measure(cases, progress, folder, suite="sweep", **plan)
    measured, problems = results(run)
    if problems:
        raise CnnbenchError(problems[0])
    return MeasuredRows(tuple(map(int, rows)), tuple(measured), _correlation(measured))


def _correlation(measured: Sequence[Result]) -> float | None:
    pairs = [(result.cost.flops, time.value) for result, time in timed(measured)]
    flops, times = zip(*pairs, strict=True) if pairs else ((), ())
    if len(pairs) < 3 or len(set(flops)) == 1 or len(set(times)) == 1:
        return None
    from scipy.stats import spearmanr  # here: it takes a second to import

    return float(spearmanr(flops, times).statistic)
