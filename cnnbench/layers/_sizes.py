"""Arithmetic on sizes that several layers share."""

from functools import cache
from typing import Any

from cnnbench import units
from cnnbench.errors import ShapeError
from cnnbench.graph import LARGEST
from cnnbench.rule import WHOLE, Shape, Window

Sizes = tuple[int, ...]


def sizes(value: Any, rank: int, what: str) -> Sizes:
    """One number, or one for each of `rank` axes, as a tuple; all must be at least 1."""
    if type(value) is int and 1 <= value <= LARGEST:
        return (value,) * rank
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    if len(values) != rank:
        raise ShapeError(f"{what} must be one number or {rank}; got {value!r}")
    for number in values:
        positive(number, what)
    return values


def positive(value: Any, what: str) -> None:
    """Refuse what cannot be a whole number of at least 1, and absurdly large numbers."""
    if type(value) is int and 1 <= value <= LARGEST:
        return
    number = hasattr(value, "__floordiv__") and not isinstance(value, (bool, float))
    if not number or (isinstance(value, int) and value < 1):
        raise ShapeError(f"{what} must be a whole number of at least 1; got {value!r}")
    if isinstance(value, int) and value > LARGEST:
        raise ShapeError(f"{what} must be at most {LARGEST:.0e}; got a larger number")


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """One axis or several of a tensor of `rank` axes, as numbers from 0 to rank - 1."""
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    for number in axes:
        if type(number) is not int or not -rank <= number < rank:
            raise ShapeError(f"axis must be from {-rank} to {rank - 1}; got {number!r}")
    return tuple(number % rank for number in axes)


def split(x: Shape, rank: int, data_format: str | None = None) -> tuple[int, Shape, int]:
    """Check that a shape has `rank` spatial axes; (batch, spatial sizes, channels)."""
    first = channels_first(data_format)
    if len(x) != rank + 2:
        axes = ", ".join("dhw"[3 - rank :])
        expected = f"(n, c, {axes})" if first else f"(n, {axes}, c)"
        raise ShapeError(f"expected an input of shape {expected}; got {units.shape(x)}")
    return (x[0], x[2:], x[1]) if first else (x[0], x[1:-1], x[-1])


def join(n: int, spatial: Shape, c: int, data_format: str | None = None) -> Shape:
    """The inverse of `split`."""
    return (n, c, *spatial) if channels_first(data_format) else (n, *spatial, c)


def channels_first(data_format: str | None) -> bool:
    """Whether channels come before the spatial axes; None is Keras' default, the last."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise ShapeError(
            f"data_format must be 'channels_last' or 'channels_first'; got {data_format!r}"
        )
    return data_format == "channels_first"


def reaches(size: Sizes, dilation: Sizes) -> Sizes:
    """How many positions a window spans on each axis: dilation * (size - 1) + 1."""
    return tuple(d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True))


def kernel_sizes(
    rank: int, size: Any, strides: Any, dilation: Any, both: bool = False
) -> tuple[Sizes, Sizes, Sizes]:
    """Size, strides and dilation of a kernel on each axis; not strides and dilation at once."""
    kernel = sizes(size, rank, "kernel_size")
    step, apart = sizes(strides, rank, "strides"), sizes(dilation, rank, "dilation_rate")
    if not both and any(s != 1 for s in step) and any(d != 1 for d in apart):
        raise ShapeError(f"strides {step} and dilation_rate {apart} cannot both exceed 1")
    return kernel, step, apart


def windows(
    spatial: Shape, reach: Sizes, strides: Sizes, padding: str, causal: bool = False
) -> Shape:
    """Output sizes of a window that slides over the spatial axes (Keras, `Conv2D`).

    "valid" gives floor((in - reach) / stride) + 1; "same", and "causal" where a layer has it,
    give ceil(in / stride).
    """
    if padding == "valid":
        for length, r in zip(spatial, reach, strict=True):
            if type(length) is int and type(r) is int and length < r:
                raise ShapeError(
                    f"a window of {r} does not fit into {units.shape(spatial)} with "
                    "padding 'valid'; give a larger input"
                )
        return tuple((n - r) // s + 1 for n, r, s in zip(spatial, reach, strides, strict=True))
    if padding != "same" and not (causal and padding == "causal"):
        known = "'same', 'valid' or 'causal'" if causal else "'same' or 'valid'"
        raise ShapeError(f"padding must be {known}; got {padding!r}")
    return tuple(-(-n // s) for n, s in zip(spatial, strides, strict=True))


def taps_inside(
    spatial: Shape, size: Sizes, strides: Sizes, dilation: Sizes, padding: str
) -> int | None:
    """How many taps of all windows lie inside the input, not on padding, as XLA counts them.

    None if all do, or if a size is not a plain number.
    """
    if padding == "valid":
        return None
    causal, total = padding == "causal", 1
    for axis in zip(spatial, size, strides, dilation, strict=True):
        if not all(type(number) is int for number in axis):
            return None
        total *= _taps_inside(*axis, causal)
    return total


def slide(
    spatial: Shape, size: Sizes, strides: Sizes, dilation: Sizes, padding: str, causal: bool = False
) -> tuple[Shape, int | None, Window]:
    """Output sizes, `taps_inside` and `Rule.window` of a window that slides."""
    numbers = (*spatial, *size, *strides, *dilation)
    # A network asks for the same few again and again; arrays and symbols cannot be cached.
    compute = _slide if [n for n in numbers if type(n) is not int] else _cached_slide
    return compute(spatial, size, strides, dilation, padding, causal)


def _slide(
    spatial: Shape, size: Sizes, strides: Sizes, dilation: Sizes, padding: str, causal: bool
) -> tuple[Shape, int | None, Window]:
    reach = reaches(size, dilation)
    return (
        windows(spatial, reach, strides, padding, causal),
        taps_inside(spatial, size, strides, dilation, padding),
        tuple(zip(reach, strides, strict=True)),
    )


_cached_slide = cache(_slide)


@cache
def _taps_inside(length: int, size: int, stride: int, dilation: int, causal: bool) -> int:
    reach = dilation * (size - 1) + 1
    out = -(-length // stride)
    padded = reach - 1 if causal else max((out - 1) * stride + reach - length, 0)
    before = padded if causal else padded // 2  # TensorFlow pads the odd one at the end
    return _pairs(length, size, stride, dilation, out, before)


def _pairs(length: int, size: int, stride: int, dilation: int, windows: int, before: int) -> int:
    """How many pairs of a window and one of its taps lie at a position from 0 to length - 1.

    The first of `windows` starts at -before, each of the others `stride` further on. The number
    of steps grows with the digits of the sizes only, so that a mistyped size takes no hours.
    """

    def left_of(end: int) -> int:  # pairs with window * stride + tap * dilation < end
        every = min(max((end - 1 - (windows - 1) * stride) // dilation + 1, 0), size)
        some = min(max((end - 1) // dilation + 1, 0), size)
        rest = some - every  # taps that are left of the end in some windows but not in all
        nearest = end - 1 - (some - 1) * dilation
        return every * windows + rest + _floors(rest, dilation, nearest, stride)

    return left_of(before + length) - left_of(before)


def _floors(count: int, slope: int, start: int, divisor: int) -> int:
    """The sum of (slope * i + start) // divisor for i from 0 to count - 1.

    It counts the points below a line, which is reduced as in Euclid's algorithm until it is flat
    (Graham, Knuth, Patashnik, "Concrete Mathematics", section 3.5).
    """
    total = 0
    while count:
        total += count * (count - 1) // 2 * (slope // divisor) + count * (start // divisor)
        slope, start = slope % divisor, start % divisor
        count, start = divmod(slope * count + start, divisor)
        slope, divisor = divisor, slope
    return total


def taps_landing(
    spatial: Shape, out: Shape, size: Sizes, strides: Sizes, dilation: Sizes
) -> int | None:
    """How many taps of a transposed convolution land inside its output; None as `taps_inside`.

    What sticks out of the output is cut off at both ends; of an odd number, more at the end.
    """
    total = 1
    for axis in zip(spatial, out, size, strides, dilation, strict=True):
        if not all(type(number) is int for number in axis):
            return None
        length, end, taps, stride, step = axis
        cut = max((length - 1) * stride + step * (taps - 1) + 1 - end, 0)
        total *= _pairs(end, taps, stride, step, length, cut // 2)
    return total


def sees(x: Shape, axis: Any) -> Window | None:
    """`Rule.window` of a layer that combines the values along one axis or several."""
    return () if axes_of(axis, len(x)) == (len(x) - 1,) else WHOLE
