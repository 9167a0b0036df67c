"""The types in which the layers of a Keras model compute, and the same model in another type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

FOREIGN = ("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper")
"""Layers of Keras that hold a program of another kind, whose types a policy does not change."""


def own(model: Any) -> Any:
    """The policy of most of its layers, of which the first counts where there are several.

    That of a functional model itself is whatever was usual when it was made.
    """
    found = list(_policies(model))
    times = Counter(policy.name for policy in found)
    return max(found, key=lambda policy: times[policy.name], default=model.dtype_policy)


def computes_in(model: Any, dtype: str) -> bool:
    """Whether a type is that of most of its layers."""
    policy = own(model)
    return dtype in (policy.name, policy.compute_dtype)


def changed(model: Any, dtype: str) -> Any:
    """The configuration of a model, with a type in the place of each that a layer computes in.

    Raises:
        ValueError: it cannot be had so; a user's layers raise other errors too.
    """
    import keras

    layers = {type(layer).__name__ for layer in model._flatten_layers()}
    if foreign := layers & {*FOREIGN}:
        raise ValueError(f"{min(foreign)} is a program that Keras did not make")
    config = keras.saving.serialize_keras_object(model)
    return _changed(config, dtype, layers - {"InputLayer"})


@contextmanager
def usual(dtype: str) -> Iterator[None]:
    """A type is that of layers to which no other is given."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _policies(model: Any) -> Iterator[Any]:
    """Those of the layers of a model and of the models in it, where they are of floats."""
    import keras

    for layer in getattr(model, "layers", ()):
        if isinstance(layer, keras.Model):
            yield from _policies(layer)
        elif type(layer).__name__ != "InputLayer" and "float" in (layer.compute_dtype or ""):
            yield layer.dtype_policy


def _changed(config: Any, dtype: str, layers: set[str], kind: str = "") -> Any:
    """A configuration with other policies; `kind` is the class that this part of it is of.

    Raises:
        ValueError: a layer of it is quantized.
    """
    if isinstance(config, (list, tuple)):
        return type(config)(_changed(part, dtype, layers) for part in config)
    if not isinstance(config, dict):
        return config
    of = config.get("class_name", "")
    if str(of).startswith("Quantized"):
        raise ValueError("it is quantized")
    if of == "DTypePolicy" and _floating(config["config"]["name"]):
        return {**config, "config": {"name": dtype}}
    return {
        key: dtype
        if key == "dtype" and kind in layers and _floating(value)
        else _changed(value, dtype, layers, of if key == "config" else "")
        for key, value in config.items()
    }


def _floating(policy: Any) -> bool:
    return isinstance(policy, str) and policy.removeprefix("mixed_") in _FLOATS


_FLOATS = ("float16", "bfloat16", "float32", "float64")
