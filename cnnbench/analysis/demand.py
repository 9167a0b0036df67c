"""DEMAND: what a network demands of any device, whatever library runs it.

Fewer multiplications, the larger of two savings:

- Winograd: m outputs of an r-tap filter take m + r - 1 instead of m * r on each axis (Lavin and
  Gray, "Fast algorithms for convolutional neural networks", arXiv 1509.09308, section 4). They
  measure m = 2 and 4: 2.25 and 4 times fewer for 3x3. The largest tile in use is m = 6 (NNPACK),
  5.06 times.
- FFT: the spectrum of a real tile has half as many complex values as the tile has real ones,
  and a complex product takes four real ones: two for each position of the tile, whatever the
  filter has taps (Mathieu, Henaff and LeCun, arXiv 1312.5851, section 2). A tile overlaps its
  neighbours, which only costs more. Of two axes, this is the larger from 4x4 on.

A strided convolution gains less; it is allowed the same. Matrix products are allowed nothing:
no library that we know computes them with Strassen's algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from cnnbench.cost import Cost, cost, weight_bytes
from cnnbench.graph import Graph, Node

TILE = 6
"""Outputs of a Winograd tile on each axis."""

_PRODUCTS = ("EinsumDense", "MultiHeadAttention", "GroupedQueryAttention")
"""Layers of more than two axes of weights that are matrix products all the same."""

_TABLES = ("embeddings", "reverse_embeddings")
"""Weights of which a lookup reads a few rows, perhaps the same one each time."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a network demands of any device, from its layers alone; see `demand`.

    The bytes are of values of `dtype`.
    """

    flops: int
    least_flops: float
    compulsory_bytes: int
    dtype: str = "float32"


def demand(graph: Graph, costs: Cost | None = None) -> Demand:
    """The multiply-adds of a forward pass, the fewest, and the bytes that must move.

    `flops` are two a multiply-add. `least_flops` leave out taps on padding and what fast
    convolutions save. `compulsory_bytes` are the weights, the input and the output: all
    between may be fused. Tables of embeddings are left out, and inputs of which all readers take
    a part: a crop, or strides longer than the kernel. Elementwise operations can be fused into
    what they follow, or folded away, and count nothing. Layers without a rule count nothing:
    all are lower bounds.
    """
    costs = costs or cost(graph)
    moved = {*graph.outputs, *(i for i in graph.inputs if _read(graph, i))}
    outputs = sum(costs.layers[i].activation_bytes for i in moved)
    tables = sum(
        weight_bytes(graph, node, weight)
        for node in graph.nodes
        for weight in node.rule.weights
        if weight.name in _TABLES
    )
    return Demand(
        2 * costs.macs,
        sum(
            2 * layer.inside_macs / _saving(node)
            for node, layer in zip(graph.nodes, costs.layers, strict=True)
        ),
        costs.weight_bytes - tables + outputs,
        graph.dtype,
    )


def _saving(node: Node) -> float:
    """How many times fewer multiplications a fast algorithm takes for a layer."""
    # By the weights, not the name: a wrapper's are those of the layer that it holds.
    weights = (*node.rule.weights, *node.shared)
    kernels = [weight.shape[:-2] for weight in weights if len(weight.shape) > 2]
    if node.op in _PRODUCTS:
        return 1.0
    if not kernels and "Conv" in node.op:  # an operation whose kernel is an input, not a weight
        return float("inf")
    return max(map(_of_kernel, kernels), default=1.0)


def _of_kernel(kernel: tuple[int, ...]) -> float:
    winograd = prod(TILE * taps / (TILE + taps - 1) for taps in kernel)
    return max(winograd, prod(kernel) / 2)


def _read(graph: Graph, index: int) -> bool:
    """Whether something reads all of a tensor."""
    return any(
        _read(graph, reader) if node.rule.view else not _takes_a_part(graph, node)
        for reader, node in enumerate(graph.nodes)
        if index in node.inputs
    )


def _takes_a_part(graph: Graph, node: Node) -> bool:
    """Whether a layer may leave values of its input unread."""
    rule = node.rule
    given = sum(prod(graph.nodes[i].rule.shape) for i in node.inputs)
    made = sum(map(prod, (rule.shape, *rule.others)))
    moves = not (rule.macs or rule.elementwise)
    skips = any(reach < stride for reach, stride in rule.window or ())
    return bool(node.uncounted) or skips or (moves and made < given)
