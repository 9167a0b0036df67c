"""A Keras model as a graph of ours: every call of a layer becomes a node.

Sizes come from our rules, not from Keras, so the same model can be read at another input
size and the two can be compared. The model is not changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from cnnbench import layers
from cnnbench.errors import CnnbenchError, NoRuleError, ShapeError
from cnnbench.graph import (
    ITEMSIZE,
    RULES,
    Graph,
    Node,
    Rule,
    Shape,
    Tensor,
    Weight,
    argument_names,
    merges,
)
from cnnbench.layers.activation import OPERATIONS
from cnnbench.layers.operations import operation_rule


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
        ShapeError: a layer cannot take its input.
        CnnbenchError: a subclassed model whose `call` cannot be traced.
    """
    layers.load_all()
    reader = _Reader(Graph(dtype or model.compute_dtype), keep_dtypes=dtype is None)
    shapes = [(batch_size, *shape) for shape in input_shapes]
    reader.model(model, shapes)
    return reader.graph


class _Reader:
    def __init__(self, graph: Graph, keep_dtypes: bool) -> None:
        self.graph = graph
        self.keep_dtypes = keep_dtypes
        self.calls: Counter[int] = Counter()  # of each layer so far, by identity
        self.kept: list[Any] = []  # what was called, for an identity is unique among the living
        self.owned: set[int] = set()  # variables whose weights are in the graph

    def model(self, model: Any, shapes: Sequence[Shape]) -> None:
        names = [tensor.name for tensor in getattr(model, "inputs", None) or ()]
        inputs = []
        for index, shape in enumerate(shapes):
            name = names[index] if names else "input" + f"_{index}" * (index > 0)
            dtype = _dtype(model.inputs[index].dtype) if names and self.keep_dtypes else None
            node = Node(name, "InputLayer", {}, (), (), Rule(shape, saves=""), dtype=dtype)
            inputs.append(self.graph.append(node))
        self.graph.inputs = tuple(tensor.index for tensor in inputs)
        function = _function(model)
        if function is not None:
            outputs = self.function(function, inputs)
        else:
            try:
                outputs = self.traced(model, inputs, lambda call, given: call(_one(given)))
            except CnnbenchError:
                raise
            except Exception as error:  # whatever the user's `call` may raise
                raise CnnbenchError(
                    f"the call of {type(model).__name__} cannot be traced ({_first(error)}); "
                    "write it with Keras layers and keras.ops, or as a functional model"
                ) from None
        self.graph.outputs = tuple(tensor.index for tensor in outputs)

    def function(self, function: Any, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Read the calls of a Keras Function, in the order in which Keras runs them."""
        known = {id(x): tensor for x, tensor in zip(function.inputs, inputs, strict=True)}
        # The only record that Keras keeps of the order; there is no public one.
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
                rule = operation_rule(_operation_key(called))
                if rule is None:
                    raise NoRuleError("there is no rule for this operation")
                return self.operation(call, rule, inputs)
            op, rule = _rule(called)
            if rule is not None:
                return self.counted(called, op, rule, inputs)
        except NoRuleError as error:
            return self.uncounted(call, inputs, str(error))
        inner = _function(called)
        if inner is None:
            return self.composite(call, inputs)
        with self.graph.scope(called.name):
            return self.function(inner, inputs)

    def counted(
        self, layer: Any, op: str, rule: Callable[..., Rule], inputs: list[Tensor]
    ) -> list[Tensor]:
        """A layer by the rule of its class."""
        attrs, unknown = _arguments(rule, layer.get_config())
        shapes = [tensor.shape for tensor in inputs]
        given = shapes if merges(rule) else shapes[0]
        result = self.graph.apply(op, rule, given, attrs, layer.name)
        return self.append(layer, op, attrs, inputs, result, unknown)

    def operation(self, call: Any, rule: Callable[..., Rule], inputs: list[Tensor]) -> list[Tensor]:
        """An operation of `keras.ops`; Keras infers its shape."""
        import keras

        shapes = {id(x): t.shape for x, t in zip(call.input_tensors, inputs, strict=True)}
        operands, weights = [], []
        for x in keras.tree.flatten((call.arguments.args, call.arguments.kwargs)):
            if hasattr(x, "shape"):
                operands.append(shapes.get(id(x), tuple(x.shape)))
            if isinstance(x, keras.Variable) and id(x) not in self.owned:
                self.owned.add(id(x))
                weights.append(Weight(x.name, tuple(x.shape), x.trainable))
        attrs = {k: v for k, v in vars(call.operation).items() if not k.startswith("_")}
        first, *others = [tuple(x.shape) for x in self.specs(call, inputs)]
        result = rule(operands, [first, *others] if others else first, attrs)
        result = replace(result, shape=first, others=tuple(others), weights=tuple(weights))
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
        self.kept.append(operation)
        name = operation.name
        if again:  # a shared layer owns its weights once and works each time
            name, rule = f"{name} (call {again + 1})", replace(rule, weights=())
        elif not getattr(operation, "trainable", True):
            rule = replace(rule, weights=tuple(replace(w, trainable=False) for w in rule.weights))
        self.owned.update(map(id, getattr(operation, "variables", ())))
        dtypes: tuple[str | None, str | None] = (None, None)
        if self.keep_dtypes and hasattr(operation, "compute_dtype"):
            dtypes = _dtype(operation.compute_dtype), _dtype(operation.variable_dtype)
        sources = tuple(tensor.index for tensor in inputs)
        node = Node(name, op, attrs, sources, self.graph.current_scope, rule, uncounted, *dtypes)
        out = self.graph.append(node)
        return out if isinstance(out, list) else [out]

    def composite(self, call: Any, inputs: list[Tensor]) -> list[Tensor]:
        """A layer of the user's own: what it is made of, if its `call` can be traced."""
        layer = call.operation
        reason = layers.NO_RULE.get(type(layer).__name__, "")
        before = len(self.graph.nodes)

        def again(inner: Any, given: list[Any]) -> Any:
            replaced = {id(x): y for x, y in zip(call.input_tensors, given, strict=True)}
            args, kwargs = call.arguments.fill_in(replaced)
            return inner(*args, **kwargs)

        try:
            with self.graph.scope(layer.name):
                return self.traced(layer, inputs, again)
        except CnnbenchError:
            raise
        except Exception as error:  # whatever the user's `call` may raise
            del self.graph.nodes[before:]
            return self.uncounted(call, inputs, reason or f"it cannot be traced: {_first(error)}")

    def traced(self, layer: Any, inputs: list[Tensor], invoke: Any) -> list[Tensor]:
        """Call a layer on symbolic tensors of Keras and read the calls that it makes."""
        import keras

        symbols = [
            keras.KerasTensor(tensor.shape, self.graph.nodes[tensor.index].dtype or "float32")
            for tensor in inputs
        ]
        with _unchanged(layer), _variables_give_way():
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
        left = [v for v in layer.variables if id(v) not in self.owned]
        if not left:
            return
        self.owned.update(map(id, left))
        weights = tuple(Weight(v.name, tuple(v.shape), v.trainable) for v in left)
        if start == len(self.graph.nodes):
            raise CnnbenchError("it owns weights and makes no call of Keras that uses them")
        node = self.graph.nodes[start]
        self.graph.nodes[start] = replace(
            node, rule=replace(node.rule, weights=(*node.rule.weights, *weights))
        )

    def uncounted(self, call: Any, inputs: list[Tensor], reason: str) -> list[Tensor]:
        """A node whose work is not known; its shape is Keras' and its weights are its own."""
        operation = call.operation
        first, *others = [tuple(x.shape) for x in self.specs(call, inputs)]
        weights = tuple(
            Weight(v.name, tuple(v.shape), v.trainable)
            for v in getattr(operation, "variables", ())
            if id(v) not in self.owned
        )
        rule = Rule(first, weights, others=tuple(others), window=None)
        return self.append(operation, type(operation).__name__, {}, inputs, rule, reason)

    def specs(self, call: Any, inputs: list[Tensor]) -> list[Any]:
        """What Keras infers for the outputs of a call at our sizes."""
        import keras

        known = {
            id(x): keras.KerasTensor(tensor.shape, x.dtype)
            for x, tensor in zip(call.input_tensors, inputs, strict=True)
        }
        args, kwargs = call.arguments.fill_in(known)
        try:
            found: list[Any] = keras.tree.flatten(
                call.operation.compute_output_spec(*args, **kwargs)
            )
        except Exception as error:  # Keras refuses in many ways
            raise ShapeError(f"layer {call.operation.name}: {_first(error)}") from None
        if any(None in x.shape for x in found):
            raise ShapeError(
                f"layer {call.operation.name}: the size of its output depends on the data"
            )
        return found


def _rule(layer: Any) -> tuple[str, Callable[..., Rule] | None]:
    """The class of a layer and its rule, if there is one.

    A subclass of a Keras layer follows the parent's rule if it changes nothing but how it
    is made. A layer of the user's own that is called like one of Keras' does not.
    """
    for parent in type(layer).__mro__:
        if parent.__module__.split(".")[0] == "keras":
            return parent.__name__, RULES.get(parent.__name__)
        own = RULES.get(parent.__name__)
        if own is not None and not own.__module__.startswith(layers.__name__):
            return parent.__name__, own
        if not {name for name, x in vars(parent).items() if callable(x)} <= _HARMLESS:
            break
    return type(layer).__name__, None


_HARMLESS = {"__init__", "get_config", "from_config"}


def _function(model: Any) -> Any:
    """The Keras Function inside a functional or a built sequential model, else None."""
    function = getattr(model, "_functional", None) or model
    return function if hasattr(function, "_nodes_by_depth") else None


def _operation_key(operation: Any) -> str:
    """`keras.src.ops.numpy.Mean` as "numpy.Mean"."""
    module = type(operation).__module__.removeprefix("keras.src.ops.")
    return f"{module}.{type(operation).__name__}"


def _arguments(rule: Callable[..., Rule], config: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What a rule takes of the configuration of a layer, and what of it has no rule."""
    attrs = {name: config[name] for name in argument_names(rule) if name in config}
    unknown = []
    for name in ("activation", "recurrent_activation"):
        if name in attrs:
            attrs[name] = _activation(attrs[name])
            if attrs[name] not in OPERATIONS:
                unknown.append(f"its {name} {attrs[name]!r} has no rule")
                attrs[name] = None
    return attrs, "; ".join(unknown)


def _activation(value: Any) -> str:
    """The name of an activation, which Keras stores as a name, a function or a layer."""
    if isinstance(value, dict):
        config = value.get("config")
        # keras.layers.LeakyReLU computes keras.activations.leaky_relu.
        of_class = {name.replace("_", ""): name for name in OPERATIONS}
        name = value["class_name"]
        value = config if isinstance(config, str) else of_class.get(name.lower(), name)
    return value or "linear"


def _dtype(name: str) -> str | None:
    """A type that we know the size of; None, the graph's, for any other."""
    return name if name in ITEMSIZE else None


def _one(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _first(error: Exception) -> str:
    """The first line of what went wrong, without the list of Keras' arguments."""
    lines = (line.strip() for line in str(error).splitlines())
    said = (line for line in lines if line and "Exception encountered" not in line)
    return next(said, type(error).__name__)[:200]


@contextmanager
def _unchanged(layer: Any) -> Iterator[None]:
    """Forget the calls that Keras records on a layer and on those inside it meanwhile."""
    calls = [
        (list_, len(list_))
        for inner in layer._flatten_layers()
        for list_ in (inner._inbound_nodes, inner._outbound_nodes)
    ]
    try:
        yield
    finally:
        for list_, length in calls:
            del list_[length:]


_BINARY = [
    f"__{side}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
    for side in ("", "r")
]


@contextmanager
def _variables_give_way() -> Iterator[None]:
    """`variable * tensor` is the symbolic tensor's to record, not the backend's to refuse."""
    import keras

    owner = next(c for c in keras.Variable.__mro__ if "__mul__" in vars(c))
    own = {name: vars(owner)[name] for name in _BINARY if name in vars(owner)}

    def giving_way(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, other: Any) -> Any:
            if isinstance(other, keras.KerasTensor):
                return NotImplemented
            return method(self, other)

        return call

    for name, method in own.items():
        setattr(owner, name, giving_way(method))
    try:
        yield
    finally:
        for name, method in own.items():
            setattr(owner, name, method)
