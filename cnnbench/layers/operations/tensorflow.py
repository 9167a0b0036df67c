"""What TensorFlow's own operations cost, for layers that call TensorFlow and not Keras.

A rule is `rule(shapes, out, attrs, value)`: as for `keras.ops`, with the attributes that
TensorFlow gives to the operation, and a function of the position of an input that is its value
if that is a constant, else None. Most operations are those of `keras.ops` under another name. The
caller adds weights and the shapes of outputs after the first.
"""

from collections.abc import Callable
from math import prod
from typing import Any

from cnnbench.errors import NoRuleError
from cnnbench.graph import RULES
from cnnbench.layers.operations import OPERATIONS
from cnnbench.layers.operations.tables import Attrs, Shapes
from cnnbench.rule import WHOLE, Rule, Shape

Value = Callable[[int], Any]
Operation = Callable[[Shapes, Shape, Attrs, Value], Rule]

_SAME = {
    "numpy": (
        "Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalNot LogicalOr "
        "Ceil Floor Sign Maximum Minimum Abs Square Sqrt Exp Expm1 Log Log1p Sin Cos Tan Sinh Cosh "
        "Tanh Reciprocal BitwiseAnd BitwiseOr BitwiseXor LeftShift RightShift"
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
    "math.FFT": "FFT IFFT",
    "math.FFT2": "FFT2D IFFT2D",
    "math.RFFT": "RFFT IRFFT",
    "math.SegmentSum": "SegmentSum UnsortedSegmentSum UnsortedSegmentMax UnsortedSegmentMin",
    "numpy.Hypot": "ComplexAbs",
}

_REDUCTIONS = "Sum Prod Max Min Mean All Any ArgMax ArgMin Cumsum Cumprod"
"""Those of `keras.ops` write all letters but the first small."""

_VIEWS = "Bitcast Conj ExpandDims Imag Real Reshape Squeeze"

_COPIES = """
BatchToSpaceND BroadcastTo Cast Complex ConcatV2 DepthToSpace Diag DiagPart ExtractImagePatches
Fill GatherNd GatherV2 InvertPermutation LinSpace MatrixBandPart MatrixDiagPartV3 MatrixDiagV3
MatrixSetDiagV3 MirrorPad OnesLike Pack Pad PadV2 Range ResourceGather Reverse ReverseV2 Roll Slice
SpaceToBatchND SpaceToDepth Split SplitV StridedSlice TensorListGather TensorListGetItem
TensorListStack TensorScatterUpdate Tile Transpose Unpack ZerosLike
"""


_DRAWS = """
RandomStandardNormal RandomUniform RandomUniformInt StatefulStandardNormalV2 StatefulTruncatedNormal
StatefulUniform StatefulUniformFullInt StatefulUniformInt StatelessRandomNormal
StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformFullInt
StatelessRandomUniformFullIntV2 StatelessRandomUniformInt StatelessRandomUniformIntV2
StatelessRandomUniformV2 StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
"""
"""Of a distribution whose draws need no others; how often a gamma is rejected is not known."""


def _each(key: str, **given: Any) -> Operation:
    """The rule of an operation of `keras.ops`, with its attributes there."""
    return lambda shapes, out, attrs, value: OPERATIONS[key](shapes, out, given)


def _over_axes(key: str) -> Operation:
    """A reduction over axes that are the second input."""

    def reduced(shapes: Shapes, out: Shape, attrs: Attrs, value: Value) -> Rule:
        given = value(1)
        axis = None if given is None else tuple(int(i) for i in given.reshape(-1))
        return OPERATIONS[key](shapes[:1], out, {"axis": axis})

    return reduced


def _matmul(shapes: Shapes, out: Shape, attrs: Attrs, value: Value) -> Rule:
    transposed = attrs.get("transpose_a") or attrs.get("adj_x")
    macs = prod(out) * shapes[0][-2 if transposed else -1]
    return Rule(out, macs=macs, products=macs, saves="input", window=WHOLE)


def _einsum(shapes: Shapes, out: Shape, attrs: Attrs, value: Value) -> Rule:
    subscripts = attrs["equation"].decode()
    return OPERATIONS["numpy.Einsum"](shapes, out, {"subscripts": subscripts})


def _sliding(attrs: Attrs) -> Attrs:
    """The arguments of Keras for a window that slides."""
    before = attrs["data_format"].startswith(b"NC")
    axes = slice(2, None) if before else slice(1, -1)
    padding = attrs["padding"].decode().lower()
    if padding not in ("same", "valid"):
        raise NoRuleError("there is no rule for explicit padding")
    found = {
        "strides": tuple(attrs["strides"][axes]),
        "padding": padding,
        "data_format": "channels_first" if before else "channels_last",
    }
    for name, given in (("dilations", "dilation_rate"), ("ksize", "pool_size")):
        if name in attrs:
            found[given] = tuple(attrs[name][axes])
    return found


def _conv(shapes: Shapes, out: Shape, attrs: Attrs, value: Value) -> Rule:
    """A convolution; the kernel of each of `groups` groups sees its own channels only."""
    x, (*size, seen, filters) = shapes[:2]
    sliding = _sliding(attrs)
    groups = x[1 if sliding["data_format"] == "channels_first" else -1] // seen
    rule = RULES[f"Conv{len(size)}D"]
    return rule(x, filters, tuple(size), groups=groups, use_bias=False, **sliding)


def _depthwise(shapes: Shapes, out: Shape, attrs: Attrs, value: Value) -> Rule:
    x, (*size, _, multiplier) = shapes[:2]
    given = {"depth_multiplier": multiplier, "use_bias": False, **_sliding(attrs)}
    return RULES["DepthwiseConv2D"](x, tuple(size), **given)


def _transposed(shapes: Shapes, out: Shape, attrs: Attrs, value: Value) -> Rule:
    """Each value of the input is spread over the taps of the kernel, for each filter."""
    _, kernel, x = shapes
    return Rule(out, macs=prod(x) * prod(kernel[:-1]), window=WHOLE)


def _pool(name: str) -> Operation:
    def rule(shapes: Shapes, out: Shape, attrs: Attrs, value: Value) -> Rule:
        return RULES[f"{name}Pooling{len(out) - 2}D"](shapes[0], **_sliding(attrs))

    return rule


def _batch_norm(shapes: Shapes, out: Shape, attrs: Attrs, value: Value) -> Rule:
    axis = 1 if attrs["data_format"].startswith(b"NC") else -1
    return RULES["BatchNormalization"](shapes[0], axis=axis)


def _resize(interpolation: str) -> Operation:
    return lambda shapes, out, attrs, value: RULES["Resizing"](
        shapes[0], out[1], out[2], interpolation=interpolation
    )


def _scattered(values: int) -> Operation:
    """One addition for each value of an input that is scattered, since positions may repeat."""
    return lambda shapes, out, attrs, value: Rule(
        out, elementwise=prod(shapes[values]), saves="", window=WHOLE
    )


def _drawn(shapes: Shapes, out: Shape, attrs: Attrs, value: Value) -> Rule:
    """One operation for each random value, as in the layers that drop or add noise in training."""
    return Rule(out, elementwise=prod(out), saves="")


def _moved(view: bool) -> Operation:
    return lambda shapes, out, attrs, value: Rule(out, view=view, saves="", window=WHOLE)


TENSORFLOW: dict[str, Operation] = {
    **{
        name: _each(f"{module}.{name}") for module, names in _SAME.items() for name in names.split()
    },
    **{name: _each(key) for key, names in _OTHER_NAMES.items() for name in names.split()},
    **{name: _over_axes(f"numpy.{name.capitalize()}") for name in _REDUCTIONS.split()},
    **{name: _moved(view=True) for name in _VIEWS.split()},
    **{name: _moved(view=False) for name in _COPIES.split()},
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _matmul),
    **dict.fromkeys(("Conv2D", "Conv3D"), _conv),
    **dict.fromkeys(("Conv2DBackpropInput", "Conv3DBackpropInputV2"), _transposed),
    **dict.fromkeys(("MaxPool", "MaxPool3D"), _pool("Max")),
    **dict.fromkeys(("AvgPool", "AvgPool3D"), _pool("Average")),
    **dict.fromkeys(_DRAWS.split(), _drawn),
    # One addition for each array after the first.
    "AddN": lambda shapes, out, attrs, value: Rule(
        out, elementwise=(len(shapes) - 1) * prod(out), saves=""
    ),
    "DepthwiseConv2dNative": _depthwise,
    "Einsum": _einsum,
    "Elu": _each("nn.Elu", alpha=1),
    "FusedBatchNormV3": _batch_norm,
    "ResizeBicubic": _resize("bicubic"),
    "ResizeBilinear": _resize("bilinear"),
    "ResizeNearestNeighbor": _resize("nearest"),
    "ScatterNd": _scattered(1),
    "SquaredDifference": lambda shapes, out, attrs, value: Rule(
        out, elementwise=2 * prod(out), backward=2 * prod(out)
    ),
    "TensorScatterAdd": _scattered(2),
    "TopKV2": lambda shapes, out, attrs, value: OPERATIONS["math.TopK"](
        shapes[:1], out, {"k": out[-1]}
    ),
}
"""The rule of each operation by its type, such as "Conv2D"."""

WORK = frozenset(TENSORFLOW) - frozenset((*_VIEWS.split(), *_COPIES.split()))
"""Those that compute something."""
