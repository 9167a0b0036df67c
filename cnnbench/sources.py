"""SOURCES: what a name stands for: a run's folder, a baseline, or pytest-benchmark's JSON.

A folder of runs, or of JSON files, is one recording with the launches of all: two versions can
be measured in turn, so that both meet the same machine. What is there as a path goes before a
baseline of the same name.
"""

from __future__ import annotations

from os.path import exists, isdir, isfile, join
from pathlib import Path

from cnnbench import baselines, store
from cnnbench.errors import StoreError
from cnnbench.recording import Recording, merged, of_run
from cnnbench.store import FILE, Run


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
        raise StoreError(f"{name} is a folder of runs; name one, such as {several[0]}")
    raise _nothing(name)


def recording(name: str) -> Recording:
    """What was measured under that name.

    Raises:
        StoreError: there is nothing, or it cannot be read.
    """
    folder = _folder(name)
    if folder is not None:
        return of_run(store.read(folder))
    if benchmarks(name):
        from cnnbench import exchange

        return exchange.read(Path(name))
    if several := _several(name):
        return merged(name, [of_run(store.read(folder)) for folder in several])
    raise _nothing(name)


def benchmarks(name: str) -> bool:
    """Whether it is a file, or a folder with JSON files in the place of a run."""
    if isdir(name) and not exists(join(name, FILE)):
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


def _nothing(name: str) -> StoreError:
    kept = ", ".join(baselines.names()) or "none"
    return StoreError(
        f"{name!r} is no run's folder, no baseline (there are: {kept}) and no JSON of "
        "pytest-benchmark; `cnnbench run --out FOLDER` makes a run"
    )
