"""Which rule a layer of a Keras model follows, and which of its arguments the rule takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cnnbench import layers
from cnnbench.errors import CnnbenchError, NoRuleError
from cnnbench.graph import RULES, argument_names
from cnnbench.layers.activation import OPERATIONS
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


def function_of(model: Any) -> Any:
    """The Keras Function inside a functional or a built sequential model, else None."""
    function = getattr(model, "_functional", None) or model
    return function if hasattr(function, "_nodes_by_depth") else None


def operation_key(operation: Any) -> str:
    """`keras.src.ops.numpy.Mean` as "numpy.Mean"."""
    module = type(operation).__module__.removeprefix("keras.src.ops.")
    return f"{module}.{type(operation).__name__}"


def arguments(rule: Callable[..., Rule], config: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The arguments that a rule takes from the configuration of a layer; what has no rule."""
    attrs = {name: config[name] for name in argument_names(rule) if name in config}
    unknown = []
    for name in ("activation", "recurrent_activation"):
        if name in attrs:
            attrs[name] = _activation(attrs[name])
            if attrs[name] not in OPERATIONS:
                unknown.append(f"its {name} {attrs[name]!r} has no rule")
                attrs[name] = None
    return attrs, "; ".join(unknown)


def call_arguments(call: Any) -> tuple[list[Any], dict[str, Any]]:
    """The tensors that one call of a layer works on, without masks, and its options."""
    args, kwargs = call.arguments.args, call.arguments.kwargs
    if not kwargs and len(call.input_tensors) == 1:
        return call.input_tensors, {}
    import keras

    named = inspect.signature(call.operation.call).bind(*args, **kwargs).arguments
    tensors, options = [], {}
    for name, value in named.items():
        inside = [x for x in keras.tree.flatten(value) if isinstance(x, keras.KerasTensor)]
        if not inside:
            options[name] = value
        elif "mask" not in name:
            tensors += inside
    return tensors, options


@contextmanager
def keras_checks_little() -> Iterator[None]:
    """Treat a layer whose arguments have types that its rule cannot take as without a rule."""
    try:
        yield
    except CnnbenchError:
        raise
    except Exception as error:
        raise NoRuleError(f"its rule cannot take its arguments: {reason(error)}") from None


def _activation(value: Any) -> str:
    """The name of an activation, which Keras stores as a name, a function or a layer."""
    if isinstance(value, dict):
        config = value.get("config")
        # keras.layers.LeakyReLU computes keras.activations.leaky_relu.
        of_class = {name.replace("_", ""): name for name in OPERATIONS}
        name = value["class_name"]
        value = config if isinstance(config, str) else of_class.get(name.lower(), name)
    return value or "linear"
