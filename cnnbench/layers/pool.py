"""Pooling."""

from math import prod
from typing import Any

from cnnbench.graph import WHOLE, Rule, Shape, Window, layer
from cnnbench.layers._sizes import Sizes, join, sizes, split, window, windows


def _pooled(
    rank: int, x: Shape, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> tuple[Shape, Sizes, Window]:
    n, spatial, c = split(x, rank, data_format)
    size = sizes(pool_size, rank, "pool_size")
    step = size if strides is None else sizes(strides, rank, "strides")
    return join(n, windows(spatial, size, step, padding), c, data_format), size, window(size, step)


@layer("MaxPooling2D")
def max_pooling2d(
    x: Shape,
    pool_size: Any = (2, 2),
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Rule:
    """Costs kh * kw - 1 comparisons per output; padded positions count."""
    out, size, seen = _pooled(2, x, pool_size, strides, padding, data_format)
    return Rule(out, elementwise=prod(out) * (prod(size) - 1), backward=prod(out), window=seen)


@layer("AveragePooling2D")
def average_pooling2d(
    x: Shape,
    pool_size: Any = (2, 2),
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Rule:
    """Costs kh * kw - 1 additions and one division per output; padded positions count."""
    out, size, seen = _pooled(2, x, pool_size, strides, padding, data_format)
    return Rule(
        out,
        elementwise=prod(out) * prod(size),
        backward=prod(out) * prod(size),
        saves="",
        window=seen,
    )


@layer("GlobalAveragePooling2D")
def global_average_pooling2d(
    x: Shape, data_format: str | None = None, keepdims: bool = False
) -> Rule:
    """The mean of each channel: one operation per input element."""
    n, spatial, c = split(x, 2, data_format)
    out = join(n, (1,) * len(spatial), c, data_format) if keepdims else (n, c)
    return Rule(out, elementwise=prod(x), backward=prod(x), saves="", window=WHOLE)
