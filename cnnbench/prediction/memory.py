"""MEMORY: the amounts that the rise of a call's peak memory is made of.

Measured is the rise over the first call of a process, and about half of what a small block
shows is no data: the first time that a kernel runs, the pages of its code are read from the
framework's library and count as resident (1.4 MiB for a convolution, 5 MiB for a matrix
product), and oneDNN generates machine code for each convolution. Whether a kind of kernel
runs at all is therefore a term of its own.
"""

from __future__ import annotations

from math import prod

from cnnbench.cost import activation_bytes
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.prediction.buffers import plan, rise
from cnnbench.prediction.terms import CALL, Terms, kind_of

_CONVOLUTIONS = ("conv 1x1", "conv kxk")


def terms(graph: Graph) -> Terms:
    """The amounts of one first call, in bytes or as counts."""
    buffers = plan(graph)
    large, small = rise(graph, buffers)
    found: Terms = {
        CALL: 1.0,
        "large buffers, bytes": float(large),
        "small buffers, bytes": float(small),
    }
    batch = graph.nodes[graph.inputs[0]].rule.shape[0] > 1

    def once(name: str, amount: float = 1.0) -> None:
        found[name] = max(found.get(name, 0.0), amount)

    for index, node in enumerate(graph.nodes):
        if index in graph.inputs or node.rule.view:
            continue
        kind, _ = kind_of(node)
        group = "conv" if kind in _CONVOLUTIONS else kind
        known = ("conv", "conv grouped", "depthwise", "dense", "batch norm")
        group = group if group in known else "other"
        once(f"{group}, code")
        found[f"{group}, layers"] = found.get(f"{group}, layers", 0.0) + 1
        if group == "conv":
            if node.attrs.get("use_bias", True):
                once("conv with bias, code")
            if batch:
                once("reordering, code")
                once("conv weights reordered, bytes", _weights(graph, node))
        elif group == "dense" and batch:
            once("dense at batch > 1, code")
        elif node.op.startswith("MaxPooling"):
            once("pooling scratch, bytes", float(activation_bytes(graph, node)))
    if buffers.copied:
        once("reordering, code")
    return found


def _weights(graph: Graph, node: Node) -> float:
    size = ITEMSIZE[node.weight_dtype or graph.dtype]
    return float(sum(prod(weight.shape) for weight in node.rule.weights) * size)
