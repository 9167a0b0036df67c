"""Residual modules as the tutorial builds them: biases, no normalisation.

He et al., arXiv 1512.03385, Figures 2 and 5; shortcut options A, B and C of section 4.1.
"""

from typing import Any

from cnnbench.blocks import at_least_one, block
from cnnbench.errors import ShapeError
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.merge import add
from cnnbench.layers.reshape import pad_channels


def _conv(x: Any, filters: int, kernel_size: int, relu: bool = True) -> Any:
    size, then = (kernel_size, kernel_size), "relu" if relu else "linear"
    return conv2d(x, filters, size, padding="same", activation=then)


def check_option(shortcut: str) -> None:
    """Refuse anything but the paper's three options."""
    if shortcut not in ("A", "B", "C"):
        raise ShapeError(
            "shortcut must be 'A' (zero padding), 'B' (projection where the channels "
            f"differ) or 'C' (projection always); got {shortcut!r}"
        )


def _shortcut(x: Any, filters: int, option: str) -> Any:
    """The path around the convolutions; the tutorial's projection has a ReLU."""
    check_option(option)
    if option == "A":
        return pad_channels(x, filters)
    if option == "C" or x.shape[-1] != filters:
        return _conv(x, filters, 1)
    return x


@block(input_shape=(256, 256, 3))
def residual_module(x: Any, n_filters: int = 64, shortcut: str = "B") -> Any:
    """Basic residual module: ReLU(shortcut + [3x3 ReLU, 3x3 linear]).

    shortcut "B" is the identity where x has n_filters channels, and a 1x1 projection elsewhere;
    "A" pads with zero channels; "C" always projects.
    """
    y = _conv(_conv(x, n_filters, 3), n_filters, 3, relu=False)
    return activation(add([y, _shortcut(x, n_filters, shortcut)]), "relu")


@block(input_shape=(56, 56, 256))
def residual_bottleneck(
    x: Any, n_filters: int = 64, expansion: int = 4, shortcut: str = "B"
) -> Any:
    """Residual bottleneck: ReLU(shortcut + [1x1 ReLU, 3x3 ReLU, 1x1 linear, expanded])."""
    at_least_one(expansion=expansion)
    y = _conv(_conv(x, n_filters, 1), n_filters, 3)
    y = _conv(y, n_filters * expansion, 1, relu=False)
    return activation(add([y, _shortcut(x, n_filters * expansion, shortcut)]), "relu")
