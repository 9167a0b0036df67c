"""DIAGRAM: the architecture of a network as a picture, or of two side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve
from matplotlib.textpath import text_to_path

from cnnbench import units
from cnnbench.errors import CnnbenchError
from cnnbench.graph import Graph
from cnnbench.reporting import style
from cnnbench.reporting.analysis.boxes import Architecture, Box, boxes, edges_of, of_graph, wrapped
from cnnbench.reporting.analysis.layered import Layout, Point, layout
from cnnbench.reporting.style import Axes, Figure
from cnnbench.reporting.tables import LEAST

_SIZE, _SMALL, _TITLE = 9, 8, 11  # points
_LINE = 0.16  # inches of a line of text
_PAD, _ACROSS, _DOWN, _APART, _EDGE = 0.08, 0.16, 0.52, 0.7, 0.15
_SHAPE = 0.22  # of the shape below a box, where its arrows begin
_TINTS = {
    "work": ("#d6e6f4", "#0072B2"),
    "pool": ("#fbe3cf", "#D55E00"),
    "merge": ("#d3eee3", "#009E73"),
    "other": ("#f0f0f0", "#666666"),
}
"""Of multiply-adds, pooling, what joins several inputs, and all else: of the box, of its edge."""


def write(graphs: Sequence[Graph], path: Path, depth: int | None = None) -> None:
    """Draw one or two networks into a .svg, .png or .pdf file.

    At `depth` of the tree (`views.tree`) a block is one box; if None, at the deepest that can be
    read.

    Raises:
        CnnbenchError: the file cannot be written, or a network has too many boxes.
    """
    style.check(path)
    networks = [of_graph(graph) for graph in graphs]
    boxed = [boxes(network, depth) for network in networks]
    style.write(lambda: _draw(networks, boxed), path)


def readable(networks: Sequence[Architecture]) -> Callable[[], Figure] | None:
    """What draws two networks side by side; None where not both can be read."""
    try:
        boxed = [boxes(network) for network in networks]
    except CnnbenchError:
        return None
    return partial(_draw, networks, boxed) if len(boxed) > 1 else None


def _draw(networks: Sequence[Architecture], boxed: Sequence[Sequence[Box]]) -> Figure:
    edges = [edges_of(network, found) for network, found in zip(networks, boxed, strict=True)]
    layouts = [
        layout([size_of(box) for box in found], pairs, _ACROSS, _DOWN)
        for found, pairs in zip(boxed, edges, strict=True)
    ]
    titles = [_title(network) for network in networks]
    widths = [
        max(place.width, *(_width(line, _TITLE, bold=True) for line in title))
        for place, title in zip(layouts, titles, strict=True)
    ]
    top = _EDGE + 0.22 * max(map(len, titles)) + 0.1
    width = sum(widths) + _APART * (len(widths) - 1) + 2 * _EDGE
    height = top + max(place.height for place in layouts) + 0.3 + _EDGE
    drawing = Figure(figsize=(width, height))
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    left = _EDGE
    for network, found, pairs, place, title, wide in zip(
        networks, boxed, edges, layouts, titles, widths, strict=True
    ):
        middle = left + wide / 2
        for line, text in enumerate(title):
            weight = "normal" if line == len(title) - 1 else "bold"
            at = _EDGE + 0.22 * line
            axes.text(middle, at, text, size=_TITLE, weight=weight, ha="center", va="top")
        _network(axes, network, found, pairs, place, (middle - place.width / 2, top))
        left += wide + _APART
    return drawing


def _title(network: Architecture) -> list[str]:
    costs = network.cost
    least = LEAST if costs.uncounted else ""
    sums = f"{units.count(costs.params)} parameters, {least}{units.count(costs.flops, 'FLOPs')}"
    batch = costs.input_shape[0] if costs.input_shapes else 1
    return [*wrapped([network.name], 44), sums + (f", batch {batch}" if batch > 1 else "")]


def _network(
    axes: Axes,
    network: Architecture,
    found: Sequence[Box],
    pairs: dict[tuple[int, int], int],
    place: Layout,
    corner: Point,
) -> None:
    """Draw boxes, arrows, and below each box the shape that leaves it."""
    left, top = corner
    for way in place.ways.values():
        (x, y), *rest = way
        _arrow(axes, [(left + x, top + y) for x, y in ((x, y + _SHAPE), *rest)])
    leaving: dict[int, dict[str, None]] = {}
    for (source, _), layer in pairs.items():
        shape = network.cost.layers[layer].output_shape
        leaving.setdefault(source, {})[_sizes(shape)] = None
    for index, (box, (x, y)) in enumerate(zip(found, place.centres, strict=True)):
        _box(axes, box, left + x, top + y)
        axes.text(
            left + x,
            top + y + size_of(box)[1] / 2 + 0.06,
            " / ".join(leaving.get(index, {_sizes(box.shape): None})),
            size=_SMALL,
            ha="center",
            va="top",
            color="#333333",
        )


def _box(axes: Axes, box: Box, x: float, y: float) -> None:
    width, height = size_of(box)
    fill, line = _TINTS[box.kind]
    for back in range(min(box.times, 3) - 1, -1, -1):  # as a pile, if it stands for several
        axes.add_patch(
            FancyBboxPatch(
                (x - width / 2 + 0.04 * back, y - height / 2 - 0.04 * back),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.05",
                facecolor=fill,
                edgecolor=line,
                linewidth=1,
            )
        )
    for row, text in enumerate(box.texts):
        at = y + _LINE * (row - (len(box.texts) - 1) / 2)
        size, weight = (_SMALL, "normal") if row else (_SIZE, "bold")
        axes.text(x, at, text, size=size, weight=weight, ha="center", va="center")


def _arrow(axes: Axes, way: Sequence[Point]) -> None:
    """A line that leaves and arrives upright, with a head."""
    points, codes = [way[0]], [Curve.MOVETO]
    for (x, y), (to_x, to_y) in pairwise(way):
        half = (y + to_y) / 2
        points += [(x, half), (to_x, half), (to_x, to_y)]
        codes += [Curve.CURVE4] * 3
    look = {"facecolor": "none", "edgecolor": "#666666", "linewidth": 1, "zorder": 0}
    axes.add_patch(PathPatch(Curve(points, codes), **look))
    (x, y), size = way[-1], 0.05
    head = [(x, y), (x - size, y - 1.8 * size), (x + size, y - 1.8 * size), (x, y)]
    axes.add_patch(PathPatch(Curve(head), facecolor="#666666", linewidth=0, zorder=2))


def _sizes(shape: tuple[int, ...]) -> str:
    return units.shape(shape[1:]) or "1"


def _width(text: str, size: float, bold: bool = False) -> float:
    """Inches of a text."""
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0]) / 72


def size_of(box: Box) -> tuple[float, float]:
    """Width and height, inches."""
    first, *rest = box.texts
    widths = [_width(first, _SIZE, bold=True), *(_width(line, _SMALL) for line in rest)]
    return max(widths) + 2 * _PAD, _LINE * len(box.texts) + 1.4 * _PAD
