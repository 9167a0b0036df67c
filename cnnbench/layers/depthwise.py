"""Convolutions of each channel by itself, alone or before a 1x1 convolution that mixes them."""

from math import prod
from typing import Any

from cnnbench.graph import ranked_layers
from cnnbench.layers._sizes import join, positive, sizes, slide, split
from cnnbench.layers.activation import affine
from cnnbench.rule import Rule, Shape, Weight


def _depthwise(
    rank: int,
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
    """Each channel convolved with `depth_multiplier` kernels of its own: kh * kw MACs an output.

    Keras allows strides and dilation at once here.
    """
    n, spatial, c = split(x, rank, data_format)
    size, step = sizes(kernel_size, rank, "kernel_size"), sizes(strides, rank, "strides")
    dilation = sizes(dilation_rate, rank, "dilation_rate")
    positive(depth_multiplier, "depth_multiplier")
    channels = c * depth_multiplier
    positions, inside, window = slide(spatial, size, step, dilation, padding)
    out = join(n, positions, channels, data_format)
    return affine(
        out,
        Weight("kernel", (*size, c, depth_multiplier)),
        bias=(channels,) if use_bias else None,
        activation=activation,
        macs=prod(out) * prod(size),
        inside=None if inside is None else n * inside * channels,
        window=window,
    )


depthwise_conv1d, depthwise_conv2d = ranked_layers("DepthwiseConv{}D", _depthwise, (1, 2))


def _separable(
    rank: int,
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
    """A depthwise convolution, then a 1x1 convolution that mixes channels.

    The values between the two are scratch.
    """
    first = _depthwise(
        rank, x, kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate,
        use_bias=False,
    )  # fmt: skip
    positive(filters, "filters")
    n, positions, channels = split(first.shape, rank, data_format)
    out = join(n, positions, filters, data_format)
    second = prod(out) * channels
    return affine(
        out,
        Weight("depthwise_kernel", first.weights[0].shape),
        Weight("pointwise_kernel", (*(1,) * rank, channels, filters)),
        bias=(filters,) if use_bias else None,
        activation=activation,
        macs=first.macs + second,
        inside=None if first.inside is None else first.inside + second,
        scratch=prod(first.shape),
        window=first.window,
    )


separable_conv1d, separable_conv2d = ranked_layers("SeparableConv{}D", _separable, (1, 2))
