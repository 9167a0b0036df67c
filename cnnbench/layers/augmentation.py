"""Layers that alter images in training; at inference most pass them through.

Their work in training is part of preparing the data, and is not counted.
"""

from math import prod
from typing import Any

from cnnbench.graph import layer
from cnnbench.layers._sizes import join, positive, split
from cnnbench.rule import WHOLE, Rule, Shape

IDENTITY = """
AugMix CutMix Equalization MixUp RandAugment RandomBrightness RandomColorDegeneration
RandomColorJitter RandomContrast RandomElasticTransform RandomErasing RandomFlip
RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization
RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom
Solarization
"""
"""Layers whose `transform_images` in Keras does nothing unless `training` is true."""


def identity(x: Shape) -> Rule:
    """The image itself."""
    return Rule(x, view=True, saves="")


for _name in IDENTITY.split():
    layer(_name)(identity)


@layer("RandomCrop")
def random_crop(x: Shape, height: int, width: int, data_format: str | None = None) -> Rule:
    """Nothing at inference, although Keras gives the size of the crop as the output size."""
    n, _, c = split(x, 2, data_format)
    positive(height, "height")
    positive(width, "width")
    return Rule(join(n, (height, width), c, data_format), view=True, saves="", window=WHOLE)


@layer("AutoContrast")
def auto_contrast(x: Shape, value_range: Any = (0, 255)) -> Rule:
    """Stretches the values along axes 1 and 2 to the whole range, also at inference.

    Each value: minimum, maximum, scale and offset (2), two limits, a test and a selection (2).
    Each stretched image of one channel: 4 for its scale and offset, less 2 for its first value. A
    range other than 0 to 255 is mapped to it and back, in 4 operations on each value each way.
    """
    mapped = 0 if tuple(value_range) == (0, 255) else 8
    parts = x[0] * prod(x[3:])
    return Rule(
        x,
        elementwise=(8 + mapped) * prod(x) + 2 * parts,
        backward=(8 + mapped) * prod(x),
        window=WHOLE,
    )
