"""TERMS: the terms of a layer's time, as amounts; the coefficients are in `model`.

A call takes a constant time, a time per layer of each kind, and a time proportional to its work.
This is an additive roofline: Williams et al., 2009, take the larger of arithmetic and traffic;
their sum is as close and it is linear, so non-negative least squares can fit it. The efficiency
of a convolution grows with its filters: macs / (P * (1 - s)) with s = f0 / (f0 + filters) is
macs / P + f0 * macs / filters / P. That is linear too; its second part is "taps read" below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

from cnnbench.cost import LayerCost, cost
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.layers.activation import activated, is_linear

Terms = dict[str, float]
"""The amount of each term, by name."""

CALL = "call"

KINDS = {
    "conv 1x1": "convolutions of one tap",
    "conv kxk": "larger convolutions",
    "conv grouped": "convolutions in groups",
    "depthwise": "depthwise convolutions",
    "separable": "a depthwise convolution and one of 1x1 after it",
    "recurrent": "convolutional LSTMs, one step after another",
    "dense": "dense layers",
    "pooling": "pooling",
    "batch norm": "batch normalisation",
    "layer norm": "layer normalisation",
    "merge": "addition and the like of two inputs",
    "broadcast": "the same of two shapes",
    "activation": "elementwise operations on one input",
    "copy": "concatenation, padding, cropping",
}

_KIND_OF = {
    "Dense": "dense",
    "BatchNormalization": "batch norm",
    "LayerNormalization": "layer norm",
    "DepthwiseConv2D": "depthwise",
    "SeparableConv2D": "separable",
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), "merge"),
    **dict.fromkeys(
        ("Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "Rescaling"), "activation"
    ),
    **dict.fromkeys(("Concatenate", "ZeroPadding2D", "Cropping2D"), "copy"),
}


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


def of_layers(graph: Graph) -> list[LayerTerms]:
    """The layers that take time, in the order of the graph."""
    return [
        of_layer
        for node, layer in zip(graph.nodes, cost(graph).layers, strict=True)
        if (of_layer := _of_layer(graph, node, layer))
    ]


def total(layers: list[LayerTerms]) -> Terms:
    """The terms of a whole call."""
    sums: Terms = {CALL: 1.0}
    for layer in layers:
        for name, amount in layer.terms.items():
            sums[name] = sums.get(name, 0.0) + amount
    return sums


def kind_of(node: Node) -> tuple[str, bool]:
    """The kind of a layer, and whether it is a guess."""
    op = node.op.removeprefix("ops.")
    if op == "Conv2D":
        if node.attrs.get("groups", 1) != 1:
            return "conv grouped", False
        size = node.attrs["kernel_size"]
        taps = size if isinstance(size, int) else prod(size)
        return ("conv 1x1" if taps == 1 else "conv kxk"), False
    if op.startswith("ConvLSTM"):
        return "recurrent", not op.endswith("2D")
    if "Pooling" in op:
        return "pooling", not op.endswith("2D")
    if op in _KIND_OF:
        return _KIND_OF[op], False
    return ("conv kxk" if node.rule.macs else "activation"), True


def _of_layer(graph: Graph, node: Node, layer: LayerCost) -> LayerTerms | None:
    if node.op == "InputLayer" or node.rule.view:
        return None
    kind, guessed = kind_of(node)
    if kind == "merge" and len({graph.nodes[index].rule.shape for index in node.inputs}) > 1:
        kind = "broadcast"
    layer = replace(layer, weight_bytes=weight_bytes(graph, node))
    terms: Terms = {}
    for part, size in _parts(kind, node, layer):
        terms[f"{part}, layers"] = 1.0
        terms.update(_amounts(part, size, node.attrs.get("groups", 1)))
    if kind == "recurrent":
        steps = graph.nodes[node.inputs[0]].rule.shape[1]
        terms["recurrent, steps"] = float(steps)
        terms["recurrent, weight bytes"] = float(steps * layer.weight_bytes)
    elif kind != "activation":
        inside = node.attrs.get("activation")
        if not is_linear(inside) and inside != "relu":  # these are not a pass of their own
            _, operations, _ = activated(inside, layer.output_shape)
            terms["activation, operations"] = float(operations)
    return LayerTerms(layer.name, layer.op, kind, terms, guessed)


def weight_bytes(graph: Graph, node: Node) -> int:
    """Bytes of the weights that a layer reads, whichever layer owns them."""
    values = sum(prod(weight.shape) for weight in node.rule.weights or node.shared)
    return values * ITEMSIZE[node.weight_dtype or graph.dtype]


def _parts(kind: str, node: Node, layer: LayerCost) -> list[tuple[str, LayerCost]]:
    """The layer itself; a separable convolution as two, with a value written and read between."""
    if kind != "separable":
        return [(kind, layer)]
    depthwise, pointwise, *biases = node.rule.weights or node.shared
    values = sum(prod(weight.shape) for weight in (depthwise, pointwise, *biases))
    size = layer.weight_bytes // values
    between = layer.activation_bytes // layer.output_shape[-1] * pointwise.shape[-2]
    first = layer.macs * prod(depthwise.shape) // (prod(depthwise.shape) + prod(pointwise.shape))
    second, weights = layer.macs - first, size * prod(pointwise.shape)
    return [
        ("depthwise", replace(layer, macs=first, activation_bytes=between)),
        ("conv 1x1", replace(layer, macs=second, input_bytes=between, weight_bytes=weights)),
    ]


def _amounts(kind: str, layer: LayerCost, groups: int) -> Iterator[tuple[str, float]]:
    moved = float(layer.input_bytes + layer.activation_bytes)
    macs = float(layer.macs)
    if kind in ("conv 1x1", "conv kxk"):
        yield f"{kind}, MACs", macs
        yield f"{kind}, taps read", macs / layer.output_shape[-1]
        # One coefficient each for both kinds: the same library moves the same data.
        yield "conv, bytes", moved
        yield "conv, weight bytes", float(layer.weight_bytes)
        if layer.output_shape[0] > 1:  # oneDNN then takes another kernel, which reorders them
            yield "conv at batch > 1, layers", 1.0
            yield "conv at batch > 1, weight bytes", float(layer.weight_bytes)
    elif kind == "conv grouped":
        # Each group reads its taps for its own few filters.
        yield f"{kind}, MACs", macs
        yield f"{kind}, taps read", macs * groups / layer.output_shape[-1]
    elif kind == "recurrent":
        yield "recurrent, MACs", macs
    elif kind == "depthwise":
        yield "depthwise, MACs", macs
        yield "depthwise, bytes", moved
    elif kind == "dense":
        yield "dense, MACs", macs
        yield "dense, weight bytes", float(layer.weight_bytes)
    elif kind in ("pooling", "activation"):
        yield f"{kind}, operations", float(layer.elementwise)
        yield f"{kind}, bytes", moved
    else:
        yield f"{kind}, bytes", moved
