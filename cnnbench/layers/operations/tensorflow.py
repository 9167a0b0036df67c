"""What TensorFlow's own operations cost, for layers that call TensorFlow and not Keras.

A rule is `rule(shapes, out, attrs, values)`: as for `keras.ops`, with the attributes that
TensorFlow gives to the operation, and the values of those of its inputs that are constants (None
for the others). Most operations are those of `keras.ops` under another name.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from cnnbench.errors import NoRuleError
from cnnbench.graph import RULES
from cnnbench.layers.operations._outputs import Out, Shapes, first
from cnnbench.layers.operations.elementwise import ELEMENTWISE
from cnnbench.layers.operations.products import PRODUCTS
from cnnbench.layers.operations.reductions import REDUCTIONS
from cnnbench.rule import WHOLE, Rule

Attrs = dict[str, Any]
Values = Sequence[Any]
Operation = Callable[[Shapes, Out, Attrs, Values], Rule]

_SAME = {
    "numpy": (
        "Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalNot LogicalOr "
        "Ceil Floor Sign Maximum Minimum Abs Square Sqrt Exp Expm1 Log Log1p Sin Cos Tan Sinh Cosh "
        "Tanh Reciprocal"
    ),
    "math": "Rsqrt Erf Erfc Erfinv",
    "nn": "Relu Relu6 Selu Sigmoid Softplus Softsign Softmax LogSoftmax OneHot",
}
"""Operations on each value that have the same name in `keras.ops`."""

_OTHER_NAMES = {
    "numpy.Add": "Add AddV2 BiasAdd",
    "numpy.Subtract": "Sub",
    "numpy.Multiply": "Mul",
    "numpy.Divide": "Div RealDiv",
    "numpy.DivideNoNan": "DivNoNan",
    "numpy.FloorDivide": "FloorDiv",
    "numpy.Mod": "FloorMod Mod",
    "numpy.Power": "Pow",
    "numpy.Negative": "Neg",
    "numpy.Reciprocal": "Inv",
    "numpy.Arctan": "Atan",
    "numpy.Arctan2": "Atan2",
    "numpy.Arcsin": "Asin",
    "numpy.Arccos": "Acos",
    "numpy.Arcsinh": "Asinh",
    "numpy.Arccosh": "Acosh",
    "numpy.Arctanh": "Atanh",
    "numpy.Isnan": "IsNan",
    "numpy.Isinf": "IsInf",
    "numpy.Isfinite": "IsFinite",
    "numpy.Where": "Select SelectV2",
    "numpy.Clip": "ClipByValue",
    "numpy.Ceil": "Rint Round",
    "nn.LeakyRelu": "LeakyRelu",
}

_REDUCTIONS = {
    "Sum": "Sum",
    "Prod": "Prod",
    "Max": "Max",
    "Min": "Min",
    "Mean": "Mean",
    "All": "All",
    "Any": "Any",
    "ArgMax": "Argmax",
    "ArgMin": "Argmin",
    "Cumsum": "Cumsum",
    "Cumprod": "Cumprod",
}

_VIEWS = "Reshape ExpandDims Squeeze"

_COPIES = """
BatchToSpaceND BroadcastTo Cast ConcatV2 DepthToSpace Fill GatherNd GatherV2 MatrixBandPart
MirrorPad OnesLike Pack Pad PadV2 ResourceGather ReverseV2 Roll Slice SpaceToBatchND SpaceToDepth
Split SplitV StridedSlice TensorListGather TensorListGetItem TensorListStack Tile Transpose Unpack
ZerosLike
"""


def _as(rule: Callable[[Shapes, Out, Attrs], Rule]) -> Operation:
    """The rule of the same operation of `keras.ops`, where it needs no attributes."""
    return lambda shapes, out, attrs, values: rule(shapes, out, attrs)


def _over_axes(rule: Callable[[Shapes, Out, Attrs], Rule]) -> Operation:
    """A reduction over axes that are the second input."""

    def reduced(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
        axis = None if values[1] is None else tuple(int(i) for i in values[1].reshape(-1))
        return rule(shapes[:1], out, {"axis": axis})

    return reduced


def _matmul(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
    transposed = attrs.get("transpose_a") or attrs.get("adj_x")
    summed = shapes[0][-2 if transposed else -1]
    macs = prod(first(out)) * summed
    return Rule(first(out), macs=macs, products=macs, saves="input", window=WHOLE)


def _einsum(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
    subscripts = attrs["equation"].decode()
    return PRODUCTS["numpy.Einsum"](shapes, out, {"subscripts": subscripts})


def _sliding(attrs: Attrs, rank: int) -> dict[str, Any]:
    """The arguments of Keras for a window that slides."""
    before = attrs["data_format"].startswith(b"NC")
    axes = slice(2, None) if before else slice(1, -1)
    padding = attrs["padding"].decode().lower()
    if padding not in ("same", "valid"):
        raise NoRuleError("there is no rule for explicit padding")
    return {
        "strides": tuple(attrs["strides"][axes]),
        "padding": padding,
        "data_format": "channels_first" if before else "channels_last",
        "dilation_rate": tuple((attrs.get("dilations") or [1] * (rank + 2))[axes]),
    }


def _conv(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
    """A convolution; the kernel of each of `groups` groups sees its own channels only."""
    x, (*size, seen, filters) = shapes[:2]
    rank = len(size)
    sliding = _sliding(attrs, rank)
    channels = x[1] if sliding["data_format"] == "channels_first" else x[-1]
    rule = RULES[f"Conv{rank}D"](
        x, filters, tuple(size), groups=channels // seen, use_bias=False, **sliding
    )
    return replace(rule, weights=())


def _depthwise(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
    x, (*size, _, multiplier) = shapes[:2]
    sliding = _sliding(attrs, 2)
    rule = RULES["DepthwiseConv2D"](
        x, tuple(size), depth_multiplier=multiplier, use_bias=False, **sliding
    )
    return replace(rule, weights=())


def _transposed(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
    """Each value of the input is spread over the taps of the kernel, for each filter."""
    kernel, x = shapes[1], shapes[2]
    macs = prod(x) * prod(kernel[:-1])
    return Rule(first(out), macs=macs, window=WHOLE)


def _pool(name: str) -> Operation:
    def rule(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
        rank = len(shapes[0]) - 2
        sliding = _sliding({**attrs, "dilations": None}, rank)
        del sliding["dilation_rate"]
        axes = slice(2, None) if sliding["data_format"] == "channels_first" else slice(1, -1)
        size = tuple(attrs["ksize"][axes])
        return RULES[f"{name}Pooling{rank}D"](shapes[0], pool_size=size, **sliding)

    return rule


def _batch_norm(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
    axis = 1 if attrs["data_format"].startswith(b"NC") else -1
    others = tuple(out[1:]) if isinstance(out, list) else ()
    return replace(RULES["BatchNormalization"](shapes[0], axis=axis), weights=(), others=others)


def _add_all(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
    return Rule(first(out), elementwise=(len(shapes) - 1) * prod(first(out)), saves="")


def _squared_difference(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
    values_out = prod(first(out))
    return Rule(first(out), elementwise=2 * values_out, backward=2 * values_out)


def _resize(interpolation: str) -> Operation:
    def rule(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
        _, height, width, _ = first(out)
        return RULES["Resizing"](shapes[0], height, width, interpolation=interpolation)

    return rule


def _moved(view: bool) -> Operation:
    return lambda shapes, out, attrs, values: Rule(first(out), view=view, saves="", window=WHOLE)


def _added(shapes: Shapes, out: Out, attrs: Attrs, values: Values) -> Rule:
    """One addition for each value that is scattered, since positions may repeat."""
    return Rule(first(out), elementwise=prod(shapes[1]), saves="", window=WHOLE)


TENSORFLOW: dict[str, Operation] = {
    **{
        name: _as(ELEMENTWISE[f"{module}.{name}"])
        for module, names in _SAME.items()
        for name in names.split()
    },
    **{
        name: _as(ELEMENTWISE[key]) for key, names in _OTHER_NAMES.items() for name in names.split()
    },
    **{name: _over_axes(REDUCTIONS[f"numpy.{key}"]) for name, key in _REDUCTIONS.items()},
    **{name: _moved(view=True) for name in _VIEWS.split()},
    **{name: _moved(view=False) for name in _COPIES.split()},
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _matmul),
    **dict.fromkeys(("Conv2D", "Conv3D"), _conv),
    **dict.fromkeys(("Conv2DBackpropInput", "Conv3DBackpropInputV2"), _transposed),
    **dict.fromkeys(("MaxPool", "MaxPool3D"), _pool("Max")),
    **dict.fromkeys(("AvgPool", "AvgPool3D"), _pool("Average")),
    "AddN": _add_all,
    "DepthwiseConv2dNative": _depthwise,
    "Einsum": _einsum,
    "Elu": lambda shapes, out, attrs, values: ELEMENTWISE["nn.Elu"](shapes, out, {"alpha": 1}),
    "FusedBatchNormV3": _batch_norm,
    "ResizeBicubic": _resize("bicubic"),
    "ResizeBilinear": _resize("bilinear"),
    "ResizeNearestNeighbor": _resize("nearest"),
    "ScatterNd": _added,
    "SquaredDifference": _squared_difference,
}
"""The rule of each operation by its type, such as "Conv2D"."""

WORK = frozenset(TENSORFLOW) - frozenset((*_VIEWS.split(), *_COPIES.split()))
"""Those that compute something."""
