"""Crossover: where two blocks swap their order, as a table and as curves over the channels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.compared_blocks import SHOW, ComparedBlocks, crossing_text, swaps
from cnnbench.reporting.runs.page import Data, numbered
from cnnbench.reporting.style import (
    COLOURS,
    GREY,
    MARKERS,
    Axes,
    Figure,
    around,
    bars,
    figure,
    fixed_log_axis,
    log_axis,
)
from cnnbench.reporting.tables import MISSING, Rows, Table
from cnnbench.stats import Crossing

ORDER = 20

_BASE, _NEW = (COLOURS[0], MARKERS[0]), (COLOURS[1], MARKERS[1])
_PANELS = ("parameters", "FLOPs", "activation memory")


def add(document: Document, data: Data) -> None:
    """A table and a figure for every comparison on every device."""
    if data.comparisons:
        document.section("Crossover")
    for index, blocks in enumerate(data.comparisons):
        document.heading(blocks.title, 3)
        document.table(rows(blocks))
        document.picture(
            numbered("crossover", index),
            f"{blocks.comparison.base} and {blocks.comparison.new} over input channels",
            partial(draw, blocks),
        )


def rows(blocks: ComparedBlocks) -> Table:
    """One row for each crossing: where it is, and which block is lower on each side of it."""
    headers = ["quantity", "source", "crosses at C =", "lower before", "lower after"]
    body: Rows = []
    for swap in swaps(blocks):
        source = "measured" if swap.measured else "on paper"
        if swap.undecided is not None:
            where = f"perhaps near {swap.undecided:.0f}; the intervals allow both orders"
            body.append([swap.quantity, source, where, MISSING, MISSING])
        elif not swap.crossings:
            never = f"does not cross between {swap.span[0]} and {swap.span[1]}"
            both = swap.better or "equal"
            body.append([swap.quantity, source, never, both, both])
        for crossing in swap.crossings:
            names = (blocks.comparison.base, blocks.comparison.new)
            below, above = names if crossing.a_first else names[::-1]
            body.append([swap.quantity, source, crossing_text(swap, crossing), below, above])
    return headers, body


def draw(blocks: ComparedBlocks) -> Figure:
    """Both blocks over the input channels: three quantities on paper and the measured time."""
    drawing = figure(12, 9)
    panels = drawing.subplots(2, 2).flat
    where = {swap.quantity: swap for swap in swaps(blocks)}
    fourth = "time" if blocks.timed else "peak memory, predicted"
    for axes, quantity in zip(panels, (*_PANELS, fourth), strict=True):
        if quantity == "time":
            _measured_lines(axes, blocks)
            show: Callable[[float], str] = units.seconds
        else:
            _rule_lines(axes, blocks, quantity)
            show = SHOW[quantity]
        axes.set_title("time per call, measured" if quantity == "time" else quantity)
        fixed_log_axis(axes, _powers(blocks))
        # The same range in all panels, though only a part of it was measured.
        axes.set_xlim(blocks.comparison.range[0] / 1.2, blocks.comparison.range[1] * 1.2)
        memory = show is units.binary
        log_axis(axes, "y", units.count if quantity == "parameters" else show, 2 if memory else 10)
        swap = where.get(quantity)
        for crossing in swap.crossings if swap else ():
            _mark(axes, crossing, exact=quantity != "time")
        axes.set_xlabel("input channels C")
    handles, labels = drawing.axes[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper center", ncols=2)
    return drawing


def _rule_lines(axes: Axes, blocks: ComparedBlocks, quantity: str) -> None:
    channels, base, new = blocks.curve(quantity)
    axes.plot(channels, base, color=_BASE[0], linewidth=2.5, label=blocks.comparison.base)
    axes.plot(
        channels, new, color=_NEW[0], linewidth=2.5, linestyle="--", label=blocks.comparison.new
    )


def _measured_lines(axes: Axes, blocks: ComparedBlocks) -> None:
    for label, look, line, times in (
        (blocks.comparison.base, _BASE, "-", [(p.channels, p.base.time) for p in blocks.pairs]),
        (blocks.comparison.new, _NEW, "--", [(p.channels, p.new.time) for p in blocks.pairs]),
    ):
        known = [(channels, time) for channels, time in times if time]
        axes.errorbar(
            [channels for channels, _ in known],
            [time.value for _, time in known],
            yerr=bars([time for _, time in known]),
            color=look[0],
            marker=look[1],
            linestyle=line,
            linewidth=1.5,
            capsize=4,
            label=label,
        )
    both = [r.time for pair in blocks.pairs for r in (pair.base, pair.new)]
    around(axes, [time.value for time in both if time])


def _powers(blocks: ComparedBlocks) -> list[float]:
    low, high = blocks.comparison.range
    return [2.0**k for k in range(20) if low <= 2**k <= high]


def _mark(axes: Axes, crossing: Crossing, exact: bool) -> None:
    at = crossing.above if exact else crossing.at
    axes.axvline(at, color=GREY, linestyle=":", linewidth=2)
    if not exact:
        axes.axvspan(crossing.below, crossing.above, color=GREY, alpha=0.15, linewidth=0)
    left = at > axes.get_xlim()[1] / 2
    # At the bottom of the panel, where two growing lines leave room.
    axes.annotate(
        f"C {'=' if exact else '≈'} {at:.0f}",
        (at, 0.04),
        xycoords=axes.get_xaxis_transform(),
        xytext=(-6 if left else 6, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        fontweight="bold",
    )
