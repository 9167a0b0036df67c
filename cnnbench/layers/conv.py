"""Convolutions."""

from math import prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import layer
from cnnbench.layers._sizes import (
    join,
    kernel_and_bias,
    positive,
    sizes,
    slide,
    split,
    strided_or_dilated,
)
from cnnbench.layers.activation import activated, activation_backward, activation_cost, saved
from cnnbench.rule import Rule, Shape


def _convolution(
    rank: int,
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
    groups: int,
    activation: str | None,
    use_bias: bool,
) -> Rule:
    n, spatial, c = split(x, rank, data_format)
    size, step = sizes(kernel_size, rank, "kernel_size"), sizes(strides, rank, "strides")
    dilation = sizes(dilation_rate, rank, "dilation_rate")
    positive(filters, "filters")
    positive(groups, "groups")
    strided_or_dilated(step, dilation)
    if any(isinstance(channels, int) and channels % groups for channels in (c, filters)):
        raise ShapeError(f"groups={groups} must divide {c} input channels and {filters} filters")
    positions, inside, window = slide(spatial, size, step, dilation, padding, rank == 1)
    out = join(n, positions, filters, data_format)
    outputs, per_tap = prod(out), c // groups
    return Rule(
        activated(activation, out),
        weights=kernel_and_bias((*size, per_tap, filters), filters, use_bias),
        macs=outputs * prod(size) * per_tap,
        elementwise=outputs * int(bool(use_bias)) + activation_cost(activation, out),
        inside=None if inside is None else n * inside * per_tap * filters,
        backward=outputs * int(bool(use_bias)) + activation_backward(activation, out),
        saves=saved(activation),
        window=window,
    )


@layer("Conv1D")
def conv1d(
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    groups: int = 1,
    activation: str | None = None,
    use_bias: bool = True,
) -> Rule:
    """Convolution over steps; "causal" padding puts all zeros before the first step."""
    return _convolution(
        1, x, filters, kernel_size, strides, padding, data_format, dilation_rate, groups,
        activation, use_bias,
    )  # fmt: skip


@layer("Conv2D")
def conv2d(
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    groups: int = 1,
    activation: str | None = None,
    use_bias: bool = True,
) -> Rule:
    """Convolution of kh x kw taps: out_h * out_w * filters outputs of kh * kw * c / groups taps.

    Taps on padded positions count. The bias and the activation are elementwise.
    """
    return _convolution(
        2, x, filters, kernel_size, strides, padding, data_format, dilation_rate, groups,
        activation, use_bias,
    )  # fmt: skip


@layer("Conv3D")
def conv3d(
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    groups: int = 1,
    activation: str | None = None,
    use_bias: bool = True,
) -> Rule:
    """Convolution of kd x kh x kw taps."""
    return _convolution(
        3, x, filters, kernel_size, strides, padding, data_format, dilation_rate, groups,
        activation, use_bias,
    )  # fmt: skip
