"""Speed: time per call against FLOPs on paper."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from cnnbench import units
from cnnbench.reporting import style
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.runs.page import Data
from cnnbench.reporting.style import GREY, Axes, Figure
from cnnbench.reporting.tables import LEAST, MISSING, UNKNOWN, Columns, interval, of_items
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
    document.table(of_items(data.results, _COLUMNS))
    document.bullets(notes((r.name, time) for r, time in measured))
    if any(r.flops for r, _ in measured):
        document.picture("flops.png", "time per call over FLOPs", partial(draw, data.results))


def flops(result: Result) -> str:
    """FLOPs on paper of what is timed; a lower bound, or unknown, if a layer has no rule."""
    return _counted(result, units.count(result.flops))


def _counted(result: Result, text: str) -> str:
    if not result.cost.uncounted:
        return text
    return f"{LEAST}{text}" if result.flops else UNKNOWN


_COLUMNS: Columns[Result] = {
    "case": lambda r: r.name,
    "FLOPs": flops,
    "time per call": lambda r: interval(r.time, units.seconds),
    "speed": lambda r: MISSING if r.speed is None else _counted(r, flops_rate(r.speed)),
}


def draw(results: Sequence[Result]) -> Figure:
    """Measured time over FLOPs on paper, with lines of constant speed."""
    drawing = style.figure(12, 8)
    axes = drawing.subplots()
    measured = timed(results)
    for look, mine in style.by_look(measured, lambda pair: pair[0].label):
        points = [(r.flops, time) for r, time in mine if r.flops]
        style.errorbars(axes, points, linestyle="none", elinewidth=1, **look)
    style.around(axes, [time.value for _, time in measured])
    style.log_axis(axes, "x", units.count)
    style.log_axis(axes, "y", units.seconds)
    _speed_lines(axes, [r.speed for r, _ in measured if r.speed])
    axes.set(xlabel="FLOPs of one call, on paper", ylabel="time per call, measured")
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
                style.brief(flops_rate(rate)),
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
