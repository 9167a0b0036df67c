"""LOOPS: what the loop of a convolutional LSTM makes before it needs it.

What does not depend on the last frame runs ahead: for each frame both kernels, split by gates,
and the input's part of the four gates. That part uses up the first kernel as soon as there is
input, which a network's first loop has at once; a later one begins without.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from cnnbench.cost import activation_bytes
from cnnbench.graph import ITEMSIZE, Graph
from cnnbench.prediction.terms import kind_of

AHEAD = 0.85
"""Share of these buffers that are there at once, where they are large; the rest has been used
up. In eight networks of 128 and 256 filters it was 0.6 to 1, in half of them over 0.84: that
depends on how fast a machine makes them and uses them."""

_GATES = 4
_MOST = 32
"""Frames that a loop works on at once: parallel_iterations of tf.while_loop."""


def loops(graph: Graph) -> tuple[int, ...]:
    """The numbers of the nodes that are loops, the first of a network first."""
    return tuple(i for i, node in enumerate(graph.nodes) if kind_of(node)[0] == "recurrent")


def ahead(graph: Graph, loop: int, first: bool) -> Iterator[int]:
    """Bytes of each buffer that a loop makes ahead."""
    node = graph.nodes[loop]
    source = graph.nodes[node.inputs[0]].rule.shape
    count = _GATES * min(source[1], _MOST)
    item = ITEMSIZE[node.weight_dtype or graph.dtype]
    for weight in node.rule.weights or node.shared:
        if weight.name == "recurrent_kernel" or (weight.name == "kernel" and not first):
            yield from [prod(weight.shape) * item // _GATES] * count
    if first:
        size = activation_bytes(graph, node)
        if len(node.rule.shape) == len(source):
            size //= source[1]  # return_sequences
        yield from [size] * count
