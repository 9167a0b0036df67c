"""Residual modules as the tutorial builds them: biases, no normalisation.

He et al., arXiv 1512.03385, Figures 2 and 5; shortcut options A, B and C of section 4.1.
"""

from collections.abc import Callable
from typing import Any

from cnnbench.blocks import at_least_one, block
from cnnbench.errors import ShapeError
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.merge import add
from cnnbench.layers.pool import max_pooling2d
from cnnbench.layers.reshape import pad_channels


def _conv(x: Any, filters: int, kernel_size: int, relu: bool = True) -> Any:
    size, then = (kernel_size, kernel_size), "relu" if relu else "linear"
    return conv2d(x, filters, size, padding="same", activation=then)


def shortcut_of(
    x: Any, filters: int, option: str, project: Callable[[Any], Any], strides: int = 1
) -> Any:
    """The identity, or a strided 1x1 projection: where the shape changes (B) or always (C).

    Option A drops the positions between the strides and appends zero channels instead.
    """
    if option not in ("A", "B", "C"):
        raise ShapeError(
            "shortcut must be 'A' (zero padding), 'B' (projection where the channels "
            f"differ) or 'C' (projection always); got {option!r}"
        )
    if option == "A":
        return pad_channels(x if strides == 1 else max_pooling2d(x, 1, strides), filters)
    if option == "B" and strides == 1 and x.shape[-1] == filters:
        return x
    return project(x)


def _joined(x: Any, y: Any, filters: int, option: str) -> Any:
    """ReLU of the sum; the tutorial's projection has a ReLU too."""
    return activation(
        add([y, shortcut_of(x, filters, option, lambda x: _conv(x, filters, 1))]), "relu"
    )


@block(input_shape=(256, 256, 3))
def residual_module(x: Any, n_filters: int = 64, shortcut: str = "B") -> Any:
    """Basic residual module: ReLU(shortcut + [3x3 ReLU, 3x3 linear]).

    shortcut "B" is the identity where x has n_filters channels, and a 1x1 projection elsewhere;
    "A" pads with zero channels; "C" always projects.
    """
    y = _conv(_conv(x, n_filters, 3), n_filters, 3, relu=False)
    return _joined(x, y, n_filters, shortcut)


@block(input_shape=(56, 56, 256))
def residual_bottleneck(
    x: Any, n_filters: int = 64, expansion: int = 4, shortcut: str = "B"
) -> Any:
    """Residual bottleneck: ReLU(shortcut + [1x1 ReLU, 3x3 ReLU, 1x1 linear, expanded])."""
    at_least_one(expansion=expansion)
    y = _conv(_conv(x, n_filters, 1), n_filters, 3)
    y = _conv(y, n_filters * expansion, 1, relu=False)
    return _joined(x, y, n_filters * expansion, shortcut)
