"""Fourier transforms, and what finds an order: operations that are more than one for each value.

They are no multiply-adds of a product, so they count as elementwise operations.
"""

from math import ceil, log2, prod

from cnnbench.layers.operations.tables import Attrs, Operation, Shapes
from cnnbench.rule import WHOLE, Rule, Shape


def fourier(values: int, length: int, real: bool = False) -> int:
    """Operations of transforms of `length` complex values, `values` in all: 5 log2(length) each.

    That is the count of Cooley and Tukey (1965) for powers of two, by which FFTW states its speed
    for every length. A transform of real values takes half.
    """
    return ceil(values * log2(max(length, 1)) * (2.5 if real else 5))


def _fourier(axes: int) -> Operation:
    def rule(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
        count = fourier(prod(out), prod(out[-axes:]))
        return Rule(out, elementwise=count, backward=count, saves="", window=WHOLE)

    return rule


def _of_real(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """Between real values and half of their frequencies; `fft_length` are the real values."""
    real = max(shapes[0], out, key=lambda shape: shape[-1])[-1]
    length = attrs.get("fft_length") or real
    count = fourier(prod(out[:-1]) * length, length, real=True)
    return Rule(out, elementwise=count, backward=count, saves="", window=WHOLE)


def _frames(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """A window times each frame, and its transform."""
    frames, length = prod(out[:-1]), attrs["fft_length"]
    count = fourier(frames * length, length, real=True)
    count += frames * attrs["sequence_length"] if attrs["window"] is not None else 0
    return Rule(out, elementwise=count, backward=count, saves="", window=WHOLE)


def _ordered(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """One comparison of each value with log2 of those that are kept, as a heap of them takes."""
    axis = attrs.get("axis", -1)
    kept = attrs.get("k") or (prod(shapes[0]) if axis is None else shapes[0][axis])
    count = prod(shapes[0]) * max(1, ceil(log2(max(kept, 1))))
    return Rule(out, elementwise=count, saves="output", window=WHOLE)


def _segments(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """One operation for each value, which is added to its segment, or compared with it."""
    return Rule(out, elementwise=prod(shapes[0]), saves="input", window=WHOLE)


TRANSFORMS: dict[str, Operation] = {
    "math.FFT": _fourier(1),
    "math.FFT2": _fourier(2),
    "math.IFFT2": _fourier(2),
    "math.RFFT": _of_real,
    "math.IRFFT": _of_real,
    "math.STFT": _frames,
    "math.TopK": _ordered,
    "numpy.Argsort": _ordered,
    "numpy.Sort": _ordered,
    **{f"math.Segment{name}": _segments for name in ("Sum", "Max", "Min", "Prod")},
}
