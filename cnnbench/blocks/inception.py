"""Inception modules and GoogLeNet. Szegedy et al., arXiv 1409.4842, Figure 2, Table 1."""

from typing import Any

from cnnbench.blocks import block
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import concatenate
from cnnbench.layers.norm import dropout
from cnnbench.layers.pool import global_average_pooling2d, max_pooling2d


def _conv(x: Any, filters: int, kernel_size: int, strides: int = 1) -> Any:
    size, step = (kernel_size, kernel_size), (strides, strides)
    return conv2d(x, filters, size, step, padding="same", activation="relu")


@block(input_shape=(256, 256, 3))
def naive_inception_module(x: Any, f1: int = 64, f2: int = 128, f3: int = 32) -> Any:
    """1x1, 3x3 and 5x5 convolutions and 3x3/1 max pooling side by side, concatenated."""
    conv1 = _conv(x, f1, 1)
    conv3 = _conv(x, f2, 3)
    conv5 = _conv(x, f3, 5)
    pool = max_pooling2d(x, (3, 3), strides=(1, 1), padding="same")
    return concatenate([conv1, conv3, conv5, pool])


@block(input_shape=(256, 256, 3))
def inception_module(
    x: Any,
    f1: int = 64,
    f2_in: int = 96,
    f2_out: int = 128,
    f3_in: int = 16,
    f3_out: int = 32,
    f4_out: int = 32,
) -> Any:
    """The naive module with 1x1 reductions before 3x3 and 5x5, and 1x1 after the pooling."""
    conv1 = _conv(x, f1, 1)
    conv3 = _conv(_conv(x, f2_in, 1), f2_out, 3)
    conv5 = _conv(_conv(x, f3_in, 1), f3_out, 5)
    pool = _conv(max_pooling2d(x, (3, 3), strides=(1, 1), padding="same"), f4_out, 1)
    return concatenate([conv1, conv3, conv5, pool])


@block(input_shape=(256, 256, 3))
def inception_two_modules(x: Any) -> Any:
    """The tutorial's pair of reduced modules: GoogLeNet's (3a), then (3b)."""
    x = inception_module(x, 64, 96, 128, 16, 32, 32)
    return inception_module(x, 128, 128, 192, 32, 96, 64)


GOOGLENET = {
    "3": ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    "4": (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    "5": ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
}
"""Filters of the nine modules by stage, in the order of the arguments of `inception_module`."""


@block(input_shape=(224, 224, 3), kind="model")
def googlenet(x: Any, classes: int = 1000) -> Any:
    """GoogLeNet: nine inception modules; without auxiliary heads and response normalisation.

    Table 1 of the paper, with the 7x7 stem that its text describes (the 2.7K parameters and 34M
    operations that the table gives for that row cannot be those of a 7x7 convolution).
    """
    x = _conv(x, 64, 7, strides=2)
    x = max_pooling2d(x, (3, 3), strides=(2, 2), padding="same")
    x = _conv(_conv(x, 64, 1), 192, 3)
    for modules in GOOGLENET.values():
        # Each stage begins at half the resolution of the one before.
        x = max_pooling2d(x, (3, 3), strides=(2, 2), padding="same")
        for filters in modules:
            x = inception_module(x, *filters)
    x = dropout(global_average_pooling2d(x), 0.4)
    return dense(x, classes, activation="softmax")
