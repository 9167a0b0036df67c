"""ConvNeXt's block. Liu et al., arXiv 2201.03545, Figure 4; the layer scale of its section 3.1.

The only layer of Keras that scales each channel by a weight is a 1x1 depthwise convolution.
"""

from typing import Any

from cnnbench.blocks import block
from cnnbench.layers._sizes import positive
from cnnbench.layers.conv import depthwise_conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add
from cnnbench.layers.norm import layer_normalization


@block(input_shape=(56, 56, 96))
def convnext_block(x: Any, kernel_size: int = 7, expansion: int = 4) -> Any:
    """Add to x: scale of [7x7 depthwise, layer norm, dense to 4C, GELU, dense to C]."""
    positive(expansion, "expansion")
    channels = x.shape[-1]
    y = layer_normalization(depthwise_conv2d(x, kernel_size, padding="same"))
    y = dense(y, expansion * channels, activation="gelu")
    y = dense(y, channels)
    return add([x, depthwise_conv2d(y, 1, use_bias=False)])
