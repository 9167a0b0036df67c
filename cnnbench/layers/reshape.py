"""Layers that only move values."""

from math import prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import WHOLE, Rule, Shape, layer
from cnnbench.layers._sizes import channels_first, split


@layer("Flatten")
def flatten(x: Shape) -> Rule:
    """All values of a sample in one row; no copy."""
    return Rule((x[0], prod(x[1:])), view=True, saves="", window=WHOLE)


@layer("ZeroPadding2D")
def zero_padding2d(x: Shape, padding: Any = (1, 1), data_format: str | None = None) -> Rule:
    """Zeros around the two spatial axes; a copy, no arithmetic.

    `data_format="channels_first"` pads the last two axes instead of the middle two. On a
    channels-last tensor that pads the width and the channels (see `pad_channels`).
    """
    split(x, 2, data_format)
    (top, bottom), (left, right) = (_two(sides, padding) for sides in _two(padding, padding))
    for size in (top, bottom, left, right):
        if not isinstance(size, int) or size < 0:
            raise ShapeError(f"padding must be whole numbers of at least 0; got {padding!r}")
    first = 2 if channels_first(data_format) else 1
    out = list(x)
    out[first] += top + bottom
    out[first + 1] += left + right
    return Rule(tuple(out), saves="")


def _two(value: Any, padding: Any) -> tuple[Any, Any]:
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ShapeError(f"padding must be one number, two, or two pairs; got {padding!r}")
    return values[0], values[1]


def pad_channels(x: Any, channels: int) -> Any:
    """Append zero channels until there are `channels`; no layer when there already are."""
    missing = channels - x.shape[-1]
    if missing < 0:
        raise ShapeError(f"cannot pad {x.shape[-1]} channels down to {channels}")
    if not missing:
        return x
    return zero_padding2d(x, padding=((0, 0), (0, missing)), data_format="channels_first")
