"""HELDOUT: how well a model predicts blocks of a family that it was not fitted on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median, stdev

from cnnbench import blocks
from cnnbench.prediction.calibration import memory_example, seconds, time_example
from cnnbench.prediction.model import Example, coefficients, proportional
from cnnbench.result import Result, predicted_peak

PROBES = "probe"


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a block: what was measured, and what each predictor said.

    Args:
        result: the case, its launches and its cost.
        family: the file of the catalogue that the block is in.
        measured: seconds or bytes.
        predicted: by a model that was fitted on the probes and all other families.
        alone: by one that was fitted on the probes only, as `cnnbench predict` does.
        naive: by each naive predictor, fitted on what `predicted` was.
        noise: relative standard error of what was measured; None of a single launch.
    """

    result: Result
    family: str
    measured: float
    predicted: float
    alone: float
    naive: dict[str, float]
    noise: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """How far predictions lie from what was measured, relative to the latter."""

    cases: int
    median: float
    within_10: float
    within_20: float


def score(pairs: Sequence[tuple[float, float]]) -> Score:
    """The errors of (predicted, measured) pairs, of which there is at least one."""
    errors = [abs(predicted / measured - 1) for predicted, measured in pairs]
    return Score(
        len(errors),
        median(errors),
        sum(error <= 0.1 for error in errors) / len(errors),
        sum(error <= 0.2 for error in errors) / len(errors),
    )


def times(results: Sequence[Result]) -> list[Case]:
    """Every case of the catalogue that was timed."""
    return _held_out(
        results,
        time_example,
        {
            "MACs": lambda r: r.cost.macs,
            "activations": lambda r: r.cost.activation_bytes,
        },
        lambda r: _relative_error([t for s in r.samples.values() if (t := seconds([s]))]),
    )


def peaks(results: Sequence[Result]) -> list[Case]:
    """Every case of the catalogue whose peak was measured; naive is the peak on paper."""
    return _held_out(
        results,
        memory_example,
        {
            "live activations": lambda r: predicted_peak(r.cost),
            "all activations": lambda r: r.cost.activation_bytes,
        },
        lambda r: _relative_error(r.peaks),
    )


def _held_out(
    results: Sequence[Result],
    example: Callable[[Result], Example | None],
    naive: dict[str, Callable[[Result], float]],
    noise: Callable[[Result], float | None],
) -> list[Case]:
    known = [(r, family(r), e) for r in results if (e := example(r))]
    probes = coefficients([e for _, f, e in known if f == PROBES])
    found = []
    for held in sorted({f for _, f, _ in known} - {PROBES}):
        rest = [(r, e) for r, f, e in known if f != held]
        fit = coefficients([e for _, e in rest])
        lines = {
            name: proportional([(e.measured, amount(r)) for r, e in rest])
            for name, amount in naive.items()
        }
        found += [
            Case(
                result=r,
                family=held,
                measured=e.measured,
                predicted=_sum(fit, e),
                alone=_sum(probes, e),
                naive={name: lines[name] * amount(r) for name, amount in naive.items()},
                noise=noise(r),
            )
            for r, f, e in known
            if f == held
        ]
    return found


def family(result: Result) -> str:
    """The file of the catalogue that a case's block is in; all probes are one."""
    entry = blocks.get(result.case.target)
    return PROBES if entry.kind == "probe" else str(entry.function.__module__.split(".")[-1])


def _sum(fit: dict[str, float], example: Example) -> float:
    return sum(fit.get(name, 0.0) * amount for name, amount in example.terms.items())


def _relative_error(values: Sequence[float]) -> float | None:
    """The standard error of the median of a few values, about 1.25 times that of their mean."""
    if len(values) < 2:
        return None
    return 1.25 * stdev(values) / mean(values) / math.sqrt(len(values))
