"""The operations of a traced TensorFlow function as nodes of a graph of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from cnnbench.errors import CnnbenchError, NoRuleError
from cnnbench.graph import Tensor
from cnnbench.layers.operations.tensorflow import TENSORFLOW
from cnnbench.networks.matching import rule_takes
from cnnbench.networks.tensorflow import CALL, HOLDER, LayerCall, Traced, empty_graph
from cnnbench.rule import Rule, Shape, Weight

_NOTHING = """
Assert AssignVariableOp Const EmptyTensorList NoOp Placeholder PlaceholderWithDefault Print PrintV2
Rank Shape ShapeN Size TensorListLength TensorListReserve VarHandleOp
"""
"""Operations that compute nothing and whose outputs no layer's work depends on."""

_ALIASES = """
CheckNumerics EnsureShape Identity IdentityN PreventGradient ReadVariableOp StopGradient
TensorListFromTensor TensorListSetItem
"""
"""Operations whose outputs are their inputs; the last, of the item alone."""

_ON_SIZES = "AddV2 FloorDiv Max Maximum Min Minimum Mul Prod StridedSlice Sub"
"""Operations that compute the length of a loop from sizes."""

_CALLS = {"PartitionedCall": "f", "StatefulPartitionedCall": "f"}
"""Operations that call a function, and the attribute that names it."""

_LOOPS = frozenset(("While", "StatelessWhile"))

_BRANCHES = frozenset(("Case", "If", "StatelessCase", "StatelessIf"))

_CONDITION = frozenset(("Const", "Identity", "Less", "LogicalAnd", "NoOp", "Placeholder"))
"""What the condition of a loop may hold if the number of its turns is known."""


Repeated = Callable[[Rule], Rule]


class Operations:
    """Reads a traced function.

    Args:
        traced: the function.
        layer: adds a call of a layer to the graph, in a scope, from the tensors of ours that are
            its inputs, with its rule as often as it is called; returns its outputs.
        append: adds a node to the graph; returns its outputs.
        weights: the weights of some variables that are not in the graph yet.
        scope_name: the name of the next scope in the graph of a layer of that name.
    """

    def __init__(
        self,
        traced: Traced,
        layer: Callable[
            [LayerCall, tuple[str, ...], Sequence[Tensor | None], Repeated], list[Tensor]
        ],
        append: Callable[[str, tuple[str, ...], Rule, Sequence[Tensor], str, str], list[Tensor]],
        weights: Callable[[Sequence[Any]], tuple[Weight, ...]],
        scope_name: Callable[[str], str] = str,
    ) -> None:
        self.traced = traced
        self.layer, self.append, self.weights = layer, append, weights
        self.scope_name = scope_name
        self.scopes: dict[int, tuple[str, ...]] = {-1: ()}  # of the calls of layers with others
        for number, (holder, inner) in enumerate(traced.holders):
            self.scopes[number] = (*self.scopes[holder], scope_name(inner.name))
        self.opened: dict[int, tuple[str, ...]] = {}  # of calls that have no rule after all
        self.known: dict[Any, Tensor] = {}  # what depends on the inputs or the weights
        self.variables = {_key(x): variable for x, variable in traced.weights}
        self.constants: dict[Any, Any] = {}  # what the inputs of functions and loops hold
        self.done: set[int | None] = set()
        self.turns = 1
        self.around: tuple[str, ...] = ()  # the scope of the call of a function
        self.sized_graphs: list[Any] = []
        self.needed: set[Any] = set()

    def read(self, inputs: list[Tensor]) -> list[Tensor]:
        """Add everything to the graph; returns the outputs of the function."""
        self.known.update(zip(map(_key, self.traced.inputs), inputs, strict=True))
        self.function(self.traced.graph, self.traced.outputs)
        for number, call in enumerate(self.traced.calls):
            if any(_key(x.op) in self.needed for x in call.outputs):
                self.call(number)  # it needs no operation
        for x in self.traced.outputs:
            if _key(x) not in self.known:  # it does not depend on the inputs
                rule, dtype = Rule(tuple(x.shape), saves=""), x.dtype.name
                (self.known[_key(x)],) = self.append("Const", (), rule, (), "", dtype)
        return [self.known[_key(x)] for x in self.traced.outputs]

    def function(self, graph: Any, outputs: Sequence[Any]) -> None:
        """Add the operations of a function that its outputs depend on."""
        left = [x.op for x in outputs]
        while left:
            op = left.pop()
            if _key(op) not in self.needed:
                self.needed.add(_key(op))
                left += [x.op for x in op.inputs]
        # TensorFlow does not run the others either.
        needed = [op for op in graph.get_operations() if _key(op) in self.needed]
        numbers = [_number(op) for op in needed]
        if graph is not self.traced.graph:
            self.done -= set(numbers)  # a function that is called again calls its layers again
        for op, number in zip(needed, numbers, strict=True):
            if number is None or not self.call(number):
                self.operation(op)

    def call(self, number: int) -> bool:
        """Whether a call of a layer is a node, which is added when it is first met."""
        call = self.traced.calls[number]
        if number in self.done:
            return True
        if call.position < 0:
            return False
        # One that was computed before the trace is in no graph.
        given = [
            self.known.get(_key(x)) if hasattr(x, "graph") else None for x in call.input_tensors
        ]
        try:
            outputs = self.layer(call, self.scopes[call.holder], given, self.repeated)
        except NoRuleError:
            call.position = -1  # its operations are read in its place
            name = self.scope_name(call.operation.name)
            self.opened[number] = (*self.scopes[call.holder], name)
            return False
        self.done.add(number)
        for x, tensor in zip(call.outputs, outputs, strict=False):
            self.known.setdefault(_key(x), tensor)
        return True

    def operation(self, op: Any) -> None:
        """Add one operation to the graph, if it computes something."""
        if op.type in _NOTHING.split():
            return
        if op.type in _ALIASES.split():
            sources = op.inputs[2:] if op.type == "TensorListSetItem" else op.inputs
            for x, y in zip(sources, op.outputs, strict=False):
                self.alias(x, y)
        elif op.type in _CALLS:
            self.called(op)
        elif op.type in _LOOPS:
            self.loop(op)
        elif op.type in _BRANCHES:
            self.unknown(op, "which of its branches runs depends on the data")
        else:
            self.computed(op)

    def alias(self, x: Any, y: Any) -> None:
        """Let a tensor be another one."""
        for values in (self.known, self.variables, self.constants):
            if _key(x) in values:
                values[_key(y)] = values[_key(x)]

    def computed(self, op: Any) -> None:
        """Add an operation that is neither an alias nor a call."""
        inputs = _those(op.inputs, self.known)
        variables = _those(op.inputs, self.variables)
        if not inputs and not variables and not any(x.dtype.is_floating for x in op.outputs):
            return  # arithmetic on sizes
        rule, why = self.rule(op)
        moved = not inputs and not why and not rule.macs and not rule.elementwise
        if moved and len(variables) < 2:  # a weight in another shape or type, or a constant
            self.variables.update((_key(x), y) for y in variables for x in op.outputs)
            return
        if len(inputs) < 2:  # with a constant or a weight: one factor has no gradient
            rule = replace(rule, products=0)
        rule = replace(rule, weights=self.weights(variables), view=rule.view and bool(inputs))
        self.add(op, self.repeated(rule), inputs, why)

    def add(self, op: Any, rule: Rule, inputs: Sequence[Tensor], why: str) -> None:
        """Add an operation; `why` says why its work is not known."""
        dtype = op.outputs[0].dtype.name if op.outputs else ""
        outputs = self.append(op.type, self.path(op), rule, inputs, why, dtype)
        self.known.update(zip(map(_key, op.outputs), outputs, strict=True))

    def path(self, op: Any) -> tuple[str, ...]:
        """The layers and the scopes of TensorFlow in which an operation is nested."""
        first, *rest = op.name.split("/")
        inside = tuple(part for part in rest[:-1] if part)
        if first.startswith(HOLDER):
            return (*self.scopes[int(first.removeprefix(HOLDER))], *inside)
        number = _number(op)
        if number is not None:
            return (*self.opened.get(number, ()), *inside)
        return (*self.around, *((first, *inside) if rest else ()))

    def rule(self, op: Any) -> tuple[Rule, str]:
        """The rule of an operation, and why there is none."""
        try:
            out = [_shape(x) for x in op.outputs]
            shapes = [_shape(x) for x in op.inputs]
        except ValueError:
            reason = f"the sizes of {op.type} of TensorFlow depend on the data"
            return Rule((1,), others=((1,),) * (len(op.outputs) - 1), window=None), reason
        first, others = (out[0], tuple(out[1:])) if out else ((0,), ())
        rule = TENSORFLOW.get(op.type)
        try:
            if rule is None:
                raise NoRuleError(f"there is no rule for {op.type} of TensorFlow")
            attrs = {name: op.get_attr(name) for name in op.node_def.attr if name[0] != "_"}
            with rule_takes():
                found = rule(shapes, first, attrs, lambda index: self.value(op.inputs[index]))
        except NoRuleError as error:
            return Rule(first, others=others, window=None), str(error)
        return replace(found, shape=first, others=others, weights=()), ""

    def value(self, x: Any) -> Any:
        """The value of a constant, else None."""
        import tensorflow as tf

        found = self.constants.get(_key(x), tf.get_static_value(x))
        if found is not None or x.op.type not in _ON_SIZES.split():
            return found
        values = [self.value(y) for y in x.op.inputs]
        if any(value is None for value in values):
            return None
        given = (argument.name for argument in x.op.op_def.input_arg)
        names = ["axis" if name == "reduction_indices" else name for name in given]
        attrs = {a.name: x.op.get_attr(a.name) for a in x.op.op_def.attr if a.type != "type"}
        run = getattr(tf.raw_ops, x.op.type)
        return run(**dict(zip(names, values, strict=True)), **attrs).numpy()

    def repeated(self, rule: Rule) -> Rule:
        """The rule of an operation in a loop: its work at each turn."""
        return rule if self.turns == 1 else replace(rule.times(self.turns), view=False)

    def called(self, op: Any) -> None:
        """A function that an operation calls."""
        body, before = self.sized(op, _function(op, _CALLS[op.type])), self.around
        self.entered(op, body)
        self.around = self.path(op)
        self.function(body, body.outputs)
        self.around = before
        for x, y in zip(body.outputs, op.outputs, strict=True):
            self.alias(x, y)

    def sized(self, op: Any, body: Any) -> Any:
        """The graph of a function at the sizes of the inputs that an operation gives to it."""
        pairs = list(zip(body.inputs, op.inputs, strict=True))
        known = (x.shape.is_fully_defined() or x.shape == y.shape for x, y in pairs)
        if all(known) and not any(x.dtype.name == "resource" for x, _ in pairs):
            return body
        import tensorflow as tf
        from tensorflow.python.ops.handle_data_util import copy_handle_data  # no public name

        with empty_graph() as graph:
            graph.inputs = [tf.compat.v1.placeholder(y.dtype, y.shape) for _, y in pairs]
            for x, (_, y) in zip(graph.inputs, pairs, strict=True):
                copy_handle_data(y, x)
            given = {x.name: y for (x, _), y in zip(pairs, graph.inputs, strict=True)}
            names = [x.name for x in body.outputs]
            definition = body.as_graph_def()
            definition.library.CopyFrom(op.graph.as_graph_def().library)
            graph.outputs = tf.graph_util.import_graph_def(definition, given, names, name="")
        self.sized_graphs.append(graph)  # its tensors are known by its identity
        return graph

    def entered(self, op: Any, body: Any) -> None:
        """Let the inputs of a function be those of the operation that calls it."""
        for x, y in zip(op.inputs, body.inputs, strict=True):
            for values in (self.known, self.variables, self.constants):
                values.pop(_key(y), None)  # of an earlier call
            self.alias(x, y)
            value = self.value(x)
            if value is not None:
                self.constants[_key(y)] = value

    def loop(self, op: Any) -> None:
        """A loop, whose body is read once and counted as often as it runs."""
        turns = self.turns_of(op)
        if turns is None:
            self.unknown(op, "how often its loop runs depends on the data")
            return
        body, before = self.sized(op, _function(op, "body")), (self.turns, self.around)
        self.entered(op, body)
        for x in body.inputs[:1]:
            self.constants.pop(_key(x), None)  # it counts the turns
        self.turns, self.around = turns * self.turns, self.path(op)
        self.function(body, body.outputs)
        self.turns, self.around = before
        for x, y in zip(body.outputs, op.outputs, strict=True):
            self.alias(x, y)

    def unknown(self, op: Any, why: str) -> None:
        """Add an operation whose work is not known."""
        inputs = _those(op.inputs, self.known)
        shapes: list[Shape] = []
        for x in op.outputs:
            try:
                shapes.append(_shape(x))
            except ValueError:
                shapes.append(())
        weights = self.weights(_those(op.inputs, self.variables))
        rule = Rule(shapes[0], weights, others=tuple(shapes[1:]), window=None)
        self.add(op, rule, inputs, why)

    def turns_of(self, op: Any) -> int | None:
        """How often the body of a loop runs, if that does not depend on the data."""
        condition, body = _function(op, "cond"), _function(op, "body")
        operations = condition.get_operations()
        if not {x.type for x in operations} <= _CONDITION:
            return None
        given = {
            _key(x): (i, y)
            for i, (x, y) in enumerate(zip(condition.inputs, op.inputs, strict=True))
        }
        turns = []
        for less in (x for x in operations if x.type == "Less"):
            (index, start), (_, end) = (
                given.get(_key(x), (-1, x)) for x in map(_source, less.inputs)
            )
            first, last = self.value(start), self.value(end)
            if last is None and _key(end) not in self.known:
                continue  # the largest number of turns, computed from sizes
            if first is None or last is None or index < 0 or not _counts(body, index):
                return None
            turns.append(max(int(last) - int(first), 0))
        return min(turns) if turns else None


def _number(op: Any) -> int | None:
    """The number of the call of a layer that an operation belongs to."""
    first, _, _ = op.name.partition("/")
    return int(first.removeprefix(CALL)) if first.startswith(CALL) else None


def _counts(body: Any, index: int) -> bool:
    """Whether the body of a loop adds 1 to one of its values."""
    import tensorflow as tf

    added = _source(body.outputs[index]).op
    if added.type not in ("Add", "AddV2"):
        return False
    sources = [_source(x) for x in added.inputs]
    own = [_key(x) == _key(body.inputs[index]) for x in sources]
    return any(own) and any(tf.get_static_value(x) == 1 for x in sources)


def _source(x: Any) -> Any:
    while x.op.type == "Identity":
        x = x.op.inputs[0]
    return x


def _function(op: Any, attribute: str) -> Any:
    """The graph of a function that an operation names."""
    name, graph = op.get_attr(attribute).name, op.graph
    while graph is not None:
        found = graph._get_function(name)  # it has no public name
        if hasattr(found, "graph"):
            return found.graph
        if found is not None:  # in a graph that was read from a file
            from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

            with op.graph.as_default():
                return function_def_to_graph(found.definition)
        graph = getattr(graph, "outer_graph", None)
    raise CnnbenchError(f"TensorFlow does not give the function {name}")


T = TypeVar("T")


def _those(tensors: Iterable[Any], values: Mapping[Any, T]) -> list[T]:
    """What is known of those tensors of which something is."""
    return [values[_key(x)] for x in tensors if _key(x) in values]


def _key(x: Any) -> tuple[int, str]:
    return id(x.graph), x.name


def _shape(x: Any) -> Shape:
    """The sizes of a tensor; ValueError if one is open."""
    if x.dtype.name in ("variant", "resource"):
        return ()
    sizes = x.shape.as_list()
    if None in sizes:
        raise ValueError
    return tuple(sizes)
