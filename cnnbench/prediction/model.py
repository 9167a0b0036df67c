"""MODEL: coefficients for terms, fitted on what was measured."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from cnnbench.prediction.terms import Terms

SHRUG = 0.1
"""Relative error beyond which a case counts less (Huber). Of times: launches are disturbed."""

ROUNDS = 20
"""Of reweighting; the coefficients stand still well before."""


@dataclass(frozen=True, slots=True)
class Example:
    """The terms of a case and what was measured of it, in seconds or bytes."""

    terms: Terms
    measured: float


@dataclass(frozen=True, slots=True)
class Model:
    """A sum of terms, each with a coefficient that is not negative.

    Args:
        coefficients: seconds or bytes for one unit of each term.
        low: quotient of measured and predicted that one in ten cases lies below.
        high: the same above; both from cases that were left out of the fit.
        examples: how many cases it was fitted on.
    """

    coefficients: dict[str, float]
    low: float
    high: float
    examples: int

    def predict(self, terms: Terms) -> float:
        """Seconds or bytes; a term that was never seen counts as nothing."""
        return summed(self.coefficients, terms)


def summed(coefficients: Mapping[str, float], terms: Terms) -> float:
    """Seconds or bytes of some terms; one without a coefficient counts as nothing."""
    return sum(coefficients.get(name, 0.0) * amount for name, amount in terms.items())


def fitted(examples: Sequence[Example], groups: Sequence[Hashable], shrug: float = SHRUG) -> Model:
    """The model of some examples, with the errors that it makes on those it does not see.

    Args:
        examples: at least two.
        groups: of each example; one group at a time is left out to see the errors.
        shrug: see `coefficients`.
    """
    quotients = []
    for group in dict.fromkeys(groups):
        inside = [e for e, g in zip(examples, groups, strict=True) if g != group]
        outside = [e for e, g in zip(examples, groups, strict=True) if g == group]
        if inside:
            without = coefficients(inside, shrug)
            quotients += [_quotient(e, without) for e in outside]
    known = sorted(q for q in quotients if q)
    return Model(
        coefficients=coefficients(examples, shrug),
        low=_quantile(known, 0.1),
        high=_quantile(known, 0.9),
        examples=len(examples),
    )


def _quotient(example: Example, without: dict[str, float]) -> float:
    predicted = summed(without, example.terms)
    return example.measured / predicted if predicted else 0.0


def _quantile(values: Sequence[float], share: float) -> float:
    import numpy as np

    return float(np.quantile(values, share)) if values else math.nan


def coefficients(examples: Sequence[Example], shrug: float = SHRUG) -> dict[str, float]:
    """Non-negative least squares on relative errors, with Huber's weights beyond `shrug`.

    Lawson and Hanson, "Solving Least Squares Problems", 1974, chapter 23; Huber, "Robust
    Statistics", 1981, section 7.8, for the weights.
    """
    import numpy as np
    from scipy.optimize import nnls

    names = sorted({name for example in examples for name in example.terms})
    measured = np.array([example.measured for example in examples])
    # Each row divided by what was measured: the target is one, the residual a relative error.
    rows = np.array([[e.terms.get(name, 0.0) for name in names] for e in examples])
    rows /= measured[:, None]
    scale = np.linalg.norm(rows, axis=0)
    scale[scale == 0] = 1.0  # a term of which no example has any
    rows /= scale
    weights = np.ones(len(examples))
    for _ in range(ROUNDS):
        found, _ = nnls(rows * weights[:, None], weights)
        errors = np.abs(rows @ found - 1)
        weights = np.sqrt(np.minimum(1, shrug / np.maximum(errors, shrug)))
    return dict(zip(names, map(float, found / scale), strict=True))


def proportional(pairs: Sequence[tuple[float, float]]) -> float:
    """The one coefficient of a naive predictor: the median of measured over amount.

    It has the least mean absolute error of the logarithm.
    """
    return median(measured / amount for measured, amount in pairs if amount)
