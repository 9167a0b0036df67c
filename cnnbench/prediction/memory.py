"""MEMORY: the terms of the rise of the peak memory over the first call of a process.

For a small block, half of that rise is not data. When a kernel runs for the first time, the
pages of its code are read from the framework's library and count as resident (1.4 MiB for a
convolution with a bias, 5 MiB for a matrix product). The graph is optimised, and oneDNN generates
machine code for each convolution. So whether a kind of kernel runs at all is a term of its own.
Code that several kinds share also has a term of its own. /proc/PID/pagemap says which pages these
are.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from cnnbench.cost import activation_bytes
from cnnbench.graph import Graph, Node
from cnnbench.prediction.arena import LEAST
from cnnbench.prediction.buffers import plan, rise
from cnnbench.prediction.heap import graph_bytes, has_bias, reordered, reorders
from cnnbench.prediction.loops import ahead
from cnnbench.prediction.terms import CALL, Terms, kind_of

HUBER_DELTA = 0.02
"""As `model.HUBER_DELTA`. Peaks repeat within 1 %; a larger error comes from a missing term."""

_CONVOLUTIONS = ("conv 1x1", "conv kxk")


def terms(graph: Graph) -> Terms:
    """The terms of a first call, in bytes or as counts."""
    buffers = plan(graph)
    large, tables, small = rise(graph, buffers)
    amounts: Terms = {
        CALL: 1.0,
        "large buffers, bytes": float(large + tables),
        "small buffers, bytes": float(small),
        "graph, bytes": graph_bytes(graph),
    }
    code: set[str] = set()  # loaded once, however often it is used
    if buffers.fused:
        code.add("bias and activation")
    if buffers.copied:
        code.add("reordering")
    shapes: set[tuple[object, ...]] = set()
    for index, node in enumerate(graph.nodes):
        if index in graph.inputs or node.rule.view:
            continue
        if kind_of(node)[0] == "recurrent":
            code |= {"recurrent", "reordering"} if node.rule.shape[0] > 1 else {"recurrent"}
            continue
        code.update(_code(graph, node))
        of = repr(node.attrs), graph.nodes[node.inputs[0]].rule.shape
        shapes.update((kind, *of) for kind in _convolutions(node))
    if frames := [sum(s for s in sizes if s < LEAST) for _, sizes in ahead(graph)]:
        amounts["recurrent frames, bytes"] = float(frames[0])
        amounts["recurrent frames of later loops, bytes"] = float(sum(frames[1:]))
    if shapes:
        amounts["conv, shapes"] = float(len(shapes))
    if any(reorders(node) for node in graph.nodes):
        largest, before = reordered(graph)
        amounts["conv weights reordered, bytes"] = float(largest)
        amounts["conv weights reordered before, bytes"] = float(before)
    if grouped := [n for n in graph.nodes if kind_of(n)[0] == "conv grouped"]:
        # XLA runs these layers, on copies of what such a layer reads and writes.
        amounts["conv grouped, bytes"] = float(max(_read_and_written(graph, n) for n in grouped))
    return amounts | {f"{name}, code": 1.0 for name in sorted(code)}


def _convolutions(node: Node) -> tuple[str, ...]:
    kind, _ = kind_of(node)
    if kind == "separable":
        return "depthwise", "conv 1x1"
    return (kind,) if kind in (*_CONVOLUTIONS, "depthwise") else ()


def _code(graph: Graph, node: Node) -> Iterator[str]:
    """The code that a layer needs in memory, by the names of the terms."""
    kind, _ = kind_of(node)
    then = node.attrs.get("activation")
    dense = kind == "dense"
    matrix = dense and prod(node.rule.shape[:-1]) > 1
    conv = bool(_convolutions(node)) or kind == "conv grouped"
    fused = has_bias(node) and (conv or (dense and len(node.rule.shape) == 2))
    if fused and kind not in ("depthwise", "separable") and then == "relu":
        yield "bias and activation"
    if fused and conv:
        yield "bias of channels"
    if (
        (fused and conv)
        or kind in ("batch norm", "layer norm", "copy")
        or node.op.startswith("Global")
        or (dense and not fused and len(node.rule.shape) > 2)
    ):
        yield "constants"
    if conv and (reorders(node) or kind in ("depthwise", "separable")):
        yield "reordering"
    if kind in ("depthwise", "separable"):
        yield "depthwise"
        images, rows, *_ = node.rule.shape
        if images * rows % 2:  # not the same number for each thread: one more kernel is generated
            yield "depthwise of an odd number of rows"
    if dense:
        yield "dense"
        if fused:
            yield "dense with bias"
    if matrix or kind == "conv grouped":
        yield "products generated"
    if kind in ("conv grouped", "copy", "layer norm"):
        yield kind
    if kind == "layer norm" or node.op.startswith("Global"):
        yield "means"
    if kind == "merge":
        yield "merging"
    read = {graph.nodes[i].rule.shape for i in node.inputs}
    if kind in ("batch norm", "layer norm") or (kind == "merge" and len(read) > 1):
        yield "spreading"
    if then == "softmax" or node.op == "Softmax":
        yield "softmax"


def _read_and_written(graph: Graph, node: Node) -> int:
    return sum(activation_bytes(graph, graph.nodes[i]) for i in node.inputs) + activation_bytes(
        graph, node
    )
