"""Normalisation and dropout, at inference."""

from math import prod
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.graph import layer
from cnnbench.layers._sizes import axes_of, sees
from cnnbench.rule import WHOLE, Rule, Shape, Weight, Window


@layer("BatchNormalization")
def batch_normalization(
    x: Shape, axis: int = -1, center: bool = True, scale: bool = True, renorm: bool = False
) -> Rule:
    """One multiply and one add per element: the four vectors fold into a scale and a shift.

    The moving mean and variance are weights that are not trained. In training: mean (1),
    variance (3: subtract, square, add), normalise (2), scale and shift (2). Backward: the sums of
    dy and of dy * x_hat (3), then the three terms of dx (5) (Ioffe and Szegedy, 1502.03167,
    section 3). Renormalisation corrects whole channels, so it adds no work on elements.
    """
    (channels,) = axes_of(axis, len(x))
    c, values = (x[channels],), prod(x)
    moving = ["moving_mean", "moving_variance"]
    if renorm:
        moving += ["moving_stddev", "renorm_mean", "renorm_stddev"]
    return Rule(
        x,
        weights=(*_gamma_beta(c, scale, center), *[Weight(name, c, False) for name in moving]),
        elementwise=2 * values,
        training=8 * values,
        backward=8 * values,
        saves="input",
    )


def _gamma_beta(shape: Shape, scale: bool, center: bool) -> tuple[Weight, ...]:
    gamma = (Weight("gamma", shape),) if scale else ()
    return (*gamma, Weight("beta", shape)) if center else gamma


@layer("LayerNormalization")
def layer_normalization(
    x: Shape, axis: Any = -1, center: bool = True, scale: bool = True, rms_scaling: bool = False
) -> Rule:
    """Mean and variance of each sample, over one axis or several, computed at inference too.

    `rms_scaling`, which Keras deprecates, divides by the standard deviation without subtracting
    the mean; it always scales and never shifts.
    """
    if rms_scaling:
        center, scale = False, True
    window = sees(x, axis)
    return _normalized(x, _along(x, axis), center, scale, window, 1 - int(rms_scaling))


def _normalized(
    x: Shape, shape: Shape, center: bool, scale: bool, window: Window | None, mean: int = 1
) -> Rule:
    """Normalisation by the input's own statistics, with weights of this shape.

    Per element: mean (1), variance (3: subtract, square, add), normalise (2: subtract,
    multiply), scale (1) and shift (1). Backward, with x_hat the normalised value: dx and the sums
    of dy and of dy * x_hat, as in a batch normalisation (8); for the scale, which here differs
    within a sum, dy * gamma, x_hat again and the sum of dy * x_hat (4); for the shift a sum (1).
    """
    scaled, shifted = int(bool(scale)), int(bool(center))
    return Rule(
        x,
        weights=_gamma_beta(shape, scale, center),
        elementwise=(5 + mean + scaled + shifted) * prod(x),
        backward=(8 + 4 * scaled + shifted) * prod(x),
        saves="input",
        window=window,
    )


def _along(x: Shape, axis: Any) -> Shape:
    # Keras sorts the axes as they were given, so that -1 comes before 1.
    return tuple(x[a] for a in (sorted(axis) if isinstance(axis, (tuple, list)) else [axis]))


@layer("GroupNormalization")
def group_normalization(
    x: Shape, groups: int = 32, axis: int = -1, center: bool = True, scale: bool = True
) -> Rule:
    """A layer normalisation of each group of channels over all positions of a sample.

    `groups=-1` makes each channel a group: instance normalisation.
    """
    (channels,) = axes_of(axis, len(x))
    c = x[channels]
    whole = isinstance(groups, int) and not isinstance(groups, bool)
    if not whole or groups < -1 or groups == 0:
        raise ShapeError(f"groups must be -1 or a whole number of at least 1; got {groups!r}")
    if isinstance(c, int) and c % groups:
        raise ShapeError(f"groups={groups} must divide {c} channels")
    return _normalized(x, (c,), center, scale, WHOLE)


@layer("RMSNormalization")
def rms_normalization(x: Shape, axis: Any = -1) -> Rule:
    """Divided by the root of the mean square: square, add, multiply, scale.

    Backward: dy * scale (1), x_hat (1), the sums of dy * x_hat for the scale and for the mean
    square (4), and the two terms of dx (3) (Zhang and Sennrich, 1910.07467, section 4).
    """
    window = sees(x, axis)
    return Rule(
        x,
        weights=(Weight("scale", _along(x, axis)),),
        elementwise=4 * prod(x),
        backward=9 * prod(x),
        saves="input",
        window=window,
    )


@layer("UnitNormalization")
def unit_normalization(x: Shape, axis: Any = -1) -> Rule:
    """Divided by its length: square, add, multiply.

    Backward: the sum of dy * y (2) and the two terms of dx (3).
    """
    window = sees(x, axis)
    return Rule(x, elementwise=3 * prod(x), backward=5 * prod(x), saves="input", window=window)


@layer("Dropout")
def dropout(x: Shape, rate: float) -> Rule:
    """Nothing at inference: the input passes through.

    In training: draw, compare, scale, select. Backward: scale, select.
    """
    on = int(bool(rate))
    return Rule(x, view=True, training=4 * on * prod(x), backward=2 * on * prod(x), saves="")
