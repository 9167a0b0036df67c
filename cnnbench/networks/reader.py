"""A Keras model as a graph of ours: every call of a layer becomes a node.

Sizes come from our rules, not from Keras, so that a model can be read at other input sizes and
so that the two can be compared. The model is not changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import inf, prod
from typing import Any

from cnnbench import layers
from cnnbench.errors import CnnbenchError, NoRuleError, ShapeError
from cnnbench.graph import Graph, Node, Tensor, argument_names, checked, merges, snake_case
from cnnbench.layers.activation import OwnActivation
from cnnbench.layers.operations import OPERATIONS
from cnnbench.networks import policies, tensorflow
from cnnbench.networks.building import Building
from cnnbench.networks.inputs import caller
from cnnbench.networks.matching import (
    Alike,
    accepted,
    adapted,
    arguments,
    call_arguments,
    function_of,
    operation_key,
    rule_of,
    rule_takes,
)
from cnnbench.networks.operations import Operations, Repeated
from cnnbench.networks.owned import Owned, own
from cnnbench.networks.symbolic import (
    OpenSizeError,
    first_line,
    inferred,
    unchanged,
    variables_give_way,
)
from cnnbench.rule import WHOLE, Rule, Shape, Weight

NO_CALL = "the model owns its weights, but no call of it was found"
"""Why the work of a layer is not known that nothing calls, as far as one can see."""

Invoke = Callable[[Callable[..., Any], list[Any]], Any]
"""Calls the first, the `call` of a layer, on tensors in the place of its recorded ones."""


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
    shapes = [
        checked(shape, batch_size, "float32" if dtype is None else dtype) for shape in input_shapes
    ]
    reader = _Reader(dtype or policies.own(model).compute_dtype, keep_dtypes=dtype is None)
    reader.model(model, shapes)
    return reader.graph


class _Reader(Building):
    def __init__(self, dtype: str, keep_dtypes: bool) -> None:
        super().__init__(dtype, keep_dtypes)
        self.alive: list[Any] = []  # what was called: an identity is unique only while it lives
        self.owned = Owned()
        self.alike = Alike()
        self.numbers: Counter[str] = Counter()  # of operations of TensorFlow
        self.types: dict[tuple[int, int], str] = {}  # of tensors that are no floats

    def model(self, model: Any, shapes: Sequence[Shape]) -> None:
        declared = getattr(model, "inputs", None) or ()
        names = [x._keras_history.operation.name for x in declared]
        names = names or [f"input_{i}" if i else "input" for i in range(len(shapes))]
        dtypes = [self.own_dtype(x.dtype) for x in declared] or [None] * len(shapes)
        inputs = self.begin(zip(names, shapes, dtypes, strict=False))
        function = function_of(model)
        if function is not None:
            outputs = self.function(function, inputs)
        else:
            try:
                outputs = self.followed(model, inputs, caller(model))
            except _UntraceableError as error:
                raise CnnbenchError(
                    f"the call of {type(model).__name__} cannot be traced ({error}); "
                    "write it with Keras layers and keras.ops, or as a functional model"
                ) from None
        self.left_over(model)
        self.graph.finish(outputs)

    def left_over(self, model: Any) -> None:
        """A node for each layer that owns weights which nothing read so far uses."""
        for layer in model._flatten_layers():
            weights = self.owned.new(own(layer))
            if weights:
                rule = Rule((0,), weights, saves="", window=None)
                self.append(layer, type(layer).__name__, {}, [], rule, NO_CALL)

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
                    if len(outputs) != len(call.outputs):  # a size is no tensor where it is known
                        raise CnnbenchError(
                            f"layer {call.operation.name} returned {len(call.outputs)} tensors "
                            f"when the model was made, and {len(outputs)} at these sizes"
                        )
                    self.types.update(
                        ((tensor.index, tensor.output), x.dtype)
                        for x, tensor in zip(call.outputs, outputs, strict=True)
                        if "float" not in x.dtype
                    )
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
                    name = type(called).__name__
                    raise NoRuleError(f"there is no rule for this operation ({name})")
                return self.operation(call, rule, inputs)
            op, rule = rule_of(called)
            if op in layers.NO_RULE and op not in _PROGRAMS:
                raise NoRuleError(layers.NO_RULE[op])
            if rule is not None:
                if adapted(called):
                    return self.as_one(call, op, inputs)
                return self.counted(call, op, rule, inputs)
        except NoRuleError as error:
            if type(called) is keras.layers.TimeDistributed:
                return self.inside(call, inputs, lambda: self.each_frame(called, inputs[0]))
            if type(called).__name__ not in _HOLDERS:
                return self.uncounted(call, inputs, str(error))
        inner = function_of(called)
        if inner is None:
            return self.inside(call, inputs, lambda: self.followed(called, inputs, _again(call)))
        with self.graph.scope(called.name):
            return self.function(inner, inputs)

    def counted(
        self,
        call: Any,
        op: str,
        rule: Callable[..., Rule],
        inputs: Sequence[Tensor | None],
        repeated: Repeated = lambda rule: rule,
    ) -> list[Tensor]:
        """A layer that follows the rule of its class; a constant among its inputs is None."""
        layer = call.operation
        tensors, options = call_arguments(call)
        known = {
            id(x): tuple(x.shape) if y is None else y.shape
            for x, y in zip(call.input_tensors, inputs, strict=True)
        }
        shapes = [known[id(x)] for x in tensors]

        def of_users(function: Any) -> OwnActivation:
            return self.activation(function, layer.compute_dtype)

        attrs, unknown = arguments(rule, layer, of_users)
        attrs |= {name: value for name, value in options.items() if name in argument_names(rule)}
        given = shapes if merges(rule) else shapes[0]
        with rule_takes():
            result = self.graph.apply(op, rule, given, attrs, layer.name)
        result, shared = self.owned.shared(layer, repeated(result), again=self.calls[id(layer)] > 0)
        return self.append(layer, op, attrs, [x for x in inputs if x], result, unknown, shared)

    def activation(self, function: Any, dtype: str) -> OwnActivation:
        """What an activation of the user's takes on each value.

        Raises:
            NoRuleError: that is not known, or not a whole number.
        """
        import keras

        name = getattr(function, "__name__", type(function).__name__)
        inner = _Reader(dtype, keep_dtypes=True)
        inputs = inner.begin([("", (1, 64), dtype)])
        try:
            layer = keras.layers.Lambda(function)
            inner.followed(layer, inputs, lambda call, given: call(given[0]))
        except (ShapeError, _UntraceableError) as error:
            raise NoRuleError(f"{name} cannot be traced: {error}") from None
        rules = [node.rule for node in inner.graph.nodes]
        reasons = [node.uncounted for node in inner.graph.nodes if node.uncounted]
        counts = sum(r.elementwise for r in rules), sum(r.backward for r in rules)
        beyond = any(r.macs or (r.elementwise and r.window == WHOLE) for r in rules)
        # Backward, the gradient of a scalar is a sum over all values, which is not of each.
        if reasons or beyond or counts[0] % 64:
            raise NoRuleError(
                f"{name}: {(*reasons, 'it does not compute each value by itself')[0]}"
            )
        return OwnActivation(name, (counts[0] // 64, counts[1] // 64))

    def as_one(self, call: Any, op: str, inputs: list[Tensor]) -> list[Tensor]:
        """A layer that computes more than its class does, as one node with all that it runs."""
        inner = _Reader(self.graph.dtype, self.keep_dtypes)
        given = inner.begin(("", x.shape, self.dtype(x)) for x in inputs)
        try:
            outputs = inner.by_tensorflow(call.operation, given, _again(call))
        except (KeyboardInterrupt, NoRuleError):
            raise
        except BaseException as error:  # whatever TensorFlow may raise
            raise NoRuleError(f"it cannot be traced: {first_line(error)}") from None
        nodes = inner.graph.nodes[len(inputs) :]
        rules = [node.rule for node in nodes]
        rule = Rule(
            outputs[0].shape,
            weights=self.owned.new(call.operation.weights, call.operation),
            macs=sum(r.macs for r in rules),
            elementwise=sum(r.elementwise for r in rules),
            products=sum(r.products for r in rules),
            backward=sum(r.backward for r in rules),
            others=tuple(x.shape for x in outputs[1:]),
            scratch=sum(prod(r.shape) for r in rules[:-1] if not r.view),
            window=None,
        )
        why = "; ".join(dict.fromkeys(node.uncounted for node in nodes if node.uncounted))
        return self.append(call.operation, op, {}, inputs, rule, why)

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
                weights += self.owned.new([x])
        known = vars(call.operation).items()
        attrs = {k: v for k, v in known if not k.startswith("_") and k != "name"}
        first, *others = inferred(call, [tensor.shape for tensor in inputs])
        with rule_takes():
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
        inputs: Sequence[Tensor],
        rule: Rule,
        uncounted: str = "",
        shared: tuple[Weight, ...] = (),
    ) -> list[Tensor]:
        self.alive.append(operation)
        name = self.alike.name(self.graph.current_scope, operation)
        dtypes = None
        if hasattr(operation, "compute_dtype"):
            dtypes = operation.compute_dtype, operation.variable_dtype
        trainable = getattr(operation, "trainable", True)
        return self.add_call(
            operation, name, op, attrs, inputs, rule, uncounted, dtypes, shared, trainable
        )

    def inside(
        self, call: Any, inputs: list[Tensor], read: Callable[[], list[Tensor]]
    ) -> list[Tensor]:
        """The layers inside a layer, if its `call` can be traced."""
        try:
            with self.unless_it_fails(), self.graph.scope(call.operation.name):
                return read()
        except (KeyboardInterrupt, ShapeError):
            raise
        except BaseException as error:  # whatever the user's `call` may raise
            why = str(error) if isinstance(error, _UntraceableError) else first_line(error)
            return self.uncounted(call, inputs, f"it cannot be traced: {why}")

    @contextmanager
    def unless_it_fails(self) -> Iterator[None]:
        """Take back all that was read meanwhile if that fails."""
        nodes, names = len(self.graph.nodes), Counter(self.graph._names)
        calls, owned, types = Counter(self.calls), set(self.owned.ids), dict(self.types)
        try:
            yield
        except BaseException:
            del self.graph.nodes[nodes:]
            self.graph._names, self.types = names, types
            self.calls, self.owned.ids = calls, owned
            raise

    def followed(self, layer: Any, inputs: list[Tensor], invoke: Invoke) -> list[Tensor]:
        """What the `call` of a layer does: by tensors of Keras, else by TensorFlow's graph.

        Raises:
            ShapeError: the layer refuses its inputs.
            _UntraceableError: neither can follow it.
        """
        start, errors = len(self.graph.nodes), []
        for way in (self.symbolic, self.by_tensorflow):
            try:
                with self.unless_it_fails():
                    outputs = way(layer, inputs, invoke)
                    unknown = sum(bool(node.uncounted) for node in self.graph.nodes[start:])
                    if unknown:
                        unread = [v for v in layer.weights if v not in self.owned]
                        raise _UncountedError(unknown + len(unread))
                    return outputs
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # whatever the user's `call` may raise
                errors.append(error)
        first, last = errors
        left = [e.args[0] if isinstance(e, _UncountedError) else inf for e in errors]
        if min(left) < inf:  # what leaves less open; Keras' way, where both leave the same
            way = self.symbolic if left[0] <= left[1] else self.by_tensorflow
            return way(layer, inputs, invoke)
        if isinstance(first, ShapeError):
            raise first
        raise _UntraceableError(first_line(last if isinstance(first, NoRuleError) else first))

    def symbolic(self, layer: Any, inputs: list[Tensor], invoke: Invoke) -> list[Tensor]:
        """Call a layer on symbolic tensors of Keras and read the calls that it makes."""
        import keras

        symbols: dict[tuple[int, int], Any] = {}
        for x in inputs:
            spec = keras.KerasTensor(x.shape, self.dtype(x))
            symbols.setdefault((x.index, x.output), spec)
        given = [symbols[x.index, x.output] for x in inputs]
        with unchanged(layer), variables_give_way():
            if not all(inner.built for inner in layer._flatten_layers()):
                invoke(layer.call, given)  # which builds them
            with tensorflow.no_work():
                outputs = _tensors(invoke(layer.call, given))
            known = {id(x): tensor for x, tensor in zip(given, inputs, strict=True)}
            made = [x for x in outputs if id(x) not in known]
            start = len(self.graph.nodes)
            if made:
                used = {id(x): x for x in given if hasattr(x, "_keras_history")}
                function = keras.Function(list(used.values()), made)
                for calls in function._nodes_by_depth.values():  # as `call` makes them, by turns
                    calls.sort(key=lambda each: each.operation._inbound_nodes.index(each))
                read = self.function(function, [known[x] for x in used])
                known.update(zip(map(id, made), read, strict=True))
        self.own_weights(layer, start, inputs)
        return [known[id(x)] for x in outputs]

    def by_tensorflow(self, layer: Any, inputs: list[Tensor], invoke: Invoke) -> list[Tensor]:
        """Trace a layer in TensorFlow and read the layers and operations that it runs."""
        specs = [(x.shape, self.dtype(x)) for x in inputs]
        with unchanged(layer):
            found = tensorflow.traced(layer, specs, partial(invoke, layer.call), _is_node)
        start = len(self.graph.nodes)
        add = self.layer_call, self.raw, self.owned.new, self.graph.scope_name
        outputs = Operations(found, *add).read(inputs)
        self.own_weights(layer, start, inputs)
        return outputs

    def layer_call(
        self,
        call: tensorflow.LayerCall,
        scope: tuple[str, ...],
        inputs: Sequence[Tensor | None],
        repeated: Repeated,
    ) -> list[Tensor]:
        """A layer that TensorFlow called."""
        op, rule = rule_of(call.operation)
        before = self.graph.current_scope
        self.graph.current_scope = (*before, *scope)
        try:
            if rule is not None:
                return self.counted(call, op, rule, inputs, repeated)
            first, *others = (tuple(x.shape) for x in call.outputs)
            weights = self.owned.new(call.operation.weights)
            result = Rule(first, weights, others=tuple(others), window=None)
            given = [x for x in inputs if x]
            return self.append(call.operation, op, {}, given, result, layers.NO_RULE[op])
        finally:
            self.graph.current_scope = before

    def raw(
        self,
        kind: str,
        path: tuple[str, ...],
        rule: Rule,
        inputs: Sequence[Tensor],
        uncounted: str,
        dtype: str,
    ) -> list[Tensor]:
        """An operation of TensorFlow."""
        self.numbers[kind] += 1
        name = f"{snake_case(kind)}_{self.numbers[kind]}"
        sources = tuple(tensor.index for tensor in inputs)
        scope = (*self.graph.current_scope, *path)
        own = self.own_dtype(dtype)
        return self.add(Node(name, f"tf.{kind}", {}, sources, scope, rule, uncounted, own))

    def own_weights(self, layer: Any, start: int, inputs: list[Tensor]) -> None:
        """Give the variables of a composite layer itself to the first node inside it."""
        weights = self.owned.new(own(layer))
        if not weights:
            return
        if start == len(self.graph.nodes):
            rule = Rule(inputs[0].shape, weights, view=True, saves="")
            self.append(layer, type(layer).__name__, {}, inputs[:1], rule)
            return
        node = self.graph.nodes[start]
        rule = replace(node.rule, weights=(*node.rule.weights, *weights))
        self.graph.nodes[start] = replace(node, rule=rule)

    def uncounted(self, call: Any, inputs: list[Tensor], reason: str) -> list[Tensor]:
        """A node whose work is not known; Keras infers its shape, and its weights are its own."""
        operation = call.operation
        try:
            first, *others = inferred(call, [tensor.shape for tensor in inputs])
        except OpenSizeError:
            first, *others = (tuple(size or 1 for size in x.shape) for x in call.outputs)
            reason = f"{reason}; the sizes after it depend on the data, and are taken as 1"
        weights = self.owned.new(getattr(operation, "weights", ()))
        rule = Rule(first, weights, others=tuple(others), window=None)
        return self.append(operation, type(operation).__name__, {}, inputs, rule, reason)

    def dtype(self, x: Tensor) -> str:
        """The type of a tensor while a layer is traced: masks and positions are no floats."""
        known = self.types.get((x.index, x.output)) or self.graph.nodes[x.index].dtype
        return known or "float32"

    def each_frame(self, wrapper: Any, x: Tensor) -> list[Tensor]:
        """A model on every step of a sequence, read once on a batch of all steps."""
        n, steps, *rest = x.shape
        folded = self.reshaped("fold", x, (n * steps, *rest))
        function = function_of(wrapper.layer)
        if function is not None:
            outputs = self.function(function, [folded])
        else:
            outputs = self.followed(wrapper.layer, [folded], lambda call, given: call(given[0]))
        return [self.reshaped("unfold", y, (n, steps, *y.shape[1:])) for y in outputs]

    def reshaped(self, name: str, x: Tensor, shape: Shape) -> Tensor:
        rule, scope = Rule(shape, view=True, saves=""), self.graph.current_scope
        tensor: Tensor = self.graph.append(Node(name, "Reshape", {}, (x.index,), scope, rule))
        return tensor


class _UncountedError(Exception):
    """A layer was followed, but so much in it is not known."""


class _UntraceableError(Exception):
    """The `call` of a layer cannot be followed."""


def _again(call: Any) -> Invoke:
    """Makes a recorded call of a layer again, on other tensors."""

    def invoke(inner: Callable[..., Any], given: list[Any]) -> Any:
        replaced = {id(x): y for x, y in zip(call.input_tensors, given, strict=True)}
        args, kwargs = call.arguments.fill_in(replaced)
        return inner(*args, **accepted(inner, kwargs))

    return invoke


def _is_node(layer: Any) -> bool:
    """Whether a layer that TensorFlow calls is one node."""
    op, rule = rule_of(layer)
    known = rule is not None and not adapted(layer)
    return known or (op in layers.NO_RULE and op not in _PROGRAMS)


_PROGRAMS = ("Lambda", "TFSMLayer")
"""Layers that run any code, which TensorFlow can trace."""


_HOLDERS = ("Bidirectional", "RNN")
"""Layers of Keras that hold layers of the user's, which TensorFlow can trace."""


def _tensors(outputs: Any) -> list[Any]:
    import keras

    return [x for x in keras.tree.flatten(outputs) if hasattr(x, "shape")]
