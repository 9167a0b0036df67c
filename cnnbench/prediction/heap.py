"""HEAP: what a first call takes from malloc, beside the buffers between layers.

malloc keeps freed memory, as the arena does, but it cannot use all of it again: when something
small has taken a piece of a hole, the next buffer of the old size does not fit.
"""

from __future__ import annotations

from math import prod

from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.layers.activation import is_linear
from cnnbench.prediction.arena import LEAST
from cnnbench.prediction.buffers import TWICE, prepared
from cnnbench.prediction.terms import kind_of, weight_bytes

_NODES = {
    "conv 1x1": 4,
    "conv kxk": 4,
    "conv grouped": 4,
    "depthwise": 5,
    "separable": 8,
    "dense": 3,
    "batch norm": 16,
    "layer norm": 23,
    "copy": 2,
    "recurrent": 160,  # a loop
}
"""Operations that Keras makes of a layer without bias, including those that read its weights. A
bias adds five, with the activation after it. A layer of any other kind is one operation."""

_KIB = 2**10
_A_NODE = 12.2 * _KIB
_ANY = 225 * _KIB
_ROOM = 1330 * _KIB
_A_NODE_HELD = 29 * _KIB
_TABLES = 448 * _KIB
"""Tables of the first three regions of the arena; the table of a larger one is mapped by itself."""

_MAPPED = 2_090_000
"""A larger piece gets a mapping of its own, which is unmapped when the piece is freed; from then
on, pieces up to that size do not. It is between 1.8 and 2.1 MB when a first call begins
(M_MMAP_THRESHOLD of mallopt(3) is dynamic)."""

_AFTER = 9 * 2**20
"""Code of a first product with a matrix, loaded and generated after all convolutions."""


def graph_bytes(graph: Graph) -> float:
    """The heap that a first call needs to optimise the graph, before it runs anything.

    It is proportional to the operations (core/grappler/optimizers/meta_optimizer.cc copies the
    graph for each pass), minus the room that building the model has left. Small weights and the
    tables of the arena have used some of that room. The constants are those of TensorFlow 2.21
    on Linux, from probes of one to forty layers.
    """
    nodes = 3 + sum(_nodes(n) for i, n in enumerate(graph.nodes) if i not in graph.inputs)
    sizes = [
        prod(weight.shape) * ITEMSIZE[node.weight_dtype or graph.dtype]
        for node in graph.nodes
        for weight in node.rule.weights
    ]
    small = sum(size for size in sizes if size < LEAST)
    held = small + 2 * min(prepared(graph).tables, _TABLES)
    return max(0.0, min(_A_NODE_HELD * nodes + held - _ROOM, _A_NODE * nodes + _ANY))


def has_bias(node: Node) -> bool:
    """Whether a layer with weights adds a bias."""
    return bool(node.rule.weights or node.shared) and bool(node.attrs.get("use_bias", True))


def _nodes(node: Node) -> int:
    kind, _ = kind_of(node)
    biased = has_bias(node) and kind not in ("batch norm", "layer norm")
    then = node.attrs.get("activation")
    plain = bool(node.rule.weights) and not biased and not is_linear(then)
    return _NODES.get(kind, 1) + 5 * biased + plain + 5 * (then in TWICE)


def reordered(graph: Graph) -> tuple[int, int]:
    """Bytes of the weights of convolutions, which are copied into another order at a larger batch.

    Returns:
        The bytes of the largest copy, and of the holes that smaller ones leave, into which it
        does not fit.
    """
    kept = most = hole = top = large = peak = 0
    limit = _MAPPED
    seen = set()
    for node in graph.nodes:
        if not reorders(node):
            continue
        # oneDNN keeps the weights of a separable convolution twice.
        size = weight_bytes(graph, node) * (2 if node.op == "SeparableConv2D" else 1)
        shape = (repr(node.attrs), graph.nodes[node.inputs[0]].rule.shape)
        if size > limit:
            limit, peak = size, max(peak, large + size)
        elif size > _MAPPED:
            large = max(large, size)
        elif size > hole:
            # After the weights of a new shape comes what else its primitives need.
            kept += size - top
            most = size
            hole, top = (size, size) if shape in seen else (size - 1, 0)
        seen.add(shape)
    if any(kind_of(node)[0] == "dense" for node in graph.nodes):
        peak -= _AFTER
    if largest := max(large, peak):
        return largest, kept
    return most, kept - most


def reorders(node: Node) -> bool:
    """Whether oneDNN reorders the weights of a layer: a convolution of several images."""
    kind, _ = kind_of(node)
    return kind in ("conv 1x1", "conv kxk", "separable") and node.rule.shape[0] > 1
