"""Memory: the predicted peak beside the measured one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from statistics import median

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.page import Data, grouped
from cnnbench.reporting.series import Series, exact
from cnnbench.reporting.series import draw as draw_series
from cnnbench.reporting.style import GREY, Axes, Figure, Look, along, log_axis
from cnnbench.reporting.tables import Columns, of_items, optional, percent
from cnnbench.runs.result import Result

ORDER = 50

COLUMNS: Columns[Result] = {
    "case": lambda r: r.name,
    "predicted": lambda r: optional(r.predicted_peak_bytes, units.binary),
    "measured": lambda r: optional(r.peak_bytes, units.binary),
    "error of the prediction": lambda r: optional(r.peak_error, percent),
}


def add(document: Document, data: Data) -> None:
    """The cases whose peak was measured, and a figure if the peak of any rose."""
    results = [r for r in data.results if r.peak_bytes is not None]
    if not results:
        return
    sources = sorted({m.peak_source for r in data.results for m in r.launches if m.peak_source})
    document.section("Predicted and measured peak memory")
    document.text(
        "Measured: by how much the first call raises the peak memory of the process, the median "
        f"over launches (source: {', '.join(sources) or 'not recorded'}). Predicted: the most "
        "memory that activations need at any one time, without the input and the weights, "
        "because these exist before that call.",
        summary(results),
    )
    document.table(of_items(results, COLUMNS))
    # If no peak rose there are only zeros, which a logarithmic axis cannot show.
    if _known(results):
        document.picture(
            "memory.png", "measured over predicted peak", partial(draw, results, data.looks)
        )


def _known(results: Iterable[Result]) -> list[tuple[Result, int, float]]:
    """The cases with a predicted and a measured peak, with both in bytes."""
    peaks = [(r, r.predicted_peak_bytes, r.peak_bytes) for r in results]
    return [(r, predicted, measured) for r, predicted, measured in peaks if predicted and measured]


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


def draw(results: Sequence[Result], looks: Mapping[str, Look]) -> Figure:
    """The measured rise of the peak memory over the predicted one, and where both are equal."""
    known = _known(results)
    points = grouped(known, lambda one: one[0].label)
    clouds = [
        Series(label, label, [(predicted, exact(measured)) for _, predicted, measured in mine])
        for label, mine in points.items()
    ]
    ends = [min(min(x, y) for _, x, y in known), max(max(x, y) for _, x, y in known)]

    def finish(axes: Axes, owner: Series | None) -> None:
        log_axis(axes, "x", units.binary, base=2)
        log_axis(axes, "y", units.binary, base=2)
        axes.plot(ends, ends, color=GREY, linewidth=1, zorder=0)
        if owner in (None, clouds[0]):
            along(axes, (ends[0], ends[0]), "as predicted", "left")

    peak = "peak memory of the first call"
    return draw_series(clouds, looks, finish, f"{peak}, predicted", f"{peak}, measured")
