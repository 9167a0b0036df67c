"""Pooling."""

from math import prod
from typing import Any

from cnnbench.graph import layer
from cnnbench.layers._sizes import join, sizes, split, window, windows
from cnnbench.rule import WHOLE, Rule, Shape


def _pooled(
    rank: int,
    x: Shape,
    pool_size: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    average: bool = False,
) -> Rule:
    """The largest value of each window, or the mean; padded positions count.

    Backward, a maximum sends dy to one position and a mean dy / taps to each.
    """
    n, spatial, c = split(x, rank, data_format)
    size = sizes(pool_size, rank, "pool_size")
    step = size if strides is None else sizes(strides, rank, "strides")
    out = join(n, windows(spatial, size, step, padding), c, data_format)
    outputs, taps = prod(out), prod(size)
    return Rule(
        out,
        elementwise=outputs * (taps if average else taps - 1),
        backward=outputs * taps if average else outputs,
        saves="" if average else "both",
        window=window(size, step),
    )


@layer("MaxPooling1D")
def max_pooling1d(
    x: Shape,
    pool_size: Any = 2,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Rule:
    """Costs k - 1 comparisons per output."""
    return _pooled(1, x, pool_size, strides, padding, data_format)


@layer("MaxPooling2D")
def max_pooling2d(
    x: Shape,
    pool_size: Any = (2, 2),
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Rule:
    """Costs kh * kw - 1 comparisons per output."""
    return _pooled(2, x, pool_size, strides, padding, data_format)


@layer("MaxPooling3D")
def max_pooling3d(
    x: Shape,
    pool_size: Any = (2, 2, 2),
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Rule:
    """Costs kd * kh * kw - 1 comparisons per output."""
    return _pooled(3, x, pool_size, strides, padding, data_format)


@layer("AveragePooling1D")
def average_pooling1d(
    x: Shape,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Rule:
    """Costs k - 1 additions and one division per output."""
    return _pooled(1, x, pool_size, strides, padding, data_format, average=True)


@layer("AveragePooling2D")
def average_pooling2d(
    x: Shape,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Rule:
    """Costs kh * kw - 1 additions and one division per output."""
    return _pooled(2, x, pool_size, strides, padding, data_format, average=True)


@layer("AveragePooling3D")
def average_pooling3d(
    x: Shape,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Rule:
    """Costs kd * kh * kw - 1 additions and one division per output."""
    return _pooled(3, x, pool_size, strides, padding, data_format, average=True)


def _global(
    rank: int, x: Shape, data_format: str | None, keepdims: bool, average: bool = False
) -> Rule:
    n, _, c = split(x, rank, data_format)
    out = join(n, (1,) * rank, c, data_format) if keepdims else (n, c)
    return Rule(
        out,
        elementwise=prod(x) if average else prod(x) - n * c,
        backward=prod(x) if average else n * c,
        saves="" if average else "both",
        window=WHOLE,
    )


@layer("GlobalMaxPooling1D")
def global_max_pooling1d(x: Shape, data_format: str | None = None, keepdims: bool = False) -> Rule:
    """The largest value of each channel: a comparison less than it has values."""
    return _global(1, x, data_format, keepdims)


@layer("GlobalMaxPooling2D")
def global_max_pooling2d(x: Shape, data_format: str | None = None, keepdims: bool = False) -> Rule:
    """The largest value of each channel: a comparison less than it has values."""
    return _global(2, x, data_format, keepdims)


@layer("GlobalMaxPooling3D")
def global_max_pooling3d(x: Shape, data_format: str | None = None, keepdims: bool = False) -> Rule:
    """The largest value of each channel: a comparison less than it has values."""
    return _global(3, x, data_format, keepdims)


@layer("GlobalAveragePooling1D")
def global_average_pooling1d(
    x: Shape, data_format: str | None = None, keepdims: bool = False
) -> Rule:
    """The mean of each channel: one operation per input element."""
    return _global(1, x, data_format, keepdims, average=True)


@layer("GlobalAveragePooling2D")
def global_average_pooling2d(
    x: Shape, data_format: str | None = None, keepdims: bool = False
) -> Rule:
    """The mean of each channel: one operation per input element."""
    return _global(2, x, data_format, keepdims, average=True)


@layer("GlobalAveragePooling3D")
def global_average_pooling3d(
    x: Shape, data_format: str | None = None, keepdims: bool = False
) -> Rule:
    """The mean of each channel: one operation per input element."""
    return _global(3, x, data_format, keepdims, average=True)
