"""Pooling to a given output size."""

from fractions import Fraction
from math import gcd, prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import layer
from cnnbench.layers._sizes import join, sizes, split
from cnnbench.rule import Rule, Shape


def _adaptive(
    rank: int, x: Shape, output_size: Any, data_format: str | None, average: bool = False
) -> Rule:
    """Output i of m is over inputs floor(i * n / m) to ceil((i + 1) * n / m) - 1 of n.

    Windows overlap where m does not divide n. A mean costs an operation per value of each window,
    a maximum one less per window (Keras, `adaptive_average_pool`).
    """
    n, spatial, c = split(x, rank, data_format)
    size = sizes(output_size, rank, "output_size")
    if not all(isinstance(number, int) for number in (*spatial, *size)):
        raise ShapeError("adaptive pooling needs plain numbers for its input and output sizes")
    axes = [_windows(length, m) for length, m in zip(spatial, size, strict=True)]
    out = join(n, size, c, data_format)
    values = n * c * prod(total for total, _ in axes)
    return Rule(
        out,
        elementwise=values if average else values - prod(out),
        backward=values if average else prod(out),
        saves="" if average else "both",
        window=tuple(
            (longest, Fraction(length, m))
            for (_, longest), length, m in zip(axes, spatial, size, strict=True)
        ),
    )


def _windows(length: int, count: int) -> tuple[int, int]:
    """The sum of the lengths of all windows on one axis, and the longest of them.

    The windows are length / count long and both ends are rounded outwards; what that adds up to
    follows from floor(i * length / count) summed over i (Graham, Knuth, Patashnik, "Concrete
    Mathematics", section 3.5).
    """
    total = length + count - gcd(length, count)
    return total, -(-total // count)


@layer("AdaptiveAveragePooling1D")
def adaptive_average_pooling1d(x: Shape, output_size: Any, data_format: str | None = None) -> Rule:
    """The mean of each of `output_size` stretches of steps."""
    return _adaptive(1, x, output_size, data_format, average=True)


@layer("AdaptiveAveragePooling2D")
def adaptive_average_pooling2d(x: Shape, output_size: Any, data_format: str | None = None) -> Rule:
    """The mean of each cell of a grid of `output_size`."""
    return _adaptive(2, x, output_size, data_format, average=True)


@layer("AdaptiveAveragePooling3D")
def adaptive_average_pooling3d(x: Shape, output_size: Any, data_format: str | None = None) -> Rule:
    """The mean of each cell of a grid of `output_size`."""
    return _adaptive(3, x, output_size, data_format, average=True)


@layer("AdaptiveMaxPooling1D")
def adaptive_max_pooling1d(x: Shape, output_size: Any, data_format: str | None = None) -> Rule:
    """The largest value of each of `output_size` stretches of steps."""
    return _adaptive(1, x, output_size, data_format)


@layer("AdaptiveMaxPooling2D")
def adaptive_max_pooling2d(x: Shape, output_size: Any, data_format: str | None = None) -> Rule:
    """The largest value of each cell of a grid of `output_size`."""
    return _adaptive(2, x, output_size, data_format)


@layer("AdaptiveMaxPooling3D")
def adaptive_max_pooling3d(x: Shape, output_size: Any, data_format: str | None = None) -> Rule:
    """The largest value of each cell of a grid of `output_size`."""
    return _adaptive(3, x, output_size, data_format)
