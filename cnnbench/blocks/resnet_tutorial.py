"""The second tutorial's ResNet-50 for 64x64 hand signs, and its two blocks.

The tutorial's listing of the identity block adds its tensors without a list, and neither
activates nor returns the sum. This is what its text means: add, ReLU, return.
"""

from collections.abc import Sequence
from typing import Any

from cnnbench.blocks import block
from cnnbench.errors import ShapeError
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add
from cnnbench.layers.norm import batch_normalization
from cnnbench.layers.pool import average_pooling2d, max_pooling2d
from cnnbench.layers.reshape import flatten, zero_padding2d


def _conv_bn(x: Any, filters: int, kernel_size: int, strides: int, padding: str, names: Any) -> Any:
    x = conv2d(x, filters, kernel_size, strides, padding, name=names("res"))
    return batch_normalization(x, name=names("bn"))


def _main_path(
    x: Any, f: int, filters: Sequence[int], strides: int, stage: Any, block_: Any
) -> Any:
    if not isinstance(filters, Sequence) or len(filters) != 3:
        raise ShapeError(f"filters must be three numbers, one per convolution; got {filters!r}")
    f1, f2, f3 = filters
    x = _conv_bn(x, f1, 1, strides, "valid", _names(stage, block_, "2a"))
    x = activation(x, "relu")
    x = _conv_bn(x, f2, f, 1, "same", _names(stage, block_, "2b"))
    x = activation(x, "relu")
    return _conv_bn(x, f3, 1, 1, "valid", _names(stage, block_, "2c"))


def _names(stage: Any, block_: Any, branch: str) -> Any:
    """Names like res2a_branch2a where the caller numbers its stages, as the tutorial does."""
    if stage is None or block_ is None:
        return lambda prefix: None
    return lambda prefix: f"{prefix}{stage}{block_}_branch{branch}"


@block(input_shape=(15, 15, 256))
def identity_block(
    x: Any,
    f: int = 3,
    filters: Sequence[int] = (64, 64, 256),
    stage: int | None = None,
    block: str | None = None,
) -> Any:
    """ReLU(x + [1x1, f x f, 1x1]), each convolution with batch norm."""
    y = _main_path(x, f, filters, 1, stage, block)
    return activation(add([y, x]), "relu")


@block(input_shape=(15, 15, 64))
def convolutional_block(
    x: Any,
    f: int = 3,
    filters: Sequence[int] = (64, 64, 256),
    stage: int | None = None,
    block: str | None = None,
    s: int = 2,
) -> Any:
    """ReLU(1x1/s projection + [1x1/s, f x f, 1x1]), each convolution with batch norm."""
    y = _main_path(x, f, filters, s, stage, block)
    names = _names(stage, block, "1")
    return activation(add([y, _conv_bn(x, filters[2], 1, s, "valid", names)]), "relu")


@block(input_shape=(64, 64, 3), kind="model")
def resnet50_tutorial(x: Any, classes: int = 6) -> Any:
    """ResNet-50 on 64x64x3: zero padding, 7x7/2, 16 blocks (stage 2 with s=2), dense."""
    x = zero_padding2d(x, (3, 3))
    x = conv2d(x, 64, (7, 7), strides=(2, 2), name="conv1")
    x = activation(batch_normalization(x, name="bn_conv1"), "relu")
    x = max_pooling2d(x, (3, 3), strides=(2, 2))
    for stage, letters in zip((2, 3, 4, 5), ("abc", "abcd", "abcdef", "abc"), strict=True):
        width = 64 * 2 ** (stage - 2)
        filters = (width, width, 4 * width)
        for letter in letters:
            if letter == "a":
                x = convolutional_block(x, 3, filters, stage, letter, s=2)
            else:
                x = identity_block(x, 3, filters, stage, letter)
    x = average_pooling2d(x, (2, 2), padding="same")
    return dense(flatten(x), classes, activation="softmax", name=f"fc{classes}")
