"""STEP: the terms of a training step: of its time, and of the rise of the peak in the first one.

The backward pass has the layers of the forward pass, and most cost twice as much there. Then the
optimizer, which is adam, changes each array of weights.

Memory is that of `buffers`: what `training` says is held goes through the same arena. TensorFlow
differs from paper in that the update of an array does not wait for the others, so that a gradient
is gone soon, and that it needs room of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cnnbench.analysis.training import held, training
from cnnbench.cost import output_bytes, weight_bytes
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.prediction import memory, terms
from cnnbench.prediction.buffers import LEAST, Arena, Buffer, added, prepared
from cnnbench.prediction.kinds import LOOPS, both_ways, kind_of, of_step
from cnnbench.prediction.terms import CALL, LayerTerms, Terms

_FOLDED = 10 * 2**20
"""Bytes of the largest constant that is computed when a graph is optimised, and then held several
times (core/grappler/optimizers/constant_folding.cc). The gradient of a mean is one."""

_MADE = 3
"""Values of the size of its input that a squared error makes beside the gradient."""

_WAITS = 3
"""Moments from when a gradient of weights is made until it is gone: others are updated first."""

_PIECES = 32
"""Steps of a loop that run at the same time (parallel_iterations of tf.while_loop). Each adds a
gradient of the weights; large ones are made more slowly than they are added."""


def of_layers(graph: Graph, unknown: str = "") -> list[LayerTerms]:
    """The layers of a step, as `terms.of_layers`.

    What a layer does in proportion to its work is less where no gradient of its inputs is wanted.
    """
    step = {layer.name: layer for layer in training(graph).layers}
    nodes = {node.name: node for node in graph.nodes}
    found = []
    for layer in terms.of_layers(graph, unknown):
        node, trained = nodes[layer.name], step[layer.name]
        amounts = {n: v for n, v in layer.terms.items() if not n.startswith("graph beyond")}
        if macs := node.rule.macs:
            share = (macs + trained.weight_macs + trained.value_macs) / (3 * macs)
            for name in amounts:
                if name.endswith(("MACs", "MACs times channels", "taps read", "bytes")):
                    amounts[name] *= share
        if layer.kind == "conv grouped":  # one group after the other
            *_, inside, filters = node.rule.weights[0].shape if node.rule.weights else (1, 1)
            amounts["conv grouped, taps of groups"] = (
                node.rule.macs * node.attrs["groups"] / (inside * filters)
            )
        amounts["graph, operations"] = float(of_step(node))
        found.append(replace(layer, terms=amounts))
    return found


def time(graph: Graph, unknown: str = "") -> Terms:
    """The terms of the time of a step."""
    amounts = terms.total(of_layers(graph, unknown))
    amounts["update, values"] = sum(_trained(graph)) / ITEMSIZE["float32"]
    if sizes := _errors(graph):
        amounts["loss, bytes"] = float(sum(sizes))
    return amounts


def rise(graph: Graph) -> Terms:
    """The terms of the rise of the peak over a first step, in bytes or as counts."""
    large, tables, small = added(_prepared(graph), list(_buffers(graph)))
    amounts: Terms = {
        CALL: 1.0,
        "large buffers, bytes": float(large + tables),
        "small buffers, bytes": float(small),
        "graph, operations": float(
            sum(of_step(n) for i, n in enumerate(graph.nodes) if i not in graph.inputs)
        ),
        "conv, shapes": float(len(memory.shapes_of(graph))),
        "loss, constants": float(sum(size for size in _errors(graph) if size <= _FOLDED)),
    }
    grouped = [n for n in graph.nodes if kind_of(n)[0] == "conv grouped" and n.rule.weights]
    if grouped:  # XLA runs their backward pass, on kernels without groups
        amounts["conv grouped, whole weights"] = float(
            max(weight_bytes(graph, n, n.rule.weights[0]) * n.attrs["groups"] for n in grouped)
        )
    # The product of each position is one with a matrix, of values that are put into another shape.
    positions = (n for n in graph.nodes if kind_of(n)[0] == "dense" and len(n.rule.shape) > 2)
    amounts["dense on positions, bytes"] = float(sum(output_bytes(graph, n) for n in positions))
    for node in graph.nodes:
        if (kind := kind_of(node)[0]) in LOOPS:
            for name, amount in _of_loop(graph, node, kind):
                amounts[name] = amounts.get(name, 0.0) + amount
    return amounts | {f"{name}, code": 1.0 for name in sorted(memory.code_of(graph))}


def _trained(graph: Graph) -> list[int]:
    """The bytes of each array of weights that a step changes."""
    return [
        weight_bytes(graph, node, weight)
        for node in graph.nodes
        for weight in node.rule.weights
        if weight.trainable
    ]


def _errors(graph: Graph) -> list[int]:
    """Bytes of the outputs that have a squared error as their loss, as those of blocks have."""
    outputs = [graph.nodes[index] for index in graph.outputs]
    return [output_bytes(graph, node) for node in outputs if len(node.rule.shape) != 2]


def _of_loop(graph: Graph, node: Node, kind: str) -> Iterator[tuple[str, float]]:
    """What the steps of a loop keep, and the gradients that they add to those before."""
    steps = graph.nodes[node.inputs[0]].rule.shape[1]
    sizes = [weight_bytes(graph, node, weight) for weight in node.rule.weights]
    small = sum(size for size in sizes if size < LEAST)
    yield "loop gradients, bytes", float(min(steps, _PIECES) * small)
    if kind == "recurrent":
        yield "recurrent, steps", float(steps)
    else:
        yield "loops, steps", float(steps * (2 if both_ways(node) else 1))
        yield "loops, weight bytes", float(sum(sizes))


def _prepared(graph: Graph) -> Arena:
    """The arena before the step: also with what adam keeps of each array, and the targets."""
    arena = prepared(graph)
    kept = [size for size in _trained(graph) for _ in range(2)]
    for size in (*kept, *_errors(graph)):
        if size >= LEAST:
            arena.allocate(size)
    return arena


def _buffers(graph: Graph) -> Iterator[Buffer]:
    """What is held, with the changes that TensorFlow makes; a wave is a moment of `Held`."""
    for one in held(graph):
        if not one.size or one.layer in graph.inputs:
            continue
        if one.weight is None:
            yield Buffer(one.size, one.first, one.last)
            continue
        yield Buffer(one.size, one.first, one.first + _WAITS)
        yield Buffer(one.size, one.first + 1, one.first + _WAITS)  # of the update
        if "Conv" in graph.nodes[one.layer].op and len(one.weight.shape) > 1:
            # It comes in the order of the library that made it, and is reordered.
            yield Buffer(one.size, one.first, one.first + 1)
    middle = len(graph.nodes)
    for size in _errors(graph):
        for _ in range(_MADE):
            yield Buffer(size, middle, middle)
