"""DenseNet's block, with bottlenecks (DenseNet-B). Huang et al., arXiv 1608.06993, section 3."""

from typing import Any

from cnnbench.blocks import at_least_one, block
from cnnbench.layers._sizes import positive
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.merge import concatenate
from cnnbench.layers.norm import batch_normalization


def _bn_relu(x: Any) -> Any:
    return activation(batch_normalization(x), "relu")


@block(input_shape=(56, 56, 64))
def dense_block(x: Any, n_layers: int = 6, growth_rate: int = 32) -> Any:
    """n_layers times: append [BN, ReLU, 1x1 to 4 * growth_rate, BN, ReLU, 3x3] of all so far."""
    at_least_one(n_layers=n_layers)
    positive(growth_rate, "growth_rate")
    for _ in range(n_layers):
        y = conv2d(_bn_relu(x), 4 * growth_rate, 1, use_bias=False)
        y = conv2d(_bn_relu(y), growth_rate, 3, padding="same", use_bias=False)
        x = concatenate([x, y])
    return x
