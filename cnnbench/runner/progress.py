"""What a person sees while a run goes on. One class per way of watching."""

from __future__ import annotations

import json
import sys
from statistics import median
from typing import Self

from cnnbench import units
from cnnbench.cases.case import sizes
from cnnbench.runner.schedule import Launch
from cnnbench.runs.measurement import Measurement


def _result(measurement: Measurement) -> str:
    if measurement.ok:
        return f"{units.seconds(median(measurement.samples_ns) / 1e9)} a call"
    return f"{measurement.outcome}: {measurement.detail}"


def _name(measurement: Measurement) -> str:
    case = measurement.case
    return f"{case.name} {sizes(case.inputs)} x{case.batch_size} {case.device} {case.mode}"


class Silent:
    """Nothing at all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begins(self, launch: Launch) -> None:
        """Nothing."""

    def ended(self, measurement: Measurement, done: int, total: int, left_s: float) -> None:
        """Nothing."""


class Lines(Silent):
    """A line per launch, for logs and pipes."""

    def ended(self, measurement: Measurement, done: int, total: int, left_s: float) -> None:
        """One line: how far, what, how it went, time left."""
        print(
            f"[{done}/{total}] {_name(measurement)}: {_result(measurement)} ({left_s:.0f} s left)",
            flush=True,
        )


class Json(Silent):
    """A JSON object per launch."""

    def ended(self, measurement: Measurement, done: int, total: int, left_s: float) -> None:
        """One object: the case, the outcome, and how far the run is."""
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


class Bar(Silent):
    """A live bar with what runs, what is done and the time left."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.description}"),
        )
        self._task = self._bar.add_task("starting", total=None, left="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begins(self, launch: Launch) -> None:
        """Show what runs."""
        case = launch.cases[0]
        others = f" and {len(launch.cases) - 1} more" if len(launch.cases) > 1 else ""
        self._bar.update(
            self._task,
            description=f"{case.name} {sizes(case.inputs)} {case.mode}{others}",
        )

    def ended(self, measurement: Measurement, done: int, total: int, left_s: float) -> None:
        """Move the bar; a launch that failed stays on the screen."""
        self._bar.update(self._task, completed=done, total=total, left=f"{left_s:.0f} s left")
        if not measurement.ok:
            self._bar.console.print(f"{_name(measurement)}: {_result(measurement)}", markup=False)


def watcher(quiet: bool, as_json: bool) -> Silent:
    """The way of watching that suits the flags and the terminal."""
    if as_json:
        return Json()
    if quiet:
        return Silent()
    return Bar() if sys.stdout.isatty() else Lines()
