"""COST: what a graph costs on paper, layer by layer and in total.

Convention, in one place: a MAC is one multiply-accumulate; FLOPs = 2 * MACs + elementwise
operations; taps on padded positions count; inference, one forward pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

from cnnbench import units
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.records import Record, one_line
from cnnbench.rule import Shape, Weight, record

CONVENTION = (
    "FLOPs = 2 x MACs + elementwise operations; taps on padding count; "
    "one forward pass at inference"
)


@record
class LayerCost(Record):
    """The cost of one layer; sizes in bytes, everything else in counts.

    `inside_macs` leaves out the taps on padding. `uncounted` says why the layer's work is not
    known; it is empty if it is known.
    """

    name: str
    op: str
    scope: str
    output_shape: Shape
    params: int
    trainable_params: int
    macs: int
    inside_macs: int
    elementwise: int
    weight_bytes: int
    input_bytes: int
    activation_bytes: int
    live_bytes: int
    uncounted: str = ""

    def __repr__(self) -> str:
        flops = "no rule" if self.uncounted else units.count(self.flops, "FLOPs")
        return one_line(self, self.name, self.op, f"{self.params:,} parameters", flops)

    @property
    def flops(self) -> int:
        """Floating-point operations: 2 * MACs + elementwise."""
        return 2 * self.macs + self.elementwise

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: FLOPs per byte of input, weights and output moved once.

        Williams et al., "Roofline", 2009, section 3.
        """
        moved = self.input_bytes + self.weight_bytes + self.activation_bytes
        return self.flops / moved if moved else 0.0


class AtLeast(int):
    """A count that leaves out the work of layers without a rule; so are its sums and products.

    In a session it shows as ">= 1234".
    """

    def __repr__(self) -> str:
        return f">= {int(self)}"

    __str__ = int.__repr__

    def __add__(self, other: Any) -> Any:
        return _at_least(int.__add__(self, other))

    def __mul__(self, other: Any) -> Any:
        return _at_least(int.__mul__(self, other))

    __radd__, __rmul__ = __add__, __mul__


def _at_least(value: Any) -> Any:
    return value if value is NotImplemented else AtLeast(value)


@dataclass(frozen=True, slots=True)
class Cost(Record):
    """The cost of a network: its layers, and totals over them.

    If `uncounted` is not empty, MACs, elementwise operations and FLOPs are lower bounds, `AtLeast`.
    """

    layers: tuple[LayerCost, ...]
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    dtype: str
    name: str = field(default="", compare=False)

    def __repr__(self) -> str:
        layers, params = f"{len(self.layers)} layers", f"{self.params:,} parameters"
        flops = (">= " if self.uncounted else "") + units.count(self.flops, "FLOPs")
        return one_line(self, self.name, layers, params, flops)

    @property
    def input_shape(self) -> Shape:
        """The shape of the first input, batch first."""
        return self.input_shapes[0]

    @property
    def output_shape(self) -> Shape:
        """The shape of the first output, batch first."""
        return self.output_shapes[0]

    @property
    def uncounted(self) -> tuple[LayerCost, ...]:
        """The layers without a rule."""
        return tuple(layer for layer in self.layers if layer.uncounted)

    @property
    def params(self) -> int:
        """Weights in all, trainable or not."""
        return sum(layer.params for layer in self.layers)

    @property
    def trainable_params(self) -> int:
        """Weights that training changes."""
        return sum(layer.trainable_params for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of one forward pass of the whole batch."""
        return self._work(layer.macs for layer in self.layers)

    @property
    def inside_macs(self) -> int:
        """The same without the taps on padding, as XLA counts."""
        return self._work(layer.inside_macs for layer in self.layers)

    @property
    def elementwise(self) -> int:
        """Elementwise operations of one forward pass of the whole batch."""
        return self._work(layer.elementwise for layer in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass of the whole batch."""
        return self._work(layer.flops for layer in self.layers)

    def _work(self, counts: Iterable[int]) -> int:
        return AtLeast(sum(counts)) if self.uncounted else sum(counts)

    @property
    def weight_bytes(self) -> int:
        """Memory of all weights."""
        return sum(layer.weight_bytes for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Memory of every layer's output and of the input, if all of them were kept."""
        return sum(layer.activation_bytes for layer in self.layers)

    @property
    def peak_activation_bytes(self) -> int:
        """The most activation memory alive at once when layers run in order.

        A layer's inputs, its output and whatever later layers still need are alive together;
        a buffer is freed after its last reader. The caller keeps the input.
        """
        return max(layer.live_bytes for layer in self.layers)

    @property
    def peak_bytes(self) -> int:
        """Weights and the most activation memory alive at once."""
        return self.weight_bytes + self.peak_activation_bytes


def cost(graph: Graph) -> Cost:
    """The cost of a graph."""
    outputs = [output_bytes(graph, node) for node in graph.nodes]
    sizes = [0 if n.rule.view else size for n, size in zip(graph.nodes, outputs, strict=True)]
    layers = []
    for node, size, live in zip(graph.nodes, sizes, _live(graph, sizes), strict=True):
        rule = node.rule
        params = sum([prod(weight.shape) for weight in rule.weights])
        frozen = sum([prod(weight.shape) for weight in rule.weights if not weight.trainable])
        layers.append(
            LayerCost(
                name=node.name,
                op=node.op,
                scope="/".join(node.scope),
                output_shape=rule.shape,
                params=params,
                trainable_params=params - frozen,
                macs=rule.macs,
                inside_macs=rule.macs if rule.inside is None else rule.inside,
                elementwise=rule.elementwise,
                weight_bytes=sum([weight_bytes(graph, node, w) for w in rule.weights]),
                input_bytes=sum([outputs[i] for i in node.inputs]),
                activation_bytes=size,
                live_bytes=live,
                uncounted=node.uncounted,
            )
        )
    return Cost(
        tuple(layers),
        graph.input_shapes(),
        graph.output_shapes,
        graph.dtype,
        graph.name,
    )


def weight_bytes(graph: Graph, node: Node, weight: Weight) -> int:
    """Memory of a weight of a node."""
    return prod(weight.shape) * ITEMSIZE[weight.dtype or node.weight_dtype or graph.dtype]


def activation_bytes(graph: Graph, node: Node) -> int:
    """Memory that the outputs of a node take; none for a view of its input."""
    return 0 if node.rule.view else output_bytes(graph, node)


def output_bytes(graph: Graph, node: Node) -> int:
    """The size of the outputs of a node, whoever owns their memory."""
    values = sum(map(prod, (node.rule.shape, *node.rule.others)))
    return values * ITEMSIZE[node.dtype or graph.dtype]


def _live(graph: Graph, sizes: list[int]) -> list[int]:
    """Bytes alive while each node runs: an output lives from its node to its last reader."""
    owner: list[int] = []  # the node whose memory an output is: for a view, that of its input
    last: dict[int, int] = {}
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            last[owner[source]] = index
        owner.append(owner[node.inputs[0]] if node.rule.view else index)
        last.setdefault(owner[index], index)
    for index in (*graph.inputs, *graph.outputs):
        last[owner[index]] = len(graph.nodes) - 1
    dying: dict[int, list[int]] = {}
    for index, reader in last.items():
        dying.setdefault(reader, []).append(index)
    alive, live = 0, []
    for index, size in enumerate(sizes):
        alive += size
        live.append(alive + graph.nodes[index].rule.scratch * ITEMSIZE[graph.dtype])
        alive -= sum(sizes[dead] for dead in dying.get(index, ()))
    return live
