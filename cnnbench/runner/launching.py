"""One launch on this machine: what its children are asked, and what became of each case."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields

from cnnbench import runtimes, units
from cnnbench.cases.answer import Answer
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.cases.plan import Plan
from cnnbench.host.environment import available_memory, cores, environment
from cnnbench.runner import exports
from cnnbench.runner.child import Turn
from cnnbench.runner.schedule import Launch
from cnnbench.runner.server import Workers
from cnnbench.runs.store import Measurement, Store
from cnnbench.runtimes import Order

REFERENCES = (
    Case("residual_module", ((16, 16, 64),), label="reference"),
    Case("residual_bottleneck", ((28, 28, 256),), label="reference"),
)
"""What takes turns with the cases of a run that asks for it, to show how fast the machine was at
that moment: half a millisecond of small convolutions, and one and a half of larger ones. A machine
that is shared does not slow down all networks alike. Each round has processes of its own of them:
no two launches of a case meet the same."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A launch that has ended, and its measurements.

    It took `wall_s` seconds, and for `sampled_s` of them calls were timed. `at_once` says how many
    launches ran at that time, itself included.
    """

    launch: Launch
    measurements: list[Measurement]
    wall_s: float
    sampled_s: float
    at_once: int = 1


class Here:
    """The one lane of this machine, for which files are ready."""

    width = 1

    def __init__(
        self,
        plan: Plan,
        workers: Workers,
        ready: exports.Ready,
        clock: Callable[[], float] = time.perf_counter,
        available: Callable[[], int] = available_memory,
    ) -> None:
        self._plan, self._workers, self._ready = plan, workers, ready
        self._clock, self._available = clock, available
        self._begun: list[tuple[Launch, float]] = []

    @property
    def running(self) -> list[Launch]:
        """The launch that was begun."""
        return [launch for launch, _ in self._begun]

    def free(self, queue: Sequence[Launch]) -> int | None:
        """The first, unless another was begun."""
        return 0 if queue and not self._begun else None

    def begin(self, launch: Launch, slice_s: float) -> None:
        """It is made when somebody waits for it."""
        self._begun.append((launch, slice_s))

    def next(self) -> list[Ended]:
        """Make the launch."""
        launch, slice_s = self._begun[0]
        begin = self._clock()
        found, sampled_s = measure(
            self._plan, launch, slice_s, self._workers, self._clock, self._available, self._ready
        )
        self._begun.clear()
        return [Ended(launch, found, self._clock() - begin, sampled_s)]


@contextmanager
def here(
    plan: Plan,
    store: Store,
    workers: Workers,
    begins: Callable[[str], None],
    clock: Callable[[], float],
    available: Callable[[], int],
) -> Iterator[Here]:
    """This machine, with the files that launches need as long as the `with` lasts."""
    with exports.made(plan, store, workers, available, begins) as ready:
        try:
            yield Here(plan, workers, ready, clock, available)
        finally:
            workers.rest()


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
        new_batch = case in fit and launch.number == 0 and not plan.at_once
        return Order(case, paper, seed, count, new_batch, files, profile=watched)

    references = tuple(
        reference
        for reference in launch.references
        # A TensorFlow for the CPU alone has no other device.
        if not (seen := workers.described[reference.runtime].devices) or seen.get(reference.kind)
    )
    beside = [order(reference) for reference in references]
    orders = [order(case) for case in fit]
    answers: list[Answer] = []
    turns: list[list[Turn]] = []
    if fit:
        replies, turns = workers.launch(orders, slice_s, plan.timeout_s, beside, plan.at_once)
        answers += replies
    wall_s = clock() - begin
    sampled_ns = sum(turn.ns for of in turns for turn in of) + sum(
        sum(answer.samples_ns) / case.clients for case, answer in zip(fit, answers, strict=True)
    )
    paces = {
        reference.id: tuple(turn.median_ns for turn in of)
        for reference, of in zip(references, turns, strict=False)
        if of
    }
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
                sampled_s=sampled_ns / 1e9,
                beside=tuple(other.id for other in fit if other is not case),
                references=paces,
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
