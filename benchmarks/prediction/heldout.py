"""HELDOUT: how well a model predicts the blocks of a family that it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from cnnbench import blocks, stats
from cnnbench.cases.paper import rise_on_paper
from cnnbench.errors import CnnbenchError
from cnnbench.prediction import memory
from cnnbench.prediction.calibration import (
    memory_example,
    memory_model,
    seconds,
    time_example,
    time_model,
)
from cnnbench.prediction.model import (
    HUBER_DELTA,
    Example,
    Model,
    coefficients,
    proportional,
    summed,
)
from cnnbench.runs.result import Result

PROBES = "probe"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One case of a block: the measured value, and what each predictor said.

    Args:
        result: the case, its launches and its cost.
        family: the file of the catalogue that the block is in.
        measured: seconds or bytes.
        predicted: by a model that was fitted on the probes and on all other families.
        alone: by a model that was fitted on the probes only, as `cnnbench predict` does.
        naive: by each naive predictor, fitted on the same cases as `predicted`.
        halves: the values from each half of the launches; None for a single launch.
    """

    result: Result
    family: str
    measured: float
    predicted: float
    alone: float
    naive: dict[str, float]
    halves: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Score:
    """How far predictions are from measured values, relative to the measured values."""

    errors: tuple[float, ...]

    @property
    def cases(self) -> int:
        """How many there are."""
        return len(self.errors)

    @property
    def median(self) -> float:
        """The median error."""
        return median(self.errors)

    def within(self, limit: float) -> float:
        """The share of the cases whose error is at most `limit`."""
        return sum(error <= limit for error in self.errors) / len(self.errors)


def score(pairs: Sequence[tuple[float, float]]) -> Score:
    """The errors of (predicted, measured) pairs; there must be at least one."""
    return Score(tuple(abs(predicted / measured - 1) for predicted, measured in pairs))


def times(results: Sequence[Result]) -> tuple[tuple[HeldOut, ...], Model]:
    """Every case of the catalogue that was timed, and the model that only the probes give."""
    return _held_out(
        results,
        time_example,
        time_model,
        {
            "MACs": lambda r: r.cost.macs,
            "activations": lambda r: r.cost.activation_bytes,
        },
        lambda r: _halves(stats.medians(r.samples.values()), lambda half: seconds(half) or 0.0),
        HUBER_DELTA,
    )


def peaks(results: Sequence[Result]) -> tuple[tuple[HeldOut, ...], Model]:
    """Every case of the catalogue whose peak was measured, and the model as for `times`."""
    return _held_out(
        results,
        memory_example,
        memory_model,
        {
            "live activations": lambda r: rise_on_paper(r.cost),
            "all activations": lambda r: r.cost.activation_bytes,
        },
        lambda r: _halves(r.peaks, median),
        memory.HUBER_DELTA,
    )


def _held_out(
    results: Sequence[Result],
    example: Callable[[Result], Example | None],
    of_probes: Callable[[Sequence[Result]], Model],
    naive: dict[str, Callable[[Result], float]],
    halves: Callable[[Result], tuple[float, float] | None],
    delta: float,
) -> tuple[tuple[HeldOut, ...], Model]:
    known = [(r, family(r), e) for r in results if (e := example(r))]
    probes = [(r, e) for r, f, e in known if f == PROBES]
    if len(probes) < 2 or len(probes) == len(known):
        raise CnnbenchError(
            f"expected probes and blocks; got {len(probes)} and {len(known) - len(probes)} "
            "with a measurement; see benchmarks/prediction"
        )
    model = of_probes([r for r, _ in probes])
    cases = []
    for held in sorted({f for _, f, _ in known} - {PROBES}):
        rest = [(r, e) for r, f, e in known if f != held]
        fit = coefficients([e for _, e in rest], delta)
        lines = {
            name: proportional([(e.measured, amount(r)) for r, e in rest])
            for name, amount in naive.items()
        }
        cases += [
            HeldOut(
                result=r,
                family=held,
                measured=e.measured,
                predicted=summed(fit, e.terms),
                alone=model.predict(e.terms),
                naive={name: lines[name] * amount(r) for name, amount in naive.items()},
                halves=halves(r),
            )
            for r, f, e in known
            if f == held
        ]
    return tuple(cases), model


def family(result: Result) -> str:
    """The file of the catalogue that holds the block of a case; all probes are one family."""
    if is_probe(result):
        return PROBES
    return str(blocks.get(result.case.target).function.__module__.split(".")[-1])


def is_probe(result: Result) -> bool:
    """Whether it is a case of a calibration."""
    return result.case.network.kind == "entry" and blocks.is_probe(result.case.target)


def _halves(
    values: Sequence[float], estimate: Callable[[Sequence[float]], float]
) -> tuple[float, float] | None:
    """The values from every second launch, and from the launches between them."""
    if len(values) < 2:
        return None
    return estimate(values[::2]), estimate(values[1::2])
