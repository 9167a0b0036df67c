"""INPUTS: what a user can name: a run's folder, a baseline, or pytest-benchmark's JSON.

A folder of runs, or of JSON files, is one recording with the launches of all of them. So two
versions can be measured in turn, while the machine is in the same state for both. An existing
path takes precedence over a baseline of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os.path import exists, isdir, isfile, join
from pathlib import Path

from cnnbench.errors import StoreError
from cnnbench.runs import baselines, store
from cnnbench.runs.measurement import Measurement
from cnnbench.runs.recording import Recording, of_run
from cnnbench.runs.store import FILE, Run


def run(name: str) -> Run:
    """The stored run with that name; `StoreError` if there is none, or it cannot be read."""
    folder = _folder(name)
    if folder is not None:
        return store.read(folder)
    if benchmarks(name):
        raise StoreError(f"{name} holds results of pytest-benchmark, not a run of cnnbench")
    if several := _several(name):
        return _join(Path(name), [store.read(folder) for folder in several])
    known = ", ".join(baselines.names()) or "none"
    raise StoreError(
        f"{name!r} is not the folder of a run, not a baseline (there are: {known}) and not "
        "pytest-benchmark's JSON; `cnnbench run --out FOLDER` makes a run"
    )


def recording(name: str) -> Recording:
    """What was measured, from a run or from pytest-benchmark's JSON; `StoreError` as above."""
    if _folder(name) is None and benchmarks(name):
        from cnnbench.runs import pytest_benchmark

        return pytest_benchmark.read(Path(name))
    return of_run(run(name))


def benchmarks(name: str) -> bool:
    """Whether it is a file, or a folder that holds JSON files and no run."""
    if isdir(name) and not exists(join(name, FILE)) and not _several(name):
        return any(Path(name).glob("*.json"))
    return isfile(name)


def _folder(name: str) -> Path | None:
    """The folder of a run or of a baseline."""
    if name and exists(join(name, FILE)):
        return Path(name)
    return None if benchmarks(name) or _several(name) else baselines.find(name)


def _several(name: str) -> list[Path]:
    """The folders of runs inside a folder."""
    return sorted(file.parent for file in Path(name).glob(f"*/{FILE}")) if isdir(name) else []


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
