"""FORECAST: the models of a machine, applied to one network."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cnnbench import units
from cnnbench.cases.case import Case
from cnnbench.cost import Cost, cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import Graph
from cnnbench.prediction import modes
from cnnbench.prediction.calibration import Calibration, stored
from cnnbench.prediction.model import Model
from cnnbench.prediction.terms import CALL, Terms, total
from cnnbench.records import Record, one_line
from cnnbench.runs.store import PredictedRise


@dataclass(frozen=True, slots=True)
class Expected(Record):
    """A value, and the range that contained 8 of 10 cases which the model had not seen."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LayerTime(Record):
    """Seconds of one layer, and its share of the call; `guessed` as in `terms.LayerTerms`."""

    name: str
    op: str
    kind: str
    seconds: float
    share: float
    guessed: bool


@dataclass(frozen=True, slots=True)
class Prediction(Record):
    """What a network should take on the machine of a calibration.

    Args:
        cost: of the network, on paper.
        time: seconds of a call, or of a training step, in the mode of the calibration on the CPU.
        rise: bytes by which the first call raises the peak memory of the process.
        call_s: the part of the time that every call takes, whatever the network.
        layers: in the order of the network.
        by_macs: seconds, if they depended on the multiply-adds alone.
        by_activations: seconds, if they depended on the activations alone.
        calibration: what the prediction is based on.
        note: what the user should know about the calibration.
    """

    cost: Cost
    time: Expected
    rise: Expected
    call_s: float
    layers: tuple[LayerTime, ...]
    by_macs: float
    by_activations: float
    calibration: Calibration
    note: str = ""

    def __repr__(self) -> str:
        time, rise = units.seconds(self.time.value), units.binary(self.rise.value)
        return one_line(self, self.target, f"{time} a call", f"{rise} more memory")

    @property
    def target(self) -> str:
        """The network with its parameters."""
        return self.cost.name

    @property
    def guessed(self) -> tuple[LayerTime, ...]:
        """The layers of a kind that no probe has."""
        return tuple(layer for layer in self.layers if layer.guessed)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "target": self.target,
            "machine": self.calibration.machine,
            "time_s": self.time.to_json(),
            "rise_bytes": self.rise.to_json(),
            "weight_bytes": self.cost.weight_bytes,
            "peak_activation_bytes": self.cost.peak_activation_bytes,
            "by_macs_s": self.by_macs,
            "by_activations_s": self.by_activations,
            "call_s": self.call_s,
            "layers": [layer.to_json() for layer in self.layers],
            "uncounted": [layer.name for layer in self.cost.uncounted],
            "time_model": self.calibration.time.coefficients,
            "memory_model": self.calibration.memory.coefficients,
            "note": self.note,
        }


def check(graph: Graph) -> None:
    """Refuse a graph that is not in float32, the only type that a calibration measures."""
    if graph.dtype != "float32":
        raise CnnbenchError(
            f"a prediction is for float32, which is what is calibrated; got {graph.dtype}"
        )


def forecast(graph: Graph, calibration: Calibration, note: str = "") -> Prediction:
    """Predict the time and the memory of a graph in float32."""
    check(graph)
    paper = cost(graph)
    mode = calibration.machine["mode"]
    time = expected_time(graph, calibration.time, mode)
    return Prediction(
        cost=paper,
        time=time,
        rise=expected_rise(graph, calibration.memory, mode),
        call_s=calibration.time.predict({CALL: 1.0}),
        layers=tuple(
            LayerTime(
                name=layer.name,
                op=layer.op,
                kind=layer.kind,
                seconds=(seconds := calibration.time.predict(layer.terms)),
                share=seconds / time.value if time.value else 0.0,
                guessed=layer.guessed,
            )
            for layer in modes.of_layers(graph, mode)
        ),
        by_macs=calibration.per_mac * paper.macs,
        by_activations=calibration.per_byte * paper.activation_bytes,
        calibration=calibration,
        note=note,
    )


def of_cases(cases: Iterable[Case], threads: int | None) -> list[PredictedRise]:
    """What a run should find, for the cases that the calibrations of this machine are made for.

    These are first calls or training steps on the CPU with all cores, in float32. Nothing is said
    of a network that takes a framework to be read, or that has a layer without a rule.
    """
    fitting = [
        case
        for case in cases
        if (case.device, case.dtype) == ("cpu", "float32") and not (case.threads or threads)
    ]
    places = dict.fromkeys((case.runtime, case.mode) for case in fitting)
    known = {place: stored(*place) for place in places}
    found = []
    for case in fitting:
        graph = _on_paper(case) if (calibration := known[case.runtime, case.mode]) else None
        if calibration and graph:
            rise = expected_rise(graph, calibration.memory, case.mode)
            found.append(PredictedRise(case.id, rise.value, rise.low, rise.high))
    return found


def _on_paper(case: Case) -> Graph | None:
    """The graph of a case, if that is whole and needs no framework."""
    with suppress(CnnbenchError):  # which the run finds by itself where it matters
        graph = case.network.on_paper(case.inputs, case.batch_size, case.dtype)
        if graph and not any(node.uncounted for node in graph.nodes):
            return graph
    return None


def expected_time(graph: Graph, model: Model, mode: str) -> Expected:
    """The seconds of a call; the time of each layer that is a guess has the range of a guess."""
    return expected(model, *time_amounts(graph, mode))


def expected_rise(graph: Graph, model: Model, mode: str) -> Expected:
    """The rise of the peak memory over a first call; of a network with a guess all is one."""
    return expected(model, *rise_amounts(graph, mode))


def time_amounts(graph: Graph, mode: str) -> tuple[Terms, Terms]:
    """The terms of the time, and those of them that are a guess."""
    guessed = total([layer for layer in modes.of_layers(graph, mode) if layer.guessed])
    return modes.time(graph, mode), guessed | {CALL: 0.0}


def rise_amounts(graph: Graph, mode: str) -> tuple[Terms, Terms]:
    """The same of the rise."""
    amounts = modes.rise(graph, mode)
    guessed = any(layer.guessed for layer in modes.of_layers(graph, mode))
    return amounts, amounts if guessed else {}


def expected(model: Model, amounts: Terms, guesses: Terms) -> Expected:
    """A value, of which `guesses` are a guess, and its range."""
    value, guessed = model.predict(amounts), model.predict(guesses)
    known = value - guessed
    # Where no kind could be left out they are NaN, and the first of two is taken.
    low, high = min(model.low, model.guess_low), max(model.high, model.guess_high)
    return Expected(value, known * model.low + guessed * low, known * model.high + guessed * high)
