"""Spread: how much launches differ from each other, and calls within a launch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from statistics import median

import numpy as np

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data
from cnnbench.reporting.style import WIDTH, Axes, Figure, Look, figure, fixed_log_axis
from cnnbench.reporting.tables import Columns, interval, of_items, optional, percent
from cnnbench.runs.result import Result, timed
from cnnbench.stats import BEYOND, FEW, percentile, steady

ORDER = 62
MOST_ROWS = 24

COLUMNS: Columns[Result] = {
    "case": lambda r: r.name,
    "launches": lambda r: str(len(r.samples)),
    "calls": lambda r: str(r.calls),
    "of these warm-up": lambda r: str(r.warmup_calls),
    "CV of launches": lambda r: optional(r.spread.between if r.spread else None, percent),
    "IQR of calls": lambda r: optional(r.spread.within if r.spread else None, percent),
    "95th percentile of calls": lambda r: interval(
        percentile(r.samples.values(), 95), units.seconds
    ),
}

_TICKS = (0, 100, -50, 400, -90, 900, -99, 50, 200, 25, -25, -75, 10, -10)
"""Percentages; of those that are too near to each other, the first ones have a label."""


def add(document: Document, data: Data) -> None:
    """Every case with calls after the warm-up; the figure has each of its launches."""
    results = [r for r in data.results if r.spread]
    if not results:
        return
    document.section("Can I trust it?")
    document.text(summary(results))
    with document.folded("Spread of every launch"):
        document.text(
            f"The percentile is given only if there are {FEW} launches or more, each with at least "
            f"{BEYOND} calls above it."
        )
        document.table(of_items(results, COLUMNS))
        drawn = partial(draw, results, data.looks)
        document.picture("spread.png", "spread of every launch", drawn)


def summary(results: Iterable[Result]) -> str:
    """The median spread between and within launches, in a sentence."""
    spreads = [r.spread for r in results if r.spread]
    between = [s.between for s in spreads if s.between is not None]
    within = percent(median(s.within for s in spreads))
    text = f"Median over the cases: calls within a launch vary by {within} (IQR / median)"
    if not between:
        return f"{text}; no case has two launches."
    return f"{text}, launches by {percent(median(between))} (CV of their medians)."


def draw(results: Sequence[Result], looks: Mapping[str, Look]) -> Figure:
    """Every launch of every case: its middle 80 % of calls and its median.

    Of more cases than two columns hold, those whose launches differ most.
    """
    spread = {r.name: (r.spread.between or r.spread.within) for r in results if r.spread}
    least = sorted(spread.values(), reverse=True)[: 2 * MOST_ROWS][-1]
    measured = [pair for pair in timed(results) if spread.get(pair[0].name, -1) >= least]
    measured = measured[: 2 * MOST_ROWS]
    columns = 1 if len(measured) <= MOST_ROWS // 2 else 2
    rows = -(-len(measured) // columns)
    drawing = figure(WIDTH, 1 + 0.33 * rows)
    panels = drawing.subplots(1, columns, sharex=True, squeeze=False)[0]
    for column, axes in enumerate(panels):
        mine = measured[column * rows :][:rows]
        for row, (r, time) in enumerate(mine):
            _launches(axes, row, r, time.value, looks[r.label]["color"])
        axes.axvline(1, color="black", linewidth=1)
        axes.set_yticks(range(len(mine)), [r.name for r, _ in mine], fontsize=11)
        axes.set_ylim(rows - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    fixed_log_axis(panels[0], [1 + percent / 100 for percent in _TICKS], _difference)
    widest = f"; the {len(measured)} widest of {len(results)} cases"
    drawing.supxlabel(
        "difference from the case's time in %\n(dot: a launch's median; line: 80 % of its calls"
        f"{widest if len(measured) < len(results) else ''})",
        fontsize=13,
    )
    return drawing


def _launches(axes: Axes, row: int, r: Result, time: float, colour: str) -> None:
    """Draw the launches of a case into its row."""
    calls = [steady(samples) for samples in r.samples.values()]
    parts = [np.percentile(one, (10, 50, 90)) / time for one in calls if one]
    heights = [row + 0.7 * ((index + 0.5) / len(parts) - 0.5) for index in range(len(parts))]
    low, middle, high = np.array(parts).T
    axes.hlines(heights, low, high, colors=colour, linewidth=1.2, alpha=0.6)
    axes.scatter(middle, heights, color=colour, s=12)


def _difference(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.0f}" if round(ratio, 6) != 1 else "0"
