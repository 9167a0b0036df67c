"""A graph compared with what Keras and TensorFlow say of the same model.

compare       a block: parameters and output shapes of its layers, by Keras (for `run`)
compare_read  a graph that was read from a Keras model: parameters, by Keras (for `run`)
report        any model: parameters, shapes and multiply-adds, by Keras and TensorFlow
layers        the same, a row for each call of a layer
profiler      what TensorFlow runs for each layer, and what its profiler counts there
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Any

from cnnbench import units
from cnnbench.cases.answer import Check
from cnnbench.cost import Cost, LayerCost, cost
from cnnbench.crosscheck.pairing import NO_RULE, Agreement, layers
from cnnbench.crosscheck.profiler import NOT_COMPARED
from cnnbench.graph import Graph
from cnnbench.networks.reader import NO_CALL


def compare(graph: Graph, model: Any) -> Check:
    """Compare parameters and output shape of every layer of a block, and the totals.

    The model must be built from the same block. Layers are paired by name: a graph numbers its
    layers as Keras does, so a model built right after `keras.utils.clear_session()` carries the
    same names in the same order. Each difference is a sentence that names the layer.
    """
    paper = cost(graph)
    ours = {layer.name: layer for layer in paper.layers}
    theirs = {layer.name: layer for layer in model.layers}
    differences = [f"{name}: on paper, not in Keras" for name in ours if name not in theirs]
    differences += [f"{name}: in Keras, not on paper" for name in theirs if name not in ours]
    for name in ours:
        if name in theirs:
            differences += _layer(ours[name], theirs[name])
    return Check(len(ours), paper.params, (*differences, *_totals(paper, model)))


def compare_read(graph: Graph, model: Any) -> Check:
    """Compare a graph with the Keras model that it was read from: parameters and totals.

    Shapes are not compared, for the graph may be at other sizes than the model's own.
    """
    paper = cost(graph)
    flat = list(model._flatten_layers(include_self=False))
    ours = Counter(layer.name for layer in paper.layers)
    theirs = Counter(layer.name for layer in flat)
    by_name = {layer.name: layer for layer in flat}
    differences: list[str] = []
    for layer in paper.layers:
        if ours[layer.name] == theirs[layer.name] == 1:
            params = by_name[layer.name].count_params()
            differences += _unequal(layer.name, ("parameters", layer.params, params))
    return Check(len(ours), paper.params, (*differences, *_totals(paper, model)))


def report(graph: Graph, model: Any) -> list[Agreement]:
    """What of a graph agrees with Keras and with TensorFlow's profiler.

    Args:
        graph: read from the model.
        model: built, with or without values. TensorFlow traces it at the graph's input sizes;
            nothing is allocated or computed.

    Returns:
        The totals; then what TensorFlow does not count, with `equal` None; then every number
        of a layer that differs.

    Raises:
        RuntimeMissingError: Keras does not run on TensorFlow here.
        CnnbenchError: TensorFlow cannot trace the model at these sizes.
    """
    paper, compared = cost(graph), layers(graph, model)
    counted = [layer for layer in compared if not layer.not_compared]
    shapes = [layer.shapes_agree for layer in compared if layer.not_compared != NO_RULE]
    totals = [
        ("parameters, by Keras", paper.params, model.count_params()),
        ("trainable parameters, by Keras", paper.trainable_params, _trainable(model)),
        ("layers and their output shapes, by TensorFlow", len(shapes), sum(shapes)),
        (
            "multiply-adds, by TensorFlow's statistics",
            sum(layer.macs for layer in counted),
            sum(layer.traced_macs for layer in counted),
        ),
    ]
    rows = [Agreement(what, ours, theirs, ours == theirs) for what, ours, theirs in totals]
    for reason in dict.fromkeys(layer.not_compared for layer in compared if layer.not_compared):
        macs = sum(layer.macs for layer in compared if layer.not_compared == reason)
        if macs:
            why = NOT_COMPARED.get(reason, reason)
            rows.append(Agreement(f"multiply-adds in {reason} ({why})", macs, None, None))
    uncalled = [node.name for node in graph.nodes if node.uncounted == NO_CALL]
    rows += [Agreement(f"{name}: calls that use its weights", 0, None, False) for name in uncalled]
    return rows + [row for layer in compared for row in layer.rows() if row.equal is False]


def _totals(paper: Cost, model: Any) -> list[str]:
    return _unequal(
        "total",
        ("parameters", paper.params, model.count_params()),
        ("trainable parameters", paper.trainable_params, _trainable(model)),
    )


def _layer(ours: LayerCost, theirs: Any) -> list[str]:
    shape = tuple(theirs.output.shape)
    return _unequal(
        ours.name,
        ("type", ours.op, type(theirs).__name__),
        ("parameters", ours.params, theirs.count_params()),
        ("trainable parameters", ours.trainable_params, _trainable(theirs)),
        # Keras may leave the batch open.
        ("output", units.shape(ours.output_shape[1:]), units.shape(shape[1:])),
    )


def _unequal(where: str, *rows: tuple[str, Any, Any]) -> list[str]:
    """A sentence for each of the rows (what, ours, theirs) whose numbers differ."""
    return [
        f"{where}: {what}: {ours} on paper, {theirs} in Keras"
        for what, ours, theirs in rows
        if ours != theirs
    ]


def _trainable(owner: Any) -> int:
    # From the arrays themselves: Keras has no count of its own for these.
    return sum(prod(weight.shape) for weight in owner.trainable_weights)
