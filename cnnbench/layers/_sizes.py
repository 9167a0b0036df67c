"""Arithmetic on sizes that several layers share."""

from typing import Any

from cnnbench import units
from cnnbench.errors import ShapeError
from cnnbench.graph import LARGEST, Shape, Weight

Pair = tuple[int, int]


def pair(value: Any, what: str) -> Pair:
    """A number or two numbers as (height, width); both at least 1."""
    values = (value, value) if not isinstance(value, (tuple, list)) else tuple(value)
    if len(values) != 2:
        raise ShapeError(f"{what} must be one number or two; got {value!r}")
    for number in values:
        positive(number, what)
    return values


def positive(value: Any, what: str) -> None:
    """Refuse anything that is surely not a whole number of at least 1, or is absurd."""
    number = hasattr(value, "__floordiv__") and not isinstance(value, (bool, float))
    if not number or (isinstance(value, int) and value < 1):
        raise ShapeError(f"{what} must be a whole number of at least 1; got {value!r}")
    if isinstance(value, int) and value > LARGEST:
        raise ShapeError(f"{what} must be at most {LARGEST:.0e}; got a larger number")


def image(shape: Shape) -> Shape:
    """Check that a shape is (n, h, w, c)."""
    if len(shape) != 4:
        raise ShapeError(f"expected an input of shape (n, h, w, c); got {units.shape(shape)}")
    return shape


def windows(shape: Shape, size: Pair, strides: Pair, padding: str, dilation: Pair = (1, 1)) -> Pair:
    """Output height and width of a window that slides over (n, h, w, c).

    "same" gives ceil(in / stride); "valid" floor((in - reach) / stride) + 1 with
    reach = dilation * (size - 1) + 1 (Keras, `Conv2D`).
    """
    if padding not in ("same", "valid"):
        raise ShapeError(f"padding must be 'same' or 'valid'; got {padding!r}")
    out = []
    for length, k, s, d in zip(shape[1:3], size, strides, dilation, strict=True):
        reach = d * (k - 1) + 1
        if padding == "same":
            out.append(-(-length // s))
            continue
        if isinstance(length, int) and length < reach:
            raise ShapeError(
                f"a window of {reach} does not fit into the input {units.shape(shape)} with "
                "padding 'valid'; give a larger input"
            )
        out.append((length - reach) // s + 1)
    return out[0], out[1]


def kernel_and_bias(kernel: Shape, units: int, use_bias: bool) -> tuple[Weight, ...]:
    """The weights of a convolution or dense layer."""
    weights = (Weight("kernel", kernel),)
    return (*weights, Weight("bias", (units,))) if use_bias else weights
