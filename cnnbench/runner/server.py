"""Starts children, and lets those of a launch take turns.

Children are forked from a server process, which has imported the framework of the runtime and
started nothing of it. They are as fresh as a new interpreter, and start in a tenth of its time.
Each runtime has a server of its own, so that one run may use several.

The cases of one launch alternate in short bursts, each in its own process. A machine that others
share changes its speed from one moment to the next. Two neighbouring bursts meet nearly the same
speed, so that it cancels in their ratio (Bulej et al., "Duet Benchmarking", ICPE 2020, arXiv
2001.05811). In the recording of reports/calibration the ratio of two launches one after the other
varies by 10 %, of two that alternate by 3 %.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.forkserver import ForkServer
from weakref import finalize

from cnnbench import runtimes
from cnnbench.cases.case import Case
from cnnbench.errors import RuntimeMissingError, TargetError
from cnnbench.host import gpu
from cnnbench.host.environment import available_memory, cores
from cnnbench.runner import worker
from cnnbench.runner.child import Child, Planned, Reply, Turn, ctrl_c_later
from cnnbench.runtimes import Order

START_TIMEOUT_S = 120.0
"""The longest that a server may take to import a framework and describe its devices."""

BURST_S = 0.015
"""Long beside a switch of processes, short beside a change of the machine's speed."""

MIN_CALLS = 4
MAX_CALLS = 500
MAX_CALLS_A_BURST = 25
FULL_TURNS = 40
"""The turns that fast networks have too, although that is more than `MAX_CALLS`: over 20 of them
the ratio to a reference still differs by 2 % from launch to launch for their number alone."""
MOST_TURNS = 10_000
"""After so many a reference has a new process: it keeps every call, some 10 MB by then."""
SILENT = Reply(outcome="failed", detail="the child sent no result")


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Server:
    """The source of fresh processes for one runtime."""

    runtime: str
    context: ForkServerContext | SpawnContext
    environment: Mapping[str, str]
    forks: ForkServer | None

    def child(self, task: Callable[..., Reply], *args: object) -> Child:
        """Start a process that calls `task(pipe, *args)`."""
        return Child(self.context, self.environment, self.forks, worker.work, task, *args)

    def describe(self) -> Reply:
        """The versions and devices of the runtime; `RuntimeMissingError` if it does not start."""
        reply = self.ask(START_TIMEOUT_S, worker.describe, self.runtime)
        if not reply.ok:
            raise RuntimeMissingError(
                f"the runtime {self.runtime!r} does not start: {reply.detail}"
            )
        return reply

    def plan(self, cases: Sequence[Case], timeout_s: float) -> tuple[Planned, ...]:
        """What there is to know of cases of one network before a launch; a child opens it."""
        reply, target = self.ask(timeout_s, worker.plan, cases), cases[0].target
        if reply.ok:
            return reply.planned
        late = (
            f"{target} was not ready within {timeout_s:g} s; give it more with --timeout, or a "
            "function that returns the model sooner"
        )
        reasons = {"timeout": late, "failed": reply.detail}
        raise TargetError(reasons.get(reply.outcome, f"{target} cannot be opened: {reply.detail}"))

    def ask(self, timeout_s: float, task: Callable[..., Reply], *args: object) -> Reply:
        """The reply of a child that sends no message before it."""
        children: list[Child] = []
        try:
            with ctrl_c_later():
                children.append(self.child(task, *args))
            children[0].hear(timeout_s, timeout_s)
        finally:
            for child in children:
                child.end()
        return children[0].reply or SILENT


@dataclass(frozen=True, slots=True)
class Workers:
    """The servers of some runtimes, and what each runtime says of itself, by their names.

    `kept` are the processes of references, which stay from one launch to the next.
    """

    servers: dict[str, Server] = field(default_factory=dict)
    described: dict[str, Reply] = field(default_factory=dict)
    kept: list[tuple[Order, Child]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @property
    def builder(self) -> str:
        """The runtime that others are compared with."""
        return runtimes.builder(list(self.described))

    @property
    def cores(self) -> int:
        """Cores of the machine that measures."""
        return cores()

    def room(self, case: Case) -> float:
        """Bytes of memory that the device of a case has free; infinite if that is not known."""
        if case.kind == "cpu":
            return available_memory()
        return gpu.memory(case.index) or inf

    def plan(self, cases: Sequence[Case], timeout_s: float) -> tuple[Planned, ...]:
        """What there is to know of cases of one network before a launch; see `Server.plan`."""
        return self.servers[self.builder].plan(cases, timeout_s)

    def launch(
        self,
        orders: Sequence[Order],
        slice_s: float,
        timeout_s: float,
        references: Sequence[Order] = (),
        at_once: bool = False,
    ) -> tuple[list[Reply], list[list[Turn]]]:
        """The replies of one launch of some cases, which take turns; never raises for a failure.

        With `at_once` they are built at once, and timed one after the other.

        The slowest case is sampled for `slice_s` seconds; each may take `timeout_s` in all. The
        references take a turn each after each round of the others. Their turns are returned too,
        none of a reference that has failed.

        The processes of references are those of the launch before if the same is ordered: a round
        of launches has its own, and new ones after `MOST_TURNS`. `rest` ends them.
        """
        children: list[Child] = []
        patience = _Patience(timeout_s * (len(orders) + len(references)))
        try:
            # Before the cases, and these one after the other: what is built beside something else
            # is built more slowly, and how long that takes is reported, unless `at_once`.
            beside = self._beside(references, patience)
            for order in orders:
                children.append(self._child(order))
                if not at_once:
                    patience.hear(children[-1])  # built, and called once
            for child in children if at_once else ():
                patience.hear(child)
            first = orders[0].case
            with gpu.watched(first.index if first.kind == "gpu" else None) as seen:
                turns = _take_turns(children, beside, int(slice_s * 1e9), patience, at_once)
            for child in _working(children):
                child.ask(worker.END)
                patience.hear(child)
            replies = [child.reply or SILENT for child in children]
            return [
                replace(reply, environment={**reply.environment, **seen}) if reply.ok else reply
                for reply in replies
            ], [[] if child.reply else turns[child] for child in beside]
        except OSError as error:  # no room for another file or pipe
            failed = Reply(outcome="failed", detail=f"no process could be started: {error}")
            return [failed for _ in orders], [[] for _ in references]
        except BaseException:
            self.rest()
            raise
        finally:
            for child in children:
                child.end()

    def rest(self) -> None:
        """End the processes that stay from one launch to the next."""
        while self.kept:
            self.kept.pop()[1].end()

    def _beside(self, orders: Sequence[Order], patience: _Patience) -> list[Child]:
        """The processes of references, all of them ready or ended."""
        good = [order for order, c in self.kept if not c.reply and c.turns < MOST_TURNS]
        if good != [*orders]:
            self.rest()
            for order in orders:  # at once: how long that takes is not reported
                self.kept.append((order, self._child(order)))
            for _, child in self.kept:
                patience.hear(child)
        return [child for _, child in self.kept]

    def _child(self, order: Order) -> Child:
        with ctrl_c_later():
            return self.servers[order.case.runtime].child(worker.measure, order)


class _Patience:
    """How long the children of a launch may take together, in seconds.

    A child that uses up the time takes nothing from the others: they get as much again.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def hear(self, child: Child) -> Turn:
        """The next message of a child; see `Child.hear`."""
        heard = child.hear(self._until - time.monotonic(), self._seconds)
        if child.reply and child.reply.outcome == "timeout":
            self._until = time.monotonic() + self._seconds
        return heard


def _take_turns(
    cases: Sequence[Child],
    references: Sequence[Child],
    slice_ns: int,
    patience: _Patience,
    only_one: bool,
) -> dict[Child, list[Turn]]:
    """Ask for bursts, turn by turn, until the slowest child has had its slice.

    With `only_one` each has its slice in one turn: then it is as fast as alone, since no other
    takes the caches away.

    The cases swap their order from turn to turn, and the references come after them. So each of
    two cases comes after the other, and after what that leaves in the caches, as often as it comes
    after a reference.
    """
    turns: dict[Child, list[Turn]] = {child: [] for child in (*cases, *references)}
    alone = len(turns) == 1 or only_one
    burst = (
        worker.numbers(slice_ns, MIN_CALLS, MAX_CALLS)
        if alone
        else worker.numbers(min(int(BURST_S * 1e9), slice_ns // MIN_CALLS), 1, MAX_CALLS_A_BURST)
    )
    number = 0
    while True:
        number += 1
        for child in _working((*(cases if number % 2 else reversed(cases)), *references)):
            child.ask(burst)
            turns[child].append(patience.hear(child))
        working = _working(cases)
        if alone or not working:
            return turns
        over = max(sum(turn.ns for turn in of) for of in turns.values()) >= slice_ns
        calls = min(sum(turn.calls for turn in turns[child]) for child in working)
        full = number >= FULL_TURNS and calls >= MAX_CALLS
        if number >= MIN_CALLS and (over or full):
            return turns


def _working(children: Sequence[Child]) -> list[Child]:
    return [child for child in children if not child.reply]


def start(runtime: str) -> Server:
    """A server for a runtime; its processes start when they are needed."""
    module = runtimes.load(runtime)
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return Server(runtime, multiprocessing.get_context("spawn"), module.ENVIRONMENT, None)
    # Not the one that the standard library has for a process, which knows one list of imports.
    forks = ForkServer()
    ours = ("cnnbench.runner.worker", module.__name__)
    forks.set_forkserver_preload([*module.PRELOAD, *ours, "cnnbench.runner.freeze"])
    server = Server(runtime, multiprocessing.get_context("forkserver"), module.ENVIRONMENT, forks)
    # At the end of this program it ends by itself: nobody need wait for it.
    finalize(server, forks._stop).atexit = False  # type: ignore[attr-defined]
    return server
