"""Fully connected layers."""

from math import prod

from cnnbench.graph import Rule, Shape, layer
from cnnbench.layers._sizes import kernel_and_bias, positive
from cnnbench.layers.activation import activation_backward, activation_cost, saved


@layer("Dense")
def dense(x: Shape, units: int, activation: str | None = None, use_bias: bool = True) -> Rule:
    """A matrix product over the last axis; leading axes multiply the work, not the weights."""
    positive(units, "units")
    out = (*x[:-1], units)
    return Rule(
        out,
        weights=kernel_and_bias((x[-1], units), units, use_bias),
        macs=prod(out) * x[-1],
        elementwise=prod(out) * int(bool(use_bias)) + activation_cost(activation, out),
        backward=prod(out) * int(bool(use_bias)) + activation_backward(activation, out),
        saves=saved(activation),
    )
