"""Side by side: two blocks, quantity by quantity, as a table and as bars of their ratio."""

from __future__ import annotations

from functools import partial

from cnnbench import units
from cnnbench.cases.paper import QUANTITIES
from cnnbench.cases.plan import BlockComparison
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.compared_blocks import SHOW, ComparedBlocks, Pair
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.runs.page import Data, numbered
from cnnbench.reporting.style import COLOURS, Axes, Figure, figure, log_axis
from cnnbench.reporting.tables import MISSING, Rows, Table, interval, number, optional
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
        document.picture(
            numbered("compare", index),
            f"{blocks.comparison.new} over {blocks.comparison.base}, quantity by quantity",
            partial(draw, blocks),
        )


def rows(blocks: ComparedBlocks) -> Table:
    """Quantity by quantity: both blocks and their ratio, at each shown channel count."""
    headers = ["", *(text for pair in blocks.shown for text in _heads(blocks.comparison, pair))]
    columns = [_column(pair) for pair in blocks.shown]
    names = [*QUANTITIES, "peak memory, measured", "time per call", "speed"]
    return headers, [
        [name, *(cell for column in columns for cell in column[index])]
        for index, name in enumerate(names)
    ]


def _heads(comparison: BlockComparison, pair: Pair) -> list[str]:
    at = f"C = {pair.channels}"
    return [f"{comparison.base}, {at}", f"{comparison.new}, {at}", f"ratio, {at}"]


def _column(pair: Pair) -> Rows:
    cells = []
    for name, value in QUANTITIES.items():
        base, new = value(pair.base.cost), value(pair.new.cost)
        cells.append([SHOW[name](base), SHOW[name](new), _ratio(base, new)])
    base_peak, new_peak = pair.base.peak_bytes, pair.new.peak_bytes
    base_speed, new_speed = pair.base.speed, pair.new.speed
    cells.append(
        [*(optional(x, units.binary) for x in (base_peak, new_peak)), _ratio(base_peak, new_peak)]
    )
    times = (interval(r.time, units.seconds) for r in (pair.base, pair.new))
    cells.append([*times, interval(pair.ratio, number)])
    cells.append(
        [*(optional(x, flops_rate) for x in (base_speed, new_speed)), _ratio(base_speed, new_speed)]
    )
    return cells


def _ratio(base: float | None, new: float | None) -> str:
    return number(new / base) if base and new is not None else MISSING


def ratios(pair: Pair) -> list[tuple[str, Estimate]]:
    """New over base in every quantity that both have; without an interval where it is exact."""
    values: list[tuple[str, float | None, float | None]] = [
        (name, value(pair.base.cost), value(pair.new.cost)) for name, value in QUANTITIES.items()
    ]
    values.append(("peak memory, measured", pair.base.peak_bytes, pair.new.peak_bytes))
    known = [
        (name, Estimate(new / base, None, None, 1)) for name, base, new in values if base and new
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
