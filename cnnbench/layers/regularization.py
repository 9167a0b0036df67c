"""Noise and penalties that act only in training; at inference the input passes through."""

from collections.abc import Sequence
from math import prod

from cnnbench.errors import ShapeError
from cnnbench.graph import layer, ranked_layers
from cnnbench.layers._sizes import split
from cnnbench.rule import Rule, Shape


def _noise(x: Shape, rate: float, training: int, backward: int) -> Rule:
    on = int(bool(rate))
    return Rule(x, view=True, training=on * training, backward=on * backward, saves="")


def _spatial_dropout(rank: int, x: Shape, rate: float, data_format: str | None = None) -> Rule:
    """Drops whole channels in training: one draw and one comparison a channel of a sample.

    Then scale and select, on each value (2), forward and backward.
    """
    n, _, c = split(x, rank, data_format)
    return _noise(x, rate, 2 * n * c + 2 * prod(x), 2 * prod(x))


@layer("SpatialDropout1D")
def spatial_dropout1d(x: Shape, rate: float) -> Rule:
    """As `SpatialDropout2D`, on steps; Keras has no `data_format` here."""
    return _spatial_dropout(1, x, rate)


spatial_dropout2d, spatial_dropout3d = ranked_layers("SpatialDropout{}D", _spatial_dropout, (2, 3))


@layer("AlphaDropout")
def alpha_dropout(x: Shape, rate: float, noise_shape: Sequence[int | None] | None = None) -> Rule:
    """Sets values to the negative limit of SELU in training, then restores mean and variance.

    On each value of the noise: draw, compare, and the value that replaces a dropped one (2). On
    each value of x: mask, add, then an affine map (2). Backward: mask and scale
    (Klambauer et al., 1706.02515, section 3).
    """
    if noise_shape is not None and len(noise_shape) != len(x):
        raise ShapeError(f"noise_shape must have {len(x)} sizes, as the input; got {noise_shape}")
    noise = [size if own is None else own for size, own in zip(x, noise_shape or x, strict=True)]
    return _noise(x, rate, 4 * prod(noise) + 4 * prod(x), 2 * prod(x))


@layer("GaussianDropout")
def gaussian_dropout(x: Shape, rate: float) -> Rule:
    """Multiplies by noise around 1 in training: draw, scale, shift, multiply."""
    return _noise(x, rate, 4 * prod(x), prod(x))


@layer("GaussianNoise")
def gaussian_noise(x: Shape, stddev: float) -> Rule:
    """Adds noise around 0 in training: draw, scale, shift, add."""
    return _noise(x, stddev, 4 * prod(x), 0)


@layer("ActivityRegularization")
def activity_regularization(x: Shape, l1: float = 0.0, l2: float = 0.0) -> Rule:
    """Adds a penalty on the activations to the loss; the activations pass through.

    Each of the two penalties takes a function (magnitude or square) and a sum forward. Backward,
    it takes its gradient and an addition to dy: sign, scale, add for l1; scale, add for l2.
    """
    first, second = int(bool(l1)), int(bool(l2))
    return Rule(
        x,
        view=True,
        training=2 * (first + second) * prod(x),
        backward=(3 * first + 2 * second) * prod(x),
        saves="input" if first or second else "",
    )
