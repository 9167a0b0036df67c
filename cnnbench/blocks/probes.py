"""Probes: layers that stress one resource of a machine and little else.

Williams et al., "Roofline", 2009, measure a machine by its best kernels. These are the best
that Keras has, so that a ceiling is what a network could reach in the same runtime.
"""

from __future__ import annotations

from typing import Any

from cnnbench.blocks import block
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense


@block(input_shape=(2048,), kind="probe")
def probe_matmul(x: Any, units: int = 2048) -> Any:
    """A matrix product without bias: arithmetic."""
    return dense(x, units, use_bias=False)


@block(input_shape=(56, 56, 128), kind="probe")
def probe_convolution(x: Any, filters: int = 128, kernel_size: int = 3) -> Any:
    """A 3x3 convolution without bias: the arithmetic of convolutions."""
    return conv2d(x, filters, kernel_size, padding="same", use_bias=False)


@block(input_shape=(1024, 1024, 64), kind="probe")
def probe_copy(x: Any) -> Any:
    """ReLU on more values than a cache holds: one value read and one written."""
    return activation(x, "relu")
