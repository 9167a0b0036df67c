"""Activations, alone or as an argument of another layer."""

from math import prod

from cnnbench.errors import ShapeError
from cnnbench.graph import Rule, Shape, layer

OPERATIONS = {
    "linear": 0,
    "relu": 1,  # compare with 0
    "relu6": 2,  # compare with 0 and with 6
    "sigmoid": 4,  # negate, exp, add 1, divide
    "tanh": 1,
    "softmax": 5,  # maximum, subtract, exp, sum, divide
}
"""Elementwise operations that each activation spends on one element."""


def activation_cost(activation: str | None, shape: Shape) -> int:
    """Elementwise operations of an activation on a tensor."""
    name = activation or "linear"
    if name not in OPERATIONS:
        raise ShapeError(f"activation must be one of {', '.join(OPERATIONS)}; got {name!r}")
    return OPERATIONS[name] * prod(shape)


@layer("Activation")
def activation(x: Shape, activation: str) -> Rule:
    """An activation by name."""
    return Rule(x, elementwise=activation_cost(activation, x))
