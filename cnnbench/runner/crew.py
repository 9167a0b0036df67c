"""The workers of a cluster, as they come and go; all that measure are on machines of one kind."""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from typing import Any, Protocol, TypeVar

from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.errors import ClusterError, CnnbenchError
from cnnbench.runner import agent
from cnnbench.runner.agent import Started
from cnnbench.runner.schedule import Launch

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


def folder_of(kind: Mapping[str, Any]) -> str:
    """A name for the folder of a run on a kind of machine, whatever other kinds there are."""
    words = " ".join(str(kind.get(key) or "") for key in ("cpu", "cores", "GPUs"))
    digest = sha256(json.dumps(kind, sort_keys=True, default=str).encode()).hexdigest()
    return re.sub(r"[^a-z0-9]+", "-", f"{words[:48]} {digest[:6]}".lower()).strip("-")


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
        self.on: defaultdict[str, list[Member]] = defaultdict(list)
        self.spare: list[Member] = []
        self.kind: dict[str, Any] = {}
        self.kinds: list[dict[str, Any]] = []
        self.left_out: dict[str, str] = {}
        self._preparing = b""
        self.again: deque[Begun] = deque()
        self.notes: deque[str] = deque()
        self._pending: dict[Future[Any], tuple[Callable[[Member, Any], Any], Member]] = {}
        self._done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
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
        self.kinds = [one for n, one in enumerate(kinds) if one not in kinds[:n]]
        self.kinds.sort(key=lambda one: (-kinds.count(one), folder_of(one)))
        self.kind = next(filter(fits, self.kinds), self.kinds[0])
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
        future: Future[Any] = Future()
        self._pending[future] = (then, member)
        future.add_done_callback(self._done.put)
        _background(future, task, *args)

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
        return self._reply(member, agent.asked(task, *args))

    def _reply(self, member: Member, question: bytes) -> Any:
        return agent.answered(self.link.ask(member.address, question))

    def listen(self) -> list[Any]:
        """Wait until something is heard, but no longer than until workers are looked for again.

        Returns what was made of it.
        """
        done: list[Future[Any]] = []
        with suppress(queue.Empty):
            done.append(self._done.get(timeout=LOOK_S if self._pending else LOOK_S / 10))
            while True:
                done.append(self._done.get_nowait())
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
        self.on[member.greeting.machine].append(member)
        self._do(
            self._has_started,
            member,
            lambda: agent.answered(self.link.start(member.address, self._start)),
        )

    def _has_started(self, member: Member, started: Started) -> None:
        member.started = started
        if self._keep(member) and self._preparing:
            self._prepare(member)

    def set_out(self, plan: Plan | None) -> None:
        """Workers get ready for this plan from now on, also those that come later."""
        # Packed once: for 1,000 workers and 100,000 cases that would take hours.
        self._preparing = agent.asked(agent.prepare, plan) if plan else b""
        for member in self.members.values() if plan else ():
            if member.started:
                self._prepare(member)

    def _prepare(self, member: Member) -> None:
        self._do(self._is_ready, member, self._reply, member, self._preparing)

    def _is_ready(self, member: Member, lines: list[tuple[str, dict[str, Any]]]) -> Any:
        member.ready, self._alone_since = True, None
        return lines

    def leave_out(self, member: Member, reason: str) -> None:
        """A worker cannot measure; its launch is made elsewhere."""
        self.left_out[member.address] = f"{member.name} is left out: {reason}"
        self.notes.append(self.left_out[member.address])
        self._lost = False
        self._remove(member)
        _background(Future(), self.link.end, member.address)

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
        self.on[member.greeting.machine].remove(member)
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


def _background(future: Future[T], task: Callable[..., T], *args: Any) -> None:
    """Do something in a thread that nobody has to wait for, not even the end of the program."""

    def work() -> None:
        try:
            future.set_result(task(*args))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
