"""FORECAST: the models of a machine on one network."""

from __future__ import annotations

from dataclasses import dataclass

from cnnbench.cost import Cost, cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import Graph
from cnnbench.prediction import memory, terms
from cnnbench.prediction.calibration import Calibration
from cnnbench.prediction.model import Model
from cnnbench.prediction.terms import CALL, Terms


@dataclass(frozen=True, slots=True)
class Expected:
    """A value, and the range that held eight of ten cases which the model had not seen."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LayerTime:
    """Seconds of one layer, and its share of the call; `guessed` as in `terms.LayerTerms`."""

    name: str
    op: str
    kind: str
    seconds: float
    share: float
    guessed: bool


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network should take on the machine of a calibration.

    Args:
        cost: on paper.
        time: seconds of a call, in graph mode on the CPU.
        rise: bytes by which the first call raises the process's peak memory.
        call_s: of the time, what a call takes whatever is in it.
        layers: in the order of the network.
        by_macs: seconds, in proportion to the multiply-adds alone.
        by_activations: seconds, in proportion to the activations alone.
        calibration: what it rests on.
        note: what the user should know of that.
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

    @property
    def guessed(self) -> tuple[LayerTime, ...]:
        """The layers of a kind that no probe has."""
        return tuple(layer for layer in self.layers if layer.guessed)


def check(graph: Graph) -> None:
    """Refuse what no calibration can speak of.

    Raises:
        CnnbenchError: it is not in float32, which is all that a calibration measures.
    """
    if graph.dtype != "float32":
        raise CnnbenchError(
            f"a prediction is for float32, which is what is calibrated; got {graph.dtype}"
        )


def forecast(graph: Graph, calibration: Calibration, note: str = "") -> Prediction:
    """The prediction for a graph.

    Raises:
        CnnbenchError: as `check`.
    """
    check(graph)
    found = terms.of_layers(graph)
    paper = cost(graph)
    time = _expected(calibration.time, terms.total(found))
    return Prediction(
        cost=paper,
        time=time,
        rise=_expected(calibration.memory, memory.terms(graph)),
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
            for layer in found
        ),
        by_macs=calibration.per_mac * paper.macs,
        by_activations=calibration.per_byte * paper.activation_bytes,
        calibration=calibration,
        note=note,
    )


def _expected(model: Model, amounts: Terms) -> Expected:
    value = model.predict(amounts)
    return Expected(value, value * model.low, value * model.high)
