"""ResNet-18, -34 and -50 with batch normalisation. He et al., arXiv 1512.03385, Table 1."""

from typing import Any

from cnnbench.blocks import block
from cnnbench.errors import ShapeError
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add
from cnnbench.layers.norm import batch_normalization
from cnnbench.layers.pool import global_average_pooling2d, max_pooling2d
from cnnbench.layers.reshape import zero_padding2d


def _conv_bn(
    x: Any, filters: int, kernel_size: int, strides: int = 1, use_bias: bool = False
) -> Any:
    x = conv2d(x, filters, kernel_size, strides, padding="same", use_bias=use_bias)
    return batch_normalization(x)


def _relu(x: Any) -> Any:
    return activation(x, "relu")


def _shortcut(x: Any, filters: int, strides: int, use_bias: bool) -> Any:
    """Option B: the identity, or a strided 1x1 projection where the shape changes."""
    if strides == 1 and x.shape[-1] == filters:
        return x
    return _conv_bn(x, filters, 1, strides, use_bias)


@block(input_shape=(56, 56, 64))
def resnet_basic(x: Any, filters: int = 64, strides: int = 1, use_bias: bool = False) -> Any:
    """Basic block with batch norm: ReLU(shortcut + [3x3, 3x3])."""
    y = _relu(_conv_bn(x, filters, 3, strides, use_bias))
    y = _conv_bn(y, filters, 3, use_bias=use_bias)
    return _relu(add([_shortcut(x, filters, strides, use_bias), y]))


@block(input_shape=(56, 56, 256))
def resnet_bottleneck(
    x: Any,
    filters: int = 64,
    strides: int = 1,
    version: str = "v1",
    use_bias: bool = False,
) -> Any:
    """Bottleneck with batch norm: ReLU(shortcut + [1x1, 3x3, 1x1 to 4 * filters]).

    version "v1" strides in the first 1x1, as the paper and Keras do; "v1.5" in the 3x3,
    as torchvision does.
    """
    if version not in ("v1", "v1.5"):
        raise ShapeError(f"version must be 'v1' or 'v1.5'; got {version!r}")
    first, second = (strides, 1) if version == "v1" else (1, strides)
    y = _relu(_conv_bn(x, filters, 1, first, use_bias))
    y = _relu(_conv_bn(y, filters, 3, second, use_bias))
    y = _conv_bn(y, 4 * filters, 1, use_bias=use_bias)
    return _relu(add([_shortcut(x, 4 * filters, strides, use_bias), y]))


def _resnet(x: Any, repeats: tuple[int, ...], classes: int, unit: Any, **options: Any) -> Any:
    x = zero_padding2d(x, 3)
    x = conv2d(x, 64, 7, strides=2, use_bias=options.get("use_bias", False))
    x = _relu(batch_normalization(x))
    x = max_pooling2d(zero_padding2d(x, 1), 3, strides=2)
    for stage, repeat in enumerate(repeats):
        for index in range(repeat):
            strides = 2 if stage > 0 and index == 0 else 1
            x = unit(x, 64 * 2**stage, strides, **options)
    return dense(global_average_pooling2d(x), classes, activation="softmax")


@block(input_shape=(224, 224, 3), kind="model")
def resnet18(x: Any, classes: int = 1000) -> Any:
    """ResNet-18: eight basic blocks, projection shortcuts where the shape changes."""
    return _resnet(x, (2, 2, 2, 2), classes, resnet_basic)


@block(input_shape=(224, 224, 3), kind="model")
def resnet34(x: Any, classes: int = 1000) -> Any:
    """ResNet-34: sixteen basic blocks, projection shortcuts where the shape changes."""
    return _resnet(x, (3, 4, 6, 3), classes, resnet_basic)


@block(input_shape=(224, 224, 3), kind="model")
def resnet50(x: Any, classes: int = 1000, version: str = "v1", use_bias: bool = False) -> Any:
    """ResNet-50: sixteen bottlenecks; v1 strides, or version "v1.5".

    `use_bias=True` gives the convolutions biases, as `keras.applications.ResNet50` has.
    """
    return _resnet(x, (3, 4, 6, 3), classes, resnet_bottleneck, version=version, use_bias=use_bias)
