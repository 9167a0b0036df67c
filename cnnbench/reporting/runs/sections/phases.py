"""Phases: what a process spends before its calls are steady, and what it spends later."""

from __future__ import annotations

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data
from cnnbench.reporting.tables import MISSING, Columns, known, number, of_items, optional
from cnnbench.runs.result import Result
from cnnbench.stats import percentile

ORDER = 43

_TEXT = (
    "Medians over launches, each in a new process. Build: load the file, or build the network and "
    "draw its weights. Compile: trace the network before its first call; in mode xla the compiler "
    "runs in the first call. New batch: the first call with one sample more, including a new "
    "trace. Growth: of the process's memory per call, in the second half of a launch."
)

_COLUMNS: Columns[Result] = {
    "case": lambda r: r.name,
    "build": lambda r: optional(r.build, units.seconds),
    "compile": lambda r: optional(r.compile, units.seconds),
    "first call": lambda r: optional(r.first_call, units.seconds),
    "steady call": lambda r: optional(r.time.value if r.time else None, units.seconds),
    "95th percentile": lambda r: (
        units.seconds(slow.value) if (slow := percentile(r.samples.values(), 95)) else MISSING
    ),
    "samples/s": lambda r: optional(r.throughput, number),
    "new batch": lambda r: optional(r.new_batch, units.seconds),
    "growth per call": lambda r: optional(r.growth_bytes, units.binary),
}


def add(document: Document, data: Data) -> None:
    """The phases of every case."""
    if not any(r.build is not None for r in data.results):
        return
    measured = [r for r in data.results if r.time]
    document.section("All cases")
    with document.folded("From loading to steady calls"):
        document.text(_TEXT)
        document.table(known(of_items(measured, _COLUMNS)))
