"""A Keras model as a graph of ours: every call of a layer becomes a node.

Sizes come from our rules, not from Keras, so that a model can be read at other input sizes and
so that the two can be compared. The model is not changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from cnnbench import layers
from cnnbench.errors import CnnbenchError, NoRuleError
from cnnbench.graph import ITEMSIZE, Graph, Node, Tensor, argument_names, checked, merges
from cnnbench.layers.operations import OPERATIONS
from cnnbench.networks.matching import (
    arguments,
    call_arguments,
    function_of,
    keras_checks_little,
    operation_key,
    rule_of,
)
from cnnbench.networks.symbolic import first_line, inferred, unchanged, variables_give_way
from cnnbench.rule import Rule, Shape, Weight


def read(
    model: Any, input_shapes: Sequence[Shape], batch_size: int = 1, dtype: str | None = None
) -> Graph:
    """The graph of a Keras model at given input sizes.

    Args:
        model: functional, sequential or subclassed, built or not.
        input_shapes: of one sample, for each input in the order of `model.inputs`.
        batch_size: samples per forward pass.
        dtype: of activations and weights; the model's own if None.

    Raises:
        ShapeError: as `graph.checked`, or a layer cannot take its input.
        CnnbenchError: a subclassed model whose `call` cannot be traced.
    """
    layers.load_all()
    shapes = [
        checked(shape, batch_size, "float32" if dtype is None else dtype) for shape in input_shapes
    ]
    reader = _Reader(Graph(dtype or model.compute_dtype), keep_dtypes=dtype is None)
    reader.model(model, shapes)
    return reader.graph


class _Reader:
    def __init__(self, graph: Graph, keep_dtypes: bool) -> None:
        self.graph = graph
        self.keep_dtypes = keep_dtypes
        self.calls: Counter[int] = Counter()  # of each layer so far, by identity
        self.alive: list[Any] = []  # what was called: an identity is unique only while it lives
        self.owned: set[int] = set()  # variables whose weights are in the graph

    def model(self, model: Any, shapes: Sequence[Shape]) -> None:
        names = [x._keras_history.operation.name for x in getattr(model, "inputs", None) or ()]
        inputs = []
        for index, shape in enumerate(shapes):
            name = names[index] if names else "input" + f"_{index}" * (index > 0)
            dtype = _dtype(model.inputs[index].dtype) if names and self.keep_dtypes else None
            node = Node(name, "InputLayer", {}, (), (), Rule(shape, saves=""), dtype=dtype)
            inputs.append(self.graph.append(node))
        self.graph.inputs = tuple(tensor.index for tensor in inputs)
        function = function_of(model)
        if function is not None:
            outputs = self.function(function, inputs)
        else:
            try:
                outputs = self.traced(model, inputs, lambda call, given: call(_one(given)))
            except (CnnbenchError, KeyboardInterrupt):
                raise
            except BaseException as error:  # whatever the user's `call` may raise
                raise CnnbenchError(
                    f"the call of {type(model).__name__} cannot be traced ({first_line(error)}); "
                    "write it with Keras layers and keras.ops, or as a functional model"
                ) from None
        self.graph.finish(outputs)

    def function(self, function: Any, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Read the calls of a Keras Function, in the order in which Keras runs them."""
        known = {id(x): tensor for x, tensor in zip(function.inputs, inputs, strict=True)}
        # Keras has no public record of the order.
        by_depth = function._nodes_by_depth
        for depth in sorted(by_depth, reverse=True):
            for call in by_depth[depth]:
                if not call.is_input:
                    given = [known[id(x)] for x in call.input_tensors]
                    outputs = self.call(call, given)
                    known.update(zip(map(id, call.outputs), outputs, strict=True))
        return [known[id(x)] for x in function.outputs]

    def call(self, call: Any, inputs: list[Tensor]) -> list[Tensor]:
        """Read one call of a layer, a model or an operation."""
        import keras

        called = call.operation
        try:
            if not isinstance(called, keras.Layer):
                rule = OPERATIONS.get(operation_key(called))
                if rule is None:
                    raise NoRuleError("there is no rule for this operation")
                return self.operation(call, rule, inputs)
            op, rule = rule_of(called)
            if rule is not None:
                return self.counted(call, op, rule, inputs)
        except NoRuleError as error:
            if type(called) is keras.layers.TimeDistributed:
                return self.inside(call, inputs, lambda: self.each_frame(called, inputs[0]))
            return self.uncounted(call, inputs, str(error))
        inner = function_of(called)
        if inner is None:
            return self.inside(call, inputs, lambda: self.composite(call, inputs))
        with self.graph.scope(called.name):
            return self.function(inner, inputs)

    def counted(
        self, call: Any, op: str, rule: Callable[..., Rule], inputs: list[Tensor]
    ) -> list[Tensor]:
        """A layer that follows the rule of its class."""
        layer = call.operation
        attrs, unknown = arguments(rule, layer.get_config())
        tensors, options = call_arguments(call)
        attrs |= {name: value for name, value in options.items() if name in argument_names(rule)}
        known = {id(x): y.shape for x, y in zip(call.input_tensors, inputs, strict=True)}
        shapes = [known[id(x)] for x in tensors]
        given = shapes if merges(rule) else shapes[0]
        with keras_checks_little():
            result = self.graph.apply(op, rule, given, attrs, layer.name)
        return self.append(layer, op, attrs, inputs, result, unknown)

    def operation(self, call: Any, rule: Callable[..., Rule], inputs: list[Tensor]) -> list[Tensor]:
        """An operation of `keras.ops`; Keras infers its shape."""
        import keras

        shapes = {id(x): t.shape for x, t in zip(call.input_tensors, inputs, strict=True)}
        operands: list[Shape] = []
        weights: tuple[Weight, ...] = ()
        for x in keras.tree.flatten((call.arguments.args, call.arguments.kwargs)):
            if hasattr(x, "shape"):
                operands.append(shapes.get(id(x), tuple(x.shape)))
            if isinstance(x, keras.Variable):
                weights += self.weights([x])
        attrs = {k: v for k, v in vars(call.operation).items() if not k.startswith("_")}
        first, *others = inferred(call, [tensor.shape for tensor in inputs])
        with keras_checks_little():
            result = rule(operands, [first, *others] if others else first, attrs)
        result = replace(result, shape=first, others=tuple(others), weights=weights)
        if len(inputs) < 2:  # with a constant or a weight: one factor has no gradient
            result = replace(result, products=0)
        op = f"ops.{type(call.operation).__name__}"
        return self.append(call.operation, op, attrs, inputs, result)

    def append(
        self,
        operation: Any,
        op: str,
        attrs: dict[str, Any],
        inputs: list[Tensor],
        rule: Rule,
        uncounted: str = "",
    ) -> list[Tensor]:
        again = self.calls[id(operation)]
        self.calls[id(operation)] += 1
        self.alive.append(operation)
        name = operation.name
        shared: tuple[Weight, ...] = ()
        if not getattr(operation, "trainable", True):
            rule = replace(rule, weights=tuple(replace(w, trainable=False) for w in rule.weights))
            if op == "BatchNormalization":  # Keras then runs it as at inference
                rule = replace(rule, training=None, backward=rule.elementwise // 2)
        if again:  # a shared layer owns its weights once and works each time
            name, shared = f"{name} (call {again + 1})", rule.weights
            rule = replace(rule, weights=())
        self.owned.update(map(id, getattr(operation, "variables", ())))
        dtypes: tuple[str | None, str | None] = (None, None)
        if self.keep_dtypes and hasattr(operation, "compute_dtype"):
            dtypes = _dtype(operation.compute_dtype), _dtype(operation.variable_dtype)
        sources = tuple(tensor.index for tensor in inputs)
        scope = self.graph.current_scope
        node = Node(name, op, attrs, sources, scope, rule, uncounted, *dtypes, shared)
        out = self.graph.append(node)
        return out if isinstance(out, list) else [out]

    def inside(
        self, call: Any, inputs: list[Tensor], read: Callable[[], list[Tensor]]
    ) -> list[Tensor]:
        """The layers inside a layer, if its `call` can be traced."""
        before = len(self.graph.nodes)
        try:
            with self.graph.scope(call.operation.name):
                return read()
        except (CnnbenchError, KeyboardInterrupt):
            raise
        except BaseException as error:  # whatever the user's `call` may raise
            del self.graph.nodes[before:]
            reason = layers.NO_RULE.get(type(call.operation).__name__)
            reason = reason or f"it cannot be traced: {first_line(error)}"
            return self.uncounted(call, inputs, reason)

    def composite(self, call: Any, inputs: list[Tensor]) -> list[Tensor]:
        """The layers inside a user's own layer."""

        def again(inner: Any, given: list[Any]) -> Any:
            replaced = {id(x): y for x, y in zip(call.input_tensors, given, strict=True)}
            args, kwargs = call.arguments.fill_in(replaced)
            return inner(*args, **kwargs)

        return self.traced(call.operation, inputs, again)

    def each_frame(self, wrapper: Any, x: Tensor) -> list[Tensor]:
        """A model on every step of a sequence, read once on a batch of all steps."""
        n, steps, *rest = x.shape
        folded = self.reshaped("fold", x, (n * steps, *rest))
        function = function_of(wrapper.layer)
        if function is not None:
            outputs = self.function(function, [folded])
        else:
            outputs = self.traced(wrapper.layer, [folded], lambda call, given: call(given[0]))
        return [self.reshaped("unfold", y, (n, steps, *y.shape[1:])) for y in outputs]

    def reshaped(self, name: str, x: Tensor, shape: Shape) -> Tensor:
        rule, scope = Rule(shape, view=True, saves=""), self.graph.current_scope
        tensor: Tensor = self.graph.append(Node(name, "Reshape", {}, (x.index,), scope, rule))
        return tensor

    def traced(self, layer: Any, inputs: list[Tensor], invoke: Any) -> list[Tensor]:
        """Call a layer on symbolic tensors of Keras and read the calls that it makes."""
        import keras

        symbols = [
            keras.KerasTensor(tensor.shape, self.graph.nodes[tensor.index].dtype or "float32")
            for tensor in inputs
        ]
        with unchanged(layer), variables_give_way():
            outputs = keras.tree.flatten(invoke(layer.call, symbols))
            known = {id(x): tensor for x, tensor in zip(symbols, inputs, strict=True)}
            made = [x for x in outputs if id(x) not in known]
            before = len(self.graph.nodes)
            if made:
                function = keras.Function(symbols, made)
                read = self.function(function, inputs)
                known.update(zip(map(id, made), read, strict=True))
        self.own_weights(layer, before)
        return [known[id(x)] for x in outputs]

    def own_weights(self, layer: Any, start: int) -> None:
        """Give the variables of a composite layer itself to the first node inside it."""
        weights = self.weights(layer.variables)
        if not weights:
            return
        if start == len(self.graph.nodes):
            raise CnnbenchError("it owns weights and makes no call of Keras that uses them")
        node = self.graph.nodes[start]
        rule = replace(node.rule, weights=(*node.rule.weights, *weights))
        self.graph.nodes[start] = replace(node, rule=rule)

    def weights(self, variables: Iterable[Any]) -> tuple[Weight, ...]:
        """The weights of the variables that are not in the graph yet."""
        new = [v for v in variables if id(v) not in self.owned]
        self.owned.update(map(id, new))
        return tuple(Weight(v.name, tuple(v.shape), v.trainable) for v in new)

    def uncounted(self, call: Any, inputs: list[Tensor], reason: str) -> list[Tensor]:
        """A node whose work is not known; Keras infers its shape, and its weights are its own."""
        operation = call.operation
        first, *others = inferred(call, [tensor.shape for tensor in inputs])
        weights = self.weights(getattr(operation, "variables", ()))
        rule = Rule(first, weights, others=tuple(others), window=None)
        return self.append(operation, type(operation).__name__, {}, inputs, rule, reason)


def _dtype(name: str) -> str | None:
    """A type whose size is known; None, for the type of the graph, otherwise."""
    return name if name in ITEMSIZE else None


def _one(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
