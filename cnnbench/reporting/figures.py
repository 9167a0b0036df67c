"""The figures over all cases, one function each: results -> matplotlib."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnnbench import units
from cnnbench.reporting.comparison import flops_rate
from cnnbench.reporting.results import Result, timed
from cnnbench.reporting.scaling import Scaling
from cnnbench.reporting.style import (
    COLOURS,
    GREY,
    around,
    bars,
    figure,
    fixed_log_axis,
    log_axis,
    looks,
)
from cnnbench.stats import steady


def scaling(found: Sequence[Scaling]) -> Figure:
    """Time and measured peak memory over the input size, a line a block."""
    memory = any(r.peak_bytes for s in found for r in s.results)
    drawing = figure(12, 8)
    panels = drawing.subplots(1, 2 if memory else 1, squeeze=False)[0]
    look = looks(s.name for s in found)
    for index, s in enumerate(found):
        colour, marker = look[s.name]
        # Later lines are thinner, so that a line which coincides with an earlier one hides
        # neither.
        thin = 1 - index / len(found)
        sizes = {"linewidth": 1.2 + 3 * thin, "markersize": 6 + 6 * thin}
        times = [(r.side, time) for r, time in timed(s.results)]
        panels[0].errorbar(
            [side for side, _ in times],
            [time.value for _, time in times],
            yerr=bars([time for _, time in times]),
            color=colour,
            marker=marker,
            capsize=3,
            elinewidth=1,
            label=s.name,
            **sizes,
        )
        peaks = [(r.side, r.peak_bytes) for r in s.results if r.peak_bytes]
        if peaks:
            panels[1].plot(*zip(*peaks, strict=True), color=colour, marker=marker, **sizes)
    panels[0].set_title("time a call, measured")
    around(panels[0], [time.value for s in found for _, time in timed(s.results)])
    log_axis(panels[0], "y", units.seconds)
    if memory:
        panels[1].set_title("peak memory, measured")
        log_axis(panels[1], "y", units.binary, base=2)
    for axes in panels:
        fixed_log_axis(axes, {r.side for s in found for r in s.results})
        axes.set_xlabel("input side length (pixels)")
    drawing.legend(loc="outside lower center", ncols=2)
    return drawing


def flops(found: Sequence[Result]) -> Figure:
    """Measured time over FLOPs on paper, with lines of constant speed."""
    drawing = figure(12, 8)
    axes = drawing.subplots()
    measured = timed(found)
    for label, (colour, marker) in looks(r.label for r, _ in measured).items():
        points = [(r.cost.flops, time) for r, time in measured if r.label == label]
        axes.errorbar(
            [x for x, _ in points],
            [time.value for _, time in points],
            yerr=bars([time for _, time in points]),
            color=colour,
            marker=marker,
            linestyle="none",
            elinewidth=1,
            label=label,
        )
    around(axes, [time.value for _, time in measured])
    log_axis(axes, "x", units.count)
    log_axis(axes, "y", units.seconds)
    _speed_lines(axes, [r.speed for r, _ in measured if r.speed])
    axes.set_xlabel("FLOPs of one call, from the rules")
    axes.set_ylabel("time a call, measured")
    drawing.legend(loc="outside right upper")
    return drawing


def _speed_lines(axes: Axes, speeds: Sequence[float]) -> None:
    """Lines of 1, 10, 100 ... GFLOP/s across what is drawn, each with its name."""
    if not speeds:
        return
    x, y = np.array(axes.get_xlim()), axes.get_ylim()
    first, last = np.floor(np.log10(min(speeds))), np.ceil(np.log10(max(speeds)))
    for speed in 10.0 ** np.arange(first, last + 1):
        axes.plot(x, x / speed, color=GREY, linewidth=1, zorder=0)
        # The name sits left of where the line leaves the plot, at its top or at its right.
        right = min(x[1], y[1] * speed)
        if right > 8 * x[0] and right / speed > y[0]:
            axes.annotate(
                flops_rate(speed),
                (right, right / speed),
                xytext=(-26, -4),
                textcoords="offset points",
                ha="right",
                va="top",
                color=GREY,
                fontsize=11,
            )
    axes.set_xlim(x[0], x[1])
    axes.set_ylim(y)


def memory(found: Sequence[Result]) -> Figure:
    """Measured rise of the peak memory over the predicted one, with the identity."""
    drawing = figure(12, 8)
    axes = drawing.subplots()
    known = [(r.label, r.predicted_peak_bytes, r.peak_bytes) for r in found if r.peak_bytes]
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


def spread(found: Sequence[Result]) -> Figure:
    """Every launch of every case: its middle 80 % of calls and its median."""
    measured = timed(found)
    drawing = figure(12, 1.8 + 0.32 * len(measured))
    axes = drawing.subplots()
    rows = [
        (row + 0.7 * ((index + 0.5) / len(r.samples) - 0.5), np.array(steady(samples)) / time.value)
        for row, (r, time) in enumerate(measured)
        for index, samples in enumerate(r.samples.values())
        if steady(samples)
    ]
    places = [place for place, _ in rows]
    low, middle, high = np.array([np.percentile(calls, (10, 50, 90)) for _, calls in rows]).T
    colours = [COLOURS[round(place) % 2] for place in places]
    axes.hlines(places, low, high, colors=colours, linewidth=1.5, alpha=0.6)
    axes.scatter(middle, places, c=colours, s=22)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(measured)), [r.name for r, _ in measured])
    axes.set_ylim(len(measured) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    percents = MaxNLocator(6).tick_values(100 * (low.min() - 1), 100 * (high.max() - 1))
    fixed_log_axis(
        axes,
        [1 + tick / 100 for tick in percents if tick > -100],
        lambda value: f"{100 * (value - 1):+.3g} %",
    )
    axes.set_xlabel("difference from the case's time (dot: a launch's median; line: 80 % of calls)")
    return drawing
