"""Layers that prepare images, numbers and sound."""

from math import prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import WHOLE, Rule, Shape, Weight, layer
from cnnbench.layers._sizes import Sizes, axes_of, join, positive, split

RADIUS = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}
"""Half the width of the window of an interpolation, in pixels of the input."""


@layer("Rescaling")
def rescaling(x: Shape, scale: Any, offset: Any = 0.0) -> Rule:
    """Each value times a scale plus an offset, also where the offset is 0."""
    return Rule(x, elementwise=2 * prod(x), backward=prod(x), saves="")


@layer("Normalization")
def normalization(x: Shape, axis: Any = -1, mean: Any = None, variance: Any = None) -> Rule:
    """Subtract a mean and divide by a standard deviation, of each index on the axes given.

    The deviation is worked out in each call: a root and a comparison for each of them. Means
    that come as arguments are constants; adapted ones are weights, with the count of
    the values that they were adapted to.
    """
    axes = () if axis is None else axes_of(axis, len(x))
    kept = tuple(x[a] for a in sorted(axes))
    names = {"mean": kept, "variance": kept, "count": ()}
    return Rule(
        x,
        weights=tuple(Weight(n, s, False) for n, s in names.items()) if mean is None else (),
        elementwise=2 * prod(x) + 2 * prod(kept),
        backward=prod(x),
        saves="",
    )


def interpolated(
    n: int, c: int, old: Sizes, new: Sizes, interpolation: str, antialias: bool = False
) -> int:
    """Elementwise operations of resizing n * c images: 2 * taps - 1 for each weighted sum.

    "nearest" copies. Otherwise a window of 2 * radius taps on an axis, all axes at once (4
    taps for bilinear, 16 for bicubic). The Lanczos windows and all antialiased ones go axis by
    axis, the first axis first, over 2 * ceil(radius * shrink) + 1 taps but no more than there
    are values (TensorFlow, `ScaleAndTranslate`).

    Raises:
        ShapeError: the interpolation is unknown.
    """
    if interpolation == "nearest":
        return 0
    if interpolation not in RADIUS:
        known = ", ".join(("nearest", *RADIUS))
        raise ShapeError(f"interpolation must be one of {known}; got {interpolation!r}")
    radius = RADIUS[interpolation]
    if not antialias and not interpolation.startswith("lanczos"):
        return n * c * prod(new) * (2 * prod((2 * radius,) * len(new)) - 1)
    operations, size = 0, list(old)
    for axis, (before, after) in enumerate(zip(old, new, strict=True)):
        size[axis] = after
        shrinks = antialias and before > after
        reach = -(-radius * before // after) if shrinks else radius
        operations += n * c * prod(size) * (2 * min(2 * reach + 1, before) - 1)
    return operations


@layer("Resizing")
def resizing(
    x: Shape,
    height: int,
    width: int,
    interpolation: str = "bilinear",
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    antialias: bool = False,
    data_format: str | None = None,
) -> Rule:
    """Images of another size, each value a weighted sum of those near it (`interpolated`).

    An image that has the size already passes through. A crop or a padding to the aspect ratio
    of the target comes before, in whole pixels, rounded down.
    """
    n, (h, w), c = split(x, 2, data_format)
    positive(height, "height")
    positive(width, "width")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ShapeError("crop_to_aspect_ratio and pad_to_aspect_ratio cannot both be true")
    old, new = (h, w), (height, width)
    same = _equal(old, new) and not (crop_to_aspect_ratio or pad_to_aspect_ratio)
    if crop_to_aspect_ratio:
        old = max(min(h, w * height // width), 1), max(min(w, h * width // height), 1)
    elif pad_to_aspect_ratio:
        old = max(h, w * height // width), max(w, h * width // height)
    taps = 0 if same else interpolated(n, c, old, new, interpolation, antialias)
    out = join(n, new, c, data_format)
    return Rule(out, elementwise=taps, view=same, backward=taps, saves="", window=WHOLE)


@layer("CenterCrop")
def center_crop(x: Shape, height: int, width: int, data_format: str | None = None) -> Rule:
    """The middle of each image, a copy.

    An image that is too small is resized instead, bilinearly, from its largest part with the
    aspect ratio of the target.
    """
    n, (h, w), c = split(x, 2, data_format)
    positive(height, "height")
    positive(width, "width")
    out = join(n, (height, width), c, data_format)
    if not any(isinstance(old, int) and old < new for old, new in ((h, height), (w, width))):
        return Rule(out, view=_equal((h, w), (height, width)), saves="", window=WHOLE)
    old = max(min(h, w * height // width), 1), max(min(w, h * width // height), 1)
    taps = interpolated(n, c, old, (height, width), "bilinear")
    return Rule(out, elementwise=taps, backward=taps, saves="", window=WHOLE)


def _equal(old: Sizes, new: Sizes) -> bool:
    return all(isinstance(a, int) and a == b for a, b in zip(old, new, strict=True))


@layer("Masking")
def masking(x: Shape, mask_value: float = 0.0) -> Rule:
    """Zeros at the steps all of whose values are the mask: compare, combine, multiply."""
    return Rule(x, elementwise=3 * prod(x), backward=prod(x), saves="")
