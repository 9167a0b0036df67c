"""Batches: the time per sample at each batch size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from cnnbench import units
from cnnbench.cases.case import sizes
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs import live
from cnnbench.reporting.runs.data import Data, apart, grouped, series
from cnnbench.reporting.series import Series, exact
from cnnbench.reporting.series import draw as draw_series
from cnnbench.reporting.style import Axes, Figure, Look, fixed_log_axis, log_axis
from cnnbench.reporting.tables import MISSING, Columns, interval, number, of_items, optional
from cnnbench.runs.result import Result

ORDER = 54

_COLUMNS: Columns[Result] = {
    "network": lambda r: f"{r.label} {sizes(r.case.inputs)} {r.case.mode}",
    "batch": lambda r: str(r.case.batch_size),
    "time per call": lambda r: interval(r.time, units.seconds),
    "time per sample": lambda r: (
        units.seconds(r.time.value / r.case.batch_size) if r.time else MISSING
    ),
    "samples/s": lambda r: optional(r.throughput, number),
    "peak memory": lambda r: optional(r.peak_bytes, units.binary),
}


def add(document: Document, data: Data) -> None:
    """A table and a figure of the networks that were timed at two or more batch sizes."""
    groups = series(data.results, _alike, lambda r: r.case.batch_size)
    if found := [r for group in groups for r in group]:
        document.section("Scaling")
        document.heading("With the batch size", 3)
        with document.folded("Every batch size"):
            document.table(of_items(found, _COLUMNS))
        alt = "samples per second over the batch size"
        with document.live("multiples", live.batches(_named(found), data.places)):
            document.picture("batches.png", alt, partial(draw, found, data.looks))


def _alike(r: Result) -> str:
    return " ".join([r.label, *_way(r)])


def _way(r: Result) -> list[str]:
    """How it was run, apart from the batch."""
    case = r.case
    load = " ".join(case.load)
    return [sizes(case.inputs), case.dtype, case.device, case.runtime, case.mode, load]


def _named(found: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    """The cases that differ in nothing but the batch, under a name that no others have."""
    groups = list(grouped(found, _alike).values())
    names = apart([[group[0].label, *_way(group[0])] for group in groups])
    return list(zip(names, groups, strict=True))


def draw(found: Sequence[Result], looks: Mapping[str, Look]) -> Figure:
    """Samples per second over the batch size, one line for each network."""
    lines = [
        Series(
            name,
            group[0].label,
            [(r.case.batch_size, exact(r.throughput)) for r in group if r.throughput],
        )
        for name, group in _named(found)
    ]

    def finish(axes: Axes, _: Series | None) -> None:
        fixed_log_axis(axes, sorted({r.case.batch_size for r in found}, reverse=True))
        log_axis(axes, "y", number)

    axes_names = "samples per call", "samples per second, measured"
    return draw_series(lines, looks, finish, *axes_names, line="-")
