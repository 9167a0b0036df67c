"""Where the parameters, the FLOPs and the activation memory of a network are, as a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from pathlib import Path

from cnnbench import units
from cnnbench.analysis.views import Part, folded, leaves, tree
from cnnbench.cost import Cost
from cnnbench.reporting.style import COLOURS, Axes, Figure, figure, write
from cnnbench.reporting.tables import LEAST, UNKNOWN

MOST_BARS = 30
"""Rows that still read at half the size; more are drawn as profiles over the layers."""
_PANELS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("parameters", "params", units.count),
    ("FLOPs", "flops", units.count),
    ("activations", "activation_bytes", units.binary),
)
"""Name, attribute of costs and parts, and how its values are written."""


def shares(cost: Cost, path: Path) -> None:
    """Draw each layer's share of the parameters, the FLOPs and the activation memory."""
    write(lambda: draw(cost), path)


def draw(cost: Cost) -> Figure:
    """Bars side by side for layers or, where there are many, blocks; else profiles over layers."""
    parts = folded(cost, MOST_BARS)
    drawing = _bars(cost, [*compress(parts, leaves(parts))]) if parts else _profiles(cost)
    drawing.suptitle(cost.name)
    return drawing


def _bars(cost: Cost, rows: Sequence[Part]) -> Figure:
    drawing = figure(12, 1.8 + 0.34 * len(rows))
    most = 1.0
    panels = drawing.subplots(1, len(_PANELS), sharex=True, sharey=True)
    for axes, attribute, colour, values in _titled(cost, rows, panels):
        axes.barh(range(len(rows)), values, color=colour, height=0.7)
        for place, (row, value) in enumerate(zip(rows, values, strict=True)):
            lacks = attribute == "flops" and row.uncounted
            text = UNKNOWN if lacks else f"{value:.0f}" if value >= 0.5 else ""
            axes.annotate(text, (value, place), (4, 0), textcoords="offset points", va="center")
        axes.set_xlabel("% of all")
        most = max(most, *values)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    panels[0].set_xlim(0, 1.2 * most)
    panels[0].set_yticks(range(len(rows)), [row.path for row in rows])
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    return drawing


def _profiles(cost: Cost) -> Figure:
    drawing = figure(12, 10)
    rows = [row for row in tree(cost) if len(row.members) == 1]
    rows.sort(key=lambda row: row.members)
    panels = drawing.subplots(len(_PANELS), 1, sharex=True)
    for axes, _, colour, values in _titled(cost, rows, panels):
        axes.stairs(values, range(len(rows) + 1), fill=True, color=colour)
        most = max(range(len(rows)), key=values.__getitem__)
        axes.annotate(
            rows[most].path if values[most] else "",
            (most + 0.5, values[most]),
            (0, 3),
            textcoords="offset points",
            ha="left" if most < len(rows) / 2 else "right",
        )
        axes.set_ylabel("% of all")
        axes.margins(x=0)
        axes.set_ylim(0, 1.15 * values[most] or 1)
    panels[-1].set_xlabel("layer, in the order of the network")
    return drawing


def _titled(
    cost: Cost, rows: Sequence[Part], panels: Iterable[Axes]
) -> Iterator[tuple[Axes, str, str, list[float]]]:
    """For each panel its axes with a title, an attribute, a colour, and its % in each row."""
    for axes, (name, attribute, show), colour in zip(panels, _PANELS, COLOURS, strict=False):
        total = getattr(cost, attribute)
        least = LEAST if cost.uncounted and attribute != "params" else ""
        axes.set_title(f"{name}: {least}{show(total)}")
        values = [100 * getattr(row, attribute) / (total or 1) for row in rows]
        yield axes, attribute, colour, values
