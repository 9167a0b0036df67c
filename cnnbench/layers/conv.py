"""Convolutions."""

from math import prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import Rule, Shape, layer
from cnnbench.layers._sizes import image, kernel_and_bias, pair, positive, windows
from cnnbench.layers.activation import activation_cost


@layer("Conv2D")
def conv2d(
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    dilation_rate: Any = 1,
    groups: int = 1,
    activation: str | None = None,
    use_bias: bool = True,
) -> Rule:
    """Convolution of kh x kw taps: out_h * out_w * filters outputs of kh * kw * c / groups taps.

    Taps on padded positions count. The bias and the activation are elementwise.
    """
    n, _, _, c = image(x)
    size, step = pair(kernel_size, "kernel_size"), pair(strides, "strides")
    dilation = pair(dilation_rate, "dilation_rate")
    positive(filters, "filters")
    positive(groups, "groups")
    if step != (1, 1) and dilation != (1, 1):
        raise ShapeError(f"strides {step} and dilation_rate {dilation} cannot both exceed 1")
    if any(isinstance(size, int) and size % groups for size in (c, filters)):
        raise ShapeError(f"groups={groups} must divide {c} input channels and {filters} filters")
    kernel = (*size, c // groups, filters)
    out = (n, *windows(x, size, step, padding, dilation), filters)
    taps = size[0] * size[1] * (c // groups)
    return Rule(
        out,
        weights=kernel_and_bias(kernel, filters, use_bias),
        macs=prod(out) * taps,
        elementwise=prod(out) * int(bool(use_bias)) + activation_cost(activation, out),
    )
