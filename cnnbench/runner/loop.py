"""The run: every launch of a plan, one after the other, each on the disk when it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from cnnbench import units
from cnnbench.case import Case
from cnnbench.measurement import Check, Measurement
from cnnbench.runner.environment import available_memory, environment
from cnnbench.runner.schedule import Launch, Slices, schedule
from cnnbench.runner.worker import Order
from cnnbench.store import Plan, Store

FAILURES_ALLOWED = 2
"""A case that failed this often is not launched again: once may be chance."""


class Measures(Protocol):
    """What the loop needs of a `Server`."""

    def measure(self, order: Order, timeout_s: float) -> dict[str, Any]:
        """Launch one child; never raises for what happens to it."""


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
    described: dict[str, Any],
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
        described: what the runtime's `describe` said, for the records.
        progress: who is told.
        earlier: the measurements of a run that is continued.
        clock: seconds, for the time budget.
        available: bytes that a child could take, for what would not fit.
    """
    earlier = list(earlier)
    done = {(m.case.id, m.launch) for m in earlier}
    failures = Counter(m.case.id for m in earlier if not m.ok)
    queue = schedule(plan.cases, plan.launches, plan.seed, done)
    slices = Slices(plan.time_budget_s)
    measured = 0
    try:
        for index, launch in enumerate(queue):
            slice_s = slices.next(queue[index:])
            if not slice_s:
                return Ending("out of time", measured, len(queue) - index)
            if failures[launch.case.id] >= FAILURES_ALLOWED:
                continue
            progress.begins(launch)
            begin = clock()
            measurement = _measure(plan, launch, slice_s, server, described, clock, available)
            store.append("launch", measurement.to_json())
            measured += 1
            failures[launch.case.id] += not measurement.ok
            slices.spent(launch, clock() - begin, sum(measurement.samples_ns) / 1e9)
            progress.ended(measurement, index + 1, len(queue), slices.left())
    except KeyboardInterrupt:
        return Ending("interrupted", measured, len(queue) - measured)
    return Ending("done", measured, 0)


def _measure(
    plan: Plan,
    launch: Launch,
    slice_s: float,
    server: Measures,
    described: dict[str, Any],
    clock: Callable[[], float],
    available: Callable[[], int],
) -> Measurement:
    started, begin = time.time(), clock()
    where = environment(described, plan.threads)
    reason = too_large(launch.case, available())
    if reason:
        answer: dict[str, Any] = {"outcome": "skipped", "detail": reason}
    else:
        order = Order(plan.runtime, launch.case, plan.seed + launch.number, plan.threads, slice_s)
        answer = server.measure(order, plan.timeout_s)
    check = answer.get("check")
    return Measurement(
        case=launch.case,
        launch=launch.number,
        outcome=answer["outcome"],
        detail=answer.get("detail", ""),
        started=started,
        wall_s=clock() - begin,
        samples_ns=tuple(answer.get("samples_ns", ())),
        peak_bytes=answer.get("peak_bytes"),
        peak_source=answer.get("peak_source", ""),
        check=check and Check(check["layers"], check["params"], tuple(check["differences"])),
        environment=where,
    )


def too_large(case: Case, available: int) -> str:
    """Why a case cannot fit into memory; empty if it can."""
    if case.device != "cpu":
        return ""  # the device's memory is not this machine's
    needed = case.cost().peak_bytes
    if needed <= available:
        return ""
    return (
        f"needs {units.binary(needed)} on paper and {units.binary(available)} is available; "
        "give a smaller batch or input"
    )
