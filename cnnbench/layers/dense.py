"""Fully connected layers, also written as an equation."""

import re
from math import prod
from typing import Any

from cnnbench import units as texts
from cnnbench.errors import ShapeError
from cnnbench.graph import layer
from cnnbench.layers._sizes import positive
from cnnbench.layers.activation import affine
from cnnbench.rule import WHOLE, Rule, Shape, Weight

Axes = tuple[str | int, ...]

_EQUATION = r"(\.\.\.|)([a-zA-Z]+)(\.\.\.|),([a-zA-Z]+)->(\.\.\.|)([a-zA-Z]+)(\.\.\.|)"


@layer("Dense")
def dense(x: Shape, units: int, activation: str | None = None, use_bias: bool = True) -> Rule:
    """A matrix product over the last axis; the other axes multiply the work, not the weights."""
    if len(x) < 2:
        raise ShapeError(f"expected an input of at least two axes; got {texts.shape(x)}")
    positive(units, "units")
    out = (*x[:-1], units)
    return affine(
        out,
        Weight("kernel", (x[-1], units)),
        bias=(units,) if use_bias else None,
        activation=activation,
        macs=prod(out) * x[-1],
        window=WHOLE if len(x) == 2 else (),
    )


@layer("EinsumDense")
def einsum_dense(
    x: Shape,
    equation: str,
    output_shape: Any,
    activation: str | None = None,
    bias_axes: str | None = None,
) -> Rule:
    """The product of the input and a kernel that an equation names: "abc,cd->abd".

    One MAC for each combination of all letters. "..." may stand for any axes, first or last, of
    both the input and the output. `output_shape` has a size for each letter of the output but the
    batch, or None for the input's size; `bias_axes` are the letters that the bias has.
    """
    before, kernel, after = _parsed(equation, len(x))
    size = dict(zip(before, x, strict=True))
    named = [axis for axis in after[1:] if isinstance(axis, str)]
    given = tuple(output_shape) if isinstance(output_shape, (tuple, list)) else (output_shape,)
    if len(given) != len(named):
        raise ShapeError(f"output_shape of {equation!r} needs {len(named)} sizes; got {given}")
    for axis, length in zip(named, given, strict=True):
        if length is not None and size.setdefault(axis, length) != length:
            raise ShapeError(f"axis {axis!r} of {equation!r} is {size[axis]}; got {length}")
    lost = [axis for axis in (*kernel, *after) if axis not in size]
    lost += [axis for axis in named if axis not in before and axis not in kernel]
    if lost:
        raise ShapeError(f"axis {lost[0]!r} of {equation!r} has no size in input and kernel")
    out = tuple(size[axis] for axis in after)
    bias = None
    if bias_axes is not None:
        positions = [after.index(axis) for axis in bias_axes if axis in named]
        if not positions or len(positions) != len(bias_axes):
            raise ShapeError(f"bias_axes must be letters of the output {named}; got {bias_axes!r}")
        first = min(positions)
        bias = tuple(n if i in positions else 1 for i, n in enumerate(out[first:], first))
    return affine(
        out,
        Weight("kernel", tuple(size[axis] for axis in kernel)),
        bias=bias,
        activation=activation,
        macs=prod(size.values()),
        window=WHOLE,
    )


def _parsed(equation: str, rank: int) -> tuple[Axes, str, Axes]:
    """Axes of input, kernel and output: letters, and a number for each that "..." stands for."""
    match = re.fullmatch(_EQUATION, equation, re.ASCII)
    dots = match and (match[1], match[3])
    if not match or dots != (match[5], match[7]) or all(match.group(1, 3)):
        raise ShapeError(
            "equation must be like 'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...'; "
            f"got {equation!r}"
        )
    _, x, last, kernel, first, out, _ = match.groups()
    free = tuple(range(rank - len(x)))
    fits = len(x) + len(free) == rank and (first or last or not free)
    before, after = ((*x, *free), (*out, *free)) if last else ((*free, *x), (*free, *out))
    if not fits or before[0] != after[0]:
        raise ShapeError(f"equation {equation!r} does not fit an input of {rank} axes, batch first")
    return before, kernel, after
