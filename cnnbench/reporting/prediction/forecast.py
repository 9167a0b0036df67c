"""A prediction for the reader: the call, its layers, and the model behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cnnbench import units
from cnnbench.errors import unknown
from cnnbench.reporting.tables import FORMATS, MISSING, csv_text, percent, text_table

if TYPE_CHECKING:
    from cnnbench.prediction.forecast import Expected, LayerTime, Prediction
    from cnnbench.prediction.model import Model

TOP = 10
"""Layers that are shown where nobody asked for another number."""


def render(found: Prediction, title: str, format: str, top: int = TOP, model: bool = False) -> str:
    """The prediction in one of FORMATS.

    Args:
        found: what is predicted.
        title: of the network.
        format: one of FORMATS; CSV holds the layers.
        top: how many layers text shows, those that take longest.
        model: the coefficients too.

    Raises:
        UnknownNameError: the format is not known.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    if format == "json":
        return json.dumps(_document(found, title), indent=2) + "\n"
    if format == "csv":
        return _csv(found)
    style = "github" if format == "markdown" else "simple"
    machine = found.calibration.machine
    parts = [
        f"{title}, input {', '.join(map(units.shape, found.cost.input_shapes))}, float32, mode "
        f"graph, on {machine['cpu']}, {machine['threads']} threads",
        text_table(["predicted", "", "8 of 10 cases within"], _call(found), style),
        text_table(["layer", "type", "time", "share"], _layers(found, top), style),
    ]
    if model:
        parts += [_model(found, style)]
    parts += list(_notes(found))
    return "\n\n".join(parts) + "\n"


def _call(found: Prediction) -> list[list[str]]:
    return [
        ["time of a call", *_range(found.time, units.seconds)],
        ["if MACs were all", units.seconds(found.by_macs), MISSING],
        ["if activations were all", units.seconds(found.by_activations), MISSING],
        ["rise of the peak memory", *_range(found.rise, units.binary)],
        ["on paper: weights", units.binary(found.cost.weight_bytes), MISSING],
        ["on paper: peak of activations", units.binary(found.cost.peak_activation_bytes), MISSING],
    ]


def _range(expected: Expected, show: Any) -> tuple[str, str]:
    return show(expected.value), f"{show(expected.low)} to {show(expected.high)}"


def _layers(found: Prediction, top: int) -> list[list[str]]:
    order = sorted(found.layers, key=lambda layer: -layer.seconds)
    rows = [
        [layer.name, layer.op, units.seconds(layer.seconds), percent(layer.share)]
        for layer in order[:top]
    ]
    rest: list[LayerTime] = order[top:]
    if rest:
        seconds = sum(layer.seconds for layer in rest)
        share = sum(layer.share for layer in rest)
        rows.append([f"{len(rest)} others", "", units.seconds(seconds), percent(share)])
    whole = found.time.value
    rows.append(
        ["the call itself", "", units.seconds(found.call_s), percent(found.call_s / whole)]
        if whole
        else ["the call itself", "", MISSING, MISSING]
    )
    return rows


def _model(found: Prediction, style: str) -> str:
    calibration = found.calibration
    rows = [["time", *row] for row in coefficients(calibration.time, "s")]
    rows += [["memory", *row] for row in coefficients(calibration.memory, "B")]
    return text_table(["of", "term", "coefficient", "as a rate"], rows, style)


def coefficients(model: Model, unit: str) -> Iterator[list[str]]:
    """Each term that came out above zero, and as a rate where it is time per work."""
    for name, value in model.coefficients.items():
        if not value:
            continue
        _, _, per = name.partition(", ")
        one = {
            "layers": "layer",
            "shapes": "shape",
            "steps": "step",
            "MACs": "MAC",
            "taps read": "tap",
            "operations": "operation",
        }
        per = one.get(per, "byte" if per.endswith("bytes") else "call")
        show = units.binary if unit == "B" else _seconds
        rate = MISSING
        if unit == "s" and per not in ("layer", "step", "call"):
            rate = units.count(1 / value, "B/s" if per == "byte" else f"{per}/s")
        text = f"{value:.2f} B" if unit == "B" and per == "byte" else show(value)
        yield [name, f"{text} per {per}", rate]


def _seconds(value: float) -> str:
    """Also of one multiply-add, which takes picoseconds."""
    return units.seconds(value) if value >= 1e-9 else f"{value * 1e12:.3g} ps"


def _notes(found: Prediction) -> Iterator[str]:
    if found.guessed:
        kinds = sorted({layer.op for layer in found.guessed})
        share = sum(layer.share for layer in found.guessed)
        yield (
            f"no probe has {', '.join(kinds)}; counted as the nearest kind: "
            f"{percent(share)} of the time is a guess"
        )
    if found.cost.uncounted:
        names = ", ".join(layer.name for layer in found.cost.uncounted)
        yield f"the work of {names} is not known, so this is a lower bound"
    yield (
        "a first call touches the rise once; later calls use it again. The ranges come from "
        f"{found.calibration.time.examples} probes, each predicted without itself"
    )
    if found.note:
        yield found.note


def _document(found: Prediction, title: str) -> dict[str, Any]:
    calibration = found.calibration
    return {
        "target": title,
        "machine": calibration.machine,
        "time_s": _plain(found.time),
        "rise_bytes": _plain(found.rise),
        "weight_bytes": found.cost.weight_bytes,
        "peak_activation_bytes": found.cost.peak_activation_bytes,
        "by_macs_s": found.by_macs,
        "by_activations_s": found.by_activations,
        "call_s": found.call_s,
        "layers": [
            {
                "name": layer.name,
                "op": layer.op,
                "kind": layer.kind,
                "seconds": layer.seconds,
                "share": layer.share,
                "guessed": layer.guessed,
            }
            for layer in found.layers
        ],
        "uncounted": [layer.name for layer in found.cost.uncounted],
        "time_model": calibration.time.coefficients,
        "memory_model": calibration.memory.coefficients,
        "note": found.note,
    }


def _plain(expected: Expected) -> dict[str, float]:
    return {"value": expected.value, "low": expected.low, "high": expected.high}


def _csv(found: Prediction) -> str:
    rows = ([x.name, x.op, x.kind, x.seconds, x.share, x.guessed] for x in found.layers)
    return csv_text((("layer", "type", "kind", "seconds", "share", "guessed"), *rows))
