"""FOLDING: a batch norm that becomes part of the convolution before it, as inference engines do.

At inference a batch norm is one multiplication and one addition per channel. The factors go
into the kernel, the rest is the bias (Jacob et al., arXiv 1712.05877, section 3.2).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from cnnbench.graph import RULES, Graph, Node
from cnnbench.rule import Rule


def folded(graph: Graph) -> Graph:
    """The graph with batch norms as part of the convolution or dense layer before them.

    A batch norm is folded if nothing else reads that layer and the layer has no activation of
    its own. It stays in the graph but does nothing, and the layer before it gets a bias. A layer
    that is called several times is left as it is.
    """
    readers = Counter(source for node in graph.nodes for source in node.inputs)
    readers.update(graph.outputs)
    shared = {node.name.split(" (call ")[0] for node in graph.nodes if node.shared}
    nodes = list(graph.nodes)
    for index, node in enumerate(graph.nodes):
        if node.op != "BatchNormalization" or node.shared or node.name in shared:
            continue
        (source,) = node.inputs
        before = graph.nodes[source]
        alone = readers[source] == 1 and not before.shared and before.name not in shared
        if alone and _takes(before, node):
            shape = graph.nodes[before.inputs[0]].rule.shape
            attrs = {**before.attrs, "use_bias": True}
            biased = graph.apply(before.op, RULES[before.op], shape, attrs, before.name)
            nodes[source] = replace(before, attrs=attrs, rule=biased)
            nodes[index] = replace(node, rule=Rule(node.rule.shape, view=True, saves=""))
    return replace(graph, nodes=nodes)


def _takes(before: Node, norm: Node) -> bool:
    """Whether the outputs of a layer are the channels that a batch norm is over."""
    if not before.op.endswith(("Conv1D", "Conv2D", "Conv3D", "Transpose", "Dense")):
        return False
    if before.uncounted or before.attrs.get("activation") not in (None, "linear"):
        return False
    rank = len(norm.rule.shape)
    channels = 1 if before.attrs.get("data_format") == "channels_first" else rank - 1
    axis: Any = norm.attrs.get("axis", -1)
    return bool(axis % rank == channels)
