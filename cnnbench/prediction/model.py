"""MODEL: the coefficients of terms, fitted on measured cases."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from cnnbench.prediction.terms import Terms
from cnnbench.records import Record, one_line

HUBER_DELTA = 0.1
"""The relative error from which on a case counts less. For times, as launches are disturbed."""

ROUNDS = 20
"""Rounds of reweighting; the coefficients no longer change well before the last."""


@dataclass(frozen=True, slots=True)
class Example:
    """The terms of a case, and its measured value in seconds or bytes."""

    terms: Terms
    measured: float


@dataclass(frozen=True, slots=True)
class Model(Record):
    """A sum of terms, each with a coefficient of at least zero.

    Args:
        coefficients: seconds or bytes for one unit of each term.
        low: measured over predicted; one case in ten is below it.
        high: measured over predicted; one case in ten is above it. Both are from cases that were
            left out of the fit.
        examples: how many cases it was fitted on.
    """

    coefficients: dict[str, float]
    low: float
    high: float
    examples: int

    def __repr__(self) -> str:
        span = f"{self.low:.2f} to {self.high:.2f} times the prediction"
        return one_line(self, f"{len(self.coefficients)} terms", f"{self.examples} examples", span)

    def predict(self, terms: Terms) -> float:
        """Seconds or bytes; a term without a coefficient counts as zero."""
        return summed(self.coefficients, terms)


def summed(coefficients: Mapping[str, float], terms: Terms) -> float:
    """Seconds or bytes of some terms; a term without a coefficient counts as zero."""
    return sum(coefficients.get(name, 0.0) * amount for name, amount in terms.items())


def fitted(
    examples: Sequence[Example], groups: Sequence[Hashable], delta: float = HUBER_DELTA
) -> Model:
    """The model of some examples, with its errors on examples that it was not fitted on.

    Args:
        examples: at least two.
        groups: the group of each example; one group at a time is left out to see the errors.
        delta: see `coefficients`.
    """
    quotients = []
    for group in dict.fromkeys(groups):
        inside = [e for e, g in zip(examples, groups, strict=True) if g != group]
        outside = [e for e, g in zip(examples, groups, strict=True) if g == group]
        if inside:
            without = coefficients(inside, delta)
            quotients += [_quotient(e, without) for e in outside]
    known = sorted(q for q in quotients if q)
    return Model(
        coefficients=coefficients(examples, delta),
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


def coefficients(examples: Sequence[Example], delta: float = HUBER_DELTA) -> dict[str, float]:
    """Non-negative least squares on relative errors, with Huber's weights beyond `delta`.

    Lawson and Hanson, "Solving Least Squares Problems", 1974, chapter 23; Huber, "Robust
    Statistics", 1981, section 7.8, for the weights.
    """
    import numpy as np
    from scipy.optimize import nnls

    names = sorted({name for example in examples for name in example.terms})
    measured = np.array([example.measured for example in examples])
    # Each row is divided by the measured value: the target is 1, a residual is a relative error.
    rows = np.array([[e.terms.get(name, 0.0) for name in names] for e in examples])
    rows /= measured[:, None]
    scale = np.linalg.norm(rows, axis=0)
    scale[scale == 0] = 1.0  # a term that no example has
    rows /= scale
    weights = np.ones(len(examples))
    for _ in range(ROUNDS):
        scaled, _ = nnls(rows * weights[:, None], weights)
        errors = np.abs(rows @ scaled - 1)
        weights = np.sqrt(np.minimum(1, delta / np.maximum(errors, delta)))
    return dict(zip(names, map(float, scaled / scale), strict=True))


def proportional(pairs: Sequence[tuple[float, float]]) -> float:
    """The only coefficient of a naive predictor: the median of measured over amount.

    It has the smallest mean absolute error of the logarithm.
    """
    return median(measured / amount for measured, amount in pairs if amount)
