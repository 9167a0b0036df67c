"""Fully connected layers."""

from math import prod

from cnnbench import units as texts
from cnnbench.errors import ShapeError
from cnnbench.graph import layer
from cnnbench.layers._sizes import kernel_and_bias, positive
from cnnbench.layers.activation import activated, activation_backward, activation_cost, saved
from cnnbench.rule import WHOLE, Rule, Shape


@layer("Dense")
def dense(x: Shape, units: int, activation: str | None = None, use_bias: bool = True) -> Rule:
    """A matrix product over the last axis; leading axes multiply the work, not the weights."""
    if len(x) < 2:
        raise ShapeError(f"expected an input of at least two axes; got {texts.shape(x)}")
    positive(units, "units")
    out = (*x[:-1], units)
    bias = prod(out) * int(bool(use_bias))
    return Rule(
        activated(activation, out),
        weights=kernel_and_bias((x[-1], units), units, use_bias),
        macs=prod(out) * x[-1],
        elementwise=bias + activation_cost(activation, out),
        backward=bias + activation_backward(activation, out),
        saves=saved(activation),
        window=WHOLE if len(x) == 2 else (),
    )
