"""Operations on each element by itself, arrays broadcast against each other."""

from math import prod
from typing import Any, Literal

from cnnbench.graph import snake_case
from cnnbench.layers.activation import GLU
from cnnbench.layers.activation import OPERATIONS as ACTIVATIONS
from cnnbench.layers.operations._outputs import Operation, Out, Shapes, first
from cnnbench.rule import Rule

Saves = Literal["", "input", "output", "both"]

# Forward and backward operations on each element of the output, what the backward pass reads, and
# the names in `keras.ops.numpy`. A comparison or a selection is one operation.
_TABLE: tuple[tuple[int, int | None, Saves, str], ...] = (
    # No gradient
    (1, None, "", "Equal NotEqual Greater GreaterEqual Less LessEqual Isfinite Isinf Isnan"),
    (1, None, "", "Isneginf Isposinf LogicalAnd LogicalNot LogicalOr LogicalXor Signbit Sign"),
    (1, None, "", "BitwiseAnd BitwiseInvert BitwiseNot BitwiseOr BitwiseXor BitwiseLeftShift"),
    (1, None, "", "BitwiseRightShift LeftShift RightShift Ceil Floor Trunc FloorDivide Nextafter"),
    (2, None, "", "Heaviside"),  # compare with 0 below and above
    (6, None, "", "Isclose"),  # abs(a - b) <= atol + rtol * abs(b)
    # Sums and products
    (1, 0, "", "Add"),  # dy is both gradients
    (1, 1, "", "Subtract Negative Deg2rad Rad2deg"),
    (1, 2, "input", "Multiply"),
    (1, 4, "both", "Divide TrueDivide"),  # dy / b, and that * y, negated
    (2, 5, "both", "DivideNoNan"),
    (1, 7, "both", "Power"),  # dy * b * a ** (b - 1); dy * y * log(a)
    (1, 4, "input", "Mod Fmod"),  # dy; -dy * floor(a / b)
    (1, 3, "input", "Maximum Minimum Fmax Fmin"),  # compare, and choose for each
    (2, 2, "input", "Clip"),
    (1, 2, "input", "Where"),
    (6, 2, "input", "NanToNum"),  # test and choose for each of three
    # Functions of one value
    (1, 2, "input", "Absolute Abs Fabs Square Log2 Log10 Log1p Sin Sinh Cosh"),
    (1, 1, "input", "Log"),
    (1, 1, "output", "Exp"),
    (1, 2, "output", "Exp2 Expm1 Sqrt"),
    (1, 3, "output", "Tanh Tan Reciprocal Cbrt"),
    (1, 3, "input", "Cos Arctan Arctanh"),  # dy * -sin(x); dy / (1 + x * x), dy / (1 - x * x)
    (1, 4, "input", "Arcsin Arcsinh Arccosh"),  # dy / sqrt(1 - x * x), and so on
    (1, 5, "input", "Arccos"),
    # Functions of two
    (1, 7, "input", "Arctan2"),  # dy / (a * a + b * b), times b and times -a
    (4, 3, "both", "Hypot"),  # sqrt(a * a + b * b); dy / y, times a and times b
    (7, 8, "input", "Logaddexp"),  # max(a, b) + log1p(exp(-abs(a - b))); dy by a sigmoid
)  # fmt: skip

_ELSEWHERE: dict[str, tuple[int, int | None, Saves]] = {
    "math.Rsqrt": (1, 4, "output"),  # dy * y ** 3 / -2
    "math.Erf": (1, 5, "input"),  # dy * c * exp(-x * x)
    "math.Erfc": (1, 5, "input"),
    "math.Erfinv": (1, 4, "output"),  # dy * c * exp(y * y)
    "nn.Threshold": (2, 1, "input"),  # compare, choose
    "nn.OneHot": (1, None, ""),  # compare with each class
    "image.RGBToGrayscale": (5, 3, ""),  # three weights and two additions
    "numpy.Outer": (1, 2, "input"),
    "numpy.Kron": (1, 2, "input"),
    "numpy.Cross": (3, 6, "input"),  # two products and their difference
}

_ACTIVATIONS = (
    "Relu Relu6 LeakyRelu Selu Sigmoid LogSigmoid HardSigmoid SparseSigmoid HardTanh TanhShrink "
    "SoftShrink HardShrink Silu HardSilu Softplus Squareplus SparsePlus Softsign Softmax "
    "LogSoftmax"
)


def _each(forward: int, backward: int | None, saves: Saves) -> Operation:
    def rule(shapes: Shapes, out: Out, attrs: dict[str, Any]) -> Rule:
        shape = first(out)
        values = prod(shape)
        if backward is None:
            return Rule(shape, elementwise=forward * values, saves=saves)
        # The gradient of what was broadcast is a sum over the copies.
        summed = sum(values - prod(s) for s in shapes) if len(shapes) > 1 else 0
        return Rule(
            shape, elementwise=forward * values, backward=backward * values + summed, saves=saves
        )

    return rule


def _round(shapes: Shapes, out: Out, attrs: dict[str, Any]) -> Rule:
    """One operation; rounding to decimals also takes a product before and a division after."""
    shape = first(out)
    return Rule(shape, elementwise=(3 if attrs["decimals"] else 1) * prod(shape), saves="")


def _scaled(name: str) -> Operation:
    """An exponential unit; an alpha other than 1 multiplies, and in celu also divides before."""
    forward, backward = ACTIVATIONS[name]
    more = 2 if name == "celu" else 1

    def rule(shapes: Shapes, out: Out, attrs: dict[str, Any]) -> Rule:
        operations = forward + more * int(attrs["alpha"] != 1)
        return _each(operations, backward, "both")(shapes, out, attrs)

    return rule


def _gelu(shapes: Shapes, out: Out, attrs: dict[str, Any]) -> Rule:
    """By erf, or by x / 2 * (1 + tanh(c * (x + a * x ** 3))): 9 operations, and 17 backward.

    Backward: t = tanh(...) again (6), (1 + t + x * (1 - t * t) * c * (1 + 3 * a * x * x)) / 2
    (10), times dy (Hendrycks and Gimpel, 1606.08415, section 2).
    """
    forward, backward = (9, 17) if attrs["approximate"] else ACTIVATIONS["gelu"]
    return _each(forward, backward, "input")(shapes, out, attrs)


ELEMENTWISE: dict[str, Operation] = {
    **{
        f"numpy.{name}": _each(forward, backward, saves)
        for forward, backward, saves, names in _TABLE
        for name in names.split()
    },
    **{key: _each(*costs) for key, costs in _ELSEWHERE.items()},
    **{
        f"nn.{name}": _each(*ACTIVATIONS[snake_case(name)], "both") for name in _ACTIVATIONS.split()
    },
    "nn.Glu": _each(*GLU, "input"),
    "nn.Elu": _scaled("elu"),
    "nn.Celu": _scaled("celu"),
    "nn.Gelu": _gelu,
    "numpy.Round": _round,
}
