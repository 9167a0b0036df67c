"""What all figures share: colours, markers, sizes, and axes that write their units."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes as Axes  # sections take the types from here
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure as Figure
from matplotlib.lines import Line2D as Line2D
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from cnnbench.errors import CnnbenchError, unknown
from cnnbench.reporting.document import seen
from cnnbench.stats import Estimate

Look = dict[str, Any]
"""Arguments of matplotlib's drawing methods."""

# Okabe and Ito's palette without yellow, which is too light for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
GREY = "#666666"
WIDTH = 10
"""Inches of a figure; letters of 11 points can then be read at 600 pixels."""
MOST_COLOURS = 6
"""As many series can be told apart by colour in one panel."""
_MOST_TICKS = 9
PLAIN: Look = {"color": "#333333", "marker": "o"}
"""Of a network without a colour of its own."""
FAINT: Look = {"color": "#cccccc", "marker": "o", "markersize": 4, "linewidth": 1, "zorder": 1}
"""Of what is only there to compare with."""
_SOFTWARE = "cnnbench"
# Without a date or a version, so that the same numbers give the same file.
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": _SOFTWARE},
    ".svg": {"Creator": _SOFTWARE, "Date": None},
    ".pdf": {"Creator": _SOFTWARE, "CreationDate": None},
}
_MARKS = {".png": "Software\0{}", ".svg": "<dc:title>{}</dc:title>", ".pdf": "/Creator ({})"}
"""How each kind of file says by whom it was written."""
_ROUND = re.compile(r"\.0+(?=\D|$)")
RC: dict[Any, Any] = {
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.titley": 1.0,  # where it is anyway; to look for a better place takes as long as to draw
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.markersize": 8,
    "savefig.dpi": 120,
    "text.parse_math": False,  # a name may have a dollar sign
}


def figure(width: float, height: float) -> Figure:
    """An empty figure; not pyplot's, which keeps global state and may open a window."""
    return Figure(figsize=(width, height), layout="constrained")


def brief(text: str) -> str:
    """A round number without its zeros: 1.00 GFLOP/s as 1 GFLOP/s."""
    return _ROUND.sub("", text)


def save(draw: Callable[[], Figure], path: Path) -> None:
    """Draw a figure in our style and write it, so that `saved` knows it again."""
    path.write_bytes(image(draw, path.suffix.lower()))


def image(draw: Callable[[], Figure], suffix: str, *, words: bool = False) -> bytes:
    """The same as the bytes of a file that ends in .png, .svg or .pdf.

    With `words`, an SVG has its texts as text, in whatever font the reader has.
    """
    (only,) = images(draw, [suffix], words=words)
    return only


def images(draw: Callable[[], Figure], suffixes: Iterable[str], *, words: bool) -> list[bytes]:
    """One figure in several formats, drawn and laid out once."""
    drawn = []
    fonts = "none" if words else "path"
    with mpl.rc_context({**RC, "svg.hashsalt": _SOFTWARE, "svg.fonttype": fonts}):
        figure = draw()
        for suffix in suffixes:
            out = io.BytesIO()
            figure.savefig(out, format=suffix.removeprefix("."), metadata=_METADATA[suffix])
            figure.set_layout_engine("none")  # it stays as it is
            data = out.getvalue()
            # XML has no place for what a name may hold.
            drawn.append(seen(data.decode()).encode() if suffix == ".svg" else data)
    return drawn


def check(path: Path) -> None:
    """Refuse a file that `write` could not write, before the work for it is done."""
    if path.suffix.lower() not in _METADATA:
        raise CnnbenchError(f"a figure must end in {', '.join(_METADATA)}; got {path.name!r}")
    if not os.path.isdir(path.parent):  # not `Path.is_dir`, which raises on a long name
        raise CnnbenchError(f"cannot write the figure {path}: there is no folder {path.parent}")


def write(draw: Callable[[], Figure], path: Path) -> None:
    """The same for a file that a user named: every fault is a `CnnbenchError`."""
    check(path)
    try:
        save(draw, path)
    except OSError as error:
        raise CnnbenchError(f"cannot write the figure {path}: {error.strerror}") from None


def saved(path: Path) -> bool:
    """Whether a file is a figure that `save` wrote."""
    mark = _MARKS.get(path.suffix, "").format(_SOFTWARE).encode()
    return bool(mark) and path.is_file() and mark in path.read_bytes()


def suffixes(formats: Iterable[str]) -> tuple[str, ...]:
    """How files of these formats end: .svg of svg; a `CnnbenchError` if there is no such format."""
    known = {suffix.removeprefix("."): suffix for suffix in _METADATA}
    for format in formats:
        if format not in known:
            raise unknown("format of a figure", format, known)
    return tuple(known[format] for format in formats)


def looks(names: Iterable[str], first: Iterable[str] = ()) -> dict[str, Look]:
    """A colour and a marker for each network of a report, the same in all of its figures.

    Of more than six, only those that come `first`, because the report is about them, have a colour.
    """
    leading = list(filter(None, dict.fromkeys(first)))
    known = list(dict.fromkeys([*leading, *names]))
    own = known if len(known) <= MOST_COLOURS else leading[:MOST_COLOURS]
    coloured = zip(COLOURS, MARKERS, own, strict=False)
    return dict.fromkeys(known, PLAIN) | {
        name: {"color": colour, "marker": marker} for colour, marker, name in coloured
    }


def dark(colour: str) -> str:
    """A colour for letters, which are too thin for a light one."""
    red, green, blue = (0.7 * part for part in to_rgb(colour))
    return to_hex((red, green, blue))


def log_axis(axes: Axes, which: str, show: Callable[[float], str], base: int = 10) -> None:
    """A logarithmic axis whose ticks are written with their units; call it after drawing."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    set_scale = axes.set_xscale if which == "x" else axes.set_yscale
    set_scale("log", base=base)
    low, high = sorted(axis.get_view_interval())
    # Where whole powers would be too few to read values off, steps between them too.
    limits = {(1, 2, 5): 100, (1, 3): 1500} if base == 10 else {(1, 1.5): 8}
    steps = [some for some, limit in limits.items() if high / low < limit]
    axis.set_major_locator(_Powers(axis, base, steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: brief(show(value))))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def errorbars(axes: Axes, points: Sequence[tuple[float, Estimate]], **look: Any) -> None:
    """Points at the values of estimates, with their intervals."""
    x, estimates = [x for x, _ in points], [estimate for _, estimate in points]
    axes.errorbar(x, [estimate.value for estimate in estimates], yerr=bars(estimates), **look)


def bars(estimates: Sequence[Estimate]) -> list[list[float]]:
    """Lengths of error bars below and above; zero where there is no interval."""
    return [
        [0.0 if e.low is None else e.value - e.low for e in estimates],
        [0.0 if e.high is None else e.high - e.value for e in estimates],
    ]


def around(axes: Axes, values: Iterable[float]) -> None:
    """Limit y to the values: the interval of a noisy one may be wider than all the rest."""
    known = list(values)
    axes.set_ylim(min(known) / 1.6, max(known) * 1.6)


def along(axes: Axes, end: tuple[float, float], text: str, align: str = "right") -> None:
    """Write what a line of slope 1 between logarithmic axes means along it, up to a point of it.

    With `align` left from there on.
    """
    logs = axes.transLimits + axes.transAxes
    across, up = logs.transform((1, 1)) - logs.transform((0, 0))
    # The text is above the line; the flatter this is, the sooner it would leave the plot on top.
    points = 7 if align == "left" else -4 - 11 * across / up
    x, y = axes.transScale.transform(end) + points / 72 * axes.figure.dpi / np.hypot(across, up)
    look: Look = {"rotation": 45, "rotation_mode": "anchor", "ha": align}
    look |= {"transform": logs, "transform_rotates_text": True, "va": "bottom"}
    axes.text(x, y, text, color=GREY, fontsize=11, clip_on=True, **look)


def fixed_log_axis(
    axes: Axes, ticks: Iterable[float], show: Callable[[float], str] = "{:.4g}".format
) -> None:
    """A logarithmic x axis with ticks at the given values only, the first of which matter most."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(_Given(axes.xaxis, ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: show(value)))
    axes.xaxis.set_minor_locator(NullLocator())


class _Powers(LogLocator):
    """The densest ticks of a logarithmic axis that there is room for.

    Args:
        axis: whose ticks.
        base: of the logarithm.
        steps: what may lie between whole powers, the densest first.
    """

    def __init__(self, axis: Axis, base: int, steps: Iterable[tuple[float, ...]]) -> None:
        super().__init__(base)
        self._axis = axis
        self._choices = [LogLocator(base, some, numticks=_MOST_TICKS) for some in steps]
        self._choices += [LogLocator(base, numticks=most) for most in range(_MOST_TICKS, 1, -1)]

    def __call__(self) -> Sequence[float]:
        low, high = sorted(self._axis.get_view_interval())
        every = (choice.tick_values(low, high) for choice in self._choices)
        seen = [[tick for tick in ticks if low <= tick <= high] for ticks in every]
        readable = (ticks for ticks in seen if len(ticks) > 1 and _apart(self._axis, ticks))
        return next(readable, seen[0][:: max(len(seen[0]) - 1, 1)])


class _Given(FixedLocator):
    """Of given ticks, the first of which matter most, those that there is room for."""

    def __init__(self, axis: Axis, ticks: Iterable[float]) -> None:
        self._axis, self._ticks = axis, [*ticks]
        super().__init__(self._ticks)

    def __call__(self) -> Sequence[float]:
        low, high = sorted(self._axis.get_view_interval())
        kept: list[float] = []
        for tick in self._ticks:
            if low <= tick <= high and _apart(self._axis, [*kept, tick]):
                kept.append(tick)
        return kept


def _apart(axis: Axis, ticks: Iterable[float]) -> bool:
    """Whether the labels of ticks keep a distance, with the axes as large as they are now."""
    values, axes = sorted(ticks), axis.axes
    font = axis.get_major_ticks(1)[0].label1.get_fontproperties()
    size = font.get_size_in_points()
    if axis is axes.xaxis:
        texts = axis.get_major_formatter().format_ticks(values)
        sizes = [text_to_path.get_text_width_height_descent(text, font, False)[0] for text in texts]
        pixels = axes.get_xaxis_transform().transform([(v, 0) for v in values])[:, 0]
        room = 0.5 if any(" " in text for text in texts) else 0.4  # more than that before a unit
    else:
        sizes, room = [size] * len(values), 0.2
        pixels = axes.get_yaxis_transform().transform([(0, v) for v in values])[:, 1]
    places = zip(72 * pixels / axes.figure.dpi, sizes, strict=True)
    return all(
        above - below >= (high + low) / 2 + room * size
        for (below, low), (above, high) in pairwise(places)
    )
