"""The page of what pytest-benchmark measured (`cnnbench report FILE.json`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from cnnbench import stats, units
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.style import COLOURS, Figure, bars, figure, log_axis
from cnnbench.reporting.tables import Columns, interval, of_items, optional, percent
from cnnbench.runs import pytest_benchmark
from cnnbench.runs.recording import Recording, Series
from cnnbench.stats import Estimate, Spread

MOST = 40
"""The most benchmarks that one figure has room for."""


def write(path: Path, also: Sequence[str] = ()) -> Path:
    """Write the page of a file or folder of benchmarks into `PATH-report`; returns it.

    `also` are the endings of figures beside .png: .svg, .pdf.
    """
    recording = pytest_benchmark.read(path)
    path = path.resolve()  # "." has no name that the folder of the report could get
    folder = path.with_name(f"{path.stem}-report")
    return formats.write(document(recording, path.name), folder, also=also)


def document(recording: Recording, name: str) -> Document:
    """The page of a file or folder of that name."""
    page = Document()
    page.heading(f"Benchmarks of pytest: {name}", 1)
    page.text(
        "Times per call, as pytest-benchmark measured them. A file is one launch: its rounds are "
        "calls in one process, and processes differ more than calls. So the 95 % interval is over "
        "launches, and needs several files in one folder.",
    )
    machine = [[key, ", ".join(values)] for key, values in recording.environment.items()]
    page.table((["machine and versions", ""], machine))
    page.table(of_items(recording.series, _COLUMNS))
    timed = [(series, time) for series in recording.series if (time := series.time)]
    page.bullets(notes((series.name, time) for series, time in timed))
    if timed:
        slowest = sorted(timed, key=lambda pair: -pair[1].value)[:MOST]
        if len(timed) > MOST:
            page.text(f"The figure has only the {MOST} slowest of {len(timed)}.")
        page.picture("times.png", "time of every benchmark", partial(draw, slowest))
    return page


_COLUMNS: Columns[Series] = {
    "benchmark": lambda series: series.name,
    "time per call": lambda series: (
        interval(series.time, units.seconds) if series.samples else series.outcome
    ),
    "launches": lambda series: str(len(series.samples)),
    # The first of a launch is not a round; see `runs.pytest_benchmark`.
    "rounds": lambda series: str(sum(len(calls) - 1 for calls in series.samples.values())),
    "CV of launches": lambda series: _vary(series, lambda spread: spread.between),
    "IQR of rounds": lambda series: _vary(series, lambda spread: spread.within),
}


def _vary(series: Series, of: Callable[[Spread], float | None]) -> str:
    spread = stats.spread(series.samples.values())
    return optional(of(spread) if spread else None, percent)


def draw(timed: Sequence[tuple[Series, Estimate]]) -> Figure:
    """Times per call, the slowest on top; half of all rounds are in the grey range."""
    drawing = figure(12, 2 + 0.45 * len(timed))
    axes = drawing.subplots()
    heights = range(len(timed))[::-1]
    for height, (series, _) in zip(heights, timed, strict=True):
        rounds = [seconds for calls in series.samples.values() for seconds in calls[1:]]
        ends = np.percentile(rounds, (25, 75))
        axes.plot(ends, [height] * 2, color="#cccccc", linewidth=9, solid_capstyle="butt")
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
