"""LOOPS: what the loop of a convolutional LSTM makes before it needs it.

What does not depend on the last frame runs ahead: for each frame both kernels, split by gates,
and the input's part of the four gates. That part uses up the first kernel as soon as there is
input, which a network's first loop has at once; a later one begins without.
"""

from __future__ import annotations

from math import prod

from cnnbench.cost import activation_bytes
from cnnbench.graph import ITEMSIZE, Graph, Node
from cnnbench.prediction.terms import kind_of

AHEAD = 0.85
"""Share of these buffers that are there at once, where they are large; the rest has been used
up. In eight networks of 128 and 256 filters it was 0.6 to 1, in half of them over 0.84: that
depends on how fast a machine makes them and uses them."""

_GATES = 4
_MOST = 32
"""Frames that a loop works on at once: parallel_iterations of tf.while_loop."""


def ahead(graph: Graph) -> list[tuple[int, list[int]]]:
    """Each loop's node, the first of the network first, and the bytes of what it makes ahead."""
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
