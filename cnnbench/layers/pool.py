"""Pooling: over windows that slide, over everything, and to a given output size."""

from collections.abc import Callable
from fractions import Fraction
from math import gcd, prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import ranked_layers
from cnnbench.layers._sizes import join, sizes, split, windows
from cnnbench.rule import WHOLE, Rule, Shape, Window


def _pooled(out: Shape, values: int, average: bool, seen: Window | None) -> Rule:
    """Outputs over windows that hold `values` values in all; padded positions count.

    A mean takes one operation for each value, a maximum one less for each output. Backward, a
    mean sends a part of dy to each value of its window, a maximum sends dy to one of them.
    """
    if average:
        return Rule(out, elementwise=values, backward=values, saves="", window=seen)
    outputs = prod(out)
    return Rule(out, elementwise=values - outputs, backward=outputs, window=seen)


def _sliding(
    rank: int,
    x: Shape,
    pool_size: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    average: bool,
) -> Rule:
    n, spatial, c = split(x, rank, data_format)
    size = sizes(pool_size, rank, "pool_size")
    step = size if strides is None else sizes(strides, rank, "strides")
    out = join(n, windows(spatial, size, step, padding), c, data_format)
    seen = tuple(zip(size, step, strict=True))
    return _pooled(out, prod(out) * prod(size), average, seen)


def _max(
    rank: int,
    x: Shape,
    pool_size: Any = 2,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Rule:
    """The largest value of each window: kh * kw - 1 comparisons per output."""
    return _sliding(rank, x, pool_size, strides, padding, data_format, average=False)


def _average(
    rank: int,
    x: Shape,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Rule:
    """The mean of each window: kh * kw - 1 additions and one division per output."""
    return _sliding(rank, x, pool_size, strides, padding, data_format, average=True)


max_pooling1d, max_pooling2d, max_pooling3d = ranked_layers("MaxPooling{}D", _max)
average_pooling1d, average_pooling2d, average_pooling3d = ranked_layers(
    "AveragePooling{}D", _average
)


def _global(average: bool) -> Callable[..., Rule]:
    """The mean or the largest value of each channel, over all positions."""

    def pooling(
        rank: int, x: Shape, data_format: str | None = None, keepdims: bool = False
    ) -> Rule:
        n, _, c = split(x, rank, data_format)
        out = join(n, (1,) * rank, c, data_format) if keepdims else (n, c)
        return _pooled(out, prod(x), average, WHOLE)

    return pooling


global_max_pooling1d, global_max_pooling2d, global_max_pooling3d = ranked_layers(
    "GlobalMaxPooling{}D", _global(average=False)
)
global_average_pooling1d, global_average_pooling2d, global_average_pooling3d = ranked_layers(
    "GlobalAveragePooling{}D", _global(average=True)
)


def _adaptive(average: bool) -> Callable[..., Rule]:
    """The mean or the largest value of each cell of a grid of `output_size`.

    Output i of m is over inputs floor(i * n / m) to ceil((i + 1) * n / m) - 1 of n. Windows
    overlap where m does not divide n (Keras, `adaptive_average_pool`).
    """

    def pooling(rank: int, x: Shape, output_size: Any, data_format: str | None = None) -> Rule:
        n, spatial, c = split(x, rank, data_format)
        size = sizes(output_size, rank, "output_size")
        if not all(isinstance(number, int) for number in (*spatial, *size)):
            raise ShapeError("adaptive pooling needs plain numbers for its input and output sizes")
        # The windows of an axis are length / m long and both ends are rounded outwards; what that
        # adds up to follows from floor(i * length / m) summed over i (Graham, Knuth, Patashnik,
        # "Concrete Mathematics", section 3.5).
        axes = list(zip(spatial, size, strict=True))
        totals = [length + m - gcd(length, m) for length, m in axes]
        longest = [-(-total // m) for total, m in zip(totals, size, strict=True)]
        seen = [(most, Fraction(*axis)) for most, axis in zip(longest, axes, strict=True)]
        out = join(n, size, c, data_format)
        return _pooled(out, n * c * prod(totals), average, tuple(seen))

    return pooling


adaptive_max_pooling1d, adaptive_max_pooling2d, adaptive_max_pooling3d = ranked_layers(
    "AdaptiveMaxPooling{}D", _adaptive(average=False)
)
adaptive_average_pooling1d, adaptive_average_pooling2d, adaptive_average_pooling3d = ranked_layers(
    "AdaptiveAveragePooling{}D", _adaptive(average=True)
)
