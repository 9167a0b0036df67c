"""The run: every launch of a plan, each on the disk when it ends."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from types import FrameType
from typing import Protocol, Self

from cnnbench import runtimes, stats
from cnnbench.cases.plan import Plan
from cnnbench.host.environment import available_memory
from cnnbench.runner import launching
from cnnbench.runner.launching import REFERENCES, Ended, needed
from cnnbench.runner.schedule import Group, Launch, Slices, a_round, groups
from cnnbench.runner.server import Workers
from cnnbench.runs.store import Measurement, Store
from cnnbench.stats import Stop

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

    def notes(self, what: str) -> None:
        """Something has happened that the user should know."""

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


class Lanes(Protocol):
    """Where launches are made: each lane makes one at a time."""

    @property
    def running(self) -> Sequence[Launch]:
        """The launches that have begun and not ended."""

    @property
    def width(self) -> int:
        """How many can run at once."""

    def free(self, queue: Sequence[Launch]) -> int | None:
        """The place in a queue of the first launch that can begin now; None if none can."""

    def begin(self, launch: Launch, slice_s: float) -> None:
        """Begin a launch that can; see `Workers.launch` for the slice."""

    def next(self) -> Sequence[Ended]:
        """Wait until a launch has ended, and return all that have.

        None of them if only something about the lanes has changed.
        """


def run(
    plan: Plan,
    store: Store,
    workers: Workers,
    progress: Progress | None = None,
    earlier: Iterable[Measurement] = (),
    clock: Callable[[], float] = time.perf_counter,
    available: Callable[[], int] = available_memory,
) -> Ending:
    """Measure on this machine, one launch after the other; see `run_in`.

    `clock` gives seconds, for the time budget; `available` the bytes that a child could take.
    """
    progress = progress or Progress()
    here = launching.here(plan, store, workers, progress.prepares, clock, available)
    return run_in(here, available(), plan, store, progress, earlier)


def run_in(
    opened: AbstractContextManager[Lanes],
    room: int,
    plan: Plan,
    store: Store,
    progress: Progress,
    earlier: Iterable[Measurement] = (),
) -> Ending:
    """Measure what a plan asks for and what `earlier` measurements do not have yet.

    The lanes are opened before the first launch, outside of the time budget: what launches need
    is made once. Each of them has `room` bytes of memory.
    """
    course = _Course(plan, earlier, room)
    measured = made = 0
    total = sum(len(launch.cases) for launch in next(course.rounds()))
    try:
        with _ctrl_c_remembered() as check_ctrl_c, opened as lanes:
            slices = Slices(plan.time_budget_s)
            for queue in course.rounds():
                total = made + sum(len(launch.cases) for launch in queue)
                slices.expect(queue)
                while queue or lanes.running:
                    check_ctrl_c()
                    slice_s = slices.next(lanes.width)
                    place = lanes.free(queue) if slice_s else None
                    if place is not None:
                        launch = queue.pop(place)
                        slices.drop(launch)
                        retryable = replace(launch, cases=course.retryable(launch.cases))
                        made += len(launch.cases) - len(retryable.cases)
                        if retryable.cases:
                            progress.begins(retryable)
                            slices.begin(retryable)
                            lanes.begin(retryable, slice_s)
                        continue
                    if queue and not slice_s and not lanes.running:
                        course.write_stops(store, Stop.BUDGET)
                        planned = queue[0].number < plan.launches
                        return Ending("out of time" if planned else "done", measured, total - made)
                    if not (ended := lanes.next()):
                        continue
                    # Of 1,000 workers several have ended meanwhile: one wait for the disk.
                    found = [m for one in ended for m in one.measurements]
                    store.extend(("launch", measurement.to_json()) for measurement in found)
                    measured += len(found)
                    for measurement in found:
                        course.add(measurement)
                    for one in ended:
                        slices.spent(one.launch, one.wall_s, one.sampled_s, one.at_once)
                    if not slices.any_left:  # there may be another round
                        slices.expect(course.another())
                    left_s = max(slices.left(lanes.width), LEAST_LEFT_S) if slices.any_left else 0.0
                    for number, measurement in enumerate(found, start=made + 1):
                        progress.ended(measurement, number, total, left_s)
                    made += len(found)
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
        references = REFERENCES if self._plan.reference else ()
        builder = runtimes.builder(self._plan.runtimes)  # the same for all runtimes
        beside = tuple(replace(reference, runtime=builder) for reference in references)
        launches = a_round(wanted, number, self._plan.seed, beside)
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
        if not measurement.ok:
            self._failures[key] += 1
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
        keys = [case.id for case in self._plan.cases if case.id in launched]
        store.extend(
            ("stop", {"case": key, "reason": self._stop(key) or otherwise}) for key in keys
        )
