"""Is what we say on paper what others count? A graph beside Keras, TensorFlow and XLA.

compare   parameters and output shapes of a block's layers beside Keras' (for `run`)
report    any model: parameters, shapes and multiply-adds beside Keras and TensorFlow
layers    the same, a row for each call of a layer
profiler  what TensorFlow runs for each layer, and what its profiler counts there
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Any

from cnnbench import units
from cnnbench.cases.answer import Check
from cnnbench.cost import Cost, LayerCost, cost
from cnnbench.crosscheck.pairing import Agreement, layers
from cnnbench.crosscheck.profiler import NOT_COMPARED
from cnnbench.graph import Graph


def compare(graph: Graph, model: Any) -> Check:
    """Compare parameters and output shape of every layer, and the totals.

    Layers are paired by name: a graph numbers its layers as Keras does, so a model built right
    after `keras.utils.clear_session()` carries the same names in the same order.

    Args:
        graph: traced from a block.
        model: the `keras.Model` built from the same block.

    Returns:
        The verdict; each difference is a sentence that names the layer.
    """
    paper = cost(graph)
    ours = {layer.name: layer for layer in paper.layers}
    theirs = {layer.name: layer for layer in model.layers}
    found = [f"{name}: on paper, not in Keras" for name in ours if name not in theirs]
    found += [f"{name}: in Keras, not on paper" for name in theirs if name not in ours]
    for name in ours:
        if name in theirs:
            found += _differences(ours[name], theirs[name])
    return Check(len(ours), paper.params, (*found, *_totals(paper, model)))


def compare_read(graph: Graph, model: Any) -> Check:
    """Compare a graph that was read from a Keras model with the model: layer by layer, and totals.

    Sizes are those of the graph, which need not be the model's own: shapes are not compared.

    Args:
        graph: read from the model.
        model: a `keras.Model`.
    """
    paper = cost(graph)
    ours = Counter(layer.name for layer in paper.layers)
    theirs = list(model._flatten_layers(include_self=False))
    names = Counter(layer.name for layer in theirs)
    by_name = {layer.name: layer for layer in theirs if names[layer.name] == 1}
    differences = [
        f"{layer.name}: parameters: {layer.params} on paper, {by_name[layer.name].count_params()} "
        "in Keras"
        for layer in paper.layers
        if ours[layer.name] == 1
        and layer.name in by_name
        and layer.params != by_name[layer.name].count_params()
    ]
    return Check(len(ours), paper.params, (*differences, *_totals(paper, model)))


def report(graph: Graph, model: Any) -> list[Agreement]:
    """What of a graph agrees with Keras and with TensorFlow's profiler.

    Args:
        graph: read from the model.
        model: a Keras model that is built, with or without values. TensorFlow traces it at the
            graph's input sizes; nothing is allocated or computed.

    Returns:
        The totals; then what TensorFlow does not count, with `equal` None; then every number
        of a layer that differs.

    Raises:
        RuntimeMissingError: Keras does not run on TensorFlow here.
        CnnbenchError: TensorFlow cannot trace the model at these sizes.
    """
    paper, found = cost(graph), layers(graph, model)
    counted = [layer for layer in found if not layer.not_compared]
    shapes = [layer.shapes_agree for layer in found]
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
    for reason in dict.fromkeys(layer.not_compared for layer in found if layer.not_compared):
        macs = sum(layer.macs for layer in found if layer.not_compared == reason)
        if macs:
            why = NOT_COMPARED.get(reason, reason)
            rows.append(Agreement(f"multiply-adds in {reason} ({why})", macs, None, None))
    return rows + [row for layer in found for row in layer.rows() if row.equal is False]


def _totals(paper: Cost, model: Any) -> list[str]:
    totals = (
        ("parameters", paper.params, model.count_params()),
        ("trainable parameters", paper.trainable_params, _trainable(model)),
    )
    return [
        f"total: {what}: {expected} on paper, {got} in Keras"
        for what, expected, got in totals
        if expected != got
    ]


def _differences(ours: LayerCost, theirs: Any) -> list[str]:
    shape = tuple(theirs.output.shape)
    rows = (
        ("type", ours.op, type(theirs).__name__),
        ("parameters", ours.params, theirs.count_params()),
        ("trainable parameters", ours.trainable_params, _trainable(theirs)),
        # Keras may leave the batch open.
        ("output", units.shape(ours.output_shape[1:]), units.shape(shape[1:])),
    )
    return [
        f"{ours.name}: {what}: {expected} on paper, {got} in Keras"
        for what, expected, got in rows
        if expected != got
    ]


def _trainable(owner: Any) -> int:
    # From the arrays themselves: Keras has no count of its own for these.
    return sum(prod(weight.shape) for weight in owner.trainable_weights)
