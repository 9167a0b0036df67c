"""The figures of `cnnbench analyze`: one network's shares, and several as points with a front."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from pathlib import Path

from cnnbench import units
from cnnbench.analysis.candidates import Candidate, Choice
from cnnbench.analysis.views import Part, folded, leaves, tree
from cnnbench.cost import Cost
from cnnbench.errors import CnnbenchError
from cnnbench.reporting import labels, style
from cnnbench.reporting.labels import Label
from cnnbench.reporting.style import COLOURS, GREY, Axes, Figure, figure, log_axis
from cnnbench.reporting.tables import LEAST, UNKNOWN

MOST_BARS = 30
"""Rows that still read at half the size; more are drawn as profiles over the layers."""
_PANELS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("parameters", "params", units.count),
    ("FLOPs", "flops", units.count),
    ("activations", "activation_bytes", units.binary),
)
"""Name, attribute of costs and parts, and how its values are written."""
_NAMES = {
    "params": ("parameters", units.count),
    "macs": ("MACs", units.count),
    "flops": ("FLOPs", units.count),
    "memory": ("peak memory", units.binary),
    "time": ("predicted time of a call here", units.seconds),
    "top1": ("top-1 accuracy that Keras publishes, %", "{:.0f}".format),
}
_LINEAR = ("top1",)


def shares(cost: Cost, path: Path) -> None:
    """Draw each layer's share of the parameters, the FLOPs and the activation memory."""
    style.write(lambda: draw_shares(cost), path)


def draw_shares(cost: Cost) -> Figure:
    """Bars side by side for layers or, where there are many, blocks; else profiles over layers."""
    parts = folded(cost, MOST_BARS)
    drawing = _bars(cost, [*compress(parts, leaves(parts))]) if parts else _profiles(cost)
    drawing.suptitle(cost.name)
    return drawing


def _bars(cost: Cost, rows: Sequence[Part]) -> Figure:
    drawing = figure(style.WIDTH, 1.6 + 0.31 * len(rows))
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
    drawing = figure(style.WIDTH, 8)
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


def front(choice: Choice, path: Path) -> None:
    """Draw the networks that are within the limits; an error if there are none."""
    style.check(path)
    if not choice.chosen:
        raise CnnbenchError("no network is within the limits, so there is nothing to draw")
    style.write(lambda: draw_front(choice), path)


def draw_front(choice: Choice) -> Figure:
    """A point a network, each with its name; those that no other beats in colour and joined.

    Across is what the network costs: the second of `pareto`, unless that is the accuracy.
    """
    assert choice.pareto is not None
    down, across = choice.pareto if choice.pareto[1] not in _LINEAR else choice.pareto[::-1]
    best = sorted(choice.chosen, key=lambda c: (_value(c, across), _value(c, down)))
    networks = [*best, *choice.beaten]
    points = [(_value(c, across), _value(c, down)) for c in networks]
    drawing = figure(style.WIDTH, 7)
    axes = drawing.subplots()
    x, y = zip(*points, strict=True)
    count = len(best)
    axes.plot(x[:count], y[:count], "o-", color=COLOURS[0], label="no other beats it", zorder=3)
    if choice.beaten:
        axes.plot(x[count:], y[count:], "o", color=GREY, alpha=0.6, markersize=6, label="beaten")
    axes.margins(0.08)
    axes.set(xlabel=_NAMES[across][0], ylabel=_NAMES[down][0])
    for key, which in ((across, "x"), (down, "y")):
        if key not in _LINEAR:
            log_axis(axes, which, _NAMES[key][1], base=2 if key == "memory" else 10)
    axes.legend(loc="lower right" if down in _LINEAR else "upper right")
    labels.place(
        drawing,
        axes,
        [
            Label(
                candidate.name.removeprefix("keras.applications."),
                [point],
                "black" if place < count else GREY,
                13 if place < count else 11,
                labels.LEFT if place < count else labels.RIGHT,
            )
            for place, (candidate, point) in enumerate(zip(networks, points, strict=True))
        ],
        [points[:count]] if count > 1 else (),
    )
    return drawing


def _value(candidate: Candidate, key: str) -> float:
    value = candidate.value(key)
    assert value is not None  # of what is within the limits all that makes the front is known
    return value
