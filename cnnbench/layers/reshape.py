"""Layers that only move values."""

from math import prod
from typing import Any

from cnnbench import units
from cnnbench.errors import ShapeError
from cnnbench.graph import layer, ranked_layers
from cnnbench.layers._sizes import channels_first, join, positive, split
from cnnbench.rule import WHOLE, Rule, Shape


@layer("Flatten")
def flatten(x: Shape, data_format: str | None = None) -> Rule:
    """All values of a sample in one row; a copy only if channels must be moved to the end."""
    moved = channels_first(data_format) and len(x) > 2
    return Rule((x[0], prod(x[1:])), view=not moved, saves="", window=WHOLE)


@layer("Reshape")
def reshape(x: Shape, target_shape: Any) -> Rule:
    """The values of a sample in another shape, not copied. One size may be -1: what is left."""
    target, values = tuple(target_shape), prod(x[1:])
    wrong = [n for n in target if not hasattr(n, "__floordiv__") or (isinstance(n, int) and n < -1)]
    if wrong or target.count(-1) > 1:
        raise ShapeError(f"target_shape must be sizes, and -1 at most once; got {target}")
    known = prod(size for size in target if size != -1)
    plain = isinstance(values, int) and isinstance(known, int)
    if -1 in target:
        if plain and (not known or values % known):
            raise ShapeError(f"{units.shape(x[1:])} cannot be reshaped to {target}")
        target = tuple(values // known if size == -1 else size for size in target)
    elif plain and known != values:
        raise ShapeError(f"{units.shape(x[1:])} cannot be reshaped to {target}")
    return Rule((x[0], *target), view=True, saves="", window=WHOLE)


@layer("Permute")
def permute(x: Shape, dims: Any) -> Rule:
    """The axes of a sample, which count from 1, in another order; a copy."""
    if sorted(dims) != list(range(1, len(x))):
        raise ShapeError(f"dims must be 1 to {len(x) - 1} in some order; got {tuple(dims)}")
    return Rule((x[0], *(x[d] for d in dims)), saves="", window=WHOLE)


@layer("RepeatVector")
def repeat_vector(x: Shape, n: int) -> Rule:
    """(batch, c) copied to n steps; backward, a sum over them."""
    if len(x) != 2:
        raise ShapeError(f"expected an input of shape (n, c); got {units.shape(x)}")
    positive(n, "n")
    out = (x[0], n, x[1])
    return Rule(out, backward=prod(out), saves="", window=WHOLE)


def _bordered(
    rank: int, x: Shape, sides: Any, sign: int, data_format: str | None, what: str
) -> Rule:
    """Each spatial axis made longer or shorter by one number, or by one number at each end."""
    n, spatial, c = split(x, rank, data_format)
    each = isinstance(sides, (tuple, list)) and rank > 1
    axes = tuple(sides) if each else (sides,) * rank
    ends = [tuple(a) if isinstance(a, (tuple, list)) else (a, a) for a in axes]
    if len(ends) != rank or any(len(pair) != 2 for pair in ends):
        forms = "one number or two" if rank == 1 else f"one number, {rank}, or {rank} pairs"
        raise ShapeError(f"{what} must be {forms}; got {sides!r}")
    if not all(isinstance(size, int) and size >= 0 for pair in ends for size in pair):
        raise ShapeError(f"{what} must be whole numbers of at least 0; got {sides!r}")
    out = tuple(size + sign * sum(pair) for size, pair in zip(spatial, ends, strict=True))
    if any(isinstance(size, int) and size < 1 for size in out):
        raise ShapeError(f"{what} {sides!r} leaves nothing of {units.shape(spatial)}")
    return Rule(join(n, out, c, data_format), saves="")


def _zero_padding(rank: int, x: Shape, padding: Any = 1, data_format: str | None = None) -> Rule:
    """Zeros on both sides of each spatial axis; a copy, no arithmetic.

    `data_format="channels_first"` pads the last axes instead of the middle ones. On a
    channels-last image that pads the width and the channels (see `pad_channels`).
    """
    return _bordered(rank, x, padding, 1, data_format, "padding")


zero_padding1d, zero_padding2d, zero_padding3d = ranked_layers("ZeroPadding{}D", _zero_padding)


@layer("Cropping1D")
def cropping1d(x: Shape, cropping: Any = 1) -> Rule:
    """The steps without some at both ends; a copy."""
    return _bordered(1, x, cropping, -1, None, "cropping")


@layer("Cropping2D")
def cropping2d(x: Shape, cropping: Any = 0, data_format: str | None = None) -> Rule:
    """The image without some rows and columns; a copy."""
    return _bordered(2, x, cropping, -1, data_format, "cropping")


@layer("Cropping3D")
def cropping3d(x: Shape, cropping: Any = 1, data_format: str | None = None) -> Rule:
    """The volume without some planes on each side; a copy."""
    return _bordered(3, x, cropping, -1, data_format, "cropping")


def pad_channels(x: Any, channels: int) -> Any:
    """Append zero channels until there are `channels`; adds no layer if there already are."""
    missing = channels - x.shape[-1]
    if missing < 0:
        raise ShapeError(f"cannot pad {x.shape[-1]} channels down to {channels}")
    if not missing:
        return x
    return zero_padding2d(x, padding=((0, 0), (0, missing)), data_format="channels_first")
