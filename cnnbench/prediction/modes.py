"""MODES: the terms of one network, for a call or for a training step: mode train."""

from __future__ import annotations

from cnnbench.graph import Graph
from cnnbench.prediction import memory, step, terms
from cnnbench.prediction.terms import LayerTerms, Terms


def of_layers(graph: Graph, mode: str, unknown: str = "") -> list[LayerTerms]:
    """The layers that take time; those of a kind that is `unknown` are guesses."""
    found = step.of_layers if mode == "train" else terms.of_layers
    return found(graph, unknown)


def time(graph: Graph, mode: str, unknown: str = "") -> Terms:
    """The terms of the time of a call or a step."""
    if mode == "train":
        return step.time(graph, unknown)
    return terms.total(terms.of_layers(graph, unknown))


def rise(graph: Graph, mode: str) -> Terms:
    """The terms of the rise of the peak memory over the first of them.

    Modes of other names than TensorFlow's are of runtimes whose allocators nobody has followed.
    """
    known = {"graph": memory.terms, "train": step.rise}
    return known.get(mode, memory.elsewhere)(graph)
