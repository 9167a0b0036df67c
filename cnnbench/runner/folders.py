"""The folders of runs: where a new one goes, which one is continued, and both ready to measure."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnbench.errors import StoreError

if TYPE_CHECKING:
    from cnnbench.cases.plan import Plan
    from cnnbench.runner.loop import Ending, Progress
    from cnnbench.runner.session import Session
    from cnnbench.runs.store import Run, Store

REPORTS = Path("reports")


def chosen(suite: str, out: Path | str | None, resume: bool) -> Path:
    """Where a run goes: `out` if given, the newest of the suite to continue, or a new one.

    Raises:
        StoreError: there is none to continue.
    """
    if out:
        return Path(out)
    return _latest(suite) if resume else _new(suite)


def _new(suite: str) -> Path:
    return REPORTS / f"{suite}-{time.strftime('%Y%m%d-%H%M%S')}"


def _latest(suite: str) -> Path:
    from cnnbench.runs.store import FILE

    ours = re.compile(re.escape(suite) + r"-\d{8}-\d{6}")
    runs = (path.parent for path in REPORTS.glob(f"*/{FILE}"))
    found = sorted(folder for folder in runs if ours.fullmatch(folder.name))
    if not found:
        raise StoreError(
            f"no run of {suite} under {REPORTS}/ to continue; name its folder with --out"
        )
    return found[-1]


@dataclass(frozen=True, slots=True)
class Opened:
    """A run, new or continued, whose runtime is ready and whose file is open."""

    measuring: Session
    plan: Plan
    file: Store
    earlier: Run | None

    def measure(self, progress: Progress | None) -> Ending:
        """Make the launches that it does not have yet."""
        from cnnbench.runner.progress import Silent

        return self.measuring.continued(self.plan, self.file, progress or Silent(), self.earlier)


@contextmanager
def opened(
    folder: Path,
    suite: str,
    runtime: str,
    plan: Callable[[Session], Plan],
    *,
    resume: bool,
    time_budget: float | None,
) -> Iterator[Opened]:
    """Start a runtime and a run in a folder, or continue the one that is there.

    Args:
        folder: of the run.
        suite: that it must be of.
        runtime: what measures; of a run that is continued, its own.
        plan: what a new run sets out to do, on a runtime that has started.
        resume: continue, as it was planned.
        time_budget: seconds for all launches, in the place of what was planned.

    Raises:
        CnnbenchError: there is no such run or runtime, or one that does not fit, or the folder
            is not free.
    """
    from cnnbench.runner import planning, session
    from cnnbench.runs import store

    earlier = store.read(folder) if resume else None
    if earlier is None:
        store.check_free(folder)
    measuring = session.start(*(earlier.plan.runtimes if earlier else (runtime,)))
    if earlier:
        _same_run(earlier, suite, measuring.described)
        planning.check_unchanged(earlier.plan, measuring.workers)
        budget = time_budget or earlier.plan.time_budget_s
        wanted, file = replace(earlier.plan, time_budget_s=budget), store.resume(folder)
    else:
        wanted = plan(measuring)
        file = store.create(folder, wanted)
    with file:
        yield Opened(measuring, wanted, file, earlier)


def _same_run(earlier: Run, suite: str, described: Mapping[str, dict[str, Any]]) -> None:
    """Refuse to mix samples that cannot be compared into one run."""
    if earlier.plan.suite != suite:
        raise StoreError(
            f"{earlier.folder} holds a run of {earlier.plan.suite}, not of {suite}; "
            "name the suite that it was started with"
        )
    for measurement in earlier.measurements[:1]:
        before = measurement.environment
        now = {"host": platform.node(), **described[measurement.case.runtime]["versions"]}
        versions = before.get("versions")
        then = {"host": before.get("host"), **(versions if isinstance(versions, dict) else {})}
        for key, value in now.items():
            if then.get(key) != value:
                raise StoreError(
                    f"{earlier.folder} was measured with {key} {then.get(key)}, this is {value}; "
                    "start a new run instead of continuing it"
                )
