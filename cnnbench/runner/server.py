"""Starts the children of a launch and lets them take turns.

Children are forked from a server process that has imported the runtime's framework but
started nothing of it: fresh as a new interpreter, in a tenth of its time.

Several cases in one launch alternate in short bursts, each in its own process. A machine
that others share changes its speed from one moment to the next; what two neighbouring
bursts see of that is nearly the same, so that it cancels in their ratio (Bulej et al.,
"Duet Benchmarking", ICPE 2020, arXiv 2001.05811). In the recording of reports/calibration the
ratio of two launches one after the other varies by 10 %, of two that alternate by 3 %.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from cnnbench import runtimes
from cnnbench.errors import RuntimeMissingError
from cnnbench.runner import worker
from cnnbench.runner.child import Child, failed_to_start

START_TIMEOUT_S = 120.0
"""The longest that the server may take to import a framework and describe its devices."""

BURST_S = 0.015
"""Long beside a switch of processes, short beside a change of the machine's speed."""

MIN_CALLS = 4
MAX_CALLS = 500
MAX_CALLS_A_BURST = 25


@dataclass(frozen=True, slots=True)
class Server:
    """The source of fresh processes for one runtime."""

    runtime: str
    context: ForkServerContext | SpawnContext
    environment: Mapping[str, str]

    def describe(self) -> dict[str, Any]:
        """Versions and devices, as the runtime says them.

        Raises:
            RuntimeMissingError: the runtime cannot be started; the message says why.
        """
        child = Child(self.context, self.environment, worker.describe, self.runtime)
        try:
            child.hear(START_TIMEOUT_S, START_TIMEOUT_S)
        finally:
            child.end()
        answer = child.answer or {}
        if answer.get("outcome") != "ok":
            raise RuntimeMissingError(
                f"the runtime {self.runtime!r} does not start: {answer.get('detail')}"
            )
        return answer

    def measure(
        self,
        orders: Sequence[worker.Order],
        slice_s: float,
        timeout_s: float,
        reference: worker.Order | None = None,
    ) -> list[dict[str, Any]]:
        """The outcome of one launch of some cases, and the samples of each if it came to that.

        Args:
            orders: one case each; several take turns.
            slice_s: how long the slowest of them is sampled, in seconds.
            timeout_s: for each of them.
            reference: what takes a turn after each round of the others; its outcome is last.
        """
        children: list[Child] = []
        try:
            for order in (*orders, *([reference] if reference else ())):
                children.append(Child(self.context, self.environment, worker.measure, order))
            patience = Patience(timeout_s * len(children))
            for child in _working(children):
                patience.hear(child)  # built, and called once
            turns = children[: len(orders)], children[len(orders) :]
            _take_turns(*turns, int(slice_s * 1e9), patience)
            for child in _working(children):
                child.ask(worker.END)
                patience.hear(child)
            return [child.answer or {} for child in children]
        except OSError as error:  # no room for another file or pipe
            return [failed_to_start(error) for _ in (*orders, *([reference] if reference else ()))]
        finally:
            for child in children:
                child.end()


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
    if "forkserver" in multiprocessing.get_all_start_methods():
        context: ForkServerContext | SpawnContext = multiprocessing.get_context("forkserver")
        ours = ("cnnbench.runner.worker", module.__name__)
        context.set_forkserver_preload([*module.PRELOAD, *ours, "cnnbench.runner.freeze"])
    else:
        context = multiprocessing.get_context("spawn")
    return Server(runtime, context, module.ENVIRONMENT)
