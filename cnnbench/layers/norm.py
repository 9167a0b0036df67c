"""Normalisation and regularisation, at inference."""

from math import prod

from cnnbench.graph import Rule, Shape, Weight, layer


@layer("BatchNormalization")
def batch_normalization(x: Shape, center: bool = True, scale: bool = True) -> Rule:
    """One multiply and one add per element: the four vectors fold into a scale and a shift.

    The moving mean and variance are weights that are not trained. In training: mean (1),
    variance (3: subtract, square, add), normalise (2), scale and shift (2); backward: the sums of
    dy and of dy * x_hat (3), then the three terms of dx (5) (Ioffe and Szegedy, 1502.03167,
    section 3).
    """
    c = (x[-1],)
    trained = [Weight("gamma", c)] * scale + [Weight("beta", c)] * center
    moving = [Weight("moving_mean", c, False), Weight("moving_variance", c, False)]
    return Rule(
        x,
        weights=(*trained, *moving),
        elementwise=2 * prod(x),
        training=8 * prod(x),
        backward=8 * prod(x),
        saves="input",
    )


@layer("Dropout")
def dropout(x: Shape, rate: float) -> Rule:
    """Nothing at inference: the input passes through."""
    return Rule(x, view=True, saves="")
