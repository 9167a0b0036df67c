"""Runtimes that are ready to measure, and the folders of runs, new or continued."""

from __future__ import annotations

import platform
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom
from typing import Any

from cnnbench import runtimes
from cnnbench.cases.case import Case, named_devices, no_device, parsed_device
from cnnbench.cases.plan import Plan
from cnnbench.cases.suites import Place
from cnnbench.errors import RuntimeMissingError, StoreError
from cnnbench.runner import loop, planning, server
from cnnbench.runner.child import Reply
from cnnbench.runner.loop import Ending, Progress
from cnnbench.runner.server import Workers
from cnnbench.runs import store
from cnnbench.runs.store import Run, Store

REPORTS = Path("reports")


@dataclass(frozen=True, slots=True)
class Session(Workers):
    """Runtimes that are ready to measure; starting one takes seconds, so keep it.

    `asked` has the names of those that were asked for; others help them. `absent` says why some of
    those that were asked for do not start.
    """

    asked: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def runtime(self) -> str:
        """The one that measures what is no case of a run: TensorFlow where it is here."""
        return self.builder

    def devices(self, runtime: str) -> dict[str, str]:
        """The names of the devices that a runtime sees, by what cases call them."""
        return named_devices(self.described[runtime].devices)

    def places(
        self, device: str = "all", threads: Sequence[int] = (), clients: Sequence[int] = ()
    ) -> list[Place]:
        """Where cases can run: each runtime on cpu, gpu, which is the first, gpu:1, or all.

        With each number of clients, and on the cpu of threads, if there are several.

        Raises:
            RuntimeMissingError: no runtime sees the device.
        """
        seen = {name: self.devices(name) for name in self.asked}
        known = {at: named for of in seen.values() for at, named in of.items()}
        wanted = [
            at for at in known if device == "all" or parsed_device(device) == parsed_device(at)
        ]
        if not wanted:
            raise RuntimeMissingError(
                f"{no_device(device, known)}; use --device {next(iter(known))} or install a build "
                "that sees it"
            )
        return [
            Place(at, name, runtimes.load(name).MODES, count, calling)
            for at in wanted
            for name in self.asked
            if at in seen[name]
            for count in (threads if at == "cpu" and len(threads) > 1 else [None])
            for calling in clients or [1]
        ]

    def measure(
        self,
        cases: Sequence[Case],
        progress: Progress | None = None,
        folder: Path | None = None,
        runtime: str = "",
        **plan: Any,
    ) -> Run:
        """Measure cases on a runtime, by default ours, and read them back.

        `plan` has fields of the `Plan`. A mode that it does not have becomes its usual one.
        The run is kept in the folder, if there is one. After Ctrl-C the folder has what was
        measured before, and KeyboardInterrupt is raised.
        """
        if folder is None:
            with tempfile.TemporaryDirectory(prefix="cnnbench-") as name:
                run = self.measure(cases, progress, Path(name), runtime, **plan)
                return replace(run, folder=Path())
        seed = SystemRandom().randrange(2**31)
        fields: dict[str, Any] = {"suite": "session", "description": "", "seed": seed, **plan}
        runtime = runtime or self.runtime
        modes = runtimes.load(runtime).MODES
        known = [case.mode if case.mode in modes else modes[0] for case in cases]
        ours = tuple(
            replace(case, runtime=runtime, mode=mode)
            for case, mode in zip(cases, known, strict=True)
        )
        wanted = Plan(cases=ours, **fields)
        with store.create(folder, wanted) as file:
            ending = loop.run(wanted, file, self, progress)
        if ending.reason == "interrupted":
            raise KeyboardInterrupt
        return store.read(folder)


def start(*names: str, some: bool = False) -> Session:
    """Start runtimes; `RuntimeMissingError` if one cannot start, or with `some` if none can."""
    asked = names or ("tensorflow",)
    runtimes.check_installed(asked)
    servers = {name: server.start(name) for name in (*asked, *runtimes.helpers(asked))}
    described: dict[str, Reply] = {}
    broken: dict[str, RuntimeMissingError] = {}
    for name, each in servers.items():
        try:
            described[name] = each.describe()
        except RuntimeMissingError as error:
            broken[name] = error
    left = tuple(name for name in asked if name in described)
    needed = {*left, *runtimes.helpers(left)}
    for name, reason in broken.items():
        if not (some and left) or name in needed:
            raise reason
    working = {name: each for name, each in servers.items() if name in described}
    return Session(working, described, left, tuple(map(str, broken.values())))


def chosen(suite: str, out: Path | str | None, resume: bool) -> Path:
    """Where a run goes: `out` if given, the newest of the suite to continue, or a new one."""
    if out:
        return Path(out)
    if not resume:
        return REPORTS / f"{suite}-{time.strftime('%Y%m%d-%H%M%S')}"
    ours = re.compile(re.escape(suite) + r"-\d{8}-\d{6}")
    runs = (path.parent for path in REPORTS.glob(f"*/{store.FILE}"))
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
        done = self.earlier.measurements if self.earlier else ()
        return loop.run(self.plan, self.file, self.measuring, progress, done)


@contextmanager
def opened(
    folder: Path,
    suite: str,
    names: Sequence[str],
    plan: Callable[[Session], Plan],
    *,
    resume: bool,
    time_budget: float | None,
) -> Iterator[Opened]:
    """Start runtimes and a new run of a suite in a folder; `plan` says what it sets out to do.

    If `resume` is true, continue the run that is there, on its own runtimes and as it was planned,
    but within `time_budget` seconds if that is given. A run or a runtime that does not exist or
    does not fit is refused, and for a new run a folder that is not free.
    """
    earlier = store.read(folder) if resume else None
    if earlier is None:
        store.check_free(folder)
    measuring = start(*earlier.plan.runtimes) if earlier else start(*names, some=True)
    if earlier:
        _check_same(earlier, suite, measuring.described)
        planning.check_unchanged(earlier.plan, measuring)
        budget = time_budget or earlier.plan.time_budget_s
        wanted, file = replace(earlier.plan, time_budget_s=budget), store.resume(folder)
    else:
        wanted = plan(measuring)
        file = store.create(folder, wanted)
    with file:
        yield Opened(measuring, wanted, file, earlier)


def _check_same(earlier: Run, suite: str, described: Mapping[str, Reply]) -> None:
    """Refuse to mix samples that cannot be compared into one run."""
    if earlier.plan.suite != suite:
        raise StoreError(
            f"{earlier.folder} holds a run of {earlier.plan.suite}, not of {suite}; "
            "name the suite that it was started with"
        )
    for measurement in earlier.measurements[:1]:
        before = measurement.environment
        now = {"host": platform.node(), **described[measurement.case.runtime].versions}
        versions = before.get("versions")
        then = {"host": before.get("host"), **(versions if isinstance(versions, dict) else {})}
        for key, value in now.items():
            if then.get(key) != value:
                raise StoreError(
                    f"{earlier.folder} was measured with {key} {then.get(key)}, this is {value}; "
                    "start a new run instead of continuing it"
                )
