"""Operations on each value in a configuration: of `keras.ops`, and of TensorFlow in Keras 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnbench.layers.operations import OPERATIONS
from cnnbench.layers.operations.tables import BROADCAST
from cnnbench.rule import Rule, Shape

_ON_EACH_VALUE = {
    "numpy.Add": "__operators__.add __operators__.radd math.add",
    "numpy.Subtract": "__operators__.sub __operators__.rsub math.subtract",
    "numpy.Multiply": "__operators__.mul __operators__.rmul math.multiply",
    "numpy.Divide": "__operators__.truediv __operators__.rtruediv math.divide math.truediv",
    "numpy.Negative": "__operators__.neg math.negative",
    "numpy.Power": "__operators__.pow math.pow",
    "numpy.Maximum": "math.maximum",
    "numpy.Minimum": "math.minimum",
    "numpy.Clip": "clip_by_value",
    "numpy.Absolute": "math.abs",
    "numpy.Square": "math.square",
    "numpy.Sqrt": "math.sqrt",
    "numpy.Exp": "math.exp",
    "numpy.Log": "math.log",
    "numpy.Tanh": "math.tanh nn.tanh",
    "math.Rsqrt": "math.rsqrt",
    "nn.Relu": "nn.relu",
    "nn.Relu6": "nn.relu6",
    "nn.Sigmoid": "math.sigmoid nn.sigmoid",
    "nn.Silu": "nn.silu nn.swish",
    "nn.Softmax": "nn.softmax",
    "nn.Softplus": "math.softplus nn.softplus",
    "core.Cast": "cast",
}
_KEYS = {name: key for key, names in _ON_EACH_VALUE.items() for name in names.split()}


def operation_of(layer: dict[str, Any]) -> str:
    """The key in OPERATIONS of a layer that is such an operation, else nothing.

    Raises:
        KeyError: it is another function of TensorFlow.
    """
    if layer["class_name"] == "TFOpLambda":
        return _KEYS[layer["config"]["function"]]
    module = layer.get("module") or ""
    key = f"{module.removeprefix('keras.src.ops.')}.{layer['class_name']}"
    return key if module.startswith("keras.src.ops.") and key in BROADCAST else ""


def on_each_value(key: str, shapes: Sequence[Shape], options: dict[str, Any]) -> Rule:
    """The rule of an operation, whose output has the shape to which its arrays are broadcast.

    Raises:
        ValueError: the sizes do not fit.
    """
    rank = max(map(len, shapes))
    aligned = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    out = tuple(max(sizes) for sizes in zip(*aligned, strict=True))
    if any(
        size not in (1, most) for shape in aligned for size, most in zip(shape, out, strict=True)
    ):
        raise ValueError(f"{key} cannot take {shapes}")
    return OPERATIONS[key](list(shapes), out, options)
