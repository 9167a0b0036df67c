"""A sweep for the reader: as a table, CSV or JSON; `plane` draws it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cnnbench import units
from cnnbench.cost import CONVENTION
from cnnbench.design_space import Limit, Sweep
from cnnbench.design_space.grid import Axis
from cnnbench.errors import unknown
from cnnbench.reporting.tables import FORMATS, csv_text, interval, optional, text_table
from cnnbench.runs.result import flops_rate

HEADERS = {
    "params": "parameters",
    "macs": "MACs",
    "flops": "FLOPs",
    "activation": "activation bytes",
    "peak": "peak activation bytes",
    "memory": "peak bytes with weights",
    "channels": "output channels",
}
"""What each metric is called; those that end in bytes are, all others are counts."""

_SHOWN = ("params", "flops", "peak", "channels")
"""Of the metrics, what text shows beside those that were asked about."""


def render(sweep: Sweep, format: str) -> str:
    """The rows of a sweep, what they were chosen from, and what was measured of them.

    CSV and JSON hold every metric, the other formats those that were asked about and the most
    usual.

    Raises:
        UnknownNameError: the format is not one of FORMATS.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    if format == "json":
        return json.dumps(_document(sweep), indent=2) + "\n"
    if format == "csv":
        return _csv(sweep)
    style = "simple" if format == "table" else "github"
    asked = {o.metric for o in sweep.objectives} | {limit.metric for limit in sweep.limits}
    metrics = [name for name in HEADERS if name in asked or name in _SHOWN]
    headers = [*sweep.values, *(header(name) for name in metrics)]
    columns = [list(map(str, values)) for values in sweep.values.values()]
    columns += [list(map(_exact(name), sweep.costs[name])) for name in metrics]
    rows = list(zip(*columns, strict=True))
    if style == "simple":
        headers = [name.replace(" ", "\n", 1) for name in headers]
    parts = [
        title(sweep),
        _counts(sweep),
        _choice(sweep),
        text_table(headers, rows, style),
        *_measured(sweep, style),
        CONVENTION,
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def title(sweep: Sweep) -> str:
    """The block with all that stays the same; a question mark for a size that does not."""
    grid = sweep.grid
    varies = {axis.name: "?" for axis in grid.axes}
    batch, shape, params = grid.arguments(varies)
    same = {k: v for k, v in (grid.entry.params | params).items() if k not in varies}
    given = ", ".join(f"{name}={value!r}" for name, value in same.items())
    return f"{grid.entry.name}({given}), input {units.shape((batch, *shape))}, {grid.dtype}"


def _counts(sweep: Sweep) -> str:
    """How many configurations of what, and how many of them count."""
    grid = sweep.grid
    of = " x ".join(f"{axis.name}={_range(axis)}" for axis in grid.axes)
    parts = [_many(grid.size) + (f" of {of}" if of else "")]
    if sweep.tried < grid.size:
        parts.append(f"{sweep.tried:,} of them tried, drawn at random")
    if sweep.refused:
        parts.append(f"{sweep.refused:,} cannot be built ({sweep.refusal})")
    if sweep.limits:
        limits = " and ".join(map(_limit, sweep.limits))
        parts.append(f"{sweep.kept:,} with {limits}")
    return "\n".join(parts)


def _many(count: int) -> str:
    return "1 configuration" if count == 1 else f"{count:,} configurations"


def _range(axis: Axis) -> str:
    """Values as the command line takes them; of many the first ones."""
    if isinstance(axis.values, range):
        first, last, step = axis.values[0], axis.values[-1], axis.values.step
        return f"{first}:{last}" + (f":{step}" if step > 1 else "")
    shown = ",".join(map(str, axis.values[:8]))
    return f"{shown},..." if len(axis.values) > 8 else shown


def _limit(limit: Limit) -> str:
    many = "at least" if limit.least else "at most"
    return f"{many} {_exact(limit.metric)(limit.value)} {header(limit.metric)}"


def _choice(sweep: Sweep) -> str:
    """What the rows are."""
    goals = [f"{'most' if o.maximize else 'least'} {header(o.metric)}" for o in sweep.objectives]
    rows, found = len(sweep.numbers), sweep.found
    if not sweep.pareto:
        return f"first {rows:,} of {found:,} by {', then '.join(goals)}"
    part = f"{rows:,} of {found:,}, evenly along it" if rows < found else f"all {found:,}"
    return f"Pareto front of {' and '.join(goals)}: {part}"


def header(metric: str) -> str:
    """What text calls a metric."""
    return HEADERS[metric].replace(" bytes", " memory") if _bytes(metric) else HEADERS[metric]


def _bytes(metric: str) -> bool:
    return "bytes" in HEADERS[metric]


def _exact(metric: str) -> Callable[[float], str]:
    return units.binary if _bytes(metric) else "{:,}".format


def _measured(sweep: Sweep, style: str) -> list[str]:
    """The times of some rows, and how far FLOPs tell their order."""
    measured = sweep.measured
    if measured is None:
        return []
    headers = [*sweep.values, "FLOPs", "time a call", "speed", "outcome"]
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
    text = "measured: time of a forward pass, 95 % interval over launches"
    count = sum(result.time is not None for result in measured.results)
    rho = measured.correlation
    verdict = (
        ""
        if rho is None
        else (
            f"rank correlation of FLOPs and time: {rho:.2f} (Spearman, {count} configurations; "
            "1 where more FLOPs always took longer)"
        )
    )
    return [text, text_table(headers, rows, style), verdict]


def _csv(sweep: Sweep) -> str:
    columns = {**sweep.values, **{HEADERS[name]: values for name, values in sweep.costs.items()}}
    if sweep.measured:
        times = _times(sweep)
        columns |= {name: [time.get(name) for time in times] for name in _TIME}
    return csv_text((columns, *zip(*columns.values(), strict=True)))


_TIME = ("time_s", "time_low_s", "time_high_s", "outcome")


def _times(sweep: Sweep) -> list[dict[str, Any]]:
    """What was measured of each row; nothing of most."""
    found: list[dict[str, Any]] = [{} for _ in sweep.numbers]
    if sweep.measured:
        for row, result in zip(sweep.measured.rows, sweep.measured.results, strict=True):
            time = result.time
            values = (time.value, time.low, time.high) if time else (None,) * 3
            found[row] = dict(zip(_TIME, (*values, result.outcome), strict=True))
    return found


def _document(sweep: Sweep) -> dict[str, Any]:
    grid, measured = sweep.grid, sweep.measured
    names = {name: text.lower().replace(" ", "_") for name, text in HEADERS.items()}
    costs = {names[name]: values for name, values in sweep.costs.items()}
    return {
        "target": grid.entry.name,
        "convention": CONVENTION,
        "input_shape": grid.shape,
        "dtype": grid.dtype,
        "fixed": grid.fixed,
        "grid": {axis.name: _range(axis) for axis in grid.axes},
        "configurations": grid.size,
        "tried": sweep.tried,
        "refused": sweep.refused,
        "refusal": sweep.refusal or None,
        "limits": [
            {"metric": names[x.metric], "at_least" if x.least else "at_most": x.value}
            for x in sweep.limits
        ],
        "within_limits": sweep.kept,
        "objectives": [
            {"metric": names[o.metric], "goal": "maximize" if o.maximize else "minimize"}
            for o in sweep.objectives
        ],
        "pareto": sweep.pareto,
        "found": sweep.found,
        "rows": [
            {"values": values, "costs": cost, **({"measured": time} if time else {})}
            for values, cost, time in zip(
                _rows(sweep.values, len(sweep.numbers)),
                _rows(costs, len(sweep.numbers)),
                _times(sweep),
                strict=True,
            )
        ],
        "rank_correlation": measured and measured.correlation,
    }


def _rows(columns: dict[str, list[Any]], count: int) -> list[dict[str, Any]]:
    return [{name: values[row] for name, values in columns.items()} for row in range(count)]
