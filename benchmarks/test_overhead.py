"""What measuring adds to what is measured."""

import statistics
import time

import pytest

from cnnbench.cases.case import Case
from cnnbench.runner import server
from cnnbench.runner.sampling import sample
from cnnbench.runtimes import Order

CALLS = 100


def one_millisecond():
    end = time.perf_counter_ns() + 1_000_000
    while time.perf_counter_ns() < end:
        pass


def harness():
    sample(one_millisecond, time.perf_counter_ns, 10**12, CALLS, CALLS)


def bare():
    for _ in range(CALLS):
        one_millisecond()


def seconds(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


@pytest.mark.parametrize("loop", [bare, harness], ids=["bare loop", "harness"])
def test_a_hundred_steps_of_a_millisecond(benchmark, loop):
    benchmark.group = "harness on a 1 ms step"
    benchmark.pedantic(loop, rounds=10, warmup_rounds=1)


def test_harness_against_a_bare_loop_in_pairs(benchmark):
    """The ratio is what counts on a noisy machine: pairs, in turn, in one process."""
    ratios = benchmark.pedantic(
        lambda: [seconds(harness) / seconds(bare) for _ in range(15)], rounds=1
    )
    benchmark.group = "harness on a 1 ms step"
    benchmark.extra_info["median ratio, harness / bare"] = statistics.median(ratios)
    benchmark.extra_info["ratios"] = ratios


def test_a_launch_through_the_fork_server(benchmark):
    """Fork, settle, four calls of the fake, answer: what a process of its own costs."""
    benchmark.group = "launch"
    children = server.Workers({"fake": server.start("fake")})
    orders = [Order(Case("vgg_block", (8, 8, 3), runtime="fake"))]
    (answer,) = benchmark.pedantic(children.launch, (orders, 0.0, 60.0), rounds=10, warmup_rounds=1)
    assert answer.outcome == "ok"
