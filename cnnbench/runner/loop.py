"""The run: every launch of a plan, one after the other, each on the disk when it ends."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from itertools import count
from statistics import median
from types import FrameType
from typing import Any, Self

from cnnbench import runtimes, stats, units
from cnnbench.cases.answer import Answer
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.cases.plan import Plan
from cnnbench.host.environment import available_memory, cores, environment
from cnnbench.runner import exports
from cnnbench.runner.schedule import Group, Launch, Slices, a_round, groups
from cnnbench.runner.server import Workers
from cnnbench.runs.store import Measurement, Store
from cnnbench.runtimes import Order
from cnnbench.stats import Stop

REFERENCE = Case("residual_module", ((16, 16, 64),), label="reference")
"""What takes turns with the cases of a run that asks for it: half a millisecond of
convolutions, to show how fast the machine was at that moment."""

LEAST_LEFT_S = 1.0
"""While any launch is to come, at least so many seconds are said to be left."""

FULL = ("out-of-memory", "killed", "timeout", "skipped")
"""How a launch ends whose batch is too large: the kernel kills what it has no memory for, and what
takes too long takes longer with a larger one."""

FAILURES_ALLOWED = 2
"""A case that failed this often is not launched again: once may be chance."""


class Progress:
    """Who watches the run, as long as the `with` lasts; this one says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def prepares(self, what: str) -> None:
        """Something is made that launches need."""

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
    workers: Workers,
    progress: Progress | None = None,
    earlier: Iterable[Measurement] = (),
    clock: Callable[[], float] = time.perf_counter,
    available: Callable[[], int] = available_memory,
) -> Ending:
    """Measure what a plan asks for and what `earlier` measurements do not have yet.

    `clock` gives seconds, for the time budget; `available` the bytes that a child could take.
    """
    course, progress = _Course(plan, earlier, available()), progress or Progress()
    measured = made = 0
    total = sum(len(launch.cases) for launch in next(course.rounds()))
    try:
        with (
            _ctrl_c_remembered() as check_ctrl_c,
            exports.made(plan, store, workers, available, progress.prepares) as ready,
        ):
            # Exports are outside the budget, which is of the launches: they are made once.
            slices = Slices(plan.time_budget_s)
            for queue in course.rounds():
                total = made + sum(len(launch.cases) for launch in queue)
                for index, launch in enumerate(queue):
                    check_ctrl_c()
                    slice_s = slices.next(queue[index:])
                    if not slice_s:
                        course.write_stops(store, Stop.BUDGET)
                        planned = launch.number < plan.launches
                        return Ending("out of time" if planned else "done", measured, total - made)
                    retryable = replace(launch, cases=course.retryable(launch.cases))
                    if retryable.cases:
                        progress.begins(retryable)
                        begin = clock()
                        found, sampled_s = measure(
                            plan, retryable, slice_s, workers, clock, available, ready
                        )
                        for measurement in found:
                            store.append("launch", measurement.to_json())
                            course.add(measurement)
                        measured += len(found)
                        slices.spent(retryable, clock() - begin, sampled_s)
                        # After the last launch of a round there may be another round.
                        rest = queue[index + 1 :] or course.another()
                        left_s = max(slices.left(rest), LEAST_LEFT_S) if rest else 0.0
                        for number, measurement in enumerate(found, start=made + 1):
                            progress.ended(measurement, number, total, left_s)
                    made += len(launch.cases)
    except KeyboardInterrupt:
        return Ending("interrupted", measured, total - made)
    course.write_stops(store, Stop.LAUNCHES)
    return Ending("done", measured, 0)


@contextmanager
def _ctrl_c_remembered() -> Iterator[Callable[[], None]]:
    """Yields a function that raises KeyboardInterrupt if Ctrl-C was pressed before.

    Python raises it in whatever the main thread does at that moment. While an object is deleted,
    such as a process or a pipe, the exception is only printed and then lost. If somebody else has
    set a handler, or Ctrl-C is ignored, that stays so.
    """
    pressed: list[int] = []

    def press(number: int, _: FrameType | None) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, press)
    try:
        yield check
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class _Course:
    """How the cases of a run have gone so far, and so which launches are to come.

    Cases that do not fit into `room` bytes of memory together are launched one by one.
    """

    def __init__(self, plan: Plan, earlier: Iterable[Measurement], room: int) -> None:
        self._plan, self._next_round = plan, plan.launches
        self._groups: list[Group] = []
        for group in groups(plan.cases, plan.together):
            together = sum(needed(case, plan.paper(case)) for case in group if case.device == "cpu")
            self._groups += [group] if together <= room else [(case,) for case in group]
        self._medians: dict[str, dict[int, float]] = {case.id: {} for case in plan.cases}
        self._failures: Counter[str] = Counter()
        self._full: set[str] = set()
        self._done: set[tuple[str, int]] = set()
        for measurement in earlier:
            self.add(measurement)

    def rounds(self) -> Iterator[list[Launch]]:
        """The launches that were planned; then round by round those of cases that need more."""
        planned = range(self._plan.launches)
        yield [launch for number in planned for launch in self._round(self._groups, number)]
        while queue := self.another():
            self._next_round += 1
            yield queue

    def another(self) -> list[Launch]:
        """The next round after those that were planned; empty if no case needs one."""
        if self._plan.precision is None:
            return []
        wanted = [g for g in self._groups if any(not self._stop(c.id) for c in g)]
        for number in count(self._next_round) if wanted else ():  # a continued run has made some
            if queue := self._round(wanted, number):
                self._next_round = number
                return queue
        return []

    def _round(self, wanted: Sequence[Group], number: int) -> list[Launch]:
        reference = None
        if self._plan.reference:  # one for all runtimes
            reference = replace(REFERENCE, runtime=runtimes.builder(self._plan.runtimes))
        launches = a_round(wanted, number, self._plan.seed, reference)
        if self._plan.fill and not number:  # which are too large is known after the first round
            launches.sort(key=lambda launch: launch.cases[0].batch_size)
        return [
            launch
            for launch in launches
            if any((case.id, number) not in self._done for case in self.retryable(launch.cases))
        ]

    def add(self, measurement: Measurement) -> None:
        """Account for a launch that has ended."""
        case, key = measurement.case, measurement.case.id
        if self._plan.fill and measurement.outcome in FULL:
            self._full |= {
                other.id
                for other in self._plan.cases
                if other.batch_size >= case.batch_size
                and replace(other, batch_size=case.batch_size) == case
            }
        self._done.add((key, measurement.launch))
        self._failures[key] += not measurement.ok
        if measurement.ok:
            for value in stats.medians([measurement.samples_ns]):
                self._medians.setdefault(key, {})[measurement.launch] = value

    def retryable(self, cases: Group) -> Group:
        """Those that have not failed too often, nor are too large."""
        return tuple(
            case
            for case in cases
            if self._failures[case.id] < FAILURES_ALLOWED and case.id not in self._full
        )

    def _stop(self, key: str) -> Stop | None:
        """Why a case needs no more launches; None while it does."""
        if key in self._full:
            return Stop.FULL
        if self._failures[key] >= FAILURES_ALLOWED:
            return Stop.FAILED
        if len(self._medians[key]) < self._plan.launches:
            return None
        if self._plan.precision is None:
            return Stop.LAUNCHES
        return stats.enough(list(self._medians[key].values()), self._plan.precision)

    def write_stops(self, store: Store, otherwise: Stop) -> None:
        """Record for each case that was launched, or is too large, why it was not any more."""
        launched = self._full.union(key for key, _ in self._done)
        for key in (case.id for case in self._plan.cases if case.id in launched):
            store.append("stop", {"case": key, "reason": self._stop(key) or otherwise})


def measure(
    plan: Plan,
    launch: Launch,
    slice_s: float,
    workers: Workers,
    clock: Callable[[], float] = time.perf_counter,
    available: Callable[[], int] = available_memory,
    ready: exports.Ready | None = None,
) -> tuple[list[Measurement], float]:
    """The measurements of one launch, and the seconds that all of it was sampled."""
    started, begin = time.time(), clock()
    room = available()
    ready = ready or exports.Ready()
    reasons = [
        ready.problems.get(case.id) or too_large(case, plan.paper(case), room)
        for case in launch.cases
    ]
    fit = [case for case, reason in zip(launch.cases, reasons, strict=True) if not reason]

    def order(case: Case) -> Order:
        paper, seed = plan.papers.get(case.paper_key), plan.seed + launch.number
        files = ready.files.get(case.id)
        watched = plan.profile and case in fit and not runtimes.unprofiled(case)
        count = threads(plan, case)
        return Order(case, paper, seed, count, launch.number == 0, files, profile=watched)

    seen = launch.reference and workers.described[launch.reference.runtime].devices
    if seen and not seen.get(launch.cases[0].kind):  # such as of a TensorFlow for the CPU alone
        launch = replace(launch, reference=None)
    beside = order(launch.reference) if launch.reference else None
    orders = [order(case) for case in fit]
    answers: list[Answer] = []
    if fit:
        answers += workers.launch(orders, slice_s, plan.timeout_s, beside)
    wall_s = clock() - begin
    sampled_ns = sum(
        sum(answer.samples_ns) / case.clients
        for case, answer in zip((*fit, launch.reference or REFERENCE), answers, strict=False)
    )
    pace: dict[str, Any] = {}
    if fit and launch.reference and (last := answers.pop()).ok:
        turns = tuple(median(turn) for turn in last.turns)
        pace = {"reference": launch.reference.id, "reference_ns": turns}
    found = []
    for case, reason in zip(launch.cases, reasons, strict=True):
        answer = Answer(outcome="skipped", detail=reason) if reason else answers.pop(0)
        known = {field.name: getattr(answer, field.name) for field in fields(Answer)}
        if not answer.environment:  # ended without a result: all that is known is this machine
            known["environment"] = environment(
                workers.described[case.runtime].to_json(), threads(plan, case)
            )
        found.append(
            Measurement(
                **known,
                case=case,
                launch=launch.number,
                started=started,
                wall_s=wall_s,
                beside=tuple(other.id for other in fit if other is not case),
                **pace,
            )
        )
    return found, sampled_ns / 1e9


def threads(plan: Plan, case: Case) -> int | None:
    """How many threads one operation may use; the framework's own choice if None.

    Several runtimes would each choose another number: they get all cores.
    """
    return case.threads or plan.threads or (cores() if exports.shared(plan) else None)


def too_large(case: Case, paper: Paper, available: int) -> str:
    """Why a case cannot fit into memory; empty if it can."""
    # The memory of another device is not this machine's.
    size = needed(case, paper)
    if case.device != "cpu" or size <= available:
        return ""
    return (
        f"needs {units.binary(size)} on paper and {units.binary(available)} is "
        "available; give a smaller batch or input"
    )


def needed(case: Case, paper: Paper) -> int:
    """The memory that a case needs on paper: clients share the weights alone."""
    return paper.peak_bytes + (case.clients - 1) * paper.cost.peak_activation_bytes
