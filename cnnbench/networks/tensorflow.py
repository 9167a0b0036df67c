"""What TensorFlow runs for a layer whose calls Keras cannot follow.

The layer is traced as a TensorFlow function of its inputs and its weights, so nothing is computed.
While it is traced, each call of a Keras layer is recorded, and what TensorFlow adds meanwhile is
named after that call: of a layer that has a rule, or of one that holds others. All operations that
belong to no layer with a rule follow the rules of `layers.operations.tensorflow`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from types import SimpleNamespace
from typing import Any

from cnnbench.errors import NoRuleError
from cnnbench.layers.operations.tensorflow import WORK
from cnnbench.rule import Shape

CALL = "cnnbench_call_"
"""What the names of the operations of a recorded call begin with, before its number."""

HOLDER = "cnnbench_holder_"
"""The same of a call of a layer that holds others."""


@dataclass(slots=True)
class LayerCall:
    """One call of a layer that is one node, in the form of a node of Keras.

    Args:
        operation: the layer.
        arguments: `args` and `kwargs` of the call.
        input_tensors: the tensors among them.
        outputs: the tensors that it returned.
        holder: the number of the call of a layer that holds it; -1 if that is the traced one.
        position: how many operations the graph had when it began.
    """

    operation: Any
    arguments: SimpleNamespace
    input_tensors: list[Any]
    holder: int
    position: int
    outputs: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Traced:
    """A function of TensorFlow with the calls of layers in it.

    Args:
        graph: of the operations.
        inputs: the tensors that stand for the inputs of the layer.
        outputs: the tensors that it returns.
        weights: the tensors that stand for weights, with their variables of Keras.
        calls: by their numbers, with which the names of their operations begin, after CALL.
        holders: the calls of layers that hold others, likewise after HOLDER: the number of the one
            around it and the layer.
    """

    graph: Any
    inputs: list[Any]
    outputs: list[Any]
    weights: list[tuple[Any, Any]]
    calls: list[LayerCall]
    holders: list[tuple[int, Any]] = field(default_factory=list)


def is_available() -> bool:
    """Whether Keras runs on TensorFlow."""
    import keras

    return str(keras.backend.backend()) == "tensorflow"


def traced(
    layer: Any,
    specs: Sequence[tuple[Shape, str]],
    invoke: Callable[[list[Any]], Any],
    is_node: Callable[[Any], bool],
) -> Traced:
    """Trace `invoke`, which calls a layer on tensors of these shapes and types.

    `is_node` says which layers inside it are recorded as one call.
    """
    count = -1
    while count != len(layer.variables):  # the layers inside may make variables when first called
        count = len(layer.variables)
        found = _traced(layer, specs, invoke, is_node)
    return found


def _traced(
    layer: Any,
    specs: Sequence[tuple[Shape, str]],
    invoke: Callable[[list[Any]], Any],
    is_node: Callable[[Any], bool],
) -> Traced:
    import keras

    from cnnbench.networks.load import no_values

    weights = set(map(id, layer.weights))  # and not the states of random seeds
    watch = _Inside(is_node)
    inside = [x for x in layer._flatten_layers() if x is not layer]

    # Variables that are made meanwhile get no values, and wait for none.
    with no_values(), empty_graph() as graph:
        state = [(v, placeholder(v.shape, v.dtype)) for v in layer.variables]
        given = [placeholder(shape, dtype) for shape, dtype in specs]
        with keras.StatelessScope(state, initialize_variables=False), watch.on(inside):
            outputs = keras.tree.flatten(invoke(given))
    # A SavedModel brings variables of TensorFlow with it, which it reads by their handles.
    handles = {id(getattr(v._value, "handle", None)): v for v, _ in state}
    read = [(x, handles[id(y)]) for y, x in graph.captures if id(y) in handles]
    return Traced(
        graph,
        given,
        [x for x in outputs if hasattr(x, "shape")],
        [(x, v) for v, x in state if id(v) in weights] + read,
        watch.calls,
        watch.holders,
    )


@contextmanager
def empty_graph() -> Iterator[Any]:
    """A graph of TensorFlow, to which everything that is called meanwhile is added."""
    import tensorflow as tf

    graph = tf.__internal__.FuncGraph("traced")
    with graph.as_default():
        yield graph


def placeholder(shape: Any, dtype: str) -> Any:
    """A tensor without a value."""
    import tensorflow as tf

    return tf.compat.v1.placeholder(dtype, tuple(shape))


class Watch:
    """Names what TensorFlow adds during a call of a layer after that call."""

    inside = False
    """Whether a layer is being called whose own layers are a part of it."""

    @contextmanager
    def on(self, layers: Iterable[Any]) -> Iterator[None]:
        """Watch some layers."""
        watched = {id(x): (x, method_of(x)) for x in layers if method_of(x) not in vars(x)}
        try:
            for layer, method in watched.values():
                vars(layer)[method] = self._watched(layer, method)  # past Keras' own __setattr__
            yield
        finally:
            for layer, method in watched.values():
                vars(layer).pop(method, None)

    def _watched(self, layer: Any, method: str) -> Callable[..., Any]:
        import keras
        import tensorflow as tf

        inner = getattr(layer, method)

        @wraps(inner)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return inner(*args, **kwargs)
            with self.entered(layer, SimpleNamespace(args=args, kwargs=kwargs)) as (name, outputs):
                # With a slash at the end the scope starts from the root, whatever Keras has opened.
                with tf.name_scope(f"{name}/"):
                    returned = inner(*args, **kwargs)
                outputs += [x for x in keras.tree.flatten(returned) if hasattr(x, "shape")]
            return returned

        return call

    @abstractmethod
    def entered(
        self, layer: Any, arguments: SimpleNamespace
    ) -> AbstractContextManager[tuple[str, list[Any]]]:
        """Record a call while it runs; gives its name, and where its outputs belong."""


def method_of(layer: Any) -> str:
    """The method by which Keras calls a layer."""
    return "quantized_call" if getattr(layer, "quantization_mode", None) else "call"


class _Inside(Watch):
    """Records the calls of the layers inside a layer."""

    def __init__(self, is_node: Callable[[Any], bool]) -> None:
        self.is_node = is_node
        self.calls: list[LayerCall] = []
        self.holders: list[tuple[int, Any]] = []
        self.holder = -1

    @contextmanager
    def entered(self, layer: Any, arguments: SimpleNamespace) -> Iterator[tuple[str, list[Any]]]:
        """A call of a layer that is one node, or of one that holds others."""
        import keras
        import tensorflow as tf

        before = self.holder
        outputs: list[Any] = []
        self.inside = self.is_node(layer)
        if self.inside:
            flat = keras.tree.flatten((arguments.args, arguments.kwargs))
            tensors = [x for x in flat if isinstance(x, tf.Tensor)]
            position = len(tf.compat.v1.get_default_graph().get_operations())
            made = LayerCall(layer, arguments, tensors, before, position, outputs)
            name = f"{CALL}{len(self.calls)}"
            self.calls.append(made)
        else:
            self.holder = len(self.holders)
            name = f"{HOLDER}{self.holder}"
            self.holders.append((before, layer))
        try:
            yield name, outputs
        finally:
            self.inside, self.holder = False, before


@contextmanager
def no_work() -> Iterator[None]:
    """Refuse work on constants and weights alone, which Keras does at once and does not record.

    Raises:
        NoRuleError: there is some.
    """
    if not is_available():
        yield
        return
    with empty_graph() as graph:
        yield
    work = [op.type for op in graph.get_operations() if op.type in WORK]
    if work:
        raise NoRuleError(f"it computes {work[0]} on constants or weights")
