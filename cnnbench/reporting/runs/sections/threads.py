"""Threads: how much faster a call becomes with each number of threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from cnnbench import units
from cnnbench.cases.case import named_threads, sizes
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data, apart, series
from cnnbench.reporting.series import Series
from cnnbench.reporting.series import draw as draw_series
from cnnbench.reporting.style import GREY, Axes, Figure, Look, fixed_log_axis, log_axis, looks
from cnnbench.reporting.tables import Columns, interval, number, of_items, optional, percent
from cnnbench.runs.result import Result, ratio
from cnnbench.stats import Estimate

ORDER = 56


@dataclass(frozen=True, slots=True)
class Speedup:
    """A case beside the same with the fewest threads: its time over that of this one."""

    name: str
    result: Result
    fewest: Result
    ratio: Estimate | None

    @property
    def efficiency(self) -> float | None:
        """The share of the speed-up in proportion to the threads."""
        ideal = (self.result.threads or 1) / (self.fewest.threads or 1)
        return self.ratio.value / ideal if self.ratio else None


COLUMNS: Columns[Speedup] = {
    "case": lambda s: s.name,
    "threads": lambda s: str(s.result.threads),
    "time per call": lambda s: interval(s.result.time, units.seconds),
    "speed-up": lambda s: interval(s.ratio, number),
    "of the ideal": lambda s: optional(s.efficiency, percent),
    "samples/s": lambda s: optional(s.result.throughput, number),
}


def add(document: Document, data: Data) -> None:
    """A figure and a table of the cases that were timed with two or more numbers of threads."""
    found = speedups(data.results)
    if not found:
        return
    document.section("Scaling")
    document.heading("With the number of threads", 3)
    document.text(
        "Speed-up: the time with the fewest threads over that with more, of calls that took turns. "
        "Ideal: in proportion to the threads."
    )
    document.table(of_items(found, COLUMNS))
    alt = "speed-up over the number of threads"
    document.picture("threads.png", alt, partial(draw, found, data.looks))


def speedups(results: Iterable[Result]) -> list[Speedup]:
    """Every case of several numbers of threads, line by line, the fewest threads first."""
    groups = series(results, lambda r: repr(_way(r)), lambda r: r.case.threads or 0)
    names = apart([_way(group[0]) for group in groups])
    return [
        Speedup(name, r, group[0], Estimate(1, 1, 1, 1) if r is group[0] else ratio(r, group[0]))
        for name, group in zip(names, groups, strict=True)
        for r in group
    ]


def _way(r: Result) -> list[str]:
    """What is measured, and how, apart from the threads."""
    case = r.case
    how = [str(case.batch_size), case.dtype, case.device, case.runtime, case.mode]
    how += [f"{case.clients} clients"]
    return [r.label, sizes(case.inputs), *how]


def draw(found: Iterable[Speedup], known: Mapping[str, Look]) -> Figure:
    """Speed-up over threads, a line for each network and runtime, and the ideal one."""
    points: dict[str, list[tuple[float, Estimate]]] = {}
    owners: dict[str, str] = {}
    for s in found:
        points.setdefault(s.name, []).extend([(s.result.threads or 1, s.ratio)] if s.ratio else [])
        owners[s.name] = s.result.label
    counts = sorted({x for line in points.values() for x, _ in line}, reverse=True)
    # A network has one colour in all figures; on several runtimes, each line has its own.
    alone = len({*owners.values()}) == len(owners)
    lines = [Series(name, owners[name] if alone else name, line) for name, line in points.items()]

    def finish(axes: Axes, _: Series | None) -> None:
        fixed_log_axis(axes, counts)
        ends = [min(counts), max(counts)]
        axes.plot(ends, [1, ends[1] / ends[0]], color=GREY, linestyle=":", zorder=2)
        log_axis(axes, "y", lambda value: f"{value:g}x", base=2)

    (fewest,) = named_threads(int(min(counts)))
    names = "threads (dotted: the ideal)", f"speed-up over {fewest}"
    return draw_series(lines, known if alone else looks(points), finish, *names, line="-")
