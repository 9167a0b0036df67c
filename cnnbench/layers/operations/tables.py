"""Operations whose costs are a row of a table: on each element, moves and reductions."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Literal

from cnnbench.errors import NoRuleError
from cnnbench.graph import snake_case
from cnnbench.layers._sizes import sees
from cnnbench.layers.activation import GLU
from cnnbench.layers.activation import OPERATIONS as ACTIVATIONS
from cnnbench.rule import WHOLE, Rule, Shape, Window

Shapes = Sequence[Shape]
Attrs = dict[str, Any]
Operation = Callable[[Shapes, Shape, Attrs], Rule]
"""A rule, as `operations` describes it, that gets the shape of the first output only."""

Saves = Literal["", "input", "output", "both"]

# On each element by itself, arrays broadcast against each other: operations on each element of the
# output, forward and backward, what the backward pass reads, and the names in `keras.ops.numpy`. A
# comparison or a selection is one operation.
_EACH: tuple[tuple[int, int | None, Saves, str], ...] = (
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
    def rule(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
        values = prod(out)
        # The gradient of what was broadcast is a sum over the copies.
        summed = sum(values - prod(s) for s in shapes) if len(shapes) > 1 else 0
        back = 0 if backward is None else backward * values + summed
        return Rule(out, elementwise=forward * values, backward=back, saves=saves)

    return rule


def _round(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """One operation; rounding to decimals also takes a product before and a division after."""
    return Rule(out, elementwise=(3 if attrs["decimals"] else 1) * prod(out), saves="")


def _scaled(name: str) -> Operation:
    """An exponential unit; an alpha other than 1 multiplies, and in celu also divides before."""
    forward, backward = ACTIVATIONS[name]
    more = 2 if name == "celu" else 1

    def rule(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
        operations = forward + more * int(attrs["alpha"] != 1)
        return _each(operations, backward, "both")(shapes, out, attrs)

    return rule


def _gelu(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """By erf, or by x / 2 * (1 + tanh(c * (x + a * x ** 3))): 9 operations, and 17 backward.

    Backward: t = tanh(...) again (6), (1 + t + x * (1 - t * t) * c * (1 + 3 * a * x * x)) / 2
    (10), times dy (Hendrycks and Gimpel, 1606.08415, section 2).
    """
    forward, backward = (9, 17) if attrs["approximate"] else ACTIVATIONS["gelu"]
    return _each(forward, backward, "input")(shapes, out, attrs)


_VIEWS = """
core.ConvertToTensor core.StopGradient math.ViewAsComplex math.ViewAsReal numpy.Array
numpy.Conj numpy.Conjugate numpy.Imag numpy.Real numpy.ExpandDims numpy.Ravel numpy.Reshape
numpy.Squeeze
"""
"""The same memory under another shape."""

_IN_PLACE = """
core.Cast core.SaturateCast numpy.Copy numpy.EmptyLike numpy.FullLike numpy.OnesLike numpy.Pad
numpy.ZerosLike image.PadImages image.CropImages
"""
"""Copies that leave every value at its position."""

_COPIES = """
core.Slice core.SliceUpdate core.Unstack einops.Rearrange math.ExtractSequences nn.DepthToSpace
nn.SpaceToDepth nn.Unfold numpy.Append numpy.Arange numpy.ArraySplit numpy.BroadcastTo
numpy.Concatenate numpy.Diag numpy.Diagflat numpy.Diagonal numpy.Dsplit numpy.Dstack numpy.Flip
numpy.Fliplr numpy.Flipud numpy.Full numpy.GetItem numpy.Hsplit numpy.Hstack numpy.Meshgrid
numpy.Moveaxis numpy.Repeat numpy.Roll numpy.Rot90 numpy.Split numpy.Stack numpy.Swapaxes
numpy.Take numpy.TakeAlongAxis numpy.Tile numpy.Transpose numpy.Tril numpy.Triu numpy.Vsplit
numpy.Vstack
"""


def _move(view: bool, window: Window | None) -> Operation:
    def rule(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
        return Rule(out, view=view, saves="", window=window)

    return rule


def _channels_concatenated(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """A copy; along the last axis every value stays at its position."""
    last = attrs["axis"] in (-1, len(out) - 1)
    return Rule(out, saves="", window=() if last else WHOLE)


def _scatter(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """One operation for each value that is scattered, since positions may repeat.

    An update whose `reduction` is None only replaces values in a copy.
    """
    reduced = int(attrs.get("reduction", "add") is not None)
    return Rule(out, elementwise=reduced * prod(shapes[-1]), saves="", window=WHOLE)


# Reductions and running sums: operations on each value of the input and of the output, then the
# same two backward. To combine n values into one takes n - 1 operations; a mean also divides: n.
_REDUCED: tuple[tuple[int, int, int, int, str], ...] = (
    (1, -1, 0, 0, "numpy.Sum numpy.All numpy.Any numpy.Argmax numpy.Argmin"),
    (1, -1, 2, 0, "numpy.Prod"),  # dy * y / x
    (1, -1, 2, 0, "numpy.Max numpy.Min numpy.Amax numpy.Amin"),  # compare with y, choose
    (2, -1, 0, 0, "numpy.CountNonzero"),  # compare with 0, add
    (2, -1, 4, 0, "numpy.Ptp"),  # the largest less the smallest
    (1, 0, 1, 0, "numpy.Mean numpy.Cumsum"),
    (4, 0, 3, 0, "numpy.Var"),  # mean, subtract, square, mean; dy * (x - mean) * c
    (4, 1, 3, 2, "numpy.Std"),
    (4, 0, 3, 0, "math.Logsumexp"),  # maximum, subtract, exp, sum, log, add; dy * exp(x - y)
    (4, 0, 4, 0, "nn.Moments"),  # mean and variance
    (1, 0, 3, 0, "numpy.Cumprod"),
)


def _reduce(each: int, output: int, backward: int, backward_output: int) -> Operation:
    def rule(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
        x, axis = shapes[0], attrs.get("axis", attrs.get("axes"))
        return Rule(
            out,
            elementwise=each * prod(x) + output * prod(out),
            backward=backward * prod(x) + backward_output * prod(out),
            saves="both" if backward > 1 else "",
            window=WHOLE if axis is None else sees(x, axis),
        )

    return rule


def _norm(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """Square, add, root; or magnitudes and their sum, maximum or minimum."""
    order, axis = attrs["ord"], attrs["axis"]
    vector = isinstance(axis, int) or (isinstance(axis, (tuple, list)) and len(axis) == 1)
    euclidean = order in (None, "fro") or (order == 2 and (vector or len(shapes[0]) == 1))
    if not euclidean and not (vector and str(order) in ("1", "inf", "-inf")):
        raise NoRuleError(f"there is no rule for a norm of order {order}")
    return _reduce(2, 0 if euclidean else -1, 2, 0)(shapes, out, attrs)


BROADCAST: dict[str, Operation] = {
    **{
        f"numpy.{name}": _each(forward, backward, saves)
        for forward, backward, saves, names in _EACH
        for name in names.split()
    },
    **{
        f"nn.{name}": _each(*ACTIVATIONS[snake_case(name)], "both") for name in _ACTIVATIONS.split()
    },
}
"""Operations whose output has the shape to which their arrays are broadcast."""

TABLES: dict[str, Operation] = {
    **BROADCAST,
    **{key: _each(*costs) for key, costs in _ELSEWHERE.items()},
    "nn.Glu": _each(*GLU, "input"),
    "nn.Elu": _scaled("elu"),
    "nn.Celu": _scaled("celu"),
    "nn.Gelu": _gelu,
    "numpy.Round": _round,
    **{key: _move(True, WHOLE) for key in _VIEWS.split()},
    **{key: _move(False, ()) for key in _IN_PLACE.split()},
    **{key: _move(False, WHOLE) for key in _COPIES.split()},
    "numpy.Concatenate": _channels_concatenated,
    "core.Scatter": _scatter,
    "core.ScatterUpdate": _scatter,
    **{key: _reduce(*costs) for *costs, names in _REDUCED for key in names.split()},
    "linalg.Norm": _norm,
}
