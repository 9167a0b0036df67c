"""WIRING: what a picture of a network needs beside its costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cnnbench import units
from cnnbench.graph import Graph, Node


@dataclass(frozen=True, slots=True)
class Wiring:
    """For each layer the layers that it reads, and its arguments in words.

    Args:
        inputs: the indices of the layers that a layer reads.
        words: what somebody asks for first: "7x7 stride 2, 64, relu".
    """

    inputs: tuple[tuple[int, ...], ...]
    words: tuple[str, ...]


def wiring(graph: Graph) -> Wiring:
    """The wiring of a graph."""
    nodes = graph.nodes
    return Wiring(tuple(node.inputs for node in nodes), tuple(map(arguments, nodes)))


def runs(inputs: Sequence[Sequence[int]], most: int) -> list[range]:
    """The layers cut wherever at most so many tensors pass from those before to those after."""
    last = list(range(len(inputs)))  # the last reader of each layer
    for place, sources in enumerate(inputs):
        for source in sources:
            last[source] = place
    cuts = [0]
    passing: set[int] = set()
    for place in range(len(inputs) - 1):
        passing = {source for source in (*passing, place) if last[source] > place}
        if len(passing) <= most:
            cuts.append(place + 1)
    return [range(a, b) for a, b in pairwise([*cuts, len(inputs)])]


def arguments(node: Node) -> str:
    """The arguments of a layer that one asks for first: 7x7 stride 2, 64, relu."""
    given = [node.attrs.get(name) for name in ("filters", "units", "activation")]
    said = [_window(node), *(str(value) for value in given if value not in (None, "linear"))]
    return ", ".join(filter(None, said))


def _window(node: Node) -> str:
    window = node.rule.window
    if not window:
        return ""
    # Of a layer with weights the kernel, which dilation does not widen.
    kernel = node.rule.weights[0].shape if node.rule.weights else [reach for reach, _ in window]
    steps = [str(step) for _, step in window]
    stride = "x".join(steps[:1] if len(set(steps)) == 1 else steps)
    return units.shape(kernel[: len(window)]) + ("" if stride == "1" else f" stride {stride}")
