"""Batches: the time per sample at each batch size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from cnnbench import units
from cnnbench.cases.case import sizes
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.page import Data
from cnnbench.reporting.style import Figure, figure, fixed_log_axis, log_axis, looks
from cnnbench.reporting.tables import Table, interval, number, optional
from cnnbench.runs.result import Result

ORDER = 33


def add(document: Document, data: Data) -> None:
    """A table and a figure of the networks that were timed at two or more batch sizes."""
    groups = series(data.results)
    if not groups:
        return
    document.section("Batch sizes")
    document.table(rows(groups))
    document.picture("batches.png", "samples per second over the batch size", partial(draw, groups))


def series(results: Iterable[Result]) -> dict[str, list[Result]]:
    """By name, the networks at several batch sizes, all else equal."""
    groups: dict[str, list[Result]] = {}
    for r in results:
        if r.time:
            case = r.case
            how = [case.dtype, case.device, case.runtime, case.mode]
            groups.setdefault(" ".join([r.label, sizes(case.inputs), *how]), []).append(r)
    return {
        name: sorted(group, key=lambda r: r.case.batch_size)
        for name, group in groups.items()
        if len({r.case.batch_size for r in group}) > 1
    }


def rows(groups: dict[str, list[Result]]) -> Table:
    """Time per call, time per sample and samples per second, at each batch size."""
    headers = ["network", "batch", "time per call", "time per sample", "samples/s", "peak memory"]
    return headers, [
        [
            f"{r.label} {sizes(r.case.inputs)} {r.case.mode}",
            str(r.case.batch_size),
            interval(r.time, units.seconds),
            units.seconds(r.time.value / r.case.batch_size) if r.time else "",
            optional(r.throughput, number),
            optional(r.peak_bytes, units.binary),
        ]
        for group in groups.values()
        for r in group
    ]


def draw(groups: Mapping[str, Sequence[Result]]) -> Figure:
    """Samples per second over the batch size, one line for each network."""
    drawing = figure(12, 7)
    axes = drawing.subplots()
    names = {name: f"{group[0].label} {group[0].case.mode}" for name, group in groups.items()}
    look = looks(groups)
    for name, group in groups.items():
        colour, marker = look[name]
        points = [(r.case.batch_size, r.throughput) for r in group if r.throughput]
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=names[name])
    fixed_log_axis(axes, {r.case.batch_size for group in groups.values() for r in group})
    log_axis(axes, "y", number)
    axes.set_xlabel("samples per call")
    axes.set_ylabel("samples per second, measured")
    drawing.legend(loc="outside right upper")
    return drawing
