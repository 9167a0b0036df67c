"""Roofline: how much of what the machine can do each case reached; which times are impossible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cnnbench import units
from cnnbench.host.ceiling import Ceiling
from cnnbench.machine.roofline import Judgement, Plausibility, bounds, judge, moved_bytes
from cnnbench.reporting.document import Document
from cnnbench.reporting.machine import bandwidth
from cnnbench.reporting.runs.page import Data, numbered
from cnnbench.reporting.style import GREY, Axes, Figure, by_look, figure, log_axis
from cnnbench.reporting.tables import Columns, number, of_items, percent
from cnnbench.runs.result import Result, flops_rate, timed
from cnnbench.stats import Estimate

ORDER = 45


@dataclass(frozen=True, slots=True)
class Point:
    """A timed case below its ceiling: FLOPs a second and a byte, least time, and a judgement."""

    result: Result
    time: Estimate
    speed: float
    intensity: float
    least_s: float
    judged: Judgement


def add(document: Document, data: Data) -> None:
    """A table and a figure for every device and data type whose ceilings were measured."""
    known = [(c, placed) for c in data.run.ceilings if (placed := points(data.results, c))]
    if not known:
        return
    document.section("Roofline")
    document.text(
        "FLOPs per byte: the FLOPs divided by the bytes of the inputs, weights and outputs of all "
        "layers, each moved once. Least time: for each layer the longer of FLOPs / peak and "
        "bytes / bandwidth, added up over the layers. A runtime can be faster than that if it "
        "fuses layers, finds data in a cache, or multiplies less (Winograd, FFT). Share: the least "
        "time divided by the measured one. A time that only such a fast convolution could reach, "
        "or that nothing could reach, is named below its table."
    )
    for index, (ceiling, placed) in enumerate(known):
        document.text(about(ceiling))
        document.table(of_items(placed, COLUMNS))
        document.bullets(flagged(placed))
        alt = f"speed over intensity, {ceiling.device}, {ceiling.dtype}"
        document.picture(numbered("roofline", index), alt, partial(draw, placed, ceiling))


def points(results: Sequence[Result], ceiling: Ceiling) -> list[Point]:
    """The timed forward passes on the device and with the data type of a ceiling."""
    placed = []
    for r, time in timed(results):
        same = (r.case.device, r.case.dtype) == (ceiling.device, ceiling.dtype)
        # A step of training is three passes and moves more bytes; these bounds are for one pass.
        # A network with layers that are not counted has no bounds, one that computes nothing no
        # speed.
        if not same or r.case.mode == "train" or r.cost.uncounted or not r.cost.flops:
            continue
        moved = sum(map(moved_bytes, r.cost.layers))
        least = sum(bound.seconds for bound in bounds(r.cost, ceiling))
        judged = judge(r.paper.demand, ceiling, time.value, time.high)
        speed, intensity = r.cost.flops / time.value, r.cost.flops / moved if moved else 0.0
        placed.append(Point(r, time, speed, intensity, least, judged))
    return placed


def about(ceiling: Ceiling) -> str:
    """The ceilings in a sentence."""
    size = ceiling.cache_bytes
    cache = "" if size is None else f", last-level cache {units.binary(size)}"
    return (
        f"{ceiling.device}, {ceiling.dtype}: {flops_rate(ceiling.flops_per_s)} and "
        f"{bandwidth(ceiling.bytes_per_s)}, so memory is the limit below "
        f"{number(ceiling.ridge)} FLOPs per byte ({ceiling.source}{cache})."
    )


COLUMNS: Columns[Point] = {
    "case": lambda point: point.result.name,
    "FLOPs per byte": lambda point: number(point.intensity),
    "speed": lambda point: flops_rate(point.speed),
    "time per call": lambda point: units.seconds(point.time.value),
    "least time": lambda point: units.seconds(point.least_s),
    "share": lambda point: percent(point.least_s / point.time.value),
    "verdict": lambda point: point.judged.verdict.value,
}


def flagged(placed: Sequence[Point]) -> list[str]:
    """One line for every time that is too short to be believed."""
    return [
        f"**{point.judged.verdict.value}**: {point.result.name} in "
        f"{units.seconds(point.time.value)} needs {flops_rate(point.judged.rate)}, "
        f"{percent(point.judged.share)} of the peak; {_reading(point.judged)}. To do: check "
        "that the call is complete when the clock is read, and measure the ceilings again "
        "on an idle machine (cnnbench roofline --again)."
        for point in placed
        if point.judged.verdict is not Plausibility.PLAUSIBLE
    ]


def _reading(judged: Judgement) -> str:
    if judged.verdict is Plausibility.IMPOSSIBLE:
        least = units.seconds(judged.least_s)
        return f"even fast convolutions (Winograd, FFT) need at least {least}"
    return "only a fast convolution, which multiplies less, could be that fast"


def draw(placed: Sequence[Point], ceiling: Ceiling) -> Figure:
    """Speed over intensity, below the two roofs."""
    drawing = figure(12, 8)
    axes = drawing.subplots()
    _roofs(axes, ceiling, placed)
    for look, mine in by_look(placed, lambda p: p.result.label):
        axes.plot([p.intensity for p in mine], [p.speed for p in mine], linestyle="none", **look)
    log_axis(axes, "x", number)
    log_axis(axes, "y", flops_rate)
    axes.set(xlabel="FLOPs per byte moved, on paper", ylabel="speed, measured")
    drawing.legend(loc="outside right upper")
    return drawing


def _roofs(axes: Axes, ceiling: Ceiling, placed: Sequence[Point]) -> None:
    """The bandwidth up to the ridge and the peak beyond it; the legend has the numbers."""
    known = [p.intensity for p in placed if p.intensity]
    low, high = min(*known, ceiling.ridge) / 3, max(*known, ceiling.ridge) * 3
    x = np.array([low, ceiling.ridge, high])
    roof = np.minimum(ceiling.flops_per_s, x * ceiling.bytes_per_s)
    roofs = f"{bandwidth(ceiling.bytes_per_s)}, {flops_rate(ceiling.flops_per_s)}"
    axes.plot(x, roof, color="black", linewidth=2, zorder=0, label=roofs)
    ridge = f"{number(ceiling.ridge)} FLOPs per byte"
    axes.axvline(ceiling.ridge, color=GREY, linestyle=":", linewidth=2, zorder=0, label=ridge)
    axes.set_xlim(low, high)
    axes.set_ylim(min(p.speed for p in placed) / 2, ceiling.flops_per_s * 3)
