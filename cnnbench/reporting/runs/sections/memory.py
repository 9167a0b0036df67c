"""Memory: the predicted peak beside the measured one."""

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
    """The cases whose peak was measured, and a figure if the peak of any rose."""
    results, table = data.results, rows(data.results)
    if not table[1]:
        return
    sources = sorted({m.peak_source for r in results for m in r.launches if m.peak_source})
    document.section("Predicted and measured peak memory")
    document.text(
        "Measured: by how much the first call raises the peak memory of the process, the median "
        f"over launches (source: {', '.join(sources) or 'not recorded'}). Predicted: the most "
        "memory that activations need at any one time, without the input and the weights, "
        "because these exist before that call.",
        summary(results),
    )
    document.table(table)
    # If no peak rose there are only zeros, which a logarithmic axis cannot show.
    if _known(results):
        document.picture("memory.png", "measured over predicted peak", partial(draw, results))


def rows(results: Iterable[Result]) -> Table:
    """The predicted and the measured rise of the peak memory."""
    headers = ["case", "predicted", "measured", "error of the prediction"]
    return headers, [
        [
            r.name,
            optional(r.predicted_peak_bytes, units.binary),
            units.binary(r.peak_bytes),
            optional(r.peak_error, percent),
        ]
        for r in results
        if r.peak_bytes is not None
    ]


def _known(results: Iterable[Result]) -> list[tuple[Result, int, float]]:
    """The cases with a predicted and a measured peak, with both in bytes."""
    return [
        (r, r.predicted_peak_bytes, r.peak_bytes)
        for r in results
        if r.peak_bytes and r.predicted_peak_bytes
    ]


def summary(results: Iterable[Result]) -> str:
    """The median and the largest error of the predictions, in two sentences."""
    known = _known(results)
    errors = [(abs(predicted / measured - 1), r.name) for r, predicted, measured in known]
    if not errors:
        return ""
    worst, name = max(errors)
    typical = median(error for error, _ in errors)
    excess = median(measured - predicted for _, predicted, measured in known)
    return (
        f"Over {len(errors)} cases the prediction is off by {percent(typical)} (median) and by at "
        f"most {percent(worst)} ({name}). Measured minus predicted is {units.binary(excess)} "
        "(median), which matters most for small cases."
    )


def draw(results: Sequence[Result]) -> Figure:
    """The measured rise of the peak memory over the predicted one, and where both are equal."""
    drawing = figure(12, 8)
    axes = drawing.subplots()
    known = [(r.label, predicted, measured) for r, predicted, measured in _known(results)]
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
