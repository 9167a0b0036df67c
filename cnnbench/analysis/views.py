"""Readings of one analysis: nested by name, by layer type, the most expensive layers.

Numbers only; `reporting` turns them into text and pictures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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
        name: the end of the path that is not the parent's.
        depth: in the tree, from 1.
        members: places of its layers in `Cost.layers`.
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
    """The layers nested by name, each part above what is in it; parts sum their layers.

    A path is the blocks or models around a layer, without those around all layers, and its
    name, split at "/". An explicit name outside any block, as those of `keras.applications`
    (`conv2_block1_1_conv`), is also split at "_"; an automatic one (`conv2d_12`) is not. A
    part that holds one other is merged with it.

    Args:
        cost: of the network.
        depth: deeper layers count in the part around them; every layer has a row if None.
    """
    root = _Nest("")
    total = cost.flops
    for place, (layer, path) in enumerate(zip(cost.layers, paths(cost), strict=True)):
        nest = root
        for end in _cuts(layer, path):
            nest = nest.parts.setdefault(path[:end], _Nest(path[:end]))
            nest.members.append(place)
        nest.parts[place] = _Nest(path, [place])
    rows: list[Part] = []
    _unfold(root, 1, cost, total, rows)
    return [row for row in rows if depth is None or row.depth <= depth]


def leaves(rows: Sequence[Part]) -> list[bool]:
    """For each row of a tree whether it has no others below it."""
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
    """The name of each layer behind the blocks it is in, without those around all layers."""
    scopes = [f"{layer.scope}/".split("/") for layer in cost.layers if layer.op != "InputLayer"]
    around = ""
    # What the first and the last in alphabetical order share, all in between share.
    for first, last in zip(min(scopes, default=()), max(scopes, default=()), strict=False):
        if first != last or not first:
            break
        around += f"{first}/"
    inside = [f"{layer.scope}/".removeprefix(around).lstrip("/") for layer in cost.layers]
    return [scope + layer.name for scope, layer in zip(inside, cost.layers, strict=True)]


@dataclass(slots=True)
class _Nest:
    """A part as the tree grows; its parts by path, its layers by place."""

    path: str
    members: list[int] = field(default_factory=list)
    parts: dict[str | int, _Nest] = field(default_factory=dict)


def _cuts(layer: LayerCost, path: str) -> list[int]:
    """Where the path of a layer ends each part that it is in."""
    # The class in lower case is Keras' automatic name but for underscores, a number behind it,
    # and which call it is of a layer that is called several times.
    plain = layer.name.partition(" (call ")[0].rstrip(digits).replace("_", "")
    automatic = plain == layer.op.removeprefix("ops.").rstrip(digits).lower()
    marks = "/" if layer.scope or automatic else "/_"
    separator = f"(?<=[^{marks}])[{marks}]+(?=[^{marks}])"
    return [match.start() for match in re.finditer(separator, path)]


def _unfold(nest: _Nest, depth: int, cost: Cost, total: int, rows: list[Part]) -> None:
    for part in nest.parts.values():
        while len(part.parts) == 1:
            (part,) = part.parts.values()
        name = _name(part.path, nest.path)
        rows.append(_part(part.path, name, depth, part.members, cost, total))
        _unfold(part, depth + 1, cost, total, rows)


def _name(path: str, parent: str) -> str:
    if parent and path.startswith(f"{parent}/"):
        return path[len(parent) + 1 :]
    # In full where an explicit name was split at "_": of conv2_block1_1 a 1 would say little.
    return path[path.rfind("/", 0, len(parent)) + 1 :]


def _part(path: str, name: str, depth: int, members: Sequence[int], cost: Cost, total: int) -> Part:
    layers = [cost.layers[place] for place in members]
    flops = sum(layer.flops for layer in layers)
    return Part(
        path,
        name,
        depth,
        tuple(members),
        params=sum(layer.params for layer in layers),
        macs=sum(layer.macs for layer in layers),
        flops=flops,
        activation_bytes=sum(layer.activation_bytes for layer in layers),
        share=flops / total if total else 0.0,
        uncounted=sum(bool(layer.uncounted) for layer in layers),
    )


def by_type(cost: Cost) -> list[Part]:
    """The layers of each type together, most FLOPs first."""
    found: dict[str, list[int]] = {}
    for place, layer in enumerate(cost.layers):
        found.setdefault(layer.op, []).append(place)
    total = cost.flops
    parts = [_part(op, op, 1, members, cost, total) for op, members in found.items()]
    return sorted(parts, key=lambda part: -part.flops)


def most_expensive(
    cost: Cost, key: str = "flops", top: int | None = 10
) -> list[tuple[int, LayerCost]]:
    """Layers with their places in the network, those with most of `key` first.

    Args:
        cost: of the network.
        key: one of KEYS.
        top: how many; all if None.
    """
    attribute = KEYS[key]
    ordered = sorted(enumerate(cost.layers), key=lambda row: -getattr(row[1], attribute))
    return ordered[:top]


def intensity(cost: Cost) -> float:
    """FLOPs per byte of the network: every layer moves its input, weights and output once."""
    moved = sum(x.input_bytes + x.weight_bytes + x.activation_bytes for x in cost.layers)
    return cost.flops / moved if moved else 0.0
