"""LABELS: names beside what they name, where they cover neither a point, a line nor a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, product

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from cnnbench.reporting.style import GREY, Axes, Figure

Point = tuple[float, float]
RIGHT = ((1, 0), (0, -1), (1, -1), (0, 1), (1, 1), (-1, 0), (-1, 1), (-1, -1))
LEFT = ((-1, 0), (-1, 1), (0, 1), (0, -1), (-1, -1), (1, 0), (1, 1), (1, -1))
"""Sides of a point in the order in which they are tried."""
_DISTANCES = (7, 16, 28, 42, 58)
"""Points between a point and its name; the nearest that is free."""


@dataclass(frozen=True, slots=True)
class Label:
    """A name, and the points beside any of which it may stand, in the order of preference."""

    text: str
    points: Sequence[Point]
    colour: str = "black"
    size: float = 12
    sides: Sequence[tuple[int, int]] = RIGHT


def place(
    drawing: Figure,
    axes: Axes,
    labels: Sequence[Label],
    lines: Iterable[Sequence[Point]] = (),
    points: Sequence[Point] = (),
) -> None:
    """Write every label where it covers nothing, a thin line to its point where that is far.

    Call it after all else: from here on the axes stay where they are. Besides the points of the
    labels, `lines` and `points` are not covered.
    """
    renderer = FigureCanvasAgg(drawing).get_renderer()  # type: ignore[no-untyped-call]
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")
    every = [*chain.from_iterable(label.points for label in labels), *points]
    taken = [_square(x, y, 10) for x, y in axes.transData.transform(np.array(every, float))]
    for line in lines:
        for (x, y), (to_x, to_y) in pairwise(axes.transData.transform(np.array(line, float))):
            steps = int(max(abs(to_x - x), abs(to_y - y)) // 6) or 1
            parts = [step / steps for step in range(steps + 1)]
            taken += [_square(x + part * (to_x - x), y + part * (to_y - y), 3) for part in parts]
    if legend := axes.get_legend():
        taken.append(legend.get_window_extent(renderer))
    level = [text for text in axes.texts if not text.get_rotation()]
    taken += [Text.get_window_extent(text, renderer) for text in level]
    for label in labels:
        text = axes.annotate(
            label.text,
            label.points[0],
            (0, 0),
            textcoords="offset points",
            fontsize=label.size,
            color=label.colour,
            arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.6, "shrinkA": 0, "shrinkB": 3},
            zorder=4,
        )
        text.set_in_layout(False)
        for distance, point, (right, up) in product(_DISTANCES, label.points, label.sides):
            text.xy = point
            text.set_position((right * distance, up * distance))
            text.set_horizontalalignment(("right", "center", "left")[right + 1])
            text.set_verticalalignment(("top", "center", "bottom")[up + 1])
            text.update_positions(renderer)
            box = Text.get_window_extent(text, renderer)  # without the line to the point
            corners = box.corners()
            inside = (corners > axes.bbox.min).all() and (corners < axes.bbox.max).all()
            if inside and not box.count_overlaps(taken):
                break
        taken.append(box)
        if text.arrow_patch:  # which a name right beside its point does not need
            text.arrow_patch.set_visible(distance > _DISTANCES[0])


def _square(x: float, y: float, side: float) -> Bbox:
    return Bbox.from_bounds(x - side / 2, y - side / 2, side, side)
