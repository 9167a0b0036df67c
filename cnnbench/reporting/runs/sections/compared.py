"""Compared: every network beside the base of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from operator import attrgetter

from cnnbench import stats, units
from cnnbench.cases.case import sizes
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.runs.sections.speed import flops
from cnnbench.reporting.series import MOST_PANELS
from cnnbench.reporting.style import WIDTH, Axes, Figure, Look, figure, log_axis
from cnnbench.reporting.tables import MISSING, Table, interval, number, optional
from cnnbench.runs.result import Result, ratio
from cnnbench.runs.store import Run
from cnnbench.stats import Estimate

ORDER = 5
_SETTING = attrgetter("runtime", "load", "dtype")
_LETTERS = 30
"""The longest title of a panel that has room where three stand side by side."""


@dataclass(frozen=True, slots=True)
class Against:
    """The networks that took turns in one setting: the base, and the others with their ratios.

    A ratio is of times, network / base; None if one of the two was not timed.
    """

    base: Result
    others: tuple[tuple[Result, Estimate | None], ...]

    @property
    def where(self) -> str:
        """The setting that all of them share."""
        case = self.base.case
        words = {sizes(r.case.inputs) for r in (self.base, *(other for other, _ in self.others))}
        shared = words if len(words) == 1 else ()
        dtype = [case.dtype] if case.dtype != "float32" else []
        place = [*dtype, case.device, *case.place, case.mode]
        return ", ".join([*shared, f"batch {case.batch_size}", *place])


def add(document: Document, data: Data) -> None:
    """A ranking for every setting (size, batch, ...), and a figure of all ratios."""
    places = against(data.run, data.results)
    if not places:
        return
    document.section("Answer")
    for place in places:
        document.heading(f"Compared with {data.run.plan.base}: {place.where}", 3)
        document.table(ranking(place))
        document.bullets(notes((result.label, ratio) for result, ratio in place.others))
    if any(ratio for place in places for _, ratio in place.others):
        alt = f"time over that of {data.run.plan.base}"
        document.picture("compared.png", alt, partial(draw, places, data.looks))


def against(run: Run, results: Sequence[Result]) -> list[Against]:
    """Every setting, runtime and load in which the base has others beside it."""
    known = {result.case.id: result for result in results}
    settings = []
    for row in run.plan.together:
        present = [known[key] for key in row if key in known]
        for base in (result for result in present if result.label == run.plan.base):
            here = [r for r in present if r is not base and _SETTING(r.case) == _SETTING(base.case)]
            settings.append(Against(base, tuple((r, ratio(base, r)) for r in here)))
    return settings


def sentence(place: Against) -> str:
    """Which networks are faster than the base in one setting, in words."""
    said = [_said(result, ratio, place.base.label) for result, ratio in place.others]
    return f"**{place.where}:** {'; '.join(said)}."


def _said(result: Result, ratio: Estimate | None, base: str) -> str:
    if ratio is None:
        return f"{result.label} was not compared ({result.outcome})"
    times = interval(ratio, number)
    if not ratio.decided:
        return f"{result.label} takes {times} times as long as {base}, which may be no difference"
    if ratio.value < 1 and ratio.low and ratio.high:
        faster = interval(stats.inverse(ratio), number)
        return f"{result.label} is {faster} times as fast as {base}"
    return f"{result.label} takes {times} times as long as {base}"


def ranking(place: Against) -> Table:
    """The networks in one setting: the fastest first, those without a time last."""
    everyone = [(place.base, None), *place.others]
    ranked = sorted(everyone, key=lambda one: one[0].time.value if one[0].time else float("inf"))
    headers = ["network", "time per call", "samples/s", f"times {place.base.label}", "verdict"]
    headers += ["FLOPs", "parameters", "peak memory"]
    return headers, [
        [
            result.label,
            interval(result.time, units.seconds) if result.time else result.outcome,
            optional(result.throughput, number),
            "1" if result is place.base else interval(ratio, number),
            stats.verdict(ratio).value if ratio else MISSING,
            flops(result),
            f"{result.cost.params:,}",
            optional(result.peak_bytes, units.binary),
        ]
        for result, ratio in ranked
    ]


def draw(places: Sequence[Against], looks: Mapping[str, Look]) -> Figure:
    """The ratios with their intervals: a panel for each setting, a row for each network."""
    base = places[0].base.label
    return draw_ratios(
        [(place.where, {r.label: ratio for r, ratio in place.others if ratio}) for place in places],
        looks,
        f"faster  \u2190  time of a call / that of {base}  \u2192  slower\n"
        "(bar: 95 % interval; hollow: it contains 1)",
    )


def draw_ratios(
    panels: Sequence[tuple[str, Mapping[str, Estimate]]], looks: Mapping[str, Look], x: str
) -> Figure:
    """Ratios with their intervals: named panels, and in each a row for each name.

    Of more than `MOST_PANELS` the first are drawn.
    """
    panels = panels[:MOST_PANELS]
    first = dict(chain.from_iterable(known.items() for _, known in reversed(panels)))
    rows = sorted(first, key=lambda name: first[name].value)
    wide = max(len(title) for title, _ in panels) > _LETTERS
    columns = min(len(panels), 2 if wide or len(panels) == 4 else 3)
    down = -(-len(panels) // columns)
    drawing = figure(WIDTH, 0.7 + down * (0.8 + 0.34 * len(rows)))
    every = drawing.subplots(down, columns, sharex=True, sharey=True, squeeze=False).flatten()
    for axes, (title, known) in zip(every, panels, strict=False):
        for row, name in enumerate(rows):
            if ratio := known.get(name):
                _row(axes, row, ratio, looks[name])
        axes.axvline(1, color="black", linewidth=1)
        axes.set_title(title, fontsize=12)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    axes = every[0]
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.margins(x=0.2)
    for axes in every:
        log_axis(axes, "x", lambda value: f"{value:g}x")
    for axes in every[len(panels) :]:
        axes.set_visible(False)
    for axes in every[max(0, len(panels) - columns) : len(panels)]:  # the last of each column
        axes.tick_params(labelbottom=True)
    drawing.supxlabel(x, fontsize=13)
    return drawing


def _row(axes: Axes, row: int, ratio: Estimate, look: Look) -> None:
    low, high = ratio.low or ratio.value, ratio.high or ratio.value
    axes.plot([low, high], [row, row], color=look["color"], linewidth=2.5, solid_capstyle="butt")
    fill: Look = {} if ratio.decided else {"markerfacecolor": "white", "markeredgewidth": 2}
    axes.plot([ratio.value], [row], **look, **fill)
    axes.annotate(
        f"{number(ratio.value)}x",
        (high, row),
        (8, 0),
        textcoords="offset points",
        va="center",
        fontsize=11,
        bbox={"facecolor": "white", "linewidth": 0, "pad": 1},
    )
