"""REPORT: the page and the figure of reports/calibration, from the recording alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from benchmarks import prose
from benchmarks.calibration import FOLDER, histories
from benchmarks.calibration.judge import (
    COMPARE,
    GATE,
    GATES,
    SLOWER,
    THEIRS,
    Covered,
    Judged,
    Rate,
    coverage,
    everything,
)
from benchmarks.calibration.record import RECORDING
from benchmarks.prose import cells
from cnnbench import stats
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.series import Series, draw
from cnnbench.reporting.style import COLOURS, GREY, Axes, Figure
from cnnbench.reporting.tables import optional
from cnnbench.runs.store import Measurement
from cnnbench.stats import Estimate

OURS = {"color": COLOURS[0], "marker": "o"}
OTHERS = {"color": COLOURS[1], "marker": "s"}
DRAWN = (
    *((method, 8) for method in COMPARE),
    *((method, 1) for method in GATES),
    *((method, 8) for method in THEIRS),
)
"""The methods in the figure, and over how many launches."""

PAGE = """\
# Calibration: does `compare` keep its promises?

{pairs} pairs of {cases} small cases, each case beside itself, so that every difference is a false
alarm. {rounds} launches a pair, {seconds:.1f} s of calls each, in random order over {minutes:.0f}
minutes on {cpu}, {cores} cores, TensorFlow {tensorflow}. The machine is shared and noisy: launch
medians of a case differ by {spread:.0f} % (coefficient of variation, median over the cases).

{verdict}

## False alarms, and what is found

How often a comparison of equals calls them different (5 % are promised), and how often it finds a
slow-down. The slow-downs are injected: every time of one side is multiplied. In brackets 95 %
intervals of the rate (Clopper and Pearson). The half-width is the median over comparisons of
that of the interval of the ratio.

{table}

- **one run, taking turns**: cases that a suite compares, the claims, `compare RUN --blocks A B`.
  Two processes alternate in bursts of 15 ms; the ratio is taken burst by burst (`stats.duet`).
- **one run, without turns**: the same launches with only their medians (`stats.ratio`).
- **two versions, runs in turn**: `compare runs/base runs/head`, each a folder of so many runs that
  were made in turn. A launch counts by its pace, as below; the runs of one place are a pair.
- **two runs, beside references**: `compare BASE NEW`. Every launch alternates with two fixed
  networks, a small and a larger one; a launch counts as how many times the geometric mean of their
  times it took, and with 7 launches or more what the times of the references explain is taken out
  (`stats.separate_paces`). One
  run is the first half of the recording, the other the second. The interval has room for a drift
  between the two (`stats.DRIFT`), those of one run and of runs in turn for what no launch shows
  (`stats.LAYOUT`). The size of both was chosen on an earlier recording.
- **one reference**: the same launches beside the small network alone, with nothing taken out. That
  is how `compare` did it before.
- **two runs, times alone**: the same launches without the references (`stats.unpaired`), which is
  what remains where hosts or versions differ.
- **pytest-benchmark**: its own gate (`--benchmark-compare-fail=mean:{gate}%`) on launches of the
  same two runs. With one launch of each run it is what it measures; of eight it has no figure of
  its own, so a side counts by the mean of its eight means, or the median of its eight medians.
- **gate of {gate}%**: the same gate on our ratio instead of on theirs. From one launch of each side
  `compare` gives no interval and so never a verdict; this is what its ratio alone would say.

**Which side fails**: a gate fails where the second run is slower than the first by more than
{gate} %. That is what "slower" counts, and what continuous integration would see. "Different"
counts also the pairs whose first run is the slower one, which fail if the two change places; an
interval is "different" if all of it is above 1 or below 1. No gate promises a rate.
"""
AFTER = """\
Ours with their intervals over 8 launches, the gates over 1, pytest-benchmark's also over 8.
Dotted: what `compare` promises, at most 5 % false alarms, and at least 90 % of the slow-downs of
10 %.

## The time of a call

How often the 95 % interval of a case contains the median of all of its launches in the
recording.

{coverage}

- **Student's**: what reports give, of the logarithms of the launch medians.
- **bootstrap**: hierarchical (launches, then calls), percentile interval of the median of all
  calls. With n launches it cannot cover more than 1 - 2^(1-n).

Launches that follow each other meet the machine in one mood, which an interval from their calls
alone cannot know; `run` spreads them over the whole run for that reason.

## Over many runs

How often `cnnbench history` sees a change among equal runs of a case (5 % or fewer of 50 runs are
promised), and how often it finds a slow-down, or more memory, no more than two runs off its
place. Runs of
{launches} launches are drawn from the recording, those of one run from the same eighth of it.
**drift added**: each run is longer or shorter by what `stats.DRIFT` allows for.

{histories}

{promised}

- **slower**: how many of the runs are slower, the last ones.
- **place**: of the slow-downs of 5 % that were found, how many lie between the runs that it names.
- **covered**: and how many have a ratio within the interval that it gives.
- **peak memory**: `history --metric memory`, with runs that need more in place of slower ones.

One slow run alone is never a change; from the second on it may be one. Where a change is small for
the noise (times alone), those that are found are the ones that chance made larger.

## Again

    python -m benchmarks.calibration record
    python -m benchmarks.calibration report
"""


def report() -> None:
    """Write the page and its figure from the recording."""
    recording = RECORDING.read()
    found = everything(recording), histories.everything(recording)
    formats.write(page(recording, *found), FOLDER)


def page(
    recording: Sequence[Measurement], judged: Sequence[Judged], over: Sequence[histories.Judged]
) -> Document:
    """The page; every number and the verdict follow from the recording."""
    begin = min(m.started for m in recording)
    end = max(m.started + m.wall_s for m in recording)
    where = recording[0].environment
    cases = {m.case.id for m in recording}
    spreads = [
        stats.spread([m.samples_ns for m in recording if m.ok and m.case.id == case])
        for case in cases
    ]
    between = sorted(s.between for s in spreads if s)
    made = Document()
    prose.add(
        made,
        PAGE,
        {"table": _judged(judged)},
        pairs=RECORDING.pairs * len(cases),
        cases=len(cases),
        rounds=RECORDING.rounds,
        seconds=RECORDING.slice_s,
        minutes=(end - begin) / 60,
        cpu=where["cpu"],
        cores=where["cores"],
        tensorflow=where["versions"]["tensorflow"],
        spread=100 * between[len(between) // 2],
        verdict=verdict(judged),
        gate=GATE,
    )
    made.picture("power.png", "How often a slow-down is found", partial(power, judged))
    tables = {"coverage": _covered(coverage(recording)), "histories": _histories(over)}
    prose.add(made, AFTER, tables, launches=histories.LAUNCHES, promised=promised(over))
    return made


def promised(over: Iterable[histories.Judged]) -> str:
    """Whether few of 50 equal runs show a change."""
    lines = []
    for row in over:
        if row.runs == 50 and row.later == 25:
            kept = "kept" if row.changed.share <= 0.05 else "missed"
            lines.append(f"- {row.what}: changed in {row.changed} (5 % or fewer: **{kept}**).")
    return "\n".join(lines)


def verdict(judged: Sequence[Judged]) -> str:
    """Whether the two promises are kept, for the methods that `compare` uses."""
    lines = []
    for name in COMPARE:
        for row in judged:
            if row.method != name:
                continue
            ten = row.found[SLOWER.index(0.10)]
            power = "kept" if ten.share >= 0.90 else "missed"
            lines.append(
                f"- {name}, {row.launches} launches: different in {row.different} "
                f"(5 % or fewer: **{row.alarms}**); 10 % found in {ten} (90 %: **{power}**)."
            )
    return "\n".join(lines)


def power(judged: Sequence[Judged]) -> Figure:
    """How often each method finds a slow-down, by how much slower it is, with 95 % intervals."""
    percents = [0, *(100 * by for by in SLOWER)]
    rows = {(row.method, row.launches): row for row in judged}
    curves = [
        Series(
            f"{method}, {launches}\N{NO-BREAK SPACE}launch{'es' * (launches > 1)}",
            method,
            [
                (by, _percent(rate))
                for by, rate in zip(percents, (row.slower, *row.found), strict=True)
            ],
        )
        for method, launches in DRAWN
        for row in [rows[method, launches]]
    ]

    def finish(axes: Axes, owner: Series | None) -> None:
        axes.set(xticks=percents, ylim=(-4, 104))
        for at, text in ((90, "promised: 90 %"), (5, "promised: 5 %")):
            axes.axhline(at, color=GREY, linestyle=":", linewidth=1.2, zorder=0)
            if owner in (None, curves[0]):
                side = -3 if at > 50 else 3
                axes.annotate(
                    text,
                    (20, at),
                    (0, side),
                    textcoords="offset points",
                    ha="right",
                    va="top" if at > 50 else "bottom",
                    color=GREY,
                    fontsize=11,
                )

    looks = dict.fromkeys((curve.network for curve in curves), OURS)
    looks |= {name: OTHERS for name in looks if name.startswith("pytest-benchmark")}
    return draw(
        curves, looks, finish, "slow-down injected (%)", "called slower (% of comparisons)", "-"
    )


def _percent(rate: Rate) -> Estimate:
    low, high = rate.interval
    return Estimate(100 * rate.share, 100 * low, 100 * high, rate.of)


def _judged(judged: Iterable[Judged]) -> Table:
    found = (f"+{by:.0%} found" for by in SLOWER)
    return cells(
        ("method", "launches", "different", "slower", *found, "half-width"),
        (
            (
                *(row.method, row.launches, *map(str, (row.different, row.slower, *row.found))),
                optional(row.half_width, "{:.1%}".format),
            )
            for row in judged
        ),
    )


def _histories(rows: Iterable[histories.Judged]) -> Table:
    found = (f"+{by:.0%} found" for by in histories.SLOWER)
    return cells(
        ("runs", "of them", "slower", "equals changed", *found, "place", "covered"),
        (
            (r.what, r.runs, r.later, *map(str, (r.changed, *r.found, r.placed, r.covered)))
            for r in rows
        ),
    )


def _covered(rows: Iterable[Covered]) -> Table:
    return cells(
        ("interval, launches", "launches", "covers", "half-width"),
        ((r.method, r.launches, str(r.covered), f"{r.half_width:.1%}") for r in rows),
    )
