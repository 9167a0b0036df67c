"""Precisions: the same network on the same runtime in each data type that was measured."""

from __future__ import annotations

from collections.abc import Sequence

from cnnbench import units
from cnnbench.cases.case import sizes
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data, grouped
from cnnbench.reporting.tables import Table, interval, known, number, optional
from cnnbench.runs.result import Result, ratio

ORDER = 4

_TEXT = (
    "All ran the same weights on the same input, in turn. Weights: on paper; in int8 the kernels "
    "of convolutions and dense layers take a byte a value and all others four, and a mixed type "
    "keeps them in float32. File: what was exported; other floats are rounded from one of float32. "
    "Difference: the largest of an output to that of TensorFlow (eager) in float32, relative to "
    "the largest output. What it costs in accuracy only data with labels can say."
)


def add(document: Document, data: Data) -> None:
    """A table of all networks that were timed in several data types."""
    table = rows(data.results)
    if table[1]:
        document.section("Answer")
        document.heading("What a precision changes", 3)
        document.text(_TEXT)
        document.table(table)


def rows(results: Sequence[Result]) -> Table:
    """A row for each data type of what was timed in several; no rows if nothing was."""

    def alike(r: Result) -> tuple[object, ...]:
        case = r.case
        return r.label, case.values_key, case.device, case.runtime, case.mode, *case.place

    body = []
    for group in grouped(results, alike).values():
        if len({r.case.dtype for r in group if r.time}) < 2:
            continue
        base = next((r for r in group if r.case.dtype == "float32" and r.time), None)
        for r in group:
            times = ratio(base, r) if base else None
            where = [x for x in r.unusual if x != r.case.dtype]
            body.append(
                [
                    " ".join([r.label, sizes(r.case.inputs), *where]),
                    r.case.dtype,
                    interval(r.time, units.seconds) if r.time else r.outcome,
                    "1" if r is base else interval(times, number),
                    units.binary(r.cost.weight_bytes),
                    optional(r.exported.bytes if r.exported else None, units.binary),
                    optional(r.difference, "{:.0e}".format),
                ]
            )
    headers = ["network", "precision", "time per call", "times float32"]
    headers += ["weights", "file", "difference"]
    return known((headers, body))
