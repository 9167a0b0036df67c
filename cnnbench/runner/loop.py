"""The run: every launch of a plan, one after the other, each on the disk when it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import count
from statistics import median
from typing import Any, Protocol

from cnnbench import stats, units
from cnnbench.cases.answer import Answer
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.cases.plan import Plan
from cnnbench.host.environment import available_memory, environment
from cnnbench.runner.interrupt import remembered
from cnnbench.runner.schedule import Group, Launch, Slices, a_round, groups
from cnnbench.runner.worker import Order
from cnnbench.runs.measurement import Measurement, in_turns
from cnnbench.runs.store import Store
from cnnbench.stats import Stop

REFERENCE = Case("residual_module", ((16, 16, 64),), label="reference")
"""What takes turns with the cases of a run that asks for it: half a millisecond of
convolutions, to show how fast the machine was at that moment."""

LEAST_LEFT_S = 1.0
"""Seconds that are said to be left while anything is."""

FAILURES_ALLOWED = 2
"""A case that failed this often is not launched again: once may be chance."""


class Measures(Protocol):
    """What the loop needs of `Workers`."""

    def measure(
        self,
        orders: Sequence[Order],
        slice_s: float,
        timeout_s: float,
        reference: Order | None = None,
    ) -> list[Answer]:
        """Launch a child for each order; never raises for what happens to them."""


class Progress(Protocol):
    """Who watches the run."""

    def begins(self, launch: Launch) -> None:
        """A launch is about to start."""

    def ended(self, measurement: Measurement, done: int, total: int, left_s: float) -> None:
        """A launch has ended and is on the disk; `left_s` is what the rest should take."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run ended: "done", "out of time" or "interrupted"."""

    reason: str
    measured: int
    remaining: int


def run(
    plan: Plan,
    store: Store,
    server: Measures,
    described: Mapping[str, dict[str, Any]],
    progress: Progress,
    earlier: Iterable[Measurement] = (),
    clock: Callable[[], float] = time.perf_counter,
    available: Callable[[], int] = available_memory,
) -> Ending:
    """Measure what a plan asks for and what `earlier` measurements do not have yet.

    Args:
        plan: the cases, and how often and how long to launch them.
        store: where each measurement goes.
        server: launches a child and says how it ended.
        described: what each runtime's `describe` said, for launches that end without an answer.
        progress: who is told.
        earlier: the measurements of a run that is continued.
        clock: seconds, for the time budget.
        available: bytes that a child could take, for what would not fit.
    """
    tally = _Tally(plan, earlier)
    rounds = _Rounds(plan, tally, available())
    slices = Slices(plan.time_budget_s)
    measured = made = total = 0
    try:
        with remembered() as ctrl_c:
            for queue in rounds:
                total = made + sum(len(launch.cases) for launch in queue)
                for index, launch in enumerate(queue):
                    ctrl_c.check()
                    slice_s = slices.next(queue[index:])
                    if not slice_s:
                        tally.write_stops(store, Stop.BUDGET)
                        planned = launch.number < plan.launches
                        return Ending("out of time" if planned else "done", measured, total - made)
                    retryable = replace(launch, cases=tally.retryable(launch.cases))
                    if retryable.cases:
                        progress.begins(retryable)
                        begin = clock()
                        found, sampled_s = measure(
                            plan, retryable, slice_s, server, described, clock, available
                        )
                        for measurement in found:
                            store.append("launch", measurement.to_json())
                            tally.add(measurement)
                        measured += len(found)
                        slices.spent(retryable, clock() - begin, sampled_s)
                        # After the last launch of a round there may be another round.
                        rest = queue[index + 1 :] or rounds.another()
                        left_s = max(slices.left(rest), LEAST_LEFT_S) if rest else 0.0
                        for number, measurement in enumerate(found, start=made + 1):
                            progress.ended(measurement, number, total, left_s)
                    made += len(launch.cases)
    except KeyboardInterrupt:
        return Ending("interrupted", measured, total - made)
    tally.write_stops(store, Stop.LAUNCHES)
    return Ending("done", measured, 0)


class _Tally:
    """What is known of each case so far: which launches it has, how they went."""

    def __init__(self, plan: Plan, earlier: Iterable[Measurement]) -> None:
        self._launches, self._precision = plan.launches, plan.precision
        self._cases = [case.id for case in plan.cases]
        self._medians: dict[str, dict[int, float]] = {key: {} for key in self._cases}
        self._failures: Counter[str] = Counter()
        self.done: set[tuple[str, int]] = set()
        for measurement in earlier:
            self.add(measurement)

    def add(self, measurement: Measurement) -> None:
        key = measurement.case.id
        self.done.add((key, measurement.launch))
        self._failures[key] += not measurement.ok
        if measurement.ok:
            for value in stats.medians([measurement.samples_ns]):
                self._medians.setdefault(key, {})[measurement.launch] = value

    def retryable(self, cases: Group) -> Group:
        """Those that have not failed too often."""
        return tuple(case for case in cases if not self._given_up(case.id))

    def stop(self, key: str) -> Stop | None:
        """Why a case needs no more launches; None while it does."""
        if self._given_up(key):
            return Stop.FAILED
        if len(self._medians[key]) < self._launches:
            return None
        if self._precision is None:
            return Stop.LAUNCHES
        return stats.enough(list(self._medians[key].values()), self._precision)

    def _given_up(self, key: str) -> bool:
        return self._failures[key] >= FAILURES_ALLOWED

    def write_stops(self, store: Store, otherwise: Stop) -> None:
        """Record for each case that was launched why it was not launched again."""
        launched = {key for key, _ in self.done}
        for key in self._cases:
            if key in launched:
                store.append("stop", {"case": key, "reason": self.stop(key) or otherwise})


def _fits(plan: Plan, group: Group, room: int) -> bool:
    """Whether cases can be alive at once; those that cannot are launched one by one."""
    return sum(plan.paper(case).peak_bytes for case in group if case.device == "cpu") <= room


class _Rounds:
    """The launches that were planned; then round by round those of cases that need more."""

    def __init__(self, plan: Plan, tally: _Tally, room: int) -> None:
        self._plan, self._tally = plan, tally
        self._groups = [
            part
            for group in groups(plan.cases, plan.together)
            for part in ([group] if _fits(plan, group, room) else [(case,) for case in group])
        ]
        self._number = plan.launches

    def __iter__(self) -> Iterator[list[Launch]]:
        planned = range(self._plan.launches)
        yield [launch for number in planned for launch in self._round(self._groups, number)]
        while queue := self.another():
            self._number += 1
            yield queue

    def another(self) -> list[Launch]:
        """The next round after those that were planned; empty if no case needs one."""
        if self._plan.precision is None:
            return []
        wanted = [g for g in self._groups if any(not self._tally.stop(c.id) for c in g)]
        for number in count(self._number) if wanted else ():  # a continued run has made some
            if queue := self._round(wanted, number):
                self._number = number
                return queue
        return []

    def _round(self, wanted: Sequence[Group], number: int) -> list[Launch]:
        reference = REFERENCE if self._plan.reference else None
        return [
            launch
            for launch in a_round(wanted, number, self._plan.seed, reference)
            if any(
                (case.id, number) not in self._tally.done
                for case in self._tally.retryable(launch.cases)
            )
        ]


def measure(
    plan: Plan,
    launch: Launch,
    slice_s: float,
    server: Measures,
    described: Mapping[str, dict[str, Any]],
    clock: Callable[[], float] = time.perf_counter,
    available: Callable[[], int] = available_memory,
) -> tuple[list[Measurement], float]:
    """The measurements of one launch, and the seconds that all of it was sampled."""
    started, begin = time.time(), clock()
    room = available()
    reasons = [too_large(case, plan.paper(case), room) for case in launch.cases]
    fit = [case for case, reason in zip(launch.cases, reasons, strict=True) if not reason]

    def order(case: Case) -> Order:
        paper = plan.papers.get(case.paper_key)
        seed = plan.seed + launch.number
        return Order(case, paper, seed, plan.threads, new_batch=launch.number == 0)

    beside = order(launch.reference) if launch.reference else None
    orders = [order(case) for case in fit]
    answers = server.measure(orders, slice_s, plan.timeout_s, beside) if fit else []
    wall_s = clock() - begin
    reference = answers.pop() if fit and launch.reference else None
    sampled_ns = sum(reference.samples_ns) if reference else 0
    found = []
    for case, reason in zip(launch.cases, reasons, strict=True):
        answer = Answer(outcome="skipped", detail=reason) if reason else answers.pop(0)
        sampled_ns += sum(answer.samples_ns)
        # What ended without an answer says nothing of where it ran: on this machine.
        where = answer.environment or environment(described[case.runtime], plan.threads)
        known = {field.name: getattr(answer, field.name) for field in fields(Answer)}
        found.append(
            Measurement(
                **{**known, "environment": where},
                case=case,
                launch=launch.number,
                started=started,
                wall_s=wall_s,
                beside=tuple(other.id for other in fit if other is not case),
                **_pace(launch.reference, reference),
            )
        )
    return found, sampled_ns / 1e9


def _pace(case: Case | None, answer: Answer | None) -> dict[str, Any]:
    """The reference of a launch: which case, and its median call at each turn."""
    if case is None or answer is None or not answer.ok:
        return {}
    turns = in_turns(answer.samples_ns, answer.bursts)
    return {"reference": case.id, "reference_ns": tuple(median(turn) for turn in turns)}


def too_large(case: Case, paper: Paper, available: int) -> str:
    """Why a case cannot fit into memory; empty if it can."""
    if case.device != "cpu":
        return ""  # the device's memory is not this machine's
    needed = paper.peak_bytes
    if needed <= available:
        return ""
    return (
        f"needs {units.binary(needed)} on paper and {units.binary(available)} is available; "
        "give a smaller batch or input"
    )
