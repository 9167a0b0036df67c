"""Layers that prepare numbers, sound and images, also those that alter images in training."""

from collections.abc import Sequence
from math import prod
from typing import Any

from cnnbench.errors import NoRuleError, ShapeError
from cnnbench.graph import RULES, layer
from cnnbench.layers._sizes import Sizes, axes_of, join, positive, slide, split
from cnnbench.rule import WHOLE, Rule, Shape, Weight

RADIUS = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}
"""Half the width of the window of an interpolation, in pixels of the input."""


@layer("Rescaling")
def rescaling(x: Shape, scale: Any, offset: Any = 0.0) -> Rule:
    """Each value times a scale plus an offset, also where the offset is 0."""
    return Rule(x, elementwise=2 * prod(x), backward=prod(x), saves="")


@layer("Normalization")
def normalization(x: Shape, axis: Any = -1, mean: Any = None, variance: Any = None) -> Rule:
    """Subtract a mean and divide by a standard deviation, one for each index on the given axes.

    The deviation is computed in each call: a root and a comparison for each of them. Means that
    are arguments are constants; adapted means are weights, with the number of values that they
    were adapted to.
    """
    axes = () if axis is None else axes_of(axis, len(x))
    kept = tuple(x[a] for a in sorted(axes))
    adapted = (
        Weight("mean", kept, False),
        Weight("variance", kept, False),
        Weight("count", (), False, "int64"),
    )
    return Rule(
        x,
        weights=adapted if mean is None else (),
        elementwise=2 * prod(x) + 2 * prod(kept),
        backward=prod(x),
        saves="",
    )


def interpolated(
    n: int, c: int, old: Sizes, new: Sizes, interpolation: str, antialias: bool = False
) -> int:
    """Elementwise operations of resizing n * c images: 2 * taps - 1 for each weighted sum.

    "nearest" copies. Other windows have 2 * radius taps on each axis, all axes at once (4 taps
    for bilinear, 16 for bicubic). Lanczos and antialiased windows are applied to one axis after
    the other, the first axis first, with 2 * ceil(radius * shrink) + 1 taps but no more than
    there are values (TensorFlow, `ScaleAndTranslate`).
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
    """Images of another size; each value is a weighted sum of those near it (`interpolated`).

    An image that already has the size passes through. Before that it may be cropped or padded to
    the aspect ratio of the target, in whole pixels, rounded down.
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
    """A copy of the middle of each image.

    Of an image that is too small, the largest part with the aspect ratio of the target is
    resized instead, bilinearly.
    """
    n, (h, w), c = split(x, 2, data_format)
    positive(height, "height")
    positive(width, "width")
    out = join(n, (height, width), c, data_format)
    if not any(isinstance(old, int) and old < new for old, new in ((h, height), (w, width))):
        return Rule(out, view=_equal((h, w), (height, width)), saves="", window=WHOLE)
    rule = RULES["Resizing"]
    return rule(x, height, width, crop_to_aspect_ratio=True, data_format=data_format)


def _equal(old: Sizes, new: Sizes) -> bool:
    return all(isinstance(a, int) and a == b for a, b in zip(old, new, strict=True))


@layer("Masking")
def masking(x: Shape, mask_value: float = 0.0) -> Rule:
    """Zeros at the steps where all values equal the mask: compare, combine, multiply."""
    return Rule(x, elementwise=3 * prod(x), backward=prod(x), saves="")


def _encoded(x: Shape, output_mode: str, depth: int, before: int = 0) -> Rule:
    """Whole numbers as they are, or as classes: Keras' `encode_categorical_inputs`.

    "one_hot" compares each with each class; "multi_hot" and "count" add each to its bin, and have
    no rule for three axes, for which Keras itself gives two shapes. `before` is the number of
    operations that gave the numbers.
    """
    positive(depth, "the number of classes")
    if output_mode == "int":
        return Rule(x, elementwise=before, saves="")
    if output_mode == "one_hot":
        last = x[-1] if len(x) > 1 else 0
        out = (*x[:-1], depth) if isinstance(last, int) and last == 1 else (*x, depth)
        return Rule(out, elementwise=before + prod(out), saves="")
    if output_mode not in ("multi_hot", "count"):
        modes = "'int', 'one_hot', 'multi_hot' or 'count'"
        raise ShapeError(f"output_mode must be {modes}; got {output_mode!r}")
    if len(x) > 2:
        raise NoRuleError(f"{output_mode!r} has no rule for an input of {len(x)} axes")
    return Rule((*x[:-1], depth), elementwise=before + prod(x), saves="")


@layer("CategoryEncoding")
def category_encoding(x: Shape, num_tokens: int, output_mode: str = "multi_hot") -> Rule:
    """Whole numbers as classes: a comparison with each class, or an addition to one of them."""
    return _encoded(x, output_mode, num_tokens)


@layer("Discretization")
def discretization(
    x: Shape, bin_boundaries: Sequence[float] | None = None, output_mode: str = "int"
) -> Rule:
    """The bin of each value by binary search: floor(log2(b)) + 1 comparisons for b boundaries."""
    if not bin_boundaries:
        raise NoRuleError("it has not been adapted, so the number of its bins is not known")
    bins = len(bin_boundaries)
    return _encoded(x, output_mode, bins + 1, prod(x) * bins.bit_length())


_STFT = {
    "real": (0, 0),
    "imag": (0, 0),
    "stft": (0, 0),
    "angle": (1, 7),  # one function; as arctan2
    "psd": (4, 5),  # the power, which is two squares and a sum, added once more
    "magnitude": (5, 7),  # the power compared with a least value, root
    "log": (7, 9),  # the magnitude compared with a least value, logarithm
}
"""Operations on each frequency of a frame, forward and backward."""


@layer("STFTSpectrogram")
def stft_spectrogram(
    x: Shape,
    mode: str = "log",
    frame_length: int = 256,
    frame_step: int | None = None,
    fft_length: int | None = None,
    padding: str = "valid",
    expand_dims: bool = False,
    data_format: str | None = None,
) -> Rule:
    """Each channel of a signal, (n, steps, c), by frequency: two convolutions, as Keras does it.

    Each has fft_length // 2 + 1 frequencies of `frame_length` taps. "real" and "imag" need only
    one of the two; "stft" returns both. The kernels are trainable weights.
    """
    n, (steps,), c = split(x, 1, data_format)
    if mode not in _STFT:
        raise ShapeError(f"mode must be one of {', '.join(_STFT)}; got {mode!r}")
    positive(frame_length, "frame_length")
    step = frame_step or frame_length // 2
    positive(step, "frame_step")
    length = fft_length or 1 << (frame_length - 1).bit_length()  # the next power of two
    frequencies = length // 2 + 1
    (frames,), inside, _ = slide((steps,), (frame_length,), (step,), (1,), padding)
    kernels = [name for name, without in (("real", "imag"), ("imag", "real")) if mode != without]
    values = n * c * frames * frequencies
    own = frequencies * (2 if mode == "stft" else 1)
    if expand_dims:
        out = join(n, (frames, own), c, data_format)
    else:
        out = join(n, (frames,), own * c, data_format)
    return Rule(
        out,
        weights=tuple(Weight(f"{name}_kernel", (frame_length, 1, frequencies)) for name in kernels),
        macs=len(kernels) * values * frame_length,
        elementwise=_STFT[mode][0] * values,
        inside=None if inside is None else len(kernels) * n * c * frequencies * inside,
        scratch=len(kernels) * values,
        backward=_STFT[mode][1] * values,
        window=WHOLE,
    )


IDENTITY = """
AugMix CutMix Equalization MixUp RandAugment RandomBrightness RandomColorDegeneration
RandomColorJitter RandomContrast RandomElasticTransform RandomErasing RandomFlip
RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization
RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom
Solarization
"""
"""Layers whose `transform_images` in Keras does nothing unless `training` is true.

Their work in training is part of preparing the data, and is not counted.
"""


for _name in IDENTITY.split():
    layer(_name)(lambda x: Rule(x, view=True, saves=""))


@layer("RandomCrop")
def random_crop(x: Shape, height: int, width: int, data_format: str | None = None) -> Rule:
    """Nothing at inference, although Keras gives the size of the crop as the output size."""
    n, _, c = split(x, 2, data_format)
    positive(height, "height")
    positive(width, "width")
    return Rule(join(n, (height, width), c, data_format), view=True, saves="", window=WHOLE)


@layer("AutoContrast")
def auto_contrast(x: Shape, value_range: Any = (0, 255)) -> Rule:
    """Stretches the values along axes 1 and 2 to the whole range, also at inference.

    Each value: minimum, maximum, scale and offset (2), two limits, a test and a selection (2).
    Each stretched image of one channel: 4 for its scale and offset, less 2 for its first value. A
    range other than 0 to 255 is mapped to it and back, in 4 operations on each value each way.
    """
    mapped = 0 if tuple(value_range) == (0, 255) else 8
    parts = x[0] * prod(x[3:])
    return Rule(
        x,
        elementwise=(8 + mapped) * prod(x) + 2 * parts,
        backward=(8 + mapped) * prod(x),
        window=WHOLE,
    )
