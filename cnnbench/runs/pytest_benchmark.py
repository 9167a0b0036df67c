"""PYTEST-BENCHMARK: its JSON, read as a recording and written from a run.

A file is one process, and so one launch of each of its benchmarks. The files of a folder are
launches of the same benchmarks, in the order of the files' names.
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

from cnnbench import paths, stats
from cnnbench.errors import CnnbenchError, StoreError
from cnnbench.runs.recording import Recording, Series, distinct_values, of_run
from cnnbench.runs.store import FILE, Run
from cnnbench.schema import record

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
OURS = "cnnbench"
"""The key in `extra_info` and `machine_info` for what the format itself has no field for."""

LARGEST = 2**28
"""Bytes of a file that is still read: it has some 20 for each round."""
ALONE = "a file is one process, so there is no interval; compare folders of several files"


@dataclass
class Times:
    """How long a benchmark took, in seconds; `data` has every round if the file has them."""

    median: Seconds
    data: list[Seconds] = field(default_factory=list)


@dataclass
class CaseInfo:
    """What we write about a case into `extra_info`; `calls` and `peaks` have one entry a launch."""

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
    stats: Times
    extra_info: dict[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> CaseInfo:
        """What we wrote about the case; the name alone if another tool wrote the benchmark."""
        if OURS in self.extra_info:
            info = record(CaseInfo, self.extra_info[OURS])
            return replace(info, name=info.name or self.name)
        return CaseInfo(case=self.fullname, name=self.name)


@dataclass
class BenchmarkFile:
    """The fields of a file that we read."""

    benchmarks: list[Benchmark]
    machine_info: dict[str, Any] = field(default_factory=dict)
    commit_info: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    datetime: str = ""

    @property
    def started(self) -> float | None:
        """Its date in seconds since the epoch, in UTC where it has no zone; None if it has none."""
        try:
            date = datetime.fromisoformat(self.datetime)
        except ValueError:
            return None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def read(path: Path) -> Recording:
    """The benchmarks of a file, or of the files of a folder, which are launches of the same."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    parts = [_file(file) for file in files]
    joined: dict[str, Series] = {}
    for series in chain.from_iterable(part.series for part in parts):
        old = joined.get(series.key)
        joined[series.key] = _join(old, series) if old else series
    if not joined:
        raise StoreError(f"{path} holds no benchmark")
    facts = [(key, v) for p in parts for key, vs in p.environment.items() for v in vs]
    alone = all(len(series.samples) < 2 for series in joined.values())
    notes = (ALONE,) if alone else ()
    started = min((part.started for part in parts if part.started), default=None)
    environment = distinct_values(facts)
    return Recording(str(path), tuple(joined.values()), environment, notes, started=started)


def _join(old: Series, new: Series) -> Series:
    """The launches of two files, one after the other."""
    offset = 1 + max((*old.samples, *old.peaks), default=-1)
    return replace(
        new,
        samples=old.samples | {offset + n: calls for n, calls in new.samples.items()},
        peaks=old.peaks | {offset + n: peak for n, peak in new.peaks.items()},
        outcome="ok" if old.outcome == "ok" else new.outcome,
    )


def _file(path: Path) -> Recording:
    """The benchmarks of a file; the key of each is the case's id, unless several have the same."""
    try:
        data = paths.read(path, LARGEST, StoreError, "measure fewer rounds")
        file = record(BenchmarkFile, paths.from_json(data))
        pairs = [(benchmark, benchmark.ours) for benchmark in file.benchmarks]
        cases = Counter(info.case for _, info in pairs)
        keys = [info.case if cases[info.case] == 1 else b.fullname for b, info in pairs]
        twice = [key for key, count in Counter(keys).items() if count > 1]
        if twice:
            raise CnnbenchError(f"two benchmarks are called {twice[0]}")
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
    except StoreError:
        raise
    except (ValueError, CnnbenchError) as error:
        raise StoreError(
            f"{path} is not pytest-benchmark's JSON ({error}); pytest --benchmark-json=FILE "
            "writes it"
        ) from None
    names = Counter(info.name for _, info in pairs)
    series = (
        _series(key, key if names[info.name] > 1 else info.name, benchmark.stats, info)
        for key, (benchmark, info) in zip(keys, pairs, strict=True)
    )
    facts = distinct_values(_machine(file))
    return Recording(str(path), tuple(series), facts, started=file.started)


def _series(key: str, name: str, of: Times, ours: CaseInfo) -> Series:
    """A benchmark with its launches; the median stands for the rounds if the file has none.

    A launch whose clock was too coarse, so that it took 0 seconds, is left out.
    """
    rounds = of.data or [of.median]
    counts = ours.calls if sum(ours.calls) == len(rounds) else [len(rounds)]
    rest = iter(rounds)
    samples = {
        # Our statistics leave out the first call of a launch, which initialises. pytest-benchmark
        # made that call when it calibrated, so the median stands in for it: it changes no median.
        number: (median(launch), *launch)
        for number, launch in enumerate([list(islice(rest, count)) for count in counts])
        if launch and median(launch) > 0
    }
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


def _machine(file: BenchmarkFile) -> list[tuple[str, Any]]:
    """What a file says about the machine, under our names where the meaning is the same."""
    info = file.machine_info
    ours, cpu = info.get(OURS), info.get("cpu")
    if isinstance(ours, dict):  # written by us: every value that a key had
        return [(key, value) for key, vs in ours.items() if isinstance(vs, list) for value in vs]
    return [
        ("host", info.get("node")),
        ("cpu", cpu.get("brand_raw") if isinstance(cpu, dict) else None),
        ("system", f"{info.get('system')} {info.get('release')} {info.get('machine')}"),
        ("versions.python", info.get("python_version")),
        ("versions.pytest-benchmark", file.version or None),
        ("project_commit", _commit(file.commit_info)),
    ]


def _commit(info: dict[str, Any]) -> str | None:
    """The commit of the project, as long as ours, with "+" if files differed."""
    commit = info.get("id")
    return f"{commit}"[:12] + "+" * bool(info.get("dirty")) if commit else None


def write(run: Run) -> tuple[str, list[str]]:
    """A run as pytest-benchmark's JSON, and the cases that have no time to put into it.

    Rounds are the calls after the warm-up, of all launches one after the other.
    """
    recording = of_run(run)
    timed = [(series, steady) for series in recording.series if (steady := _steady(series))]
    if not timed:
        raise StoreError(f"{recording.name} has no timed case to export")
    last = max(m.started + m.wall_s for m in run.measurements)
    environment = recording.environment
    commit = environment.get("commit", ("",))[-1]
    data = {
        "machine_info": {
            "node": ", ".join(environment.get("host", ())),
            "python_version": ", ".join(environment.get("versions.python", ())),
            "cpu": {"brand_raw": ", ".join(environment.get("cpu", ()))},
            OURS: environment,
        },
        "commit_info": {"id": commit.rstrip("+"), "dirty": commit.endswith("+")},
        "benchmarks": [_benchmark(series, steady) for series, steady in timed],
        "datetime": datetime.fromtimestamp(last, UTC).isoformat(),
        "version": version("pytest-benchmark"),
    }
    keys = {series.key for series, _ in timed}
    left_out = [f"{s.name} ({s.outcome})" for s in recording.series if s.key not in keys]
    return json.dumps(data, indent=1) + "\n", left_out


def _steady(series: Series) -> dict[int, Sequence[float]]:
    steady = {n: stats.steady(calls) for n, calls in series.samples.items()}
    return {n: calls for n, calls in steady.items() if calls}


def _benchmark(series: Series, steady: dict[int, Sequence[float]]) -> dict[str, Any]:
    from pytest_benchmark.stats import Stats as Summary

    summary = Summary()  # type: ignore[no-untyped-call]  # they have no types
    summary.data = [seconds for calls in steady.values() for seconds in calls]
    values = summary.as_dict()  # type: ignore[no-untyped-call]
    extra = CaseInfo(
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
    """Write an export into a file, but never over a run."""
    if path.name == FILE:
        raise StoreError(f"{path} is the file of a run; choose another file with --out")
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StoreError(f"cannot write to {path}: {error.strerror}") from None
