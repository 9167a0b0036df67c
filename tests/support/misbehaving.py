"""A runtime whose children do what a case's label says: the ways in which a launch goes wrong."""

import gc
import itertools
import os
import resource
import signal
import time
from multiprocessing.connection import Connection

from cnnbench.cases.answer import Check
from cnnbench.runtimes import Order, Prepared

MODES = ("graph",)
PRELOAD = ()
ENVIRONMENT: dict[str, str] = {}


def describe():
    return {"versions": {"misbehaving": "1"}, "devices": {"cpu": ["cpu"], "gpu": []}}


def prepare(order: Order) -> Prepared:
    return Prepared(step=globals()[order.case.label], check=Check(1, 0, SPANS))


SPANS = []
"""When each call after the first began and ended, nanoseconds; the parent gets it."""

CALLS = itertools.count()


def says_when_it_ran():
    begin = time.perf_counter_ns()
    time.sleep(0.001)
    if next(CALLS):  # the first call is not a turn
        SPANS.append(f"{begin} {time.perf_counter_ns()}")


def is_ready_late():
    begin = time.perf_counter_ns()
    if not next(CALLS):
        time.sleep(0.5)
        SPANS.append(f"{begin} {time.perf_counter_ns()}")


def takes_a_millisecond():
    time.sleep(0.001)


def takes_two_milliseconds():
    time.sleep(0.002)


def crashes_later():
    if next(CALLS) == 3:
        crashes()


def hangs_later():
    if next(CALLS) == 3:
        hangs()


def behaves():
    pass


def prints():
    print("rubbish {", flush=True)
    os.write(1, b"\x00\xff rubbish\n")
    os.write(2, b"more rubbish\n")


def raises():
    raise ValueError("a reason in /srv/of/mine/model.py\nand a second line")


def crashes():
    print("about to crash", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


def exits():
    os._exit(7)


def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def hangs():
    time.sleep(3600)


def stops():
    os.kill(os.getpid(), signal.SIGSTOP)


def exceeds_memory():
    limit = 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    bytearray(2 * limit)


def writes_rubbish_into_the_pipe():
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, b"rubbish")
        except OSError:
            continue
    os._exit(0)


def sends_another_document():
    (pipe,) = (x for x in gc.get_objects() if isinstance(x, Connection) and x.writable)
    pipe.send_bytes(b'["not", "an answer"]')
    time.sleep(3600)
