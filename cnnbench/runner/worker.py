"""What a child does. It is asked, and replies, on a private pipe.

The child of a launch says when it is ready. Each time it is asked, it makes a burst of calls and
says how many they were and how long they took. Its last message is one JSON document. Whatever it
prints goes to a file of its own, never into the result.
"""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

from cnnbench import paths, runtimes
from cnnbench.cases import paper
from cnnbench.cases.answer import LaunchProfile
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError
from cnnbench.graph import in_precision
from cnnbench.host import allowances
from cnnbench.host.environment import environment
from cnnbench.runner import placement
from cnnbench.runner.child import Planned, Reply, Turn
from cnnbench.runner.clients import Clients, rate
from cnnbench.runner.sampling import peak_of, resident, sample
from cnnbench.runtimes import Order

AS_IT_IS = "as it is"
END = b"[]"
"""What the parent sends when it has enough."""

OUT_OF_MEMORY = re.compile(
    r"MemoryError|ResourceExhaustedError|RESOURCE_EXHAUSTED|[Oo]ut of memory|can't allocate memory"
    r"|STATUS_ALLOC_FAILED"
)
"""What allocators say: Python's, TensorFlow's, XLA's, PyTorch's, and those of CUDA's libraries."""


TOLERANCE = {"float32": 1e-4, "float16": 0.02, "bfloat16": 0.05, "int8": 0.5}
"""The largest relative difference of outputs that a data type explains. In float32 2e-6 is seen
between runtimes, and 3.5e-3 where one computes in bfloat16 instead. In int8 it is the root of the
mean square, relative to the outputs' standard deviation: where weights are random, a thousand
classes are nearly equally likely, and nonsense differs little from them. Six such networks are at
0.002 to 0.02; unrelated outputs are at 1 or more."""


PROFILE_NS = 1_000_000_000
PROFILED = (3, 30)
"""How long calls are made while a profiler watches, and the fewest and the most of them."""


def numbers(*values: float) -> bytes:
    """A message: calls to make (for how long, least, most), or a `Turn`."""
    return json.dumps(values).encode()


def work(pipe: Connection, log: str, task: Callable[..., Reply], *args: object) -> None:
    """The whole life of a child: do one of the three tasks below and send the reply."""
    _settle(log)
    try:
        reply = task(pipe, *args)
    except Exception as error:
        traceback.print_exc()
        everything = f"{type(error).__name__}: {error}"
        reply = Reply(
            outcome="out-of-memory" if OUT_OF_MEMORY.search(everything) else "failed",
            detail=_reason(error),
        )
    try:
        pipe.send_bytes(json.dumps(reply.to_json()).encode())
        pipe.close()
    except OSError:
        _orphaned(log)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the framework's own teardown is slow, and nothing of ours is left to do


def _reason(error: Exception) -> str:
    """What an error says, in a line; our own are written for the user.

    It is stored, so that of a framework's words the folders of this machine are left out.
    """
    said = next(iter(str(error).splitlines()), "")
    if not isinstance(error, CnnbenchError):
        said = paths.without_folders(f"{type(error).__name__}: {said}")
    return said[:500]


def describe(_: Connection, runtime: str) -> Reply:
    """Reply with the versions and devices of a runtime."""
    found = runtimes.load(runtime).describe()
    return Reply(outcome="ok", versions=found["versions"], devices=found["devices"])


def plan(_: Connection, cases: Sequence[Case]) -> Reply:
    """Reply with the sizes, the type and the costs of cases of one network."""
    network = cases[0].network  # opened once for all of them
    network.check()
    found = []
    for case in cases:
        file = runtimes.exporter(case.runtime)  # of floats, which is then run in another type
        dtype = None if file else case.dtype or None
        graph = network.as_run(case.inputs or None, case.batch_size, dtype)
        if file and case.dtype:
            graph = in_precision(graph, case.dtype)
        inputs = tuple(graph.nodes[i].rule.shape[1:] for i in graph.inputs)
        if case.data:  # what is wrong with it is said before a launch
            from cnnbench.networks import samples

            model = None if network.kind == "entry" else network.keras(inputs)
            samples.values(case.data, graph, model, seed=0)
        costs = replace(paper.paper(graph, case.mode == "train"), file=network.file_digest())
        found.append(Planned(inputs, case.dtype or graph.dtype, costs.to_json()))
    return Reply(outcome="ok", planned=tuple(found))


def store_values(_: Connection, order: Order, folder: str, frozen: bool, calibrated: bool) -> Reply:
    """Store a network's weights, an input and what it returns for that; reply with their digest."""
    from cnnbench.runtimes import _keras

    return Reply(outcome="ok", digest=_keras.stored(order, Path(folder), frozen, calibrated))


def export(_: Connection, order: Order, folder: str, file: str) -> Reply:
    """Export a stored network to the file of a runtime."""
    runtime = runtimes.load(order.case.runtime)
    peak, source = peak_of(lambda: runtime.export(order.case, Path(folder), Path(file)))
    return Reply(outcome="ok", peak_bytes=peak, peak_source=source)


def rewrite(_: Connection, order: Order, folder: str) -> Reply:
    """Save a network and what `rewriting` makes of it; reply with how far their outputs are apart.

    The names of the files are those of the changes; that of the network as it is, is "as it is".
    """
    from cnnbench.networks import rewriting
    from cnnbench.runtimes import _keras

    runtimes.start(order)
    built = _keras.Built(order)
    if order.case.network.kind in ("entry", "application"):
        _keras.vary(built.model)
    x = built.arranged(built.inputs)
    right = _keras.flat(built.model(x, training=False))
    found: dict[str, float] = {}
    for name, change in {AS_IT_IS: lambda model: model, **rewriting.CHANGES}.items():
        if (model := change(built.model)) is None:
            continue
        model.save(Path(folder) / f"{name}.keras")
        gaps = map(_gap, _keras.flat(model(x, training=False)), right)
        found[name] = max(float(gap.max(initial=0.0)) / size for gap, size in gaps)
    return Reply(outcome="ok", apart=found)


def measure(pipe: Connection, order: Order) -> Reply:
    """Build a case, measure the memory of its first call, then the time of further ones."""
    case, runtime = order.case, runtimes.load(order.case.runtime)
    ours = placement.threads()
    runtimes.start(order)  # first: what describes JAX would start it with all threads
    where = environment(runtime.describe(), order.threads) | allowances.stored(case.runtime)
    if order.paper:
        _check_unchanged(case, order.paper.file, case.network.file_digest())
    begin_bytes, prepared = resident(), list[runtimes.Prepared]()
    load_bytes, _ = peak_of(lambda: prepared.append(runtime.prepare(order)))
    ready, loaded_bytes = prepared[0], resident()
    if order.paper:
        _check_unchanged(case, order.paper.digest, ready.digest)
    first: list[int] = []
    returned: list[object] = []
    before = placement.threads()

    def first_call() -> None:
        begin = ready.clock()
        returned.append(ready.step())
        first.append(ready.clock() - begin)

    if ready.device_peak_of:
        peak_bytes, source = ready.device_peak_of(first_call)
    else:
        peak_bytes, source = peak_of(first_call)
    joint_bytes = None
    if not ready.device_peak_of and begin_bytes and loaded_bytes:
        joint_bytes = max(load_bytes, loaded_bytes - begin_bytes + (peak_bytes or 0))
    difference = _difference(order, ready, returned.pop())
    clients: list[Clients] = []
    if case.clients > 1:
        alone_bytes = resident() or 0

        def join() -> None:
            clients.append(Clients(ready, case.clients))
            clients[0].sample(0, 1, 1)

        more_bytes, _ = peak_of(join)
        if joint_bytes is not None and begin_bytes:
            joint_bytes = max(joint_bytes, alone_bytes - begin_bytes + more_bytes)
    every = placement.cores()
    # With several clients it is their threads that compute, and the main one waits.
    main_works = getattr(runtime, "COMPUTES_IN_MAIN", False) and not clients
    where["pinned"] = case.device == "cpu" and placement.spread(ours, main_works, before)
    gc.collect()  # what building left behind, before the collector is off
    samples, bursts, rates, memory = [*first], list[int](), list[float](), [resident()]
    pipe.send_bytes(numbers(*Turn(1, *first, *first)))
    while (message := pipe.recv_bytes()) != END:
        budget_ns, *calls = json.loads(message)
        if clients:  # each of whose calls takes as many times as long, or nearly
            made = clients[0].sample(budget_ns * case.clients, *calls)
            rates.append(rate(made))
        else:
            made = [sample(ready.step, ready.clock, budget_ns, *calls)]
        calls_ns = [*chain.from_iterable(made)]
        samples += calls_ns
        bursts.append(len(calls_ns))
        memory.append(resident())
        turn = Turn(bursts[-1], max(map(sum, made)), median(calls_ns))
        pipe.send_bytes(numbers(*turn))
    if clients and joint_bytes is not None and begin_bytes:
        joint_bytes = max(joint_bytes, *(size - begin_bytes for size in memory if size))
    profile = None
    if order.profile:
        # A session that is watched makes threads of its own, which inherit the cores of this one.
        placement.free(every)
        profile = _profiled(ready, samples)
    return Reply(
        outcome="ok",
        samples_ns=tuple(samples),
        bursts=tuple(bursts),
        rates=tuple(rates),
        build_ns=ready.build_ns,
        compile_ns=ready.compile_ns,
        new_batch_ns=_new_batch(ready) if order.new_batch else None,
        peak_bytes=peak_bytes,
        load_bytes=None if ready.device_peak_of else load_bytes,
        joint_bytes=joint_bytes,
        difference=difference,
        peak_source=source,
        resident_bytes=tuple(size for size in memory if size),
        check=ready.check,
        environment=where,
        profile=profile,
    )


def _profiled(ready: runtimes.Prepared, samples: Sequence[int]) -> LaunchProfile:
    """What the operations of a call take; the launch is good without it too."""
    fewest, most = PROFILED
    calls = min(max(PROFILE_NS // int(median(samples) + 1), fewest), most)
    try:
        return ready.profile(calls) if ready.profile else LaunchProfile(problem="no profiler")
    except Exception as error:  # whatever goes wrong in it
        traceback.print_exc()
        return LaunchProfile(problem=_reason(error))


def _gap(mine: Any, other: Any) -> tuple[Any, float]:
    """How far each value of an array is from that of another, and the largest of the other."""
    import numpy as np

    right = np.asarray(other).astype(np.float64)
    largest = float(np.max(np.abs(right), initial=0.0)) or 1.0
    return np.abs(np.asarray(mine).astype(np.float64) - right), largest


def _difference(order: Order, ready: runtimes.Prepared, returned: object) -> float | None:
    """How far the outputs of a first call are from those that are stored; None without either.

    Raises:
        CnnbenchError: farther than the data type explains.
    """
    if order.files is None or ready.outputs is None:
        return None
    import numpy as np

    from cnnbench.runtimes._keras import OUTPUTS, arrays

    ours, theirs = ready.outputs(returned), arrays(order.files.folder / OUTPUTS)
    shapes = [[tuple(np.shape(x)) for x in some] for some in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise CnnbenchError(f"it computes something else: outputs {shapes[0]}, not {shapes[1]}")
    gaps, noises = [], []
    for mine, other in zip(ours, theirs, strict=True):
        gap, size = _gap(mine, other)
        gaps.append(np.max(gap, initial=0.0) / size)
        deviation = np.std(other.astype(np.float64)) or size
        noises.append(np.sqrt(np.mean(gap**2)) / deviation if gap.size else 0.0)
    found, noise = (float(np.max(each, initial=0.0)) for each in (gaps, noises))  # NaN if one is
    dtype, judged, of = order.case.dtype, found, "the largest"
    if dtype == "int8":
        judged, of = noise, "their standard deviation"
    most = TOLERANCE[dtype.removeprefix("mixed_")]
    if not judged <= most:  # also where it is NaN
        raise CnnbenchError(
            f"it computes something else than TensorFlow: outputs differ by {judged:.1e} of {of}, "
            f"and {dtype} explains {most:g}"
        )
    return found


def _check_unchanged(case: Case, then: str, now: str) -> None:
    """Refuse another network than was planned."""
    if now and then and now != then:
        raise CnnbenchError(
            f"{case.target} has changed since the run was planned: its digest was {then}, "
            f"now it is {now}; start a new run"
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


def _settle(log: str) -> None:
    """Write output to the log, ignore Ctrl-C, and end when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and kills us
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if parent := parent_process():
        threading.Thread(target=_follow, args=(parent.sentinel, log), daemon=True).start()
    with suppress(OSError):
        # If memory runs out, the kernel should kill this process and not the run.
        Path("/proc/self/oom_score_adj").write_text("1000")


def _follow(sentinel: int, log: str) -> None:
    wait([sentinel])
    _orphaned(log)


def _orphaned(log: str) -> NoReturn:
    """End, and remove the log: the parent cannot do that any more."""
    with suppress(OSError):
        Path(log).unlink()
    os._exit(1)
