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
    known,
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
    def results(self) -> list[Result]:
        """All of them."""
        return [r for r, _ in self.rows]

    def way(self, r: Result) -> str:
        """The runtime of one, with the mode where that is needed to tell it from others."""
        several = sum(other.case.runtime == r.case.runtime for other in self.results) > 1
        return f"{r.case.runtime} {r.case.mode}" if several else r.case.runtime

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
        others = [(r, ratio(self.base, r)) for r in self.results if r is not self.base]
        return {self.way(r): times for r, times in others if times}

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
    bases = [place.way(place.base) for place in places]
    base = "tensorflow" if "tensorflow" in bases else bases[0]
    panels = [
        (place.network, place.beside_base)
        for place, of in zip(places, bases, strict=True)
        if of == base
    ]
    x = f"time of a call / that on {base} (bar: 95 % interval; hollow: it contains 1)"
    looks = dict.fromkeys(chain(*(ratios for _, ratios in panels)), PLAIN)
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
    won = Counter(place.way(place.first) for place in places if place.decided)
    counts = [f"{name} is the fastest for {count}" for name, count in won.most_common()]
    open_ = f"{len(places) - won.total()} undecided" if won.total() < len(places) else ""
    return f"**Of {len(places)} networks {', '.join(filter(None, [*counts, open_]))}.**"


def _said(place: Ranked) -> str:
    first = place.way(place.first)
    if not place.times:
        return f"only {first} was timed"
    if place.ties:
        others = listed([place.way(r) for r in place.ties], len(place.rows))
        return f"the intervals do not decide which of {first} and {others} is the fastest"
    next_, ratio = place.times[0]
    longer = f"{place.way(next_)}, the next, takes {interval(ratio, number)} times as long"
    if not place.decided:
        return f"{first} takes least time; {longer} (one launch each, so no interval)"
    return f"{first} is the fastest; {longer}"


def rows(place: Ranked) -> Table:
    """The runtimes of one network, the fastest first."""
    ratios = {id(r): ratio for r, ratio in place.rows}
    columns: Columns[Result] = {
        "runtime": place.way,
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
    return known(of_items(place.results, columns))


def _export(r: Result) -> str:
    if r.exported is None:
        return MISSING
    return "cached" if r.exported.cached else optional(r.exported.seconds, units.seconds)


def overview(places: Sequence[Ranked]) -> Table:
    """The time of each network on each runtime, the fastest in bold where that is decided."""
    names = list(dict.fromkeys(place.way(r) for place in places for r in place.results))
    body = []
    for place in places:
        found = {place.way(r): r for r in place.results}
        bold = place.way(place.first) if place.decided else ""
        cells = [_cell(found.get(name), name == bold) for name in names]
        body.append([place.network, *cells])
    return ["time per call", *names], body


def _cell(r: Result | None, bold: bool) -> str:
    if r is None or r.time is None:
        return r.outcome if r else MISSING
    text = units.seconds(r.time.value)
    return f"**{text}**" if bold else text
