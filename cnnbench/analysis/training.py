"""TRAINING: what one step of training costs, on paper: operations, and memory at its peak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from cnnbench import units
from cnnbench.cost import Cost, cost, output_bytes
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.records import Record, one_line
from cnnbench.rule import Shape, Weight

CONVENTION = (
    "One step: forward, backward, update; the loss is not counted. A product with weights is "
    "done again for their gradient if they are trained, and for that of its input if something "
    "before it is."
)

MEMORY_CONVENTION = (
    "Weights and the optimizer's slots; what the backward pass reads, until then; gradients of "
    "values, from the backward pass of their first reader to that of their own layer; gradients "
    "of weights, until the update."
)


@dataclass(frozen=True, slots=True)
class Optimizer:
    """What an optimizer of Keras keeps for each weight, and does to it in one update.

    Operations on single numbers, as a power of a decay rate, are not counted.

    Args:
        operations: elementwise operations on each value of a weight.
        copies: how many values it keeps for each value of a weight.
        means: it also keeps the means of a weight along each of its last two axes.
    """

    operations: int
    copies: int
    means: bool = False

    def slots(self, shape: Shape) -> int:
        """Values that it keeps for a weight of a shape."""
        values = self.copies * prod(shape)
        if not self.means or len(shape) < 2:
            return values
        return values + prod(shape[:-1]) + prod((*shape[:-2], shape[-1]))


OPTIMIZERS = {
    "sgd": Optimizer(2, 0),
    "momentum": Optimizer(4, 1),
    "nesterov": Optimizer(7, 1),
    "adadelta": Optimizer(17, 2),
    "adafactor": Optimizer(14, 1, means=True),
    "adagrad": Optimizer(7, 1),
    "adam": Optimizer(12, 2),
    "adamax": Optimizer(11, 2),
    "adamw": Optimizer(15, 2),
    "ftrl": Optimizer(18, 2),
    "lamb": Optimizer(18, 2),
    "lion": Optimizer(9, 1),
    "nadam": Optimizer(18, 2),
    "rmsprop": Optimizer(9, 1),
    "schedulefreeadamw": Optimizer(19, 2),
}
"""By the class of Keras; momentum (of 0.9) and nesterov are SGD with these. Not here: Muon, whose
update has matrix products of its own."""


@dataclass(frozen=True, slots=True)
class LayerTraining:
    """What one layer does in a training step.

    Args:
        forward_flops: of the forward pass, as it is in training.
        weight_macs: MACs for the gradients of its weights.
        value_macs: MACs for the gradients of its inputs, and of both factors of a product of
            values (`Rule.products`).
        backward_elementwise: elementwise operations of the backward pass, with the additions
            where several layers read the output.
    """

    name: str
    op: str
    forward_flops: int
    weight_macs: int
    value_macs: int
    backward_elementwise: int

    @property
    def backward_flops(self) -> int:
        """2 * MACs + elementwise."""
        return 2 * (self.weight_macs + self.value_macs) + self.backward_elementwise


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


@dataclass(frozen=True, slots=True)
class Training(Record):
    """One training step of a network with one optimizer.

    Where `uncounted` is not empty, FLOPs and memory are lower bounds.
    """

    optimizer: str
    layers: tuple[LayerTraining, ...]
    update_flops: int
    memory: Memory
    inference: Cost

    def __repr__(self) -> str:
        least = ">= " if self.uncounted else ""
        flops = f"{least}{units.count(self.flops, 'FLOPs')} a step with {self.optimizer}"
        peak = f"{least}{units.binary(self.memory.peak)} at the peak"
        return one_line(self, self.inference.name, flops, peak)

    @property
    def forward_flops(self) -> int:
        """Of the forward pass in training mode."""
        return sum(layer.forward_flops for layer in self.layers)

    @property
    def backward_flops(self) -> int:
        """Of the backward pass."""
        return sum(layer.backward_flops for layer in self.layers)

    @property
    def flops(self) -> int:
        """Of the whole step."""
        return self.forward_flops + self.backward_flops + self.update_flops

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The layers without a rule."""
        return tuple(layer.name for layer in self.inference.uncounted)


def training(graph: Graph, optimizer: str = "adam") -> Training:
    """The cost of one training step of the whole batch.

    The gradient of the loss at the outputs is given; that of the network's inputs is not wanted.
    The optimizer is one of OPTIMIZERS.
    """
    if optimizer not in OPTIMIZERS:
        raise unknown("optimizer", optimizer, OPTIMIZERS)
    if graph.dtype == "int8":
        raise CnnbenchError("a training step in int8 is not known; give a type of floats")
    chosen = OPTIMIZERS[optimizer]
    active = _active(graph)
    added = _gradients_added(graph, active)
    total = cost(graph)
    return Training(
        optimizer,
        tuple(_layer(graph, index, active, sums) for index, sums in enumerate(added)),
        chosen.operations * total.trainable_params,
        _memory(graph, chosen, total.weight_bytes),
        total,
    )


def _active(graph: Graph) -> list[bool]:
    """Which layers have a backward pass: weights at them or before, and an output after."""
    trains: list[bool] = []
    for node in graph.nodes:
        trains.append(_trainable(node) or any(trains[i] for i in node.inputs))
    read = set(graph.outputs)
    for index in reversed(range(len(graph.nodes))):
        if index in read:
            read.update(graph.nodes[index].inputs)
    return [wanted and index in read for index, wanted in enumerate(trains)]


def _trainable(node: Node) -> bool:
    """Whether a layer has weights that training changes."""
    return any(weight.trainable for weight in (*node.rule.weights, *node.shared))


def _gradients_added(graph: Graph, active: list[bool]) -> list[int]:
    """Additions of gradients at the output of each layer: one for each reader after the first.

    Of a layer with several outputs it is not known who reads which; none are counted.
    """
    readers = [0] * len(graph.nodes)
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            readers[source] += active[index]
    for index in graph.outputs:
        readers[index] += 1
    return [
        max(count - 1, 0) * prod(node.rule.shape) * (on and not node.rule.others)
        for node, count, on in zip(graph.nodes, readers, active, strict=True)
    ]


def _layer(graph: Graph, index: int, active: list[bool], sums: int) -> LayerTraining:
    node = graph.nodes[index]
    rule = node.rule
    forward = rule.elementwise if rule.training is None else rule.training
    with_weights = rule.macs - rule.products
    inputs = sum(active[source] for source in node.inputs)
    on = active[index]
    return LayerTraining(
        node.name,
        node.op,
        forward_flops=2 * rule.macs + forward,
        weight_macs=with_weights * _trainable(node) * on,
        value_macs=(with_weights * (inputs > 0) + rule.products * _factors(node, inputs)) * on,
        backward_elementwise=(rule.backward + sums) * on,
    )


def _factors(node: Node, inputs: int) -> int:
    """How many of the two factors of a product of values need a gradient.

    Inside a layer that also has products with weights (attention with heads, a recurrent layer)
    both come from them. Otherwise they are its inputs, or variables that an operation reads.
    """
    if node.rule.products < node.rule.macs or len(node.inputs) + len(node.rule.weights) < 2:
        return 2
    return min(inputs + _trainable(node), 2)


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that a step holds from one moment to another, including both.

    Layer i of n runs forward at moment i and backward at moment 2 * n - 1 - i; the update is moment
    2 * n. `weight` is what they are the gradient of; all other bytes are values of a layer or their
    gradients.
    """

    size: int
    first: int
    last: int
    layer: int
    weight: Weight | None = None


def held(graph: Graph) -> Iterator[Held]:
    """What a step holds beside weights and slots, layer by layer."""
    active = _active(graph)
    owner, update = _owners(graph), 2 * len(graph.nodes)
    last_use, first_gradient = _lifetimes(graph, owner, active)
    for index, node in enumerate(graph.nodes):
        back = update - 1 - index
        item = ITEMSIZE[node.dtype or graph.dtype]
        if owner[index] == index:
            size = output_bytes(graph, node)
            yield Held(size, index, last_use[index], index)
            if active[index]:
                yield Held(size, first_gradient[index], back, index)
        scratch = item * node.rule.scratch
        if not active[index]:
            yield Held(scratch, index, index, index)
            continue
        kept = scratch if node.rule.kept is None else item * node.rule.kept
        yield Held(kept, index, back, index)
        # The gradients of what is inside. At the forward moment less is alive than here.
        yield Held(scratch, back, back, index)
        for weight in node.rule.weights:
            if weight.trainable:
                yield Held(_bytes(graph, node, prod(weight.shape)), back, update, index, weight)


def _bytes(graph: Graph, node: Node, values: int) -> int:
    """The bytes of so many values of the weights of a layer."""
    return values * ITEMSIZE[node.weight_dtype or graph.dtype]


def _memory(graph: Graph, optimizer: Optimizer, weight_bytes: int) -> Memory:
    count = len(graph.nodes)
    change = [0] * (2 * count + 2)  # of what is alive, at each moment
    activations = 0
    for one in held(graph):
        change[one.first] += one.size
        change[one.last + 1] -= one.size
        activations += one.size * (one.first < count <= one.last)
    trained = [(node, w.shape) for node in graph.nodes for w in node.rule.weights if w.trainable]
    slots = sum(_bytes(graph, node, optimizer.slots(shape)) for node, shape in trained)
    alive = list(accumulate(change))
    peak = max(range(2 * count + 1), key=alive.__getitem__)
    moments = [f"{node.name}, forward" for node in graph.nodes]
    moments += [f"{node.name}, backward" for node in reversed(graph.nodes)]
    return Memory(
        weight_bytes,
        slots,
        sum(_bytes(graph, node, prod(shape)) for node, shape in trained),
        activations,
        weight_bytes + slots + alive[peak],
        [*moments, "the update"][peak],
    )


def _owners(graph: Graph) -> list[int]:
    """Whose memory a layer's output is; a view that training changes (dropout) is a copy."""
    owner: list[int] = []
    for index, node in enumerate(graph.nodes):
        view = node.rule.view and not node.rule.training
        owner.append(owner[node.inputs[0]] if view else index)
    return owner


def _lifetimes(graph: Graph, owner: list[int], active: list[bool]) -> tuple[list[int], list[int]]:
    """The last moment when each output is needed, and the first of its gradient.

    Both are indexed by who owns the memory. A gradient begins in the backward pass of the last
    reader.
    """
    count = len(graph.nodes)
    last = list(range(count))
    first = [2 * count - 1 - index for index in range(count)]
    for index, node in enumerate(graph.nodes):
        back = 2 * count - 1 - index
        read, written = _saves(node) if active[index] else (False, False)
        for source in node.inputs:
            last[owner[source]] = max(last[owner[source]], back if read else index)
            if active[index]:
                first[owner[source]] = back
        if written:
            last[owner[index]] = max(last[owner[index]], back)
    for index in graph.outputs:  # the loss reads them, and gives their gradients
        last[owner[index]] = max(last[owner[index]], count)
        first[owner[index]] = count
    for index in graph.inputs:  # the caller keeps them
        last[owner[index]] = 2 * count
    return last, first


def _saves(node: Node) -> tuple[bool, bool]:
    """Whether the backward pass reads the inputs and the output.

    A product with frozen weights needs no gradient of theirs, so not its input.
    """
    rule = node.rule
    frozen = rule.macs and not rule.products and not _trainable(node)
    return rule.saves in ("input", "both") and not frozen, rule.saves in ("output", "both")
