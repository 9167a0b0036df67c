"""The runtime `fake`, some of whose children go wrong: in which launches follows from a seed."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from random import Random

from cnnbench.runner.launching import REFERENCES
from cnnbench.runtimes import Order, Prepared, fake

MODES, PRELOAD, ENVIRONMENT, SIMULATED = fake.MODES, fake.PRELOAD, fake.ENVIRONMENT, True
describe = fake.describe

SEED = "CNNBENCH_SOAK_SEED"
"""The variable that has the seed; nothing goes wrong without it."""

RATE = 0.06
"""The share of launches that go wrong."""

LAST_CALL = 4
"""The first call of a launch may be the wrong one, a later one up to this, or any between."""


def crash() -> None:
    """A fault of the program."""
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    """Longer than any launch may take."""
    time.sleep(3600)


def kill() -> None:
    """What the kernel does to a process for which it has no memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def exhaust() -> None:
    """An allocator that has no memory."""
    limit = 2**31
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    bytearray(2 * limit)


FAULTS: dict[str, tuple[Callable[[], None], str]] = {
    "child crashes": (crash, "crashed"),
    "child hangs": (hang, "timeout"),
    "child is killed": (kill, "killed"),
    "child has no memory": (exhaust, "out-of-memory"),
}
"""What a child does, and the outcome that its launch must have."""


def fault(seed: str, case: str, order_seed: int) -> tuple[str, int]:
    """What goes wrong in the launch of a case, by its id, and in which call; "" if nothing does."""
    random = Random(f"{seed} {case} {order_seed}")
    wrong = random.choice(list(FAULTS)) if random.random() < RATE else ""
    return wrong, random.randint(0, LAST_CALL)


def prepare(order: Order) -> Prepared:
    """The step of `fake`, which goes wrong in one of its calls if it is to."""
    ready = fake.prepare(order)
    seed = os.environ.get(SEED, "")
    wrong, when = fault(seed, order.case.id, order.seed) if seed else ("", 0)
    if not wrong or order.case.label == REFERENCES[0].label:
        return ready
    calls = count()

    def step() -> None:
        if next(calls) == when:
            FAULTS[wrong][0]()
        ready.step()

    return replace(ready, step=step)
