"""Probes: networks that nobody would train, for measuring a machine.

The first three stress one resource of a machine and little else. Williams et al., "Roofline",
2009, measure a machine by its best kernels; these are the best that Keras has, so that a ceiling
is what a network could reach in the same runtime.

The others are layers of one kind, several times, on which a prediction is calibrated. Two depths
tell the time of a layer from the time of a call. None of them is a block of the catalogue, so
the calibration has seen no such block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnnbench.blocks import at_least_one, block
from cnnbench.errors import unknown
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d, depthwise_conv2d, separable_conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add, concatenate, multiply
from cnnbench.layers.norm import batch_normalization, layer_normalization
from cnnbench.layers.pool import average_pooling2d, global_average_pooling2d, max_pooling2d
from cnnbench.layers.recurrent import conv_lstm2d
from cnnbench.layers.reshape import zero_padding2d


@block(input_shape=(2048,), kind="probe")
def probe_matmul(x: Any, units: int = 2048) -> Any:
    """A matrix product without bias: arithmetic."""
    return dense(x, units, use_bias=False)


@block(input_shape=(56, 56, 128), kind="probe")
def probe_convolution(x: Any, filters: int = 128, kernel_size: int = 3) -> Any:
    """A 3x3 convolution without bias: the arithmetic of convolutions."""
    return conv2d(x, filters, kernel_size, padding="same", use_bias=False)


@block(input_shape=(1024, 1024, 64), kind="probe")
def probe_copy(x: Any) -> Any:
    """ReLU on more values than a cache holds: one value read and one written."""
    return activation(x, "relu")


@block(input_shape=(28, 28, 64), kind="probe")
def conv_layers(
    x: Any,
    filters: int = 64,
    kernel_size: int = 3,
    depth: int = 1,
    strides: int = 1,
    groups: int = 1,
    plain: bool = False,
    wider: int = 0,
) -> Any:
    """Convolutions in a row, each with `wider` more filters, with bias and ReLU unless plain."""
    at_least_one(depth=depth)
    for index in range(depth):
        x = conv2d(
            x,
            filters + index * wider,
            kernel_size,
            strides,
            padding="same",
            groups=groups,
            activation=None if plain else "relu",
            use_bias=not plain,
        )
    return x


@block(input_shape=(1024,), kind="probe")
def dense_layers(
    x: Any, units: int = 1024, depth: int = 1, plain: bool = False, last: bool = False
) -> Any:
    """Dense layers in a row, with bias and ReLU (softmax if `last`) unless plain."""
    at_least_one(depth=depth)
    then = "softmax" if last else "relu"
    for _ in range(depth):
        x = dense(x, units, activation=None if plain else then, use_bias=not plain)
    return x


def _normed(x: Any) -> Any:
    x = conv2d(x, x.shape[-1], 3, padding="same", use_bias=False)
    return activation(batch_normalization(x), "relu")


UNITS: dict[str, Callable[[Any], Any]] = {
    "activation": lambda x: activation(x, "relu"),
    "add": lambda x: add([activation(x, "relu"), x]),
    "average": lambda x: average_pooling2d(x, (3, 3), strides=(1, 1), padding="same"),
    "batch_norm": batch_normalization,
    "branches": lambda x: concatenate(
        [conv2d(x, x.shape[-1] // 2, 1, activation="relu") for _ in range(4)]
    ),
    "concat": lambda x: concatenate([activation(x, "relu"), x]),
    "conv_lstm": lambda x: conv_lstm2d(
        x, x.shape[-1], 3, padding="same", activation="relu", return_sequences=True
    ),
    "dense_gelu": lambda x: dense(x, x.shape[-1], activation="gelu"),
    "depthwise": lambda x: depthwise_conv2d(x, 3, padding="same"),
    "depthwise_plain": lambda x: depthwise_conv2d(x, 3, padding="same", use_bias=False),
    "depthwise_wide": lambda x: depthwise_conv2d(x, 7, padding="same"),
    "gate": lambda x: multiply([x, global_average_pooling2d(x, keepdims=True)]),
    "gelu": lambda x: activation(x, "gelu"),
    "global": lambda x: global_average_pooling2d(x, keepdims=True),
    "halve": lambda x: max_pooling2d(x, (2, 2), strides=(2, 2)),
    "layer_norm": layer_normalization,
    "max": lambda x: max_pooling2d(x, (3, 3), strides=(1, 1), padding="same"),
    "normed": _normed,
    "pad": lambda x: zero_padding2d(x, 1),
    "separable": lambda x: separable_conv2d(x, x.shape[-1], 3, padding="same"),
    "shortcut": lambda x: activation(add([conv2d(x, x.shape[-1], 1), x]), "relu"),
    "sigmoid": lambda x: activation(x, "sigmoid"),
}


@block(input_shape=(28, 28, 64), kind="probe")
def unit_layers(x: Any, unit: str = "activation", depth: int = 1, stem: bool = False) -> Any:
    """One of UNITS, several times; with `stem`, after a 1x1 convolution without bias."""
    at_least_one(depth=depth)
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    if stem:
        x = conv2d(x, x.shape[-1], 1, use_bias=False)
    for _ in range(depth):
        x = UNITS[unit](x)
    return x
