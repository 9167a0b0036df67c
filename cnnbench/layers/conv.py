"""Convolutions: plain, of each channel by itself, and transposed."""

from fractions import Fraction
from math import prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import layer, ranked_layers
from cnnbench.layers._sizes import (
    Sizes,
    join,
    kernel_sizes,
    positive,
    reaches,
    slide,
    split,
    taps_landing,
)
from cnnbench.layers.activation import affine
from cnnbench.rule import Rule, Shape, Weight


def _convolution(
    rank: int,
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

    Taps on padded positions count. The bias and the activation are elementwise. Over steps,
    "causal" padding puts all zeros before the first step.
    """
    n, spatial, c = split(x, rank, data_format)
    size, step, dilation = kernel_sizes(rank, kernel_size, strides, dilation_rate)
    positive(filters, "filters")
    positive(groups, "groups")
    if any(isinstance(channels, int) and channels % groups for channels in (c, filters)):
        raise ShapeError(f"groups={groups} must divide {c} input channels and {filters} filters")
    positions, inside, window = slide(spatial, size, step, dilation, padding, rank == 1)
    out, per_tap = join(n, positions, filters, data_format), c // groups
    return affine(
        out,
        Weight("kernel", (*size, per_tap, filters)),
        bias=(filters,) if use_bias else None,
        activation=activation,
        macs=prod(out) * prod(size) * per_tap,
        inside=None if inside is None else n * inside * per_tap * filters,
        window=window,
    )


conv1d, conv2d, conv3d = ranked_layers("Conv{}D", _convolution)


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
    size, step, dilation = kernel_sizes(rank, kernel_size, strides, dilation_rate, both=True)
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


def _transposed(
    rank: int,
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
    activation: str | None = None,
    use_bias: bool = True,
) -> Rule:
    """The mirror of a convolution: h * w * c inputs, each spread over kh * kw * filters outputs.

    Strides make the output larger. Taps that land outside the output of "same" padding count
    too. An output position depends on at most ceil(reach / stride) input positions.
    """
    n, spatial, c = split(x, rank, data_format)
    size, step, dilation = kernel_sizes(rank, kernel_size, strides, dilation_rate)
    positive(filters, "filters")
    reach = reaches(size, dilation)
    grown = _grown(spatial, reach, step, padding, output_padding)
    inside = taps_landing(spatial, grown, size, step, dilation) if padding == "same" else None
    out = join(n, grown, filters, data_format)
    return affine(
        out,
        Weight("kernel", (*size, filters, c)),
        bias=(filters,) if use_bias else None,
        activation=activation,
        macs=prod(x) * prod(size) * filters,
        inside=None if inside is None else n * inside * c * filters,
        window=tuple((-(-r // s), Fraction(1, s)) for r, s in zip(reach, step, strict=True)),
    )


def _grown(
    spatial: Shape, reach: Sizes, strides: Sizes, padding: str, output_padding: Any
) -> Shape:
    """Output sizes (Keras, `compute_conv_transpose_output_shape`)."""
    if padding not in ("same", "valid"):
        raise ShapeError(f"padding must be 'same' or 'valid'; got {padding!r}")
    axes = list(zip(spatial, reach, strides, strict=True))
    if output_padding is None:
        if padding == "same":
            return tuple(length * s for length, _, s in axes)
        return tuple((length - 1) * s + max(r, s) for length, r, s in axes)
    rank = len(spatial)
    given = output_padding if isinstance(output_padding, (tuple, list)) else [output_padding] * rank
    if len(given) != rank or not all(
        isinstance(extra, int) and 0 <= extra < s for extra, s in zip(given, strides, strict=True)
    ):
        raise ShapeError(
            f"output_padding must be at least 0 and less than strides {strides}; "
            f"got {output_padding!r}"
        )
    kept = tuple(r % 2 for r in reach) if padding == "same" else reach
    out = tuple(
        (length - 1) * s + k + extra
        for (length, _, s), k, extra in zip(axes, kept, given, strict=True)
    )
    if any(isinstance(size, int) and size < 1 for size in out):
        raise ShapeError(f"output_padding={output_padding!r} leaves no output; give more")
    return out


conv1d_transpose, conv2d_transpose = ranked_layers("Conv{}DTranspose", _transposed, (1, 2))


@layer("Conv3DTranspose")
def conv3d_transpose(
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    output_padding: Any = None,
    dilation_rate: Any = 1,
    activation: str | None = None,
    use_bias: bool = True,
) -> Rule:
    """The same on volumes; here Keras has `data_format` before `output_padding`."""
    return _transposed(
        3, x, filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate,
        activation, use_bias,
    )  # fmt: skip
