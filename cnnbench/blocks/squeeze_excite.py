"""Squeeze and excitation. Hu et al., arXiv 1709.01507, section 3, Figure 3.

Without biases, as in the paper's count of (2 / ratio) * C * C weights a block (section 4).
"""

from typing import Any

from cnnbench.blocks import block
from cnnbench.layers._sizes import positive
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import multiply
from cnnbench.layers.pool import global_average_pooling2d


@block(input_shape=(56, 56, 256))
def squeeze_excite(x: Any, ratio: int = 16, use_bias: bool = False) -> Any:
    """Multiply x by sigmoid(dense to C of ReLU(dense to C / ratio of each channel's mean))."""
    positive(ratio, "ratio")
    channels = x.shape[-1]
    scale = global_average_pooling2d(x, keepdims=True)
    scale = dense(scale, channels // ratio, activation="relu", use_bias=use_bias)
    scale = dense(scale, channels, activation="sigmoid", use_bias=use_bias)
    return multiply([x, scale])
