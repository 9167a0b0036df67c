"""Runtimes that are ready to measure, and the folders of runs, new or continued."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Any, TypeVar

from cnnbench import paths, runtimes
from cnnbench.cases.case import Case, named_devices, no_device, parsed_device
from cnnbench.cases.plan import Plan
from cnnbench.cases.suites import Place
from cnnbench.errors import RuntimeMissingError, StoreError
from cnnbench.runner import loop, planning, server
from cnnbench.runner.child import Reply
from cnnbench.runner.loop import Ending, Progress
from cnnbench.runner.server import Workers
from cnnbench.runs import store
from cnnbench.runs.store import Measurement, Run, Store

REPORTS = Path("reports")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session(Workers):
    """Runtimes that are ready to measure; starting one takes seconds, so keep it.

    `asked` has the names of those that were asked for; others help them. `absent` says what is
    missing of those that were asked for, and why some do not start.
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

    def identity(self, runtime: str) -> dict[str, Any]:
        """What must not change within a run, by its names in an environment."""
        return {"host": platform.node(), **self.described[runtime].versions}

    def there(self, function: Callable[..., T], *args: Any, progress: Progress) -> T:
        """What `function(session, *args, progress)` returns on the machine that measures."""
        return function(self, *args, progress)

    def run(
        self,
        plan: Plan,
        file: Store,
        progress: Progress | None = None,
        earlier: Sequence[Measurement] = (),
    ) -> Ending:
        """Make the launches of a plan that `earlier` ones have not made."""
        return loop.run(plan, file, self, progress, earlier)

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
            with paths.temporary_folder("cnnbench-") as name:
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
            ending = self.run(wanted, file, progress)
        if ending.reason == "interrupted":
            raise KeyboardInterrupt
        return store.read(folder)


def start(*names: str, some: bool = False) -> Session:
    """Start runtimes, by default TensorFlow; "all" are those that are installed.

    Raises:
        RuntimeMissingError: one is not installed, or cannot start; with `some`, only if none can.
    """
    asked, lacking = runtimes.chosen(names or ("tensorflow",))
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
    return Session(working, described, left, (*lacking, *map(str, broken.values())))


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


@contextmanager
def started(
    names: Sequence[str],
    cluster: str | None = None,
    *,
    some: bool = False,
    fits: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    kind: Mapping[str, Any] | None = None,
) -> Iterator[Session]:
    """Start runtimes here, or on the machines of a cluster, see `pool.joined`."""
    if cluster is None:
        yield start(*names, some=some)
        return
    from cnnbench.runner import pool

    with pool.joined(cluster, names, some, fits, kind) as joined:
        yield joined


def kinds(names: Sequence[str], cluster: str) -> dict[str, dict[str, Any]]:
    """The kinds of machines of a cluster, that with most workers first, by names for folders."""
    from cnnbench.runner import crew, pool

    with pool.joined(cluster, names, some=True) as joined:
        return {crew.folder_of(kind): kind for kind in joined.crew.kinds}


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
        return self.measuring.run(self.plan, self.file, progress, done)


@contextmanager
def opened(
    folder: Path,
    suite: str,
    names: Sequence[str],
    plan: Callable[[Session], Plan],
    *,
    resume: bool,
    time_budget: float | None,
    cluster: str | None = None,
    kind: Mapping[str, Any] | None = None,
    code: Collection[str] = (),
) -> Iterator[Opened]:
    """Start runtimes and a new run of a suite in a folder; `plan` says what it sets out to do.

    They start here, or on the machines of a cluster; only on those of a `kind`, if it is given.

    If `resume` is true, continue the run that is there, on its own runtimes and as it was planned,
    but within `time_budget` seconds if that is given. A run or a runtime that does not exist or
    does not fit is refused, and for a new run a folder that is not free. Costs whose lines were
    damaged are stored again. A run may come from a stranger, so what it would run or import must be
    among the runtimes `names` or the `code` that the user named, see `Case.code`.
    """
    with ExitStack() as stack:
        earlier = file = None
        if resume:
            # Before it is read: what another process adds meanwhile would be measured twice.
            file = stack.enter_context(store.resume(folder))
            earlier = store.read(folder)
            _check_named(earlier, {*code, *(name.strip() for name in names)})
        else:
            store.check_free(folder)
        wanted_names = earlier.plan.runtimes if earlier else names
        fits = partial(_fits, earlier)
        measuring = stack.enter_context(
            started(wanted_names, cluster, some=not earlier, fits=fits, kind=kind)
        )
        if earlier and file:
            _check_same(earlier, suite, measuring)
            papers = planning.check_unchanged(earlier.plan, measuring)
            lost = {key: of for key, of in papers.items() if key not in earlier.plan.papers}
            file.extend(("paper", {"of": key, **of.to_json()}) for key, of in lost.items())
            wanted = replace(
                earlier.plan,
                time_budget_s=time_budget or earlier.plan.time_budget_s,
                papers=earlier.plan.papers | lost,
            )
        else:
            wanted = plan(measuring)
            file = stack.enter_context(store.create(folder, wanted))
        yield Opened(measuring, wanted, file, earlier)


def _recorded(earlier: Run) -> dict[str, Any]:
    """The machine and the versions of the first launch of a run, by name; nothing before it."""
    for measurement in earlier.measurements[:1]:
        versions = measurement.environment.get("versions")
        return measurement.environment | (versions if isinstance(versions, dict) else {})
    return {}


def _fits(earlier: Run | None, kind: Mapping[str, Any]) -> bool:
    """Whether a kind of machine is the one that a run was begun on."""
    then = _recorded(earlier) if earlier else {}
    return all(kind[key] == then[key] for key in kind.keys() & then.keys())


def _check_named(earlier: Run, named: Collection[str]) -> None:
    """Refuse to continue a run that would run code which nobody asked for."""
    needed = dict.fromkeys(code for case in earlier.plan.cases for code in case.code)
    if left := [code for code in needed if code not in named]:
        raise StoreError(
            f"the run in {earlier.folder} would execute {', '.join(left)}, which this command does "
            "not name; if you trust it, name it too: as the target, or with --import, --data or "
            "--runtime"
        )


def _check_same(earlier: Run, suite: str, measuring: Session) -> None:
    """Refuse to mix samples that cannot be compared into one run."""
    if earlier.plan.suite != suite:
        raise StoreError(
            f"{earlier.folder} holds a run of {earlier.plan.suite}, not of {suite}; "
            "name the suite that it was started with"
        )
    then = _recorded(earlier)
    for measurement in earlier.measurements[:1]:
        for key, value in measuring.identity(measurement.case.runtime).items():
            if then.get(key) != value:
                raise StoreError(
                    f"{earlier.folder} was measured with {key} {then.get(key)}, this is {value}; "
                    "start a new run instead of continuing it"
                )
