"""PAGE: what a large run costs, from what is recorded alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import prose
from benchmarks.prose import cells
from benchmarks.runtimes import rows
from benchmarks.scale import beside
from benchmarks.scale.beside import Beside
from benchmarks.scale.record import BEFORE, FILE, WHERE, Stage
from cnnbench import units
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.style import (
    COLOURS,
    MARKERS,
    WIDTH,
    Figure,
    figure,
    fixed_log_axis,
    log_axis,
)
from cnnbench.reporting.tables import interval
from cnnbench.runs import store

PAGE = """\
# Scale: what does a run of {most:,} cases cost cnnbench itself?

{verdict}

A sweep over the design space of a VGG block (filters, depth, size, channels, batch), each case with
one launch, on {workers:,} simulated workers. They are threads that wait {launch_s:g} s a launch and
answer with times of the runtime `fake`; all else is the code of `cnnbench run --cluster`. {date},
{cpu}, {cores} cores, Python {python}, seed {seed}.

{stages}

- **plan**: the suite is read, and every case is traced for its costs.
- **schedule**: the loop of a run: which launch begins on which worker, and what has ended. Without
  the writing, and without the processor time of the simulated workers.
- **store**: the plan, the costs and every launch are written; each launch waits for the disk.
- **report**: the stored run is read again, and README.md, index.html, results.csv and the figures
  are written.
- **peak** is the rise of the process' resident memory over the stage, **kept** what of it is still
  there at its end, both for one case.
"""

AFTER = """\
## What breaks first

{before}

In the largest run a case takes at most {worst:.2f} times the processor time of a case in the run
before it, whatever the stage. What limits a larger run, in this order:

- **The report** takes {report} of memory at {most:,} cases, {report_case} a case. A run is complete
  without its page.
- **The plan** is one line of the stored file, and at most {line} are read back. A longer one is
  refused before anything is measured.
- **The rest of the memory**: {kept} a case stay until the end, most of it the costs of every layer
  of every case.
- **The parent**: {workers:,} workers could make {workers_rate:,.0f} launches a second if each takes
  {launch_s:g} s; {parent_rate:,.0f} are what the processor time of one parent allows.

## Beside a run without a cluster

`{run}` takes {more} as long with `--cluster` as without, over {turns} turns of both on one
machine: {here} in the median without, for {launches} launches. Of that, {outside} are outside of
launches, and {outside_cluster} with a cluster. {pairs} pairs of cases took turns in each run: of
their verdicts {across:.0%} are the same with a cluster and without, and {within:.0%} in two runs
without. The scheduler and its worker ran on the two cores that measured (`{beside_file}`).

These times vary more than a cluster could cost. The same run on the runtime `fake`, whose calls
take no time, takes {fake_more} more with a cluster than without, over {fake_turns} turns
(`{fake_file}`). Of the {here} that is {fake_share}; 2 % are allowed.

## What was not tried

- A network between the parent and its workers. Each worker is sent the whole plan, and traces all
  of its cases once before its first launch; the simulated ones do not.
- Several launches a case, GPUs, and cases that are compared and so stay on one machine.
- A quiet machine: other programs ran meanwhile, so read the processor time. Wall time also waits
  for the disk, once for all launches that have ended at that moment.

## Again

    {command}
    python -m benchmarks.scale report
"""


def document(out: Path) -> Document:
    """The page of what is recorded in a folder."""
    stages = rows.read(out / FILE, Stage)
    where = json.loads((out / WHERE).read_text())
    page = Document()
    prose.add(
        page,
        PAGE,
        {"stages": _stages(stages)},
        most=max(one.cases for one in stages),
        verdict=verdict(stages),
        workers=stages[0].workers,
        launch_s=stages[0].launch_s,
        **{name: where[name] for name in ("date", "cpu", "cores", "python", "seed")},
    )
    page.picture(
        "scale.png", "Time and memory a case over the number of cases", partial(draw, stages)
    )
    prose.add(
        page,
        AFTER,
        {},
        command=where["command"],
        **_limits(stages, rows.read(out / BEFORE, Stage)),
        **_beside(*(rows.read(out / name, Beside) for name in (beside.FILE, beside.FAKE))),
    )
    return page


def verdict(stages: Sequence[Stage]) -> str:
    """The answer: whether all stages come to an end, and the overhead of a launch."""
    most = max(one.cases for one in stages)
    last = {one.stage: one for one in stages if one.cases == most}
    total = sum(one.wall_s for one in last.values())
    launch = last["schedule"].cpu_s + last["store"].cpu_s
    return (
        f"**{units.seconds(launch / most)} of processor time a launch**, and in all "
        f"{total / 60:.0f} minutes. The largest stage takes "
        f"{units.binary(max(one.peak_bytes for one in last.values()))} of memory."
    )


def _limits(stages: Sequence[Stage], before: Sequence[Stage]) -> dict[str, object]:
    """What the section about the limits says."""
    most = max(one.cases for one in stages)
    last = {one.stage: one for one in stages if one.cases == most}
    launch_s = (last["schedule"].cpu_s + last["store"].cpu_s) / most
    first = last["schedule"]
    second = max(one.cases for one in stages if one.cases < most)
    rates = {(one.stage, one.cases): one.cpu_s / one.cases for one in stages}
    return {
        "worst": max(rates[name, most] / rates[name, second] for name in NAMES),
        "before": "\n".join(_before(one, stages) for one in before if one.stage == "schedule"),
        "most": most,
        "report": units.binary(last["report"].peak_bytes),
        "report_case": units.binary(last["report"].peak_bytes // most),
        "line": units.binary(store.LONGEST),
        "kept": units.binary((last["plan"].kept_bytes + first.kept_bytes) // most),
        "workers": first.workers,
        "launch_s": first.launch_s,
        "workers_rate": first.workers / first.launch_s,
        "parent_rate": 1 / launch_s,
    }


def _beside(found: Sequence[Beside], fakes: Sequence[Beside]) -> dict[str, object]:
    """What the section about a cluster says."""
    here, there = (
        [one for one in found if one.place == place] for place in (beside.HERE, beside.CLUSTER)
    )
    wall_s = median(one.wall_s for one in here)
    return {
        "fake_more": interval(beside.more(fakes), "{:.2f} s".format),
        "fake_turns": len(fakes) // 2,
        "fake_share": interval(beside.more(fakes, wall_s), "{:.1%}".format),
        "fake_file": beside.FAKE,
        "run": " ".join(("cnnbench", *beside.RUN)),
        "more": interval(beside.overhead(found), "{:.3f} times".format),
        "turns": len(here),
        "here": units.seconds(wall_s),
        "launches": here[0].launches,
        "outside": units.seconds(median(one.wall_s - one.launches_s for one in here)),
        "outside_cluster": units.seconds(median(one.wall_s - one.launches_s for one in there)),
        "pairs": len(here[0].verdicts.split()),
        "across": beside.alike(found, beside.HERE, beside.CLUSTER),
        "within": beside.alike(found, beside.HERE, beside.HERE),
        "beside_file": beside.FILE,
    }


def _before(one: Stage, stages: Sequence[Stage]) -> str:
    """What the scheduling took before, beside what it takes now."""
    now = next(x for x in stages if (x.stage, x.cases) == (one.stage, one.cases))
    return (
        "It was the choice of the next launch. Before this page was made it took "
        f"{units.seconds(one.cpu_s / one.cases)} of processor time a launch at {one.cases:,} "
        f"cases and {one.workers:,} workers (`{BEFORE}`), and now "
        f"{units.seconds(now.cpu_s / now.cases)}: each launch went through all launches to come, "
        "added up what they take, and held every worker against every other. The plan was also "
        "packed again for each worker, and every launch waited for the disk by itself."
    )


def _stages(stages: Sequence[Stage]) -> Table:
    return cells(
        ("stage", "cases", "wall time", "processor", "a case", "peak", "peak a case",
         "kept a case", "written a case"),
        (
            (
                one.stage,
                one.cases,
                units.seconds(one.wall_s),
                units.seconds(one.cpu_s),
                units.seconds(one.cpu_s / one.cases),
                units.binary(one.peak_bytes),
                units.binary(one.peak_bytes // one.cases),
                units.binary(max(one.kept_bytes, 0) // one.cases),
                units.binary(one.written_bytes // one.cases) if one.written_bytes else "-",
            )
            for one in sorted(stages, key=lambda one: (NAMES.index(one.stage), one.cases))
        ),
    )  # fmt: skip


NAMES = ("plan", "schedule", "store", "report")


def draw(stages: Sequence[Stage]) -> Figure:
    """Processor time and peak memory a case: what is level grows as the run does."""
    drawing = figure(WIDTH, 4.5)
    left, right = drawing.subplots(1, 2)
    for name, colour, marker in zip(NAMES, COLOURS, MARKERS, strict=False):
        mine = sorted((one for one in stages if one.stage == name), key=lambda one: one.cases)
        cases = [one.cases for one in mine]
        look = {"color": colour, "marker": marker, "label": name}
        left.plot(cases, [one.cpu_s / one.cases for one in mine], **look)
        right.plot(cases, [max(one.peak_bytes, 1) / one.cases for one in mine], **look)
    for axes, label, show, base in (
        (left, "processor time a case", units.seconds, 10),
        (right, "peak memory a case", units.binary, 2),
    ):
        axes.set(xlabel="cases", ylabel=label)
        fixed_log_axis(axes, sorted({one.cases for one in stages}), "{:,.0f}".format)
        log_axis(axes, "y", show, base)
    drawing.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=len(NAMES))
    return drawing
