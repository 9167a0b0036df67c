"""Activations, alone or as an argument of another layer."""

from __future__ import annotations

from math import prod
from typing import Any

from cnnbench.errors import ShapeError, unknown
from cnnbench.graph import layer
from cnnbench.layers._sizes import sees
from cnnbench.rule import Rule, Shape, Weight, Window

OPERATIONS: dict[str, tuple[int, int]] = {
    "linear": (0, 0),
    "relu": (1, 1),  # compare with 0; mask the gradient
    "relu6": (2, 2),  # compare with 0 and with 6
    "leaky_relu": (2, 2),  # compare, multiply; the same on dy
    "elu": (3, 3),  # compare, exp, subtract 1; compare, y + 1, multiply
    "celu": (3, 3),  # elu, at its default alpha of 1
    "selu": (4, 3),  # elu, multiply; compare, add, multiply
    "exponential": (1, 1),  # exp; dy * y
    "sigmoid": (4, 3),  # negate, exp, add 1, divide; dy * y * (1 - y)
    "log_sigmoid": (5, 4),  # -log(1 + exp(-x)); dy / (1 + exp(x))
    "hard_sigmoid": (4, 3),  # add 3, relu6, divide by 6; two masks, divide
    "sparse_sigmoid": (4, 2),  # add 1, halve, compare with 0 and 1; mask, halve
    "tanh": (1, 3),  # one function; dy * (1 - y * y)
    "hard_tanh": (2, 2),  # compare with -1 and 1; two masks
    "tanh_shrink": (2, 3),  # x - tanh(x); dy * tanh(x) ** 2
    "soft_shrink": (3, 1),  # compare with both thresholds, shift; mask
    "hard_shrink": (2, 1),  # absolute value, compare; mask
    "silu": (5, 9),  # sigmoid, times x; s = sigmoid(x), dy * s * (1 + x * (1 - s))
    "swish": (5, 9),  # another name for silu
    "hard_silu": (5, 9),  # hard sigmoid, times x; dy * (it + x / 6 between two masks)
    "hard_swish": (5, 9),  # another name for hard_silu
    "mish": (5, 14),  # t = tanh(softplus(x)), x * t; dy * (t + x * sigmoid(x) * (1 - t * t))
    "gelu": (5, 11),  # x / 2 * (1 + erf(x / c)); dy * (that / x + x * c * exp(-x * x / 2))
    "softplus": (3, 5),  # exp, add 1, log; dy * sigmoid(x)
    "squareplus": (5, 7),  # r = sqrt(x * x + 4), (x + r) / 2; dy * (1 + x / r) / 2
    "sparse_plus": (5, 5),  # compare with -1 and 1, add 1, square, / 4; clip((x + 1) / 2) * dy
    "softsign": (3, 4),  # x / (1 + abs(x)); dy / (1 + abs(x)) ** 2
    "softmax": (5, 4),  # maximum, subtract, exp, sum, divide; (dy - sum(dy * y)) * y
    "log_softmax": (5, 4),  # maximum, subtract, exp, sum, subtract; dy - exp(y) * sum(dy)
}
"""Elementwise operations on each element: forward, and backward to turn dy into dx."""

GLU = (5, 8)  # a * sigmoid(b); s = sigmoid(b), dy * s, and that * a * (1 - s)
"""The same of "glu", on each element of its output, which is half of its input."""


class OwnActivation(str):
    """An activation of the user's: its name, and its operations on each element as above."""

    operations: tuple[int, int]

    def __new__(cls, name: str, operations: tuple[int, int]) -> OwnActivation:
        """A name that cannot be taken for one of Keras."""
        made = super().__new__(cls, f"{name} (own)")
        made.operations = operations
        return made


_FROM_OUTPUT = frozenset(
    ("relu", "relu6", "elu", "selu", "exponential", "sigmoid", "tanh", "softmax", "log_softmax")
)
"""Activations whose gradient TensorFlow computes from the output; all others need the input."""


def activated(activation: str | None, shape: Shape) -> tuple[Shape, int, int]:
    """The shape after an activation, and its elementwise operations forward and backward.

    "glu" halves the last axis. Keras says that it does not, and builds the next layer too large.
    """
    if activation == "glu":
        if isinstance(shape[-1], int) and shape[-1] % 2:
            raise ShapeError(f"activation 'glu' needs an even last axis; got {shape[-1]}")
        shape = (*shape[:-1], shape[-1] // 2)
        forward, backward = GLU
    elif isinstance(activation, OwnActivation):
        forward, backward = activation.operations
    elif activation is None or (isinstance(activation, str) and activation in OPERATIONS):
        forward, backward = OPERATIONS[activation or "linear"]
    else:
        raise ShapeError(str(unknown("activation", str(activation), (*OPERATIONS, "glu"))))
    values = prod(shape)
    return shape, forward * values, backward * values


def is_linear(activation: str | None) -> bool:
    """Whether there is no activation to compute or to differentiate."""
    return activation in (None, "linear")


def affine(
    out: Shape,
    *kernels: Weight,
    bias: Shape | None,
    activation: str | None,
    macs: int,
    inside: int | None = None,
    scratch: int = 0,
    window: Window | None,
) -> Rule:
    """The rule of a product with kernels, then a bias of this shape and an activation.

    `out` is the shape of the product; its counts are those of `Rule`. The gradient of the weights
    needs the input; that of an activation needs its output, or the values before it, which are
    as many.
    """
    shape, forward, backward = activated(activation, out)
    added = 0 if bias is None else prod(out)
    return Rule(
        shape,
        weights=kernels if bias is None else (*kernels, Weight("bias", bias)),
        macs=macs,
        elementwise=added + forward,
        inside=inside,
        scratch=scratch,
        backward=added + backward,
        saves="input" if is_linear(activation) else "both",
        window=window,
    )


@layer("Activation")
def activation(x: Shape, activation: str) -> Rule:
    """An activation by name."""
    linear = is_linear(activation)
    shape, forward, backward = activated(activation, x)
    return Rule(
        shape,
        elementwise=forward,
        backward=backward,
        view=linear,
        saves="" if linear else "output" if activation in _FROM_OUTPUT else "input",
    )


@layer("Identity")
def identity(x: Shape) -> Rule:
    """The input itself."""
    return Rule(x, view=True, saves="")


@layer("ReLU")
def relu(
    x: Shape, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0
) -> Rule:
    """One comparison; one more with a maximum, and a multiplication with a slope.

    A slope is applied to x minus the threshold: one more subtraction if there is a threshold.
    """
    _at_least_0(0 if max_value is None else max_value, "max_value")
    _at_least_0(negative_slope, "negative_slope")
    _at_least_0(threshold, "threshold")
    masks = 1 + int(max_value is not None) + int(bool(negative_slope))
    shifted = int(bool(negative_slope) and bool(threshold))
    return Rule(
        x,
        elementwise=(masks + shifted) * prod(x),
        backward=masks * prod(x),
        saves="input" if negative_slope or threshold else "output",
    )


def _at_least_0(value: Any, what: str) -> None:
    if value is None or value < 0:
        raise ShapeError(f"{what} must be at least 0; got {value}")


@layer("LeakyReLU")
def leaky_relu(x: Shape, negative_slope: float = 0.3) -> Rule:
    """One comparison and one multiplication."""
    _at_least_0(negative_slope, "negative_slope")
    return Rule(x, elementwise=2 * prod(x), backward=2 * prod(x), saves="input")


@layer("PReLU")
def prelu(x: Shape, shared_axes: Any = None) -> Rule:
    """One comparison and one multiplication with a learned slope.

    Backward: the same on dy; for the slope dy * x where x is negative, and a sum.
    """
    alpha = list(x[1:])
    shared = shared_axes if isinstance(shared_axes, (list, tuple)) else [shared_axes]
    for axis in shared if shared_axes is not None else ():
        if not 2 - len(x) <= axis < len(x):
            raise ShapeError(f"shared_axes must be from 1 to {len(x) - 1}; got {axis}")
        alpha[axis - 1] = 1  # Keras counts the batch as axis 0, and does not share it
    return Rule(
        x,
        weights=(Weight("alpha", tuple(alpha)),),
        elementwise=2 * prod(x),
        backward=4 * prod(x),
        saves="input",
    )


@layer("ELU")
def elu(x: Shape, alpha: float = 1.0) -> Rule:
    """A comparison, exp and subtract 1; one more multiplication where alpha is not 1."""
    forward, backward = OPERATIONS["elu"]
    forward += int(alpha != 1)
    return Rule(x, elementwise=forward * prod(x), backward=backward * prod(x), saves="output")


@layer("Softmax")
def softmax(x: Shape, axis: Any = -1) -> Rule:
    """Maximum, subtract, exp, sum and divide on each element, over one axis or several."""
    _, forward, backward = activated("softmax", x)
    window = sees(x, axis)
    return Rule(x, elementwise=forward, backward=backward, saves="output", window=window)
