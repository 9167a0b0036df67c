"""Compared: every network beside the base of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from cnnbench import stats, units
from cnnbench.cases.case import sizes
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.runs.page import Data
from cnnbench.reporting.runs.sections.speed import flops
from cnnbench.reporting.style import COLOURS, GREY, Figure, figure, log_axis
from cnnbench.reporting.tables import MISSING, Table, interval, number, optional
from cnnbench.runs.result import Result, ratio
from cnnbench.runs.store import Run
from cnnbench.stats import Estimate

ORDER = 5


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
        return ", ".join([*shared, f"batch {case.batch_size}", case.device, case.mode])


def add(document: Document, data: Data) -> None:
    """A sentence and a ranking for every setting (size, batch, ...), and a figure of all ratios."""
    places = against(data.run, data.results)
    if not places:
        return
    document.section(f"Compared with {data.run.plan.base}")
    for place in places:
        document.text(sentence(place))
        document.table(ranking(place))
        document.bullets(notes((result.label, ratio) for result, ratio in place.others))
    if any(ratio for place in places for _, ratio in place.others):
        alt = f"time over that of {data.run.plan.base}"
        document.picture("compared.png", alt, partial(draw, places))


def against(run: Run, results: Sequence[Result]) -> list[Against]:
    """Every setting in which the base of a run has others beside it; none without a base."""
    known = {result.case.id: result for result in results}
    settings = []
    for row in run.plan.together:
        present = [known[key] for key in row if key in known]
        base = next((result for result in present if result.label == run.plan.base), None)
        if base:
            others = [(result, ratio(base, result)) for result in present if result is not base]
            settings.append(Against(base, tuple(others)))
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
        faster = Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low, ratio.n)
        return f"{result.label} is {interval(faster, number)} times as fast as {base}"
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


def draw(places: list[Against]) -> Figure:
    """The ratios with their intervals, one row for each network and setting."""
    rows = [
        (f"{result.label}, {place.where}", ratio)
        for place in places
        for result, ratio in place.others
        if ratio
    ]
    drawing = figure(12, 1.8 + 0.5 * len(rows))
    axes = drawing.subplots()
    for row, (_, found) in enumerate(rows):
        colour = GREY if not found.decided else COLOURS[2] if found.value < 1 else COLOURS[1]
        low, high = found.low or found.value, found.high or found.value
        axes.plot([low, high], [row, row], color=colour, linewidth=4, solid_capstyle="butt")
        axes.plot([found.value], [row], color=colour, marker="o")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    log_axis(axes, "x", lambda value: f"{value:g}x")
    axes.margins(x=0.1)
    axes.set_xlabel(f"times as long as {places[0].base.label}: 95 % interval (grey: it contains 1)")
    return drawing
