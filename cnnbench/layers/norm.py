"""Normalisation and regularisation, at inference."""

from math import prod

from cnnbench.graph import Rule, Shape, Weight, layer


@layer("BatchNormalization")
def batch_normalization(x: Shape, center: bool = True, scale: bool = True) -> Rule:
    """One multiply and one add per element: the four vectors fold into a scale and a shift.

    The moving mean and variance are weights that are not trained.
    """
    c = (x[-1],)
    trained = [Weight("gamma", c)] * scale + [Weight("beta", c)] * center
    moving = [Weight("moving_mean", c, False), Weight("moving_variance", c, False)]
    return Rule(x, weights=(*trained, *moving), elementwise=2 * prod(x))


@layer("Dropout")
def dropout(x: Shape, rate: float) -> Rule:
    """Nothing at inference: the input passes through."""
    return Rule(x, view=True)
