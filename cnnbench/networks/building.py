"""A graph that is being read from a Keras model, from the model itself or its configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from cnnbench import layers
from cnnbench.graph import ITEMSIZE, Graph, Node, Tensor
from cnnbench.rule import Rule, Shape, Weight


class Building:
    """The graph, and how often each layer was called so far.

    Args:
        dtype: of the graph.
        keep_dtypes: whether each layer keeps a type of its own.
    """

    def __init__(self, dtype: str, keep_dtypes: bool) -> None:
        layers.load_all()
        self.graph = Graph(dtype)
        self.keep_dtypes = keep_dtypes
        self.calls: Counter[int] = Counter()  # by the identity of the layer

    def begin(self, inputs: Iterable[tuple[str, Shape, str | None]]) -> list[Tensor]:
        """Add the inputs: the name, the shape and the type of each, None for that of the graph."""
        made: list[Tensor] = []
        for name, shape, dtype in inputs:
            rule = Rule(shape, saves="")
            made += self.add(Node(name, "InputLayer", {}, (), (), rule, dtype=dtype))
        self.graph.inputs = tuple(tensor.index for tensor in made)
        return made

    def add_call(
        self,
        layer: Any,
        name: str,
        op: str,
        attrs: dict[str, Any],
        inputs: Sequence[Tensor],
        rule: Rule,
        uncounted: str,
        dtypes: tuple[str, str] | None,
        shared: tuple[Weight, ...],
        trainable: bool,
    ) -> list[Tensor]:
        """Add one call of a layer: a node, whose name from its second call on has a number.

        `dtypes` are the types in which it computes and stores its weights, if it has any; the
        other arguments are those of `Node`.
        """
        again = self.calls[id(layer)]
        self.calls[id(layer)] += 1
        name = f"{name} (call {again + 1})" if again else name
        if op == "BatchNormalization" and not trainable:  # Keras then runs it as at inference
            rule = replace(rule, training=None, backward=rule.elementwise // 2)
        computed, stored = map(self.own_dtype, dtypes or ("", ""))
        sources, scope = tuple(tensor.index for tensor in inputs), self.graph.current_scope
        node = Node(name, op, attrs, sources, scope, rule, uncounted, computed, stored, shared)
        return self.add(node)

    def add(self, node: Node) -> list[Tensor]:
        """Add a node; returns its outputs."""
        outputs = self.graph.append(node)
        return outputs if isinstance(outputs, list) else [outputs]

    def own_dtype(self, dtype: str) -> str | None:
        """The type, where its size is known and layers keep theirs; else that of the graph."""
        return dtype if self.keep_dtypes and dtype in ITEMSIZE else None
