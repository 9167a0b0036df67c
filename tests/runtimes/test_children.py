"""What the children of each runtime do: when they compute, in how many threads, for how many."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import median

import pytest

from cnnbench import runtimes
from cnnbench.cases import suites
from cnnbench.host.environment import available_memory
from cnnbench.networks import Network
from cnnbench.runner import exports, planning, session, worker
from cnnbench.runner.child import Reply
from cnnbench.runner.server import BURST_S
from cnnbench.runs import store
from cnnbench.runtimes import Order

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(sys.platform != "linux", reason="the clock of another process"),
]

BURSTS = 9
REAL = [name for name in runtimes.names() if not runtimes.simulated(name)]
EACH = [
    pytest.param(name, marks=pytest.mark.skipif(bool(lacks), reason=lacks))
    for name in REAL
    for lacks in [runtimes.missing(name)]
]


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """What starts the child of a runtime, of those that are here, on a stored or exported block."""
    ready = session.start(*(name for name in REAL if not runtimes.missing(name)))
    # In two types, so that TensorFlow too is held against stored values where it is alone.
    suite = suites.of_networks(
        {"block": Network("residual_module")},
        inputs=((64, 64, 64),),
        dtypes=["float32", "bfloat16"],
    )
    plan = planning.plan(suite, ready.places("cpu"), ready, 120.0)
    folder = tmp_path_factory.mktemp("run")
    with (
        store.create(folder, plan) as file,
        exports.made(plan, file, ready, available_memory, lambda _: None) as made,
    ):
        orders = {
            c.runtime: Order(c, files=made.files.get(c.id))
            for c in plan.cases
            if c.dtype == "float32"
        }

        def child(name, task=worker.measure, threads=2, clients=1):
            case = replace(orders[name].case, clients=clients)
            order = replace(orders[name], case=case, threads=threads)
            return ready.servers[name].child(task, order)

        yield child


def cpu_s(pid):
    """Seconds that all threads of a process have computed: its clock, as Linux numbers these."""
    return time.clock_gettime((~pid << 3) | 2)


@pytest.mark.parametrize("name", EACH)
def test_a_child_does_not_compute_between_its_bursts(name, launched):
    child = launched(name)
    try:
        child.hear(120, 120)  # built, and called once
        idle = []
        for _ in range(BURSTS):
            child.ask(worker.numbers(int(BURST_S * 1e9), 1, 1000))
            assert child.hear(120, 120).calls, child.reply
            before = cpu_s(child._process.pid)
            time.sleep(5 * BURST_S)
            idle.append(cpu_s(child._process.pid) - before)
    finally:
        child.end()
    # Threads that spin, as ONNX Runtime's do by default, would compute for 20 to 60 ms.
    assert median(idle) < BURST_S / 10


@pytest.mark.parametrize("name", EACH)
def test_a_child_of_one_thread_computes_no_more_than_time_passes(name, launched):
    child = launched(name, threads=1)
    try:
        child.hear(120, 120)
        begin = cpu_s(child._process.pid)
        child.ask(worker.numbers(int(20 * BURST_S * 1e9), 1, 10_000))
        ns = child.hear(120, 120).ns
        used = cpu_s(child._process.pid) - begin
    finally:
        child.end()
    assert used < 1.1 * ns / 1e9


@pytest.mark.parametrize("name", EACH)
def test_several_clients_call_one_network_at_once(name, launched):
    child = launched(name, clients=3)
    try:
        child.hear(120, 120)
        child.ask(worker.numbers(int(BURST_S * 1e9), 2, 1000))
        calls, ns, _ = child.hear(120, 120)
        child.ask(worker.END)
        child.hear(120, 120)
    finally:
        child.end()
    reply = child.reply
    assert reply.outcome == "ok", reply
    assert reply.bursts == (calls,)
    assert calls >= 6
    # Each of the three calls back to back, so that together they take up to three times `ns`.
    assert ns < sum(reply.samples_ns[1:]) <= 3 * ns
    (rate,) = reply.rates
    # At any moment three calls go on, none faster than the fastest or slower than the slowest.
    assert 3e9 / max(reply.samples_ns[1:]) <= rate <= 3e9 / min(reply.samples_ns[1:])
    assert reply.joint_bytes >= max(reply.load_bytes, reply.peak_bytes)


def another_client(_, order):
    """How far what the step of another client returns, in another thread, is from TensorFlow's."""
    runtimes.start(order)
    ready = runtimes.load(order.case.runtime).prepare(order)
    ready.step()
    step = ready.client() if ready.client else ready.step
    with ThreadPoolExecutor(1) as thread:
        returned = thread.submit(step).result()
    return Reply(outcome="ok", difference=worker._difference(order, ready, returned))


@pytest.mark.parametrize("name", EACH)
def test_another_client_computes_what_tensorflow_computes(name, launched):
    child = launched(name, another_client, clients=2)
    try:
        child.hear(120, 120)
    finally:
        child.end()
    assert child.reply.outcome == "ok", child.reply
    assert child.reply.difference < 1e-5
