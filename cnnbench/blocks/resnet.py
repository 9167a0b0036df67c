"""ResNets with batch normalisation, ResNeXt and SE-ResNet.

He et al., arXiv 1512.03385, Tables 1 and 6; shortcut options A, B and C of section 4.1. Xie et
al., arXiv 1611.05431, Table 1 (ResNeXt-50 32x4d). Hu et al., arXiv 1709.01507, Table 1
(SE-ResNet-50).
"""

from collections.abc import Callable
from typing import Any

from cnnbench.blocks import at_least_one, block
from cnnbench.blocks.residual import shortcut_of
from cnnbench.blocks.squeeze_excite import squeeze_excite
from cnnbench.errors import ShapeError
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add
from cnnbench.layers.norm import batch_normalization
from cnnbench.layers.pool import global_average_pooling2d, max_pooling2d
from cnnbench.layers.reshape import zero_padding2d


def _conv_bn(
    x: Any,
    filters: int,
    kernel_size: int,
    strides: int = 1,
    use_bias: bool = False,
    groups: int = 1,
) -> Any:
    x = conv2d(x, filters, kernel_size, strides, padding="same", groups=groups, use_bias=use_bias)
    return batch_normalization(x)


def _relu(x: Any) -> Any:
    return activation(x, "relu")


def _shortcut(x: Any, filters: int, strides: int, use_bias: bool, option: str = "B") -> Any:
    return shortcut_of(
        x, filters, option, lambda x: _conv_bn(x, filters, 1, strides, use_bias), strides
    )


@block(input_shape=(56, 56, 64))
def resnet_basic(
    x: Any, filters: int = 64, strides: int = 1, use_bias: bool = False, shortcut: str = "B"
) -> Any:
    """Basic block with batch norm: ReLU(shortcut + [3x3, 3x3]).

    shortcut "B" is the identity, or a 1x1 projection where the shape changes; "A" drops positions
    and pads with zero channels; "C" always projects.
    """
    y = _relu(_conv_bn(x, filters, 3, strides, use_bias))
    y = _conv_bn(y, filters, 3, use_bias=use_bias)
    return _relu(add([_shortcut(x, filters, strides, use_bias, shortcut), y]))


def _bottleneck(
    x: Any,
    filters: int,
    strides: int,
    version: str,
    use_bias: bool = False,
    *,
    expansion: int = 4,
    groups: int = 1,
    after: Callable[[Any], Any] = lambda y: y,
) -> Any:
    """ReLU(shortcut + after([1x1, 3x3 in groups, 1x1 to expansion * filters]))."""
    if version not in ("v1", "v1.5"):
        raise ShapeError(f"version must be 'v1' or 'v1.5'; got {version!r}")
    first, second = (strides, 1) if version == "v1" else (1, strides)
    y = _relu(_conv_bn(x, filters, 1, first, use_bias))
    y = _relu(_conv_bn(y, filters, 3, second, use_bias, groups))
    y = after(_conv_bn(y, expansion * filters, 1, use_bias=use_bias))
    return _relu(add([_shortcut(x, expansion * filters, strides, use_bias), y]))


@block(input_shape=(56, 56, 256))
def resnet_bottleneck(
    x: Any, filters: int = 64, strides: int = 1, version: str = "v1", use_bias: bool = False
) -> Any:
    """Bottleneck with batch norm: ReLU(shortcut + [1x1, 3x3, 1x1 to 4 * filters]).

    version "v1" has its strides in the first 1x1, as the paper and Keras do; "v1.5" in the 3x3, as
    torchvision does.
    """
    return _bottleneck(x, filters, strides, version, use_bias)


@block(input_shape=(56, 56, 256))
def resnext_bottleneck(x: Any, filters: int = 128, strides: int = 1, groups: int = 32) -> Any:
    """ResNeXt block: ReLU(shortcut + [1x1, 3x3/s in groups, 1x1 to 2 * filters])."""
    return _bottleneck(x, filters, strides, "v1.5", expansion=2, groups=groups)


@block(input_shape=(56, 56, 256))
def se_bottleneck(
    x: Any, filters: int = 64, strides: int = 1, version: str = "v1", ratio: int = 16
) -> Any:
    """Bottleneck with squeeze-excite before the addition: ReLU(shortcut + SE[1x1, 3x3, 1x1])."""
    return _bottleneck(x, filters, strides, version, after=lambda y: squeeze_excite(y, ratio))


def _stages(x: Any, width: int, repeats: tuple[int, ...], unit: Any, **options: Any) -> Any:
    """Stages of equal units; each stage after the first halves the image and doubles the width."""
    for stage, repeat in enumerate(repeats):
        for index in range(repeat):
            strides = 2 if stage > 0 and index == 0 else 1
            x = unit(x, width * 2**stage, strides, **options)
    return x


def _resnet(
    x: Any, repeats: tuple[int, ...], classes: int, unit: Any, width: int = 64, **options: Any
) -> Any:
    x = zero_padding2d(x, 3)
    x = conv2d(x, 64, 7, strides=2, use_bias=options.get("use_bias", False))
    x = _relu(batch_normalization(x))
    x = max_pooling2d(zero_padding2d(x, 1), 3, strides=2)
    x = _stages(x, width, repeats, unit, **options)
    return dense(global_average_pooling2d(x), classes, activation="softmax")


@block(input_shape=(224, 224, 3), kind="model")
def resnet18(x: Any, classes: int = 1000) -> Any:
    """ResNet-18: eight basic blocks, projection shortcuts where the shape changes."""
    return _resnet(x, (2, 2, 2, 2), classes, resnet_basic)


@block(input_shape=(224, 224, 3), kind="model")
def resnet34(x: Any, classes: int = 1000, shortcut: str = "B") -> Any:
    """ResNet-34: sixteen basic blocks, projection shortcuts where the shape changes."""
    return _resnet(x, (3, 4, 6, 3), classes, resnet_basic, shortcut=shortcut)


@block(input_shape=(224, 224, 3), kind="model")
def resnet50(x: Any, classes: int = 1000, version: str = "v1", use_bias: bool = False) -> Any:
    """ResNet-50: sixteen bottlenecks; v1 strides, or version "v1.5".

    `use_bias=True` gives the convolutions biases, as `keras.applications.ResNet50` has.
    """
    return _resnet(x, (3, 4, 6, 3), classes, resnet_bottleneck, version=version, use_bias=use_bias)


@block(input_shape=(224, 224, 3), kind="model")
def resnet101(x: Any, classes: int = 1000, version: str = "v1") -> Any:
    """ResNet-101: 33 bottlenecks; v1 strides, or version "v1.5"."""
    return _resnet(x, (3, 4, 23, 3), classes, resnet_bottleneck, version=version)


@block(input_shape=(224, 224, 3), kind="model")
def resnet152(x: Any, classes: int = 1000, version: str = "v1") -> Any:
    """ResNet-152: 50 bottlenecks; v1 strides, or version "v1.5"."""
    return _resnet(x, (3, 8, 36, 3), classes, resnet_bottleneck, version=version)


@block(input_shape=(224, 224, 3), kind="model")
def resnext50(x: Any, classes: int = 1000) -> Any:
    """ResNeXt-50 (32x4d): sixteen ResNeXt blocks of 32 groups, 4 channels each in the first."""
    return _resnet(x, (3, 4, 6, 3), classes, resnext_bottleneck, width=128)


@block(input_shape=(224, 224, 3), kind="model")
def se_resnet50(x: Any, classes: int = 1000, version: str = "v1", ratio: int = 16) -> Any:
    """SE-ResNet-50: ResNet-50 with squeeze-excite in each bottleneck."""
    return _resnet(x, (3, 4, 6, 3), classes, se_bottleneck, version=version, ratio=ratio)


@block(input_shape=(32, 32, 3), kind="model")
def resnet_cifar(x: Any, depth: int = 20, classes: int = 10, shortcut: str = "A") -> Any:
    """ResNet for CIFAR-10 of depth 6n + 2: 3x3, three stages of n basic blocks at 16, 32 and 64."""
    if not isinstance(depth, int) or depth % 6 != 2 or depth < 8:
        raise ShapeError(f"depth must be 6n + 2, such as 20, 56 or 110; got {depth!r}")
    n = (depth - 2) // 6
    at_least_one(n=n)
    x = _relu(_conv_bn(x, 16, 3))
    x = _stages(x, 16, (n, n, n), resnet_basic, shortcut=shortcut)
    return dense(global_average_pooling2d(x), classes, activation="softmax")
