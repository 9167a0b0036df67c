"""The page of what pytest-benchmark measured (`cnnbench report FILE.json`)."""

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
"""The most benchmarks that one figure has room for."""


def write(path: Path) -> Path:
    """Write the page of a file or folder of benchmarks into `PATH-report`; returns it."""
    recording = pytest_benchmark.read(path)
    path = path.resolve()  # "." has no name that the folder of the report could get
    folder = path.with_name(f"{path.stem}-report")
    folder.mkdir(exist_ok=True)
    return markdown.write(document(recording, path.name), folder)


def document(recording: Recording, name: str) -> Document:
    """The page of a file or folder of that name."""
    page = Document()
    page.heading(f"Benchmarks of pytest: {name}", 1)
    page.text(
        "Times per call, as pytest-benchmark measured them. A file is one launch: its rounds are "
        "calls in one process, and processes differ more than calls. So the 95 % interval is over "
        "launches, and needs several files in one folder.",
    )
    page.table(_machine(recording))
    page.table(rows(recording.series))
    timed = [(series, time) for series in recording.series if (time := series.time)]
    page.bullets(notes((series.name, time) for series, time in timed))
    if timed:
        slowest = sorted(timed, key=lambda pair: -pair[1].value)[:MOST]
        if len(timed) > MOST:
            page.text(f"The figure has only the {MOST} slowest of {len(timed)}.")
        page.picture("times.png", "time of every benchmark", partial(draw, slowest))
    return page


def _machine(recording: Recording) -> Table:
    rows = [[key, ", ".join(values)] for key, values in recording.environment.items()]
    return ["machine and versions", ""], rows


def rows(benchmarks: Sequence[Series]) -> Table:
    """Every benchmark, and how much its launches and its rounds vary."""
    headers = [
        "benchmark",
        "time per call",
        "launches",
        "rounds",
        "CV of launches",
        "IQR of rounds",
    ]
    body = []
    for series in benchmarks:
        launches = series.samples.values()
        apart = stats.spread(launches)
        body.append(
            [
                series.name,
                interval(series.time, units.seconds) if launches else series.outcome,
                str(len(launches)),
                # The first of a launch is not a round; see `runs.pytest_benchmark`.
                str(sum(len(calls) - 1 for calls in launches)),
                optional(apart.between if apart else None, percent),
                percent(apart.within) if apart else MISSING,
            ]
        )
    return headers, body


def draw(timed: Sequence[tuple[Series, Estimate]]) -> Figure:
    """Times per call, the slowest on top; half of all rounds are in the grey range."""
    drawing = figure(12, 2 + 0.45 * len(timed))
    axes = drawing.subplots()
    heights = range(len(timed))[::-1]
    for height, (series, _) in zip(heights, timed, strict=True):
        rounds = [seconds for calls in series.samples.values() for seconds in calls[1:]]
        low, high = np.percentile(rounds, (25, 75))
        axes.plot(
            [low, high], [height, height], color="#cccccc", linewidth=9, solid_capstyle="butt"
        )
    times = [time for _, time in timed]
    axes.errorbar(
        [time.value for time in times],
        list(heights),
        xerr=bars(times),
        color=COLOURS[0],
        marker="o",
        linestyle="none",
        capsize=4,
    )
    axes.set_yticks(list(heights), [series.name for series, _ in timed])
    axes.grid(axis="y", visible=False)
    log_axis(axes, "x", units.seconds)
    axes.set_xlabel("time per call: median, 95 % interval over launches, half of all rounds (grey)")
    return drawing
