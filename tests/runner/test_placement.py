"""Which core each thread of a launch runs on."""

import os
import subprocess
import sys
import threading
import time

import pytest

from cnnbench.host import hardware
from cnnbench.runner import placement

linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
MANY = {0, 1} if (os.cpu_count() or 1) > 1 else {0}


@pytest.fixture
def pool():
    """Three threads that wait, in the order in which they were made; this one is as before."""
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    before = {task: os.sched_getaffinity(int(task)) for task in os.listdir("/proc/self/task")}
    yield [thread.native_id for thread in threads]
    done.set()
    for thread in threads:
        thread.join()
    for task, cpus in before.items():
        try:
            os.sched_setaffinity(int(task), cpus)
        except ProcessLookupError:
            continue


@linux
def test_neighbours_of_a_pool_lie_on_different_cores(pool, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 5})
    asked = {}
    monkeypatch.setattr(os, "sched_setaffinity", lambda task, cpus: asked.update({task: cpus}))
    assert placement.spread()
    first, second, third = (asked[task] for task in pool)
    assert first == third != second
    assert first | second == {4, 5}


@linux
def test_the_main_thread_stays_free(pool):
    before = os.sched_getaffinity(os.getpid())
    assert placement.spread()
    assert os.sched_getaffinity(os.getpid()) == before
    assert all(len(os.sched_getaffinity(task)) == 1 for task in pool)


@linux
def test_threads_that_did_not_work_come_last(pool, monkeypatch):
    main = os.getpid()
    ran = {main: 9, **dict(zip(pool, (5, 5, 7), strict=True))}
    monkeypatch.setattr(placement, "threads", lambda: ran)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 5, 6, 7})
    asked = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda task, cpus: asked.append((task, *cpus)))
    assert placement.spread(main_works=True, before=dict.fromkeys(pool, 5))
    assert asked == [(main, 4), (pool[2], 5), (pool[0], 6), (pool[1], 7)]


@linux
def test_how_long_a_thread_has_run_is_what_its_own_clock_says(pool):
    sum(range(10**6))
    ran = placement.threads()
    assert set(pool) < set(ran)
    assert 0 < ran[threading.get_native_id()] <= time.thread_time_ns()


@linux
def test_threads_after_the_last_number_are_later_than_the_main_one(pool, monkeypatch):
    # As where the numbers of processes start again: a later thread has a smaller one.
    earlier, main, later = pool
    monkeypatch.setattr(os, "getpid", lambda: main)
    asked = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda task, _: asked.append(task))
    assert placement.spread()
    assert main not in asked
    assert asked.index(later) < asked.index(earlier)


@linux
def test_a_thread_that_has_ended_meanwhile_is_passed_over(pool, monkeypatch):
    asked = []

    def ended(task, cpus):
        asked.append(task)
        raise ProcessLookupError

    monkeypatch.setattr(os, "sched_setaffinity", ended)
    assert placement.spread()
    assert set(pool) <= set(asked)


@linux
def test_where_it_is_forbidden_nothing_happens(pool, monkeypatch):
    def forbidden(task, cpus):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    assert not placement.spread()


def test_where_a_system_has_no_such_call_nothing_happens(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert not placement.spread()


@pytest.mark.parametrize(
    ("shared", "order"),
    [
        ({0: "0", 1: "1"}, [0, 1]),
        ({0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}, [0, 2, 1, 3]),
        ({0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}, [0, 1, 2, 3]),
        ({}, [0, 1]),
    ],
)
def test_hardware_threads_of_one_core_do_not_follow_each_other(tmp_path, shared, order):
    for cpu, text in shared.items():
        folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(text)
    assert hardware.cores_first(order[::-1], tmp_path) == order


WORK = """
import os
from cnnbench import runtimes
from cnnbench.cases.case import Case
from cnnbench.runner import placement

def used():
    folder = "/proc/self/task"
    texts = {int(t): open(f"{folder}/{t}/schedstat").read() for t in os.listdir(folder)}
    return {thread: int(text.split()[0]) for thread, text in texts.items()}

order = runtimes.Order(Case("conv_layers", (56, 56, 64)), threads=2)
runtimes.start(order)
step = runtimes.load("tensorflow").prepare(order).step
step()
placement.spread()
before = used()
for _ in range(20):
    step()
after = used()
busy = sorted(after, key=lambda t: after[t] - before.get(t, 0))[-2:]
print([sorted(os.sched_getaffinity(t)) for t in busy])
"""


@linux
@pytest.mark.tensorflow
@pytest.mark.skipif(len(MANY) < 2, reason="one core")
def test_the_two_busiest_threads_of_tensorflow_have_a_core_each():
    found = subprocess.run(
        [sys.executable, "-c", WORK], capture_output=True, text=True, check=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    one, other = eval(found.stdout)
    assert (len(one), len(other)) == (1, 1)
    assert one != other
