"""What all figures share: colours, markers, sizes, and axes that write their units."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes as Axes  # sections take the types from here
from matplotlib.figure import Figure as Figure
from matplotlib.lines import Line2D as Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from cnnbench.errors import CnnbenchError
from cnnbench.stats import Estimate

T = TypeVar("T")
Look = dict[str, Any]
"""Arguments of matplotlib's drawing methods."""

# Okabe and Ito's palette without yellow, which is too light for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# A count coprime with that of the colours: no two of the first 70 blocks look the same.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
GREY = "#666666"
_SOFTWARE = "cnnbench"
# Without a date or a version, so that the same numbers give the same file.
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": _SOFTWARE},
    ".svg": {"Creator": _SOFTWARE, "Date": None},
    ".pdf": {"Creator": _SOFTWARE, "CreationDate": None},
}
_HEAD = 256  # bytes; texts of a PNG come before its pixels
_ROUND = re.compile(r"\.0+(?=\D|$)")
RC: dict[Any, Any] = {
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.markersize": 8,
    "savefig.dpi": 100,
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
            drawn.append(out.getvalue())
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
    mark = f"Software\0{_SOFTWARE}".encode()
    return path.is_file() and mark in path.read_bytes()[:_HEAD]


def looks(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each name, the same wherever the order is the same."""
    return {
        name: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(dict.fromkeys(names))
    }


def log_axis(axes: Axes, which: str, show: Callable[[float], str], base: int = 10) -> None:
    """A logarithmic axis whose ticks are written with their units; call it after drawing."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    set_scale = axes.set_xscale if which == "x" else axes.set_yscale
    set_scale("log", base=base)
    low, high = sorted(axis.get_view_interval())
    # Where whole powers would be too few to read values off, steps between them too.
    steps = (1, 2, 5) if base == 10 else (1, 1.5)
    narrow = high / low < (300 if base == 10 else 8)
    axis.set_major_locator(LogLocator(base, subs=steps if narrow else (1,), numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _: brief(show(value))))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def by_look(items: Sequence[T], name: Callable[[T], str]) -> Iterator[tuple[Look, list[T]]]:
    """The items of each name, with the colour, marker and label of their points."""
    for label, (colour, marker) in looks(map(name, items)).items():
        look = {"color": colour, "marker": marker, "label": label}
        yield look, [item for item in items if name(item) == label]


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


def fixed_log_axis(
    axes: Axes, ticks: Iterable[float], show: Callable[[float], str] = "{:.4g}".format
) -> None:
    """A logarithmic x axis with ticks at the given values only."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sorted(ticks)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: show(value)))
    axes.xaxis.set_minor_locator(NullLocator())
