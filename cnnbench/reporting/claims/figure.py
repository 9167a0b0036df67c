"""A claim as a figure: curves over the variable, both networks as bars, or deviations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from cnnbench.claims.entry import ClaimTest, Variable
from cnnbench.claims.judged import JudgedClaim, PaperJudge
from cnnbench.errors import ClaimError
from cnnbench.reporting import style
from cnnbench.reporting.claims.verdicts import deviation, interval, shown
from cnnbench.reporting.style import COLOURS, GREY, MARKERS, Axes, Figure, dark, figure, log_axis
from cnnbench.reporting.tables import SHOW, number

_SAID = "#f5d78e"
_BASE = "#bbbbbb"
_WIDTH = 9
_LOOKS = {
    "yes": ("#009E73", "o", "holds"),
    "nearly": ("#0072B2", "s", "nearly holds"),
    "no": ("#D55E00", "X", "does not hold"),
    "open": (GREY, "D", "open"),
}
_FLAT = 1.01
"""Up to this ratio of its ends, a curve over the variable shows nothing."""
_FAR = 0.25
"""Deviations beyond this are drawn at the edge, or one of them would hide all others."""
_STEPS = 60
"""Points of a curve, spread evenly over the logarithm of the range."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A test at one place: the value and its interval, as numbers and as text.

    The base is in counts, bytes or seconds, as `SHOW` writes them.
    """

    test: ClaimTest
    label: str
    value: float
    ends: tuple[float, float]
    text: str
    answer: str
    base: float | None


def worth_drawing(judged: JudgedClaim) -> bool:
    """Whether there is more to see than one number, which a sentence says as well."""
    return _varies(judged) or len(list(_rows(judged))) > 1


def write(judged: JudgedClaim, path: Path) -> None:
    """Draw a claim into a file; a ClaimError if only a run can show it, and there is none."""
    if not _varies(judged) and not list(_rows(judged)):
        raise ClaimError(f"{judged.claim.name} has nothing to draw before it is measured")
    style.write(partial(draw, judged), path)


def draw(judged: JudgedClaim) -> Figure:
    """Curves where something varies; else both networks of each test, or values and deviations."""
    variable = judged.claim.variable
    if variable and _varies(judged):
        return _curves(judged, variable)
    rows = list(_rows(judged))
    return _bars(judged, rows) if all(row.test.base for row in rows) else _deviations(rows)


def _rows(judged: JudgedClaim) -> Iterator[_Row]:
    """Every test on paper, then what was measured, at the first value of the variable."""
    for t in judged.tested:
        first, says = t.values[0], t.test.says
        value, base = float(first.value), None if first.base is None else float(first.base)
        text = shown(says, first.value)
        if base is not None:
            text = f"{SHOW[t.test.quantity](float(first.new))}, {text}"
        yield _Row(t.test, t.test.label, value, (value, value), text, first.answer, base)
    seen = set()
    for m in judged.measurements:
        if (e := m.estimate) and m.test not in seen:
            seen.add(m.test)
            ends, label = (e.low or e.value, e.high or e.value), f"{m.test.label}, measured"
            yield _Row(m.test, label, e.value, ends, interval(m), m.answer, m.base)


def _varies(judged: JudgedClaim) -> bool:
    """Whether something differs from one value of the variable to another."""
    variable = judged.claim.variable
    if variable is None:
        return False
    if len({m.at for m in judged.measurements if m.estimate}) > 1:
        return True
    places = (variable.range[0], *variable.at, variable.range[1])
    paper = PaperJudge(judged.claim)
    curves = [[float(paper.value(t.test, at).value) for at in places] for t in judged.tested]
    return any(max(curve) > _FLAT * min(curve) for curve in curves)


# Curves


def _curves(judged: JudgedClaim, variable: Variable) -> Figure:
    drawing = figure(_WIDTH, 5.5)
    axes = drawing.subplots()
    axes.set_yscale("log")
    axes.axhline(1, color=GREY, linewidth=1)
    ends: list[tuple[float, str, str]] = []  # height, colour and text of what stands on the right
    looks = zip(COLOURS, MARKERS, strict=False)
    for (labels, points), (colour, marker) in zip(_lines(judged, variable), looks, strict=False):
        axes.plot([*points], [*points.values()], color=colour, linewidth=3)
        marked = [points[x] for x in variable.at]
        axes.plot(variable.at, marked, color=colour, marker=marker, linestyle="none")
        ends.append((points[variable.range[1]], colour, " and ".join(labels)))
    measured = dict.fromkeys(m.test for m in judged.measurements)
    for test, (colour, marker) in zip(measured, looks, strict=False):
        found = [(m.at, m.estimate) for m in judged.measurements if m.test == test]
        if known := [(at, estimate) for at, estimate in found if at and estimate]:
            look = {"color": colour, "marker": marker, "linestyle": "none"}
            style.errorbars(axes, known, elinewidth=2, capsize=5, **look)
            at, last = known[-1]
            axes.annotate(
                f"{test.label}, measured", (at, last.value), (10, 0), color=dark(colour),
                textcoords="offset points", va="center",
            )  # fmt: skip
    tests = [*(t.test for t in judged.tested), *measured]
    for said in dict.fromkeys(test.says for test in tests if test.says.printed):
        if said.low is not None and said.high is not None:
            axes.axhspan(float(said.low), float(said.high), color=_SAID, alpha=0.5, zorder=0)
            where = (variable.range[0], float(said.low))
            axes.annotate(
                f"said: {said.text}", where, (0, -4), textcoords="offset points", va="top"
            )
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.9), max(high, 1.1))
    _flips(axes, judged, variable)
    log_axis(axes, "x", number, base=2)
    low, high = axes.get_ylim()
    # In less than a decade there would be a single power of ten to read values off.
    log_axis(axes, "y", number, base=10 if high / low > 10 else 2)
    axes.set_xlim(axes.get_xlim()[0] / 1.1, axes.get_xlim()[1] * 1.1)
    for height, colour, text in ends:
        place = ("axes fraction", "data")
        axes.annotate(text, (1.01, height), xycoords=place, color=dark(colour), va="center")
    axes.set_xlabel(f"{variable.name}, {variable.means}")
    pairs = {f"{test.new} / {test.base}" for test in tests}
    axes.set_ylabel(pairs.pop() if len(pairs) == 1 else "new / base")
    return drawing


def _lines(
    judged: JudgedClaim, variable: Variable
) -> list[tuple[tuple[str, ...], dict[int, float]]]:
    """The tests on paper over the variable; tests with the same values are one line."""
    first, last = variable.range
    steps = {round(first * (last / first) ** (k / _STEPS)) for k in range(_STEPS + 1)}
    xs = sorted(steps.union(variable.at))
    paper = PaperJudge(judged.claim)
    lines: list[tuple[tuple[str, ...], dict[int, float]]] = []
    for t in judged.tested:
        points = {x: float(paper.value(t.test, x).value) for x in xs}
        for place, (labels, other) in enumerate(lines):
            if all(1 / _FLAT < points[x] / other[x] < _FLAT for x in xs):
                lines[place] = ((*labels, t.test.label), other)
                break
        else:
            lines.append(((t.test.label,), points))
    return lines


def _flips(axes: Axes, judged: JudgedClaim, variable: Variable) -> None:
    """A line where the claim flips; where it never does, lines where its tests flip."""
    whole = [s.first for s in judged.segments[1:]]
    each = [s.first for t in judged.tested for s in t.segments[1:]]
    for at in dict.fromkeys(whole or each):
        if at is not None:
            axes.axvline(at, color=GREY, linestyle=(0, (2, 2)), linewidth=2)
            label, top = f"{variable.name} = {at}", axes.get_ylim()[1]
            axes.annotate(label, (at, top), (6, -4), textcoords="offset points", va="top")


# Both networks


def _bars(judged: JudgedClaim, rows: Sequence[_Row]) -> Figure:
    """A panel for each test: the base, the new network, and behind it what is said of it."""
    drawing = figure(_WIDTH, 0.4 + 1.15 * len(rows))
    for axes, row in zip(drawing.subplots(len(rows), squeeze=False)[:, 0], rows, strict=True):
        said, (colour, _, word) = row.test.says, _LOOKS[row.answer]
        # As multiples of the base, whose own value stands beside it.
        edge = 1.4 * max(1, row.ends[1], said.number)
        low, high = float(said.low or 0), float(edge if said.high is None else said.high)
        axes.barh(1, high - low, left=low, height=0.95, color=_SAID, edgecolor=_SAID, linewidth=2)
        base = "" if row.base is None else SHOW[row.test.quantity](row.base)
        for place, value, look, text in ((0, 1.0, _BASE, base), (1, row.value, colour, row.text)):
            axes.barh(place, value, height=0.6, color=look)
            end = (value if place == 0 else row.ends[1], place)
            axes.annotate(text, end, (6, 0), textcoords="offset points", va="center")
        axes.plot(row.ends, [1, 1], color="black", linewidth=2)
        axes.set_title(f"{row.label}; said: {said.text}", loc="left")
        axes.set_title(word, loc="right", color=dark(colour))
        axes.set_yticks((0, 1), (row.test.base, row.test.new))
        axes.set(xlim=(0, edge), ylim=(1.5, -0.5), xticks=())
        axes.spines["bottom"].set_visible(False)
        axes.grid(visible=False)
        axes.tick_params(axis="y", length=0)
    words = "yellow: as said"
    if any(row.ends[0] < row.ends[1] for row in rows):
        words += "; black: 95 % interval"
    if variable := judged.claim.variable:
        name, (first, last) = variable.name, variable.range
        words = (
            f"{words}; at {name} = {variable.at[0]}\n"
            f"on paper the ratio is the same at every {name} from {first} to {last}"
        )
    drawing.supxlabel(words, fontsize="medium")
    return drawing


# Values alone


def _deviations(rows: Sequence[_Row]) -> Figure:
    """How far each value lies from the printed number; the band gives the printed digits."""
    known = [(row, off) for row in rows if (off := row.test.says.deviation(row.value)) is not None]
    drawing = figure(_WIDTH, 1.2 + 0.4 * len(known))
    axes = drawing.subplots()
    bounds = [
        [None if end is None else row.test.says.deviation(end) for end in (said.low, said.high)]
        for row, _ in known
        for said in [row.test.says]
    ]
    sizes = [abs(off) for off in (*(off for _, off in known), *chain(*bounds)) if off is not None]
    edge = 100 * min(_FAR, 1.2 * max(sizes))

    def inside(off: float | None, none: float) -> float:
        """A deviation in percent, or the edge that it lies beyond."""
        return none if off is None else max(-edge, min(edge, 100 * off))

    axes.axvline(0, color=GREY, linewidth=1)
    for place, ((row, off), (low, high)) in enumerate(zip(known, bounds, strict=True)):
        left, right = inside(low, -edge), inside(high, edge)
        axes.barh(place, right - left, left=left, height=0.6, color=_SAID)
        colour, marker, _ = _LOOKS[row.answer]
        ends = [inside(row.test.says.deviation(end), edge) for end in row.ends]
        axes.plot(ends, [place, place], color=colour, linewidth=2)
        look = marker if 100 * abs(off) <= edge else ">" if off > 0 else "<"
        axes.plot(inside(off, edge), place, color=colour, marker=look, markersize=11, clip_on=False)
    axes.set(xlim=(-edge, edge), ylim=(len(known) - 0.4, -0.6))
    axes.set_yticks(range(len(known)), [f"{row.label}: {row.test.says.text}" for row, _ in known])
    beside = axes.twinx()
    beside.tick_params(pad=10)
    texts = [f"{row.text} ({deviation(off)})" for row, off in known]
    beside.set(ylim=axes.get_ylim())
    beside.set_yticks(range(len(known)), texts)
    for one in (axes, beside):
        one.grid(axis="y", visible=False)
        one.tick_params(axis="y", length=0)
    axes.set_xlabel("deviation from the printed number in %; yellow: gives its digits")
    return drawing
