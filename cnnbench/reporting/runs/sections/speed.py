"""Speed: time per call against FLOPs on paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.runs.page import Data, flops, speed
from cnnbench.reporting.style import (
    GREY,
    Axes,
    Figure,
    around,
    bars,
    brief,
    figure,
    log_axis,
    looks,
)
from cnnbench.reporting.tables import Table, interval
from cnnbench.runs.result import Result, flops_rate, timed

ORDER = 40


def add(document: Document, data: Data) -> None:
    """Every case, timed or not, and a figure if any that computes something was timed."""
    measured = timed(data.results)
    document.section("Time against FLOPs")
    document.text(
        "Time: the geometric mean over launches of the median call after the warm-up. Speed: the "
        "FLOPs on paper divided by that time."
    )
    document.table(rows(data.results))
    document.bullets(notes((r.name, time) for r, time in measured))
    if any(r.flops for r, _ in measured):
        document.picture("flops.png", "time per call over FLOPs", partial(draw, data.results))


def rows(results: Iterable[Result]) -> Table:
    """FLOPs on paper, time per call and the speed reached, of every case, timed or not."""
    headers = ["case", "FLOPs", "time per call", "speed"]
    return headers, [
        [
            r.name,
            flops(r),
            interval(r.time, units.seconds),
            speed(r),
        ]
        for r in results
    ]


def draw(results: Sequence[Result]) -> Figure:
    """Measured time over FLOPs on paper, with lines of constant speed."""
    drawing = figure(12, 8)
    axes = drawing.subplots()
    measured = timed(results)
    for label, (colour, marker) in looks(r.label for r, _ in measured).items():
        points = [(r.flops, time) for r, time in measured if r.label == label and r.flops]
        axes.errorbar(
            [x for x, _ in points],
            [time.value for _, time in points],
            yerr=bars([time for _, time in points]),
            color=colour,
            marker=marker,
            linestyle="none",
            elinewidth=1,
            label=label,
        )
    around(axes, [time.value for _, time in measured])
    log_axis(axes, "x", units.count)
    log_axis(axes, "y", units.seconds)
    _speed_lines(axes, [r.speed for r, _ in measured if r.speed])
    axes.set_xlabel("FLOPs of one call, on paper")
    axes.set_ylabel("time per call, measured")
    drawing.legend(loc="outside right upper")
    return drawing


def _speed_lines(axes: Axes, speeds: Sequence[float]) -> None:
    """Lines of 1, 10, 100 ... GFLOP/s across the plot, each with its name."""
    if not speeds:
        return
    x, y = np.array(axes.get_xlim()), axes.get_ylim()
    first, last = np.floor(np.log10(min(speeds))), np.ceil(np.log10(max(speeds)))
    for rate in 10.0 ** np.arange(first, last + 1):
        axes.plot(x, x / rate, color=GREY, linewidth=1, zorder=0)
        # The name stands to the left of the point at which the line leaves the plot.
        right = min(x[1], y[1] * rate)
        if right > 8 * x[0] and right / rate > y[0]:
            axes.annotate(
                brief(flops_rate(rate)),
                (right, right / rate),
                xytext=(-26, -4),
                textcoords="offset points",
                ha="right",
                va="top",
                color=GREY,
                fontsize=11,
            )
    axes.set_xlim(x[0], x[1])
    axes.set_ylim(y)
