"""BUFFERS: what a first call allocates and frees, as TensorFlow's executor does it.

Not one buffer per layer: activations, additions and batch norms write into an input that
nobody else needs, and an addition after a convolution becomes part of it
(core/grappler/optimizers/remapper.cc), which then adds to what is in its output already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from cnnbench.cost import activation_bytes
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.prediction.arena import LEAST, Arena

IN_PLACE = frozenset(
    ("Activation", "ReLU", "LeakyReLU", "BatchNormalization", "Add", "Subtract", "Multiply")
)


@dataclass(frozen=True, slots=True)
class Step:
    """One kernel: the node whose output it makes, and those that it reads.

    It may write onto the inputs `onto`. One that is `fused` is an addition inside a
    convolution, and copies the other summand first where it cannot write onto it.
    """

    node: int
    reads: tuple[int, ...]
    onto: tuple[int, ...] = ()
    fused: bool = False


@dataclass(slots=True)
class Buffer:
    """Bytes that are alive from one wave to another, both included.

    Kernels of one wave are equally far from the input. They are ready together, and run side
    by side as far as there are threads.
    """

    size: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The buffers of a call in the order of their birth; those of its input are the caller's.

    `copied` says that a fused addition had to copy.
    """

    buffers: tuple[Buffer, ...]
    waves: int
    copied: bool


def plan(graph: Graph) -> Plan:
    """The buffers of one call."""
    steps = list(_steps(graph))
    final: dict[int, int] = {}  # by which step the output of a node is read last
    for place, step in enumerate(steps):
        for source in step.reads:
            final[source] = place
    for output in graph.outputs:
        final[output] = len(steps)
    wave = dict.fromkeys(graph.inputs, 0)
    for step in steps:
        wave[step.node] = 1 + max((wave[source] for source in step.reads), default=0)
    waves = max(wave.values()) + 1
    buffers: list[Buffer] = []
    where: dict[int, Buffer] = {}
    free_from: dict[int, int] = {}  # the step that reads a buffer last, by its identity
    copied = False
    for place, step in enumerate(steps):
        node, size = graph.nodes[step.node], activation_bytes(graph, graph.nodes[step.node])
        sources = step.reads[:1] if node.rule.view else step.onto
        held = [where[source] for source in sources if source in where]
        mine = next(
            (b for b in held if node.rule.view or (b.size == size and free_from[id(b)] <= place)),
            None,
        )
        if mine is None:
            if node.rule.view:
                continue  # of the input
            copied |= step.fused
            mine = Buffer(size, wave[step.node], wave[step.node])
            buffers.append(mine)
        where[step.node] = mine
        end = final.get(step.node, place)
        free_from[id(mine)] = max(free_from.get(id(mine), 0), end)
        last = waves if end == len(steps) else wave[steps[end].node]
        mine.last = max(mine.last, last)
    return Plan(tuple(buffers), waves, copied)


def _steps(graph: Graph) -> Iterator[Step]:
    nodes = graph.nodes
    read = [0] * len(nodes)
    for index in (*(i for node in nodes for i in node.inputs), *graph.outputs):
        read[index] += 1
    inside: dict[int, int] = {}  # an addition, and the convolution that it is part of
    for index, node in enumerate(nodes):
        if node.op == "Add" and len(node.inputs) == 2:
            alone = [i for i in node.inputs if read[i] == 1 and _can_add(nodes[i])]
            if alone:
                inside[index] = alone[0]
    convolutions = set(inside.values())
    for index, node in enumerate(nodes):
        if index in graph.inputs or index in convolutions:
            continue
        if index in inside:
            (other,) = (i for i in node.inputs if i != inside[index])
            reads = (*nodes[inside[index]].inputs, other)
            yield Step(index, reads, (other,), fused=True)
        else:
            yield Step(index, node.inputs, node.inputs if node.op in IN_PLACE else ())


def _can_add(node: Node) -> bool:
    """A convolution with a bias and nothing after it."""
    linear = node.attrs.get("activation") in (None, "linear")
    return node.op == "Conv2D" and bool(node.attrs.get("use_bias", True)) and linear


def rise(graph: Graph, buffers: Plan) -> tuple[int, int]:
    """Bytes that a first call adds: touched for the first time, and of small buffers at once."""
    arena = _prepared(graph)
    before = arena.touched
    addresses: dict[int, int] = {}
    small = most = 0
    for wave in range(buffers.waves):
        for number, buffer in enumerate(buffers.buffers):
            if buffer.first == wave and buffer.size >= LEAST:
                addresses[number] = arena.allocate(buffer.size)
        alive = [b for b in buffers.buffers if b.first <= wave <= b.last]
        small = sum(b.size for b in alive if b.size < LEAST)
        most = max(most, small)
        for number, buffer in enumerate(buffers.buffers):
            if buffer.last == wave and number in addresses:
                arena.release(addresses[number])
    return arena.touched - before, most


def _prepared(graph: Graph) -> Arena:
    """The arena as the weights and the input leave it, which are made before the call.

    An initialiser draws a kernel, scales it and shifts it, each into a new buffer, and frees
    the first two: of a large network they leave room for all its activations.
    """
    arena = Arena()
    for node in graph.nodes:
        for weight in node.rule.weights:
            size = prod(weight.shape) * ITEMSIZE[node.weight_dtype or graph.dtype]
            if size >= LEAST:
                drawn = 3 if len(weight.shape) > 1 else 1
                addresses = [arena.allocate(size) for _ in range(drawn)]
                for address in addresses[:-1]:
                    arena.release(address)
    for index in graph.inputs:
        if (size := activation_bytes(graph, graph.nodes[index])) >= LEAST:
            arena.allocate(size)
    return arena
