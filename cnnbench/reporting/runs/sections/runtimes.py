"""Runtimes: the same network on each of them, the fastest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from cnnbench import units
from cnnbench.cases.case import sizes
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data, grouped
from cnnbench.reporting.runs.notes import listed
from cnnbench.reporting.runs.sections.compared import draw_ratios
from cnnbench.reporting.style import PLAIN
from cnnbench.reporting.tables import (
    MISSING,
    Columns,
    Table,
    interval,
    number,
    of_items,
    optional,
)
from cnnbench.runs.result import Result, ratio
from cnnbench.stats import Estimate

ORDER = 3

_TEXT = (
    "All runtimes ran the same weights on the same input, in turn. Load: to read or build the "
    "network and to compile it. On disk: the file that was exported for the runtime. Peak: by how "
    "much load and first call together raised the memory of the process, from after the import of "
    "the runtime. Difference: the largest of an output to that of TensorFlow (eager), relative to "
    "the largest output."
)


@dataclass(frozen=True, slots=True)
class Ranked:
    """One network on several runtimes: those with a time, the fastest first, then the others.

    Each with its ratio of times to the fastest; the fastest itself and what was not timed have
    none.
    """

    rows: tuple[tuple[Result, Estimate | None], ...]

    @property
    def first(self) -> Result:
        """The fastest."""
        return self.rows[0][0]

    @property
    def network(self) -> str:
        """The network with its input, and the batch if that is not 1."""
        case = self.first.case
        batch = [f"batch {case.batch_size}"] if case.batch_size > 1 else []
        dtype = [case.dtype] if case.dtype != "float32" else []
        batch += [*dtype, *case.load]
        return " ".join([self.first.label, sizes(case.inputs), *batch])

    @property
    def base(self) -> Result:
        """TensorFlow, or else the fastest: that with which a figure compares the others."""
        timed = [(r.case.runtime != "tensorflow", r) for r, _ in self.rows if r.time]
        return min(timed, key=lambda one: one[0])[1]

    @property
    def beside_base(self) -> dict[str, Estimate]:
        """The ratios of times to those of the base, by runtime."""
        every = [r for r, _ in self.rows]
        others = [(r, ratio(self.base, r)) for r in every if r is not self.base]
        return {way(r, every): times for r, times in others if times}

    @property
    def times(self) -> list[tuple[Result, Estimate]]:
        """The others that were timed, with their ratios to the first."""
        return [(r, ratio) for r, ratio in self.rows if ratio]

    @property
    def ties(self) -> list[Result]:
        """Those that may be as fast as the first, by their intervals."""
        return [r for r, ratio in self.times if ratio.low is not None and not ratio.decided]

    @property
    def decided(self) -> bool:
        """Whether the first is faster than every other that was timed."""
        return bool(self.times) and all(ratio.decided for _, ratio in self.times)


def ranked(results: Sequence[Result]) -> list[Ranked]:
    """Every network that was timed and was to be measured on two runtimes or more."""

    def alike(r: Result) -> tuple[str, ...]:
        case = r.case
        return r.label, case.values_key, case.dtype, case.device, *case.load

    found = []
    for group in grouped(results, alike).values():
        if len({r.case.runtime for r in group}) > 1 and any(r.time for r in group):
            # By the ratios, which cancel what slowed the machine meanwhile: the times do not.
            base = next(r for r in group if r.time)
            first, *others = sorted(group, key=lambda r: _beside(base, r))
            found.append(Ranked(((first, None), *((r, ratio(first, r)) for r in others))))
    return found


def _beside(base: Result, r: Result) -> float:
    """How many times as long a result takes as another; infinite where it was not timed."""
    times = None if r is base else ratio(base, r)
    return times.value if times else 1.0 if r is base else float("inf")


def way(r: Result, beside: Sequence[Result]) -> str:
    """A runtime, with the mode where that is needed to tell it from others."""
    several = sum(other.case.runtime == r.case.runtime for other in beside) > 1
    return f"{r.case.runtime} {r.case.mode}" if several else r.case.runtime


def add(document: Document, data: Data) -> None:
    """A ranking of the runtimes for each network, and a figure of the ratios."""
    places = ranked(data.results)
    if not places:
        return
    document.section("Answer")
    document.heading("Which runtime?", 3)
    document.text(_TEXT)
    if len(places) == 1:
        document.table(rows(places[0]))
    else:
        document.table(overview(places))
        with document.folded("Each network, with ratios, loading, memory and outputs"):
            for place in places:
                document.heading(place.network, 4)
                document.table(rows(place))
    base = way(places[0].base, _results(places[0]))
    panels = [(place.network, place.beside_base) for place in places]
    x = f"time of a call / that on {base} (bar: 95 % interval; hollow: it contains 1)"
    looks = dict.fromkeys(chain(*(known for _, known in panels)), PLAIN)
    if looks:
        alt = f"time on each runtime over that on {base}"
        document.picture("runtimes.png", alt, partial(draw_ratios, panels, looks, x))


def sentences(places: Sequence[Ranked]) -> list[str]:
    """Which runtime is the fastest for each network, where the intervals decide it."""
    return [f"**{place.network}:** {_said(place)}." for place in places]


def headline(places: Sequence[Ranked]) -> str:
    """The same in one sentence: for how many of the networks each runtime is the fastest."""
    if len(places) == 1:
        return f"**{_said(places[0])}.**"
    won = Counter(way(p.first, _results(p)) for p in places if p.decided)
    counts = [f"{name} is the fastest for {count}" for name, count in won.most_common()]
    open_ = f"{len(places) - won.total()} undecided" if won.total() < len(places) else ""
    return f"**Of {len(places)} networks {', '.join(filter(None, [*counts, open_]))}.**"


def _said(place: Ranked) -> str:
    every = _results(place)
    first = way(place.first, every)
    if not place.times:
        return f"only {first} was timed"
    if place.ties:
        others = listed([way(r, every) for r in place.ties], len(every))
        return f"{first} takes least time, but the intervals allow that {others} takes no more"
    next_, ratio = place.times[0]
    longer = f"{way(next_, every)}, the next, takes {interval(ratio, number)} times as long"
    doubt = "" if place.decided else " (one launch each, so no interval)"
    return f"{first} is the fastest; {longer}{doubt}"


def _results(place: Ranked) -> list[Result]:
    return [r for r, _ in place.rows]


def rows(place: Ranked) -> Table:
    """The runtimes of one network, the fastest first."""
    every = _results(place)
    ratios = {id(r): ratio for r, ratio in place.rows}
    columns: Columns[Result] = {
        "runtime": lambda r: way(r, every),
        "time per call": lambda r: interval(r.time, units.seconds) if r.time else r.outcome,
        "times the first": lambda r: "1" if r is place.first else interval(ratios[id(r)], number),
        "samples/s": lambda r: optional(r.throughput, number),
        "load": lambda r: optional(r.load, units.seconds),
        "first call": lambda r: optional(r.first_call, units.seconds),
        "on disk": lambda r: optional(r.exported.bytes if r.exported else None, units.binary),
        "peak": lambda r: optional(r.joint_bytes, units.binary),
        "difference": lambda r: optional(r.difference, "{:.0e}".format),
        "export": lambda r: _export(r),
    }
    headers, body = of_items(every, columns)
    kept = [i for i, cells in enumerate(zip(*body, strict=True)) if {*cells} != {MISSING}]
    return [headers[i] for i in kept], [[row[i] for i in kept] for row in body]


def _export(r: Result) -> str:
    if r.exported is None:
        return MISSING
    return "cached" if r.exported.cached else optional(r.exported.seconds, units.seconds)


def overview(places: Sequence[Ranked]) -> Table:
    """The time of each network on each runtime, the fastest in bold where that is decided."""
    names = list(dict.fromkeys(way(r, _results(place)) for place in places for r, _ in place.rows))
    body = []
    for place in places:
        every = _results(place)
        known = {way(r, every): r for r in every}
        bold = way(place.first, every) if place.decided else ""
        cells = [_cell(known.get(name), name == bold) for name in names]
        body.append([place.network, *cells])
    return ["time per call", *names], body


def _cell(r: Result | None, bold: bool) -> str:
    if r is None or r.time is None:
        return r.outcome if r else MISSING
    text = units.seconds(r.time.value)
    return f"**{text}**" if bold else text
