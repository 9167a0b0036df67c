"""BUFFERS: what a first call allocates and frees, in the way of TensorFlow's executor.

There is not one buffer per layer. Activations, additions and batch norms write into an input
that no other layer needs. An addition after a convolution becomes part of the convolution
(core/grappler/optimizers/remapper.cc), which then adds to the values that are already in its
output. A convolution without a bias takes in nothing, not even the activation after it.

The loop of a convolutional LSTM makes in advance what does not depend on the last frame: for each
frame both sets of weights, split by gates, and the part of the four gates that comes from the
input. Making that part uses up the first set as soon as there is input. The first loop of a
network has its input at once; a later loop begins without.

The buffers come from the allocator that TensorFlow uses on a CPU with oneDNN, the arena. It takes
the best fit and joins free neighbours, in regions that double in size
(tsl/framework/bfc_allocator.cc). Buffers smaller than 256 KiB go to malloc instead
(core/common_runtime/mkl_cpu_allocator.h). The arena never gives memory back to the system. The
resident set grows when an address is used for the first time; freed memory is used again only if
the next buffer fits into it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

from cnnbench.cost import activation_bytes, weight_bytes
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.layers.activation import is_linear
from cnnbench.prediction.kinds import kind_of

LEAST = 256 * 2**10
"""Bytes of the smallest buffer that comes from the arena."""

_GRAIN = 256
_ENTRY = 8
"""Bytes that the table of a region needs for each grain, to hold the number of its chunk."""

_FIRST_REGION = 2 * 2**20
_WASTE = 128 * 2**20
"""If more than this is left of a chunk, the rest is always split off."""

IN_PLACE = frozenset(
    ("Activation", "ReLU", "LeakyReLU", "BatchNormalization", "Add", "Subtract", "Multiply")
)

TWICE = frozenset(("gelu", "silu", "swish"))
"""Activations that read their input twice, so that they cannot write over it."""

AHEAD = 0.85
"""The share of a loop's buffers that exist at the same time, where they are large; the others have
been used up already. In eight networks of 128 and 256 filters it was 0.6 to 1, and in half of
them over 0.84. It depends on how fast a machine makes the buffers and uses them."""

_GATES = 4
_MOST = 32
"""Frames that a loop works on at the same time: parallel_iterations of tf.while_loop."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One operation: its output, the bytes of that, and the values that it reads.

    A value is known by the number of its node. A layer of two kernels has a value between them,
    which is known by the complement of that number. A kernel may write over the inputs in
    `onto`. It is a `view` if it only gives its input a new name. A `fused` kernel is an addition
    inside a convolution; if it cannot write over the other summand, it copies that first. While
    it runs, it needs `scratch` bytes more.
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
    """Bytes that are in use from one wave to another, including both.

    The kernels of one wave are equally far from the input. They become ready together, and run
    side by side if there are enough threads.
    """

    size: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class BufferPlan:
    """The buffers of a call in the order in which they are made; its input belongs to the caller.

    `fused` says whether there is an addition inside a convolution, and `copied` whether one of
    these had to copy its summand.
    """

    buffers: tuple[Buffer, ...]
    fused: bool
    copied: bool


def plan(graph: Graph) -> BufferPlan:
    """The buffers of one call."""
    kernels = list(_kernels(graph))
    final: dict[int, int] = {}  # the last kernel that reads a value
    for place, kernel in enumerate(kernels):
        for source in kernel.reads:
            final[source] = place
    for output in graph.outputs:
        final[output] = len(kernels)
    wave = dict.fromkeys(graph.inputs, 0)
    for kernel in kernels:
        wave[kernel.output] = 1 + max((wave[source] for source in kernel.reads), default=0)
    waves = max(wave.values()) + 1
    buffers: list[Buffer] = []
    for loop, sizes in ahead(graph):
        large = [size for size in sizes if size >= LEAST]
        buffers += [Buffer(size, 0, wave[loop]) for size in large[: round(AHEAD * len(large))]]
    where: dict[int, Buffer] = {}
    free_from: dict[int, int] = {}  # the last kernel that reads a buffer, by the id of that
    copied = False
    for place, kernel in enumerate(kernels):
        now = wave[kernel.output]
        sources = kernel.reads[:1] if kernel.view else kernel.onto
        held = [where[source] for source in sources if source in where]
        if not kernel.view:
            held = [b for b in held if b.size == kernel.size and free_from[id(b)] <= place]
        mine = held[0] if held else None
        if mine is None:
            if kernel.view:
                continue  # of the input
            copied |= kernel.fused
            mine = Buffer(kernel.size, now, now)
            buffers.append(mine)
        if kernel.scratch:
            buffers.append(Buffer(kernel.scratch, now, now))
        where[kernel.output] = mine
        end = final.get(kernel.output, place)
        free_from[id(mine)] = max(free_from.get(id(mine), 0), end)
        mine.last = max(mine.last, waves if end == len(kernels) else wave[kernels[end].output])
    return BufferPlan(tuple(buffers), any(k.fused for k in kernels), copied)


def ahead(graph: Graph) -> list[tuple[int, list[int]]]:
    """The node of each loop, in order, and the bytes of each buffer that it makes in advance."""
    loops = [i for i, node in enumerate(graph.nodes) if kind_of(node)[0] == "recurrent"]
    return [(loop, _ahead(graph, graph.nodes[loop], loop == loops[0])) for loop in loops]


def _ahead(graph: Graph, node: Node, first: bool) -> list[int]:
    source = graph.nodes[node.inputs[0]].rule.shape
    count = _GATES * min(source[1], _MOST)
    kernels = ("recurrent_kernel",) if first else ("kernel", "recurrent_kernel")
    weights = [w for w in node.rule.weights or node.shared if w.name in kernels]
    sizes = [weight_bytes(graph, node, weight) // _GATES for weight in weights]
    if first:
        size = activation_bytes(graph, node)
        sequences = len(node.rule.shape) == len(source)
        sizes.append(size // source[1] if sequences else size)
    return [size for size in sizes for _ in range(count)]


def _kernels(graph: Graph) -> Iterator[Kernel]:
    nodes = graph.nodes
    read = [0] * len(nodes)
    for index in (*(i for node in nodes for i in node.inputs), *graph.outputs):
        read[index] += 1
    inside: dict[int, int] = {}  # the convolution that an addition is part of
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
            onto = () if other in of_conv else (other,)  # its own input is still read
            yield Kernel(index, size, (*of_conv, other), onto, fused=True)
        elif node.op == "SeparableConv2D":
            _, pointwise, *_ = node.rule.weights or node.shared
            yield Kernel(~index, size // pointwise.shape[-1] * pointwise.shape[-2], node.inputs)
            yield Kernel(index, size, (~index,))
        elif _is_followed(node):
            yield Kernel(~index, size, node.inputs)
            yield Kernel(index, size, (~index,), (~index,), scratch=_scratch(node, size))
        else:
            yield Kernel(
                index,
                size,
                node.inputs,
                node.inputs if node.op in IN_PLACE else (),
                view=node.rule.view,
                scratch=_scratch(node, size),
            )


def _is_followed(node: Node) -> bool:
    """Whether the activation of a layer with weights is a kernel of its own."""
    then = node.attrs.get("activation")
    plain = node.op == "Conv2D" and not node.attrs.get("use_bias", True)
    return bool(node.rule.weights) and not is_linear(then) and (plain or then in TWICE)


def _scratch(node: Node, size: int) -> int:
    """Bytes that a layer needs beside its output.

    Max pooling needs one byte for each value, to store where in its window the largest value was
    (oneDNN's workspace). The factors of a layer norm have the shape of its input.
    """
    if node.op.startswith("MaxPooling"):
        return prod(node.rule.shape)
    if kind_of(node)[0] == "attention":
        return ITEMSIZE["float32"] * node.rule.scratch
    twice = node.op == "LayerNormalization" or node.attrs.get("activation") in TWICE
    return size if twice else 0


def _can_add(node: Node) -> bool:
    """Whether an addition can become part of it: a convolution with a bias and no activation."""
    return (
        node.op == "Conv2D"
        and bool(node.attrs.get("use_bias", True))
        and is_linear(node.attrs.get("activation"))
    )


@dataclass(slots=True)
class _Chunk:
    size: int
    region: int
    free: bool = True


@dataclass(slots=True)
class Arena:
    """Chunks in regions; `touched` is the number of bytes that were ever used.

    Each region lies below the one before, where mmap(2) puts it. Of two holes of the same size,
    the lower one is taken.
    """

    touched: int = 0
    _chunks: dict[int, _Chunk] = field(default_factory=dict)
    _used: list[tuple[int, int]] = field(default_factory=list)
    _bottom: int = 0
    _next_region: int = _FIRST_REGION
    _regions: int = 0

    @property
    def tables(self) -> int:
        """Bytes of the tables of all regions; a table is filled when its region is made."""
        return -self._bottom // _GRAIN * _ENTRY

    def allocate(self, size: int) -> int:
        """The address of a new buffer."""
        rounded = -(-size // _GRAIN) * _GRAIN
        address = self._best(rounded)
        if address is None:
            self._extend(rounded)
            address = self._best(rounded)
            assert address is not None  # the new region is large enough
        chunk = self._chunks[address]
        rest = chunk.size - rounded
        if rest >= min(rounded, _WASTE) and rest:
            self._chunks[address + rounded] = _Chunk(rest, chunk.region)
            chunk.size = rounded
        chunk.free = False
        self._touch(address, address + size)
        return address

    def release(self, address: int) -> None:
        """Free a buffer and join it with free neighbours."""
        chunk = self._chunks[address]
        chunk.free = True
        after = self._chunks.get(address + chunk.size)
        if after and after.free and after.region == chunk.region:
            del self._chunks[address + chunk.size]
            chunk.size += after.size
        for start, before in self._chunks.items():
            if start + before.size == address and before.free and before.region == chunk.region:
                before.size += chunk.size
                del self._chunks[address]
                return

    def _best(self, size: int) -> int | None:
        fitting = ((c.size, a) for a, c in self._chunks.items() if c.free and c.size >= size)
        return min(fitting, default=(0, None))[1]

    def _extend(self, size: int) -> None:
        enough = self._next_region >= size
        while self._next_region < size:
            self._next_region *= 2
        self._regions += 1
        self._bottom -= self._next_region
        self._chunks[self._bottom] = _Chunk(self._next_region, self._regions)
        if enough:
            self._next_region *= 2

    def _touch(self, start: int, end: int) -> None:
        apart = []
        for low, high in self._used:
            if high < start or end < low:
                apart.append((low, high))
            else:
                start, end = min(start, low), max(end, high)
        self._used = [*apart, (start, end)]
        self.touched = sum(high - low for low, high in self._used)


def rise(graph: Graph, buffers: BufferPlan) -> tuple[int, int, int]:
    """Bytes that a first call adds: to the arena, to its tables, and for small buffers together.

    A small buffer counts for two waves more than it is in use. malloc does not use the freed
    memory for the next buffer, because something smaller has already taken a piece of it.
    """
    return added(prepared(graph), buffers.buffers, 2)


def added(arena: Arena, buffers: Sequence[Buffer], holes: int = 0) -> tuple[int, int, int]:
    """The same of some buffers in an arena; small ones count for `holes` waves more."""
    touched, tables = arena.touched, arena.tables
    begin: defaultdict[int, list[int]] = defaultdict(list)
    end: defaultdict[int, list[int]] = defaultdict(list)
    for number, buffer in enumerate(buffers):
        begin[buffer.first].append(number)
        end[buffer.last + (holes if buffer.size < LEAST else 0)].append(number)
    addresses: dict[int, int] = {}
    small = most = 0
    for wave in range(max(end, default=0) + 1):
        for number in begin[wave]:
            if (size := buffers[number].size) >= LEAST:
                addresses[number] = arena.allocate(size)
            else:
                small += size
        most = max(most, small)
        for number in end[wave]:
            if number in addresses:
                arena.release(addresses[number])
            else:
                small -= buffers[number].size
    return arena.touched - touched, arena.tables - tables, most


def prepared(graph: Graph) -> Arena:
    """The arena before the call, when the weights and the input have been made.

    The memory that initialisers have freed is used again; in a large network, it is enough for
    all activations.
    """
    arena = Arena()
    for node in graph.nodes:
        for weight in node.rule.weights:
            if (size := weight_bytes(graph, node, weight)) >= LEAST:
                drawn = _drawn(arena, size) if len(weight.shape) > 1 else arena.allocate(size)
                if weight.name == "recurrent_kernel":
                    _made_orthogonal(arena, weight.shape, size, drawn)
    for index in graph.inputs:
        if (size := activation_bytes(graph, graph.nodes[index])) >= LEAST:
            arena.allocate(size)
    return arena


def _drawn(arena: Arena, size: int) -> int:
    """Draw values, scale them and shift them, each into a new buffer; free the first two."""
    *freed, last = (arena.allocate(size) for _ in range(3))
    for address in freed:
        arena.release(address)
    return last


def _made_orthogonal(arena: Arena, shape: tuple[int, ...], size: int, drawn: int) -> None:
    """Decompose the drawn values into Q and R; give Q the signs of R, then the gain."""
    rows, columns = prod(shape[:-1]), shape[-1]
    q = arena.allocate(size)
    r = min(rows, columns) ** 2 * size // (rows * columns)
    others = [drawn, *([arena.allocate(r)] if r >= LEAST else [])]
    others.append(arena.allocate(size))
    arena.release(q)
    arena.allocate(size)
    for address in others:
        arena.release(address)
