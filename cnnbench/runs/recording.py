"""RECORDING: what was measured, by a run of cnnbench or by pytest-benchmark.

A user names the folder of a run, a baseline, or pytest-benchmark's JSON. A folder of runs, or of
JSON files, is one recording with the launches of all of them. So two versions can be measured in
turn, while the machine is in the same state for both. An existing path takes precedence over a
baseline of the same name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import exists, isdir, isfile, join
from pathlib import Path
from typing import Any

from cnnbench import stats, units
from cnnbench.errors import StoreError, unknown
from cnnbench.runs import baselines, store
from cnnbench.runs.result import Result, Samples, results
from cnnbench.runs.store import FILE, Measurement, Run
from cnnbench.stats import Estimate, RatioVerdict

Environment = dict[str, tuple[str, ...]]
"""By key, every value that was recorded of the machine or the method, in order of appearance."""

UNITS = {"time": "seconds", "memory": "bytes", "params": "parameters", "flops": "FLOPs"}
"""What a series can have, and the unit of its values; of all of them less is better."""


def word(verdict: RatioVerdict, metric: str) -> str:
    """A verdict on a ratio in a word for a metric, as slower or more."""
    more_or_less = {RatioVerdict.SLOWER: "more", RatioVerdict.FASTER: "less"}
    words = {} if metric == "time" else more_or_less
    return words.get(verdict, verdict.value)


_MACHINE = ("host", "cpu", "cores", "threads", "pinned", "platform", "commit", "project_commit")


@dataclass(frozen=True, slots=True)
class Series:
    """The launches of one case, or of one benchmark.

    `key` identifies it in any recording, and `name` is what people call it. `label` is the name of
    the block and `place` all else that identifies the case: two blocks are compared where it is the
    same. By launch, `samples` has the seconds of every call, of which the first initialises, and
    `peaks` the bytes by which that one raised the peak memory. `params` and `flops`, of one call,
    are as they were counted then. `outcome` is "ok", or why there are no samples, and `failures`
    has, by outcome, how many launches failed and were not repeated with success. `result` is the
    case, if a run measured it.
    """

    key: str
    name: str
    label: str
    place: str
    samples: Samples
    peaks: dict[int, int]
    params: int | None
    flops: int | None
    outcome: str
    failures: dict[str, int]
    result: Result | None = None

    @property
    def time(self) -> Estimate | None:
        """Seconds of a call."""
        return stats.location(self.samples)

    def launches(self, metric: str) -> Mapping[int, Sequence[float]]:
        """Times or peaks in the form in which the statistics take launches; the first is ignored.

        Without peaks where the peak of one launch did not rise, as 0 bytes have no ratio.
        """
        if metric == "time":
            return self.samples
        return {n: (p, p) for n, p in self.peaks.items()} if all(self.peaks.values()) else {}

    def value(self, metric: str) -> Estimate | None:
        """The value of one of UNITS; the interval of what is counted is the value itself."""
        if metric in ("time", "memory"):
            return stats.location(self.launches(metric))
        counted: int | None = getattr(self, metric)
        return None if counted is None else Estimate(counted, counted, counted, 1)

    def why_missing(self, metric: str) -> str:
        """Why there is no such value."""
        if metric in ("params", "flops"):
            return f"{UNITS[metric]} not recorded"
        if self.outcome != "ok":
            return self.outcome
        if metric == "time":
            return "no call after the first"
        return "a launch whose peak rose by 0 bytes" if self.peaks else "no peak was measured"

    def failed(self, metric: str) -> bool:
        """Whether a missing value is a failure.

        A peak may be missing because the system does not report it; a time may not.
        """
        return metric == "time" or (metric == "memory" and self.outcome != "ok")


@dataclass(frozen=True, slots=True)
class Recording:
    """The cases of a run, or the benchmarks of a file, and what is wrong with it in the notes.

    `name` is where it came from. If it is several runs read as one, `parts` has the number of the
    first launch of each. `started` is in seconds since the epoch, where a file of benchmarks says.
    """

    name: str
    series: tuple[Series, ...]
    environment: Environment
    notes: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()
    started: float | None = None

    def of_block(self, label: str) -> Recording:
        """The series of one block, each with its place as key and name."""
        known = {s.label for s in self.series}
        if label not in known:
            raise unknown(f"block of {self.name}", label, known)
        chosen = [replace(s, key=s.place, name=s.place) for s in self.series if s.label == label]
        return Recording(label, tuple(chosen), self.environment, self.notes)


def of_run(run: Run) -> Recording:
    """A stored run; cases whose cost is not known are named in the notes."""
    cases, problems = results(run)
    names = Counter(r.name for r in cases)
    return Recording(
        str(run.folder),
        tuple(_series(r, r.name if names[r.name] == 1 else r.case.id) for r in cases),
        environment(run),
        tuple(f"left out: {line}" for line in (*problems, *run.bad_lines)),
        run.parts,
    )


def environment(run: Run) -> Environment:
    """What a run recorded of its machine and its method."""
    cases = (*run.plan.cases, *(m.case for m in run.measurements))
    return distinct_values(
        [
            *(fact for m in run.measurements for fact in _machine(m.environment)),
            *(("runtime", runtime) for runtime in run.plan.runtimes),
            *(("mode", mode) for mode in sorted({case.mode for case in cases})),
        ]
    )


def distinct_values(facts: Iterable[tuple[str, Any]]) -> Environment:
    """The distinct values of every key, as text; None means that it was not recorded."""
    values: dict[str, dict[str, None]] = {}
    for key, value in facts:
        if value is not None:
            values.setdefault(key, {})[str(value)] = None
    return {key: tuple(known) for key, known in values.items()}


def _machine(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a launch recorded of the machine, with one key for each version."""
    yield from ((key, found.get(key)) for key in _MACHINE)
    memory, versions = found.get("memory_bytes"), found.get("versions")
    # Rounded: the part that the system reserves for itself differs by some kB from day to day.
    yield "memory", units.binary(memory) if isinstance(memory, int | float) else None
    if isinstance(versions, dict):
        yield from ((f"versions.{name}", version) for name, version in versions.items())


def _series(r: Result, name: str) -> Series:
    counted = [m.check.params for m in r.launches if m.check]
    return Series(
        key=r.case.id,
        name=name,
        label=r.label,
        place=" ".join([units.shape(r.case.input_shape), *r.unusual]),
        samples=r.samples,
        peaks={m.launch: m.peak_bytes for m in r.launches if m.ok and m.peak_bytes is not None},
        params=counted[-1] if counted else r.cost.params,
        flops=r.flops,
        outcome=r.outcome,
        failures=Counter(m.outcome for m in r.launches if not m.ok and m.launch not in r.samples),
        result=r,
    )


def run(name: str) -> Run:
    """The stored run with that name; `StoreError` if there is none, or it cannot be read."""
    kind, _ = _named(name)
    runs = [store.read(folder) for folder in folders(name)]
    return _join(Path(name), runs) if kind == "runs" else runs[0]


def folders(name: str) -> list[Path]:
    """The folder of the run with that name, or those of several; `StoreError` as above."""
    kind, found = _named(name)
    if kind == "benchmarks":
        raise StoreError(f"{name} holds results of pytest-benchmark, not a run of cnnbench")
    if not kind:
        known = ", ".join(baselines.names()) or "none"
        raise StoreError(
            f"{name!r} is not the folder of a run, not a baseline (there are: {known}) and not "
            "pytest-benchmark's JSON; `cnnbench run --out FOLDER` makes a run"
        )
    return found


def read(name: str) -> Recording:
    """What was measured, from a run or from pytest-benchmark's JSON; `StoreError` as above."""
    if benchmarks(name):
        from cnnbench.runs import pytest_benchmark

        return pytest_benchmark.read(Path(name))
    return of_run(run(name))


def benchmarks(name: str) -> bool:
    """Whether it is a file, or a folder that holds JSON files and no run."""
    return _named(name)[0] == "benchmarks"


def several(name: str) -> bool:
    """Whether it is a folder of runs."""
    return _named(name)[0] == "runs"


def _named(name: str) -> tuple[str, list[Path]]:
    """What has that name: "run", "runs", "benchmarks" or ""; and the folders of runs."""
    if name and exists(join(name, FILE)):
        return "run", [Path(name)]
    if isdir(name) and (several := sorted(Path(name).glob(f"*/{FILE}"))):
        return "runs", [file.parent for file in several]
    if isfile(name) or (isdir(name) and any(Path(name).glob("*.json"))):
        return "benchmarks", []
    baseline = baselines.find(name)
    return ("run", [baseline]) if baseline else ("", [])


def _join(folder: Path, runs: Sequence[Run]) -> Run:
    """Several runs as one; launches with the same number ran in the same round of one run."""
    measurements: list[Measurement] = []
    parts = []
    for part in runs:
        parts.append(1 + max((m.launch for m in measurements), default=-1))
        measurements += [replace(m, launch=parts[-1] + m.launch) for m in part.measurements]
    cases = {case.id: case for part in runs for case in part.plan.cases}
    papers = {key: paper for part in runs for key, paper in part.plan.papers.items()}
    problems = {key: reason for part in runs for key, reason in part.problems.items()}
    plan = replace(runs[0].plan, cases=tuple(cases.values()), papers=papers)
    bad = (f"{part.folder}: {line}" for part in runs for line in part.bad_lines)
    return Run(folder, plan, tuple(measurements), tuple(bad), parts=tuple(parts), problems=problems)
