"""Memory: the predicted against the measured peak."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from statistics import median

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.page import Data
from cnnbench.reporting.style import GREY, Figure, figure, log_axis, looks
from cnnbench.reporting.tables import Table, optional, percent
from cnnbench.runs.result import Result

ORDER = 50


def add(document: Document, data: Data) -> None:
    """The cases whose peak was measured; the figure where any rose."""
    found, table = data.results, rows(data.results)
    if not table[1]:
        return
    sources = sorted({m.peak_source for r in found for m in r.launches if m.peak_source})
    document.section("Predicted and measured peak memory")
    document.text(
        "Measured is the rise of the process's peak memory over its first call, the median "
        f"over launches (source: {', '.join(sources) or 'not recorded'}). Predicted is the "
        "most activation memory alive at once, without the input and the weights, which "
        "exist before that call.",
        summary(found),
    )
    document.table(table)
    # Where nothing rose there is only zero, which has no place on a logarithmic axis.
    if _known(found):
        document.picture("memory.png", "measured over predicted peak", partial(draw, found))


def rows(found: Iterable[Result]) -> Table:
    """Predicted against measured rise of the peak memory."""
    headers = ["case", "predicted", "measured", "error of the prediction"]
    return headers, [
        [
            r.name,
            optional(r.predicted_peak_bytes, units.binary),
            units.binary(r.peak_bytes),
            optional(r.peak_error, percent),
        ]
        for r in found
        if r.peak_bytes is not None
    ]


def _known(found: Iterable[Result]) -> list[tuple[Result, int, float]]:
    """The cases with a predicted and a measured peak, with both in bytes."""
    return [
        (r, r.predicted_peak_bytes, r.peak_bytes)
        for r in found
        if r.peak_bytes and r.predicted_peak_bytes
    ]


def summary(found: Iterable[Result]) -> str:
    """The middle and the largest error of the predictions, in two sentences."""
    known = _known(found)
    errors = [(abs(predicted / measured - 1), r.name) for r, predicted, measured in known]
    if not errors:
        return ""
    worst, name = max(errors)
    middle = median(error for error, _ in errors)
    excess = median(measured - predicted for _, predicted, measured in known)
    return (
        f"Over {len(errors)} cases the prediction is off by {percent(middle)} (median) and by at "
        f"most {percent(worst)} ({name}). Measured minus predicted is {units.binary(excess)} "
        "(median), which weighs the more the smaller the case."
    )


def draw(found: Sequence[Result]) -> Figure:
    """Measured rise of the peak memory over the predicted one, with the identity."""
    drawing = figure(12, 8)
    axes = drawing.subplots()
    known = [(r.label, predicted, measured) for r, predicted, measured in _known(found)]
    for label, (colour, marker) in looks(label for label, _, _ in known).items():
        axes.plot(
            [x for name, x, _ in known if name == label],
            [y for name, _, y in known if name == label],
            color=colour,
            marker=marker,
            linestyle="none",
            label=label,
        )
    log_axis(axes, "x", units.binary, base=2)
    log_axis(axes, "y", units.binary, base=2)
    ends = [min(min(x, y) for _, x, y in known), max(max(x, y) for _, x, y in known)]
    axes.plot(ends, ends, color=GREY, linewidth=1, zorder=0, label="measured = predicted")
    axes.set_xlabel("peak memory of the first call, predicted")
    axes.set_ylabel("peak memory of the first call, measured")
    drawing.legend(loc="outside right upper")
    return drawing
