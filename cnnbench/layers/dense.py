"""Fully connected layers."""

from math import prod

from cnnbench import units as texts
from cnnbench.errors import ShapeError
from cnnbench.graph import layer
from cnnbench.layers._sizes import positive
from cnnbench.layers.activation import affine
from cnnbench.rule import WHOLE, Rule, Shape, Weight


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
