"""STORE: a run's folder. `measurements.jsonl` grows by one fsynced line a launch.

Format history of the lines:

1   {"schema": 1, "type": "plan", ...}     the first line: what the run set out to do
    {"schema": 1, "type": "launch", ...}   one measurement
    {"schema": 1, "type": "stop", ...}     why a case was not launched again
    {"schema": 1, "type": "ceilings", ...} the most that a device can do, measured for this run

Nothing is ever rewritten. A line that cannot be read is named, counted and skipped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnnbench.cases.plan import Plan
from cnnbench.errors import CnnbenchError, StoreError
from cnnbench.host.ceiling import Ceiling
from cnnbench.runs.measurement import Measurement
from cnnbench.schema import record

SCHEMA = 1
FILE = "measurements.jsonl"


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a case, by its id, was not launched again."""

    case: str
    reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """A stored run: its plan, its measurements, and the lines that could not be read.

    `stops` says, by the id of a case, why it was not launched again; `ceilings` has one entry
    a device and data type, where they were measured. Of several runs read as one, `parts` has
    the number of the first launch of each.
    """

    folder: Path
    plan: Plan
    measurements: tuple[Measurement, ...]
    bad_lines: tuple[str, ...] = ()
    stops: dict[str, str] = field(default_factory=dict)
    ceilings: tuple[Ceiling, ...] = ()
    parts: tuple[int, ...] = ()


class Store:
    """The open file of a run; every `append` is on the disk when it returns."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "ab+")  # noqa: SIM115 - closed by __exit__
        # A run that was killed may have left half a line: end it, so that only it is lost.
        if self._file.tell():
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")

    def append(self, kind: str, data: dict[str, Any]) -> None:
        """Write one line and wait until it is on the disk."""
        line = json.dumps({"schema": SCHEMA, "type": kind, **data}, separators=(",", ":"))
        try:
            self._file.write(line.encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreError(
                f"cannot write to {self._file.name}: {error.strerror}; make room and continue "
                "with --resume"
            ) from None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def create(folder: Path, plan: Plan) -> Store:
    """Start a run in a new folder.

    Raises:
        StoreError: the folder already holds a run, or cannot be written.
    """
    check_free(folder)
    store = _opened(folder)
    store.append("plan", plan.to_json())
    return store


def check_free(folder: Path) -> None:
    """Refuse a folder that a new run cannot go into; leaves no trace.

    Raises:
        StoreError: the folder already holds a run, or cannot be written.
    """
    # Not `Path.exists`, which raises on a name that is too long.
    if os.path.exists(folder / FILE):
        raise StoreError(
            f"{folder} already holds a run; continue it with --resume or choose another "
            "folder with --out"
        )
    existing = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise StoreError(f"cannot write to {folder}: {existing} is no writable folder")


def resume(folder: Path) -> Store:
    """Open a run to append to it.

    Raises:
        StoreError: the folder cannot be written.
    """
    return _opened(folder)


def _opened(folder: Path) -> Store:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Store(folder / FILE)
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror}; choose another folder with --out"
        ) from None


def read(folder: Path) -> Run:
    """Read a stored run; bad lines are skipped and named in the result.

    Raises:
        StoreError: there is no run in the folder, or its first line is no plan.
    """
    path = folder / FILE
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise StoreError(f"no run in {folder}: {FILE}: {error.strerror}") from None
    plan: Plan | None = None
    measurements: list[Measurement] = []
    bad: list[str] = []
    stops: dict[str, str] = {}
    ceilings: list[Ceiling] = []
    for number, kind, data in _records(lines, path.name, bad):
        try:
            if kind == "plan":
                plan = plan or record(Plan, data)
            elif kind == "launch":
                measurements.append(record(Measurement, data))
            elif kind == "stop":
                stop = record(Stop, data)
                stops[stop.case] = stop.reason
            elif kind == "ceilings":
                ceilings.append(record(Ceiling, data))
            else:
                raise CnnbenchError(f"unknown type {kind!r}")
        except CnnbenchError as error:
            bad.append(f"{path.name}:{number}: {error}")
    if plan is None:
        reason = f" ({bad[0]})" if bad else ""
        raise StoreError(f"{path} holds no plan of a run{reason}; it cannot be reported")
    return Run(folder, plan, tuple(measurements), tuple(bad), stops, tuple(ceilings))


def _records(
    lines: list[bytes], name: str, bad: list[str]
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            schema, kind = data.pop("schema"), data.pop("type")
        except (ValueError, KeyError, TypeError, AttributeError):
            bad.append(f"{name}:{number}: not a record ({len(line)} bytes)")
            continue
        if schema != SCHEMA:
            bad.append(f"{name}:{number}: schema {schema}, this version reads {SCHEMA}")
            continue
        yield number, str(kind), data
