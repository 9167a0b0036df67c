"""A prediction: the call, its layers, and the model behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cnnbench import units
from cnnbench.prediction.forecast import Expected, Prediction
from cnnbench.prediction.model import Model
from cnnbench.reporting.document import Document
from cnnbench.reporting.tables import MISSING, percent

JUDGED = ("tensorflow", "graph")
"""The runtime and mode whose predictions were held against what was measured."""

TOP = 10
"""Layers that are shown where nobody asked for another number."""


def document(prediction: Prediction, top: int = TOP, model: bool = False) -> Document:
    """What is predicted, with the `top` layers that take longest; CSV holds all layers.

    With `model` the coefficients too.
    """
    page = Document(data=prediction.to_json)
    page.rows = [
        {"layer": layer.pop("name"), "type": layer.pop("op"), **layer}
        for layer in (layer.to_json() for layer in prediction.layers)
    ]
    machine, cost = prediction.calibration.machine, prediction.cost
    page.text(
        f"{prediction.target}, input {', '.join(map(units.shape, cost.input_shapes))}, float32, "
        f"{machine['runtime']} in mode {machine['mode']}, on {machine['cpu']}, "
        f"{machine['threads']} threads"
    )
    call = [
        [
            f"time of a {'step' if machine['mode'] == 'train' else 'call'}",
            *_range(prediction.time, units.seconds),
        ],
        ["by MACs alone", units.seconds(prediction.by_macs), MISSING],
        ["by activations alone", units.seconds(prediction.by_activations), MISSING],
        ["rise of the peak memory", *_range(prediction.rise, units.binary)],
        ["on paper: weights", units.binary(cost.weight_bytes), MISSING],
        ["on paper: peak of activations", units.binary(cost.peak_activation_bytes), MISSING],
    ]
    page.table((["predicted", "", "8 of 10 cases within"], call))
    page.table((["layer", "type", "time", "share"], _layers(prediction, top)))
    if model:
        rows = [["time", *row] for row in coefficients(prediction.calibration.time, "s")]
        rows += [["memory", *row] for row in coefficients(prediction.calibration.memory, "B")]
        page.table((["of", "term", "coefficient", "as a rate"], rows))
    page.text(*_notes(prediction))
    return page


def _range(expected: Expected, show: Callable[[float], str]) -> tuple[str, str]:
    return show(expected.value), f"{show(expected.low)} to {show(expected.high)}"


def _layers(prediction: Prediction, top: int) -> list[list[str]]:
    order = sorted(prediction.layers, key=lambda layer: -layer.seconds)
    rows = [
        [layer.name, layer.op, units.seconds(layer.seconds), percent(layer.share)]
        for layer in order[:top]
    ]
    if rest := order[top:]:
        seconds = sum(layer.seconds for layer in rest)
        share = sum(layer.share for layer in rest)
        rows.append([f"{len(rest)} others", "", units.seconds(seconds), percent(share)])
    whole, call = prediction.time.value, prediction.call_s
    shown = [units.seconds(call), percent(call / whole)] if whole else [MISSING, MISSING]
    return [*rows, ["the call itself", "", *shown]]


_ONE = {"taps read": "tap", "MACs times channels": "MAC and channel"} | {
    f"{one}s": one for one in ("layer", "shape", "step", "MAC", "operation", "array", "value")
}


def coefficients(model: Model, unit: str) -> Iterator[list[str]]:
    """Each term whose coefficient is above zero; as a rate too, where it is time per work."""
    for name, value in model.coefficients.items():
        if not value:
            continue
        amounts = name.partition(", ")[2]
        per = _ONE.get(amounts, "byte" if amounts.endswith("bytes") else "call")
        show = units.binary if unit == "B" else _seconds
        rate = MISSING
        if unit == "s" and per not in ("layer", "step", "call"):
            rate = units.count(1 / value, "B/s" if per == "byte" else f"{per}/s")
        text = f"{value:.2f} B" if unit == "B" and per == "byte" else show(value)
        yield [name, f"{text} per {per}", rate]


def _seconds(value: float) -> str:
    """A time, also that of one multiply-add, which takes picoseconds."""
    return units.seconds(value) if value >= 1e-9 else f"{value * 1e12:.3g} ps"


def _notes(prediction: Prediction) -> Iterator[str]:
    if guessed := prediction.guessed:
        kinds = sorted({layer.op for layer in guessed})
        share = sum(layer.share for layer in guessed)
        model = prediction.calibration.time
        yield (
            f"no probe has {', '.join(kinds)}; counted as the nearest kind: "
            f"{percent(share)} of the time is a guess. Kinds that are known took "
            f"{model.guess_low:.2g} to {model.guess_high:.2g} times what such a guess says"
        )
    if prediction.cost.uncounted:
        names = ", ".join(layer.name for layer in prediction.cost.uncounted)
        yield f"the work of {names} is not known, so this is a lower bound"
    yield (
        "the first call takes this memory, later calls use it again. The ranges come from "
        f"{prediction.calibration.time.examples} probes, each predicted by a model without it"
    )
    machine = prediction.calibration.machine
    if (machine["runtime"], machine["mode"]) != JUDGED:
        yield (
            f"how good such predictions are was measured for {' in mode '.join(JUDGED)} alone, in "
            "reports/prediction"
        )
    yield prediction.note
