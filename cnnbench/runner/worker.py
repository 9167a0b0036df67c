"""What a child does. It is asked, and answers, on a private pipe.

For a launch it says when it is ready, makes a burst of calls whenever it is asked for one and says
how many and how long, and at the end sends one JSON document. Whatever it prints goes to a file
of its own, never into the result.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from cnnbench import runtimes
from cnnbench.cases import paper
from cnnbench.cases.answer import Answer
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.errors import CnnbenchError
from cnnbench.host.environment import environment
from cnnbench.runner import placement
from cnnbench.runner.memory import Peak, peak_of, resident
from cnnbench.runner.sampling import sample

END = b"[]"
"""What the parent says when it has enough."""

OUT_OF_MEMORY = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent asks of the child of a launch.

    `new_batch` asks how long the first call with one sample more takes.
    """

    case: Case
    paper: Paper | None
    seed: int
    threads: int | None
    new_batch: bool = False


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
    _answer(pipe, log, lambda: {"outcome": "ok", **runtimes.load(runtime).describe()})


def plan(pipe: connection.Connection, log: str, cases: Sequence[Case]) -> None:
    """Child: send the sizes, the type and the costs of cases of one network."""
    _answer(pipe, log, lambda: {"outcome": "ok", "planned": _planned(cases)})


def measure(pipe: connection.Connection, log: str, order: Order) -> None:
    """Child: build the case, measure the memory of its first call, then its time."""
    _answer(pipe, log, lambda: _measure(pipe, order).to_json())


def _planned(cases: Sequence[Case]) -> list[dict[str, Any]]:
    network = cases[0].network  # opened once for all of them
    network.check()
    found = []
    for case in cases:
        graph = network.as_run(case.inputs or None, case.batch_size, case.dtype or None)
        inputs = tuple(graph.nodes[i].rule.shape[1:] for i in graph.inputs)
        if case.data:  # what is wrong with it is said before a launch
            from cnnbench.networks import samples

            model = None if network.kind == "entry" else network.keras(inputs)
            samples.values(case.data, graph, model, seed=0)
        costs = paper.paper(graph, train=case.mode == "train")
        costs = replace(costs, file=network.file_digest())
        found.append({"inputs": inputs, "dtype": graph.dtype, "paper": costs.to_json()})
    return found


def _measure(pipe: connection.Connection, order: Order) -> Answer:
    case, runtime = order.case, runtimes.load(order.case.runtime)
    where = environment(runtime.describe(), order.threads)
    _unchanged(order, case.network.file_digest())
    ready = runtime.prepare(case, order.seed, order.threads, order.paper)
    _unchanged(order, digest=ready.digest)
    first: list[int] = []

    def first_call() -> None:
        begin = ready.clock()
        ready.step()
        first.append(ready.clock() - begin)

    if ready.device_peak_of:
        peak = Peak(ready.device_peak_of(first_call), "device")
    else:
        peak = peak_of(first_call)
    where["pinned"] = case.device == "cpu" and placement.spread()
    gc.collect()  # what building left behind, before the collector rests
    samples, bursts, memory = [*first], list[int](), [resident()]
    pipe.send_bytes(_made(first))
    while (message := pipe.recv_bytes()) != END:
        burst = sample(ready.step, ready.clock, *json.loads(message))
        samples += burst
        bursts.append(len(burst))
        memory.append(resident())
        pipe.send_bytes(_made(burst))
    return Answer(
        outcome="ok",
        samples_ns=tuple(samples),
        bursts=tuple(bursts),
        build_ns=ready.build_ns,
        compile_ns=ready.compile_ns,
        new_batch_ns=_new_batch(ready) if order.new_batch else None,
        peak_bytes=peak.bytes,
        peak_source=peak.source,
        resident_bytes=tuple(size for size in memory if size),
        check=ready.check,
        environment=where,
    )


def _unchanged(order: Order, file: str = "", digest: str = "") -> None:
    """Refuse another network than was planned."""
    wanted = order.paper
    for now, then in ((file, wanted and wanted.file), (digest, wanted and wanted.digest)):
        if now and then and now != then:
            raise CnnbenchError(
                f"{order.case.target} has changed since the run was planned: its digest was "
                f"{then}, now it is {now}; start a new run"
            )


def _new_batch(ready: runtimes.Prepared) -> int | None:
    """Nanoseconds of the first call with one sample more; None where the network takes none."""
    if ready.new_batch is None:
        return None
    try:
        begin = ready.clock()
        ready.new_batch()
        return ready.clock() - begin
    except Exception:  # built for this batch alone, or no memory is left: the launch is good
        traceback.print_exc()
        return None


def _made(calls: list[int]) -> bytes:
    return json.dumps([len(calls), sum(calls)]).encode()


def _answer(pipe: connection.Connection, log: str, work: Callable[[], dict[str, Any]]) -> None:
    _settle(log)
    try:
        answer = work()
    except Exception as error:
        traceback.print_exc()
        answer = {"outcome": _outcome(error), "detail": _reason(error)}
    pipe.send_bytes(json.dumps(answer).encode())
    pipe.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the framework's own teardown is slow, and nothing of ours is left to do


def _outcome(error: Exception) -> str:
    return "out-of-memory" if type(error).__name__ in OUT_OF_MEMORY else "failed"


def _reason(error: Exception) -> str:
    """What went wrong, in one line; our own errors are written for the user."""
    said = next(iter(str(error).splitlines()), "")
    return (said if isinstance(error, CnnbenchError) else f"{type(error).__name__}: {said}")[:500]


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
