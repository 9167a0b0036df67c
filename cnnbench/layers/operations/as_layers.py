"""Operations that a layer computes too: they follow its rule, with the weights as operands."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import prod
from typing import Any

from cnnbench.errors import NoRuleError
from cnnbench.graph import RULES
from cnnbench.layers._sizes import split
from cnnbench.layers.operations.tables import Attrs, Operation, Shapes
from cnnbench.rule import Rule, Shape

Arguments = Callable[[Shapes, Attrs], Attrs]
"""The arguments of a layer, from the operands of an operation and its attributes."""


def _as(layer: str, arguments: Arguments) -> Operation:
    """The rule of a layer.

    Where the layer has a variant for each number of spatial axes, its name is like "Conv{}D".
    """

    def rule(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
        x = shapes[0]
        name = layer.format(len(x) - 2)
        if name not in RULES:
            raise NoRuleError(f"there is no rule for an input of {len(x)} axes")
        result = RULES[name](x, **arguments(shapes, attrs))
        return replace(result, shape=out, weights=())

    return rule


def _named(*names: str) -> Arguments:
    """The arguments that have the same names in the operation and in the layer."""
    return lambda shapes, attrs: {name: attrs[name] for name in names}


_SLIDING = ("strides", "padding", "data_format")
_pool = _named("pool_size", *_SLIDING)
_adaptive = _named("output_size", "data_format")
_axis = _named("axis")


def _slid(size: Iterable[int], attrs: Attrs, **arguments: Any) -> Attrs:
    """The arguments of a layer that slides a kernel of this size, without a bias."""
    slid = {name: attrs[name] for name in (*_SLIDING, "dilation_rate")}
    return {"kernel_size": tuple(size), "use_bias": False, **slid, **arguments}


def _patches(shapes: Shapes, attrs: Attrs) -> Attrs:
    """A convolution with a kernel of zeros and ones, which is how Keras takes patches."""
    size = tuple(attrs["size"])
    _, _, c = split(shapes[0], len(size), attrs["data_format"])
    return _slid(size, attrs, filters=prod(size) * c)


def _rms_norm(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """Without a scale, the work is that of dividing by the length."""
    name = "RMSNormalization" if len(shapes) > 1 else "UnitNormalization"
    return _as(name, _axis)(shapes, out, attrs)


def _normalize(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    if attrs["order"] != 2 or attrs["axis"] is None:
        raise NoRuleError("there is a rule for the Euclidean length over given axes only")
    return _as("UnitNormalization", _axis)(shapes, out, attrs)


def _resize(shapes: Shapes, attrs: Attrs) -> Attrs:
    height, width = attrs["size"]
    options = _named(
        "interpolation", "antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "data_format"
    )
    return {"height": height, "width": width, **options(shapes, attrs)}


# A lambda gets the shapes s of the operands and the attributes a. The kernel s[1] has its size,
# then the channels in and out, or out and in if it is transposed. Keras has no groups here.
AS_LAYERS: dict[str, Operation] = {
    "activations.Mish": _as("Activation", lambda s, a: {"activation": "mish"}),
    "activations.ReLU": _as("ReLU", _named("max_value", "negative_slope", "threshold")),
    "nn.Conv": _as("Conv{}D", lambda s, a: _slid(s[1][:-2], a, filters=s[1][-1])),
    "nn.DepthwiseConv": _as(
        "DepthwiseConv{}D", lambda s, a: _slid(s[1][:-2], a, depth_multiplier=s[1][-1])
    ),
    "nn.SeparableConv": _as(
        "SeparableConv{}D",
        lambda s, a: _slid(s[1][:-2], a, depth_multiplier=s[1][-1], filters=s[2][-1]),
    ),
    "nn.ConvTranspose": _as(
        "Conv{}DTranspose",
        lambda s, a: _slid(s[1][:-2], a, filters=s[1][-2], output_padding=a["output_padding"]),
    ),
    "nn.MaxPool": _as("MaxPooling{}D", _pool),
    "nn.AveragePool": _as("AveragePooling{}D", _pool),
    "nn.AdaptiveMaxPool": _as("AdaptiveMaxPooling{}D", _adaptive),
    "nn.AdaptiveAveragePool": _as("AdaptiveAveragePooling{}D", _adaptive),
    "nn.BatchNorm": _as("BatchNormalization", _axis),
    "nn.Normalize": _normalize,
    "nn.RMSNorm": _rms_norm,
    # Only the number of `gamma` and `beta` is known; the cost depends on nothing else.
    "nn.LayerNorm": _as(
        "LayerNormalization",
        lambda s, a: {"axis": a["axis"], "scale": len(s) > 1, "center": len(s) > 2},
    ),
    "image.ExtractPatches": _as("Conv{}D", _patches),
    "image.Resize": _as("Resizing", _resize),
}
