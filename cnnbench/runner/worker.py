"""What the child of a launch does. It is asked, and answers, on a private pipe.

It says when it is ready, makes a burst of calls whenever it is asked for one and says how
many and how long, and at the end sends one JSON document. Whatever it prints goes to a file of its
own, never into the result.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from cnnbench import runtimes
from cnnbench.cases.case import Case
from cnnbench.runner import placement
from cnnbench.runner.memory import Peak, peak_of
from cnnbench.runner.sampling import sample

END = b"[]"
"""What the parent says when it has enough."""

OUT_OF_MEMORY = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent asks of a child."""

    runtime: str
    case: Case
    seed: int
    threads: int | None


@dataclass(frozen=True, slots=True)
class Burst:
    """Calls to make before the next child's turn: for so long, at least and at most so many."""

    ns: int
    min_calls: int
    max_calls: int

    def message(self) -> bytes:
        """As the parent sends it."""
        return json.dumps([self.ns, self.min_calls, self.max_calls]).encode()


def describe(pipe: connection.Connection, log: str, runtime: str) -> None:
    """Child: send what the runtime says of itself."""
    _answer(pipe, log, lambda: runtimes.load(runtime).describe())


def measure(pipe: connection.Connection, log: str, order: Order) -> None:
    """Child: build the case, measure the memory of its first call, then its time."""
    _answer(pipe, log, lambda: _measure(pipe, order))


def _measure(pipe: connection.Connection, order: Order) -> dict[str, Any]:
    runtime = runtimes.load(order.runtime)
    ready = runtime.prepare(order.case, order.seed, order.threads)
    first: list[int] = []

    def first_call() -> None:
        begin = ready.clock()
        ready.step()
        first.append(ready.clock() - begin)

    if ready.device_peak_of:
        peak = Peak(ready.device_peak_of(first_call), "device")
    else:
        peak = peak_of(first_call)
    pinned = order.case.device == "cpu" and placement.spread()
    gc.collect()  # what building left behind, before the collector rests
    samples = [*first]
    bursts: list[int] = []
    pipe.send_bytes(_made(first))
    while (message := pipe.recv_bytes()) != END:
        burst = sample(ready.step, ready.clock, *json.loads(message))
        samples += burst
        bursts.append(len(burst))
        pipe.send_bytes(_made(burst))
    return {
        "samples_ns": samples,
        "bursts": bursts,
        "pinned": pinned,
        "peak_bytes": peak.bytes,
        "peak_source": peak.source,
        "check": ready.check and asdict(ready.check),
    }


def _made(calls: list[int]) -> bytes:
    return json.dumps([len(calls), sum(calls)]).encode()


def _answer(pipe: connection.Connection, log: str, work: Callable[[], dict[str, Any]]) -> None:
    _settle(log)
    try:
        answer = {"outcome": "ok", **work()}
    except Exception as error:
        traceback.print_exc()
        name = type(error).__name__
        answer = {
            "outcome": "out-of-memory" if name in OUT_OF_MEMORY else "failed",
            "detail": f"{name}: {next(iter(str(error).splitlines()), '')}"[:500],
        }
    pipe.send_bytes(json.dumps(answer).encode())
    pipe.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the framework's own teardown is slow, and nothing of ours is left to do


def _settle(log: str) -> None:
    """Make the process a good child: quiet, out of Ctrl-C's way, and gone with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and kills us
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()
    with suppress(OSError):
        # If memory runs out the kernel should take this process, not the run.
        Path("/proc/self/oom_score_adj").write_text("1000")


def _follow(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
