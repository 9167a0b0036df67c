"""LOOPS: what the loop of a convolutional LSTM makes before it needs it.

What does not depend on the last frame runs ahead (parallel_iterations of tf.while_loop is 32):
for each frame both kernels, split by gates, and the input's part of the four gates. That part
uses up the first kernel as soon as there is input, which a network's first loop has at once; a
later one begins without.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from cnnbench.cost import activation_bytes
from cnnbench.graph import ITEMSIZE, Graph
from cnnbench.prediction.terms import kind_of

AHEAD = 0.85
"""Share of these buffers that are there at once, where they are large; the rest has been used
up: 0.8 to 1 in loops of 128 and 256 filters, as two threads on two cores make them."""

_GATES = 4


def loops(graph: Graph) -> tuple[int, ...]:
    """The numbers of the nodes that are loops, the first of a network first."""
    return tuple(i for i, node in enumerate(graph.nodes) if kind_of(node)[0] == "recurrent")


def ahead(graph: Graph, loop: int, first: bool) -> Iterator[int]:
    """Bytes of each buffer that a loop makes ahead."""
    node = graph.nodes[loop]
    frames = graph.nodes[node.inputs[0]].rule.shape[1]
    item = ITEMSIZE[node.weight_dtype or graph.dtype]
    for weight in node.rule.weights or node.shared:
        if weight.name == "recurrent_kernel" or (weight.name == "kernel" and not first):
            yield from [prod(weight.shape) * item // _GATES] * (_GATES * frames)
    if first:
        every = len(node.rule.shape) == len(graph.nodes[node.inputs[0]].rule.shape)
        size = activation_bytes(graph, node)
        yield from [size // frames if every else size] * (_GATES * frames)
