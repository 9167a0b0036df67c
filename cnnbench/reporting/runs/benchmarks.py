"""A page of what pytest-benchmark measured (`cnnbench report FILE.json`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from cnnbench import stats, units
from cnnbench.reporting import markdown
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.style import COLOURS, Figure, bars, figure, log_axis
from cnnbench.reporting.tables import MISSING, Table, interval, optional, percent
from cnnbench.runs import pytest_benchmark
from cnnbench.runs.recording import Recording, Series
from cnnbench.stats import Estimate

MOST = 40
"""Benchmarks that one figure has room for."""


def write(path: Path) -> Path:
    """Write the page of a file or folder of benchmarks into `PATH-report`; returns it."""
    recording = pytest_benchmark.read(path)
    path = path.resolve()  # "." has no name to put a report beside
    folder = path.with_name(f"{path.stem}-report")
    folder.mkdir(exist_ok=True)
    return markdown.write(document(recording, path.name), folder)


def document(recording: Recording, name: str) -> Document:
    """The page of a file or folder of that name."""
    page = Document()
    page.heading(f"Benchmarks of pytest: {name}", 1)
    page.text(
        "Times of one call, as pytest-benchmark measured them. A file is one launch: its rounds "
        "are calls of one process, and processes differ more than calls do. The interval (95 %) is "
        "over launches, and needs several files in one folder.",
    )
    page.table(_machine(recording))
    page.table(rows(recording.series))
    timed = [(series, time) for series in recording.series if (time := series.time)]
    page.bullets(notes((series.name, time) for series, time in timed))
    if timed:
        slowest = sorted(timed, key=lambda pair: -pair[1].value)[:MOST]
        if len(timed) > MOST:
            page.text(f"The figure has the {MOST} slowest of {len(timed)}.")
        page.picture("times.png", "time of every benchmark", partial(draw, slowest))
    return page


def _machine(found: Recording) -> Table:
    rows = [[key, ", ".join(values)] for key, values in found.environment.items()]
    return ["machine and versions", ""], rows


def rows(found: Sequence[Series]) -> Table:
    """Every benchmark, with how far its rounds and its launches lie apart."""
    headers = ["benchmark", "time a call", "launches", "rounds", "between launches", "within one"]
    body = []
    for series in found:
        launches = series.samples.values()
        apart = stats.spread(launches)
        body.append(
            [
                series.name,
                interval(series.time, units.seconds) if launches else series.outcome,
                str(len(launches)),
                # The first of a launch only holds a place; see `exchange`.
                str(sum(len(calls) - 1 for calls in launches)),
                optional(apart.between if apart else None, percent),
                percent(apart.within) if apart else MISSING,
            ]
        )
    return headers, body


def draw(timed: Sequence[tuple[Series, Estimate]]) -> Figure:
    """Times of one call, the slowest on top; grey is where half of all rounds lie."""
    drawing = figure(12, 2 + 0.45 * len(timed))
    axes = drawing.subplots()
    places = range(len(timed))[::-1]
    for place, (series, _) in zip(places, timed, strict=True):
        rounds = [seconds for calls in series.samples.values() for seconds in calls[1:]]
        low, high = np.percentile(rounds, (25, 75))
        axes.plot([low, high], [place, place], color="#cccccc", linewidth=9, solid_capstyle="butt")
    times = [time for _, time in timed]
    axes.errorbar(
        [time.value for time in times],
        list(places),
        xerr=bars(times),
        color=COLOURS[0],
        marker="o",
        linestyle="none",
        capsize=4,
    )
    axes.set_yticks(list(places), [series.name for series, _ in timed])
    axes.grid(axis="y", visible=False)
    log_axis(axes, "x", units.seconds)
    axes.set_xlabel("time a call: median, its 95 % interval over launches, and half of all rounds")
    return drawing
