"""MEMORY: the terms of the rise of the peak memory over the first call of a process.

For a small block, half of that rise is not data. When a kernel runs for the first time, the
pages of its code are read from the framework's library and count as resident (1.4 MiB for a
convolution with a bias, 5 MiB for a matrix product). The graph is optimised, and oneDNN generates
machine code for each convolution. So whether a kind of kernel runs at all is a term of its own.
Code that several kinds share also has a term of its own. /proc/PID/pagemap says which pages these
are.

malloc keeps freed memory, as the arena does, but it cannot use all of it again: when something
small has taken a piece of a hole, the next buffer of the old size does not fit.
"""

from __future__ import annotations

from math import prod

from cnnbench import cost
from cnnbench.cases.paper import rise_on_paper
from cnnbench.graph import Graph, Node
from cnnbench.prediction.buffers import LEAST, ahead, plan, prepared, rise
from cnnbench.prediction.kinds import LOOPS, has_bias, kind_of, of_graph
from cnnbench.prediction.terms import CALL, Terms, weight_bytes

HUBER_DELTA = 0.02
"""As `model.HUBER_DELTA`. Peaks repeat within 1 %; a larger error comes from a missing term."""

_ALONE = {"attention", "conv 3d", "embedding", "group norm", "order", "resize", "transposed"}
"""Kinds whose code no other kind needs."""

_SIGMOIDS = ("sigmoid", "silu", "swish", "hard_sigmoid", "hard_silu", "hard_swish")

_KIB = 2**10
_A_NODE = 12.2 * _KIB
_ANY = 225 * _KIB
_ROOM = 1100 * _KIB
_A_NODE_HELD = 29 * _KIB
_TABLES = 448 * _KIB
"""Tables of the first three regions of the arena; the table of a larger one is mapped by itself."""

_MAPPED = 2_090_000
"""A larger piece gets a mapping of its own, which is unmapped when the piece is freed; from then
on, pieces up to that size do not. It is between 1.8 and 2.1 MB when a first call begins
(M_MMAP_THRESHOLD of mallopt(3) is dynamic)."""

_AFTER = 9 * 2**20
"""Code of a first product with a matrix, loaded and generated after all convolutions."""


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
    code |= code_of(graph)
    if frames := [sum(s for s in sizes if s < LEAST) for _, sizes in ahead(graph)]:
        amounts["recurrent frames, bytes"] = float(frames[0])
        amounts["recurrent frames of later loops, bytes"] = float(sum(frames[1:]))
    if shapes := shapes_of(graph):
        amounts["conv, shapes"] = float(len(shapes))
    if any(reorders(node) for node in graph.nodes):
        largest, before = reordered(graph)
        amounts["conv weights reordered, bytes"] = float(largest)
        # Small pieces find room in what the graph needed while it was optimised.
        left = max(0.0, before - amounts["graph, bytes"])
        amounts["conv weights reordered before, bytes"] = left
    if grouped := [n for n in graph.nodes if kind_of(n)[0] == "conv grouped"]:
        # XLA runs these layers, on copies of what such a layer reads and writes.
        copied = [[*(graph.nodes[i] for i in node.inputs), node] for node in grouped]
        sizes = [sum(cost.activation_bytes(graph, node) for node in nodes) for nodes in copied]
        amounts["conv grouped, bytes"] = float(max(sizes))
    return amounts | {f"{name}, code": 1.0 for name in sorted(code)}


def elsewhere(graph: Graph) -> Terms:
    """The terms where no allocator is known: values, weights in an order of their own, and code.

    A runtime may keep the weights of a kind of layers a second time, in the order of its kernels.
    """
    paper = cost.cost(graph)
    amounts: Terms = {
        CALL: 1.0,
        "live values, bytes": float(rise_on_paper(paper)),
        "values, bytes": float(paper.activation_bytes),
    }
    for node in graph.nodes:
        if size := weight_bytes(graph, node):
            name = f"{kind_of(node)[0]}, weight bytes"
            amounts[name] = amounts.get(name, 0.0) + size
    kinds = {
        kind_of(node)[0] for index, node in enumerate(graph.nodes) if index not in graph.inputs
    }
    return amounts | {f"{kind}, code": 1.0 for kind in kinds}


def code_of(graph: Graph) -> set[str]:
    """The code that the layers of a graph need in memory, by the names of the terms."""
    layers = (n for i, n in enumerate(graph.nodes) if i not in graph.inputs and not n.rule.view)
    return set().union(*(_code(graph, node) for node in layers))


def shapes_of(graph: Graph) -> set[tuple[object, ...]]:
    """The different convolutions of a graph: machine code is generated for each."""
    return {
        (kind, repr(node.attrs), graph.nodes[node.inputs[0]].rule.shape)
        for node in graph.nodes
        for kind in _convolutions(node)
    }


def _convolutions(node: Node) -> tuple[str, ...]:
    kind, _ = kind_of(node)
    if kind == "separable":
        return "depthwise", "conv 1x1"
    return (kind,) if kind in ("conv 1x1", "conv kxk", "depthwise") else ()


def _code(graph: Graph, node: Node) -> set[str]:
    kind, _ = kind_of(node)
    if kind in LOOPS:
        several = node.rule.shape[0] > 1
        if kind == "recurrent":
            return {kind, "reordering"} if several else {kind}
        # The products of a step run the same code as a dense layer's.
        return {kind, "loop", "dense", *(["products generated"] if several else [])}
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
        "bias of channels": (fused and conv) or (kind == "transposed" and has_bias(node)),
        "constants": (fused and conv)
        or (norm or kind == "copy" or over_all)
        or (dense and not fused and len(leading) > 1),
        "reordering": (conv and (reorders(node) or depthwise)) or kind == "transposed",
        "depthwise": depthwise,
        # Where threads get different numbers of rows, one more kernel is generated.
        "depthwise of an odd number of rows": depthwise and prod(leading[:2]) % 2 == 1,
        "dense": dense,
        "dense with bias": dense and fused,
        "products generated": grouped or (kind in ("dense", "attention") and prod(leading) > 1),
        "conv grouped": grouped,
        "copy": kind == "copy",
        "layer norm": kind == "layer norm",
        "means": kind == "layer norm" or over_all,
        "merging": merge,
        "spreading": norm or (merge and len(shapes) > 1),
        "softmax": then == "softmax" or node.op == "Softmax",
        "sigmoid": then in _SIGMOIDS,
        "gelu": then == "gelu",
    }
    return {name for name, needs in needed.items() if needs} | ({kind} & _ALONE)


def graph_bytes(graph: Graph) -> float:
    """The heap that a first call needs to optimise the graph, before it runs anything.

    It is proportional to the operations (core/grappler/optimizers/meta_optimizer.cc copies the
    graph for each pass), minus the room that building the model has left. Small weights and the
    tables of the arena have used some of that room. The constants are those of TensorFlow 2.21
    on Linux, from probes of one to forty layers.
    """
    nodes = 3 + of_graph(graph)
    sizes = [cost.weight_bytes(graph, n, weight) for n in graph.nodes for weight in n.rule.weights]
    small = sum(size for size in sizes if size < LEAST)
    held = small + 2 * min(prepared(graph).tables, _TABLES)
    return max(0.0, min(_A_NODE_HELD * nodes + held - _ROOM, _A_NODE * nodes + _ANY))


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
