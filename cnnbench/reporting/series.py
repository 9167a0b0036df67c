"""SERIES: networks in one figure.

Up to six share a panel, each in its colour with its name beside it. Of more, each has a panel of
its own, in front of all others in grey; all panels have the same axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import nan
from textwrap import fill

from matplotlib.backends.backend_agg import FigureCanvasAgg

from cnnbench.reporting import labels, style
from cnnbench.reporting.labels import Label
from cnnbench.reporting.style import FAINT, MOST_COLOURS, Axes, Figure, Look, dark
from cnnbench.stats import Estimate

MOST_PANELS = 12
MOST_VECTORS, MOST_POINTS = 60, 500
"""The most points behind a panel that an SVG has as shapes, and the most in it."""
_COLUMNS = 3
_HEIGHT, _BELOW = 1.5, 0.75  # inches of a panel, and of what is below the last one
_TITLE = 32  # characters in a line of a panel's title


@dataclass(frozen=True, slots=True)
class Series:
    """The points of a network: its name in this figure, and the network, which has a look."""

    name: str
    network: str
    points: Sequence[tuple[float, Estimate]]


def exact(value: float) -> Estimate:
    """A value without an interval."""
    return Estimate(value, None, None, 1)


def draw(
    series: Sequence[Series],
    looks: Mapping[str, Look],
    finish: Callable[[Axes, Series | None], None],
    x: str,
    y: str,
    line: str = "none",
) -> Figure:
    """The series as points with their intervals, joined by lines of the style `line`.

    Args:
        series: what is drawn; those without points are left out.
        looks: colour and marker, by network.
        finish: makes the axes of a panel and draws what is behind the points, once these are
            there; it is told whose panel it is, None where all share one.
        x: what is across, with its unit.
        y: what is up.
        line: the style of the lines; none by default.
    """
    series = [one for one in series if one.points]
    if len(series) > MOST_COLOURS:
        return _apart(series, looks, finish, x, y, line)
    drawing = style.figure(style.WIDTH, 6.5)
    axes = drawing.subplots()
    for one in series:
        _paint(axes, one, looks[one.network], line)
    finish(axes, None)
    axes.set(xlabel=x, ylabel=y)
    joined = [_points(one) for one in series] if line != "none" else []
    if joined:  # room for the names, which stand at the right ends
        low, high = axes.get_xlim()
        axes.set_xlim(low, high * (high / low) ** 0.3)
    names = [
        Label(one.name, _points(one)[::-1], dark(looks[one.network]["color"])) for one in series
    ]
    if len(names) > 1 or joined:
        labels.place(drawing, axes, names, joined)
    else:
        axes.set_title(series[0].name if series else "")
    return drawing


def _apart(
    series: Sequence[Series],
    looks: Mapping[str, Look],
    finish: Callable[[Axes, Series | None], None],
    x: str,
    y: str,
    line: str,
) -> Figure:
    shown = series[:MOST_PANELS]
    titles = [fill(one.name, _TITLE) for one in shown]
    rows = -(-len(shown) // _COLUMNS)
    gap = 0.15 + 0.2 * max(title.count("\n") + 1 for title in titles)
    height = rows * (_HEIGHT + gap) + _BELOW
    drawing = Figure(figsize=(style.WIDTH, height))
    panels = drawing.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False).flatten()
    for axes, one, title in zip(panels, shown, titles, strict=False):
        others = [[*_points(other), (nan, nan)] for other in series if other is not one]
        points = list(chain.from_iterable(others))
        # As pixels where they are many: an SVG would have all of them in each panel.
        pixels = len(points) > MOST_VECTORS
        axes.plot(*zip(*points, strict=True), **FAINT, linestyle=line, rasterized=pixels)
        _paint(axes, one, {**looks[one.network], "markersize": 6}, line)
        axes.set_title(title, color=dark(looks[one.network]["color"]), fontsize=11, loc="left")
    for axes, one in zip(panels, shown, strict=False):
        finish(axes, one)
    for place, axes in enumerate(panels):
        axes.tick_params(labelsize=11)
        axes.set_visible(place < len(shown))
        axes.xaxis.set_tick_params(labelbottom=place + _COLUMNS >= len(shown))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_label_coords(0, 0)  # there is none: no place has to be found for it
    more = f", {len(series) - len(shown)} of them only so" if len(series) > len(shown) else ""
    drawing.supxlabel(f"{x} (grey: the others{more})", fontsize=13, y=0.1 / height)
    drawing.supylabel(y, fontsize=13, x=0.1 / style.WIDTH)
    # Not a constrained layout, which takes as long again as the figure. The heights first: how many
    # ticks have labels, of which the widest counts, follows from them.
    drawing.subplots_adjust(
        top=1 - gap / height, bottom=_BELOW / height, wspace=0.1, hspace=gap / _HEIGHT
    )
    renderer = FigureCanvasAgg(drawing).get_renderer()  # type: ignore[no-untyped-call]
    left = 0.45 + panels[0].yaxis.get_tightbbox(renderer).width / drawing.dpi
    drawing.subplots_adjust(left=left / style.WIDTH, right=1 - 0.25 / style.WIDTH)
    return drawing


def _points(one: Series) -> list[tuple[float, float]]:
    return [(x, estimate.value) for x, estimate in one.points]


def _paint(axes: Axes, one: Series, look: Look, line: str) -> None:
    bars: Look = {"linestyle": line, "elinewidth": 1.2, "zorder": 3}
    style.errorbars(axes, one.points, **look, **bars, rasterized=len(one.points) > MOST_POINTS)
