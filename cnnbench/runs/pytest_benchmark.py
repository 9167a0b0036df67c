"""EXCHANGE: pytest-benchmark's JSON, read as a recording and written from one.

A file is one process, and so one launch of each of its benchmarks. The files of a folder are
launches of the same benchmarks, in the order of their names.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

from pydantic import Field

from cnnbench import stats
from cnnbench.errors import CnnbenchError, StoreError
from cnnbench.runs.recording import Recording, Series, environment, of_run
from cnnbench.runs.store import FILE, Run
from cnnbench.schema import record

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
OURS = "cnnbench"
"""The key of `extra_info` and of `machine_info` that holds what their format has no place for."""

ALONE = "a file is one process, so there is no interval; compare folders of several files"


@dataclass
class Stats:
    """What a benchmark took; `data` has every round, where it was kept."""

    median: Seconds
    data: list[Seconds] = field(default_factory=list)


@dataclass
class Extra:
    """What we say of a case in `extra_info`; `calls` and `peaks` have one entry a launch."""

    case: str
    name: str = ""
    label: str = ""
    place: str = ""
    params: int | None = None
    flops: int | None = None
    calls: tuple[int, ...] = ()
    peaks: tuple[int | None, ...] = ()


@dataclass
class Benchmark:
    """One benchmark of a file."""

    name: str
    fullname: str
    stats: Stats
    extra_info: dict[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> Extra:
        """What we know of the case; of a benchmark of others, its name."""
        if OURS in self.extra_info:
            found = record(Extra, self.extra_info[OURS])
            return replace(found, name=found.name or self.name)
        return Extra(case=self.fullname, name=self.name)


@dataclass
class Document:
    """A file; of what it holds, what we read."""

    benchmarks: list[Benchmark]
    machine_info: dict[str, Any] = field(default_factory=dict)
    commit_info: dict[str, Any] = field(default_factory=dict)
    version: str = ""


def read(path: Path) -> Recording:
    """Benchmarks from a file, or from a folder of files that are launches of the same.

    Raises:
        StoreError: a file that cannot be read, or is none of pytest-benchmark's.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    parts = [_file(file) for file in files]
    found: dict[str, Series] = {}
    for series in chain.from_iterable(part.series for part in parts):
        old = found.get(series.key)
        found[series.key] = _both(old, series) if old else series
    if not found:
        raise StoreError(f"{path} holds no benchmark")
    machines = [{key: v} for p in parts for key, vs in p.environment.items() for v in vs]
    alone = all(len(series.samples) < 2 for series in found.values())
    return Recording(
        str(path), tuple(found.values()), environment(machines), (ALONE,) if alone else ()
    )


def _both(old: Series, new: Series) -> Series:
    """The launches of two files, one after the other."""
    offset = 1 + max((*old.samples, *old.peaks), default=-1)
    return replace(
        new,
        samples=old.samples | {offset + n: calls for n, calls in new.samples.items()},
        peaks=old.peaks | {offset + n: peak for n, peak in new.peaks.items()},
        outcome="ok" if old.outcome == "ok" else new.outcome,
    )


def _file(file: Path) -> Recording:
    document = _document(file)
    benchmarks = _benchmarks(document, file)
    names = Counter(ours.name for _, _, ours in benchmarks)
    return Recording(
        str(file),
        tuple(
            _series(key, key if names[ours.name] > 1 else ours.name, of.stats, ours)
            for key, of, ours in benchmarks
        ),
        environment(_machine(document)),
    )


def _series(key: str, name: str, of: Stats, ours: Extra) -> Series:
    launches = _launches(of, ours.calls).items()
    samples = {number: _samples(rounds) for number, rounds in launches}
    return Series(
        key=key,
        name=name,
        label=ours.label or ours.name,
        place=ours.place,
        samples=samples,
        peaks={number: peak for number, peak in enumerate(ours.peaks) if peak is not None},
        params=ours.params,
        flops=ours.flops,
        outcome="ok" if samples else "took 0 seconds",
        failures={},
    )


def _document(file: Path) -> Document:
    try:
        return record(Document, json.loads(file.read_bytes()))
    except OSError as error:
        raise StoreError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, RecursionError, CnnbenchError) as error:
        raise _wrong(file, str(error)) from None


def _wrong(file: Path, reason: str) -> StoreError:
    return StoreError(
        f"{file} is not pytest-benchmark's JSON ({reason}); pytest --benchmark-json=FILE writes it"
    )


def _benchmarks(document: Document, file: Path) -> list[tuple[str, Benchmark, Extra]]:
    """The benchmarks of a file with their keys: the case, where only one has it."""
    try:
        ours = [benchmark.ours for benchmark in document.benchmarks]
    except CnnbenchError as error:
        raise _wrong(file, str(error)) from None
    cases = Counter(extra.case for extra in ours)
    pairs = list(zip(document.benchmarks, ours, strict=True))
    found = [(e.case if cases[e.case] == 1 else b.fullname, b, e) for b, e in pairs]
    twice = [key for key, count in Counter(key for key, _, _ in found).items() if count > 1]
    if twice:
        raise _wrong(file, f"two benchmarks are called {twice[0]}")
    return found


def _launches(of: Stats, calls: Sequence[int]) -> dict[int, Sequence[float]]:
    """The rounds of each launch by its place; a median alone, where that was kept, is one.

    A launch that took no time, by a clock too coarse for it, says nothing.
    """
    rounds = of.data or [of.median]
    counts = calls if sum(calls) == len(rounds) else [len(rounds)]
    left = iter(rounds)
    found = enumerate([list(islice(left, count)) for count in counts])
    return {number: launch for number, launch in found if launch and median(launch) > 0}


def _samples(rounds: Sequence[float]) -> tuple[float, ...]:
    # Our statistics leave out the first call of a launch, which initialises. pytest-benchmark
    # made that call when it calibrated: the median holds its place, which changes no median.
    return (median(rounds), *rounds)


def _machine(document: Document) -> list[dict[str, Any]]:
    """What a file says of the machine, under our names where it is the same thing."""
    info, commit = document.machine_info, document.commit_info
    kept = info.get(OURS)
    if isinstance(kept, dict):  # written by us: every value that a key had
        return [{key: value} for key, vs in kept.items() if isinstance(vs, list) for value in vs]
    cpu = info.get("cpu")
    return [
        {
            "host": info.get("node"),
            "cpu": cpu.get("brand_raw") if isinstance(cpu, dict) else None,
            "system": f"{info.get('system')} {info.get('release')} {info.get('machine')}",
            "versions.python": info.get("python_version"),
            "versions.pytest-benchmark": document.version or None,
            "commit": commit.get("id"),
        }
    ]


def write(run: Run) -> tuple[str, list[str]]:
    """A run as pytest-benchmark's JSON, and the cases that it cannot hold.

    Rounds are the calls after the warm-up, of all launches one after the other.
    """
    found = of_run(run)
    timed = [(series, steady) for series in found.series if (steady := _steady(series))]
    if not timed:
        raise StoreError(f"{found.name} has no timed case to export")
    last = max(m.started + m.wall_s for m in run.measurements)
    commit = found.environment.get("commit", ("",))[-1]
    document = {
        "machine_info": {
            "node": ", ".join(found.environment.get("host", ())),
            "python_version": ", ".join(found.environment.get("versions.python", ())),
            "cpu": {"brand_raw": ", ".join(found.environment.get("cpu", ()))},
            OURS: found.environment,
        },
        "commit_info": {"id": commit.rstrip("+"), "dirty": commit.endswith("+")},
        "benchmarks": [_benchmark(series, steady) for series, steady in timed],
        "datetime": datetime.fromtimestamp(last, UTC).isoformat(),
        "version": version("pytest-benchmark"),
    }
    kept = {series.key for series, _ in timed}
    lost = [f"{s.name} ({s.outcome})" for s in found.series if s.key not in kept]
    return json.dumps(document, indent=1) + "\n", lost


def _steady(series: Series) -> dict[int, Sequence[float]]:
    steady = {n: stats.steady(calls) for n, calls in series.samples.items()}
    return {n: calls for n, calls in steady.items() if calls}


def _benchmark(series: Series, steady: dict[int, Sequence[float]]) -> dict[str, Any]:
    from pytest_benchmark.stats import Stats as Summary

    summary = Summary()  # type: ignore[no-untyped-call]  # they have no types
    summary.data = [seconds for calls in steady.values() for seconds in calls]
    values = summary.as_dict()  # type: ignore[no-untyped-call]
    extra = Extra(
        case=series.key,
        name=series.name,
        label=series.label,
        place=series.place,
        params=series.params,
        flops=series.flops,
        calls=tuple(map(len, steady.values())),
        peaks=tuple(series.peaks.get(number) for number in steady),
    )
    return {
        "group": None,
        "name": series.name,
        "fullname": series.key,
        "params": None,
        "param": None,
        "extra_info": {OURS: asdict(extra)},
        "options": {},
        "stats": {**values, "data": summary.data, "iterations": 1},
    }


def save(path: Path, data: bytes) -> None:
    """Write an export into a file, but never over a run.

    Raises:
        StoreError: it holds a run, or cannot be written.
    """
    if path.name == FILE:
        raise StoreError(f"{path} is where a run is kept; choose another file with --out")
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StoreError(f"cannot write to {path}: {error.strerror}") from None
