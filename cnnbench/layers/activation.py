"""Activations, alone or as an argument of another layer."""

from math import prod
from typing import Literal

from cnnbench.errors import ShapeError
from cnnbench.graph import Rule, Shape, layer

OPERATIONS: dict[str, tuple[int, int]] = {
    "linear": (0, 0),
    "relu": (1, 1),  # compare with 0; mask the gradient
    "relu6": (2, 2),  # compare with 0 and with 6
    "sigmoid": (4, 3),  # negate, exp, add 1, divide; dy * y * (1 - y)
    "tanh": (1, 3),  # one function; dy * (1 - y * y)
    "softmax": (5, 4),  # maximum, subtract, exp, sum, divide; (dy - sum(dy * y)) * y
}
"""Elementwise operations on one element: forward, and to turn dy into dx."""


def activation_cost(activation: str | None, shape: Shape) -> int:
    """Elementwise operations of an activation on a tensor, forward."""
    return _operations(activation)[0] * prod(shape)


def activation_backward(activation: str | None, shape: Shape) -> int:
    """Elementwise operations of an activation on a tensor, backward."""
    return _operations(activation)[1] * prod(shape)


def is_linear(activation: str | None) -> bool:
    """Whether there is no activation to compute or to differentiate."""
    return activation in (None, "linear")


def saved(activation: str | None) -> Literal["input", "both"]:
    """What a product with weights and then an activation keeps for its backward pass.

    The gradient of the weights needs the input; that of an activation its output.
    """
    return "input" if is_linear(activation) else "both"


def _operations(activation: str | None) -> tuple[int, int]:
    name = activation or "linear"
    if name not in OPERATIONS:
        raise ShapeError(f"activation must be one of {', '.join(OPERATIONS)}; got {name!r}")
    return OPERATIONS[name]


@layer("Activation")
def activation(x: Shape, activation: str) -> Rule:
    """An activation by name."""
    return Rule(
        x,
        elementwise=activation_cost(activation, x),
        backward=activation_backward(activation, x),
        view=is_linear(activation),
        saves="" if is_linear(activation) else "output",
    )
