"""Pooling."""

from math import prod
from typing import Any

from cnnbench.graph import Rule, Shape, layer
from cnnbench.layers._sizes import Pair, image, pair, windows


def _pooled(x: Shape, pool_size: Any, strides: Any, padding: str) -> tuple[Shape, Pair]:
    n, _, _, c = image(x)
    size = pair(pool_size, "pool_size")
    step = size if strides is None else pair(strides, "strides")
    return (n, *windows(x, size, step, padding), c), size


@layer("MaxPooling2D")
def max_pooling2d(
    x: Shape, pool_size: Any = (2, 2), strides: Any = None, padding: str = "valid"
) -> Rule:
    """Costs kh * kw - 1 comparisons per output; padded positions count."""
    out, (kh, kw) = _pooled(x, pool_size, strides, padding)
    return Rule(out, elementwise=prod(out) * (kh * kw - 1))


@layer("AveragePooling2D")
def average_pooling2d(
    x: Shape, pool_size: Any = (2, 2), strides: Any = None, padding: str = "valid"
) -> Rule:
    """Costs kh * kw - 1 additions and one division per output; padded positions count."""
    out, (kh, kw) = _pooled(x, pool_size, strides, padding)
    return Rule(out, elementwise=prod(out) * kh * kw)


@layer("GlobalAveragePooling2D")
def global_average_pooling2d(x: Shape) -> Rule:
    """The mean of each channel: one operation per input element."""
    n, _, _, c = image(x)
    return Rule((n, c), elementwise=prod(x))
