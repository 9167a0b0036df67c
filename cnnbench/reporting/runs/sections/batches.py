"""Batches: the time per sample at each batch size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from cnnbench import units
from cnnbench.cases.case import sizes
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.page import Data, series
from cnnbench.reporting.style import Figure, by_look, figure, fixed_log_axis, log_axis
from cnnbench.reporting.tables import MISSING, Columns, interval, number, of_items, optional
from cnnbench.runs.result import Result

ORDER = 33

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
        document.section("Batch sizes")
        document.table(of_items(found, _COLUMNS))
        alt = "samples per second over the batch size"
        document.picture("batches.png", alt, partial(draw, found))


def _alike(r: Result) -> str:
    case = r.case
    return " ".join([r.label, sizes(case.inputs), case.dtype, case.device, case.runtime, case.mode])


def draw(found: Sequence[Result]) -> Figure:
    """Samples per second over the batch size, one line for each network."""
    drawing = figure(12, 7)
    axes = drawing.subplots()
    for look, group in by_look(found, _alike):
        points = [(r.case.batch_size, r.throughput) for r in group if r.throughput]
        look["label"] = f"{group[0].label} {group[0].case.mode}"
        axes.plot(*zip(*points, strict=True), **look)
    fixed_log_axis(axes, {r.case.batch_size for r in found})
    log_axis(axes, "y", number)
    axes.set(xlabel="samples per call", ylabel="samples per second, measured")
    drawing.legend(loc="outside right upper")
    return drawing
