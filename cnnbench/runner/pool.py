"""The machines of a cluster as one place to measure: which of them makes which launch.

A launch is what must stay together: cases that are compared take turns in it, on one machine. All
launches of a run are made on machines of one kind. On a machine, one launch at a time uses the CPU,
and nothing else runs then; launches on different GPUs may run at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.errors import ClusterError
from cnnbench.runner import agent, loop
from cnnbench.runner.agent import Started
from cnnbench.runner.child import Planned
from cnnbench.runner.crew import Begun, Crew, GoneError, Member, unlike
from cnnbench.runner.launching import Ended
from cnnbench.runner.loop import FAILURES_ALLOWED, Ending, Progress
from cnnbench.runner.schedule import Launch, groups
from cnnbench.runner.session import Session
from cnnbench.runs.store import Measurement, Store

T = TypeVar("T")


class Spread:
    """The lanes of a cluster, for the launches of one plan."""

    def __init__(self, crew: Crew, plan: Plan, store: Store, progress: Progress) -> None:
        self._crew, self._plan, self._store, self._progress = crew, plan, store, progress
        self._ended: list[Ended] = []
        self._exported: set[str] = set()
        self._devices = {case.device for case in plan.cases}
        self._on_gpu = any(case.kind == "gpu" for case in plan.cases)
        rows = groups(plan.cases, plan.together)
        self._row = {case.id: number for number, row in enumerate(rows) for case in row}
        self._homes: dict[tuple[int, int], str] = {}

    @property
    def _members(self) -> list[Member]:
        return [member for member in self._crew.members.values() if member.ready]

    @property
    def running(self) -> list[Launch]:
        """The launches that have begun; one whose worker was lost has begun too."""
        begun = [member.begun for member in self._crew.members.values() if member.begun]
        return [
            *(one.launch for one in (*begun, *self._crew.again)),
            *(e.launch for e in self._ended),
        ]

    @property
    def width(self) -> int:
        """How many launches can run at once, as far as is known now."""
        machines = [of for of in self._crew.on.values() if any(m.ready for m in of)]
        return max(len(self._members) if self._on_gpu else len(machines), 1)

    def free(self, queue: Sequence[Launch]) -> int | None:
        """The place of the first launch for which a worker is free; lost ones come before."""
        self._begin_again()
        busy: set[str] = set()
        for place, launch in enumerate(queue):
            device = launch.cases[0].device
            if device in busy:
                continue
            if self._for(launch):
                return place
            if self._home(launch) is None:  # so none is free for any launch on that device
                busy.add(device)
                if busy == self._devices:
                    break
        return None

    def begin(self, launch: Launch, slice_s: float) -> None:
        """Begin it where it is free."""
        member = self._for(launch)
        assert member
        self._begin(member, Begun(launch, slice_s))

    def _begin_again(self) -> None:
        """Begin the launches whose workers were lost, as far as others are free."""
        for begun in list(self._crew.again):
            if member := self._for(begun.launch):
                self._crew.again.remove(begun)
                self._begin(member, begun)

    def _begin(self, member: Member, begun: Begun) -> None:
        member.begun = begun
        self._homes[self._unit(begun.launch)] = member.greeting.machine
        self._crew.ask(self._has_ended, member, agent.measure, begun.launch, begun.slice_s)

    def _unit(self, launch: Launch) -> tuple[int, int]:
        """What must stay on one machine: cases that are compared, also in launches of their own."""
        return launch.number, self._row[launch.cases[0].id]

    def _home(self, launch: Launch) -> list[Member] | None:
        """The workers of the machine on which a launch must be made; None if any will do."""
        home = self._homes.get(self._unit(launch))
        there = [member for member in self._crew.on.get(home or "", ()) if member.ready]
        return there or None

    def _for(self, launch: Launch) -> Member | None:
        """The worker for a launch: of those that are free, the one that has made the fewest."""
        able = self._home(launch) or self._crew.members.values()
        idle = [member for member in able if member.ready and not member.begun]
        idle.sort(key=lambda member: member.made)
        case = launch.cases[0]
        return next((member for member in idle if not self._in_use(member, case)), None)

    def _in_use(self, member: Member, case: Case) -> bool:
        """Whether something runs that must not run beside a case on the machine of a worker."""
        gpu = member.gpu(case)
        for other in self._crew.on[member.greeting.machine]:
            if not other.ready:  # it opens and exports networks, which takes all cores
                return True
            if other.begun:
                theirs = other.gpu(other.begun.launch.cases[0])
                if not (gpu and theirs) or gpu == theirs:
                    return True
        return False

    def _has_ended(self, member: Member, ended: Ended) -> Ended:
        at_once = sum(1 for other in self._crew.members.values() if other.begun)
        member.begun = None
        member.made += 1
        return Ended(ended.launch, ended.measurements, ended.wall_s, ended.sampled_s, at_once)

    def next(self) -> list[Ended]:
        """Listen until a launch has ended, or workers have come or gone."""
        self._begin_again()
        if not self._ended:
            for heard in self._crew.listen():
                if isinstance(heard, Ended):
                    self._ended.append(heard)
                else:
                    self._keep(heard)
            while self._crew.notes:
                self._progress.notes(self._crew.notes.popleft())
            self._give_up()
            if not self._ended:
                self._crew.check_not_alone()
        ended, self._ended = self._ended, []
        return ended

    def _keep(self, lines: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Store what was exported, of each file once."""
        for what, data in lines:
            if data["of"] not in self._exported:
                self._exported.add(data["of"])
                self._store.append(what, data)

    def _give_up(self) -> None:
        """Take a launch that has cost several workers for one that failed."""
        for begun in [one for one in self._crew.again if one.losses >= FAILURES_ALLOWED]:
            self._crew.again.remove(begun)
            found = [
                Measurement(
                    outcome="killed",
                    detail=f"{begun.losses} workers were lost while they made this launch",
                    case=case,
                    launch=begun.launch.number,
                    started=time.time(),
                )
                for case in begun.launch.cases
            ]
            self._ended.append(Ended(begun.launch, found, 0.0, 0.0))


@dataclass(frozen=True, slots=True)
class Pool(Session):
    """A session on the machines of a cluster, which are of one kind."""

    crew: Crew = field(kw_only=True)

    @property
    def _all(self) -> list[Started]:
        return [member.started for member in self.crew.members.values() if member.started]

    @property
    def cores(self) -> int:
        """Cores of a machine that measures."""
        return int(self.crew.kind["cores"])

    def room(self, case: Case) -> float:
        """Bytes of memory that the device of a case has free, where that is least."""
        at = case.device if case.kind == "cpu" else f"gpu:{case.index}"
        return min((started.room.get(at) or inf for started in self._all), default=inf)

    def identity(self, runtime: str) -> dict[str, Any]:
        """The kind of its machines."""
        kept = {key: self.crew.kind[key] for key in ("cpu", "cores")}
        return {**kept, **self.described[runtime].versions}

    def plan(self, cases: Sequence[Case], timeout_s: float) -> tuple[Planned, ...]:
        """What there is to know of cases of one network before a launch; a worker opens it."""
        planned: tuple[Planned, ...] = self._ask(agent.opened, cases, timeout_s)
        return planned

    def there(self, function: Callable[..., T], *args: Any, progress: Progress) -> T:
        """What a function returns on one of the machines, where nobody sees its progress."""
        value: T = self._ask(agent.there, function, *args)
        return value

    def _ask(self, task: Callable[..., Any], *args: Any) -> Any:
        """What the first of the workers answers that is not lost meanwhile."""
        while True:
            ready = (member for member in self.crew.members.values() if member.started)
            member = next(ready, None)
            if member is None:
                self.crew.check_not_alone()
                self.crew.listen()
                continue
            try:
                return self.crew.answer(member, task, *args)
            except GoneError:
                self.crew.lose(member)

    def run(
        self,
        plan: Plan,
        file: Store,
        progress: Progress | None = None,
        earlier: Sequence[Measurement] = (),
    ) -> Ending:
        """Make the launches of a plan that `earlier` ones have not made, on all the machines."""
        progress = progress or Progress()
        room = min(started.room.get("cpu") or 0 for started in self._all)
        return loop.run_in(self._spread(plan, file, progress), room, plan, file, progress, earlier)

    @contextmanager
    def _spread(self, plan: Plan, file: Store, progress: Progress) -> Iterator[Spread]:
        """The lanes for a plan, when the first worker is ready for it."""
        crew, lanes = self.crew, Spread(self.crew, plan, file, progress)
        progress.prepares(f"workers of {crew.link.address}: {len(crew.members)}")
        crew.set_out(plan)
        try:
            while not lanes._members:
                lanes.next()
            yield lanes
        finally:
            crew.set_out(None)
            for member in list(crew.members.values()):
                member.ready = False
                if member.begun:  # the run ends in the middle of a launch
                    crew.link.end(member.address)
                    crew.leave_out(member, "interrupted")
            crew.again.clear()


@contextmanager
def joined(
    address: str,
    names: Sequence[str],
    some: bool = False,
    fits: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    kind: Mapping[str, Any] | None = None,
) -> Iterator[Pool]:
    """Start runtimes on the workers of a cluster; they end with the `with`.

    Of several kinds of machines, the one with most workers measures, of those that fit; or the
    `kind` that is given, and no other.

    Raises:
        ClusterError: the cluster does not answer, or none of its workers can measure.
    """
    from cnnbench.runner import cluster

    with cluster.connected(address) as link:
        crew = Crew(link, names, some)
        try:
            crew.gather(fits if kind is None else lambda one: one == kind)
            if kind is not None and (difference := unlike(crew.kind, kind)):
                raise ClusterError(
                    f"no worker of a kind that is to measure is left at {address}: there is "
                    f"{difference}; what is finished is kept: continue with --resume"
                )
            first = next(m.started for m in crew.members.values() if m.started)
            left_out = (*first.absent, *crew.left_out.values())
            yield Pool({}, first.described, first.asked, left_out, crew=crew)
        finally:
            for member in list(crew.members.values()):
                link.end(member.address)
