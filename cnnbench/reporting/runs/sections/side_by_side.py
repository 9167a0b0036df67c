"""Side by side: two blocks, quantity by quantity, as a table and as bars of their ratio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from cnnbench import units
from cnnbench.cases.paper import QUANTITIES
from cnnbench.reporting.analysis import diagram
from cnnbench.reporting.analysis.boxes import Architecture
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.compared_blocks import ComparedBlocks, Pair, over_runtimes
from cnnbench.reporting.runs.data import Data, numbered
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.series import exact
from cnnbench.reporting.style import WIDTH, Axes, Figure, Look, figure, log_axis
from cnnbench.reporting.tables import SHOW, Table, interval, number, optional
from cnnbench.runs.result import flops_rate
from cnnbench.stats import Estimate

ORDER = 10
MOST_BARS = 6

Compared = tuple[str, str, Estimate | None]
"""Base and new as text, and their ratio; without an interval where it is exact."""


def add(document: Document, data: Data) -> None:
    """A table and a figure for every comparison on every device.

    On the first of several runtimes: what is on paper is equal on the others.
    """
    if data.comparisons:
        document.section("Answer")
    for index, (blocks, *_) in enumerate(over_runtimes(data.comparisons)):
        document.heading(blocks.title, 3)
        networks = architectures(blocks)
        if draw_both := diagram.readable(networks):
            alt = f"layers and shapes of {' and '.join(one.name for one in networks)}"
            document.picture(numbered("architecture", index), alt, draw_both)
        document.table(rows(blocks))
        document.bullets(
            notes((f"ratio at C = {pair.channels}", pair.ratio) for pair in blocks.shown)
        )
        alt = f"{blocks.comparison.new} over {blocks.comparison.base}, quantity by quantity"
        document.picture(numbered("compare", index), alt, partial(draw, blocks, data.looks))


def architectures(blocks: ComparedBlocks) -> list[Architecture]:
    """Both networks at the last of the shown channel counts; none that were stored without."""
    last = blocks.shown[-1]
    return [
        Architecture(label, r.cost, r.paper.wiring)
        for label, r in ((blocks.comparison.base, last.base), (blocks.comparison.new, last.new))
        if r.paper.wiring
    ]


def rows(blocks: ComparedBlocks) -> Table:
    """Quantity by quantity: both blocks and their ratio, at each shown channel count."""
    names = (blocks.comparison.base, blocks.comparison.new, "ratio")
    headers = [f"{name}, C = {pair.channels}" for pair in blocks.shown for name in names]
    body: dict[str, list[str]] = {}
    for pair in blocks.shown:
        for name, (base, new, ratio) in _compared(pair).items():
            body.setdefault(name, [name]).extend([base, new, interval(ratio, number)])
    return ["", *headers], list(body.values())


def _compared(pair: Pair) -> dict[str, Compared]:
    """Both blocks and new over base, in every quantity."""
    base, new = pair.base, pair.new
    times = interval(base.time, units.seconds), interval(new.time, units.seconds)
    return {
        **{
            name: _exact(SHOW[name], value(base.cost), value(new.cost))
            for name, value in QUANTITIES.items()
        },
        "peak memory, measured": _exact(units.binary, base.peak_bytes, new.peak_bytes),
        "time per call": (*times, pair.ratio),
        "speed": _exact(flops_rate, base.speed, new.speed),
    }


def _exact(show: Callable[[float], str], base: float | None, new: float | None) -> Compared:
    ratio = exact(new / base) if base and new is not None else None
    return optional(base, show), optional(new, show), ratio


def ratios(pair: Pair) -> list[tuple[str, Estimate]]:
    """New over base in every quantity that both have; speed says no more than time."""
    known = {name: ratio for name, (*_, ratio) in _compared(pair).items() if name != "speed"}
    known["time, measured"] = known.pop("time per call")
    return [(name, ratio) for name, ratio in known.items() if ratio and ratio.value]


def draw(blocks: ComparedBlocks, looks: Mapping[str, Look]) -> Figure:
    """Bars: the new block over the base, quantity by quantity, at each shown channel count.

    A bar has the colour of the block that needs less.
    """
    shown = blocks.shown[:MOST_BARS]
    names = list(dict.fromkeys(name for pair in shown for name, _ in ratios(pair)))
    drawing = figure(WIDTH, 0.8 + (0.2 + 0.27 * len(shown)) * len(names))
    axes = drawing.subplots()
    base, new = blocks.comparison.base, blocks.comparison.new
    thickness = 0.8 / len(shown)
    for index, pair in enumerate(shown):
        offset = (index - (len(shown) - 1) / 2) * thickness
        for name, ratio in ratios(pair):
            look = looks[base if ratio.value >= 1 else new]
            row = names.index(name) + offset
            axes.barh([row], [ratio.value - 1], 0.9 * thickness, left=1, color=look["color"])
            _bar_label(axes, row, ratio, f" at C = {pair.channels}")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    log_axis(axes, "x", lambda value: f"{value:g}x")
    axes.margins(x=0.3)
    drawing.supxlabel(
        f"{new} needs less  \u2190  {new} / {base}  \u2192  {base} needs less", fontsize=13
    )
    return drawing


def _bar_label(axes: Axes, height: float, estimate: Estimate, at: str) -> None:
    low, high = estimate.low or estimate.value, estimate.high or estimate.value
    if low != high:
        axes.plot([low, high], [height, height], color="black", linewidth=2)
    right = estimate.value >= 1
    axes.annotate(
        number(estimate.value) + at,
        (high if right else low, height),
        xytext=(6 if right else -6, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=12,
    )
