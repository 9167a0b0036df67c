"""RESAMPLING: intervals of what has no formula, such as a percentile of the calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnbench.stats.estimate import FEW, LEVEL, Estimate, student
from cnnbench.stats.launches import steady

BEYOND = 10
"""Steady calls that must lie beyond a percentile for it to be given."""

_NORMAL = student(math.inf)
_BLOCK = 1_000_000
"""Numbers drawn at once: enough to be fast, few enough for 20 MB."""


def bootstrap(
    launches: Collection[Sequence[float]],
    statistic: Callable[..., Any],
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """The hierarchical bootstrap's percentile interval of a statistic of all calls.

    A resample draws launches with replacement, then from each as many calls, again with
    replacement, as a launch has on average, so that every launch weighs the same
    (Kalibera and Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013).

    The interval is too narrow for few launches: their spread is drawn too small by
    (n - 1) / n, and no resample leaves the range of the data, so that over n launches a
    median is covered with at most 1 - 2^(1-n). It is therefore not the interval of a
    case's time, which is Student's, and `percentile` widens it.

    Args:
        launches: the calls to draw from, as they are; cut the warm-up first.
        statistic: called as `statistic(values, axis=-1)` on a row of calls a resample.
        resamples: how many.
        seed: of the draws; one seed gives one interval.
    """
    calls = [np.asarray(launch, dtype=float) for launch in launches]
    lengths = np.array([len(launch) for launch in calls])
    table = np.zeros((len(calls), lengths.max()))
    for row, launch in zip(table, calls, strict=True):
        row[: len(launch)] = launch
    size = round(float(lengths.mean()))
    random = np.random.default_rng(seed)
    found: list[NDArray[np.float64]] = []
    block = max(1, _BLOCK // (len(calls) * size))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = random.integers(len(calls), size=(rows, len(calls), 1))
        places = (random.random((rows, len(calls), size)) * lengths[drawn]).astype(int)
        found.append(np.asarray(statistic(table[drawn, places].reshape(rows, -1), axis=-1)))
    low, high = np.quantile(np.concatenate(found), ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def percentile(launches: Collection[Sequence[float]], q: float) -> Estimate | None:
    """The time that q % of the steady calls do not exceed, over all launches.

    None where the sample does not support it: with fewer than 3 launches, or fewer than 10
    calls beyond it. The number of calls beyond is uncertain by twice its square root, 6 of
    10, so that with 10 the interval still ends within the sample, and with 4 it would not.
    """
    kept = [calls for launch in launches if (calls := steady(launch))]
    total = sum(map(len, kept))
    if len(kept) < FEW or total * min(q, 100 - q) < 100 * BEYOND:
        return None
    value = _balanced(kept, q / 100)
    at = partial(np.quantile, q=q / 100, method="inverted_cdf")
    count = len(kept)
    wider = math.sqrt(count / (count - 1)) * student(count - 1) / _NORMAL
    low, high = (value * (end / value) ** wider for end in bootstrap(kept, at))
    return Estimate(value, low, high, count)


def _balanced(launches: Sequence[Sequence[float]], share: float) -> float:
    """The call up to which `share` of the weight lies, where every launch weighs the same."""
    calls = np.concatenate(launches)
    weights = np.concatenate([np.full(len(launch), 1 / len(launch)) for launch in launches])
    order = np.argsort(calls)
    reached = np.cumsum(weights[order]) / len(launches)
    # A rounding error of the sum must not move the place by one call.
    place = int(np.searchsorted(reached, share - 1e-12))
    return float(calls[order[place]])
