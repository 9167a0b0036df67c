"""COST: what a graph costs on paper, layer by layer and in total.

Convention, in one place: a MAC is one multiply-accumulate; FLOPs = 2 * MACs + elementwise
operations; taps on padded positions count; inference, one forward pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from cnnbench.graph import ITEMSIZE, Graph, Shape, Weight

CONVENTION = (
    "FLOPs = 2 x MACs + elementwise operations; taps on padding count; "
    "one forward pass at inference"
)


@dataclass(frozen=True, slots=True)
class LayerCost:
    """The cost of one layer; sizes in bytes, everything else in counts."""

    name: str
    op: str
    scope: str
    output_shape: Shape
    params: int
    trainable_params: int
    macs: int
    elementwise: int
    weight_bytes: int
    activation_bytes: int
    live_bytes: int

    @property
    def flops(self) -> int:
        """Floating-point operations: 2 * MACs + elementwise."""
        return 2 * self.macs + self.elementwise


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a network: its layers, and totals over them."""

    layers: tuple[LayerCost, ...]
    input_shape: Shape
    output_shape: Shape
    dtype: str

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
        return sum(layer.macs for layer in self.layers)

    @property
    def elementwise(self) -> int:
        """Elementwise operations of one forward pass of the whole batch."""
        return sum(layer.elementwise for layer in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass of the whole batch."""
        return sum(layer.flops for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        """Memory of all weights."""
        return sum(layer.weight_bytes for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Memory of every layer's output, the input's included, were all kept."""
        return sum(layer.activation_bytes for layer in self.layers)

    @property
    def peak_activation_bytes(self) -> int:
        """The most activation memory alive at once when layers run in order.

        A layer's inputs, its output and whatever later layers still need are alive
        together; a buffer dies after its last reader. The caller keeps the input.
        """
        return max(layer.live_bytes for layer in self.layers)

    @property
    def peak_bytes(self) -> int:
        """Weights and the most activation memory alive at once."""
        return self.weight_bytes + self.peak_activation_bytes


def cost(graph: Graph) -> Cost:
    """Fold a graph into its cost."""
    itemsize = ITEMSIZE[graph.dtype]
    sizes = [0 if node.rule.view else prod(node.rule.shape) * itemsize for node in graph.nodes]
    layers = tuple(
        LayerCost(
            name=node.name,
            op=node.op,
            scope="/".join(node.scope),
            output_shape=node.rule.shape,
            params=_count(node.rule.weights),
            trainable_params=_count(w for w in node.rule.weights if w.trainable),
            macs=node.rule.macs,
            elementwise=node.rule.elementwise,
            weight_bytes=_count(node.rule.weights) * itemsize,
            activation_bytes=size,
            live_bytes=live,
        )
        for node, size, live in zip(graph.nodes, sizes, _live(graph, sizes), strict=True)
    )
    return Cost(
        layers, graph.nodes[0].rule.shape, graph.nodes[graph.outputs[0]].rule.shape, graph.dtype
    )


def _count(weights: Iterable[Weight]) -> int:
    return sum(prod(weight.shape) for weight in weights)


def _live(graph: Graph, sizes: list[int]) -> list[int]:
    """Bytes alive while each node runs: born at its node, dead after its last reader."""
    owner: list[int] = []  # whose memory a node's output is: a view's is its input's
    last: dict[int, int] = {}
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            last[owner[source]] = index
        owner.append(owner[node.inputs[0]] if node.rule.view else index)
        last.setdefault(owner[index], index)
    for index in (0, *graph.outputs):
        last[owner[index]] = len(graph.nodes) - 1
    dying: dict[int, list[int]] = {}
    for index, reader in last.items():
        dying.setdefault(reader, []).append(index)
    alive, live = 0, []
    for index, size in enumerate(sizes):
        alive += size
        live.append(alive)
        alive -= sum(sizes[dead] for dead in dying.get(index, ()))
    return live
