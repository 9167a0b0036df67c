"""Cases to measure now: servers, a run's folder and the loop, in one call."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.runner import loop, server
from cnnbench.runner.loop import Ending, Progress
from cnnbench.runner.server import Workers
from cnnbench.runs import store
from cnnbench.runs.store import Run


@dataclass(frozen=True, slots=True)
class Session:
    """Runtimes that are ready to measure; starting one takes seconds, so keep it.

    `described` is what each of them says of itself, by its name.
    """

    workers: Workers
    described: dict[str, dict[str, Any]]

    @property
    def runtime(self) -> str:
        """The first of them."""
        return next(iter(self.described))

    def devices(self, runtime: str | None = None) -> dict[str, list[str]]:
        """The names of the devices that a runtime sees, by kind; the first runtime if None."""
        found: dict[str, list[str]] = self.described[runtime or self.runtime]["devices"]
        return found

    def measure(
        self, cases: Sequence[Case], progress: Progress, folder: Path | None = None, **plan: Any
    ) -> Run:
        """Measure cases on the first runtime and read them back.

        Args:
            cases: what to measure.
            progress: who is told.
            folder: where the run is kept; nowhere if None.
            **plan: other fields of the `Plan`: launches, time_budget_s, threads, ...

        Raises:
            KeyboardInterrupt: Ctrl-C; what was measured before is in the folder.
            StoreError: the folder holds a run already, or cannot be written.
        """
        wanted = Plan(
            suite=plan.pop("suite", "session"),
            description=plan.pop("description", ""),
            cases=tuple(replace(case, runtime=self.runtime) for case in cases),
            seed=plan.pop("seed", SystemRandom().randrange(2**31)),
            **plan,
        )
        with _folder(folder) as place:
            with store.create(place, wanted) as file:
                ending = self.continued(wanted, file, progress)
            if ending.reason == "interrupted":
                raise KeyboardInterrupt
            return replace(store.read(place), folder=folder or Path())

    def continued(
        self, plan: Plan, file: store.Store, progress: Progress, earlier: Run | None = None
    ) -> Ending:
        """Measure what a plan asks for and an earlier run does not have."""
        done = earlier.measurements if earlier else ()
        return loop.run(plan, file, self.workers, self.described, progress, done)


def start(*runtimes: str) -> Session:
    """Start runtimes.

    Raises:
        UnknownNameError: there is no such runtime.
        RuntimeMissingError: it cannot be started.
    """
    servers = {name: server.start(name) for name in runtimes or ("tensorflow",)}
    described = {name: each.describe() for name, each in servers.items()}
    return Session(Workers(servers), described)


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="cnnbench-") as name:
        yield Path(name)
