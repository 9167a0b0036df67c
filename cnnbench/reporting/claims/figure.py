"""A claim as a figure: curves over the variable, or the results beside what is said."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from cnnbench.claims.entry import Variable
from cnnbench.claims.judged import JudgedClaim, PaperJudge
from cnnbench.claims.said import Said
from cnnbench.errors import ClaimError
from cnnbench.reporting import style
from cnnbench.reporting.claims.verdicts import interval, shown
from cnnbench.reporting.style import COLOURS, GREY, MARKERS, Axes, Figure, figure, log_axis
from cnnbench.reporting.tables import number

SAID = "#f5d78e"
_LINES = ("-", (0, (4, 4)), (0, (1, 3)), "-.")  # so that curves that coincide can all be seen
_LOOKS = {True: ("#009E73", "o"), False: ("#D55E00", "X"), None: (GREY, "D")}
_NARROW = 3
"""Up to this ratio of its ends, an axis need not be logarithmic."""
_STEPS = 60
"""Points of a curve, spread evenly over the logarithm of the range."""
_TestBar = tuple[str, Said, tuple[float, float, float], str, bool | None]
"""A test: its name, what is said, the value and its interval, both as text, whether it holds."""


def worth_drawing(judged: JudgedClaim) -> bool:
    """Whether there is more than one number to see."""
    return judged.claim.variable is not None or len(_test_bars(judged)) > 1


def write(judged: JudgedClaim, path: Path) -> None:
    """Draw a claim into a file; a ClaimError if only a run can show it, and there is none."""
    if judged.claim.variable is None and not _test_bars(judged):
        raise ClaimError(f"{judged.claim.name} has nothing to draw before it is measured")
    style.write(partial(draw, judged), path)


def draw(judged: JudgedClaim) -> Figure:
    """Curves and measured values over the variable; without a variable, a bar for each test."""
    variable = judged.claim.variable
    return _curves(judged, variable) if variable else _beside(judged)


def _curves(judged: JudgedClaim, variable: Variable) -> Figure:
    drawing = figure(12, 7)
    axes = drawing.subplots()
    tests = dict.fromkeys([t.test for t in judged.tested] + [m.test for m in judged.measurements])
    axes.set_yscale("log")
    axes.axhline(1, color=GREY, linewidth=1)
    paper = PaperJudge(judged.claim)
    first, last = variable.range
    xs = sorted({round(first * (last / first) ** (k / _STEPS)) for k in range(_STEPS + 1)})
    for test, colour, marker, line in zip(tests, COLOURS, MARKERS, _LINES, strict=False):
        if test.measured:
            measured = [m for m in judged.measurements if m.test == test]
            look = {"color": colour, "marker": marker, "label": f"{test.label}, measured"}
            if points := [(m.at, m.estimate) for m in measured if m.at and m.estimate]:
                style.errorbars(axes, points, linestyle="none", elinewidth=2, capsize=5, **look)
            continue
        ys = {x: float(paper.value(test, x).value) for x in (*xs, *variable.at)}
        label = f"{test.label}, by the rules"
        axes.plot(xs, [ys[x] for x in xs], color=colour, linewidth=3, linestyle=line, label=label)
        marked = [ys[x] for x in variable.at]
        axes.plot(variable.at, marked, color=colour, marker=marker, linestyle="none")
    for said in dict.fromkeys(test.says for test in tests if test.says.printed):
        if said.low is not None and said.high is not None:
            ends = float(said.low), float(said.high)
            axes.axhspan(*ends, color=SAID, alpha=0.5, zorder=0, label=f"said: {said.text}")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.7), max(high, 1.4))
    _flips(axes, judged, variable)
    log_axis(axes, "x", number, base=2)
    low, high = axes.get_ylim()
    # In less than a decade there would be a single power of ten to read values off.
    log_axis(axes, "y", number, base=10 if high / low > 10 else 2)
    axes.set_xlim(axes.get_xlim()[0] / 1.1, axes.get_xlim()[1] * 1.1)
    axes.set_xlabel(f"{variable.name}, {variable.means}")
    pairs = {f"{test.new} / {test.base}" for test in tests}
    axes.set_ylabel(pairs.pop() if len(pairs) == 1 else "new / base")
    drawing.legend(loc="outside upper center", ncols=3)
    return drawing


def _flips(axes: Axes, judged: JudgedClaim, variable: Variable) -> None:
    """A line where the claim flips; where it never does, lines where its tests flip."""
    whole = [s.first for s in judged.segments[1:]]
    each = [s.first for t in judged.tested for s in t.segments[1:]]
    for at in dict.fromkeys(whole or each):
        if at is not None:
            axes.axvline(at, color=GREY, linestyle=(0, (2, 2)), linewidth=2)
            label, top = f"{variable.name} = {at}", axes.get_ylim()[1]
            axes.annotate(label, (at, top), (6, -4), textcoords="offset points", va="top")


def _test_bars(judged: JudgedClaim) -> list[_TestBar]:
    rows: list[_TestBar] = []
    for t in judged.tested:
        value, says = float(t.values[0].value), t.test.says
        rows.append((t.test.label, says, (value,) * 3, shown(says, value), t.values[0].holds))
    for m in judged.measurements:
        if e := m.estimate:
            values = e.value, e.low or e.value, e.high or e.value
            rows.append((f"{m.test.label}, measured", m.test.says, values, interval(m), m.holds))
    return rows


def _beside(judged: JudgedClaim) -> Figure:
    """The values and what is said, each as a multiple of the number that is printed."""
    rows = _test_bars(judged)
    drawing = figure(12, 2 + 0.45 * len(rows))
    axes = drawing.subplots()
    values = [[value / said.number for value in values] for _, said, values, *_ in rows]
    bounds: list[list[float | None]] = [
        [None if end is None else float(end) / said.number for end in (said.low, said.high)]
        for _, said, *_ in rows
    ]
    known = [value for row in bounds for value in row if value is not None]
    known += [value for row in values for value in row]
    low, high = min(known) / 1.1, max(known) * 1.1
    axes.set_xlim(low, high)
    axes.axvline(1, color=GREY, linewidth=1)
    for place, (_, _, _, text, holds) in enumerate(rows):
        left, right = bounds[place]
        left, right = low if left is None else left, high if right is None else right
        axes.barh(place, right - left, left=left, height=0.6, color=SAID)
        colour, marker = _LOOKS[holds]
        value, *ends = values[place]
        axes.plot(ends, [place, place], color=colour, linewidth=2)
        axes.plot(value, place, color=colour, marker=marker, markersize=11)
        axes.annotate(text, (1.01, place), xycoords=axes.get_yaxis_transform(), va="center")
    axes.set_yticks(range(len(rows)), [f"{label}: {said.text}" for label, said, *_ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    if high / low > _NARROW:
        log_axis(axes, "x", number)
    axes.set_xlabel("found, relative to what is said (the band)")
    return drawing
