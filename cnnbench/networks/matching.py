"""Which rule a layer of a Keras model follows, and which of its arguments the rule takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from cnnbench import layers
from cnnbench.errors import CnnbenchError, NoRuleError
from cnnbench.graph import RULES, argument_names
from cnnbench.layers.activation import OPERATIONS, OwnActivation
from cnnbench.networks.symbolic import reason
from cnnbench.rule import Rule


def rule_of(layer: Any) -> tuple[str, Callable[..., Rule] | None]:
    """The class of a layer and its rule, if there is one.

    A subclass of a Keras layer follows the rule of its parent if it changes only how it is made.
    A user's own layer that has the name of a Keras layer does not follow that layer's rule.
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


def adapted(layer: Any) -> bool:
    """Whether a layer computes more or with other weights than its class does: quantised, or LoRA.

    Hu et al., "LoRA", 2106.09685; the types of Keras are those of `Layer.quantize`.
    """
    return any(
        getattr(inner, "lora_enabled", False) or getattr(inner, "quantization_mode", None)
        for inner in layer._flatten_layers()
    )


def function_of(model: Any) -> Any:
    """The Keras Function that a model runs, if it is functional or sequential, else None.

    A subclass with a `call` of its own does something else.
    """
    function = getattr(model, "_functional", None) or model
    if not hasattr(function, "_nodes_by_depth"):
        return None
    own = getattr(type(model).call, "__module__", "")
    return function if own.split(".")[0] == "keras" else None


class Alike:
    """Names for layers that tell those of one name apart, where they stand in the same layer."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], str], list[Any]] = {}

    def name(self, scope: tuple[str, ...], operation: Any) -> str:
        """The name of a layer in a scope, numbered from the second of the same name on."""
        same = self._known.setdefault((scope, operation.name), [])
        if not any(known is operation for known in same):
            same.append(operation)
        number = next(i for i, known in enumerate(same) if known is operation)
        return f"{operation.name}_{number}" if number else str(operation.name)


def operation_key(operation: Any) -> str:
    """`keras.src.ops.numpy.Mean` as "numpy.Mean"."""
    module = type(operation).__module__.removeprefix("keras.src.").removeprefix("ops.")
    module = module.removeprefix("activations.")
    return f"{module}.{type(operation).__name__}"


def arguments(
    rule: Callable[..., Rule], layer: Any, own: Callable[[Any], OwnActivation]
) -> tuple[dict[str, Any], str]:
    """The arguments that a rule takes from a layer, and why its activations have no rule, if so.

    `own` counts a function of the user's that is an activation; it raises NoRuleError.
    """
    names = argument_names(rule)
    config: dict[str, Any] = {}
    if names:
        with suppress(Exception):  # a layer that cannot be saved still has attributes
            config = layer.get_config()
    attrs = {name: config[name] for name in names if name in config}
    attrs |= {n: getattr(layer, n) for n in names if n not in attrs and hasattr(layer, n)}
    attrs = {name: frozen(value) for name, value in attrs.items()}
    unknown = []
    for name in ("activation", "recurrent_activation"):
        if name in attrs:
            try:
                attrs[name] = _activation(getattr(layer, name, attrs[name]), own)
            except NoRuleError as error:
                unknown.append(f"its {name}: {error}")
                attrs[name] = None
    return attrs, "; ".join(unknown)


def frozen(value: Any) -> Any:
    """An argument with tuples in the place of lists of numbers, as which JSON stores them."""
    if not isinstance(value, (list, tuple)):
        return value
    inner = tuple(map(frozen, value))
    numbers = all(x is None or isinstance(x, (int, float, tuple)) for x in inner)
    return inner if numbers else value


def call_arguments(call: Any) -> tuple[list[Any], dict[str, Any]]:
    """The tensors that one call of a layer works on, without masks, and its options."""
    args, kwargs = call.arguments.args, call.arguments.kwargs
    if not kwargs and len(call.input_tensors) == 1 and len(args) == 1:
        return call.input_tensors, {}
    import keras

    signature = inspect.signature(call.operation.call)
    known = {id(x) for x in call.input_tensors}
    tensors, options = [], {}
    taken = accepted(call.operation.call, kwargs)
    for name, value in signature.bind(*args, **taken).arguments.items():
        inside = [x for x in keras.tree.flatten(value) if id(x) in known]
        if not inside:
            options[name] = value
        elif "mask" not in name:
            tensors += inside
    return tensors, options


def accepted(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options that a `call` takes; Keras drops `training` and `mask` where it does not."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return options
    names = {parameter.name for parameter in parameters}
    return {k: v for k, v in options.items() if k in names or k not in ("training", "mask")}


@contextmanager
def rule_takes() -> Iterator[None]:
    """Treat a layer whose arguments have types that its rule cannot take as without a rule."""
    try:
        yield
    except CnnbenchError:
        raise
    except Exception as error:
        raise NoRuleError(f"its rule cannot take its arguments: {reason(error)}") from None


def _activation(value: Any, own: Callable[[Any], OwnActivation]) -> str:
    """The name of an activation of Keras, which is known by its identity, or one of the user's."""
    if value is None or isinstance(value, str):
        return value or "linear"
    if not callable(value):
        raise NoRuleError(f"there is no rule for {type(value).__name__}")
    if id(value) in _named():
        return _named()[id(value)]
    of_class = {name.replace("_", ""): name for name in OPERATIONS}
    name = of_class.get(type(value).__name__.lower(), "")
    if name and type(value).__module__.split(".")[0] == "keras":
        return name  # keras.layers.LeakyReLU computes keras.activations.leaky_relu
    return own(value)


@cache
def _named() -> dict[int, str]:
    """The activations of Keras that have a rule, by the identity of the function."""
    import keras

    names = [name for name in ("glu", *OPERATIONS) if hasattr(keras.activations, name)]
    # Of two names the first: "swish" is another one for "silu".
    return {id(getattr(keras.activations, name)): name for name in reversed(names)}
