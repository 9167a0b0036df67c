"""Ways to read one analysis: a tree by names, sums by layer type, the most expensive layers.

These are numbers only; `reporting` turns them into text and pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from string import digits

from cnnbench.cost import Cost, LayerCost

KEYS = {
    "parameters": "params",
    "macs": "macs",
    "inside": "inside_macs",
    "elementwise": "elementwise",
    "flops": "flops",
    "intensity": "intensity",
    "weights": "weight_bytes",
    "activation": "activation_bytes",
    "live": "live_bytes",
}
"""What layers can be ordered by, and the attribute of `LayerCost` that holds it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some layers of a network, and the sum of what they cost; sizes in bytes.

    Args:
        path: of the part in the tree, or the layer type.
        name: the path without that of the part around it.
        depth: in the tree, from 1.
        members: the indices of its layers in `Cost.layers`.
        share: of the network's FLOPs, from 0 to 1.
        uncounted: how many of its layers have no rule; its work is then a lower bound.
    """

    path: str
    name: str
    depth: int
    members: tuple[int, ...]
    params: int
    macs: int
    flops: int
    activation_bytes: int
    share: float
    uncounted: int


def tree(cost: Cost, depth: int | None = None) -> list[Part]:
    """The layers nested by name: first each part with the sum of its layers, then what is in it.

    The path of a layer is the names of the blocks or models around it, without those that are
    around all layers, and its own name. It is split at "/". A name that somebody gave to a layer
    outside any block, as in `keras.applications` (`conv2_block1_1_conv`), is also split at "_";
    a name that Keras gave (`conv2d_12`) is not. A part that holds only one other part is merged
    with it. Layers below a given depth count in the part around them only.
    """
    root = _Nest("")
    for place, (layer, path) in enumerate(zip(cost.layers, paths(cost), strict=True)):
        nest = root
        for end in _cuts(layer, path):
            nest = nest.parts.setdefault(path[:end], _Nest(path[:end]))
            nest.members.append(place)
        nest.parts[place] = _Nest(path, [place])
    rows = _unfold(root, 1, cost, cost.flops)
    return [row for row in rows if depth is None or row.depth <= depth]


def leaves(rows: Sequence[Part]) -> list[bool]:
    """For each row of a tree, whether it has no other rows below it."""
    depths = [row.depth for row in rows] + [0]
    return [after <= depth for depth, after in pairwise(depths)]


def folded(cost: Cost, most: int) -> list[Part] | None:
    """The tree down to the deepest level that has at most `most` leaves; None if no level has."""
    rows = tree(cost)
    for depth in range(max(row.depth for row in rows), 0, -1):
        shown = [row for row in rows if row.depth <= depth]
        if sum(leaves(shown)) <= most:
            return shown
    return None


def paths(cost: Cost) -> list[str]:
    """The path of each layer, as `tree` splits it."""
    scopes = [f"{layer.scope}/".split("/") for layer in cost.layers if layer.op != "InputLayer"]
    around = ""
    # What the first and the last in alphabetical order share, all in between share.
    for first, last in zip(min(scopes, default=()), max(scopes, default=()), strict=False):
        if first != last or not first:
            break
        around += f"{first}/"
    inside = [f"{layer.scope}/".removeprefix(around).lstrip("/") for layer in cost.layers]
    return [scope + layer.name for scope, layer in zip(inside, cost.layers, strict=True)]


def is_automatic(layer: LayerCost) -> bool:
    """Whether Keras gave a layer its name: the class in lower case with underscores and a number.

    A layer that is called several times has the number of the call behind it.
    """
    plain = layer.name.partition(" (call ")[0].rstrip(digits).replace("_", "")
    return plain == layer.op.removeprefix("ops.").rstrip(digits).lower()


@dataclass(slots=True)
class _Nest:
    """A part of the tree that is being built; its parts by path, its layers by index."""

    path: str
    members: list[int] = field(default_factory=list)
    parts: dict[str | int, _Nest] = field(default_factory=dict)


def _cuts(layer: LayerCost, path: str) -> list[int]:
    """The positions in the path of a layer where the name of each part around it ends."""
    marks = "/" if layer.scope or is_automatic(layer) else "/_"
    separator = f"(?<=[^{marks}])[{marks}]+(?=[^{marks}])"
    return [match.start() for match in re.finditer(separator, path)]


def _unfold(nest: _Nest, depth: int, cost: Cost, total: int) -> Iterator[Part]:
    for part in nest.parts.values():
        while len(part.parts) == 1:
            (part,) = part.parts.values()
        name = _name(part.path, nest.path)
        yield _part(part.path, name, depth, part.members, cost, total)
        yield from _unfold(part, depth + 1, cost, total)


def _name(path: str, parent: str) -> str:
    if parent and path.startswith(f"{parent}/"):
        return path[len(parent) + 1 :]
    # In full where an explicit name was split at "_": of conv2_block1_1 a 1 would say little.
    return path[path.rfind("/", 0, len(parent)) + 1 :]


def _part(path: str, name: str, depth: int, members: Sequence[int], cost: Cost, total: int) -> Part:
    layers = [cost.layers[place] for place in members]
    summed = ("params", "macs", "flops", "activation_bytes")
    sums = {key: sum(getattr(layer, key) for layer in layers) for key in summed}
    share = sums["flops"] / total if total else 0.0
    uncounted = sum(bool(layer.uncounted) for layer in layers)
    return Part(path, name, depth, tuple(members), **sums, share=share, uncounted=uncounted)


def by_type(cost: Cost) -> list[Part]:
    """The layers of each type together, most FLOPs first."""
    of_type: dict[str, list[int]] = {}
    for place, layer in enumerate(cost.layers):
        of_type.setdefault(layer.op, []).append(place)
    parts = [_part(op, op, 1, members, cost, cost.flops) for op, members in of_type.items()]
    return sorted(parts, key=lambda part: -part.flops)


def most_expensive(
    cost: Cost, key: str = "flops", top: int | None = 10
) -> list[tuple[int, LayerCost]]:
    """The `top` layers with most of one of KEYS, all if None, with their indices in the network."""
    return sorted(enumerate(cost.layers), key=lambda row: -getattr(row[1], KEYS[key]))[:top]


def intensity(cost: Cost) -> float:
    """FLOPs per byte of the network: every layer moves its input, weights and output once."""
    moved = sum(x.input_bytes + x.weight_bytes + x.activation_bytes for x in cost.layers)
    return cost.flops / moved if moved else 0.0
