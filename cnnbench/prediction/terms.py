"""TERMS: the terms of a layer's time, as amounts; the coefficients are in `model`.

A call takes a constant time, a time per layer of each kind, and a time proportional to its work.
This is an additive roofline: Williams et al., 2009, take the larger of arithmetic and traffic;
their sum is as close and it is linear, so non-negative least squares can fit it. The efficiency
of a convolution grows with its filters: macs / (P * (1 - s)) with s = f0 / (f0 + filters) is
macs / P + f0 * macs / filters / P. That is linear too; its second part is "taps read" below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from cnnbench import cost
from cnnbench.cost import LayerCost
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.layers.activation import activated, is_linear
from cnnbench.prediction.kinds import LOOPS, both_ways, kind_of, of_graph, operations

Terms = dict[str, float]
"""The amount of each term, by name."""

CALL = "call"

CACHE = 16 * 2**20
"""Bytes that may still be in a cache when the next call begins. What a larger network reads and
writes comes from further away, at a price that is fitted. It is half of the last-level cache of
the machine on which this was tried; a quarter and all of it fit less well."""

FEW = 150
"""Operations of TensorFlow's graph that cost nothing by themselves. Many read or prepare weights
and wait for nothing, so that they fit beside the others; of a larger graph the rest does not."""


@dataclass(frozen=True, slots=True)
class LayerTerms:
    """One layer: its kind, and the terms of its time.

    `guessed` says that no probe has such a layer, which then counts as the nearest kind.
    """

    name: str
    op: str
    kind: str
    terms: Terms
    guessed: bool = False


def of_layers(graph: Graph, unknown: str = "") -> list[LayerTerms]:
    """The layers that take time, in the order of the graph.

    Layers of a kind that is `unknown` are guesses, as if no probe had them.
    """
    paper = cost.cost(graph)
    far = paper.activation_bytes + sum(weight_bytes(graph, node) for node in graph.nodes) > CACHE
    count = of_graph(graph)
    many = 1 - FEW / count if count > FEW else 0.0
    return [
        _of_layer(graph, node, layer, unknown, far, many)
        for node, layer in zip(graph.nodes, paper.layers, strict=True)
        if node.op != "InputLayer" and not node.rule.view
    ]


def total(layers: list[LayerTerms]) -> Terms:
    """The terms of a whole call."""
    sums: Terms = {CALL: 1.0}
    for layer in layers:
        for name, amount in layer.terms.items():
            sums[name] = sums.get(name, 0.0) + amount
    return sums


def _of_layer(
    graph: Graph, node: Node, layer: LayerCost, unknown: str, far: bool, many: float
) -> LayerTerms:
    kind, guessed = kind_of(node, unknown)
    if kind == "merge" and len({graph.nodes[index].rule.shape for index in node.inputs}) > 1:
        kind = "broadcast"
    if kind == "conv grouped" and node.attrs["groups"] == node.rule.shape[-1]:
        kind = "conv grouped by channel"
    if kind == "dense" and len(node.rule.shape) > 2:
        kind = "dense on positions"
    layer = replace(layer, weight_bytes=weight_bytes(graph, node))
    if kind == "attention":  # what it makes inside is larger than what it reads and writes
        made = ITEMSIZE["float32"] * node.rule.scratch
        layer = replace(layer, input_bytes=layer.input_bytes + made)
    terms: Terms = {}
    for part, size in _parts(graph, kind, node, layer):
        terms[f"{part}, layers"] = 1.0
        groups = node.attrs["groups"] if kind == "conv grouped" else 1
        terms |= _amounts(part, size, groups)
    if kind in LOOPS:
        steps = graph.nodes[node.inputs[0]].rule.shape[1]
        loops = 2 if both_ways(node) else 1
        terms[f"{kind}, layers"] *= loops
        terms[f"{kind}, steps"] = float(loops * steps)
        terms[f"{kind}, weight bytes"] = float(steps * layer.weight_bytes)
    elif kind != "activation":
        inside = node.attrs.get("activation")
        if not is_linear(inside) and inside != "relu":  # these are not a pass of their own
            _, work, _ = activated(inside, layer.output_shape)
            terms["activation, operations"] = float(work)
    if far:
        terms["beyond the cache, bytes"] = float(layer.input_bytes + layer.activation_bytes)
        terms["beyond the cache, weight bytes"] = float(layer.weight_bytes)
    if many:
        terms[f"graph beyond {FEW}, operations"] = many * operations(node)
    return LayerTerms(layer.name, layer.op, kind, terms, guessed)


def weight_bytes(graph: Graph, node: Node) -> int:
    """Bytes of the weights that a layer reads, whichever layer owns them."""
    return sum(cost.weight_bytes(graph, node, w) for w in node.rule.weights or node.shared)


def _parts(graph: Graph, kind: str, node: Node, layer: LayerCost) -> list[tuple[str, LayerCost]]:
    """The layer itself; a separable convolution as two, with a value written and read between."""
    if kind != "separable":
        return [(kind, layer)]
    depthwise, pointwise, *_ = node.rule.weights or node.shared
    between = layer.activation_bytes // layer.output_shape[-1] * pointwise.shape[-2]
    first = layer.macs * prod(depthwise.shape) // (prod(depthwise.shape) + prod(pointwise.shape))
    second, weights = layer.macs - first, cost.weight_bytes(graph, node, pointwise)
    return [
        ("depthwise", replace(layer, macs=first, activation_bytes=between)),
        ("conv 1x1", replace(layer, macs=second, input_bytes=between, weight_bytes=weights)),
    ]


_AMOUNTS = {
    "conv 1x1": ("MACs", "taps read", "bytes", "weight bytes"),
    "conv kxk": ("MACs", "taps read", "bytes", "weight bytes"),
    "conv grouped": ("MACs", "taps read", "bytes"),
    "conv grouped by channel": ("MACs", "MACs times channels"),
    "depthwise": ("MACs", "bytes"),
    "conv 3d": ("MACs", "bytes"),
    "transposed": ("MACs", "bytes"),
    **dict.fromkeys(LOOPS, ("MACs",)),
    "dense": ("MACs", "weight bytes"),
    "dense on positions": ("MACs", "bytes", "weight bytes"),
    "attention": ("MACs", "operations", "bytes"),
    "resize": ("operations", "bytes"),
    "pooling": ("operations", "bytes"),
    "activation": ("operations", "bytes"),
}
"""The terms of each kind that grow with its work; of all others the bytes."""


def _amounts(kind: str, layer: LayerCost, groups: int) -> Terms:
    plain = kind in ("conv 1x1", "conv kxk")
    amounts: dict[str, float] = {
        "MACs": layer.macs,
        "bytes": layer.input_bytes + layer.activation_bytes,
        "weight bytes": layer.weight_bytes,
        "operations": layer.elementwise,
        "MACs times channels": layer.macs * layer.output_shape[-1],
    }
    names = _AMOUNTS.get(kind, ("bytes",))
    if "taps read" in names:  # each group reads its taps for its own few filters
        amounts["taps read"] = layer.macs * groups / layer.output_shape[-1]
    terms: Terms = {}
    for name in names:
        # One coefficient for the bytes of both kinds: the same library moves the same data.
        of = "conv" if plain and "bytes" in name else kind
        terms[f"{of}, {name}"] = float(amounts[name])
    if plain and layer.output_shape[0] > 1:  # oneDNN then takes another kernel, which reorders them
        terms["conv at batch > 1, layers"] = 1.0
        terms["conv at batch > 1, weight bytes"] = float(layer.weight_bytes)
    return terms
