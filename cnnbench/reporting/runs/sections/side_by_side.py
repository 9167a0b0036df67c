"""Side by side: two blocks, quantity by quantity, as a table and as bars of their ratio."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cnnbench import units
from cnnbench.cases.paper import QUANTITIES
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.compared_blocks import SHOW, ComparedBlocks, Pair
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.runs.page import Data, numbered
from cnnbench.reporting.style import COLOURS, Axes, Figure, figure, log_axis
from cnnbench.reporting.tables import Table, interval, number, optional
from cnnbench.runs.result import flops_rate
from cnnbench.stats import Estimate

ORDER = 10


def add(document: Document, data: Data) -> None:
    """A table and a figure for every comparison on every device."""
    if data.comparisons:
        document.section("Side by side")
    for index, blocks in enumerate(data.comparisons):
        document.heading(blocks.title, 3)
        document.table(rows(blocks))
        document.bullets(
            notes((f"ratio at C = {pair.channels}", pair.ratio) for pair in blocks.shown)
        )
        alt = f"{blocks.comparison.new} over {blocks.comparison.base}, quantity by quantity"
        document.picture(numbered("compare", index), alt, partial(draw, blocks))


def rows(blocks: ComparedBlocks) -> Table:
    """Quantity by quantity: both blocks and their ratio, at each shown channel count."""
    names = (blocks.comparison.base, blocks.comparison.new, "ratio")
    headers = [f"{name}, C = {pair.channels}" for pair in blocks.shown for name in names]
    columns = [_column(pair) for pair in blocks.shown]
    return ["", *headers], [
        [name, *(cell for column in columns for cell in column[name])] for name in columns[0]
    ]


def _column(pair: Pair) -> dict[str, list[str]]:
    times = [interval(r.time, units.seconds) for r in (pair.base, pair.new)]
    return {
        **{name: _cells(show, base, new) for name, show, base, new in _exact(pair)},
        "time per call": [*times, interval(pair.ratio, number)],
        "speed": _cells(flops_rate, pair.base.speed, pair.new.speed),
    }


def _cells(show: Callable[[float], str], base: float | None, new: float | None) -> list[str]:
    return [optional(base, show), optional(new, show), optional(_over(base, new), number)]


def _exact(pair: Pair) -> list[tuple[str, Callable[[float], str], float | None, float | None]]:
    """Quantities without an interval: name, how it is written, base, and new."""
    known = [
        (name, SHOW[name], value(pair.base.cost), value(pair.new.cost))
        for name, value in QUANTITIES.items()
    ]
    peaks = ("peak memory, measured", units.binary, pair.base.peak_bytes, pair.new.peak_bytes)
    return [*known, peaks]


def _over(base: float | None, new: float | None) -> float | None:
    return new / base if base and new is not None else None


def ratios(pair: Pair) -> list[tuple[str, Estimate]]:
    """New over base in every quantity that both have; without an interval where it is exact."""
    known = [
        (name, Estimate(ratio, None, None, 1))
        for name, _, base, new in _exact(pair)
        if (ratio := _over(base, new))
    ]
    return [*known, ("time, measured", pair.ratio)] if pair.ratio else known


def draw(blocks: ComparedBlocks) -> Figure:
    """Bars: the new block over the base, quantity by quantity, at each shown channel count."""
    drawing = figure(12, 7)
    axes = drawing.subplots()
    names = list(dict.fromkeys(name for pair in blocks.shown for name, _ in ratios(pair)))
    thickness = 0.8 / len(blocks.shown)
    for index, pair in enumerate(blocks.shown):
        known = ratios(pair)
        offset = (index - (len(blocks.shown) - 1) / 2) * thickness
        heights = [names.index(name) + offset for name, _ in known]
        values = [estimate.value for _, estimate in known]
        axes.barh(
            heights,
            [value - 1 for value in values],
            thickness * 0.92,
            left=1,
            color=COLOURS[index % len(COLOURS)],
            label=f"{pair.channels} input channels",
        )
        for height, (_, estimate) in zip(heights, known, strict=True):
            _bar_label(axes, height, estimate)
    log_axis(axes, "x", lambda value: f"{value:g}x")
    axes.margins(x=0.15)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{blocks.comparison.new} / {blocks.comparison.base}")
    axes.set_title(blocks.title)
    drawing.legend(loc="outside lower center", ncols=max(2, len(blocks.shown)))
    return drawing


def _bar_label(axes: Axes, height: float, estimate: Estimate) -> None:
    low, high = estimate.low or estimate.value, estimate.high or estimate.value
    if low != high:
        axes.plot([low, high], [height, height], color="black", linewidth=2)
    right = estimate.value >= 1
    axes.annotate(
        number(estimate.value),
        (high if right else low, height),
        xytext=(6 if right else -6, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
    )
