"""What has to be there before a case can be launched on a runtime other than TensorFlow's.

All runtimes run one network on one input, and what they return is compared. So its weights, an
input and what TensorFlow (eager) makes of it are stored first, for every network of the run. A
runtime that runs a file has it exported from these, once: files are kept in the cache.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from cnnbench import paths, runtimes, units
from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.runner import worker
from cnnbench.runner.child import Reply
from cnnbench.runner.server import Workers
from cnnbench.runs.store import Exported
from cnnbench.runtimes import Files, Order
from cnnbench.runtimes._keras import CALIBRATION

PATIENCE = 5
"""Times as long as a launch that storing or exporting a network may take."""

FORMAT = 2
"""Of the exported files: 2 has the names of layers between marks."""

CACHE_BYTES = 20 * 2**30
"""The most that exported files may take together; those that were not used for longest go."""


@dataclass
class Ready:
    """The files of the cases of a run, and why a case has none that it needs."""

    files: dict[str, Files] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def shared(plan: Plan) -> bool:
    """Whether the cases of a plan must share their values: unless all is of one runtime and type.

    That is TensorFlow's, with which others are compared.
    """
    alone = plan.runtimes == ("tensorflow",) and len({case.dtype for case in plan.cases}) == 1
    return any(map(runtimes.shares, plan.runtimes)) and not alone


class Keeps(Protocol):
    """What is told of exports: a store."""

    def append(self, kind: str, data: dict[str, Any]) -> None:
        """Keep a record."""


@contextmanager
def made(
    plan: Plan,
    store: Keeps,
    workers: Workers,
    available: Callable[[], int],
    begins: Callable[[str], None],
) -> Iterator[Ready]:
    """Store and export what the cases of a plan need; the folder lasts as long as the `with`.

    Nothing is raised for a network that cannot be stored or exported: `Ready` says why. `begins`
    is told what is done next.
    """
    ready = Ready()
    if not shared(plan):
        yield ready
        return
    with paths.temporary_folder("cnnbench-values-") as name:
        stored: dict[str, Reply] = {}
        exported: dict[str, tuple[Path | None, Exported]] = {}
        for case in plan.cases:
            if not runtimes.shares(case.runtime):
                continue  # a runtime of the user's, or a simulated one
            key = case.values_key
            folder = Path(name) / sha256(key.encode()).hexdigest()[:16]
            if key not in stored:
                begins(f"{case.name}: values for all runtimes")
                folder.mkdir()
                sharing = [other for other in plan.cases if other.values_key == key]
                frozen = any(runtimes.exporter(other.runtime) for other in sharing)
                calibrated = any(other.dtype == "int8" for other in sharing)
                order = Order(case, None, plan.seed, plan.threads)
                stored[key] = workers.servers[workers.builder].ask(
                    PATIENCE * plan.timeout_s,
                    worker.store_values,
                    order,
                    str(folder),
                    frozen,
                    calibrated,
                )
            values = stored[key]
            if not values.ok:
                ready.problems[case.id] = (
                    f"{workers.builder}, with which it would be compared, cannot run it: "
                    f"{values.detail}"
                )
                continue
            if not runtimes.exporter(case.runtime):
                ready.files[case.id] = Files(folder)
                continue
            of = case.export_key
            if of not in exported:
                kind = " in int8" if case.dtype == "int8" else ""
                begins(f"{case.name}: export to {case.runtime}{kind}")
                exported[of] = _exported(plan, case, folder, values, workers, available)
                path, found = exported[of]
                store.append("export", asdict(found))
            path, found = exported[of]
            if path is None:
                ready.problems[case.id] = f"export: {found.detail}"
            else:
                ready.files[case.id] = Files(folder, path)
        yield ready


def _exported(
    plan: Plan,
    case: Case,
    folder: Path,
    values: Reply,
    workers: Workers,
    available: Callable[[], int],
) -> tuple[Path | None, Exported]:
    """The file that a runtime runs, from the cache or newly exported; None if there is none."""
    runtime = runtimes.load(case.runtime)
    by = runtimes.exporter(case.runtime)
    versions = {**workers.described[by].versions, **workers.described[case.runtime].versions}
    depends = [FORMAT, values.digest, case.export_key, versions]
    if case.dtype == "int8":
        depends.append(sha256((folder / CALIBRATION).read_bytes()).hexdigest())
    key = sha256(json.dumps(depends).encode()).hexdigest()[:16]
    kept = paths.cache_dir() / "exports" / key
    file = kept / f"model{runtime.SUFFIX}"
    record = Exported(case.export_key, case.runtime, case.name)
    if file.exists():
        os.utime(kept)
        return file, replace(record, cached=True, bytes=_size(kept))
    weights = 4 * plan.paper(case).cost.params
    needed, room = runtime.EXPORT_BYTES * weights + 2**30, available()
    if needed > room:
        why = f"it takes about {units.binary(needed)} and {units.binary(room)} is available"
        return None, replace(record, outcome="skipped", detail=why)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix="partial-") as partial:
            made = Path(partial) / key
            made.mkdir()
            begin = time.perf_counter()
            reply = workers.servers[by].ask(
                PATIENCE * plan.timeout_s,
                worker.export,
                Order(case, None, plan.seed, plan.threads),
                str(folder),
                str(made / file.name),
            )
            seconds = time.perf_counter() - begin
            found = replace(
                record,
                outcome=reply.outcome,
                detail=reply.detail,
                seconds=seconds,
                peak_bytes=reply.peak_bytes,
            )
            if not reply.ok:
                return None, found
            if not file.exists():  # another run may have exported the same
                made.rename(kept)
    except OSError as error:
        why = f"{kept.parent}: {error.strerror}"
        return None, replace(record, outcome="failed", detail=why)
    _bounded(kept)
    return file, replace(found, bytes=_size(kept))


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*"))


def _bounded(newest: Path) -> None:
    """Remove the files that were not used for longest where all take too much together."""
    with suppress(OSError):  # another run removes them too
        folders = sorted(newest.parent.iterdir(), key=lambda folder: folder.stat().st_mtime)
        total = sum(map(_size, folders))
        for folder in folders:
            if total > CACHE_BYTES and folder != newest:
                total -= _size(folder)
                shutil.rmtree(folder, ignore_errors=True)
