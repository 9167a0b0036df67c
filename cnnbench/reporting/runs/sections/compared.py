"""Compared: every network beside the base of the run."""

from __future__ import annotations

from functools import partial

from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.against import Against, against
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.runs.page import Data
from cnnbench.reporting.runs.summary import ranking, sentence
from cnnbench.reporting.style import COLOURS, GREY, Figure, figure, log_axis

ORDER = 5


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
    for row, (_, ratio) in enumerate(rows):
        colour = GREY if not ratio.decided else COLOURS[2] if ratio.value < 1 else COLOURS[1]
        low, high = ratio.low or ratio.value, ratio.high or ratio.value
        axes.plot([low, high], [row, row], color=colour, linewidth=4, solid_capstyle="butt")
        axes.plot([ratio.value], [row], color=colour, marker="o")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    log_axis(axes, "x", lambda value: f"{value:g}x")
    axes.margins(x=0.1)
    axes.set_xlabel(f"times as long as {places[0].base.label}: 95 % interval (grey: it contains 1)")
    return drawing
