"""A sweep as a table; `plane` draws it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from cnnbench import units
from cnnbench.cost import CONVENTION
from cnnbench.design_space.grid import LABELS
from cnnbench.design_space.rows import MeasuredRows, Sweep
from cnnbench.reporting.document import Document
from cnnbench.reporting.tables import interval, optional
from cnnbench.runs.result import flops_rate

_SHOWN = ("params", "flops", "peak", "channels")
"""The metrics that a table always shows, beside those that were asked about."""


def document(sweep: Sweep) -> Document:
    """The rows of a sweep, what they were chosen from, and the times of those that were measured.

    CSV and JSON hold every metric; the table holds the usual ones and those that were asked about.
    """
    plain = sweep.values | {LABELS[name]: values for name, values in sweep.costs.items()}
    times = sweep.measured.times if sweep.measured else {}
    for name in dict.fromkeys(chain.from_iterable(times.values())):
        plain[name] = [times.get(row, {}).get(name) for row in range(len(sweep.numbers))]
    rows = [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
    page = Document(rows=rows, data=sweep.to_json)
    asked = {o.metric for o in sweep.objectives} | {limit.metric for limit in sweep.limits}
    metrics = [name for name in LABELS if name in asked or name in _SHOWN]
    columns = [list(map(str, values)) for values in sweep.values.values()]
    columns += [list(map(_exact(name), sweep.costs[name])) for name in metrics]
    page.text(title(sweep), _counts(sweep), _choice(sweep))
    headers = [*sweep.values, *map(header, metrics)]
    spare = [header(name) for name in reversed(metrics) if name not in asked]
    rows_shown = [list(row) for row in zip(*columns, strict=True)]
    page.table((headers, rows_shown), narrow=True, spare=spare)
    if sweep.measured:
        _add_times(page, sweep, sweep.measured)
    page.text(CONVENTION)
    return page


def title(sweep: Sweep) -> str:
    """The block with everything that stays the same; a question mark for a size that varies."""
    grid = sweep.grid
    varies = {axis.name: "?" for axis in grid.axes}
    batch, shape, params = grid.arguments(varies)
    same = {k: v for k, v in (grid.entry.params | params).items() if k not in varies}
    given = ", ".join(f"{name}={value!r}" for name, value in same.items())
    return f"{grid.entry.name}({given}), input {units.shape((batch, *shape))}, {grid.dtype}"


def _counts(sweep: Sweep) -> str:
    """How many configurations there are, and how many were tried, refused and within the limits."""
    grid = sweep.grid
    of = " x ".join(f"{axis.name}={axis}" for axis in grid.axes)
    many = f"{grid.size:,} configurations"
    if grid.size == 1:
        many = "1 configuration, as nothing varies: -p NAME=1:8 or --input-size 28,56 would"
    parts = [many + (f" of {of}" if of else "")]
    if sweep.tried < grid.size:
        parts.append(f"{sweep.tried:,} of them tried, drawn at random")
    if sweep.refused:
        parts.append(f"{sweep.refused:,} cannot be built ({sweep.refusal})")
    if sweep.limits:
        limits = (
            f"at {'least' if x.least else 'most'} {_exact(x.metric)(x.value)} {header(x.metric)}"
            for x in sweep.limits
        )
        parts.append(f"{sweep.within_limits:,} with {' and '.join(limits)}")
    return "\n".join(parts)


def _choice(sweep: Sweep) -> str:
    """How the rows were chosen."""
    goals = [f"{'most' if o.maximize else 'least'} {header(o.metric)}" for o in sweep.objectives]
    rows, candidates = len(sweep.numbers), sweep.candidates
    if not sweep.pareto:
        return f"first {rows:,} of {candidates:,} by {', then '.join(goals)}"
    part = f"all {rows:,}" if rows == candidates else f"{rows:,} of {candidates:,}, evenly along it"
    return f"Pareto front of {' and '.join(goals)}: {part}"


def header(metric: str) -> str:
    """The name of a metric in text, where values have their units."""
    return LABELS[metric].replace(" bytes", " memory")


def _exact(metric: str) -> Callable[[float], str]:
    return units.binary if "bytes" in LABELS[metric] else "{:,}".format


def _add_times(page: Document, sweep: Sweep, measured: MeasuredRows) -> None:
    """Add the times of the measured rows, and how well FLOPs predict their order."""
    page.text("measured: time of a forward pass, 95 % interval over launches")
    rows = [
        [
            *(str(values[row]) for values in sweep.values.values()),
            f"{result.cost.flops:,}",
            interval(result.time, units.seconds),
            optional(result.speed, flops_rate),
            result.outcome,
        ]
        for row, result in zip(measured.rows, measured.results, strict=True)
    ]
    page.table(([*sweep.values, "FLOPs", "time a call", "speed", "outcome"], rows))
    if measured.correlation is not None:
        count = sum(result.time is not None for result in measured.results)
        page.text(
            f"rank correlation of FLOPs and time: {measured.correlation:.2f} (Spearman, {count} "
            "configurations; 1 where more FLOPs always took longer)"
        )
