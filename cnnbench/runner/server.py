"""Starts children, and lets those of a launch take turns.

Children are forked from a server process that has imported the runtime's framework but
started nothing of it: fresh as a new interpreter, in a tenth of its time. Each runtime has a
server of its own, so that one run may hold several.

Several cases in one launch alternate in short bursts, each in its own process. A machine
that others share changes its speed from one moment to the next; what two neighbouring
bursts see of that is nearly the same, so that it cancels in their ratio (Bulej et al.,
"Duet Benchmarking", ICPE 2020, arXiv 2001.05811). In the recording of reports/calibration the
ratio of two launches one after the other varies by 10 %, of two that alternate by 3 %.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.forkserver import ForkServer
from typing import Any
from weakref import finalize

from cnnbench import runtimes, schema
from cnnbench.cases.answer import Answer
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError, RuntimeMissingError, TargetError
from cnnbench.runner import worker
from cnnbench.runner.child import Child

START_TIMEOUT_S = 120.0
"""The longest that a server may take to import a framework and describe its devices."""

BURST_S = 0.015
"""Long beside a switch of processes, short beside a change of the machine's speed."""

MIN_CALLS = 4
MAX_CALLS = 500
MAX_CALLS_A_BURST = 25


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Server:
    """The source of fresh processes for one runtime."""

    runtime: str
    context: ForkServerContext | SpawnContext
    environment: Mapping[str, str]
    forks: ForkServer | None

    def child(self, target: Callable[..., None], *args: object) -> Child:
        """Start a process that calls `target(pipe, log, *args)`."""
        return Child(self.context, self.environment, self.forks, target, *args)

    def describe(self) -> dict[str, Any]:
        """Versions and devices, as the runtime says them.

        Raises:
            RuntimeMissingError: the runtime cannot be started; the message says why.
        """
        answer = self.ask(START_TIMEOUT_S, worker.describe, self.runtime)
        if answer.get("outcome") != "ok":
            raise RuntimeMissingError(
                f"the runtime {self.runtime!r} does not start: {answer.get('detail')}"
            )
        return answer

    def plan(self, cases: Sequence[Case], timeout_s: float) -> list[dict[str, Any]]:
        """The sizes, the type and the costs of cases of one network, which a child opens.

        Raises:
            TargetError: it cannot be opened or traced, or not in time; the message says why.
        """
        answer = self.ask(timeout_s, worker.plan, cases)
        if answer.get("outcome") == "ok":
            planned: list[dict[str, Any]] = answer["planned"]
            return planned
        if answer.get("outcome") == "timeout":
            raise TargetError(
                f"{cases[0].target} was not ready within {timeout_s:g} s; give it more with "
                "--timeout, or a function that returns the model sooner"
            )
        if answer.get("outcome") == "failed":
            raise TargetError(str(answer.get("detail")))
        raise TargetError(f"{cases[0].target} cannot be opened: {answer.get('detail')}")

    def ask(self, timeout_s: float, target: Callable[..., None], *args: object) -> dict[str, Any]:
        """What a child that says one thing says, or what became of it."""
        child = self.child(target, *args)
        try:
            child.hear(timeout_s, timeout_s)
        finally:
            child.end()
        return child.answer or {}


@dataclass(frozen=True, slots=True)
class Workers:
    """The servers of some runtimes."""

    servers: dict[str, Server] = field(default_factory=dict)

    def measure(
        self,
        orders: Sequence[worker.Order],
        slice_s: float,
        timeout_s: float,
        reference: worker.Order | None = None,
    ) -> list[Answer]:
        """The outcome of one launch of some cases, and the samples of each if it came to that.

        Args:
            orders: one case each; several take turns.
            slice_s: how long the slowest of them is sampled, in seconds.
            timeout_s: for each of them.
            reference: what takes a turn after each round of the others; its outcome is last.
        """
        children: list[Child] = []
        beside: list[Child] = []
        try:
            patience = Patience(timeout_s * (len(orders) + (reference is not None)))
            if reference:
                beside.append(self._started(reference))
            # One after the other: two that are built at once would slow each other down, and
            # how long that takes is reported. The reference is ready before the first of them.
            for order in orders:
                children.append(self._started(order))
                patience.hear(children[-1])  # built, and called once
            for child in beside:
                patience.hear(child)
            _take_turns(children, _working(beside), int(slice_s * 1e9), patience)
            everyone = [*children, *beside]
            for child in _working(everyone):
                child.ask(worker.END)
                patience.hear(child)
            return [_read(child.answer or {}) for child in everyone]
        except OSError as error:  # no room for another file or pipe
            failed = Answer(outcome="failed", detail=f"no process could be started: {error}")
            return [failed for _ in (*orders, *([reference] if reference else ()))]
        finally:
            for child in (*children, *beside):
                child.end()

    def _started(self, order: worker.Order) -> Child:
        return self.servers[order.case.runtime].child(worker.measure, order)


def _read(answer: dict[str, Any]) -> Answer:
    """What a child of a launch said, as a record."""
    try:
        return schema.record(Answer, answer)
    except CnnbenchError as error:
        return Answer(outcome="failed", detail=str(error))


class Patience:
    """How long the children of a launch may take, all of them together, in seconds.

    One that uses it up does not take the others' time: they get as much again.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def hear(self, child: Child) -> tuple[int, int]:
        """What a child says next; see `Child.hear`."""
        heard = child.hear(self._until - time.monotonic(), self._seconds)
        if child.answer and child.answer["outcome"] == "timeout":
            self._until = time.monotonic() + self._seconds
        return heard


def _take_turns(
    cases: Sequence[Child], reference: Sequence[Child], slice_ns: int, patience: Patience
) -> None:
    """Ask for bursts, turn by turn, until the slowest child has had its slice.

    The cases swap order from turn to turn and the reference comes after them, so that each of
    two cases follows the other, and what the caches then hold, as often as the reference.
    """
    children = (*cases, *reference)
    alone = len(children) == 1
    burst = (
        worker.Burst(slice_ns, MIN_CALLS, MAX_CALLS)
        if alone
        else worker.Burst(min(int(BURST_S * 1e9), slice_ns // MIN_CALLS), 1, MAX_CALLS_A_BURST)
    )
    spent = dict.fromkeys(children, 0)
    calls = dict.fromkeys(children, 0)
    for turn in count(1):
        for child in _working((*(cases if turn % 2 else reversed(cases)), *reference)):
            child.ask(burst.message())
            made, ns = patience.hear(child)
            calls[child] += made
            spent[child] += ns
        working = _working(cases)
        if alone or not working:
            return
        over = max(spent.values()) >= slice_ns
        full = min(calls[child] for child in working) >= MAX_CALLS
        if turn >= MIN_CALLS and (over or full):
            return


def _working(children: Sequence[Child]) -> list[Child]:
    return [child for child in children if child.working]


def start(runtime: str) -> Server:
    """A server for a runtime; its processes start when they are needed.

    Raises:
        UnknownNameError: there is no such runtime.
    """
    module = runtimes.load(runtime)
    if "forkserver" not in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("spawn")
        return Server(runtime, context, module.ENVIRONMENT, None)
    # Not the one that the standard library has for a process, which knows one list of imports.
    forks = ForkServer()
    ours = ("cnnbench.runner.worker", module.__name__)
    forks.set_forkserver_preload([*module.PRELOAD, *ours, "cnnbench.runner.freeze"])
    server = Server(runtime, multiprocessing.get_context("forkserver"), module.ENVIRONMENT, forks)
    # At the end of this program it ends by itself: nobody need wait for it.
    finalize(server, forks._stop).atexit = False  # type: ignore[attr-defined]
    return server
