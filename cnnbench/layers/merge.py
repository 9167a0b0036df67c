"""Layers with several inputs."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Literal

from cnnbench import units
from cnnbench.errors import ShapeError
from cnnbench.graph import layer
from cnnbench.layers._sizes import axes_of
from cnnbench.rule import WHOLE, Rule, Shape


def _each(
    op: str,
    saves: Literal["", "input"] = "",
    backward: int = 0,
    last: int = 0,
    only_two: bool = False,
) -> Callable[..., Any]:
    """The layer of one operation per element for each input after the first.

    Inputs are broadcast after the batch axis, as in Keras: (n, h, w, c) with (n, 1, 1, c) or
    (n, c). The gradient of an input that was broadcast is a sum over the result; each input after
    the first takes `backward` operations more per element. The result takes `last` operations per
    element, forward and backward.
    """

    def rule(xs: Sequence[Shape]) -> Rule:
        if only_two:
            _two(xs)
        out, work, back = xs[0], 0, 0
        for shape in xs[1:]:
            if shape != out:
                joined = _broadcast(out, shape, xs)
                back += prod(joined) * sum(s != joined for s in (out, shape))
                out = joined
            work += prod(out)
        back += backward * work + last * prod(out)
        work += last * prod(out)
        alone = len(xs) == 1
        return Rule(out, elementwise=work, backward=back, view=alone, saves="" if alone else saves)

    return layer(op)(rule)


def _broadcast(a: Shape, b: Shape, xs: Sequence[Shape]) -> Shape:
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    filled = (shorter[0], *(1,) * (len(longer) - len(shorter)), *shorter[1:])
    out = []
    for axis, (m, k) in enumerate(zip(longer, filled, strict=True)):
        plain = isinstance(m, int) and isinstance(k, int)
        if plain and m == k:
            out.append(m)
            continue
        if plain and (axis == 0 or 1 not in (m, k)):
            raise ShapeError(
                f"inputs must have one shape; got {' and '.join(map(units.shape, xs))}"
            )
        out.append(k if isinstance(m, int) and m == 1 else m)
    return tuple(out)


def _two(xs: Sequence[Shape]) -> None:
    if len(xs) != 2:
        raise ShapeError(f"expected two inputs; got {len(xs)}")


add = _each("Add")
subtract = _each("Subtract", backward=1, only_two=True)  # the second gradient is negated
multiply = _each("Multiply", "input", backward=2)
average = _each("Average", last=1)  # a division; the gradient is divided too
maximum = _each("Maximum", "input", backward=3)  # a comparison, and two masks
minimum = _each("Minimum", "input", backward=3)


@layer("Concatenate")
def concatenate(xs: Sequence[Shape], axis: int = -1) -> Rule:
    """Inputs joined along one axis: every input is copied, without arithmetic."""
    first, *others = xs
    (axis,) = axes_of(axis, len(first))
    if any((*s[:axis], *s[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]) for s in xs):
        raise ShapeError(
            f"inputs must agree outside axis {axis}; got {' and '.join(map(units.shape, xs))}"
        )
    joined = sum(s[axis] for s in xs)
    return Rule((*first[:axis], joined, *first[axis + 1 :]), view=not others, saves="")


@layer("Dot")
def dot(xs: Sequence[Shape], axes: Any, normalize: bool = False) -> Rule:
    """The product of two inputs, summed over an axis of each: one MAC for each pair of values.

    `normalize` first divides both by their length: square, add, multiply per element, and five
    operations per element backward.
    """
    _two(xs)
    x, y = xs
    both = tuple(axes) if isinstance(axes, (tuple, list)) else (axes, axes)
    if len(both) != 2:
        raise ShapeError(f"axes must be one number or two; got {axes}")
    first, second = both
    for axis, shape in ((first, x), (second, y)):
        if not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
            raise ShapeError(f"axes must be from 1 to {len(shape) - 1}; got {axes}")
    first, second = first % len(x), second % len(y)
    if x[0] != y[0] or x[first] != y[second]:
        raise ShapeError(
            f"inputs must agree in batch and along axes {first} and {second}; got "
            f"{units.shape(x)} and {units.shape(y)}"
        )
    out = (*x[:first], *x[first + 1 :], *y[1:second], *y[second + 1 :])
    macs = prod(out) * x[first]
    values = (prod(x) + prod(y)) * int(bool(normalize))
    return Rule(
        out if len(out) > 1 else (*out, 1),
        macs=macs,
        elementwise=3 * values,
        products=macs,
        backward=5 * values,
        saves="input",
        window=WHOLE,
    )
