"""Transposed convolutions: each input position adds a scaled kernel to the output."""

from fractions import Fraction
from math import prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import layer, ranked_layers
from cnnbench.layers._sizes import (
    Sizes,
    join,
    positive,
    reaches,
    sizes,
    split,
    strided_or_dilated,
    taps_landing,
)
from cnnbench.layers.activation import affine
from cnnbench.rule import Rule, Shape, Weight


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
    size, step = sizes(kernel_size, rank, "kernel_size"), sizes(strides, rank, "strides")
    dilation = sizes(dilation_rate, rank, "dilation_rate")
    positive(filters, "filters")
    strided_or_dilated(step, dilation)
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
