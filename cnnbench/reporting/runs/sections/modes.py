"""Modes: the same network under several execution modes."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data, grouped
from cnnbench.reporting.tables import Table, interval, number
from cnnbench.runs.result import Result, ratio, timed

ORDER = 58

_NETWORK = attrgetter(
    *("target", "params", "input_shape", "batch_size", "dtype", "device", "runtime", "load")
)


def add(document: Document, data: Data) -> None:
    """The networks that were timed in two or more modes."""
    table = rows(data.results)
    if table[1]:
        document.section("Scaling")
        with document.folded("With the execution mode"):
            document.table(table)


def rows(results: Iterable[Result]) -> Table:
    """Networks that were timed in several execution modes; no rows if there are none."""
    body = []
    for group in grouped(results, lambda r: repr(_NETWORK(r.case))).values():
        measured = timed(group)
        if len(measured) < 2:
            continue
        base = measured[0][0]
        for r, time in measured:
            text = "1" if r is base else interval(ratio(base, r), number)
            body.append([_where(r), r.case.mode, interval(time, units.seconds), text])
    return ["network", "mode", "time per call", "ratio to the first"], body


def _where(r: Result) -> str:
    batch = f" batch {r.case.batch_size}" if r.case.batch_size > 1 else ""
    place = ", ".join([r.case.device, *r.case.place])
    return f"{r.network} {units.shape(r.case.input_shape)}{batch}, {place}"
