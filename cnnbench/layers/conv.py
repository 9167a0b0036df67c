"""Convolutions."""

from math import prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import ranked_layers
from cnnbench.layers._sizes import join, positive, sizes, slide, split, strided_or_dilated
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
    size, step = sizes(kernel_size, rank, "kernel_size"), sizes(strides, rank, "strides")
    dilation = sizes(dilation_rate, rank, "dilation_rate")
    positive(filters, "filters")
    positive(groups, "groups")
    strided_or_dilated(step, dilation)
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
