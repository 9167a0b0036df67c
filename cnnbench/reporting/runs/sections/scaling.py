"""Scaling: how time and memory grow with the input size, block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from statistics import median

import numpy as np

from cnnbench import stats, units
from cnnbench.reporting import style
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs import live
from cnnbench.reporting.runs.data import Data, numbered, series
from cnnbench.reporting.series import Series, exact
from cnnbench.reporting.series import draw as draw_series
from cnnbench.reporting.style import GREY, Axes, Figure, Look
from cnnbench.reporting.tables import Columns, interval, of_items, optional
from cnnbench.runs.result import Result
from cnnbench.stats import Estimate, steady

ORDER = 52
GUIDE: Look = {"color": GREY, "linestyle": ":", "linewidth": 1.5, "zorder": 2}
_DOTS = "dotted: in proportion to the pixels"
_TIME = f"time per call, measured ({_DOTS})"
_MEMORY = f"peak memory, measured ({_DOTS})"


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
    document.section("Scaling")
    document.heading("With the input size", 3)
    document.text(
        "How time and memory grow with the side length of the input: the exponents of power laws, "
        "fitted on log-log scale. An exponent of 2 is proportional to the number of pixels. One "
        "that is smaller than expected means a fixed cost, which weighs more for small inputs."
    )
    with document.folded("The exponents"):
        document.table(of_items(scaled, COLUMNS))
    for index, device in enumerate(dict.fromkeys(r.case.device for r in data.results)):
        if group := [s for s in scaled if s.results[0].case.device == device]:
            growth = [(s.name, s.results, s.time_on_paper) for s in group]
            time = partial(draw, group, data.looks, attrgetter("time"), units.seconds, _TIME)
            memory = partial(draw, group, data.looks, _peak, units.binary, _MEMORY)
            with document.live("multiples", live.scaling(growth, data.places)):
                name, alt = numbered("scaling", index), f"time over input size, {device}"
                document.picture(name, alt, time)
                if any(r.peak_bytes for s in group for r in s.results):
                    name = numbered("scaling-memory", index)
                    document.picture(name, f"peak memory over input size, {device}", memory)


def scalings(results: Iterable[Result]) -> list[Scaling]:
    """Every block that was measured at two or more sizes."""
    return [_scaling(group) for group in series(results, _alike, lambda r: r.side)]


_FIELDS = attrgetter(
    *("target", "params", "batch_size", "dtype", "device", "runtime", "mode", "load")
)


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
    paper = _fit([(r.side, float(r.peak_on_paper_bytes or 0)) for r in group])
    return Scaling(
        name=", ".join(parts),
        results=tuple(group),
        time=_fit(times),
        time_on_paper=flops.value if flops else None,
        memory=_fit(peaks),
        memory_on_paper=paper.value if paper else None,
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


def draw(
    scaled: Sequence[Scaling],
    looks: Mapping[str, Look],
    of: Callable[[Result], Estimate | None],
    show: Callable[[float], str],
    y: str,
) -> Figure:
    """A quantity over the input size, a line for each block, and one of slope 2 behind it."""
    labels = Counter(s.results[0].label for s in scaled)
    lines = [
        Series(
            s.results[0].label if labels[s.results[0].label] == 1 else s.name,
            s.results[0].label,
            [(r.side, value) for r in s.results if (value := of(r))],
        )
        for s in scaled
    ]
    values = [value.value for line in lines for _, value in line.points]

    def finish(axes: Axes, owner: Series | None) -> None:
        style.around(axes, values)
        style.log_axis(axes, "y", show, base=2 if show is units.binary else 10)
        style.fixed_log_axis(axes, sorted({r.side for s in scaled for r in s.results})[::-1])
        _guide(axes, owner or max(lines, key=lambda line: line.points[0][1].value))

    return draw_series(lines, looks, finish, "input side length (pixels)", y, line="-")


def _peak(r: Result) -> Estimate | None:
    return exact(r.peak_bytes) if r.peak_bytes else None


def _guide(axes: Axes, line: Series) -> None:
    """A dotted line from the first point on: where a block would be that grows with the pixels."""
    x, y = np.array(axes.get_xlim()), axes.get_ylim()
    side, first = line.points[0]
    axes.plot([side, x[1]], [first.value, first.value * (x[1] / side) ** 2], **GUIDE)
    axes.set_xlim(x[0], x[1])
    axes.set_ylim(y)
