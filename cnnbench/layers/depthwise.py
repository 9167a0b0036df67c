"""Convolutions of each channel by itself, alone or before a 1x1 convolution that mixes them."""

from math import prod
from typing import Any

from cnnbench.graph import layer
from cnnbench.layers._sizes import Sizes, join, positive, sizes, slide, split
from cnnbench.layers.activation import activated, activation_backward, activation_cost, saved
from cnnbench.rule import Rule, Shape, Weight, Window


def _each_channel(
    rank: int,
    x: Shape,
    kernel_size: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
    depth_multiplier: int,
) -> tuple[Shape, Shape, int, int | None, Window]:
    """Output with every channel `depth_multiplier` times, kernel, MACs, those inside, window.

    Keras allows strides and dilation at once here.
    """
    n, spatial, c = split(x, rank, data_format)
    size, step = sizes(kernel_size, rank, "kernel_size"), sizes(strides, rank, "strides")
    dilation = sizes(dilation_rate, rank, "dilation_rate")
    positive(depth_multiplier, "depth_multiplier")
    channels = c * depth_multiplier
    positions, inside, seen = slide(spatial, size, step, dilation, padding)
    out = join(n, positions, channels, data_format)
    return (
        out,
        (*size, c, depth_multiplier),
        prod(out) * prod(size),
        None if inside is None else n * inside * channels,
        seen,
    )


def _depthwise(
    rank: int,
    x: Shape,
    kernel_size: Any,
    strides: Any,
    padding: str,
    depth_multiplier: int,
    data_format: str | None,
    dilation_rate: Any,
    activation: str | None,
    use_bias: bool,
) -> Rule:
    out, kernel, macs, inside, seen = _each_channel(
        rank, x, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier
    )
    _, _, channels = split(out, rank, data_format)
    bias = prod(out) * int(bool(use_bias))
    return Rule(
        activated(activation, out),
        weights=_weights(channels, use_bias, kernel=kernel),
        macs=macs,
        elementwise=bias + activation_cost(activation, out),
        inside=inside,
        backward=bias + activation_backward(activation, out),
        saves=saved(activation),
        window=seen,
    )


def _separable(
    rank: int,
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
    depth_multiplier: int,
    activation: str | None,
    use_bias: bool,
) -> Rule:
    between, kernel, first, inside, seen = _each_channel(
        rank, x, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier
    )
    positive(filters, "filters")
    n, positions, channels = split(between, rank, data_format)
    out = join(n, positions, filters, data_format)
    second = prod(out) * channels
    bias = prod(out) * int(bool(use_bias))
    pointwise = (*(1,) * rank, channels, filters)
    return Rule(
        activated(activation, out),
        weights=_weights(filters, use_bias, depthwise_kernel=kernel, pointwise_kernel=pointwise),
        macs=first + second,
        elementwise=bias + activation_cost(activation, out),
        inside=None if inside is None else inside + second,
        scratch=prod(between),
        backward=bias + activation_backward(activation, out),
        saves=saved(activation),
        window=seen,
    )


def _weights(channels: int, use_bias: bool, **kernels: Sizes) -> tuple[Weight, ...]:
    weights = tuple(Weight(name, shape) for name, shape in kernels.items())
    return (*weights, Weight("bias", (channels,))) if use_bias else weights


@layer("DepthwiseConv1D")
def depthwise_conv1d(
    x: Shape,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    depth_multiplier: int = 1,
    data_format: str | None = None,
    dilation_rate: Any = 1,
    activation: str | None = None,
    use_bias: bool = True,
) -> Rule:
    """Each channel convolved over steps with `depth_multiplier` kernels of its own."""
    return _depthwise(
        1, x, kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate,
        activation, use_bias,
    )  # fmt: skip


@layer("DepthwiseConv2D")
def depthwise_conv2d(
    x: Shape,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    depth_multiplier: int = 1,
    data_format: str | None = None,
    dilation_rate: Any = 1,
    activation: str | None = None,
    use_bias: bool = True,
) -> Rule:
    """Each channel convolved with `depth_multiplier` kernels of its own: kh * kw MACs an output."""
    return _depthwise(
        2, x, kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate,
        activation, use_bias,
    )  # fmt: skip


@layer("SeparableConv1D")
def separable_conv1d(
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    depth_multiplier: int = 1,
    activation: str | None = None,
    use_bias: bool = True,
) -> Rule:
    """A depthwise convolution over steps, then a product that mixes channels."""
    return _separable(
        1, x, filters, kernel_size, strides, padding, data_format, dilation_rate,
        depth_multiplier, activation, use_bias,
    )  # fmt: skip


@layer("SeparableConv2D")
def separable_conv2d(
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    depth_multiplier: int = 1,
    activation: str | None = None,
    use_bias: bool = True,
) -> Rule:
    """A depthwise convolution, then one of 1x1 that mixes channels; what is between is scratch."""
    return _separable(
        2, x, filters, kernel_size, strides, padding, data_format, dilation_rate,
        depth_multiplier, activation, use_bias,
    )  # fmt: skip
