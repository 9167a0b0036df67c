"""Memory: the measured peak beside the number on paper, and beside what was predicted of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from statistics import median

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs import live
from cnnbench.reporting.runs.data import Data, grouped
from cnnbench.reporting.series import Series, exact
from cnnbench.reporting.series import draw as draw_series
from cnnbench.reporting.style import GREY, Axes, Figure, Look, along, log_axis
from cnnbench.reporting.tables import Columns, of_items, optional, percent
from cnnbench.runs.result import Result

ORDER = 50

COLUMNS: Columns[Result] = {
    "case": lambda r: r.name,
    "on paper": lambda r: optional(r.peak_on_paper_bytes, units.binary),
    "measured": lambda r: optional(r.peak_bytes, units.binary),
    "on paper off by": lambda r: _off(r, r.peak_on_paper_bytes),
}
PREDICTED: Columns[Result] = {
    **COLUMNS,
    "predicted": lambda r: optional(r.predicted_peak_bytes, units.binary),
    "predicted off by": lambda r: _off(r, r.predicted_peak_bytes),
}


def add(document: Document, data: Data) -> None:
    """The cases whose peak was measured, and a figure if the peak of any rose.

    An exported file is left out: what runs it allocates as it loads, not at the first call.
    """
    results = [r for r in data.results if r.peak_bytes is not None and not r.exported]
    if not results:
        return
    peaks = [m for r in results for m in r.launches if m.peak_bytes is not None]
    sources = sorted({m.peak_source for m in peaks if m.peak_source})
    document.section("Explore")
    predicted = any(r.predicted for r in results)
    with document.folded("What the peaks of memory are"):
        document.text(
            "Measured: by how much the first call raises the peak memory of the process, the "
            f"median over launches (source: {', '.join(sources) or 'not recorded'}). On paper: "
            "the most memory that activations need at any one time, without the input and the "
            "weights, because these exist before that call, and without what the framework itself "
            "needs.",
            summary(results),
        )
        if predicted:
            document.text(
                "Predicted: by the model of this machine as it was calibrated before the run, "
                "which knows what the framework needs (`cnnbench predict`).",
                summary(results, by_model=True),
            )
        document.table(of_items(results, PREDICTED if predicted else COLUMNS))
    # If no peak rose there are only zeros, which a logarithmic axis cannot show.
    if known := _known(results, predicted):
        drawn = partial(draw, results, data.looks, predicted)
        x = "peak predicted" if predicted else "peak on paper"
        with document.live("explore", live.equal(x, [expected for _, expected, _ in known])):
            document.picture("memory.png", f"measured peak over that {_SOURCE[predicted]}", drawn)


_SOURCE = {False: "on paper", True: "predicted"}


def _off(result: Result, expected: float | None) -> str:
    peak = result.peak_bytes
    return optional(expected / peak - 1 if expected and peak else None, percent)


def _known(results: Iterable[Result], by_model: bool) -> list[tuple[Result, float, float]]:
    """The cases with an expected and a measured peak, with both in bytes."""
    known = []
    for r in results:
        expected = r.predicted_peak_bytes if by_model else r.peak_on_paper_bytes
        if expected and r.peak_bytes:
            known.append((r, expected, r.peak_bytes))
    return known


def summary(results: Iterable[Result], by_model: bool = False) -> str:
    """The median and the largest error of the numbers on paper or of predictions, in a text."""
    known = _known(results, by_model)
    errors = [(abs(expected / measured - 1), r.name) for r, expected, measured in known]
    if not errors:
        return ""
    worst, name = max(errors)
    typical = median(error for error, _ in errors)
    excess = median(measured - expected for _, expected, measured in known)
    what = "prediction" if by_model else "number on paper"
    return (
        f"Over {len(errors)} cases the {what} is off by {percent(typical)} (median) and by at "
        f"most {percent(worst)} ({name}). Measured minus {_SOURCE[by_model]} is "
        f"{units.binary(excess)} (median)"
        + ("." if by_model else ", which matters most for small cases.")
    )


def draw(results: Sequence[Result], looks: Mapping[str, Look], by_model: bool = False) -> Figure:
    """The measured rise of the peak memory over the expected one, and where both are equal."""
    known = _known(results, by_model)
    points = grouped(known, lambda one: one[0].label)
    clouds = [
        Series(label, label, [(expected, exact(measured)) for _, expected, measured in mine])
        for label, mine in points.items()
    ]
    ends = [min(min(x, y) for _, x, y in known), max(max(x, y) for _, x, y in known)]

    def finish(axes: Axes, owner: Series | None) -> None:
        log_axis(axes, "x", units.binary, base=2)
        log_axis(axes, "y", units.binary, base=2)
        axes.plot(ends, ends, color=GREY, linewidth=1, zorder=0)
        if owner in (None, clouds[0]):
            along(axes, (ends[0], ends[0]), f"as {_SOURCE[by_model]}", "left")

    peak = "peak memory of the first call"
    return draw_series(clouds, looks, finish, f"{peak}, {_SOURCE[by_model]}", f"{peak}, measured")
