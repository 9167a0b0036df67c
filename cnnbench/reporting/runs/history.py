"""Time or memory of each case over many runs (`cnnbench history`): table, remarks, figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from cnnbench import units
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document
from cnnbench.reporting.tables import Columns, csv_text, interval, number, of_items
from cnnbench.runs.history import (
    BYTES,
    FEWEST,
    PACE,
    CaseHistory,
    History,
    LevelChange,
)
from cnnbench.runs.seen import HistoryRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE = "history.png"
MOST_PANELS = 12
_COLUMNS = 3
_TITLE = 32  # characters in a line of a panel's title
_VALUES = {
    "time": "A value is how many times as long as the references beside it a call took, or its "
    "time where the runs have no reference in common.",
    "memory": "A value is the rise of the peak memory by the first call; the penalty below was "
    "chosen on times.",
}
_METHOD = (
    "Changes are change points of their logarithms, by PELT "
    "of ruptures, with a penalty at which 5 % or fewer of cases that did not change show one in 50 "
    "runs; a change is seen from the second run after it on. Intervals are of 95 %."
)


def document(history: History) -> Document:
    """A history as tables and remarks; as CSV one row for each case and run."""
    page = Document(rows=history.records(), data=history.to_json)
    changes = [(case, change) for case in history.cases for change in case.changes]
    page.text(_summary(history))
    page.table(of_items(changes, _changes(history)), spare=["where it may be", "machine"])
    page.table(of_items(history.cases, _cases(history)), spare=["machine", "first", "runs"])
    page.bullets(remarks(history))
    return page


def report(history: History) -> Document:
    """The same as a page, with the figure and the method."""
    page = Document(rows=history.records())
    what = f"{history.metric} of {_count(history.cases, 'case')}"
    page.heading(f"The {what} over {_count(history.runs, 'run')}", 1)
    page.blocks += document(history).blocks
    if history.cases:
        alt = f"{history.metric} of the cases over the runs, with the levels between changes"
        page.picture(PICTURE, alt, partial(draw, history))
        hidden = len(history.cases) - MOST_PANELS
        page.text(f"{hidden} more cases are not drawn." if hidden > 0 else "")
    with page.folded("Every run, and how changes are found"):
        page.text(
            f"{_VALUES[history.metric]} {_METHOD}",
            "[history.csv](history.csv) has one row for each case and run.",
        )
        page.table(of_items(history.runs, _RUNS))
    return page


def write(history: History, folder: Path) -> Path:
    """Write the page, its figure and history.csv into a folder; returns README.md."""
    page = report(history)
    table = csv_text(page.rows or ())
    return formats.write(page, folder, {"history.csv": table.encode()})


def remarks(history: History) -> list[str]:
    """What the tables do not say, one line each."""
    found = [f"Note: {note}." for note in history.notes]
    if few := len(history.cases) - len(history.judged):
        found.append(
            f"Note: {few} of {len(history.cases)} cases have fewer than {FEWEST} runs, which "
            "cannot show a change."
        )
    return found


def _count(items: Sequence[object], name: str) -> str:
    return f"{len(items)} {name}{'s' * (len(items) != 1)}"


def _summary(history: History) -> str:
    dates = [run.date[:10] for run in history.runs if run.date]
    when = f" from {dates[0]} to {dates[-1]}" if dates else ""
    worse, better = (
        ("became slower", "faster") if history.metric == "time" else ("needed more", "less")
    )
    counts = f"{len(history.slower)} of {_count(history.cases, 'case')} {worse}"
    others = len(history.changed) - len(history.slower)
    return f"{_count(history.runs, 'run')}{when}: {counts}, {others} only {better}."


def _run(run: HistoryRun) -> str:
    """Commit, name and date of a run, as far as they are known."""
    return f"{run.commit} ({run.name})" if run.commit else run.name


def _place(change: LevelChange) -> str:
    if (change.earliest, change.latest) == (change.before, change.after):
        return "nowhere else"
    return f"{change.earliest.label} to {change.latest.label}"


def _changes(history: History) -> Columns[tuple[CaseHistory, LevelChange]]:
    times = "times as long" if history.metric == "time" else "times as much"
    return {
        "case": lambda found: found[0].name,
        "change": lambda found: found[1].word,
        times: lambda found: interval(found[1].ratio, "{:.3f}".format),
        "last before": lambda found: _run(found[1].before),
        "first after": lambda found: _run(found[1].after),
        "where it may be": lambda found: _place(found[1]),
    }


_RUNS: Columns[HistoryRun] = {
    "run": lambda run: run.name,
    "started (UTC)": lambda run: run.date,
    "commit": lambda run: run.commit,
}


def _show(case: CaseHistory) -> Callable[[float], str]:
    if case.unit == PACE:
        return lambda value: f"{number(value)} x"
    return units.binary if case.unit == BYTES else units.seconds


def _cases(history: History) -> Mapping[str, Callable[[CaseHistory], str]]:
    columns: dict[str, Callable[[CaseHistory], str]] = {
        "case": lambda case: case.name,
        "runs": lambda case: str(len(case.points)),
        "first": lambda case: interval(case.points[0].value, _show(case)),
        "last": lambda case: interval(case.points[-1].value, _show(case)),
        "last level / first": lambda case: f"{case.ratio:.3f}",
    }
    if len({case.machine for case in history.cases}) > 1:
        columns["machine"] = lambda case: case.machine
    return columns


def _ticks(show: Callable[[float], str]) -> Callable[[float, int], str]:
    return lambda value, _: show(value)


def draw(history: History) -> Figure:
    """A panel for each case, those that changed first: values, levels and changes."""
    from cnnbench.reporting.style import COLOURS, GREY, WIDTH, errorbars, figure

    shown = sorted(history.cases, key=lambda case: not case.changes)[:MOST_PANELS]
    several = len({case.machine for case in history.cases}) > 1
    columns = min(_COLUMNS, len(shown))
    rows = ceil(len(shown) / columns)
    drawing = figure(WIDTH, 0.8 + 2.4 * rows)
    panels = drawing.subplots(rows, columns, sharex=True, squeeze=False).flatten()
    place = {run: at for at, run in enumerate(history.runs)}
    for axes, case in zip(panels, shown, strict=False):
        at = [place[point.run] for point in case.points]
        points = [(x, point.value) for x, point in zip(at, case.points, strict=True)]
        errorbars(axes, points, color=COLOURS[0], marker="o", markersize=4, linestyle="none")
        levels = [point.level for point in case.points]
        axes.step(at, levels, where="mid", color=GREY, linewidth=2)
        for change in case.changes:
            axes.axvline(
                (place[change.before] + place[change.after]) / 2, color=COLOURS[1], linestyle=":"
            )
            axes.annotate(
                f"{change.ratio.value:.3f} x",
                (place[change.after], 1),
                xycoords=("data", "axes fraction"),
                va="top",
                color=COLOURS[1],
                fontsize=11,
            )
        values = [point.value.value for point in case.points]
        axes.set_ylim(0.85 * min(values), 1.15 * max(values))
        names = [case.name, case.machine] if several else [case.name]
        axes.set_title("\n".join(fill(name, _TITLE) for name in names), fontsize=11, loc="left")
        axes.yaxis.set_major_formatter(_ticks(_show(case)))
        axes.tick_params(labelsize=10)
        last = len(history.runs) - 1
        ticks = sorted({0, last // 2, last})
        axes.set_xticks(ticks, [history.runs[x].label[:12] for x in ticks])
    for panel, axes in enumerate(panels):
        axes.set_visible(panel < len(shown))
        axes.xaxis.set_tick_params(labelbottom=panel + columns >= len(shown))
    drawing.supxlabel("runs in the order of time, by commit or name", fontsize=12)
    rise, time = "rise of the peak memory", "time of a call (x: times the reference)"
    drawing.supylabel(time if history.metric == "time" else rise, fontsize=12)
    return drawing
