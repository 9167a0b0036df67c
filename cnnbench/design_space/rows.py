"""The rows that a sweep keeps: their values, their costs, and the times of some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cnnbench import units
from cnnbench.cost import CONVENTION
from cnnbench.design_space.column import Ints
from cnnbench.design_space.grid import LABELS, Grid
from cnnbench.errors import CnnbenchError
from cnnbench.records import Record, one_line
from cnnbench.runner.loop import Progress
from cnnbench.runner.session import Session
from cnnbench.runs.result import Result, results, timed


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric that should be small, or large if `maximize`."""

    metric: str
    maximize: bool = False

    @property
    def sign(self) -> int:
        """The factor that turns its values into values that should be small."""
        return -1 if self.maximize else 1


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a metric may be, or the least if `least`."""

    metric: str
    value: int
    least: bool = False


@dataclass(frozen=True, slots=True)
class MeasuredRows(Record):
    """Some rows of a sweep with their times.

    Args:
        rows: their places in the sweep.
        results: one a row, in the same order; without a time where every launch failed.
        correlation: Spearman's rank correlation of FLOPs and time, over the rows that have a
            time; 1 if more FLOPs always took longer. None for fewer than three such rows, or if
            all have the same FLOPs.
    """

    rows: tuple[int, ...]
    results: tuple[Result, ...]
    correlation: float | None

    def __repr__(self) -> str:
        rho = "-" if self.correlation is None else f"{self.correlation:.2f}"
        return one_line(self, f"{len(self.rows)} rows", f"rank correlation {rho}")

    @property
    def times(self) -> dict[int, dict[str, Any]]:
        """The time of each row with its interval, and the outcome."""
        return {
            row: {
                "time_s": result.time and result.time.value,
                "time_low_s": result.time and result.time.low,
                "time_high_s": result.time and result.time.high,
                "outcome": result.outcome,
            }
            for row, result in zip(self.rows, self.results, strict=True)
        }


@dataclass(frozen=True, slots=True)
class Sweep(Record):
    """The best configurations of a grid, as rows.

    Args:
        grid: all configurations.
        tried: how many of them were tried: all, or a sample.
        refused: how many of these the block cannot be built with.
        refusal: one refused configuration, and the reason.
        within_limits: how many configurations are within the limits.
        limits: what the metrics may or must be.
        objectives: what the rows were chosen by, the most important first.
        pareto: whether the rows are the Pareto front; else they are the best in order.
        candidates: how many rows there would be if none was left out.
        numbers: the numbers of the rows in the grid.
        values: the values of each axis, a list with one entry a row.
        costs: the values of each metric, in the same way.
        line: the objectives of the whole front, or of the rows.
        cloud: the objectives of a uniform sample of all configurations within the limits.
        measured: the times of some rows, if they were asked for.
    """

    grid: Grid
    tried: int
    refused: int
    refusal: str
    within_limits: int
    limits: tuple[Limit, ...]
    objectives: tuple[Objective, ...]
    pareto: bool
    candidates: int
    numbers: Ints
    values: dict[str, list[Any]]
    costs: dict[str, list[int]]
    line: Ints
    cloud: Ints
    measured: MeasuredRows | None = None

    def records(self) -> list[dict[str, Any]]:
        """One dictionary a row, of its values and all metrics, for a pandas frame."""
        return _rows(self.values | self.costs, len(self.numbers))

    def __repr__(self) -> str:
        rows = f"{len(self.numbers):,} rows of {units.count(self.tried)} configurations"
        goals = (f"{'most' if o.maximize else 'least'} {o.metric}" for o in self.objectives)
        return one_line(self, self.grid.entry.name, rows, *goals)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        grid, measured, count = self.grid, self.measured, len(self.numbers)
        names = {name: text.lower().replace(" ", "_") for name, text in LABELS.items()}
        values = _rows(self.values, count)
        costs = _rows({names[name]: column for name, column in self.costs.items()}, count)
        rows = [{"values": v, "costs": c} for v, c in zip(values, costs, strict=True)]
        for place, time in measured.times.items() if measured else ():
            rows[place]["measured"] = time
        return {
            "target": grid.entry.name,
            "convention": CONVENTION,
            "input_shape": grid.shape,
            "dtype": grid.dtype,
            "fixed": grid.fixed,
            "grid": {axis.name: str(axis) for axis in grid.axes},
            "configurations": grid.size,
            "tried": self.tried,
            "refused": self.refused,
            "refusal": self.refusal or None,
            "limits": [
                {"metric": names[x.metric], "at_least" if x.least else "at_most": x.value}
                for x in self.limits
            ],
            "within_limits": self.within_limits,
            "objectives": [
                {"metric": names[o.metric], "goal": "maximize" if o.maximize else "minimize"}
                for o in self.objectives
            ],
            "pareto": self.pareto,
            "found": self.candidates,
            "rows": rows,
            "rank_correlation": measured and measured.correlation,
        }


def _rows(columns: dict[str, list[Any]], count: int) -> list[dict[str, Any]]:
    return [{name: values[row] for name, values in columns.items()} for row in range(count)]


def evenly(count: int, most: int) -> Ints:
    """At most this many places, spread evenly over `count` with both ends."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def measure(
    sweep: Sweep,
    count: int,
    session: Session,
    progress: Progress | None,
    folder: Path | None,
    **plan: Any,
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
