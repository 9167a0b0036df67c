"""What TensorFlow runs for each layer of a graph, and what its own profiler counts there.

The model is traced without values, so nothing is allocated or computed. While a layer is called,
what TensorFlow adds is named after the number of that call. The names of layers would not do:
TensorFlow numbers them in its own way, and a shared layer has one name for all its calls.

The statistics are those of `tf.compat.v1.profiler` with `float_operation()`. It does not enter
functions, but Keras runs grouped convolutions as functions on a CPU; here these are counted by
the same statistics, and marked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from types import SimpleNamespace
from typing import Any

from cnnbench.errors import CnnbenchError, RuntimeMissingError
from cnnbench.graph import Graph
from cnnbench.networks.inputs import caller
from cnnbench.networks.matching import Alike, function_of
from cnnbench.networks.symbolic import first_line
from cnnbench.networks.tensorflow import Traced, Watch, empty_graph, placeholder

MULTIPLY_ADDS = frozenset((
    "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Conv2D", "Conv3D", "DepthwiseConv2dNative",
    "MatMul",
))  # fmt: skip
"""Operations of TensorFlow whose statistic is two for each multiply-add, and nothing else."""

NOT_COMPARED = {
    "Conv2DBackpropInput": "it is counted as the taps of its output over the strides, which "
    "are its multiply-adds only if the output is the input times the strides",
    "Conv3DBackpropInputV2": "there is no statistic for it",
    "Einsum": "there is no statistic for it",
    "SpaceToBatchND": "a dilated convolution is counted with the padding of its blocks",
    "StatelessWhile": "what a loop repeats is not counted",
    "While": "what a loop repeats is not counted",
}
"""Operations of TensorFlow because of which multiply-adds cannot be compared, and why."""


LOOPS = ("StatelessWhile", "While")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of TensorFlow.

    Args:
        type: such as "Conv2D".
        flops: by the profiler's statistic for it; None if there is none.
        entered: whether it is inside a function, which the profiler itself does not enter.
    """

    type: str
    flops: int | None
    entered: bool = False

    @property
    def macs(self) -> int:
        """Its multiply-adds; the statistic counts each as two operations."""
        return (self.flops or 0) // 2 if self.type in MULTIPLY_ADDS else 0


@dataclass(slots=True)
class Call:
    """One call of a layer while TensorFlow traced the model.

    Args:
        scope: the models and layers in which it is nested, as in `Node`.
        name: as in `Node`; empty for a layer made of nodes, whose own name ends the scope.
        layer: the Keras layer or operation.
        whole: the outermost user-defined layer of which it is part, or the layer itself.
        outputs: the tensors that it returned.
        operations: what TensorFlow runs for it, without what belongs to a call inside it.
    """

    scope: tuple[str, ...]
    name: str
    layer: Any
    whole: Any
    outputs: list[Any] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)

    @property
    def shapes(self) -> tuple[tuple[int | None, ...], ...]:
        """Of its outputs; a size that depends on the data is None."""
        return tuple(tuple(x.shape) for x in self.outputs)

    @property
    def macs(self) -> int:
        """The multiply-adds that TensorFlow counts."""
        return sum(x.macs for x in self.operations)

    @property
    def entered_macs(self) -> int:
        """Those of them inside functions, which the profiler itself does not enter."""
        return sum(x.macs for x in self.operations if x.entered)

    @property
    def not_compared(self) -> str:
        """The operation of TensorFlow because of which `macs` cannot be compared, if any."""
        return next((x.type for x in self.operations if x.type in NOT_COMPARED), "")


@dataclass(frozen=True, slots=True)
class Trace:
    """What TensorFlow runs for a model.

    Args:
        calls: of its layers, in order; the first is that of the model itself.
        traced: the function; the names of its operations begin with the index of their call.
    """

    calls: tuple[Call, ...]
    traced: Traced

    @property
    def flops(self) -> int:
        """The total of `tf.compat.v1.profiler` with `float_operation()`."""
        operations = (x for call in self.calls for x in call.operations)
        return sum(x.flops or 0 for x in operations if not x.entered)


def trace(graph: Graph, model: Any) -> Trace:
    """Let TensorFlow trace a built model at the input sizes of a graph that was read from it.

    Raises:
        RuntimeMissingError: Keras does not run on TensorFlow here.
        CnnbenchError: TensorFlow cannot trace the model at these sizes.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise RuntimeMissingError(
            f"expected Keras on TensorFlow; it runs on {keras.backend.backend()}; "
            "set KERAS_BACKEND=tensorflow"
        )
    watch = _Watch(graph, model)
    layers = model._flatten_layers()
    every = [x for layer in layers for x in (layer, *getattr(layer, "operations", ()))]
    inside = [x for x in every if x is not model]
    shapes = graph.input_shapes()
    try:
        # Inside this scope Keras gives no values to variables that others made without them.
        with (
            empty_graph() as made,
            keras.StatelessScope(initialize_variables=False),
            watch.on(inside),
        ):
            variables = model.trainable_variables, model.non_trainable_variables
            state = [[placeholder(v.shape, v.dtype) for v in some] for some in variables]
            dtypes = [x.dtype for x in getattr(model, "inputs", None) or ()]
            given = list(map(placeholder, shapes, dtypes or ["float32"] * len(shapes)))
            outputs, _ = caller(model)(partial(model.stateless_call, *state), given)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's `call` may raise
        raise CnnbenchError(f"TensorFlow cannot trace {model.name}: {first_line(error)}") from None
    _count(made, watch.calls)
    loops = [call.scope for call in watch.calls if call.not_compared in LOOPS and not call.name]
    for call in watch.calls:
        if any(call.scope[: len(scope)] == scope for scope in loops):
            call.operations.append(Operation("While", None))
    weights = list(zip(chain(*state), chain(*variables), strict=True))
    traced = Traced(made, given, keras.tree.flatten(outputs), weights, [])
    return Trace(tuple(watch.calls), traced)


class _Watch(Watch):
    """Records which layer is being called while a model is traced."""

    def __init__(self, graph: Graph, model: Any) -> None:
        self.nodes = {(node.scope, node.name) for node in graph.nodes}
        self.model = model
        self.calls = [Call((), "", model, model)]
        self.scope: list[str] = []
        self.whole = model if function_of(model) is None else None
        self.scopes: Counter[str] = Counter()
        self.again: Counter[int] = Counter()
        self.alike = Alike()

    @contextmanager
    def entered(self, layer: Any, arguments: SimpleNamespace) -> Iterator[tuple[str, list[Any]]]:
        """A call that begins: of a node of the graph, or of a layer made of nodes."""
        before = self.whole, self.inside, len(self.scope)
        again = self.again[id(layer)]
        name = self.alike.name(tuple(self.scope), layer)
        name = f"{name} (call {again + 1})" if again else name
        self.inside = (tuple(self.scope), name) in self.nodes
        if self.inside:
            self.again[id(layer)] += 1
        else:  # as Graph.scope numbers them
            number = self.scopes[layer.name]
            self.scopes[layer.name] += 1
            self.scope.append(f"{layer.name}_{number}" if number else layer.name)
            name = ""
        if self.whole is None and (self.inside or function_of(layer) is None):
            self.whole = layer
        made = Call(tuple(self.scope), name, layer, self.whole or layer)
        self.calls.append(made)
        try:
            yield str(len(self.calls) - 1), made.outputs
        finally:
            self.whole, self.inside, depth = before
            del self.scope[depth:]


def _count(graph: Any, calls: list[Call]) -> None:
    """Assign each operation of TensorFlow to the call with whose number its name begins."""
    for node in graph.as_graph_def().node:
        number = node.name.split("/")[0]
        call = calls[int(number)] if number.isdecimal() else calls[0]
        call.operations += _operations(graph, node, entered=False)


def _operations(graph: Any, node: Any, entered: bool) -> Iterator[Operation]:
    from tensorflow.python.framework import ops  # the statistic of one node has no public name

    try:
        flops = ops.get_stats_for_node_def(graph, node, "flops").value
    except ValueError:  # a size that depends on the data; the profiler skips it too
        flops = None
    yield Operation(node.op, None if flops is None else int(flops), entered)
    if node.op in ("PartitionedCall", "StatefulPartitionedCall"):
        body = graph._get_function(node.attr["f"].func.name).graph
        for inner in body.as_graph_def().node:
            yield from _operations(body, inner, entered=True)
