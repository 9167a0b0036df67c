"""Crossover by runtime: from how many channels on a block is faster on each of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from cnnbench.cases.case import named_threads
from cnnbench.reporting import style
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs import live
from cnnbench.reporting.runs.answer import faster
from cnnbench.reporting.runs.compared_blocks import ComparedBlocks, over_runtimes, time_swap
from cnnbench.reporting.runs.data import Data, numbered
from cnnbench.reporting.style import FAINT, GREY, PLAIN, Figure
from cnnbench.reporting.tables import MISSING, Table, interval, number

ORDER = 19


def add(document: Document, data: Data) -> None:
    """A table and a figure of each two blocks that were compared on several runtimes."""
    several = [group for group in over_runtimes(data.comparisons) if len(group) > 1]
    for index, group in enumerate(several):
        of = group[0].comparison
        document.section("Crossover")
        document.heading(", ".join([f"By runtime: {of.title}", *named_threads(of.threads)]), 3)
        document.table(rows(group))
        timed = [blocks for blocks in group if any(pair.ratio for pair in blocks.pairs)]
        if timed:
            name = numbered("crossover-by-runtime", index)
            alt = f"time of {of.new} over that of {of.base}, by input channels and runtime"
            with document.live("multiples", live.by_runtime(timed, data.places)):
                document.picture(name, alt, partial(draw, timed))


def rows(group: Sequence[ComparedBlocks]) -> Table:
    """Of each runtime where the times cross, and their ratio at the shown channels."""
    of = group[0].comparison
    shown = [pair.channels for pair in group[0].shown]
    headers = ["runtime", f"{of.new} is faster at C", *(f"times {of.base}, C = {c}" for c in shown)]
    body = []
    for blocks in group:
        ratios = {pair.channels: pair.ratio for pair in blocks.pairs}
        at = [interval(ratios.get(channels), number) for channels in shown]
        body.append([blocks.comparison.runtime, faster(blocks) or MISSING, *at])
    return headers, body


def draw(group: Sequence[ComparedBlocks]) -> Figure:
    """The ratio of the times over the channels: a panel for each runtime, the others in grey."""
    of = group[0].comparison
    columns = min(len(group), 3)
    down = -(-len(group) // columns)
    drawing = style.figure(style.WIDTH, 0.8 + 2.9 * down)
    panels = drawing.subplots(down, columns, sharex=True, sharey=True, squeeze=False).flatten()
    lines = [[(p.channels, p.ratio) for p in blocks.pairs if p.ratio] for blocks in group]
    for axes, blocks, mine in zip(panels, group, lines, strict=False):
        for line in lines:
            axes.plot([x for x, _ in line], [ratio.value for _, ratio in line], **FAINT)
        style.errorbars(axes, mine, linewidth=2, capsize=4, **PLAIN)
        axes.axhline(1, color="black", linewidth=1)
        swap = time_swap(blocks)
        for crossing in swap.crossings if swap else ():
            axes.axvline(crossing.at, color=GREY, linestyle=":", linewidth=2)
            axes.annotate(
                f"C \u2248 {crossing.at:.0f}",
                (crossing.at, 0.95),
                xycoords=axes.get_xaxis_transform(),
                xytext=(5, 0),
                textcoords="offset points",
                va="top",
                fontweight="bold",
            )
        axes.set_title(blocks.comparison.runtime)
        style.fixed_log_axis(axes, [x for x, _ in reversed(mine)])
        style.log_axis(axes, "y", lambda value: f"{value:g}x")
    for axes in panels[len(group) :]:
        axes.set_visible(False)
    drawing.supxlabel("input channels C", fontsize=13)
    drawing.supylabel(f"time of {of.new} / {of.base}", fontsize=13)
    return drawing
