"""Is what we say on paper what Keras builds? The comparison of a graph with a Keras model.

Layers are paired by name: a graph numbers its layers as Keras does, so a model built right
after `keras.utils.clear_session()` carries the same names in the same order.
"""

from __future__ import annotations

from typing import Any

from cnnbench import units
from cnnbench.cost import LayerCost, cost
from cnnbench.graph import Graph
from cnnbench.measurement import Check


def compare(graph: Graph, model: Any) -> Check:
    """Compare parameters and output shape of every layer, and the totals.

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
    totals = (
        ("parameters", paper.params, model.count_params()),
        ("trainable parameters", paper.trainable_params, _trainable(model)),
    )
    found += [
        f"total: {what}: {expected} on paper, {got} in Keras"
        for what, expected, got in totals
        if expected != got
    ]
    return Check(layers=len(ours), params=paper.params, differences=tuple(found))


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
    return sum(int(weight.value.shape.num_elements()) for weight in owner.trainable_weights)
