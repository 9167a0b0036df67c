"""The run's loop with a server that answers from a script, and a clock of its own."""

from dataclasses import replace

import pytest

from cnnbench import store
from cnnbench.case import Case
from cnnbench.progress import Silent
from cnnbench.runner import loop
from cnnbench.store import Plan

CASES = tuple(Case("vgg_block", (size, size, 3)) for size in (8, 16, 32))
PLAN = Plan("s", "d", CASES, launches=2, seed=5, time_budget_s=100.0, runtime="fake")
DESCRIBED = {"versions": {"fake": "1"}, "devices": {"cpu": ["simulated"], "gpu": []}}
GIB = 2**30


class Server:
    """Answers every order with `answers[size]`, or with two samples; a launch takes 1 s."""

    def __init__(self, answers=(), seconds=1.0):
        self.answers = dict(answers)
        self.orders = []
        self.now = 0.0
        self.seconds = seconds

    def clock(self):
        return self.now

    def measure(self, order, timeout_s):
        self.orders.append(order)
        self.now += self.seconds
        answer = self.answers.get(order.case.input_shape[0])
        if isinstance(answer, BaseException):
            raise answer
        return answer or {"outcome": "ok", "samples_ns": [2, 1], "peak_bytes": 7}


def run(folder, server, plan=PLAN, earlier=(), available=64 * GIB):
    path = folder / store.FILE
    with store.resume(folder) if path.exists() else store.create(folder, plan) as file:
        return loop.run(
            plan,
            file,
            server,
            DESCRIBED,
            Silent(),
            earlier,
            clock=server.clock,
            available=lambda: available,
        )


def test_every_launch_is_stored_with_its_environment(tmp_path):
    ending = run(tmp_path, Server())
    measurements = store.read(tmp_path).measurements
    assert ending == loop.Ending("done", 6, 0)
    assert {(m.case.id, m.launch) for m in measurements} == {
        (case.id, number) for case in CASES for number in (0, 1)
    }
    for m in measurements:
        assert (m.samples_ns, m.peak_bytes, m.wall_s) == ((2, 1), 7, 1.0)
        assert m.environment["versions"]["fake"] == "1"
        assert {"host", "cpu", "cores", "threads", "memory_bytes", "load_1m"} <= set(m.environment)


def test_launches_of_a_round_share_a_seed_for_their_inputs(tmp_path):
    server = Server()
    run(tmp_path, server)
    assert [order.seed for order in server.orders] == [5, 5, 5, 6, 6, 6]


def test_a_failing_case_is_recorded_twice_and_costs_the_others_nothing(tmp_path):
    server = Server({8: {"outcome": "crashed", "detail": "SIGSEGV"}})
    plan = replace(PLAN, launches=4)
    ending = run(tmp_path, server, plan)
    measurements = store.read(tmp_path).measurements
    failed = [m for m in measurements if not m.ok]
    assert [(m.outcome, m.detail) for m in failed] == [("crashed", "SIGSEGV")] * 2
    assert len(measurements) - len(failed) == 8
    assert ending.reason == "done"


def test_what_would_not_fit_is_skipped_with_the_reason(tmp_path):
    large = replace(PLAN, cases=(Case("vgg_block", (8192, 8192, 3)),), launches=1)
    server = Server()
    run(tmp_path, server, large, available=4 * GIB)
    (measurement,) = store.read(tmp_path).measurements
    assert server.orders == []
    assert measurement.outcome == "skipped"
    # Peak at the second convolution: input 0.75 GiB, and 16 GiB each for its input and output.
    assert "needs 32.8 GiB on paper and 4.00 GiB is available" in measurement.detail


def test_a_spent_budget_ends_the_run_and_says_what_is_left(tmp_path):
    ending = run(tmp_path, Server(), replace(PLAN, time_budget_s=3.5))
    assert ending == loop.Ending("out of time", 4, 2)
    assert len(store.read(tmp_path).measurements) == 4


def test_ctrl_c_keeps_what_is_finished_and_the_rest_can_be_resumed(tmp_path):
    ending = run(tmp_path, Server({16: KeyboardInterrupt()}))
    first = store.read(tmp_path).measurements
    assert ending.reason == "interrupted"
    assert len(first) == ending.measured < 6
    assert ending.remaining == 6 - len(first)
    server = Server()
    assert run(tmp_path, server, earlier=first).reason == "done"
    both = store.read(tmp_path).measurements
    assert len(both) == 6
    assert len({(m.case.id, m.launch) for m in both}) == 6
    assert both[: len(first)] == first


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_only_what_lives_in_this_memory_is_weighed_against_it(device):
    case = Case("vgg_block", (8192, 8192, 3), device=device)
    assert bool(loop.too_large(case, GIB)) == (device == "cpu")
