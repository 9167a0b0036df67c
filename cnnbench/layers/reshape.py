"""Layers that only move values."""

from math import prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import Rule, Shape, layer
from cnnbench.layers._sizes import image


@layer("Flatten")
def flatten(x: Shape) -> Rule:
    """All values of a sample in one row; no copy."""
    return Rule((x[0], prod(x[1:])), view=True)


@layer("ZeroPadding2D")
def zero_padding2d(x: Shape, padding: Any = (1, 1), data_format: str = "channels_last") -> Rule:
    """Zeros around the two spatial axes; a copy, no arithmetic.

    `data_format="channels_first"` pads the last two axes instead of the middle two. On a
    channels-last tensor that pads the width and the channels (see `pad_channels`).
    """
    image(x)
    rows, columns = padding if isinstance(padding, (tuple, list)) else (padding, padding)
    (top, bottom), (left, right) = (
        p if isinstance(p, (tuple, list)) else (p, p) for p in (rows, columns)
    )
    if min(top, bottom, left, right) < 0:
        raise ShapeError(f"padding must not be negative; got {padding!r}")
    first = 1 if data_format == "channels_last" else 2
    out = list(x)
    out[first] += top + bottom
    out[first + 1] += left + right
    return Rule(tuple(out))


def pad_channels(x: Any, channels: int) -> Any:
    """Append zero channels until there are `channels`; no layer when there already are."""
    missing = channels - x.shape[-1]
    if missing < 0:
        raise ShapeError(f"cannot pad {x.shape[-1]} channels down to {channels}")
    if not missing:
        return x
    return zero_padding2d(x, padding=((0, 0), (0, missing)), data_format="channels_first")
