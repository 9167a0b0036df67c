"""LOOPS: the buffers that the loop of a convolutional LSTM makes before it needs them.

Everything that does not depend on the last frame is made in advance: for each frame both sets of
weights, split by gates, and the part of the four gates that comes from the input. Making that
part uses up the first set as soon as there is input. The first loop of a network has its input
at once; a later loop begins without.
"""

from __future__ import annotations

from math import prod

from cnnbench.cost import activation_bytes
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.prediction.terms import kind_of

AHEAD = 0.85
"""The share of these buffers that exist at the same time, where they are large; the others have
been used up already. In eight networks of 128 and 256 filters it was 0.6 to 1, and in half of
them over 0.84. It depends on how fast a machine makes the buffers and uses them."""

_GATES = 4
_MOST = 32
"""Frames that a loop works on at the same time: parallel_iterations of tf.while_loop."""


def ahead(graph: Graph) -> list[tuple[int, list[int]]]:
    """The node of each loop, in order, and the bytes of each buffer that it makes in advance."""
    loops = [i for i, node in enumerate(graph.nodes) if kind_of(node)[0] == "recurrent"]
    return [(loop, _ahead(graph, graph.nodes[loop], loop == loops[0])) for loop in loops]


def _ahead(graph: Graph, node: Node, first: bool) -> list[int]:
    source = graph.nodes[node.inputs[0]].rule.shape
    count = _GATES * min(source[1], _MOST)
    item = ITEMSIZE[node.weight_dtype or graph.dtype]
    kernels = ("recurrent_kernel",) if first else ("kernel", "recurrent_kernel")
    weights = [w for w in node.rule.weights or node.shared if w.name in kernels]
    sizes = [prod(weight.shape) * item // _GATES for weight in weights]
    if first:
        size = activation_bytes(graph, node)
        sequences = len(node.rule.shape) == len(source)
        sizes.append(size // source[1] if sequences else size)
    return [size for size in sizes for _ in range(count)]
