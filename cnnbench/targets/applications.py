"""The models of `keras.applications`, by name."""

from __future__ import annotations

from typing import Any

from cnnbench.errors import CnnbenchError, ShapeError
from cnnbench.graph import Shape

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


def build(name: str, input_shape: Shape | None, include_top: bool, params: dict[str, Any]) -> Any:
    """Make one without weights' values: nothing is allocated or downloaded.

    Args:
        name: one of SIZES.
        input_shape: (h, w, c); the default size with three channels if None.
        include_top: with the classifier.
        params: further arguments of the constructor, such as `alpha`.

    Raises:
        ShapeError: a size that the model does not take.
        CnnbenchError: an argument that the constructor does not have.
    """
    import keras

    shape = input_shape or (SIZES[name], SIZES[name], 3)
    try:
        return getattr(keras.applications, name)(
            include_top=include_top, weights=None, input_shape=shape, **params
        )
    except TypeError as error:
        raise CnnbenchError(f"keras.applications.{name}: {error}") from None
    except ValueError as error:
        raise ShapeError(f"keras.applications.{name}: {error}".splitlines()[0]) from None
