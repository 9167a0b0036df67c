"""Memory of a training step: what is alive when, over the forward and the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from cnnbench.cost import output_bytes
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.rule import Shape

CONVENTION = (
    "Weights and the optimizer's slots; what the backward pass reads, until then; gradients of "
    "values, from the backward pass of their first reader to that of their own layer; gradients "
    "of weights, until the update."
)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a training step; the peak is of all that is alive at once.

    Args:
        weights: all, trainable or not.
        slots: what the optimizer keeps for the trainable ones.
        gradients: of the trainable weights.
        activations: alive between the forward and the backward pass.
        peak: the most of everything together.
        peak_at: the layer and pass where that is.
    """

    weights: int
    slots: int
    gradients: int
    activations: int
    peak: int
    peak_at: str


def memory(
    graph: Graph, active: list[bool], slots: Callable[[Shape], int], weight_bytes: int
) -> Memory:
    """The memory of one training step.

    Of the layers, those that are `active` have a backward pass; `slots` are the values that the
    optimizer keeps for a weight of a shape.
    """
    count = len(graph.nodes)
    change = [0] * (2 * count + 2)  # of what is alive, at each moment
    kept_slots = gradients = activations = 0

    def hold(size: int, first: int, last: int) -> None:
        nonlocal activations
        change[first] += size
        change[last + 1] -= size
        activations += size * (first < count <= last)

    # Layer i runs forward at moment i and backward at 2 * count - 1 - i; then the update.
    owner, update = _owners(graph), 2 * count
    last_use = _last_uses(graph, owner, active)
    first_gradient = _first_gradients(graph, owner, active)
    for index, node in enumerate(graph.nodes):
        back = update - 1 - index
        item = ITEMSIZE[node.dtype or graph.dtype]
        if owner[index] == index:
            size = output_bytes(graph, node)
            hold(size, index, last_use[index])
            if active[index]:
                hold(size, first_gradient[index], back)
        scratch = item * node.rule.scratch
        if active[index]:
            kept = scratch if node.rule.kept is None else item * node.rule.kept
            hold(kept, index, back)
            # The gradients of what is inside. At the forward moment less is alive than here.
            hold(scratch, back, back)
        else:
            hold(scratch, index, index)
        weights = [weight.shape for weight in node.rule.weights if weight.trainable]
        each = ITEMSIZE[node.weight_dtype or graph.dtype]
        of_weights = each * sum(map(prod, weights))
        if active[index]:
            hold(of_weights, back, update)
        gradients += of_weights
        kept_slots += each * sum(map(slots, weights))
    alive = list(accumulate(change))
    peak = max(range(update + 1), key=alive.__getitem__)
    moments = [f"{node.name}, forward" for node in graph.nodes]
    moments += [f"{node.name}, backward" for node in reversed(graph.nodes)]
    return Memory(
        weight_bytes,
        kept_slots,
        gradients,
        activations,
        weight_bytes + kept_slots + alive[peak],
        [*moments, "the update"][peak],
    )


def trainable(node: Node) -> bool:
    """Whether a layer has weights that training changes."""
    return any(weight.trainable for weight in (*node.rule.weights, *node.shared))


def _owners(graph: Graph) -> list[int]:
    """Whose memory a layer's output is; a view that training changes (dropout) is a copy."""
    owner: list[int] = []
    for index, node in enumerate(graph.nodes):
        view = node.rule.view and not node.rule.training
        owner.append(owner[node.inputs[0]] if view else index)
    return owner


def _last_uses(graph: Graph, owner: list[int], active: list[bool]) -> list[int]:
    """The moment after which an output is not needed; indexed by who owns the memory."""
    count = len(graph.nodes)
    last = list(range(count))
    for index, node in enumerate(graph.nodes):
        back = 2 * count - 1 - index
        read, written = _saves(node) if active[index] else (False, False)
        for source in node.inputs:
            last[owner[source]] = max(last[owner[source]], back if read else index)
        if written:
            last[owner[index]] = max(last[owner[index]], back)
    for index in graph.outputs:  # the loss reads them
        last[owner[index]] = max(last[owner[index]], count)
    for index in graph.inputs:  # the caller keeps them
        last[owner[index]] = 2 * count
    return last


def _saves(node: Node) -> tuple[bool, bool]:
    """Whether the backward pass reads the inputs and the output.

    A product with frozen weights needs no gradient of theirs, so not its input.
    """
    rule = node.rule
    frozen = rule.macs and not rule.products and not trainable(node)
    return rule.saves in ("input", "both") and not frozen, rule.saves in ("output", "both")


def _first_gradients(graph: Graph, owner: list[int], active: list[bool]) -> list[int]:
    """The moment when the gradient of an output begins: the backward pass of its last reader."""
    count = len(graph.nodes)
    first = [2 * count - 1 - index for index in range(count)]
    for index, node in enumerate(graph.nodes):
        if active[index]:
            for source in node.inputs:
                first[owner[source]] = 2 * count - 1 - index
    for index in graph.outputs:
        first[owner[index]] = count
    return first
