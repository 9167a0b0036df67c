"""Scaling: how time and memory grow with the input size, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from statistics import median

import numpy as np

from cnnbench import stats, units
from cnnbench.reporting import style
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.page import Data, numbered, series
from cnnbench.reporting.style import GREY, Axes, Figure, Line2D, Look
from cnnbench.reporting.tables import Columns, interval, of_items, optional
from cnnbench.runs.result import Result, timed
from cnnbench.stats import Estimate, steady

ORDER = 30


@dataclass(frozen=True, slots=True)
class Scaling:
    """One block at two or more input sizes, all else equal.

    Exponents are those of the side length in pixels: 2 is linear in the number of pixels.
    """

    name: str
    results: tuple[Result, ...]
    time: Estimate | None
    time_on_paper: float | None
    memory: Estimate | None
    memory_on_paper: float | None


def add(document: Document, data: Data) -> None:
    """A table of exponents, and one figure for each device."""
    scaled = scalings(data.results)
    if not scaled:
        return
    document.section("Scaling with the input size")
    document.text(
        "How time and memory grow with the side length of the input: the exponents of power laws, "
        "fitted on log-log scale. An exponent of 2 is proportional to the number of pixels. One "
        "that is smaller than expected means a fixed cost, which weighs more for small inputs."
    )
    document.table(of_items(scaled, COLUMNS))
    for index, device in enumerate(dict.fromkeys(r.case.device for r in data.results)):
        if group := [s for s in scaled if s.results[0].case.device == device]:
            alt = f"time and memory over input size, {device}"
            document.picture(numbered("scaling", index), alt, partial(draw, group))


def scalings(results: Iterable[Result]) -> list[Scaling]:
    """Every block that was measured at two or more sizes."""
    return [_scaling(group) for group in series(results, _alike, lambda r: r.side)]


_FIELDS = attrgetter("target", "params", "batch_size", "dtype", "device", "runtime", "mode")


def _alike(result: Result) -> str:
    case = result.case
    return repr((result.label, _channels(result), case.inputs[1:], *_FIELDS(case)))


def _channels(result: Result) -> tuple[int, ...]:
    """The sizes of an input apart from its side: frames and channels."""
    shape = result.case.input_shape
    return (*shape[:-3], shape[-1]) if len(shape) > 2 else shape[1:]


def _scaling(group: list[Result]) -> Scaling:
    first, channels = group[0], _channels(group[0])
    parts = [first.label, *(f"{size} channels" for size in channels[-1:]), *first.unusual]
    # Every launch is a point, so the interval contains the variation between launches.
    times = [
        (r.side, median(calls))
        for r in group
        for launch in r.samples.values()
        if (calls := steady(launch))
    ]
    peaks = [(r.side, float(peak)) for r in group for peak in r.peaks if peak > 0]
    flops = _fit([(r.side, float(r.flops)) for r in group])
    predicted = _fit([(r.side, float(r.predicted_peak_bytes or 0)) for r in group])
    return Scaling(
        name=", ".join(parts),
        results=tuple(group),
        time=_fit(times),
        time_on_paper=flops.value if flops else None,
        memory=_fit(peaks),
        memory_on_paper=predicted.value if predicted else None,
    )


def _fit(points: list[tuple[float, float]]) -> Estimate | None:
    positive = [(x, y) for x, y in points if y > 0]
    return stats.exponent([x for x, _ in positive], [y for _, y in positive])


def _power(value: float) -> str:
    return f"{value:z.2f}"


COLUMNS: Columns[Scaling] = {
    "block": lambda s: s.name,
    "sides": lambda s: ", ".join(dict.fromkeys(f"{r.side:.4g}" for r in s.results)),
    "exponent of time": lambda s: interval(s.time, _power),
    "expected from FLOPs": lambda s: optional(s.time_on_paper, _power),
    "exponent of peak memory": lambda s: interval(s.memory, _power),
    "expected on paper": lambda s: optional(s.memory_on_paper, _power),
}


def draw(scaled: Sequence[Scaling]) -> Figure:
    """Time and measured peak memory over the input size, one line for each block."""
    memory = any(r.peak_bytes for s in scaled for r in s.results)
    drawing = style.figure(12, 8)
    panels = drawing.subplots(1, 2 if memory else 1, squeeze=False)[0]
    known = style.looks(s.name for s in scaled)
    for index, s in enumerate(scaled):
        colour, marker = known[s.name]
        # Later lines are thinner, so that two lines which coincide can both be seen.
        thin = 1 - index / len(scaled)
        look: Look = {"color": colour, "marker": marker}
        look |= {"linewidth": 1.2 + 3 * thin, "markersize": 6 + 6 * thin}
        times = [(r.side, time) for r, time in timed(s.results)]
        style.errorbars(panels[0], times, capsize=3, elinewidth=1, label=s.name, **look)
        if peaks := [(r.side, r.peak_bytes) for r in s.results if r.peak_bytes]:
            panels[1].plot(*zip(*peaks, strict=True), **look)
    panels[0].set_title("time per call, measured")
    style.around(panels[0], [time.value for s in scaled for _, time in timed(s.results)])
    style.log_axis(panels[0], "y", units.seconds)
    if memory:
        panels[1].set_title("peak memory, measured")
        style.log_axis(panels[1], "y", units.binary, base=2)
    for axes in panels:
        style.fixed_log_axis(axes, {r.side for s in scaled for r in s.results})
        axes.set_xlabel("input side length (pixels)")
    guides = [_guide(axes) for axes in panels]
    handles = [*panels[0].containers, guides[0]]
    drawing.legend(handles=handles, loc="outside lower center", ncols=2)
    return drawing


def _guide(axes: Axes) -> Line2D:
    """A line of slope 2 through the middle of the plot, behind everything; limits stay."""
    x, y = np.array(axes.get_xlim()), axes.get_ylim()
    middle = math.sqrt(y[0] * y[1]) / (x[0] * x[1])
    name = "side^2: proportional to the number of pixels"
    (line,) = axes.plot(x, middle * x**2, color=GREY, linestyle=":", zorder=0, label=name)
    axes.set_xlim(x[0], x[1])
    axes.set_ylim(y)
    return line
