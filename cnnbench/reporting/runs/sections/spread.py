"""Spread: how much launches differ from each other, and calls within a launch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import partial
from statistics import median

import numpy as np

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.page import Data
from cnnbench.reporting.style import COLOURS, Figure, figure, fixed_log_axis
from cnnbench.reporting.tables import Columns, interval, of_items, optional, percent
from cnnbench.runs.result import Result, timed
from cnnbench.stats import BEYOND, FEW, percentile, steady

ORDER = 60

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

_TICKS = (-99, -90, -75, -50, -25, 0, 25, 50, 100, 200, 400, 900)
"""Percentages that are far enough apart on a logarithmic axis."""


def add(document: Document, data: Data) -> None:
    """Every case with calls after the warm-up; the figure has each of its launches."""
    results = [r for r in data.results if r.spread]
    if not results:
        return
    document.section("Spread of the samples")
    document.text(
        f"{summary(results)} The percentile is given only if there are {FEW} launches or more, "
        f"each with at least {BEYOND} calls above it."
    )
    document.table(of_items(results, COLUMNS))
    document.picture("spread.png", "spread of every launch", partial(draw, results))


def summary(results: Iterable[Result]) -> str:
    """The median spread between and within launches, in a sentence."""
    spreads = [r.spread for r in results if r.spread]
    between = [s.between for s in spreads if s.between is not None]
    within = percent(median(s.within for s in spreads))
    text = f"Median over the cases: calls within a launch vary by {within} (IQR / median)"
    if not between:
        return f"{text}; no case has two launches."
    return f"{text}, launches by {percent(median(between))} (CV of their medians)."


def draw(results: Sequence[Result]) -> Figure:
    """Every launch of every case: its middle 80 % of calls and its median."""
    measured = timed(results)
    drawing = figure(12, 1.8 + 0.32 * len(measured))
    axes = drawing.subplots()
    launches = [
        (row + 0.7 * ((index + 0.5) / len(r.samples) - 0.5), np.array(steady(samples)) / time.value)
        for row, (r, time) in enumerate(measured)
        for index, samples in enumerate(r.samples.values())
        if steady(samples)
    ]
    heights = [height for height, _ in launches]
    low, middle, high = np.array([np.percentile(calls, (10, 50, 90)) for _, calls in launches]).T
    colours = [COLOURS[round(height) % 2] for height in heights]
    axes.hlines(heights, low, high, colors=colours, linewidth=1.5, alpha=0.6)
    axes.scatter(middle, heights, c=colours, s=22)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(measured)), [r.name for r, _ in measured])
    axes.set_ylim(len(measured) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    ticks = [1 + percent / 100 for percent in _TICKS]
    # One tick beyond the data on each side, if there is one.
    first, last = bisect_left(ticks, low.min()) - 1, bisect_right(ticks, high.max())
    fixed_log_axis(axes, ticks[max(first, 0) : last + 1], _difference)
    axes.set_xlabel("difference from the case's time (dot: a launch's median; line: 80 % of calls)")
    return drawing


def _difference(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.0f} %" if round(ratio, 6) != 1 else "0 %"
