"""Operations that reduce some axes, and running sums."""

from math import prod
from typing import Any

from cnnbench.errors import NoRuleError
from cnnbench.layers._sizes import axes_of, sees
from cnnbench.layers.operations._outputs import Operation, Out, Shapes, first
from cnnbench.rule import WHOLE, Rule

# Operations on each value of the input, and on each value of the output; both again backward.
# Combining n values into one takes n - 1 operations; the mean also divides, which makes it n.
_TABLE: dict[str, tuple[int, int, int, int]] = {
    "numpy.Sum": (1, -1, 0, 0),
    "numpy.Prod": (1, -1, 2, 0),  # dy * y / x
    "numpy.Max": (1, -1, 2, 0),  # compare with y, choose
    "numpy.Min": (1, -1, 2, 0),
    "numpy.Amax": (1, -1, 2, 0),
    "numpy.Amin": (1, -1, 2, 0),
    "numpy.All": (1, -1, 0, 0),
    "numpy.Any": (1, -1, 0, 0),
    "numpy.Argmax": (1, -1, 0, 0),
    "numpy.Argmin": (1, -1, 0, 0),
    "numpy.CountNonzero": (2, -1, 0, 0),  # compare with 0, add
    "numpy.Ptp": (2, -1, 4, 0),  # the largest less the smallest
    "numpy.Mean": (1, 0, 1, 0),
    "numpy.Var": (4, 0, 3, 0),  # mean, subtract, square, mean; dy * (x - mean) * c
    "numpy.Std": (4, 1, 3, 2),
    "math.Logsumexp": (4, 0, 3, 0),  # maximum, subtract, exp, sum, log, add; dy * exp(x - y)
    "nn.Moments": (4, 0, 4, 0),  # mean and variance
    "numpy.Cumsum": (1, 0, 1, 0),
    "numpy.Cumprod": (1, 0, 3, 0),
}


def _reduce(each: int, output: int, backward: int, backward_output: int) -> Operation:
    def rule(shapes: Shapes, out: Out, attrs: dict[str, Any]) -> Rule:
        x, shape = shapes[0], first(out)
        return Rule(
            shape,
            elementwise=each * prod(x) + output * prod(shape),
            backward=backward * prod(x) + backward_output * prod(shape),
            saves="both" if backward > 1 else "",
            window=_window(x, attrs),
        )

    return rule


def _window(x: tuple[int, ...], attrs: dict[str, Any]) -> Any:
    axis = attrs.get("axis", attrs.get("axes"))
    return WHOLE if axis is None else sees(x, axes_of(axis, len(x)))


def _norm(shapes: Shapes, out: Out, attrs: dict[str, Any]) -> Rule:
    """Square, add, root; or magnitudes and their sum, maximum or minimum."""
    order, axis = attrs["ord"], attrs["axis"]
    vector = isinstance(axis, int) or (isinstance(axis, (tuple, list)) and len(axis) == 1)
    euclidean = order in (None, "fro") or (order == 2 and (vector or len(shapes[0]) == 1))
    if not euclidean and not (vector and str(order) in ("1", "inf", "-inf")):
        raise NoRuleError(f"there is no rule for a norm of order {order}")
    return _reduce(2, 0 if euclidean else -1, 2, 0)(shapes, out, attrs)


REDUCTIONS: dict[str, Operation] = {
    **{key: _reduce(*costs) for key, costs in _TABLE.items()},
    "linalg.Norm": _norm,
}
