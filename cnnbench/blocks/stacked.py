"""Large convolutions, and the smaller ones that replace them.

A stack of small convolutions: Simonyan and Zisserman, arXiv 1409.1556, section 2.3; Szegedy et
al., arXiv 1512.00567, section 3.1. An n x n convolution as 1 x n and n x 1: the latter, section
3.2. Both papers count weights without biases, so these have none by default.
"""

from typing import Any

from cnnbench.blocks import at_least_one, block
from cnnbench.layers.conv import conv2d


@block(input_shape=(56, 56, 64))
def conv_stack(
    x: Any, filters: int = 64, kernel_size: int = 3, n_conv: int = 3, use_bias: bool = False
) -> Any:
    """n_conv k x k same convolutions with ReLU: three 3x3 see as much as one 7x7."""
    at_least_one(n_conv=n_conv)
    for _ in range(n_conv):
        x = conv2d(x, filters, kernel_size, padding="same", activation="relu", use_bias=use_bias)
    return x


@block(input_shape=(17, 17, 192))
def conv_factorised(
    x: Any, filters: int = 192, kernel_size: int = 7, use_bias: bool = False
) -> Any:
    """A 1 x k, then a k x 1 same convolution, each with ReLU, in place of one k x k."""
    for size in ((1, kernel_size), (kernel_size, 1)):
        x = conv2d(x, filters, size, padding="same", activation="relu", use_bias=use_bias)
    return x
