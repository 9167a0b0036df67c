"""The models of `keras.applications`, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from cnnbench.errors import ShapeError, unknown
from cnnbench.networks.symbolic import first_line
from cnnbench.rule import Shape

# Keras has no list of them; the sizes are the defaults of their constructors (Keras 3.15).
_NAMES = {
    224: """
        ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge
        DenseNet121 DenseNet169 DenseNet201 EfficientNetB0 EfficientNetV2B0
        MobileNet MobileNetV2 MobileNetV3Small MobileNetV3Large NASNetMobile
        ResNet50 ResNet101 ResNet152 ResNet50V2 ResNet101V2 ResNet152V2 VGG16 VGG19
    """,
    240: "EfficientNetB1 EfficientNetV2B1",
    260: "EfficientNetB2 EfficientNetV2B2",
    299: "InceptionV3 InceptionResNetV2 Xception",
    300: "EfficientNetB3 EfficientNetV2B3",
    331: "NASNetLarge",
    380: "EfficientNetB4",
    384: "EfficientNetV2S",
    456: "EfficientNetB5",
    480: "EfficientNetV2M EfficientNetV2L",
    528: "EfficientNetB6",
    600: "EfficientNetB7",
}

SIZES = {name: size for size, names in _NAMES.items() for name in names.split()}
"""The side of the square image that each takes by default."""

SMALLEST = 75
"""The side from which on no constructor refuses a size."""


def build(name: str, input_shape: Shape, params: dict[str, Any]) -> Any:
    """Make one with random weights: nothing is downloaded.

    Args:
        name: one of SIZES.
        input_shape: (h, w, c).
        params: further arguments of the constructor, such as `alpha` or `include_top`.

    Raises:
        ShapeError: a size or a value that the model does not take.
        UnknownNameError: a parameter that the constructor does not have.
    """
    import keras

    constructor = getattr(keras.applications, name)
    for param in params:
        if param not in (known := _params(constructor)):
            raise unknown(
                f"parameter of keras.applications.{name}",
                param,
                known,
                see="--input gives the size and --no-include-top leaves out the classifier",
            )
    if not isinstance(top := params.get("include_top", True), bool):
        raise ShapeError(
            f"keras.applications.{name}: include_top must be True or False; got {top!r}"
        )
    try:
        return constructor(weights=None, input_shape=input_shape, **params)
    except Exception as error:  # Keras refuses in many ways
        raise ShapeError(f"keras.applications.{name}: {first_line(error)}") from None


def _params(constructor: Callable[..., Any]) -> list[str]:
    """What a user may give to a constructor; the rest follows from options of ours."""
    ours = ("weights", "input_shape", "input_tensor")
    return [name for name in inspect.signature(constructor).parameters if name not in ours]
