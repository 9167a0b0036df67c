"""MEMORY: the amounts that the rise of a call's peak memory is made of.

Measured is the rise over the first call of a process, and about half of what a small block
shows is no data: the first time that a kernel runs, the pages of its code are read from the
framework's library and count as resident (1.4 MiB for a convolution, 5 MiB for a matrix
product), and oneDNN generates machine code for each convolution. Whether a kind of kernel
runs at all is therefore a term of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from cnnbench.cost import activation_bytes
from cnnbench.graph import Graph, Node
from cnnbench.prediction.buffers import plan, rise
from cnnbench.prediction.terms import CALL, Terms, kind_of, weight_bytes

_CONVOLUTIONS = ("conv 1x1", "conv kxk")
_KNOWN = (*_CONVOLUTIONS, "conv grouped", "depthwise", "dense", "batch norm", "layer norm")


def terms(graph: Graph) -> Terms:
    """The amounts of one first call, in bytes or as counts."""
    buffers = plan(graph)
    large, small = rise(graph, buffers)
    found: Terms = {
        CALL: 1.0,
        "large buffers, bytes": float(large),
        "small buffers, bytes": float(small),
    }
    if buffers.copied:
        found["reordering, code"] = 1.0
    shapes = set()
    for index, node in enumerate(graph.nodes):
        if index in graph.inputs or node.rule.view:
            continue
        for name, amount in _of_layer(graph, node):
            if name.endswith(("layers", "shapes")):
                found[name] = found.get(name, 0.0) + amount
            else:  # there once, however often it is used
                found[name] = max(found.get(name, 0.0), amount)
        if kind_of(node)[0] in (*_CONVOLUTIONS, "separable"):
            shapes.add((repr(node.attrs), graph.nodes[node.inputs[0]].rule.shape))
    if shapes:
        found["conv, shapes"] = float(len(shapes))
    return found


def _of_layer(graph: Graph, node: Node) -> Iterator[tuple[str, float]]:
    kind, _ = kind_of(node)
    if kind == "separable":
        yield from _of_kind("depthwise", graph, node)
        yield from _of_kind("conv 1x1", graph, node)
    else:
        yield from _of_kind(kind, graph, node)


def _of_kind(kind: str, graph: Graph, node: Node) -> Iterator[tuple[str, float]]:
    batch = node.rule.shape[0] > 1
    bias = bool(node.attrs.get("use_bias", True))
    group = "conv" if kind in _CONVOLUTIONS else kind if kind in _KNOWN else "other"
    yield f"{group}, layers", 1.0
    if group in ("conv grouped", "layer norm", "dense"):
        yield f"{group}, code", 1.0
    if group in ("conv", "dense") and bias:
        yield f"{group} with bias, code", 1.0
        yield f"{group} with bias, layers", 1.0
    if group == "conv" and batch:
        yield "reordering, code", 1.0
        yield "conv weights reordered, bytes", float(weight_bytes(graph, node))
    if group == "dense" and prod(node.rule.shape[:-1]) > 1:  # a product with a matrix
        yield "dense on several rows, code", 1.0
    if kind == "depthwise":
        yield "depthwise, code", 1.0
    if kind == "batch norm" or (kind == "depthwise" and bias):
        yield "scale and shift of channels, code", 1.0
    if node.op.startswith("MaxPooling"):
        yield "pooling scratch, bytes", float(activation_bytes(graph, node))
    if node.op.startswith("Global"):
        yield "global pooling, code", 1.0
