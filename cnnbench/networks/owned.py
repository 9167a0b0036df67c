"""The weights of a graph: each variable of Keras belongs to the first node that uses it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import prod
from typing import Any

from cnnbench.rule import Rule, Weight


class Owned:
    """The variables whose weights are in the graph, by `ids`, their identities."""

    def __init__(self) -> None:
        self.ids: set[int] = set()

    def __contains__(self, variable: Any) -> bool:
        return id(variable) in self.ids

    def new(self, variables: Iterable[Any], layer: Any = None) -> tuple[Weight, ...]:
        """The weights of the variables that are not in the graph yet."""
        new = [v for v in variables if v not in self]
        self.ids.update(map(id, new))
        return tuple(weight_of(v, layer) for v in new)

    def shared(self, layer: Any, rule: Rule, again: bool) -> tuple[Rule, tuple[Weight, ...]]:
        """A rule with only those of its weights that no earlier node has, and the others.

        Each weight is the variable of the layer that has its shape. Where as many do not pair,
        the layer is read at another size than it was built for, and has the weights of its rule;
        `again` says whether an earlier node is a call of it.
        """
        paired: list[tuple[str, Any]] = []
        left = list(layer.weights)
        for weight in rule.weights:
            same = [v for v in left if tuple(v.shape) == weight.shape]
            same = same or [v for v in left if prod(v.shape) == prod(weight.shape)]
            if same:
                paired.append((weight.name, same[0]))
                left = [v for v in left if v is not same[0]]
        if len(paired) < len(rule.weights) and len(layer.weights) in (0, len(rule.weights)):
            self.ids.update(map(id, layer.weights))
            return (replace(rule, weights=()), rule.weights) if again else (rule, ())
        named = [*paired, *((v.name, v) for v in left)]
        new = {id(v) for _, v in named} - self.ids
        self.ids |= new
        owned = [replace(weight_of(v, layer), name=name) for name, v in named if id(v) in new]
        shared = [replace(weight_of(v, layer), name=name) for name, v in named if id(v) not in new]
        return replace(rule, weights=tuple(owned)), tuple(shared)


def own(layer: Any) -> list[Any]:
    """The weights of a layer itself, without those of the layers inside it."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]  # no public name


def weight_of(variable: Any, layer: Any = None) -> Weight:
    """A variable of Keras; its type is told where the layer's is another, or where it is packed."""
    trainable = bool(variable.trainable and getattr(layer, "trainable", True))
    usual = (getattr(layer, "variable_dtype", None), "float32", "float16", "bfloat16", "float64")
    dtype = None if variable.dtype in usual else variable.dtype
    return Weight(variable.name, tuple(variable.shape), trainable, dtype)
