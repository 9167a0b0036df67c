"""BASELINES: runs kept under a name, to compare later runs with.

A baseline is a copy of a run's `measurements.jsonl` in the folder `baselines/NAME` of
`paths.data_dir`.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cnnbench import paths
from cnnbench.errors import CnnbenchError, StoreError, unknown
from cnnbench.records import Record, one_line
from cnnbench.runs import store
from cnnbench.runs.store import FILE, Run

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, repr=False)
class Baseline(Record):
    """A stored baseline; if it cannot be read, `run` is None and `problem` says why."""

    name: str
    run: Run | None
    problem: str = ""

    def __repr__(self) -> str:
        name, *facts = (f"{key} {value}" for key, value in self.to_json().items() if value)
        return one_line(self, name, *facts)

    def to_json(self) -> dict[str, Any]:
        """What it holds, as plain values; the time at which it was measured is in UTC."""
        run = self.run
        launches = run.measurements if run else ()
        started = min((m.started for m in launches if m.started), default=None)
        time = started and f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d %H:%M}"
        return {
            "name": self.name,
            "suite": run and run.plan.suite,
            "cases": run and len(run.plan.cases),
            "launches": run and len(launches),
            "hosts": list(dict.fromkeys(str(m.environment.get("host", "")) for m in launches)),
            "measured": time,
            "problem": self.problem,
        }


def save(name: str, folder: Path, *, replace: bool = False) -> Path:
    """Keep a run under a name; returns the folder of the copy.

    Raises:
        StoreError: there is no run in the folder, the name is taken, or nothing can be written.
        CnnbenchError: the name cannot be one.
    """
    if not _NAME.fullmatch(name):
        raise CnnbenchError(
            "a baseline's name must be 1 to 64 letters, digits, '.', '_' or '-', such as main, and "
            f"begin and end with a letter or a digit; got {name!r}"
        )
    path = _root() / name
    store.read(folder)  # raises unless it can be compared later
    if name in names() and not replace:
        raise StoreError(f"there is already a baseline {name}; --replace overwrites it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as fresh:
            shutil.copyfile(folder / FILE, Path(fresh) / FILE)
            path.mkdir(exist_ok=True)
            os.replace(Path(fresh) / FILE, path / FILE)
    except OSError as error:
        raise StoreError(
            f"cannot keep baselines in {path.parent}: {error.strerror}; "
            "set CNNBENCH_HOME to a folder that can be written"
        ) from None
    return path


def names() -> list[str]:
    """The names of all baselines; the folder of one that is still being saved has no such name."""
    try:
        folders = [path.parent.name for path in _root().glob(f"*/{FILE}")]
    except OSError:  # there is no folder yet, or it cannot be read
        return []
    return sorted(name for name in folders if _NAME.fullmatch(name))


def read_all() -> list[Baseline]:
    """Every baseline with its run."""
    found = []
    for name in names():
        try:
            found.append(Baseline(name, store.read(_root() / name)))
        except StoreError as error:
            found.append(Baseline(name, None, str(error)))
    return found


def find(name: str) -> Path | None:
    """The folder of a baseline; None where there is none of that name."""
    return _root() / name if name in names() else None


def remove(name: str) -> None:
    """Delete a baseline.

    Raises:
        UnknownNameError: there is none of that name.
        StoreError: it cannot be deleted.
    """
    path = find(name)
    if path is None:
        raise unknown("baseline", name, names(), see="see cnnbench baseline list")
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise StoreError(f"cannot remove {path}: {error.strerror}") from None


def _root() -> Path:
    return paths.data_dir() / "baselines"
