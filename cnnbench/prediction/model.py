"""MODEL: the coefficients of terms, fitted on measured cases."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
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
        guess_low: the same as `low` for what is a guess: how far the probes of each kind were from
            what a model without probes of that kind made of them.
        guess_high: likewise.
    """

    coefficients: dict[str, float]
    low: float
    high: float
    examples: int
    guess_low: float = math.nan
    guess_high: float = math.nan

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
    examples: Sequence[Example],
    groups: Sequence[Hashable],
    delta: float = HUBER_DELTA,
    guesses: Iterable[tuple[Sequence[Example], Sequence[Example]]] = (),
) -> Model:
    """The model of at least two examples, with its errors on examples that it was not fitted on.

    For these errors, the examples of one of the `groups` at a time are left out of the fit.
    Each of the `guesses` is what a kind of layers would be worth if it were unknown: the examples
    without it, and those of it as guesses.
    """
    parts = [
        (
            [e for e, g in zip(examples, groups, strict=True) if g != group],
            [e for e, g in zip(examples, groups, strict=True) if g == group],
        )
        for group in dict.fromkeys(groups)
    ]
    low, high = _span(parts, delta)
    guess_low, guess_high = _span(guesses, delta)
    return Model(coefficients(examples, delta), low, high, len(examples), guess_low, guess_high)


def _span(
    parts: Iterable[tuple[Sequence[Example], Sequence[Example]]], delta: float
) -> tuple[float, float]:
    """The 10th and 90th percentile of measured over predicted, for what each fit did not see."""
    import numpy as np

    known = []
    for inside, outside in parts:
        without = coefficients(inside, delta) if inside else {}
        predicted = [summed(without, e.terms) for e in outside]
        known += [e.measured / p for e, p in zip(outside, predicted, strict=True) if p]
    low, high = np.quantile(known, (0.1, 0.9)) if known else (math.nan, math.nan)
    return float(low), float(high)


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
