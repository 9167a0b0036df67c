"""VGG blocks and networks. Simonyan and Zisserman, arXiv 1409.1556, section 2.1, Table 1."""

from typing import Any

from cnnbench.blocks import at_least_one, block
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.norm import dropout
from cnnbench.layers.pool import max_pooling2d
from cnnbench.layers.reshape import flatten


@block(input_shape=(256, 256, 3))
def vgg_block(x: Any, n_filters: int = 64, n_conv: int = 2) -> Any:
    """n_conv 3x3 same convolutions with ReLU, then 2x2/2 max pooling."""
    at_least_one(n_conv=n_conv)
    for _ in range(n_conv):
        x = conv2d(x, n_filters, (3, 3), padding="same", activation="relu")
    return max_pooling2d(x, (2, 2), strides=(2, 2))


@block(input_shape=(256, 256, 3))
def vgg_three_blocks(x: Any) -> Any:
    """The tutorial's stack of VGG blocks: (64, 2), (128, 2), (256, 4)."""
    for n_filters, n_conv in ((64, 2), (128, 2), (256, 4)):
        x = vgg_block(x, n_filters, n_conv)
    return x


def _vgg(x: Any, convolutions: tuple[int, ...], classes: int) -> Any:
    for n_filters, n_conv in zip((64, 128, 256, 512, 512), convolutions, strict=True):
        x = vgg_block(x, n_filters, n_conv)
    x = flatten(x)
    for _ in range(2):
        x = dropout(dense(x, 4096, activation="relu"), 0.5)
    return dense(x, classes, activation="softmax")


@block(input_shape=(224, 224, 3), kind="model")
def vgg16(x: Any, classes: int = 1000) -> Any:
    """VGG-16: 13 convolutions in five blocks, three dense layers (configuration D)."""
    return _vgg(x, (2, 2, 3, 3, 3), classes)


@block(input_shape=(224, 224, 3), kind="model")
def vgg19(x: Any, classes: int = 1000) -> Any:
    """VGG-19: 16 convolutions in five blocks, three dense layers (configuration E)."""
    return _vgg(x, (2, 2, 4, 4, 4), classes)
