"""MEMORY: the terms of the rise of the peak memory over the first call of a process.

For a small block, half of that rise is not data. When a kernel runs for the first time, the
pages of its code are read from the framework's library and count as resident (1.4 MiB for a
convolution with a bias, 5 MiB for a matrix product). The graph is optimised, and oneDNN generates
machine code for each convolution. So whether a kind of kernel runs at all is a term of its own.
Code that several kinds share also has a term of its own. /proc/PID/pagemap says which pages these
are.
"""

from __future__ import annotations

from math import prod

from cnnbench.cost import activation_bytes
from cnnbench.graph import Graph, Node
from cnnbench.prediction.arena import LEAST
from cnnbench.prediction.buffers import ahead, plan, rise
from cnnbench.prediction.heap import graph_bytes, has_bias, reordered, reorders
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
        copied = [[*(graph.nodes[i] for i in node.inputs), node] for node in grouped]
        sizes = [sum(activation_bytes(graph, node) for node in nodes) for nodes in copied]
        amounts["conv grouped, bytes"] = float(max(sizes))
    return amounts | {f"{name}, code": 1.0 for name in sorted(code)}


def _convolutions(node: Node) -> tuple[str, ...]:
    kind, _ = kind_of(node)
    if kind == "separable":
        return "depthwise", "conv 1x1"
    return (kind,) if kind in (*_CONVOLUTIONS, "depthwise") else ()


def _code(graph: Graph, node: Node) -> set[str]:
    """The code that a layer needs in memory, by the names of the terms."""
    kind, _ = kind_of(node)
    then = node.attrs.get("activation")
    dense, grouped, merge = kind == "dense", kind == "conv grouped", kind == "merge"
    depthwise = kind in ("depthwise", "separable")
    norm = kind in ("batch norm", "layer norm")
    over_all = node.op.startswith("Global")
    conv = bool(_convolutions(node)) or grouped
    leading = node.rule.shape[:-1]
    fused = has_bias(node) and (conv or (dense and len(leading) == 1))
    shapes = {graph.nodes[i].rule.shape for i in node.inputs}
    needed = {
        "bias and activation": fused and not depthwise and then == "relu",
        "bias of channels": fused and conv,
        "constants": (fused and conv)
        or (norm or kind == "copy" or over_all)
        or (dense and not fused and len(leading) > 1),
        "reordering": conv and (reorders(node) or depthwise),
        "depthwise": depthwise,
        # Where threads get different numbers of rows, one more kernel is generated.
        "depthwise of an odd number of rows": depthwise and prod(leading[:2]) % 2 == 1,
        "dense": dense,
        "dense with bias": dense and fused,
        "products generated": grouped or (dense and prod(leading) > 1),
        "conv grouped": grouped,
        "copy": kind == "copy",
        "layer norm": kind == "layer norm",
        "means": kind == "layer norm" or over_all,
        "merging": merge,
        "spreading": norm or (merge and len(shapes) > 1),
        "softmax": then == "softmax" or node.op == "Softmax",
    }
    return {name for name, needs in needed.items() if needs}
