"""Depthwise separable convolutions, and the blocks made of them.

Howard et al., arXiv 1704.04861 (MobileNet), section 3.1, Figure 3; Sandler et al., arXiv
1801.04381 (MobileNetV2), Table 1; Chollet, arXiv 1610.02357 (Xception), Figure 5.
"""

from typing import Any

from cnnbench.blocks import at_least_one, block
from cnnbench.layers._sizes import positive
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d, depthwise_conv2d, separable_conv2d
from cnnbench.layers.merge import add
from cnnbench.layers.norm import batch_normalization


def _bn(x: Any, then: str) -> Any:
    return activation(batch_normalization(x), then)


@block(input_shape=(14, 14, 512))
def conv_bn_relu(x: Any, filters: int = 512, kernel_size: int = 3, strides: int = 1) -> Any:
    """Same convolution of k x k, batch norm, ReLU: what a depthwise separable one replaces."""
    x = conv2d(x, filters, kernel_size, strides, padding="same", use_bias=False)
    return _bn(x, "relu")


@block(input_shape=(14, 14, 512))
def depthwise_separable(x: Any, filters: int = 512, kernel_size: int = 3, strides: int = 1) -> Any:
    """Each channel by itself with k x k, then 1x1 across all; each with batch norm and ReLU."""
    x = depthwise_conv2d(x, kernel_size, strides, padding="same", use_bias=False)
    x = _bn(x, "relu")
    return _bn(conv2d(x, filters, 1, use_bias=False), "relu")


@block(input_shape=(56, 56, 24))
def inverted_residual(x: Any, filters: int = 24, expansion: int = 6, strides: int = 1) -> Any:
    """MobileNetV2's block: x + [1x1 to expansion * C, 3x3 depthwise, linear 1x1].

    ReLU6 follows the first two, batch norm all three. There is no first 1x1 where `expansion` is
    1, and no addition of x where the shape changes.
    """
    positive(expansion, "expansion")
    y = x
    if expansion != 1:
        y = _bn(conv2d(y, expansion * x.shape[-1], 1, use_bias=False), "relu6")
    y = depthwise_conv2d(y, 3, strides, padding="same", use_bias=False)
    y = batch_normalization(conv2d(_bn(y, "relu6"), filters, 1, use_bias=False))
    return add([x, y]) if strides == 1 and x.shape[-1] == filters else y


@block(input_shape=(19, 19, 728))
def xception_block(x: Any, filters: int = 728, n_conv: int = 3) -> Any:
    """Xception's middle flow: x + n_conv times [ReLU, 3x3 separable convolution, batch norm]."""
    at_least_one(n_conv=n_conv)
    y = x
    for _ in range(n_conv):
        y = separable_conv2d(activation(y, "relu"), filters, 3, padding="same", use_bias=False)
        y = batch_normalization(y)
    return add([x, y])
