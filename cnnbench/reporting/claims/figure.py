"""A claim as a figure: curves over what is varied, or what was found beside what is said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cnnbench.claims.entry import Variable
from cnnbench.claims.evidence import Point
from cnnbench.claims.finding import Finding
from cnnbench.claims.judge import Paper
from cnnbench.claims.said import Said
from cnnbench.errors import ClaimError
from cnnbench.reporting import style
from cnnbench.reporting.claims.words import interval, name, shown
from cnnbench.reporting.style import COLOURS, GREY, MARKERS, Axes, Figure, bars, figure, log_axis
from cnnbench.reporting.tables import number

SAID = "#f5d78e"
_LINES = ("-", (0, (4, 4)), (0, (1, 3)), "-.")  # curves that lie on each other are all seen
_LOOKS = {True: ("#009E73", "o"), False: ("#D55E00", "X"), None: (GREY, "D")}
_NARROW = 3
"""Up to this many times from end to end an axis need not be logarithmic."""
_STEPS = 60
"""Points of a curve, spread evenly over the logarithm of the range."""


def worth_drawing(f: Finding) -> bool:
    """Whether there is more than one number to see."""
    return f.claim.variable is not None or len(_rows(f)) > 1


def write(f: Finding, path: Path) -> None:
    """Draw a finding into a file.

    Raises:
        ClaimError: what it says takes a run to see, and there is none.
        CnnbenchError: the file cannot be written.
    """
    if f.claim.variable is None and not _rows(f):
        raise ClaimError(f"{f.claim.name} has nothing to draw before it is measured")
    style.write(partial(draw, f), path)


def draw(f: Finding) -> Figure:
    """Curves and measured points over the variable; without one, a row for each test."""
    return _curves(f, f.claim.variable) if f.claim.variable else _beside(f)


def _curves(f: Finding, variable: Variable) -> Figure:
    drawing = figure(12, 7)
    axes = drawing.subplots()
    tests = list(dict.fromkeys([t.test for t in f.tested] + [p.test for p in f.points]))
    axes.set_yscale("log")
    axes.axhline(1, color=GREY, linewidth=1)
    paper = Paper(f.claim)
    for test, colour, marker, line in zip(tests, COLOURS, MARKERS, _LINES, strict=False):
        if test.measured:
            _measured(axes, [p for p in f.points if p.test == test], colour, marker)
            continue
        xs = _spread(variable)
        values = [float(paper.row(test, x).value) for x in xs]
        label = f"{name(test)}, by the rules"
        axes.plot(xs, values, color=colour, linewidth=3, linestyle=line, label=label)
        marked = [float(paper.row(test, x).value) for x in variable.at]
        axes.plot(variable.at, marked, color=colour, marker=marker, linestyle="none")
    for said in dict.fromkeys(test.says for test in tests if test.says.printed):
        if said.low is not None and said.high is not None:
            ends = float(said.low), float(said.high)
            axes.axhspan(*ends, color=SAID, alpha=0.5, zorder=0, label=f"said: {said.text}")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.7), max(high, 1.4))
    _flips(axes, f, variable)
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


def _spread(variable: Variable) -> list[int]:
    first, last = variable.range
    steps = [first * (last / first) ** (k / _STEPS) for k in range(_STEPS + 1)]
    return sorted({round(step) for step in steps})


def _measured(axes: Axes, points: Sequence[Point], colour: str, marker: str) -> None:
    known = [(p.at, p.estimate) for p in points if p.at is not None and p.estimate]
    if known:
        axes.errorbar(
            [at for at, _ in known],
            [estimate.value for _, estimate in known],
            yerr=bars([estimate for _, estimate in known]),
            color=colour,
            marker=marker,
            linestyle="none",
            elinewidth=2,
            capsize=5,
            label=f"{name(points[0].test)}, measured",
        )


def _flips(axes: Axes, f: Finding, variable: Variable) -> None:
    """A line at every number at which the claim flips, or else one of its tests."""
    whole = [s.first for s in f.segments[1:]]
    each = [s.first for t in f.tested for s in t.segments[1:]]
    for at in dict.fromkeys(whole or each):
        if at is not None:
            axes.axvline(at, color=GREY, linestyle=(0, (2, 2)), linewidth=2)
            axes.annotate(
                f"{variable.name} = {at}",
                (at, axes.get_ylim()[1]),
                (6, -4),
                textcoords="offset points",
                va="top",
            )


@dataclass(frozen=True, slots=True)
class _Row:
    """What was found of one test, relative to the number that is said, or to 1."""

    label: str
    said: Said
    values: tuple[float, float, float]
    text: str
    holds: bool | None

    @property
    def centre(self) -> float:
        """The middle of what is said, or its only bound; 1 where it is a direction."""
        ends = [float(end) for end in (self.said.low, self.said.high) if end is not None]
        return math.prod(ends) ** (1 / len(ends)) if self.said.printed else 1.0

    def relative(self, value: float) -> float:
        """A value as so many times what is said."""
        return value / self.centre


def _rows(f: Finding) -> list[_Row]:
    rows = []
    for t in f.tested:
        value = float(t.rows[0].value)
        text = shown(t.test.says, value)
        label = f"{name(t.test)}: {t.test.says.text}"
        rows.append(_Row(label, t.test.says, (value,) * 3, text, t.rows[0].holds))
    for p in f.points:
        if p.estimate:
            value = p.estimate.value
            ends = p.estimate.low or value, p.estimate.high or value
            label = f"{name(p.test)}, measured: {p.test.says.text}"
            rows.append(_Row(label, p.test.says, (value, *ends), interval(p), p.holds))
    return rows


def _beside(f: Finding) -> Figure:
    rows = _rows(f)
    drawing = figure(12, 2 + 0.45 * len(rows))
    axes = drawing.subplots()
    found = [row.relative(value) for row in rows for value in row.values]
    near = [
        row.relative(float(end))
        for row in rows
        for end in (row.said.low, row.said.high)
        if end is not None
    ]
    low, high = min(*found, *near) / 1.1, max(*found, *near) * 1.1
    axes.set_xlim(low, high)
    axes.axvline(1, color=GREY, linewidth=1)
    for place, row in enumerate(rows):
        ends = [
            edge if end is None else row.relative(float(end))
            for end, edge in ((row.said.low, low), (row.said.high, high))
        ]
        axes.barh(place, ends[1] - ends[0], left=ends[0], height=0.6, color=SAID)
        colour, marker = _LOOKS[row.holds]
        value, least, most = (row.relative(value) for value in row.values)
        axes.plot([least, most], [place, place], color=colour, linewidth=2)
        axes.plot(value, place, color=colour, marker=marker, markersize=11)
        axes.annotate(row.text, (1.01, place), xycoords=axes.get_yaxis_transform(), va="center")
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    if high / low > _NARROW:
        log_axis(axes, "x", number)
    axes.set_xlabel("found, relative to what is said (the band)")
    return drawing
