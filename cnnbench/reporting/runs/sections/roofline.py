"""Roofline: what each case reached of what the machine can do, and whether its time is possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cnnbench import units
from cnnbench.host.ceiling import Ceiling
from cnnbench.machine.bounds import bounds, least_seconds, moved_bytes
from cnnbench.machine.plausibility import Judgement, Plausibility, judge
from cnnbench.reporting.document import Document
from cnnbench.reporting.machine.roofline import bandwidth
from cnnbench.reporting.runs.page import Data, numbered
from cnnbench.reporting.style import GREY, Axes, Figure, figure, log_axis, looks
from cnnbench.reporting.tables import Table, number, percent
from cnnbench.runs.result import Result, flops_rate, timed
from cnnbench.stats import Estimate

ORDER = 45


@dataclass(frozen=True, slots=True)
class Point:
    """A timed case under its ceiling: FLOPs a byte, the least time, and the verdict."""

    result: Result
    time: Estimate
    intensity: float
    least_s: float
    judged: Judgement

    @property
    def speed(self) -> float:
        """FLOPs of the forward pass a second."""
        return self.result.cost.flops / self.time.value


def add(document: Document, data: Data) -> None:
    """A table and a figure for every device and data type whose ceilings were measured."""
    known = [(c, found) for c in data.run.ceilings if (found := points(data.results, c))]
    if not known:
        return
    document.section("Roofline")
    document.text(
        "FLOPs per byte: over inputs, weights and outputs of all layers, each moved once. Least "
        "time: of each layer the longer of FLOPs / peak and bytes / bandwidth, added up; a "
        "runtime that fuses layers, finds data in a cache or multiplies less (Winograd, FFT) can "
        "be faster. Share: of the measured time that is the least time. A time that takes such a "
        "convolution, or that even one could not reach, is named below its table."
    )
    for index, (ceiling, found) in enumerate(known):
        document.text(about(ceiling))
        document.table(rows(found))
        document.bullets(flagged(found))
        document.picture(
            numbered("roofline", index),
            f"speed over intensity, {ceiling.device}, {ceiling.dtype}",
            partial(draw, found, ceiling),
        )


def points(found: Sequence[Result], ceiling: Ceiling) -> list[Point]:
    """The timed forward passes that a ceiling is for."""
    placed = []
    for r, time in timed(found):
        same = (r.case.device, r.case.dtype) == (ceiling.device, ceiling.dtype)
        # A step of training is three passes, and more bytes: these bounds are of one. Of a
        # network with layers that are not counted nothing could be said.
        if not same or r.case.mode == "train" or r.cost.uncounted:
            continue
        moved = sum(map(moved_bytes, r.cost.layers))
        least = least_seconds(bounds(r.cost, ceiling))
        judged = judge(r.paper.demand, ceiling, time.value, time.high)
        placed.append(Point(r, time, r.cost.flops / moved if moved else 0.0, least, judged))
    return placed


def about(ceiling: Ceiling) -> str:
    """The ceilings in a sentence."""
    cache = ""
    if ceiling.cache_bytes is not None:
        cache = f", last-level cache {units.binary(ceiling.cache_bytes)}"
    return (
        f"{ceiling.device}, {ceiling.dtype}: {flops_rate(ceiling.flops_per_s)} and "
        f"{bandwidth(ceiling.bytes_per_s)}, so that memory is the limit below "
        f"{number(ceiling.ridge)} FLOPs a byte ({ceiling.source}{cache})."
    )


def rows(found: Sequence[Point]) -> Table:
    """Every point: intensity, speed, least time and what was reached of it."""
    headers = ["case", "FLOPs per byte", "speed", "time a call", "least time", "share", "verdict"]
    return headers, [
        [
            point.result.name,
            number(point.intensity),
            flops_rate(point.speed),
            units.seconds(point.time.value),
            units.seconds(point.least_s),
            percent(point.least_s / point.time.value),
            point.judged.verdict.value,
        ]
        for point in found
    ]


def flagged(found: Sequence[Point]) -> list[str]:
    """One line for every time that is too short to be believed."""
    return [
        f"**{point.judged.verdict.value}**: {point.result.name} in "
        f"{units.seconds(point.time.value)} needs {flops_rate(point.judged.rate)}, "
        f"{percent(point.judged.share)} of the peak; {_reading(point.judged)}. To do: look "
        "whether the call is complete when the clock is read, and measure the ceilings again "
        "on an idle machine (cnnbench roofline --again)."
        for point in found
        if point.judged.verdict is not Plausibility.PLAUSIBLE
    ]


def _reading(judged: Judgement) -> str:
    if judged.verdict is Plausibility.IMPOSSIBLE:
        least = units.seconds(judged.least_s)
        return f"at least {least} are needed, with fast convolutions (Winograd, FFT) too"
    return "only a fast convolution, which multiplies less, could be that quick"


def draw(found: Sequence[Point], ceiling: Ceiling) -> Figure:
    """Speed over intensity, below the two roofs."""
    drawing = figure(12, 8)
    axes = drawing.subplots()
    _roofs(axes, ceiling, found)
    for label, (colour, marker) in looks(p.result.label for p in found).items():
        mine = [p for p in found if p.result.label == label]
        axes.plot(
            [p.intensity for p in mine],
            [p.speed for p in mine],
            color=colour,
            marker=marker,
            linestyle="none",
            label=label,
        )
    log_axis(axes, "x", number)
    log_axis(axes, "y", flops_rate)
    axes.set_xlabel("FLOPs per byte moved, from the rules")
    axes.set_ylabel("speed, measured")
    drawing.legend(loc="outside right upper")
    return drawing


def _roofs(axes: Axes, ceiling: Ceiling, found: Sequence[Point]) -> None:
    """The bandwidth up to the ridge and the peak after it; the legend has the numbers."""
    known = [p.intensity for p in found if p.intensity]
    low, high = min(*known, ceiling.ridge) / 3, max(*known, ceiling.ridge) * 3
    x = np.array([low, ceiling.ridge, high])
    roof = np.minimum(ceiling.flops_per_s, x * ceiling.bytes_per_s)
    roofs = f"{bandwidth(ceiling.bytes_per_s)}, {flops_rate(ceiling.flops_per_s)}"
    axes.plot(x, roof, color="black", linewidth=2, zorder=0, label=roofs)
    ridge = f"{number(ceiling.ridge)} FLOPs a byte"
    axes.axvline(ceiling.ridge, color=GREY, linestyle=":", linewidth=2, zorder=0, label=ridge)
    axes.set_xlim(low, high)
    axes.set_ylim(min(p.speed for p in found) / 2, ceiling.flops_per_s * 3)
