"""STORE: a run's folder. `measurements.jsonl` grows by one fsynced line a launch.

Format history of the lines:

2   {"schema": 2, "type": "plan", ...}     the first line: what the run set out to do
    {"schema": 2, "type": "paper", ...}    the costs on paper of some of its cases
    {"schema": 2, "type": "launch", ...}   one measurement
    {"schema": 2, "type": "stop", ...}     why a case was not launched again
    {"schema": 2, "type": "ceilings", ...} the most that a device can do, measured for this run
    {"schema": 2, "type": "predicted", ...} what a calibrated machine expected of a case beforehand
    {"schema": 2, "type": "export", ...}   a file that was made for a runtime, or why there is none
1   the same without papers: see `schema1`

Nothing is ever rewritten. A line that cannot be read is named and skipped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import Field
from typing_extensions import TypedDict

from cnnbench import paths, units
from cnnbench.cases import paper
from cnnbench.cases.answer import Answer, Outcome
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.cases.plan import Plan
from cnnbench.errors import CnnbenchError, StoreError
from cnnbench.host.ceiling import Ceiling
from cnnbench.runs import schema1
from cnnbench.schema import record

SCHEMA = 2
FILE = "measurements.jsonl"
LONGEST = 64 * 2**20
"""The most bytes of a line; a launch of a million calls has 10 MB. A longer one is not read."""
LARGEST = 2**30
"""The most bytes of a run that are read; the largest of ours has 3 million."""
MOST_BAD = 1000
"""The most lines that may be bad."""
LONGEST_NS = 1e18
"""A longer call, of 32 years, is none; ratios of such numbers can be infinite."""


@dataclass(frozen=True, slots=True)
class Measurement(Answer):
    """What happened in one launch of one case: what its child answered, and where it belongs.

    Raw; nothing here is derived.

    Args:
        case: what was measured.
        launch: which of the case's launches, from 0; launches of one number ran in the
            same round, interleaved with the other cases.
        started: seconds since the epoch.
        wall_s: seconds that the launch took in all.
        sampled_s: those of them in which calls were timed, also of references and of cases beside.
        beside: ids of the cases that took turns with this one.
        references: of each case that took turns too, to show how fast the machine was then, its
            id and its median call at each turn.
    """

    case: Case
    launch: int
    started: float = 0.0
    wall_s: float = 0.0
    sampled_s: float = 0.0
    beside: tuple[str, ...] = ()
    references: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def gpu_names(self) -> list[str]:
        """The name of the GPU that it ran on; none on a CPU, or where that is not known."""
        devices = self.environment.get("devices")
        seen = devices.get("gpu") if isinstance(devices, dict) else None
        if self.case.kind == "cpu" or not isinstance(seen, list | tuple):
            return []
        return [str(name) for name in seen[self.case.index :][:1]]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a case, by its id, was not launched again."""

    case: str
    reason: str


@dataclass(frozen=True, slots=True)
class PredictedRise:
    """By how much the first call of a case, by its id, should raise the peak memory, in bytes.

    By the calibrated model of the machine, before the run; 8 of 10 cases are from low to high.
    """

    case: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was made for a runtime, or why there is none.

    Args:
        of: the `Case.export_key` of the cases that run it.
        runtime: that runs it.
        network: the name of the network in reports.
        outcome: how the export ended, as a launch does.
        detail: why it ended so.
        seconds: that it took; None if it was not tried, or the file was in the cache.
        peak_bytes: rise of the peak memory of the process that exported.
        bytes: size of what is stored on the disk.
        cached: whether it was exported earlier.
    """

    of: str
    runtime: str
    network: str
    outcome: Outcome = "ok"
    detail: str = ""
    seconds: float | None = None
    peak_bytes: int | None = None
    bytes: int | None = None
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A stored run: its plan, its measurements, and the lines that could not be read.

    `stops` says, by the id of a case, why it was not launched again; `ceilings` has one entry
    a device and data type, where they were measured; `predicted` what was expected of a case, by
    its id, where the machine was calibrated; `problems` why cases have no costs on paper,
    by `Case.paper_key`; `exports` the files that runtimes ran, by `Case.export_key`. If it is
    several runs read as one, `parts` has the number of the first launch of each.
    """

    folder: Path
    plan: Plan
    measurements: tuple[Measurement, ...]
    bad_lines: tuple[str, ...] = ()
    stops: dict[str, str] = field(default_factory=dict)
    ceilings: tuple[Ceiling, ...] = ()
    predicted: dict[str, PredictedRise] = field(default_factory=dict)
    parts: tuple[int, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)
    exports: dict[str, Exported] = field(default_factory=dict)


KINDS = {
    "plan": Plan,
    "launch": Measurement,
    "stop": Stop,
    "ceilings": Ceiling,
    "predicted": PredictedRise,
    "export": Exported,
}
"""The records in the lines, by type; a paper has a form of its own."""


class Store:
    """The open file of a run, which has one writer; every `append` is on the disk when it returns.

    Raises:
        StoreError: another process writes the run, or its file is a link.
    """

    def __init__(self, path: Path, begin: Iterable[bytes] = ()) -> None:
        from filelock import FileLock, Timeout  # here: reading needs no lock

        lock = path.with_suffix(".lock")
        for file in (path, lock):
            if file.is_symlink():  # a stranger's may lead to a file of the user's
                raise StoreError(
                    f"{file} is a link, through which nothing is written; copy the run"
                )
        self._lock = FileLock(lock, timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            raise StoreError(
                f"another process writes the run in {path.parent}; wait until it ends, or choose "
                "another folder with --out"
            ) from None
        with ExitStack() as undo:
            undo.callback(self._unlock)
            if begin:
                _begin(path, begin)
            # Unbuffered: what does not fit on a full disk is not tried again when it is closed.
            self._file = undo.enter_context(open(path, "ab+", buffering=0))
            # A run that was killed may have left half a line: end it, so that only it is lost.
            if self._file.tell():
                self._file.seek(-1, os.SEEK_END)
                if self._file.read(1) != b"\n":
                    self._file.write(b"\n")
            undo.pop_all()

    def append(self, kind: str, data: dict[str, Any]) -> None:
        """Write one line and wait until it is on the disk."""
        self.extend([(kind, data)])

    def extend(self, lines: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """The same of several lines, and wait once."""
        try:
            for kind, data in lines:
                left = _line(kind, data)
                while left:
                    left = left[self._file.write(left) :]
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
        self._unlock()

    def _unlock(self) -> None:
        with suppress(OSError):  # the folder may have become read-only
            Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()


def _line(kind: str, data: dict[str, Any]) -> bytes:
    return (
        json.dumps({"schema": SCHEMA, "type": kind, **data}, separators=(",", ":")).encode() + b"\n"
    )


def _begin(path: Path, lines: Iterable[bytes]) -> None:
    """Write the first lines of a file, which is there with all of them or not at all."""
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def create(folder: Path, plan: Plan) -> Store:
    """Start a run in a new folder; see `check_free` for what is refused.

    Raises:
        StoreError: also for a plan that is too long to be read again.
    """
    check_free(folder)
    # Worked out before anything is written: what is refused leaves no trace.
    papers = {case.paper_key: plan.paper(case) for case in plan.cases}
    first = _line("plan", plan.to_json())
    if len(first) > LONGEST:
        raise StoreError(
            f"the plan of {len(plan.cases):,} cases has {units.binary(len(first))}, and at most "
            f"{units.binary(LONGEST)} can be read again; make several runs of it"
        )
    costs = (_line("paper", {"of": key, **of.to_json()}) for key, of in papers.items())
    return _opened(folder, chain([first], costs))


def check_free(folder: Path) -> None:
    """Refuse a folder that already holds a run, or cannot be written; leaves no trace."""
    # Not `Path.exists`, which raises on a name that is too long.
    if os.path.exists(folder / FILE):
        raise StoreError(
            f"{folder} already holds a run; continue it with --resume or choose another "
            "folder with --out"
        )
    existing = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise StoreError(f"cannot write to {folder}: {existing} is not a writable folder")


def resume(folder: Path) -> Store:
    """Open the file of a run to append to it.

    Raises:
        StoreError: there is no run, or another process writes it.
    """
    try:
        (folder / FILE).stat()
    except OSError as error:
        raise _no_run(folder, error) from None
    return _opened(folder)


def _opened(folder: Path, begin: Iterable[bytes] = ()) -> Store:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Store(folder / FILE, begin)
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror}; make room, or choose another folder with "
            "--out"
        ) from None


def _no_run(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"no run in {folder}: {FILE}: {error.strerror}; cnnbench run --out FOLDER makes one"
    )


def read(folder: Path) -> Run:
    """Read a stored run; bad lines are named in it. `StoreError` if there is no run or no plan."""
    path = folder / FILE
    found: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    papers: dict[str, Paper] = {}
    bad: list[str] = []
    old, runtime, shared = False, "", _Shared()
    for number, line in enumerate(_lines_of(folder), start=1):
        if not line.strip():
            continue
        try:
            if len(line) > LONGEST:
                raise CnnbenchError(f"a line of more than {units.binary(LONGEST)}")
            schema, kind, data = _parsed(line)
            if kind == "plan" and (old or found["plan"]):
                raise CnnbenchError("a second plan")
            if schema == 1:
                if kind == "plan":
                    old, runtime = True, str(data.get("runtime"))
                data = schema1.upgraded(kind, data, runtime)
            if kind == "launch" and isinstance(data.get("reference"), str):  # there was one, or ""
                key, times = data.pop("reference"), data.pop("reference_ns", ())
                data["references"] = {key: times} if key else {}
            if kind == "paper":
                papers[str(data.pop("of", ""))] = paper.stored(data)
            elif kind in KINDS:
                read = _checked(record(KINDS[kind], data))
                found[kind].append(shared.record(read))
            else:
                raise CnnbenchError(f"unknown type {kind!r}")
        except CnnbenchError as error:
            bad.append(f"{path.name}:{number}: {error}")
            if len(bad) > MOST_BAD:
                raise StoreError(
                    f"{path} has more than {MOST_BAD} lines that are none of a run, first "
                    f"{bad[0]}; a newer version of cnnbench may read it"
                ) from None
    if not found["plan"]:
        reason = f" ({bad[0]})" if bad else ""
        raise StoreError(f"{path} holds no plan of a run{reason}; it cannot be reported")
    plan: Plan = found["plan"][0]
    cases = {case.paper_key: case for case in (*plan.cases, *(m.case for m in found["launch"]))}
    problems = dict.fromkeys(cases.keys() - papers.keys(), "its costs were not stored")
    if old:
        papers, problems = schema1.papers(cases)
    return Run(
        folder,
        replace(plan, papers=papers),
        tuple(found["launch"]),
        tuple(bad),
        {stop.case: stop.reason for stop in found["stop"]},
        tuple(found["ceilings"]),
        {rise.case: rise for rise in found["predicted"]},
        problems=problems,
        exports={export.of: export for export in found["export"]},
    )


def _checked(found: Any) -> Any:
    """The same, if it is no launch with times that no clock gives, or turns without calls."""
    if isinstance(found, Measurement):
        times = chain(found.samples_ns, *found.references.values())
        if not all(0 < time < LONGEST_NS for time in times):
            raise CnnbenchError(
                "not a measurement: a time must be more than 0, and of this century"
            )
        if min(found.bursts, default=1) < 1 or sum(found.bursts) > max(
            len(found.samples_ns) - 1, 0
        ):
            raise CnnbenchError("not a measurement: its turns have other calls than the launch")
        return replace(found, environment=dict(_known(found.environment)))
    return found


class _Shared:
    """What launches have in common is kept once for all of them: they may be 100,000."""

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}
        self._environment: dict[str, Any] = {}

    def record(self, found: Any) -> Any:
        """An equal record, whose cases and environment are earlier ones where these are equal."""
        if isinstance(found, Plan):
            self._cases = {case.id: case for case in found.cases}
        if not isinstance(found, Measurement):
            return found
        case = self._cases.setdefault(found.case.id, found.case)
        here = found.environment
        for key, value in self._environment.items():
            if key in here and here[key] == value:
                here[key] = value
        self._environment = here
        return replace(found, case=case) if case == found.case else found


def _lines_of(folder: Path) -> Iterator[bytes]:
    """The lines of a stored run, one at a time: a file may be larger than the memory."""
    try:
        do = "a folder of several runs is read as one"
        paths.check_file(folder / FILE, LARGEST, StoreError, do)
        with (folder / FILE).open("rb") as file:
            yield from _lines(file)
    except OSError as error:
        raise _no_run(folder, error) from None


_Number = int | Annotated[float, Field(allow_inf_nan=False)]


class _Gpu(TypedDict, total=False):
    name: str
    unknown: str
    sm_mhz: _Number | None
    memory_mhz: _Number | None
    watts: _Number | None
    celsius: _Number | None
    throttled: list[str] | None


_ENVIRONMENT: dict[str, Any] = {
    "versions": dict[str, str],
    "devices": dict[str, list[str]],
    "gpu": _Gpu,
    "memory_bytes": _Number,
    "load_1m": _Number,
    "drift": _Number,
    "layout": _Number,
    "cores": int,
    "threads": int,
}
"""What the machine of a launch said, where it is more than a text."""


def _known(environment: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an environment says of a machine, without what cannot stand there."""
    for key, value in environment.items():
        if key not in _ENVIRONMENT or value is None:
            if value is None or isinstance(value, (str, bool)):
                yield key, value
            continue
        with suppress(CnnbenchError):
            yield key, record(_ENVIRONMENT[key], value)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is too long as much as shows that."""
    while line := file.readline(LONGEST + 1):
        yield line.rstrip(b"\n")
        while len(line) > LONGEST and not line.endswith(b"\n"):
            line = file.readline(LONGEST + 1)


def _parsed(line: bytes) -> tuple[int, str, dict[str, Any]]:
    """The schema and the type of a line, and its other values."""
    try:
        data = paths.from_json(line)
        schema, kind = data.pop("schema"), str(data.pop("type"))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CnnbenchError(f"not a record ({len(line)} bytes)") from None
    if schema not in (1, SCHEMA):
        raise CnnbenchError(f"schema {schema}, this version reads 1 to {SCHEMA}")
    return schema, kind, data
