"""A graph compared with what Keras owns and TensorFlow runs of the same model, by layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

from cnnbench.crosscheck.profiler import Call, trace
from cnnbench.graph import Graph, Node
from cnnbench.networks.matching import function_of
from cnnbench.records import Record, one_line
from cnnbench.rule import Shape

Shapes = tuple[tuple[int | None, ...], ...]
Params = tuple[int, int]

NO_RULE = "no rule"
"""The reason why multiply-adds of a layer without a rule are not compared."""


@dataclass(frozen=True, slots=True)
class Agreement(Record):
    """A number of ours beside that of Keras or TensorFlow.

    `what` is such as "predictions: parameters"; `equal` is None if the two cannot be compared.
    """

    what: str
    ours: Any
    theirs: Any
    equal: bool | None

    def __repr__(self) -> str:
        sign = {True: "=", False: "!=", None: "beside"}[self.equal]
        theirs = "nothing" if self.theirs is None else self.theirs
        return one_line(self, self.what, f"{self.ours} {sign} {theirs}")


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of a layer: ours beside theirs.

    Args:
        name: with the models in which it is nested.
        op: the class.
        params: weights that no earlier call owns, and how many of them are trained.
        keras_params: the same by Keras' variables.
        shapes: of its outputs, batch first.
        traced_shapes: the same by TensorFlow; None for a size that depends on the data.
        macs: our multiply-adds.
        inside_macs: the same without taps on padding.
        traced_macs: the multiply-adds by the statistics of TensorFlow's profiler.
        entered_macs: those of them inside functions, which the profiler does not enter.
        not_compared: the operation of TensorFlow because of which these cannot be compared, or
            NO_RULE; else empty.
    """

    name: str
    op: str
    params: Params
    keras_params: Params
    shapes: Shapes
    traced_shapes: Shapes
    macs: int
    inside_macs: int
    traced_macs: int
    entered_macs: int
    not_compared: str

    @property
    def shapes_agree(self) -> bool:
        """Whether every output has our shape, as far as TensorFlow knows it."""
        return len(self.shapes) == len(self.traced_shapes) and all(
            map(_fits, self.shapes, self.traced_shapes)
        )

    def rows(self) -> tuple[Agreement, ...]:
        """All that is compared."""
        (ours, ours_trained), (theirs, theirs_trained) = self.params, self.keras_params
        macs = None if self.not_compared else self.macs == self.traced_macs
        compared = (
            ("parameters", ours, theirs, ours == theirs),
            ("trainable parameters", ours_trained, theirs_trained, ours_trained == theirs_trained),
            ("output", _text(self.shapes), _text(self.traced_shapes), self.shapes_agree),
            ("multiply-adds", self.macs, self.traced_macs, macs),
        )
        unknown = self.not_compared == NO_RULE  # what was not read may do the rest
        return tuple(
            Agreement(
                f"{self.name}: {what}", ours, theirs, None if unknown and not equal else equal
            )
            for what, ours, theirs, equal in compared
        )


def layers(graph: Graph, model: Any) -> list[Layer]:
    """Compare a graph with the built Keras model from which it was read; see `profiler.trace`.

    Returns:
        Every call of a layer that TensorFlow ran, in that order, then every node that it did
        not run.
    """
    return pair(graph, trace(graph, model).calls)


def pair(graph: Graph, calls: Iterable[Call]) -> list[Layer]:
    """The nodes of a graph beside the calls that TensorFlow ran."""
    left = {(node.scope, node.name): node for node in graph.nodes}
    for index in graph.inputs:
        del left[graph.nodes[index].scope, graph.nodes[index].name]
    parts = [
        (call, [left.pop((call.scope, call.name))] if call.name else [])
        for call in calls
        if call.name or function_of(call.layer) is None
    ]
    composite = [part for part in parts if not part[0].name]
    for call, nodes in sorted(composite, key=lambda part: -len(part[0].scope)):
        # Operations, which TensorFlow runs as part of the innermost layer around them.
        depth = len(call.scope)
        nodes += [left.pop(key) for key in list(left) if key[0][:depth] == call.scope]
    ours: dict[int, Params] = {}
    for call, nodes in parts:
        before = ours.get(id(call.whole), (0, 0))
        ours[id(call.whole)] = _sum(before, *map(_params, nodes))
    seen: set[int] = set()
    rows = []
    for call, nodes in parts:
        params = ours.pop(id(call.whole), (0, 0))  # at its first call
        rows.append(_layer(call, nodes, params, _keras_params(call.whole, seen)))
    for node in left.values():  # TensorFlow never ran these
        rows.append(_layer(Call(node.scope, node.name, None, None), [node], _params(node), (0, 0)))
    return rows


def _layer(call: Call, nodes: list[Node], params: Params, keras_params: Params) -> Layer:
    inside = (n.rule.macs if n.rule.inside is None else n.rule.inside for n in nodes)
    node = nodes[0] if call.name else None
    return Layer(
        name="/".join((*call.scope, call.name) if node else call.scope),
        op=node.op if node else type(call.layer).__name__,
        params=params,
        keras_params=keras_params,
        shapes=(node.rule.shape, *node.rule.others) if node else (),
        traced_shapes=call.shapes if node else (),
        macs=sum(n.rule.macs for n in nodes),
        inside_macs=sum(inside),
        traced_macs=call.macs,
        entered_macs=call.entered_macs,
        not_compared=NO_RULE if any(n.uncounted for n in nodes) else call.not_compared,
    )


def _params(node: Node) -> Params:
    return _sum(*[_size(weight.shape, weight.trainable) for weight in node.rule.weights])


def _keras_params(layer: Any, seen: set[int]) -> Params:
    """Values of a layer's variables that were not seen before, and how many are trained."""
    new = [v for v in getattr(layer, "weights", ()) if id(v) not in seen]
    seen.update(map(id, new))
    trained = set(map(id, getattr(layer, "trainable_weights", ())))
    return _sum(*[_size(v.shape, id(v) in trained) for v in new])


def _size(shape: Shape, trained: bool) -> Params:
    return prod(shape), prod(shape) * int(trained)


def _sum(*values: Params) -> Params:
    return sum(n for n, _ in values), sum(n for _, n in values)


def _fits(ours: tuple[int | None, ...], theirs: tuple[int | None, ...]) -> bool:
    return len(ours) == len(theirs) and all(
        b is None or a == b for a, b in zip(ours, theirs, strict=True)
    )


def _text(shapes: Shapes) -> str:
    return ", ".join("x".join("?" if n is None else str(n) for n in shape) for shape in shapes)
