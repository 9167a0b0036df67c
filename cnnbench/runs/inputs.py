"""SOURCES: what a name stands for: a run's folder, a baseline, or pytest-benchmark's JSON.

A folder of runs, or of JSON files, is one recording with the launches of all: two versions can
be measured in turn, so that both meet the same machine. What is there as a path goes before a
baseline of the same name.
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
    """The stored run of that name.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    folder = _folder(name)
    if folder is not None:
        return store.read(folder)
    if benchmarks(name):
        raise StoreError(f"{name} holds benchmarks of pytest, not a run of cnnbench")
    if several := _several(name):
        return _joined(Path(name), [store.read(folder) for folder in several])
    raise _nothing(name)


def recording(name: str) -> Recording:
    """What was measured under that name.

    Raises:
        StoreError: there is nothing, or it cannot be read.
    """
    if _folder(name) is None and benchmarks(name):
        from cnnbench.runs import pytest_benchmark

        return pytest_benchmark.read(Path(name))
    return of_run(run(name))


def benchmarks(name: str) -> bool:
    """Whether it is a file, or a folder with JSON files in the place of a run."""
    if isdir(name) and not exists(join(name, FILE)) and not _several(name):
        return any(Path(name).glob("*.json"))
    return isfile(name)


def _folder(name: str) -> Path | None:
    """The folder of a run or of a baseline."""
    if name and exists(join(name, FILE)):
        return Path(name)
    return None if benchmarks(name) or _several(name) else baselines.find(name)


def _several(name: str) -> list[Path]:
    """The runs in the folders of a folder."""
    return sorted(file.parent for file in Path(name).glob(f"*/{FILE}")) if isdir(name) else []


def _joined(folder: Path, runs: Sequence[Run]) -> Run:
    """Several runs as one; launches of one number ran in the same round of the same run."""
    measurements: list[Measurement] = []
    offset, parts = 0, []
    for part in runs:
        parts.append(offset)
        measurements += [replace(m, launch=offset + m.launch) for m in part.measurements]
        offset += 1 + max((m.launch for m in part.measurements), default=-1)
    cases = {case.id: case for part in runs for case in part.plan.cases}
    plan = replace(runs[0].plan, cases=tuple(cases.values()))
    bad = (f"{part.folder}: {line}" for part in runs for line in part.bad_lines)
    return Run(folder, plan, tuple(measurements), tuple(bad), parts=tuple(parts))


def _nothing(name: str) -> StoreError:
    kept = ", ".join(baselines.names()) or "none"
    return StoreError(
        f"{name!r} is no run's folder, no baseline (there are: {kept}) and no JSON of "
        "pytest-benchmark; `cnnbench run --out FOLDER` makes a run"
    )
