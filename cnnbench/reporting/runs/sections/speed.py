"""Speed: time per call against FLOPs on paper, a view of the chart that can be explored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from cnnbench import units
from cnnbench.reporting import style
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs import live
from cnnbench.reporting.runs.data import Data, grouped
from cnnbench.reporting.series import Series
from cnnbench.reporting.series import draw as draw_series
from cnnbench.reporting.style import GREY, Axes, Figure, Look
from cnnbench.reporting.tables import LEAST, MISSING, UNKNOWN
from cnnbench.runs.result import Result, flops_rate, timed

ORDER = 48


def add(document: Document, data: Data) -> None:
    """A figure if any case that computes something was timed."""
    speeds = [r.speed for r in data.results if r.speed]
    if speeds:
        document.section("Explore")
        with document.live("explore", live.rates(speeds)):
            drawn = partial(draw, data.results, data.looks)
            document.picture("flops.png", "time per call over FLOPs", drawn)


def flops(result: Result) -> str:
    """FLOPs on paper of what is timed; a lower bound, or unknown, if a layer has no rule."""
    return _counted(result, units.count(result.flops))


def _counted(result: Result, text: str) -> str:
    if not result.cost.uncounted:
        return text
    return f"{LEAST}{text}" if result.flops else UNKNOWN


def speed(result: Result) -> str:
    """FLOPs on paper a second of measured time, with the same doubt."""
    return MISSING if result.speed is None else _counted(result, flops_rate(result.speed))


def draw(results: Sequence[Result], looks: Mapping[str, Look]) -> Figure:
    """Measured time over FLOPs on paper, with lines of constant speed."""
    measured = timed(results)
    clouds = [
        Series(label, label, [(r.flops, time) for r, time in mine if r.flops])
        for label, mine in grouped(measured, lambda pair: pair[0].label).items()
    ]

    times = [time.value for _, time in measured]
    speeds = [rate for r, _ in measured if (rate := r.speed)]

    def finish(axes: Axes, owner: Series | None) -> None:
        style.around(axes, times)
        style.log_axis(axes, "x", units.count)
        style.log_axis(axes, "y", units.seconds)
        named = owner in (None, next(cloud for cloud in clouds if cloud.points))
        _speed_lines(axes, speeds, named)

    axes_names = "FLOPs of one call, on paper", "time per call, measured"
    return draw_series(clouds, looks, finish, *axes_names)


def _speed_lines(axes: Axes, speeds: Sequence[float], named: bool) -> None:
    """Lines of 1, 10, 100 ... GFLOP/s across the plot, with their names."""
    if not speeds:
        return
    x, y = np.array(axes.get_xlim()), axes.get_ylim()
    first, last = np.floor(np.log10(min(speeds))), np.ceil(np.log10(max(speeds)))
    for rate in 10.0 ** np.arange(first, last + 1):
        axes.plot(x, x / rate, color=GREY, linewidth=0.8, zorder=0)
        right = min(x[1], y[1] * rate)  # where the line leaves the plot
        if named and right > 8 * x[0] and right / rate > 8 * y[0]:
            style.along(axes, (right, right / rate), style.brief(flops_rate(rate)))
    axes.set_xlim(x[0], x[1])
    axes.set_ylim(y)
