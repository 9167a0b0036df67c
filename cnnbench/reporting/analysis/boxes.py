"""BOXES: the layers of a network as boxes of a picture, few enough to be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from itertools import chain, takewhile

from cnnbench import units
from cnnbench.analysis.views import is_automatic, leaves, tree
from cnnbench.analysis.wiring import Wiring, runs, wiring
from cnnbench.cost import Cost, LayerCost, cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import Graph

FEW_BOXES, MOST_BOXES = 24, 60
"""Blocks are drawn as one box each rather than more than a few; more than most nobody can read."""
MOST_TENSORS = 3
"""So many may pass between two blocks that have no name."""
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


def of_graph(graph: Graph) -> Architecture:
    """A graph that was just traced."""
    return Architecture(graph.name, cost(graph), wiring(graph))


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
    return [replace(box, lines=tuple(wrapped(box.lines))) for box in found]


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
    for before, after in edges_of(network, found):
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
    edges = edges_of(network, found)
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


def edges_of(network: Architecture, found: Sequence[Box]) -> dict[tuple[int, int], int]:
    """Pairs of boxes with an arrow between them, and the layer whose output it is."""
    of = {place: index for index, box in enumerate(found) for place in box.members}
    return {
        (of[source], of[place]): source
        for place, sources in enumerate(network.wiring.inputs)
        for source in sources
        if of[source] != of[place]
    }


def wrapped(texts: Iterable[str], most: int = 24) -> Iterator[str]:
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
