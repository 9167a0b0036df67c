"""PAGE: what the soak has shown, from what is recorded alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from benchmarks import prose
from benchmarks.prose import cells
from benchmarks.runtimes import rows
from benchmarks.soak.record import END, SESSIONS, End
from benchmarks.soak.session import LAUNCHED, TIMEOUT_S, Launch, Session
from cnnbench import units
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.style import COLOURS, WIDTH, Figure, figure
from cnnbench.schema import record as checked
from cnnbench.stats import Estimate

SETTLED = 15
"""Launches of a session that do not count: the parent still imports what it needs."""
DRAWS = 2000
GROWS = 0.05
"""A run that adds less than this share to the parent's memory is called flat."""

PAGE = """\
# Soak: is anything lost when everything goes wrong?

{verdict}

{cases:,} cases on the runtime `fake`, launches of each: {each}, in {sessions} lives of the parent,
`cnnbench run` and then `--resume`. Children go wrong at random (seed {seed}). Of the lives each has
one fault, and the next one continues. What the parent prints as finished is counted by another
program, which reads the stored lines with `json` alone. {date}, {cpu}, {cores} cores, Python
{python}.

## What must hold

{holds}

{memory}

## Faults of a child

In one of its first calls, drawn at random; {share} of all launches. A launch may take {timeout} s.

{children}

## Faults of the rest

Each took place so many times, after a random number of launches, at a random moment of a launch.
**lost** are launches that were printed as finished, in all lives so far, and are not in the file
afterwards; the lines that this program itself damages are not among them, and are measured again.

{others}
"""
AFTER = """\
{left}

## What it found

Each of these is mended, and has a test of its own:

- Ctrl-C while `multiprocessing` starts a process: the command waited for ever for a fork server,
  which waited for a child that nobody knew of.
- A fork server killed when it had just made a child: two children answered on one pipe, and the
  launch failed.
- A parent killed while it stores the plan: the run could neither be continued nor begun again.
- Damaged costs of a case: it was measured, and missing from the report for good.
- A second run into the folder: it read what was stored before it knew that another run writes, and
  would have measured the rest again.
- A folder that becomes read-only: the end of the run was an error of many lines.
- A parent that is killed: the log of its child stayed in the folder for temporary files.

## What was not tried

- A machine that loses power: whether what `fsync` has returned is on the disk is the disk's word.
- Why the memory grows by what it does: it has not been followed up. A life of few launches still
  grows from its begin, and the parent remembers every case and launch by design.
- A damaged line that is still valid: a digit that becomes another one cannot be told from a
  measurement. Nor was the first line damaged, the plan; a run without it is not continued.
- A full disk is a limit to the size of a file (`RLIMIT_FSIZE`), which fails a write in the middle
  of a line; a full file system is one in memory (`--within`).
- Real networks: `fake` has no framework, so that a child starts in a tenth of the time.

## Again

    {command}
    python -m benchmarks.soak report

The first takes `--within FOLDER`, a folder on a small file system, and then fills that too.
"""


def document(out: Path) -> Document:
    """The page of what is recorded in a folder."""
    launches, sessions = (rows.read(out / LAUNCHED, Launch), rows.read(out / SESSIONS, Session))
    end = checked(End, json.loads((out / END).read_text()))
    page = Document()
    prose.add(
        page,
        PAGE,
        {
            "holds": _holds(launches, sessions, end),
            "children": _children(launches),
            "others": _others(sessions),
        },
        verdict=verdict(launches, sessions, end),
        cases=end.cases,
        each=end.launches // end.cases,
        sessions=len(sessions),
        seed=end.seed,
        date=end.date,
        cpu=end.machine["cpu"],
        cores=end.machine["cores"],
        python=end.machine["python"],
        memory=_memory(launches),
        share=f"{sum(bool(one.wrong) for one in launches) / len(launches):.1%}",
        timeout=2 * TIMEOUT_S,
    )
    page.picture("memory.png", "Memory of the parent over launches", partial(memory, launches))
    page.picture("faults.png", "Faults by kind", partial(faults, launches, sessions))
    prose.add(page, AFTER, {}, left=_left(end), command=end.command)
    return page


def as_it_must(one: Launch) -> bool:
    """Whether a launch ended as its fault says."""
    return one.outcome == one.must


def verdict(launches: Sequence[Launch], sessions: Sequence[Session], end: End) -> str:
    """Whether all holds, first thing on the page."""
    found = _holds(launches, sessions, end)[1]
    bad = [row[0] for row in found if row[-1] != "yes"]
    if bad:
        kept = [row[0] for row in found if row[-1] == "yes"]
        return f"**Not kept**: {'; '.join(bad)}. **Kept**: {'; '.join(kept)}."
    return (
        f"**Nothing is lost.** All {len(launches):,} launches that were printed as finished are "
        f"stored, or were damaged on purpose and made again; all {len(sessions)} lives of the "
        "parent ended by themselves, and `--resume` completed the run."
    )


def _holds(launches: Sequence[Launch], sessions: Sequence[Session], end: End) -> Table:
    slope = growth(launches)
    last = sessions[-1]
    most = (slope.high or 0.0) * len(launches) / max(one.rss_bytes for one in launches)
    answers = [
        (
            "what was printed as finished is stored",
            f"{sum(one.lost for one in sessions)} lost of {len(launches):,}",
            not any(one.lost for one in sessions),
        ),
        (
            "the run ends, and `--resume` completes it",
            f"{end.stored:,} of {end.launches:,} launches; the last life ended with status "
            f"{last.status}",
            end.stored == end.launches and last.status == 0,
        ),
        (
            "every case that can have a time and costs has them",
            f"{end.timed} timed, {end.costed} with costs of {end.cases}; {end.wrong} were to fail "
            "in every launch",
            end.timed == end.cases - end.wrong and end.costed == end.cases,
        ),
        (
            "a launch ends as its fault says",
            f"{sum(map(as_it_must, launches)):,} of {len(launches):,}",
            all(map(as_it_must, launches)),
        ),
        (
            "no error takes more than a line",
            f"at most {max(one.lines for one in sessions)}",
            max(one.lines for one in sessions) <= 1,
        ),
        (
            "no process outlives its parent",
            f"{sum(one.processes for one in sessions)} did",
            not any(one.processes for one in sessions),
        ),
        (
            "no temporary file of ours is left",
            f"{end.temporary.get('cnnbench', 0)} are",
            not end.temporary.get("cnnbench"),
        ),
        (
            "the parent's memory is flat",
            f"{_bytes(slope.value)} a launch [{_bytes(slope.low)}, {_bytes(slope.high)}], over "
            f"{len(launches):,} launches at most {most:.1%} of it",
            most < GROWS,
        ),
    ]
    return cells(
        ("promise", "found", "kept"),
        ((what, found, "yes" if kept else "**no**") for what, found, kept in answers),
    )


def growth(launches: Sequence[Launch]) -> Estimate:
    """Bytes by which the parent grows a launch: one slope for all lives, each with its own begin.

    The interval is a bootstrap over lives, whose launches are not independent of each other.
    """
    sums = []
    for of in filter(None, _lives(launches)):
        y = np.array([one.rss_bytes for one in of], float)
        x = np.arange(len(y)) - (len(y) - 1) / 2
        sums.append((x @ y, x @ x))
    found = np.array(sums)
    drawn = np.random.default_rng(0).integers(len(found), size=(DRAWS, len(found)))
    several = found[drawn].sum(axis=1)
    low, high = np.percentile(several[:, 0] / np.maximum(several[:, 1], 1e-9), (2.5, 97.5))
    xy, xx = found.sum(axis=0)
    return Estimate(xy / xx, low, high, len(found))


def _lives(launches: Sequence[Launch]) -> list[list[Launch]]:
    """The launches of each life after the first ones, while the parent was still there to ask."""
    found = [list(of) for _, of in groupby(launches, key=lambda one: one.session)]
    return [[one for one in of[SETTLED:] if one.rss_bytes] for of in found]


def _bytes(value: float | None) -> str:
    return "?" if value is None else f"{value:+,.0f} B"


def _memory(launches: Sequence[Launch]) -> str:
    slope = growth(launches)
    longest = max(_lives(launches), key=len)
    first, last = longest[0], longest[-1]
    return (
        f"The slope of the parent's resident memory is {_bytes(slope.value)} a launch "
        f"[{_bytes(slope.low)}, {_bytes(slope.high)}] over {slope.n} lives. In the longest of "
        f"them, of {len(longest)} launches, it had {units.binary(first.rss_bytes)} at first and "
        f"{units.binary(last.rss_bytes)} at last, and {first.files} and {last.files} open files."
    )


def _children(launches: Sequence[Launch]) -> Table:
    kinds = sorted({one.wrong for one in launches})
    return cells(
        ("fault", "launches", "must end as", "did", "others"),
        (
            (
                wrong or "none",
                len(mine),
                mine[0].must,
                sum(map(as_it_must, mine)),
                ", ".join(sorted({one.outcome for one in mine if not as_it_must(one)})) or "-",
            )
            for wrong in kinds
            for mine in [[one for one in launches if one.wrong == wrong]]
        ),
    )


def _others(sessions: Sequence[Session]) -> Table:
    return cells(
        ("fault", "times", "launches", "status", "lost", "processes left", "said"),
        (
            (
                fault,
                len(mine),
                sum(one.launches for one in mine),
                ", ".join(map(str, sorted({one.status for one in mine}))),
                sum(one.lost for one in mine),
                sum(one.processes for one in mine),
                mine[0].said.replace("|", "/") or "-",
            )
            for fault in dict.fromkeys(one.fault for one in sessions)
            for mine in [[one for one in sessions if one.fault == fault]]
        ),
    )


def _left(end: End) -> str:
    theirs = {name: count for name, count in end.temporary.items() if name != "cnnbench"}
    what = ", ".join(f"{count} of `{name}-...`" for name, count in theirs.items()) or "nothing"
    return (
        f"Of {end.launches:,} launches {end.repeated} are stored more than once (the last good one "
        f"counts), and {end.unread} lines cannot be read, all of them damaged here or cut by a "
        f"fault. In the folder for temporary files {what} is left: a parent that is killed cannot "
        "remove the socket that `multiprocessing` has made for its fork server."
    )


def memory(launches: Sequence[Launch]) -> Figure:
    """Resident memory of the parent over all launches, a line a life."""
    drawing = figure(WIDTH, 4)
    axes = drawing.add_subplot()
    place = 0
    for number, of in enumerate(_lives(launches)):
        sizes = [one.rss_bytes / 2**20 for one in of]
        axes.plot(range(place, place + len(sizes)), sizes, color=COLOURS[number % 2], linewidth=1.2)
        place += len(sizes)
    axes.set(xlabel="launches (each line is one life of the parent)", ylabel="resident (MiB)")
    axes.set_ylim(bottom=0)
    return drawing


def faults(launches: Sequence[Launch], sessions: Sequence[Session]) -> Figure:
    """How often each fault took place, and how often it cost something."""
    good: dict[str, list[bool]] = {}
    for one in launches:
        if one.wrong:
            good.setdefault(one.wrong, []).append(as_it_must(one))
    for life in sessions[:-1]:
        good.setdefault(life.fault, []).append(not (life.lost or life.processes))
    drawing = figure(WIDTH, 5)
    axes = drawing.add_subplot()
    names = list(good)[::-1]
    held = [sum(good[name]) for name in names]
    not_held = [len(good[name]) - kept for name, kept in zip(names, held, strict=True)]
    axes.barh(names, held, color=COLOURS[0], label="ended as it must")
    axes.barh(names, not_held, left=held, color=COLOURS[1], label="not")
    axes.set_xlabel("times")
    axes.legend()
    return drawing
