"""MobileNet, also with plain convolutions. Howard et al., arXiv 1704.04861, Table 1.

Table 1 gives the last depthwise layer a stride of 2, but its 7x7 image stays 7x7: here it is 1.
The resolution multiplier is the input size.
"""

from math import inf
from typing import Any

from cnnbench.blocks import block
from cnnbench.blocks.separable import conv_bn_relu, depthwise_separable
from cnnbench.errors import ShapeError
from cnnbench.layers.dense import dense
from cnnbench.layers.pool import global_average_pooling2d

UNITS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
"""Filters and stride of the thirteen units after the first convolution."""


def _mobilenet(x: Any, alpha: float, classes: int, unit: Any) -> Any:
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha < inf:
        raise ShapeError(f"alpha must be a number above 0, such as 0.75; got {alpha!r}")
    x = conv_bn_relu(x, int(32 * alpha), 3, 2)
    for filters, strides in UNITS:
        x = unit(x, int(filters * alpha), 3, strides)
    return dense(global_average_pooling2d(x), classes, activation="softmax")


@block(input_shape=(224, 224, 3), kind="model")
def mobilenet(x: Any, alpha: float = 1.0, classes: int = 1000) -> Any:
    """MobileNet: 3x3/2, thirteen depthwise separable convolutions, dense; alpha scales widths."""
    return _mobilenet(x, alpha, classes, depthwise_separable)


@block(input_shape=(224, 224, 3), kind="model")
def conv_mobilenet(x: Any, alpha: float = 1.0, classes: int = 1000) -> Any:
    """Conv MobileNet of the paper's Table 4: the same with plain 3x3 convolutions."""
    return _mobilenet(x, alpha, classes, conv_bn_relu)
