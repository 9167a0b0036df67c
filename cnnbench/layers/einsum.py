"""The dense layer that is written as an equation."""

import re
from math import prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import layer
from cnnbench.layers.activation import affine
from cnnbench.rule import WHOLE, Rule, Shape, Weight

Axes = tuple[str | int, ...]

_EQUATION = re.compile(
    r"(\.\.\.|)([a-zA-Z]+)(\.\.\.|),([a-zA-Z]+)->(\.\.\.|)([a-zA-Z]+)(\.\.\.|)", re.ASCII
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

    One MAC for each combination of all its letters.

    Args:
        x: shape of the input.
        equation: of the input, the kernel and the output. "..." may stand for any axes, first
            or last, of both the input and the output.
        output_shape: of the axes of the output that have letters, without the batch; None
            takes the input's size.
        activation: by name.
        bias_axes: letters of the output that the bias has; None for no bias.

    Raises:
        ShapeError: the equation has another form, or does not fit the sizes.
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
        places = [after.index(axis) for axis in bias_axes if axis in named]
        if not places or len(places) != len(bias_axes):
            raise ShapeError(f"bias_axes must be letters of the output {named}; got {bias_axes!r}")
        first = min(places)
        bias = tuple(n if i in places else 1 for i, n in enumerate(out[first:], first))
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
    match = _EQUATION.fullmatch(equation)
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
