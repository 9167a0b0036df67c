"""A network as a Mermaid flowchart, which GitHub draws where it stands in a Markdown page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import compress

from cnnbench import units
from cnnbench.analysis.views import Part, folded, leaves, tree
from cnnbench.analysis.wiring import arguments
from cnnbench.cost import Cost, cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import Graph
from cnnbench.reporting.document import Document
from cnnbench.reporting.tables import LEAST, UNKNOWN

MOST_NODES = 60
"""What one can follow; blocks are drawn as one node each rather than more."""
MOST_EDGES, MOST_TEXT = 500, 50_000
"""What GitHub draws: Mermaid's own defaults of `maxEdges` and `maxTextSize`."""


def document(graph: Graph, depth: int | None = None) -> Document:
    """A fenced flowchart: layers in the boxes of their blocks, blocks in those around them.

    At `depth` of the tree (`views.tree`) a block is one node with what it sums up. If None, that
    is the deepest with at most MOST_NODES nodes; it is never deeper than what GitHub draws. An
    error if even with one node a block there is more.
    """
    costs = cost(graph)
    rows = tree(costs)
    few = folded(costs, MOST_NODES) if depth is None else rows
    deepest = max(row.depth for row in few or rows[:1])
    for level in range(min(depth or deepest, deepest), 0, -1):
        shown = [row for row in rows if row.depth <= level]
        lines, edges = _nodes(graph, costs, shown), _edges(graph, shown)
        text = "\n".join(["flowchart TD", *lines, *edges, ""])
        if len(edges) <= MOST_EDGES and len(text) < MOST_TEXT:
            page = Document()
            page.code(text.rstrip(), "mermaid")
            return page
    raise CnnbenchError(
        f"GitHub draws at most {MOST_EDGES} arrows and {MOST_TEXT:,} characters; the "
        f"{len(costs.layers)} layers need {len(edges)} and {len(text):,}: name them by blocks, "
        "as stage1_conv, to have one node a block"
    )


def _nodes(graph: Graph, cost: Cost, rows: Sequence[Part]) -> list[str]:
    lines, around = [], 0
    for index, (row, leaf) in enumerate(zip(rows, leaves(rows), strict=True)):
        lines += ["  " * level + "end" for level in range(around, row.depth - 1, -1)]
        label = "<br/>".join(map(_escaped, _label(graph, cost, row) if leaf else [row.name]))
        kind = f"n{index}" if leaf else f"subgraph n{index}"
        lines.append("  " * row.depth + f'{kind}["{label}"]')
        around = row.depth - leaf
    return lines + ["  " * level + "end" for level in range(around, 0, -1)]


def _edges(graph: Graph, rows: Sequence[Part]) -> list[str]:
    drawn = compress(enumerate(rows), leaves(rows))
    of = {place: index for index, row in drawn for place in row.members}
    pairs = {
        (of[source], of[place]): None
        for place, node in enumerate(graph.nodes)
        for source in node.inputs
    }
    return [f"  n{a} --> n{b}" for a, b in pairs if a != b]


def _label(graph: Graph, cost: Cost, row: Part) -> list[str]:
    last = cost.layers[row.members[-1]]
    layers = len(row.members)
    first = graph.nodes[row.members[0]]
    what = f"{layers} layers" if layers > 1 else f"{first.op} {arguments(first)}".strip()
    macs = f"{units.count(row.macs)} MACs"
    if row.uncounted:
        macs = f"{LEAST}{macs}" if row.uncounted < layers else f"{UNKNOWN} MACs"
    lines = [row.name, what, units.shape(last.output_shape)]
    return [*lines, macs] if row.macs or row.uncounted else lines


def _escaped(text: str) -> str:
    # Anything that may mean something to Mermaid, Markdown or HTML, as its entity codes have it.
    return re.sub(r"[^\w ./,:()+=?-]", lambda match: f"#{ord(match[0])};", text)
