"""Crossover: where two blocks swap their order, as a table and as curves over the channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from cnnbench import units
from cnnbench.reporting import labels, style
from cnnbench.reporting.document import Document
from cnnbench.reporting.labels import Label
from cnnbench.reporting.runs import live
from cnnbench.reporting.runs.compared_blocks import ComparedBlocks, over_runtimes, swaps
from cnnbench.reporting.runs.data import Data, numbered
from cnnbench.reporting.style import GREY, Axes, Figure, Look
from cnnbench.reporting.tables import MISSING, SHOW, Rows, Table
from cnnbench.stats import Crossing

ORDER = 20

_LINES = ("-", "--")
"""Of the base and of the new block."""

_PANELS = ("parameters", "FLOPs", "activation memory")
_SHOW = {**SHOW, "parameters": units.count}


def add(document: Document, data: Data) -> None:
    """A table and a figure for every comparison on every device.

    On the first of several runtimes: what is on paper is equal on the others.
    """
    if data.comparisons:
        document.section("Crossover")
    for index, (blocks, *_) in enumerate(over_runtimes(data.comparisons)):
        document.heading(blocks.title, 3)
        document.table(rows(blocks))
        alt = f"{blocks.comparison.base} and {blocks.comparison.new} over input channels"
        with document.live("lines", live.crossover(blocks, data.places)):
            document.picture(numbered("crossover", index), alt, partial(draw, blocks, data.looks))


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
            body.append([swap.quantity, source, never, *[swap.better or "equal"] * 2])
        for crossing in swap.crossings:
            names = (blocks.comparison.base, blocks.comparison.new)
            below, above = names if crossing.a_first else names[::-1]
            body.append([swap.quantity, source, swap.place(crossing), below, above])
    return headers, body


def draw(blocks: ComparedBlocks, looks: Mapping[str, Look]) -> Figure:
    """Both blocks over the input channels: three quantities on paper and the measured time."""
    drawing = style.figure(style.WIDTH, 7.5)
    panels = drawing.subplots(2, 2).flat
    both = [
        {**looks[name], "linestyle": line}
        for name, line in zip(_blocks(blocks), _LINES, strict=True)
    ]
    where = {swap.quantity: swap for swap in swaps(blocks)}
    low, high = blocks.comparison.range
    fourth = "time" if blocks.timed else "peak memory, on paper"
    for axes, quantity in zip(panels, (*_PANELS, fourth), strict=True):
        timed = quantity == "time"
        if timed:
            _measured(axes, blocks, both)
        else:
            _on_paper(axes, blocks, quantity, both)
        axes.set_title("time per call, measured" if timed else quantity)
        style.fixed_log_axis(axes, [2.0**k for k in reversed(range(20)) if low <= 2**k <= high])
        # The same range in all panels, though only a part of it was measured.
        axes.set_xlim(low / 1.2, high * 1.2)
        show = _SHOW[quantity]
        style.log_axis(axes, "y", show, 2 if show is units.binary else 10)
        for crossing in where[quantity].crossings if quantity in where else ():
            _mark(axes, crossing, exact=not timed)
        axes.set_xlabel("input channels C")
    if first := where.get(_PANELS[0]):
        _names(drawing, blocks, both, [c.above for c in first.crossings])
    return drawing


def _blocks(blocks: ComparedBlocks) -> tuple[str, str]:
    return blocks.comparison.base, blocks.comparison.new


def _names(
    drawing: Figure, blocks: ComparedBlocks, both: Sequence[Look], where: Sequence[float]
) -> None:
    """Write the names of the blocks beside their curves, in the first panel."""
    axes = drawing.axes[0]
    channels, *values = blocks.curves(_PANELS[0])
    curves = [list(zip(channels, each, strict=True)) for each in values]
    named = [
        Label(name, curve[len(curve) // 40 :: 5], style.dark(look["color"]))
        for name, curve, look in zip(_blocks(blocks), curves, both, strict=True)
    ]
    flips = [[(at, y) for y in axes.get_ylim()] for at in where]
    labels.place(drawing, axes, named, [*curves, *flips])


def _on_paper(axes: Axes, blocks: ComparedBlocks, quantity: str, both: Sequence[Look]) -> None:
    channels, *curves = blocks.curves(quantity)
    for curve, look in zip(curves, both, strict=True):
        axes.plot(channels, curve, **{**look, "marker": "", "linewidth": 2.5})


def _measured(axes: Axes, blocks: ComparedBlocks, both: Sequence[Look]) -> None:
    base = [(pair.channels, pair.base.time) for pair in blocks.pairs if pair.base.time]
    new = [(pair.channels, pair.new.time) for pair in blocks.pairs if pair.new.time]
    for times, look in zip((base, new), both, strict=True):
        style.errorbars(axes, times, linewidth=1.5, capsize=4, **look)
    style.around(axes, [time.value for _, time in (*base, *new)])


def _mark(axes: Axes, crossing: Crossing, exact: bool) -> None:
    at = crossing.above if exact else crossing.at
    axes.axvline(at, color=GREY, linestyle=":", linewidth=2)
    if not exact:
        axes.axvspan(crossing.below, crossing.above, color=GREY, alpha=0.15, linewidth=0)
    left = at**3 > np.prod(axes.get_xlim()) * axes.get_xlim()[1]  # beyond two thirds
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
