"""The machines of a cluster as one place to measure: which of them makes which launch.

A launch is what must stay together: cases that are compared take turns in it, on one machine. All
launches of a run are made on machines of one kind. On a machine, one launch at a time uses the CPU,
and nothing else runs then; launches on different GPUs may run at once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol, TypeVar

from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.errors import ClusterError, CnnbenchError
from cnnbench.runner import agent, loop
from cnnbench.runner.agent import Started
from cnnbench.runner.child import Planned
from cnnbench.runner.launching import Ended
from cnnbench.runner.loop import FAILURES_ALLOWED, Ending, Progress
from cnnbench.runner.schedule import Launch, groups
from cnnbench.runner.session import Session
from cnnbench.runs.store import Measurement, Store

T = TypeVar("T")

LOOK_S = 1.0
"""How often it is asked which workers there are."""

JOIN_S = 10.0
"""How long to wait for the first worker of a cluster."""

REJOIN_S = 30.0
"""How long to wait for another worker when the last was lost: what watches over it starts it
again."""


class GoneError(Exception):
    """A worker cannot be reached any more."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a worker says before anything is started there.

    Args:
        host: the name of its machine.
        machine: the same for all workers on it, also in containers.
        gpus: those that it may use, as CUDA_VISIBLE_DEVICES has them.
    """

    host: str
    machine: str
    gpus: str


class Link(Protocol):
    """How the workers of a cluster are reached. Whatever a worker refuses is a CnnbenchError."""

    address: str

    def workers(self) -> set[str]:
        """The addresses of those that are there; `ClusterError` if nobody knows."""

    def greet(self, worker: str) -> Greeting:
        """What a worker says of itself."""

    def start(self, worker: str, question: bytes) -> bytes:
        """Start an agent there, and its answer to a question; see `agent`."""

    def ask(self, worker: str, question: bytes) -> bytes:
        """The answer of the agent there; `GoneError` if there is none any more."""

    def end(self, worker: str) -> None:
        """End the agent there, if there is one."""


@dataclass(eq=False, slots=True)
class Member:
    """A worker, and how far it has come: `started` when its runtimes are, then `ready` to launch.

    `made` is how many launches it has made.
    """

    address: str
    greeting: Greeting
    started: Started | None = None
    ready: bool = False
    begun: Begun | None = None
    made: int = 0

    @property
    def place(self) -> tuple[str, str]:
        """What it shares with other workers that would measure on the same devices."""
        return self.greeting.machine, self.greeting.gpus

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"worker {self.address} ({self.greeting.host})"

    def gpu(self, case: Case) -> str:
        """The name of a case's GPU on the machine; empty if it is on the CPU."""
        return "" if case.kind == "cpu" else agent.gpu_name(self.greeting.gpus, case.index)


@dataclass(eq=False, slots=True)
class Begun:
    """A launch that has begun, and how many workers were lost while they made it."""

    launch: Launch
    slice_s: float
    losses: int = 0


def kind(started: Started) -> dict[str, Any]:
    """What makes the times of machines comparable, by the names that messages use."""
    versions: dict[str, Any] = {}
    devices: list[str] = []
    for name, reply in sorted(started.described.items()):
        versions |= reply.versions
        devices += [f"{name}: {gpu}" for gpu in reply.devices.get("gpu", ())]
    known = {key: started.machine.get(key) for key in ("cpu", "cores", "commit", "python")}
    return {**known, "runtimes": ", ".join(started.asked), "GPUs": ", ".join(devices), **versions}


def unlike(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """How the kind of a machine differs from another; empty if it does not."""
    keys = [key for key in {**other, **one} if one.get(key) != other.get(key)]
    return ", ".join(f"{key} {one.get(key)} instead of {other.get(key)}" for key in keys)


class Crew:
    """The workers of a cluster, as they come and go."""

    def __init__(self, link: Link, names: Sequence[str], some: bool) -> None:
        self.link = link
        self._start = agent.asked(agent.start, names, some)
        self.members: dict[str, Member] = {}
        self.spare: list[Member] = []
        self.kind: dict[str, Any] = {}
        self.left_out: dict[str, str] = {}
        self.plan: Plan | None = None
        self.again: deque[Begun] = deque()
        self.notes: deque[str] = deque()
        self._pending: dict[Future[Any], tuple[Callable[[Member, Any], Any], Member]] = {}
        self._looked = -inf
        self._alone_since: float | None = None
        self._lost = False

    def gather(self, fits: Callable[[Mapping[str, Any]], bool]) -> None:
        """Start the workers that are there, and choose the kind of machine that has most of them.

        Of kinds that fit, if there are any.

        Raises:
            ClusterError: no worker came, or none can measure.
        """
        until = time.monotonic() + JOIN_S
        while time.monotonic() < until and not (self._pending or self.spare or self.left_out):
            self.look()
            time.sleep(0 if self._pending else 0.1)
        if not self._pending:
            raise ClusterError(
                f"no worker has joined {self.link.address}; start one: "
                f"dask worker {self.link.address}"
            )
        while self._pending:
            self.listen()
        started = [member for member in self.members.values() if member.started]
        if not started:
            raise ClusterError(f"no worker can measure: {self._reasons()}")
        kinds = [kind(member.started) for member in started if member.started]
        chosen = [one for one in kinds if fits(one)] or kinds
        self.kind = max(chosen, key=kinds.count)
        for member in started:
            self._keep(member)

    def _keep(self, member: Member) -> bool:
        """Whether a worker that has started is of the kind of the run; if not, it is left out."""
        assert member.started
        if self.kind and (difference := unlike(kind(member.started), self.kind)):
            self.leave_out(member, f"another kind of machine: {difference}")
            return False
        return True

    def look(self) -> None:
        """Ask which workers there are, if that was long ago; greet those that are new."""
        if time.monotonic() < self._looked + LOOK_S:
            return
        there = self.link.workers()
        self._looked = time.monotonic()
        waiting = {member.address for _, member in self._pending.values()}
        known = {*self.members, *(m.address for m in self.spare), *waiting}
        for address in known - there:
            for member in [*self.members.values(), *self.spare]:
                if member.address == address:
                    self.lose(member)
        for address in sorted(there - known - self.left_out.keys()):
            unknown = Member(address, Greeting("?", address, ""))
            self._do(self._greeted, unknown, self.link.greet, address)
        for address in self.left_out.keys() - there:
            del self.left_out[address]  # another worker may come there

    def _do(
        self,
        then: Callable[[Member, Any], Any],
        member: Member,
        task: Callable[..., Any],
        *args: Any,
    ) -> None:
        """Do something in the background; `then` gets its result when somebody listens."""
        self._pending[_background(task, *args)] = (then, member)

    def ask(
        self,
        then: Callable[[Member, Any], Any],
        member: Member,
        task: Callable[..., Any],
        *args: Any,
    ) -> None:
        """Ask the agent of a worker in the background."""
        self._do(then, member, self.answer, member, task, *args)

    def answer(self, member: Member, task: Callable[..., Any], *args: Any) -> Any:
        """What the agent of a worker answers."""
        return agent.answered(self.link.ask(member.address, agent.asked(task, *args)))

    def listen(self) -> list[Any]:
        """Wait until something is heard, but no longer than until workers are looked for again.

        Returns what was made of it.
        """
        done, _ = wait(self._pending, timeout=LOOK_S, return_when=FIRST_COMPLETED)
        if not self._pending:
            time.sleep(LOOK_S / 10)
        self.look()
        found = []
        for future in done:
            then, member = self._pending.pop(future, (None, None))
            if not then or not member:
                continue  # of a worker that is lost
            try:
                value = future.result()
            except GoneError:
                self.lose(member)
            except (CnnbenchError, RuntimeError) as error:
                self.leave_out(member, str(error))
            else:
                found.append(then(member, value))
        return [value for value in found if value]

    def _greeted(self, member: Member, greeting: Greeting) -> None:
        member.greeting = greeting
        if any(member.place == other.place for other in self.members.values()):
            self.spare.append(member)
        else:
            self._begin(member)

    def _begin(self, member: Member) -> None:
        self.members[member.address] = member
        self._do(
            self._has_started,
            member,
            lambda: agent.answered(self.link.start(member.address, self._start)),
        )

    def _has_started(self, member: Member, started: Started) -> None:
        member.started = started
        if self._keep(member) and self.plan:
            self.prepare(member)

    def prepare(self, member: Member) -> None:
        """Have a worker get ready for the plan."""
        self.ask(self._is_ready, member, agent.prepare, self.plan)

    def _is_ready(self, member: Member, lines: list[tuple[str, dict[str, Any]]]) -> Any:
        member.ready, self._alone_since = True, None
        return lines

    def leave_out(self, member: Member, reason: str) -> None:
        """A worker cannot measure; its launch is made elsewhere."""
        self.left_out[member.address] = f"{member.name} is left out: {reason}"
        self.notes.append(self.left_out[member.address])
        self._lost = False
        self._remove(member)
        _background(self.link.end, member.address)

    def lose(self, member: Member) -> None:
        """A worker is not there any more; its launch is made elsewhere."""
        self._lost = True
        if member.started:
            self.notes.append(f"{member.name} is lost")
        if member.begun:
            member.begun.losses += 1
        self._remove(member)

    def _remove(self, member: Member) -> None:
        self._pending = {f: of for f, of in self._pending.items() if of[1] is not member}
        if member in self.spare:
            self.spare.remove(member)
        if self.members.pop(member.address, None) is not member:
            return
        member.ready = False
        if member.begun:
            self.again.append(member.begun)
            member.begun = None
        for other in self.spare:
            if other.place == member.place:
                self.spare.remove(other)
                self._begin(other)
                break

    def check_not_alone(self) -> None:
        """Give up when nobody is left, or comes in time.

        Raises:
            ClusterError: what is finished is stored.
        """
        if any(member.ready for member in self.members.values()) or self._pending:
            return
        self._alone_since = self._alone_since or time.monotonic()
        if time.monotonic() - self._alone_since < (REJOIN_S if self._lost else 0):
            return
        why = self._reasons() if self.left_out else "they are lost"
        raise ClusterError(
            f"no worker of this run is left at {self.link.address} ({why}); what is finished is "
            "kept: continue with --resume"
        )

    def _reasons(self) -> str:
        first, *others = self.left_out.values()
        return first + (f"; and {len(others)} more are left out" if others else "")


def _background(task: Callable[..., T], *args: Any) -> Future[T]:
    """Do something in a thread that nobody has to wait for, not even the end of the program."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(task(*args))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


class Spread:
    """The lanes of a cluster, for the launches of one plan."""

    def __init__(self, crew: Crew, plan: Plan, store: Store, progress: Progress) -> None:
        self._crew, self._plan, self._store, self._progress = crew, plan, store, progress
        self._ended: deque[Ended] = deque()
        self._exported: set[str] = set()
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
        machines = {member.greeting.machine for member in self._members}
        return max(len(self._members if self._on_gpu else machines), 1)

    def free(self, queue: Sequence[Launch]) -> int | None:
        """The place of the first launch for which a worker is free; lost ones come before."""
        self._begin_again()
        return next((place for place, one in enumerate(queue) if self._for(one)), None)

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

    def _for(self, launch: Launch) -> Member | None:
        """The worker for a launch: of those that are free, the one that has made the fewest."""
        home = self._homes.get(self._unit(launch))
        able = self._members
        if any(member.greeting.machine == home for member in able):
            able = [member for member in able if member.greeting.machine == home]
        free = [member for member in able if not self._in_use(member, launch.cases[0])]
        return min(free, key=lambda member: member.made, default=None)

    def _in_use(self, member: Member, case: Case) -> bool:
        """Whether something runs that must not run beside a case on the machine of a worker."""
        if member.begun:
            return True
        gpu = member.gpu(case)
        for other in self._crew.members.values():
            if other.greeting.machine != member.greeting.machine:
                continue
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

    def next(self) -> Ended | None:
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
        return self._ended.popleft() if self._ended else None

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
        crew.plan = plan
        progress.prepares(f"workers of {crew.link.address}: {len(crew.members)}")
        for member in list(crew.members.values()):
            if member.started:
                crew.prepare(member)
        try:
            while not lanes._members:
                lanes.next()
            yield lanes
        finally:
            crew.plan = None
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
) -> Iterator[Pool]:
    """Start runtimes on the workers of a cluster; they end with the `with`.

    Of several kinds of machines, the one with most workers measures, of those that fit.

    Raises:
        ClusterError: the cluster does not answer, or none of its workers can measure.
    """
    from cnnbench.runner import cluster

    with cluster.connected(address) as link:
        crew = Crew(link, names, some)
        try:
            crew.gather(fits)
            first = next(m.started for m in crew.members.values() if m.started)
            left_out = (*first.absent, *crew.left_out.values())
            yield Pool({}, first.described, first.asked, left_out, crew=crew)
        finally:
            for member in list(crew.members.values()):
                link.end(member.address)
