"""What a person sees while a run goes on. One class per way of watching."""

from __future__ import annotations

import json
import sys
from statistics import median
from typing import Self

from cnnbench import units
from cnnbench.cases.case import Case, sizes
from cnnbench.runner.loop import Progress
from cnnbench.runner.schedule import Launch
from cnnbench.runs.store import Measurement


def _said(m: Measurement) -> str:
    """A measurement in one line: the case, and the time of a call or what went wrong."""
    went = f"{m.outcome}: {m.detail}"
    if m.ok:
        went = f"{units.seconds(median(m.samples_ns) / 1e9)} a call"
    case = m.case
    return f"{_name(case)} x{case.batch_size} {case.device} {_way(case)}: {went}"


def _name(case: Case) -> str:
    return f"{case.name} {sizes(case.inputs)}"


def _way(case: Case) -> str:
    dtype = [case.dtype] if case.dtype != "float32" else []
    return " ".join([*dtype, *case.place, case.mode])


class Lines(Progress):
    """A line per launch, for logs and pipes: how far, what, how it went, time left."""

    def prepares(self, what: str) -> None:
        """Print what is made."""
        print(what, flush=True)

    def notes(self, what: str) -> None:
        """Print it."""
        print(what, flush=True)

    def ended(self, measurement: Measurement, done: int, total: int, left_s: float) -> None:
        """Print the line."""
        print(f"[{done}/{total}] {_said(measurement)} ({left_s:.0f} s left)", flush=True)


class Json(Progress):
    """A JSON object per launch: the case, the outcome, and how far the run is."""

    def notes(self, what: str) -> None:
        """Print an object."""
        print(json.dumps({"event": "note", "detail": what}), flush=True)

    def ended(self, measurement: Measurement, done: int, total: int, left_s: float) -> None:
        """Print the object."""
        event = {
            "event": "launch",
            "case": measurement.case.id,
            "launch": measurement.launch,
            "outcome": measurement.outcome,
            "detail": measurement.detail,
            "calls": len(measurement.samples_ns),
            "done": done,
            "total": total,
            "left_s": round(left_s, 1),
        }
        print(json.dumps(event), flush=True)


class Bar(Progress):
    """A live bar with what runs, what is done and the time left."""

    def __init__(self) -> None:
        from rich import progress

        self._bar = progress.Progress(
            progress.BarColumn(bar_width=24),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[left]}"),
            progress.TextColumn("{task.description}"),
        )
        self._task = self._bar.add_task("starting", total=None, left="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.live.transient = self._bar.tasks[0].completed == 0  # it leaves nothing then
        self._bar.stop()

    def prepares(self, what: str) -> None:
        """Show what is made."""
        self._bar.update(self._task, description=what)

    def notes(self, what: str) -> None:
        """Leave it on the screen."""
        self._bar.console.print(what, markup=False)

    def begins(self, launch: Launch) -> None:
        """Show what runs."""
        case = launch.cases[0]
        others = f" and {len(launch.cases) - 1} more" if len(launch.cases) > 1 else ""
        self._bar.update(self._task, description=f"{_name(case)} {_way(case)}{others}")

    def ended(self, measurement: Measurement, done: int, total: int, left_s: float) -> None:
        """Move the bar; a launch that failed stays on the screen."""
        self._bar.update(self._task, completed=done, total=total, left=f"{left_s:.0f} s left")
        if not measurement.ok:
            self._bar.console.print(_said(measurement), markup=False)


def watcher(quiet: bool, as_json: bool) -> Progress:
    """The way of watching that suits the flags and the terminal."""
    if as_json:
        return Json()
    if quiet:
        return Progress()
    return Bar() if sys.stdout.isatty() else Lines()
