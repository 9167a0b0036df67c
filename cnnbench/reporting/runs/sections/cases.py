"""All cases: every one with all that is known of it, in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cnnbench import units
from cnnbench.cases.case import sizes
from cnnbench.reporting.document import Document, Rows
from cnnbench.reporting.runs import live
from cnnbench.reporting.runs.data import LISTED, Data
from cnnbench.reporting.runs.sections.roofline import Point, below_ceilings
from cnnbench.reporting.runs.sections.speed import flops, speed
from cnnbench.reporting.tables import MISSING, interval, number, optional, percent
from cnnbench.runs.result import Result
from cnnbench.stats import Doubt, percentile

ORDER = 42
MAIN = 10
"""The most rows that are not folded."""
Known = tuple[Result, Point | None]
"""A case, and its place below the ceilings of the machine where these were measured."""


@dataclass(frozen=True, slots=True)
class Column:
    """A quantity of a case: its value, if it is a number, and its text.

    It stands in the table, or where a case is opened; every number can be an axis.
    """

    name: str
    text: Callable[[Known], str]
    value: Callable[[Known], Any] | None = None
    unit: str = ""
    shown: bool = False


def _of(
    name: str, unit: str, show: Callable[[float], str], value: Callable[[Result], Any], **more: Any
) -> Column:
    """A column whose text follows from its value."""
    return Column(name, lambda k: optional(value(k[0]), show), lambda k: value(k[0]), unit, **more)


def _below(
    name: str, unit: str, show: Callable[[float], str], value: Callable[[Point], float], **more: Any
) -> Column:
    """A column of what follows from the ceilings."""

    def known(k: Known) -> float | None:
        return value(k[1]) if k[1] else None

    return Column(name, lambda k: optional(known(k), show), known, unit, **more)


COLUMNS = (
    Column("case", lambda k: k[0].name, shown=True),
    Column("FLOPs", lambda k: flops(k[0]), lambda k: k[0].flops, "count", True),
    Column(
        "time per call",
        lambda k: interval(k[0].time, units.seconds) if k[0].time else k[0].outcome,
        lambda k: k[0].time,
        "s",
        True,
    ),
    _of("samples/s", "", number, lambda r: r.throughput, shown=True),
    Column("speed", lambda k: speed(k[0]), lambda k: k[0].speed, "FLOP/s", True),
    _below("of the roofline", "%", percent, lambda p: p.least_s / p.time.value, shown=True),
    _of("peak on paper", "B", units.binary, lambda r: r.peak_on_paper_bytes, shown=True),
    _of("peak predicted", "B", units.binary, lambda r: r.predicted_peak_bytes, shown=True),
    _of("peak measured", "B", units.binary, lambda r: r.peak_bytes, shown=True),
    _of("first call", "s", units.seconds, lambda r: r.first_call, shown=True),
    _of("spread", "%", percent, lambda r: r.spread.between if r.spread else None, shown=True),
    _of("parameters", "count", "{:,}".format, lambda r: r.cost.params),
    _of("activation memory", "B", units.binary, lambda r: r.cost.activation_bytes),
    _below("FLOPs per byte", "", number, lambda p: p.intensity),
    _below("least time", "s", units.seconds, lambda p: p.least_s),
    Column("plausible", lambda k: k[1].judged.verdict.value if k[1] else MISSING),
    _of("build", "s", units.seconds, lambda r: r.build),
    _of("compile", "s", units.seconds, lambda r: r.compile),
    _of("new batch", "s", units.seconds, lambda r: r.new_batch),
    _of("growth per call", "B", units.binary, lambda r: r.growth_bytes),
    Column(
        "95th percentile of calls",
        lambda k: interval(percentile(k[0].samples.values(), 95), units.seconds),
        lambda k: percentile(k[0].samples.values(), 95),
        "s",
    ),
    _of("spread of calls", "%", percent, lambda r: r.spread.within if r.spread else None),
    _of("calls", "", "{:,}".format, lambda r: r.calls or None),
    _of("calls of warm-up", "", "{:,}".format, lambda r: r.warmup_calls or None),
    _of("batch", "", str, lambda r: r.case.batch_size),
    _of("input side", "", "{:.4g}".format, lambda r: r.side),
    Column("Keras", lambda k: k[0].check),
)
_TAGS: dict[str, Callable[[Result], str]] = {
    "network": lambda r: r.label,
    "size": lambda r: sizes(r.case.inputs),
    "mode": lambda r: r.case.mode,
    "runtime": lambda r: r.case.runtime,
    "device": lambda r: r.case.device,
    "batch": lambda r: str(r.case.batch_size),
    "noise": lambda r: "noisy" if r.time and Doubt.SPREAD in r.time.doubts else "",
    "outcome": lambda r: r.outcome if r.outcome != "ok" else "",
}


def add(document: Document, data: Data) -> None:
    """The cases that matter most, all others folded, and for a page with scripts all of them."""
    document.section("All cases")
    document.text(
        "Time: the geometric mean over launches of the median call after the warm-up. Of the "
        "roofline: the least time that the ceilings of the machine allow, divided by that time; "
        "a runtime that multiplies less (Winograd, FFT) can be above 100 %. Peak: of the memory "
        "that the first call needs beyond input and weights. Spread: the coefficient of variation "
        "of the launches."
    )
    known = joined(data)
    listed, count = known[:LISTED], f"{len(known):,}"
    if len(listed) < len(known):
        document.text(
            f"Listed are the first {LISTED:,} of {count} cases, which a browser can show; "
            "[results.csv](results.csv) has all of them."
        )
    columns = [column for column in COLUMNS if any(column.text(k) != MISSING for k in listed)]
    with document.live("cases", plain(columns, listed)):
        first = main(data, known)
        shown = [column for column in columns if column.shown]
        headers = [column.name for column in shown]

        def rows(some: Iterable[Known]) -> Rows:
            return [[column.text(k) for column in shown] for k in some]

        document.table((headers, rows(known[i] for i in first)))
        if len(first) < len(known):
            every = len(listed) == len(known)
            with document.folded(f"All {count} cases" if every else f"{LISTED:,} cases"):
                document.table((headers, rows(listed)))


def joined(data: Data) -> list[Known]:
    """Every case with its place below the ceilings."""
    below = {id(point.result): point for point in below_ceilings(data)}
    return [(r, below.get(id(r))) for r in data.results]


def main(data: Data, known: Sequence[Known]) -> list[int]:
    """The places of the cases that matter most, in the order of the table.

    First those that are compared, then those that failed or are too fast to be true, then those
    that take longest.
    """
    compared = {
        r.case.id for blocks in data.comparisons for p in blocks.shown for r in (p.base, p.new)
    }
    compared |= {key for row in data.run.plan.together if data.run.plan.base for key in row}

    def rank(place: int) -> tuple[bool, bool, bool, float]:
        r, point = known[place]
        flagged = point is not None and point.judged.verdict.value != "plausible"
        seconds = r.time.value if r.time else 0.0
        return r.case.id not in compared, r.outcome == "ok", not flagged, -seconds

    return sorted(sorted(range(len(known)), key=rank)[:MAIN])


def plain(columns: Sequence[Column], known: Sequence[Known]) -> live.Plain:
    """The same for the script of the page: every column, and every call."""
    return live.cases(
        [
            live.column(
                column.name,
                [column.text(k) for k in known],
                [column.value(k) for k in known] if column.value else None,
                unit=column.unit,
                table=column.shown,
            )
            for column in columns
        ],
        {tag: [of(r) for r, _ in known] for tag, of in _TAGS.items()},
        [r for r, _ in known],
    )
