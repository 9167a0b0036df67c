"""A sweep as a figure: the configurations in the plane of two objectives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from cnnbench import units
from cnnbench.design_space.grid import LABELS
from cnnbench.design_space.rows import Sweep
from cnnbench.errors import CnnbenchError
from cnnbench.reporting.design_space.sweep import header, title
from cnnbench.reporting.style import COLOURS, GREY, Figure, brief, figure, log_axis, write

WIDE = 8
"""From this ratio of its largest value to its smallest on, an axis is logarithmic."""
MOST_DOTS = 60
"""The most points of a front that can still be seen one by one."""


def plane(sweep: Sweep, path: Path) -> None:
    """Draw the first two objectives of a sweep into a file; an error if there is only one."""
    if len(sweep.objectives) < 2:
        raise CnnbenchError("a figure needs two objectives, one for each axis; got one")
    write(lambda: draw(sweep), path)


def draw(sweep: Sweep) -> Figure:
    """A sample of the configurations, and on top of them the front, or the first rows.

    With two objectives the front is a line; there is nothing on its better side.
    """
    drawing = figure(12, 8)
    axes = drawing.subplots()
    cloud, line = sweep.cloud, sweep.line[sweep.line[:, 0].argsort(kind="stable")]
    shown, within = len(cloud), sweep.within_limits
    many = f"{shown:,} of {within:,}" if shown < within else f"{within:,}"
    axes.scatter(
        cloud[:, 0],
        cloud[:, 1],
        s=9,
        color=GREY,
        alpha=0.15 if len(cloud) > 1000 else 0.5,
        linewidths=0,
        rasterized=True,
        label=f"configurations, {many}",
    )
    axes.plot(
        line[:, 0],
        line[:, 1],
        drawstyle="steps-pre" if sweep.objectives[0].maximize else "steps-post",
        linestyle="-" if sweep.pareto and len(sweep.objectives) == 2 else "none",
        marker="o" if len(line) <= MOST_DOTS or len(sweep.objectives) > 2 else "",
        markersize=5,
        color=COLOURS[1],
        label=_best(sweep, len(line)),
    )
    for which, objective, values in zip("xy", sweep.objectives, cloud.T, strict=False):
        axes.set(**{f"{which}label": header(objective.metric)})
        show = units.binary if "bytes" in LABELS[objective.metric] else units.count
        if values.max() > WIDE * values.min() > 0:
            log_axis(axes, which, show)
        else:
            axis = axes.xaxis if which == "x" else axes.yaxis
            axis.set_major_formatter(partial(_tick, show))
    axes.set_title(title(sweep))
    legend = drawing.legend(loc="outside lower left", markerscale=2)
    for handle in filter(None, legend.legend_handles):
        handle.set_alpha(1)
    return drawing


def _tick(show: Callable[[float], str], value: float, _: int) -> str:
    return brief(show(value))


def _best(sweep: Sweep, count: int) -> str:
    """The legend of the dots: what they are, and the first and the last of them."""
    ends = [
        ", ".join(f"{name}={values[row]}" for name, values in sweep.values.items())
        for row in (0, -1)
    ]
    which = f"Pareto front, {count:,}" if sweep.pareto else f"the first {count:,}"
    return f"{which}: from {ends[0]}\nto {ends[1]}"
