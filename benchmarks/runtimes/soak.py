"""SOAK: many launches over all runtimes: is each in the store, and what does the parent keep?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import psutil

from benchmarks.calibration.record import CASES
from benchmarks.runtimes import rows
from cnnbench import runtimes
from cnnbench.cases.plan import Plan
from cnnbench.runner import loop, session
from cnnbench.runner.progress import Lines
from cnnbench.runs import store
from cnnbench.runs.store import Measurement

LAUNCHES = 200
FILE, RUN = "soak.csv", "soak"
LOST = "lost"
"""The outcome of a launch that was planned and is not in the store."""


@dataclass(frozen=True)
class Ended:
    """A launch of a case, and the memory and the open files of the parent when it had ended."""

    case: str
    runtime: str
    launch: int
    outcome: str
    detail: str = ""
    parent_bytes: int = 0
    parent_files: int = 0


class Watch(Lines):
    """Writes down each launch when it has ended."""

    def __init__(self, file: Path) -> None:
        self._file, self._parent = file, psutil.Process()

    def ended(self, measurement: Measurement, done: int, total: int, left_s: float) -> None:
        """Write a row, and print the line."""
        super().ended(measurement, done, total, left_s)
        m = measurement
        kept = self._parent.memory_info().rss, self._parent.num_fds()
        row = Ended(m.case.id, m.case.runtime, m.launch, m.outcome, m.detail, *kept)
        rows.append(self._file, [row])


def record(out: Path, minutes: float, launches: int, names: Sequence[str] = ()) -> None:
    """Make the launches that the run does not have yet; then look for them in its store."""
    names = names or runtimes.chosen("all")[0]
    per_network = [
        [replace(case, runtime=name, mode=runtimes.load(name).MODES[0]) for name in names]
        for case in CASES
    ]
    cases = tuple(case for group in per_network for case in group)
    plan = Plan(
        "soak",
        "all runtimes, many times",
        cases,
        together=tuple(tuple(case.id for case in group) for group in per_network),
        launches=ceil(launches / len(cases)),
        reference=True,
        time_budget_s=60 * minutes,
        papers={case.paper_key: case.paper() for case in cases},
    )
    folder = out / RUN
    if not (folder / store.FILE).exists():
        with store.create(folder, plan):
            pass
    earlier = store.read(folder)
    plan = replace(earlier.plan, time_budget_s=60 * minutes)
    measuring = session.start(*plan.runtimes)
    with store.resume(folder) as file:
        ending = loop.run(plan, file, measuring, Watch(out / FILE), earlier.measurements)
    if ending.reason == "done":
        rows.append(out / FILE, lost(plan, store.read(folder).measurements))


def lost(plan: Plan, found: Sequence[Measurement]) -> list[Ended]:
    """The launches of a plan that are not in its store."""
    there = {(m.case.id, m.launch) for m in found}
    return [
        Ended(case.id, case.runtime, number, LOST)
        for case in plan.cases
        for number in range(plan.launches)
        if (case.id, number) not in there
    ]
