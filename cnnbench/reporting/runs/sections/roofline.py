"""Roofline: how much of what the machine can do each case reached; which times are impossible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cnnbench import units
from cnnbench.host.ceiling import Ceiling
from cnnbench.machine.roofline import Judgement, Plausibility, bounds, judge, moved_bytes
from cnnbench.reporting.document import Document
from cnnbench.reporting.machine import bandwidth
from cnnbench.reporting.runs import live
from cnnbench.reporting.runs.data import Data, grouped, numbered
from cnnbench.reporting.series import Series, exact
from cnnbench.reporting.series import draw as draw_series
from cnnbench.reporting.style import GREY, Axes, Figure, Look, along, brief, log_axis
from cnnbench.reporting.tables import Columns, number, percent
from cnnbench.runs.result import Result, flops_rate, timed
from cnnbench.stats import Estimate

ORDER = 49


@dataclass(frozen=True, slots=True)
class Point:
    """A timed case below its ceiling: FLOPs a second and a byte, least time, and a judgement.

    `waiting` is the share of the least time in which layers wait for memory, not for arithmetic.
    """

    result: Result
    time: Estimate
    speed: float
    intensity: float
    least_s: float
    waiting: float
    judged: Judgement


def add(document: Document, data: Data) -> None:
    """A table and a figure for every device and data type whose ceilings were measured."""
    known = [(c, placed) for c in data.run.ceilings if (placed := points(data.results, c))]
    if not known:
        return
    document.section("Explore")
    with document.folded("What the roofline says"):
        document.text(
            "FLOPs per byte: the FLOPs divided by the bytes of the inputs, weights and outputs of "
            "all layers, each moved once. Least time: for each layer the longer of FLOPs / peak "
            "and bytes / bandwidth, added up over the layers. A runtime can be faster than that if "
            "it fuses layers, finds data in a cache, or multiplies less (Winograd, FFT). A time "
            "that only such a fast convolution could reach, or that nothing could reach, is named "
            "under the question of trust."
        )
    for index, (ceiling, placed) in enumerate(known):
        document.text(about(ceiling))
        alt = f"speed over intensity, {ceiling.device}, {ceiling.dtype}"
        drawn = partial(draw, placed, ceiling, data.looks)
        with document.live("explore", live.roofs(ceiling, [p.intensity for p in placed])):
            document.picture(numbered("roofline", index), alt, drawn)


def below_ceilings(data: Data) -> list[Point]:
    """The timed forward passes below each of the ceilings that were measured."""
    return [point for ceiling in data.run.ceilings for point in points(data.results, ceiling)]


def points(results: Sequence[Result], ceiling: Ceiling) -> list[Point]:
    """The timed forward passes on the device and with the data type of a ceiling."""
    placed = []
    for r, time in timed(results):
        same = (r.case.device, r.case.dtype) == (ceiling.device, ceiling.dtype)
        same &= r.case.clients == 1 and r.case.threads in (None, ceiling.key.get("threads"))
        # A step of training is three passes and moves more bytes; these bounds are for one pass.
        # A network with layers that are not counted has no bounds, one that computes nothing no
        # speed.
        if not same or r.case.mode == "train" or r.cost.uncounted or not r.cost.flops:
            continue
        moved = sum(map(moved_bytes, r.cost.layers))
        layers = bounds(r.cost, ceiling)
        least = sum(bound.seconds for bound in layers)
        memory = sum(bound.seconds for bound in layers if bound.limit == "memory")
        waiting = memory / least if least else 0.0
        judged = judge(r.paper.demand, ceiling, time.value, time.high)
        speed, intensity = r.cost.flops / time.value, r.cost.flops / moved if moved else 0.0
        placed.append(Point(r, time, speed, intensity, least, waiting, judged))
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


def draw(placed: Sequence[Point], ceiling: Ceiling, looks: Mapping[str, Look]) -> Figure:
    """Speed over intensity, below the two roofs."""
    clouds = [
        Series(label, label, [(p.intensity, exact(p.speed)) for p in mine])
        for label, mine in grouped(placed, lambda p: p.result.label).items()
    ]

    def finish(axes: Axes, owner: Series | None) -> None:
        _roofs(axes, ceiling, placed, owner in (None, clouds[0]))
        log_axis(axes, "x", number)
        log_axis(axes, "y", flops_rate)

    axes_names = "FLOPs per byte moved, on paper", "speed, measured"
    return draw_series(clouds, looks, finish, *axes_names)


def _roofs(axes: Axes, ceiling: Ceiling, placed: Sequence[Point], named: bool) -> None:
    """The bandwidth up to the ridge and the peak beyond it, with their values."""
    known = [p.intensity for p in placed if p.intensity]
    low, high = min(*known, ceiling.ridge) / 2, max(*known, ceiling.ridge) * 2
    x = np.array([low, ceiling.ridge, high])
    roof = np.minimum(ceiling.flops_per_s, x * ceiling.bytes_per_s)
    axes.plot(x, roof, color="black", linewidth=1.5, zorder=0)
    axes.set(xscale="log", yscale="log", xlim=(low, high))
    axes.set_ylim(min(*roof, *(p.speed for p in placed)) / 2, ceiling.flops_per_s * 3)
    if named and ceiling.bytes_per_s:
        start = (low, low * ceiling.bytes_per_s)
        along(axes, start, brief(bandwidth(ceiling.bytes_per_s)), "left")
        place, peak = (high, ceiling.flops_per_s), brief(flops_rate(ceiling.flops_per_s))
        axes.annotate(
            peak, place, (-4, 4), textcoords="offset points", ha="right", fontsize=11, color=GREY
        )
