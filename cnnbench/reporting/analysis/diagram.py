"""DIAGRAM: the architecture of a network as a picture, or of two side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from itertools import chain, pairwise, takewhile
from pathlib import Path

from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve
from matplotlib.textpath import text_to_path

from cnnbench import units
from cnnbench.analysis.views import is_automatic, leaves, tree
from cnnbench.analysis.wiring import Wiring, runs, wiring
from cnnbench.cost import Cost, LayerCost, cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import Graph
from cnnbench.reporting import style
from cnnbench.reporting.analysis.layered import Layout, Point, layout
from cnnbench.reporting.style import Axes, Figure
from cnnbench.reporting.tables import LEAST

FEW_BOXES, MOST_BOXES = 24, 60
"""Blocks are drawn as one box each rather than more than a few; more than most nobody can read."""
MOST_TENSORS = 3
"""So many may pass between two blocks that have no name."""
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
_SHORT = {"BatchNormalization": "batch norm", "LayerNormalization": "layer norm"}


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network that can be drawn: its name, its costs, and how its layers are connected."""

    name: str
    cost: Cost
    wiring: Wiring


@dataclass(frozen=True, slots=True)
class Box:
    """Some layers as one box: its first layers, or all those that it stands for.

    Args:
        members: the indices of its layers.
        name: in bold.
        lines: what else stands in it.
        kind: what colours it.
        shape: of its output, batch first.
        times: how many alike it stands for, one after the other.
        alike: equal for boxes with equal layers.
    """

    members: tuple[int, ...]
    name: str
    lines: tuple[str, ...]
    kind: str
    shape: tuple[int, ...]
    times: int = 1
    alike: object = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The lines in it, the first in bold."""
        return (f"{self.times} x {self.name}" if self.times > 1 else self.name, *self.lines)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, inches."""
        first, *rest = self.texts
        widths = [_width(first, _SIZE, bold=True), *(_width(line, _SMALL) for line in rest)]
        return max(widths) + 2 * _PAD, _LINE * len(self.texts) + 1.4 * _PAD


def of_graph(graph: Graph) -> Architecture:
    """A graph that was just traced."""
    return Architecture(graph.name, cost(graph), wiring(graph))


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


def boxes(network: Architecture, depth: int | None = None) -> list[Box]:
    """The boxes of a network in its order; an error if it has more than can be read.

    Where the names of layers tell no blocks, or too many, a block is what lies between two places
    where a single tensor passes.
    """
    found = _by_name(network, depth)
    if depth is None and (len(found) > FEW_BOXES or _says_little(network, found)):
        both = found, _by_cuts(network)
        found = min(both, key=lambda boxes: (_says_little(network, boxes), len(boxes)))
    if len(found) <= MOST_BOXES:
        return found
    raise CnnbenchError(
        f"{network.name or 'the network'} would need {len(found)} boxes, and a picture of more "
        f"than {MOST_BOXES} cannot be read: "
        + (
            "give a smaller --depth"
            if depth and depth > 1
            else "--format mermaid has room for more"
        )
    )


def _by_name(network: Architecture, depth: int | None) -> list[Box]:
    """A box for each part of the tree at a depth; if None, at the deepest that has few."""
    rows = tree(network.cost)
    deepest = max((row.depth for row in rows), default=1)
    for level in [min(depth, deepest)] if depth else range(deepest, 0, -1):
        shown = [row for row in rows if row.depth <= level]
        ends = [row for row, leaf in zip(shown, leaves(shown), strict=True) if leaf]
        parts = sorted((row.members, row.name) for row in ends)
        found = _repeats(network, _joined(network, parts))
        if len(found) <= FEW_BOXES:
            break
    return found


def _by_cuts(network: Architecture) -> list[Box]:
    """A box for what lies between places where few tensors pass: one, or more if that says little.

    In NASNet a cell reads the two before it, so nearly all of it lies between places where one
    tensor passes.
    """
    layers = network.cost.layers
    for most in range(1, MOST_TENSORS + 1):
        parts: list[range] = []
        for run in runs(network.wiring.inputs, most):
            # An activation after a block belongs to it; a norm may be that of the next one.
            ends = parts and len(parts[-1]) > 1 and len(run) == 1 and not layers[run[0]].params
            if ends and _only_values(layers[run[0]], layers[run[0] - 1]):
                parts[-1] = range(parts[-1].start, run.stop)
            else:
                parts.append(run)
        named = [(tuple(part), _run_name(network, part)) for part in parts]
        found = _repeats(network, _joined(network, named))
        if not _says_little(network, found):
            break
    return found


def _says_little(network: Architecture, found: Iterable[Box]) -> bool:
    """Whether one box hides more than half of the layers."""
    return max(len(box.members) / box.times for box in found) > len(network.cost.layers) / 2


def _run_name(network: Architecture, run: range) -> str:
    """What the names that somebody gave to the layers begin with, or else the last of them."""
    layers = [network.cost.layers[place] for place in run]
    names = [layer.name for layer in layers if not is_automatic(layer)]
    if not names:
        return f"layers {run[0] + 1} to {run[-1] + 1}"
    words = zip(*(name.split("_") for name in names), strict=False)
    return (
        "_".join(word for word, *_ in takewhile(lambda alike: len({*alike}) == 1, words))
        or names[-1]
    )


def _joined(network: Architecture, parts: Iterable[tuple[tuple[int, ...], str]]) -> list[Box]:
    """A box for each part; what only changes the values of one layer stands in the box of that."""
    inputs, layers = network.wiring.inputs, network.cost.layers
    readers = [0] * len(layers)
    for sources in inputs:
        for source in sources:
            readers[source] += 1
    found: list[Box] = []
    of: dict[int, int] = {}  # the box of a single layer, by its index
    for members, name in parts:
        first, *others = members
        if others:
            found.append(_block(network, members, name))
            continue
        sources = inputs[first]
        before = of.get(sources[0]) if len(sources) == 1 and readers[sources[0]] == 1 else None
        if before is not None and _only_values(layers[first], layers[sources[0]]):
            box = found[before]
            of[first] = before
            words = [*box.lines, _short(network, first)]
            found[before] = replace(
                box, members=(*box.members, first), lines=(", ".join(filter(None, words)),)
            )
            continue
        of[first] = len(found)
        found.append(_layer(network, first))
    return [replace(box, lines=tuple(_wrapped(box.lines))) for box in found]


def _only_values(layer: LayerCost, source: LayerCost) -> bool:
    """Whether a layer keeps the shape and has no window: a norm, an activation, dropout."""
    same = layer.output_shape == source.output_shape and source.op != "InputLayer"
    return same and not layer.macs and not layer.uncounted and "Pooling" not in layer.op


def _short(network: Architecture, place: int) -> str:
    op, words = network.cost.layers[place].op, network.wiring.words[place]
    return words or _SHORT.get(op, op.removeprefix("ops."))


def _layer(network: Architecture, place: int) -> Box:
    layer = network.cost.layers[place]
    window, _, rest = network.wiring.words[place].partition(" stride ")
    if not re.match(r"\d+x", window):
        window, rest = "", network.wiring.words[place]
    elif rest:
        rest = f"stride {rest}"
    else:
        window, _, rest = window.partition(", ")
    many = len(network.wiring.inputs[place]) > 1
    kind = "merge" if many else "pool" if "Pooling" in layer.op else "other"
    kind = "work" if layer.macs else kind
    name = f"{layer.op.removeprefix('ops.')} {window}".strip()
    name = "input" if layer.op == "InputLayer" else name
    return Box((place,), name, (rest,) if rest else (), kind, layer.output_shape)


def _block(network: Architecture, members: tuple[int, ...], name: str) -> Box:
    layers = [network.cost.layers[place] for place in members]
    lines = _sums(layers)
    inputs = network.wiring.inputs
    alike = tuple(
        (
            layer.op,
            network.wiring.words[place],
            layer.params,
            layer.output_shape,
            tuple(place - source for source in inputs[place] if source >= members[0]),
        )
        for place, layer in zip(members, layers, strict=True)
    )
    kind = "work" if any(layer.macs for layer in layers) else "other"
    return Box(members, name, lines, kind, layers[-1].output_shape, alike=alike)


def _sums(layers: Sequence[LayerCost], times: int = 1) -> tuple[str, ...]:
    params = sum(layer.params for layer in layers)
    each = f"{len(layers) // times} layers" + (" each" if times > 1 else "")
    return (
        (each, f"{units.count(params)} parameters" + (" in all" if times > 1 else ""))
        if params
        else (each,)
    )


def _in_order(network: Architecture, found: Sequence[Box]) -> list[Box]:
    """The same so that arrows go to later boxes only; boxes that read each other are made one."""
    order: list[Box] = []
    sorter = TopologicalSorter(dict.fromkeys(range(len(found)), ()))
    for before, after in _edges(network, found):
        sorter.add(after, before)
    try:
        sorter.prepare()
    except CycleError as error:
        first, *others = sorted({*error.args[1]})
        members = sorted(chain.from_iterable(found[place].members for place in (first, *others)))
        one = _block(network, tuple(members), found[first].name)
        kept = [one if place == first else box for place, box in enumerate(found)]
        return _in_order(network, [box for place, box in enumerate(kept) if place not in others])
    ready: list[int] = []
    while sorter.is_active():
        for place in sorter.get_ready():
            heappush(ready, place)
        first = heappop(ready)
        order.append(found[first])
        sorter.done(first)
    return order


def _repeats(network: Architecture, parts: Sequence[Box]) -> list[Box]:
    """The same with one box for blocks that are alike and follow each other without a side way."""
    found = _in_order(network, parts)
    edges = _edges(network, found)
    after: dict[int, set[int]] = {}
    before: dict[int, set[int]] = {}
    for a, b in edges:
        after.setdefault(a, set()).add(b)
        before.setdefault(b, set()).add(a)
    merged: list[Box] = []
    last = -1
    for place, box in enumerate(found):
        chained = after.get(last) == {place} and before.get(place) == {last}
        if merged and chained and box.alike is not None and box.alike == merged[-1].alike:
            one = merged[-1]
            members, times = (*one.members, *box.members), one.times + 1
            lines = _sums([network.cost.layers[i] for i in members], times)
            merged[-1] = replace(one, members=members, times=times, lines=lines, shape=box.shape)
        else:
            merged.append(box)
        last = place
    return merged


def _edges(network: Architecture, found: Sequence[Box]) -> dict[tuple[int, int], int]:
    """Pairs of boxes with an arrow between them, and the layer whose output it is."""
    of = {place: index for index, box in enumerate(found) for place in box.members}
    return {
        (of[source], of[place]): source
        for place, sources in enumerate(network.wiring.inputs)
        for source in sources
        if of[source] != of[place]
    }


def _draw(networks: Sequence[Architecture], boxed: Sequence[Sequence[Box]]) -> Figure:
    edges = [_edges(network, found) for network, found in zip(networks, boxed, strict=True)]
    layouts = [
        layout([box.size for box in found], pairs, _ACROSS, _DOWN)
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
    return [*_wrapped([network.name], 44), sums + (f", batch {batch}" if batch > 1 else "")]


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
            top + y + box.size[1] / 2 + 0.06,
            " / ".join(leaving.get(index, {_sizes(box.shape): None})),
            size=_SMALL,
            ha="center",
            va="top",
            color="#333333",
        )


def _box(axes: Axes, box: Box, x: float, y: float) -> None:
    width, height = box.size
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


def _wrapped(texts: Iterable[str], most: int = 24) -> Iterator[str]:
    """Lists of words broken after a comma, where a line would be longer than `most` letters."""
    for text in texts:
        line = ""
        for word in text.split(", "):
            if line and len(line) + len(word) + 2 > most:
                yield f"{line},"
                line = word
            else:
                line = f"{line}, {word}" if line else word
        yield line


def _width(text: str, size: float, bold: bool = False) -> float:
    """Inches of a text."""
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0]) / 72
