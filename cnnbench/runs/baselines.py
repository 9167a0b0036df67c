"""BASELINES: runs kept under a name, to compare later ones with.

A baseline is a copy of a run's `measurements.jsonl`, in `baselines/NAME` of `paths.data_dir`.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cnnbench import paths
from cnnbench.errors import CnnbenchError, StoreError, unknown
from cnnbench.runs import store
from cnnbench.runs.store import FILE, Run

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A stored baseline; `problem` says why it cannot be read, if it cannot."""

    name: str
    run: Run | None
    problem: str = ""


def save(name: str, folder: Path, *, replace: bool = False) -> Path:
    """Keep a run under a name; returns the folder of the copy.

    Raises:
        StoreError: there is no run in the folder, the name is taken, or nothing can be written.
        CnnbenchError: what is no name.
    """
    place = _place(name)
    store.read(folder)  # only what can be compared later is worth keeping
    if name in names() and not replace:
        raise StoreError(f"there is a baseline {name} already; --replace writes over it")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".saving-") as fresh:
            shutil.copyfile(folder / FILE, Path(fresh) / FILE)
            place.mkdir(exist_ok=True)
            os.replace(Path(fresh) / FILE, place / FILE)
    except OSError as error:
        raise StoreError(
            f"cannot keep baselines in {place.parent}: {error.strerror}; "
            "set CNNBENCH_HOME to a folder that can be written"
        ) from None
    return place


def names() -> list[str]:
    """The baselines that there are."""
    try:
        found = [path.parent.name for path in _root().glob(f"*/{FILE}")]
    except OSError:  # no folder yet, or none that can be read
        return []
    return sorted(name for name in found if _NAME.fullmatch(name))  # not one that is being saved


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
    """Forget a baseline.

    Raises:
        UnknownNameError: there is none of that name.
        StoreError: it cannot be deleted.
    """
    place = find(name)
    if place is None:
        raise unknown("baseline", name, names(), see="cnnbench baseline list")
    try:
        shutil.rmtree(place)
    except OSError as error:
        raise StoreError(f"cannot remove {place}: {error.strerror}") from None


def _root() -> Path:
    return paths.data_dir() / "baselines"


def _place(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise CnnbenchError(
            f"a baseline's name must be 1 to 64 letters, digits, '.', '_' or '-', such as main; "
            f"got {name!r}"
        )
    return _root() / name
