"""BUFFERS: what a first call allocates and frees, as TensorFlow's executor does it.

Not one buffer per layer: activations, additions and batch norms write into an input that
nobody else needs, and an addition after a convolution becomes part of it
(core/grappler/optimizers/remapper.cc), which then adds to what is in its output already. Of a
convolution without a bias not even the activation is part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from cnnbench.cost import activation_bytes
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.layers.activation import is_linear
from cnnbench.prediction.arena import LEAST, Arena
from cnnbench.prediction.loops import AHEAD, ahead

IN_PLACE = frozenset(
    ("Activation", "ReLU", "LeakyReLU", "BatchNormalization", "Add", "Subtract", "Multiply")
)

TWICE = frozenset(("gelu", "silu", "swish"))
"""Activations that read their input twice, and so cannot write onto it at once."""


@dataclass(frozen=True, slots=True)
class Step:
    """One kernel: what it makes, of how many bytes, and what it reads.

    Outputs go by the number of their node. A layer of two kernels has a value between them,
    which goes by the complement of that number. A kernel may write onto the inputs `onto`, and
    is a `view` if it makes nothing but a name. One that is `fused` is an addition inside a
    convolution, and copies the other summand first where it cannot write onto it. While it
    runs it uses `scratch` bytes more.
    """

    output: int
    size: int
    reads: tuple[int, ...]
    onto: tuple[int, ...] = ()
    view: bool = False
    fused: bool = False
    scratch: int = 0


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

    `fused` says that there is an addition inside a convolution, `copied` that it had to copy.
    """

    buffers: tuple[Buffer, ...]
    waves: int
    fused: bool
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
        wave[step.output] = 1 + max((wave[source] for source in step.reads), default=0)
    waves = max(wave.values()) + 1
    buffers = list(_ahead(graph, wave))
    where: dict[int, Buffer] = {}
    free_from: dict[int, int] = {}  # the step that reads a buffer last, by its identity
    copied = False
    for place, step in enumerate(steps):
        now = wave[step.output]
        sources = step.reads[:1] if step.view else step.onto
        held = [where[source] for source in sources if source in where]
        mine = next(
            (b for b in held if step.view or (b.size == step.size and free_from[id(b)] <= place)),
            None,
        )
        if mine is None:
            if step.view:
                continue  # of the input
            copied |= step.fused
            mine = Buffer(step.size, now, now)
            buffers.append(mine)
        if step.scratch:
            buffers.append(Buffer(step.scratch, now, now))
        where[step.output] = mine
        end = final.get(step.output, place)
        free_from[id(mine)] = max(free_from.get(id(mine), 0), end)
        mine.last = max(mine.last, waves if end == len(steps) else wave[steps[end].output])
    return Plan(tuple(buffers), waves, any(step.fused for step in steps), copied)


def _ahead(graph: Graph, wave: dict[int, int]) -> Iterator[Buffer]:
    """What loops make ahead, as far as it is large."""
    for loop, sizes in ahead(graph):
        large = [size for size in sizes if size >= LEAST]
        for size in large[: round(AHEAD * len(large))]:
            yield Buffer(size, 0, wave[loop])


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
        size = activation_bytes(graph, node)
        if index in inside:
            (other,) = (i for i in node.inputs if i != inside[index])
            of_conv = nodes[inside[index]].inputs
            onto = () if other in of_conv else (other,)  # it still reads its own input
            yield Step(index, size, (*of_conv, other), onto, fused=True)
        elif node.op == "SeparableConv2D":
            _, pointwise, *_ = node.rule.weights or node.shared
            yield Step(~index, size // pointwise.shape[-1] * pointwise.shape[-2], node.inputs)
            yield Step(index, size, (~index,))
        elif _is_followed(node):
            yield Step(~index, size, node.inputs)
            yield Step(index, size, (~index,), (~index,), scratch=_scratch(node, size))
        else:
            yield Step(
                index,
                size,
                node.inputs,
                node.inputs if node.op in IN_PLACE else (),
                view=node.rule.view,
                scratch=_scratch(node, size),
            )


def _is_followed(node: Node) -> bool:
    """Whether the activation of a layer with a kernel is a kernel of its own."""
    then = node.attrs.get("activation")
    plain = node.op == "Conv2D" and not node.attrs.get("use_bias", True)
    return bool(node.rule.weights) and not is_linear(then) and (plain or then in TWICE)


def _scratch(node: Node, size: int) -> int:
    """Bytes that a layer uses beside its output.

    Max pooling has one for each value, of where in its window the largest was (oneDNN's
    workspace). What a layer norm multiplies by has the shape of what is multiplied.
    """
    if node.op.startswith("MaxPooling"):
        return prod(node.rule.shape)
    twice = node.op == "LayerNormalization" or node.attrs.get("activation") in TWICE
    return size if twice else 0


def _can_add(node: Node) -> bool:
    """A convolution with a bias and nothing after it."""
    return (
        node.op == "Conv2D"
        and bool(node.attrs.get("use_bias", True))
        and is_linear(node.attrs.get("activation"))
    )


def rise(graph: Graph, buffers: Plan) -> tuple[int, int, int]:
    """Bytes that a first call adds: of the arena, of its tables, and of small buffers at once.

    A small buffer counts two waves longer than it lives: what malloc has back it does not use
    for the next buffer at once, for something smaller has taken a piece of it.
    """
    arena = prepared(graph)
    touched, tables = arena.touched, arena.tables
    addresses: dict[int, int] = {}
    small = most = 0
    for wave in range(buffers.waves):
        for number, buffer in enumerate(buffers.buffers):
            if buffer.first == wave and buffer.size >= LEAST:
                addresses[number] = arena.allocate(buffer.size)
        alive = [b for b in buffers.buffers if b.first <= wave <= b.last + 2]
        small = sum(b.size for b in alive if b.size < LEAST)
        most = max(most, small)
        for number, buffer in enumerate(buffers.buffers):
            if buffer.last == wave and number in addresses:
                arena.release(addresses[number])
    return arena.touched - touched, arena.tables - tables, most


def prepared(graph: Graph) -> Arena:
    """The arena as the weights and the input leave it, which are made before the call.

    What initialisers free leaves room, in a large network for all its activations.
    """
    arena = Arena()
    for node in graph.nodes:
        for weight in node.rule.weights:
            size = prod(weight.shape) * ITEMSIZE[node.weight_dtype or graph.dtype]
            if size >= LEAST:
                drawn = _drawn(arena, size) if len(weight.shape) > 1 else arena.allocate(size)
                if weight.name == "recurrent_kernel":
                    _made_orthogonal(arena, weight.shape, size, drawn)
    for index in graph.inputs:
        if (size := activation_bytes(graph, graph.nodes[index])) >= LEAST:
            arena.allocate(size)
    return arena


def _drawn(arena: Arena, size: int) -> int:
    """Draw values, scale them and shift them, each into a new buffer, and free the first two."""
    *freed, last = (arena.allocate(size) for _ in range(3))
    for address in freed:
        arena.release(address)
    return last


def _made_orthogonal(arena: Arena, shape: tuple[int, ...], size: int, drawn: int) -> None:
    """What was drawn is taken apart into Q and R; Q gets R's signs, then the gain."""
    rows, columns = prod(shape[:-1]), shape[-1]
    q = arena.allocate(size)
    r = min(rows, columns) ** 2 * size // (rows * columns)
    others = [drawn, *([arena.allocate(r)] if r >= LEAST else [])]
    others.append(arena.allocate(size))
    arena.release(q)
    arena.allocate(size)
    for address in others:
        arena.release(address)
