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
from cnnbench.layers.attention import multi_head_attention
from cnnbench.layers.conv import (
    conv1d,
    conv2d,
    conv2d_transpose,
    conv3d,
    depthwise_conv2d,
    separable_conv2d,
)
from cnnbench.layers.dense import dense
from cnnbench.layers.embedding import embedding
from cnnbench.layers.merge import add, concatenate, multiply
from cnnbench.layers.norm import batch_normalization, group_normalization, layer_normalization
from cnnbench.layers.pool import (
    average_pooling2d,
    global_average_pooling2d,
    max_pooling2d,
    max_pooling3d,
)
from cnnbench.layers.recurrent import conv_lstm2d, gru, lstm, simple_rnn
from cnnbench.layers.reshape import permute, zero_padding2d
from cnnbench.layers.resize import up_sampling2d


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


def _normed(x: Any, then: str = "relu") -> Any:
    return activation(batch_normalization(x), then)


def _same(x: Any, kernel_size: int = 3) -> Any:
    """A convolution without bias that keeps the shape."""
    return conv2d(x, x.shape[-1], kernel_size, padding="same", use_bias=False)


UNITS: dict[str, Callable[[Any], Any]] = {
    "activation": lambda x: activation(x, "relu"),
    "add": lambda x: add([activation(x, "relu"), x]),
    "attention": lambda x: multi_head_attention([x, x], 4, x.shape[-1] // 4),
    "average": lambda x: average_pooling2d(x, (3, 3), strides=(1, 1), padding="same"),
    "batch_norm": batch_normalization,
    "bilinear": lambda x: up_sampling2d(x, interpolation="bilinear"),
    "branches": lambda x: concatenate(
        [conv2d(x, x.shape[-1] // 2, 1, activation="relu") for _ in range(4)]
    ),
    "concat": lambda x: concatenate([activation(x, "relu"), x]),
    "conv1d": lambda x: conv1d(x, x.shape[-1], 3, padding="same", activation="relu"),
    "conv3d": lambda x: conv3d(x, x.shape[-1], 3, padding="same", activation="relu"),
    "conv_lstm": lambda x: conv_lstm2d(
        x, x.shape[-1], 3, padding="same", activation="relu", return_sequences=True
    ),
    "dense_gelu": lambda x: dense(x, x.shape[-1], activation="gelu"),
    "depthwise": lambda x: depthwise_conv2d(x, 3, padding="same"),
    "depthwise_plain": lambda x: depthwise_conv2d(x, 3, padding="same", use_bias=False),
    "depthwise_wide": lambda x: depthwise_conv2d(x, 7, padding="same"),
    "embedding": lambda x: embedding(x, 1000, 64),
    "gate": lambda x: multiply([x, global_average_pooling2d(x, keepdims=True)]),
    "gelu": lambda x: activation(x, "gelu"),
    "global": lambda x: global_average_pooling2d(x, keepdims=True),
    "group_norm": lambda x: group_normalization(x, 8),
    "gru": lambda x: gru(x, x.shape[-1], return_sequences=True),
    "halve": lambda x: max_pooling2d(x, (2, 2), strides=(2, 2)),
    "hard_silu": lambda x: activation(x, "hard_silu"),
    "layer_norm": layer_normalization,
    "lstm": lambda x: lstm(x, x.shape[-1], return_sequences=True),
    "max": lambda x: max_pooling2d(x, (3, 3), strides=(1, 1), padding="same"),
    "max3d": lambda x: max_pooling3d(x, (2, 2, 2), strides=(1, 1, 1), padding="same"),
    "mlp": lambda x: dense(dense(x, 4 * x.shape[-1], activation="gelu"), x.shape[-1]),
    "normed": lambda x: _normed(_same(x)),
    "normed_1x1": lambda x: _normed(_same(x, 1), "silu"),
    "normed_depthwise": lambda x: _normed(
        depthwise_conv2d(x, 3, padding="same", use_bias=False), "silu"
    ),
    "pad": lambda x: zero_padding2d(x, 1),
    "permute": lambda x: permute(x, (2, 1, 3)),
    "resize": up_sampling2d,
    "rnn": lambda x: simple_rnn(x, x.shape[-1], return_sequences=True),
    "separable": lambda x: separable_conv2d(x, x.shape[-1], 3, padding="same"),
    "shortcut": lambda x: activation(add([conv2d(x, x.shape[-1], 1), x]), "relu"),
    "sigmoid": lambda x: activation(x, "sigmoid"),
    "silu": lambda x: activation(x, "silu"),
    "transposed": lambda x: conv2d_transpose(x, x.shape[-1], 3, strides=2, padding="same"),
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
