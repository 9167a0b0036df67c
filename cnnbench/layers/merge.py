"""Layers with several inputs."""

from collections.abc import Sequence
from math import prod

from cnnbench import units
from cnnbench.errors import ShapeError
from cnnbench.graph import Rule, Shape, layer


def _several(shapes: Sequence[Shape]) -> Sequence[Shape]:
    if len(shapes) < 2:
        raise ShapeError(f"expected at least two inputs; got {len(shapes)}")
    return shapes


@layer("Add")
def add(xs: Sequence[Shape]) -> Rule:
    """One addition per element for each input after the first."""
    first, *others = _several(xs)
    if any(shape != first for shape in others):
        raise ShapeError(f"inputs must have one shape; got {' and '.join(map(units.shape, xs))}")
    return Rule(first, elementwise=prod(first) * len(others), saves="")


@layer("Concatenate")
def concatenate(xs: Sequence[Shape], axis: int = -1) -> Rule:
    """Inputs joined along one axis: no arithmetic, but every input is copied."""
    first, *_ = _several(xs)
    rank = len(first)
    if not -rank <= axis < rank:
        raise ShapeError(f"axis must be from {-rank} to {rank - 1}; got {axis}")
    axis = axis % rank
    if any((*s[:axis], *s[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]) for s in xs):
        raise ShapeError(
            f"inputs must agree outside axis {axis}; got {' and '.join(map(units.shape, xs))}"
        )
    joined = sum(s[axis] for s in xs)
    return Rule((*first[:axis], joined, *first[axis + 1 :]), saves="")
