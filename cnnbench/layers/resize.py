"""Layers that make an image larger by a whole factor."""

from fractions import Fraction
from math import prod
from typing import Any

from cnnbench.graph import layer
from cnnbench.layers._sizes import join, positive, sizes, split
from cnnbench.layers.preprocessing import RADIUS, interpolated
from cnnbench.rule import Rule, Shape


def _repeated(
    rank: int, x: Shape, size: Any, data_format: str | None, interpolation: str = "nearest"
) -> Rule:
    """Copies, or weighted sums of neighbours; backward, dy is added to where it came from."""
    n, spatial, c = split(x, rank, data_format)
    factors = sizes(size, rank, "size")
    grown = tuple(length * factor for length, factor in zip(spatial, factors, strict=True))
    out = join(n, grown, c, data_format)
    work = interpolated(n, c, spatial, grown, interpolation)
    reach = 2 * RADIUS[interpolation] if interpolation in RADIUS else 1
    return Rule(
        out,
        elementwise=work,
        backward=work or prod(out),
        saves="",
        window=tuple((reach, Fraction(1, factor)) for factor in factors),
    )


@layer("UpSampling1D")
def up_sampling1d(x: Shape, size: int = 2) -> Rule:
    """Each step `size` times: a copy."""
    positive(size, "size")
    return _repeated(1, x, size, None)


@layer("UpSampling2D")
def up_sampling2d(
    x: Shape, size: Any = 2, data_format: str | None = None, interpolation: str = "nearest"
) -> Rule:
    """Each pixel several times, or interpolated (see `preprocessing.interpolated`)."""
    return _repeated(2, x, size, data_format, interpolation.lower())


@layer("UpSampling3D")
def up_sampling3d(x: Shape, size: Any = 2, data_format: str | None = None) -> Rule:
    """Each voxel several times: a copy."""
    return _repeated(3, x, size, data_format)
