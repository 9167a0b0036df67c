"""SqueezeNet 1.0 and its fire module. Iandola et al., arXiv 1602.07360, Figure 1, Table 1."""

from typing import Any

from cnnbench.blocks import block
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.merge import concatenate
from cnnbench.layers.norm import dropout
from cnnbench.layers.pool import global_average_pooling2d, max_pooling2d


@block(input_shape=(55, 55, 96))
def fire_module(x: Any, squeeze: int = 16, expand: int = 64) -> Any:
    """1x1 squeeze, then 1x1 and 3x3 expand side by side, concatenated."""
    x = conv2d(x, squeeze, 1, activation="relu")
    left = conv2d(x, expand, 1, activation="relu")
    right = conv2d(x, expand, 3, padding="same", activation="relu")
    return concatenate([left, right])


def _pool(x: Any) -> Any:
    """3x3/2 max pooling; on an even side the last window is padded, as in Caffe and torchvision.

    Height and width should both be even or both be odd, as in a square image.
    """
    even = x.shape[1] is not None and x.shape[1] % 2 == 0
    return max_pooling2d(x, 3, strides=2, padding="same" if even else "valid")


@block(input_shape=(224, 224, 3), kind="model")
def squeezenet(x: Any, classes: int = 1000) -> Any:
    """SqueezeNet 1.0: 7x7/2, eight fire modules, 1x1 to the classes, mean of each."""
    x = _pool(conv2d(x, 96, 7, strides=2, activation="relu"))
    for squeeze, expand in ((16, 64), (16, 64), (32, 128)):
        x = fire_module(x, squeeze, expand)
    x = _pool(x)
    for squeeze, expand in ((32, 128), (48, 192), (48, 192), (64, 256)):
        x = fire_module(x, squeeze, expand)
    x = dropout(fire_module(_pool(x), 64, 256), 0.5)
    x = conv2d(x, classes, 1, activation="relu")
    return activation(global_average_pooling2d(x), "softmax")
