"""The run's loop with a server that answers from a script, and a clock of its own."""

import signal
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from statistics import median

import pytest

from cnnbench import stats
from cnnbench.cases.answer import Answer
from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.errors import StoreError
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data
from cnnbench.reporting.runs.sections import outcomes
from cnnbench.runner import exports, launching, loop
from cnnbench.runner.child import Reply, Turn
from cnnbench.runner.loop import Progress
from cnnbench.runs import store
from cnnbench.runs.result import results
from cnnbench.runs.store import Measurement

CASES = tuple(Case("vgg_block", (size, size, 3)) for size in (8, 16, 32))
PLAN = Plan("s", "d", CASES, launches=2, seed=5, time_budget_s=100.0)
DEVICES = {"cpu": ["simulated"], "gpu": ["simulated"]}
DESCRIBED = {"tensorflow": Reply(outcome="ok", versions={"fake": "1"}, devices=DEVICES)}
MACHINE = {"host": "where the child ran", "pinned": True}
GIB = 2**30


class Server:
    """Answers every order with `answers[size]`, or with two samples; a launch takes 1 s.

    An answer may be a function of the number of launches before it.
    """

    described = DESCRIBED

    def __init__(self, answers=(), seconds=1.0):
        self.answers = dict(answers)
        self.launches = []
        self.now = 0.0
        self.rests = 0
        self.at_once = []
        self.seconds = seconds

    @property
    def orders(self):
        return [order for orders, _ in self.launches for order in orders]

    def clock(self):
        return self.now

    def launch(self, orders, slice_s, timeout_s, references=(), at_once=False):
        number = len(self.launches)
        self.at_once.append(at_once)
        orders = [*orders, *references]
        self.launches.append((orders, slice_s))
        self.now += self.seconds
        answers = [self.answer(order.case, number) for order in orders]
        beside = answers[len(answers) - len(references) :]
        turns = [[Turn(len(of), sum(of), median(of)) for of in a.turns if a.ok] for a in beside]
        return answers[: len(answers) - len(references)], turns

    def rest(self):
        self.rests += 1

    def answer(self, case, number):
        answer = self.answers.get(case.input_shape[0])
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            answer = answer(number)
        return answer or Answer(
            outcome="ok", samples_ns=(2, 1), bursts=(1,), peak_bytes=7, environment=MACHINE
        )


def ok(*samples, bursts=()):
    return Answer(outcome="ok", samples_ns=samples, bursts=bursts, environment=MACHINE)


def run(folder, server, plan=PLAN, earlier=(), available=64 * GIB, progress=None):
    path = folder / store.FILE
    with store.resume(folder) if path.exists() else store.create(folder, plan) as file:
        return loop.run(
            plan,
            file,
            server,
            progress or Progress(),
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
        assert m.environment == MACHINE


def test_what_is_exported_takes_nothing_of_the_budget(tmp_path, monkeypatch):
    server = Server()

    @contextmanager
    def slowly(*_):
        server.now += 10 * PLAN.time_budget_s
        yield exports.Ready()

    monkeypatch.setattr(exports, "made", slowly)
    assert run(tmp_path, server) == loop.Ending("done", 6, 0)


def test_launches_of_a_round_share_a_seed_for_their_inputs(tmp_path):
    server = Server()
    run(tmp_path, server)
    assert [order.seed for order in server.orders] == [5, 5, 5, 6, 6, 6]


def test_a_failing_case_is_recorded_twice_and_costs_the_others_nothing(tmp_path):
    server = Server({8: Answer(outcome="crashed", detail="SIGSEGV")})
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


def test_ctrl_c_while_files_are_exported_leaves_all_launches(tmp_path, monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(exports, "made", pressed)
    planned = len(CASES) * PLAN.launches
    assert run(tmp_path, Server()) == loop.Ending("interrupted", 0, planned)


def test_ctrl_c_that_nobody_heard_ends_the_run_all_the_same(tmp_path):
    def pressed(number):
        with suppress(KeyboardInterrupt):  # as Python does at the end of an object
            signal.raise_signal(signal.SIGINT)

    ending = run(tmp_path, Server({8: pressed}))
    assert ending.reason == "interrupted"
    assert 1 <= ending.measured < 6
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_somebody_else_stays_in_place(tmp_path):
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        ending = run(tmp_path, Server({8: lambda number: signal.raise_signal(signal.SIGINT)}))
    finally:
        signal.signal(signal.SIGINT, before)
    assert ending.reason == "done"
    assert heard


def test_cases_that_are_compared_share_a_launch_and_each_has_its_line(tmp_path):
    small, middle, large = CASES
    server = Server()
    run(tmp_path, server, replace(PLAN, launches=1, together=((small.id, large.id),)))
    assert sorted([o.case.input_shape[0] for o in orders] for orders, _ in server.launches) == [
        [8, 32],
        [16],
    ]
    beside = {m.case.id: m.beside for m in store.read(tmp_path).measurements}
    assert beside == {small.id: (large.id,), large.id: (small.id,), middle.id: ()}


def test_cases_that_do_not_fit_beside_each_other_are_launched_one_by_one(tmp_path):
    one, two = (Case("vgg_block", (4096, 4096, 3), batch_size=batch) for batch in (1, 2))
    plan = replace(PLAN, cases=(one, two), together=((one.id, two.id),), launches=1)
    # The first needs 8.2 GiB: two of 4 GiB at the second convolution, and the input. The second, of
    # twice the batch, 16.4.
    server = Server()
    run(tmp_path, server, plan, available=20 * GIB)
    assert [len(orders) for orders, _ in server.launches] == [1, 1]
    assert [m.outcome for m in store.read(tmp_path).measurements] == ["ok", "ok"]
    run(tmp_path / "both", (server := Server()), plan, available=25 * GIB)
    assert [len(orders) for orders, _ in server.launches] == [2]
    run(tmp_path / "little", Server(), plan, available=10 * GIB)
    outcomes = {m.case.id: m.outcome for m in store.read(tmp_path / "little").measurements}
    assert outcomes == {one.id: "ok", two.id: "skipped"}


def test_a_finished_run_is_finished_although_a_partner_was_given_up(tmp_path):
    crash = Answer(outcome="crashed", detail="SIGSEGV")
    pair = replace(PLAN, cases=CASES[:2], together=((CASES[0].id, CASES[1].id),), launches=5)
    run(tmp_path, Server({8: crash}), pair)
    first = store.read(tmp_path)
    server = Server({8: crash})
    run(tmp_path, server, pair, first.measurements)
    assert server.launches == []
    assert first.stops == {
        CASES[0].id: stats.Stop.FAILED,
        CASES[1].id: stats.Stop.LAUNCHES,
    }


def test_without_any_reference_launches_count_by_their_calls(tmp_path):
    sizes = [reference.input_shape[0] for reference in launching.REFERENCES]
    server = Server(dict.fromkeys(sizes, Answer(outcome="crashed", detail="x")))
    plan = replace(
        PLAN,
        cases=tuple(c for c in CASES if c.input_shape[0] not in sizes)[:1],
        precision=0.02,
        reference=True,
        time_budget_s=100.0,
    )
    run(tmp_path, server, plan)
    # Equal calls in every launch: six are enough.
    assert len(server.launches) == 6
    assert set(store.read(tmp_path).stops.values()) == {stats.Stop.PRECISE}


def test_a_reference_runs_where_its_case_does(tmp_path):
    cases = (CASES[0], replace(CASES[0], device="gpu"))
    server = Server()
    run(tmp_path, server, replace(PLAN, cases=cases, launches=1, reference=True))
    devices = {tuple(order.case.device for order in orders) for orders, _ in server.launches}
    assert devices == {("cpu",) * 3, ("gpu",) * 3}


def test_a_reference_does_not_run_where_its_runtime_sees_no_device(tmp_path):
    server = Server()
    blind = Reply(outcome="ok", devices={"cpu": ["simulated"], "gpu": []})
    server.described = {"fake": blind}
    cases = tuple(replace(CASES[0], device=where, runtime="fake") for where in ("cpu", "gpu:0"))
    run(tmp_path, server, replace(PLAN, cases=cases, launches=1, reference=True))
    assert sorted(len(orders) for orders, _ in server.launches) == [1, 3]
    (alone,) = (orders for orders, _ in server.launches if len(orders) == 1)
    assert alone[0].case.device == "gpu:0"
    assert all(m.ok for m in store.read(tmp_path).measurements)


def test_a_full_disk_is_an_error_of_one_line(tmp_path):
    with store.create(tmp_path, PLAN) as file:

        class Full:
            name = "measurements.jsonl"

            def write(self, data):
                raise OSError(28, "No space left on device")

        file._file, kept = Full(), file._file
        with pytest.raises(StoreError, match="No space left on device; make room and continue"):
            file.append("launch", {})
        file._file = kept


def test_references_take_turns_and_leave_their_median_of_each_turn(tmp_path):
    one, other = launching.REFERENCES
    answers = {
        one.input_shape[0]: ok(9, 1, 3, 2, 5, 7, bursts=(3, 2)),
        other.input_shape[0]: ok(9, 40, 80, bursts=(1, 1)),
    }
    server = Server(answers)
    cases = (CASES[0],)
    run(tmp_path, server, replace(PLAN, cases=cases, launches=1, reference=True))
    ((orders, _),) = server.launches
    assert [order.case.id for order in orders] == [CASES[0].id, one.id, other.id]
    (measurement,) = store.read(tmp_path).measurements
    # The first call is no turn; then 1, 3, 2 and 5, 7.
    assert measurement.sampled_s == (2 + 1 + 1 + 3 + 2 + 5 + 7 + 40 + 80) / 1e9
    assert server.rests == 1
    assert measurement.references == {one.id: (2.0, 6.0), other.id: (40.0, 80.0)}


@pytest.mark.parametrize("at_once", [False, True])
def test_a_new_batch_is_tried_once_unless_all_is_built_at_once(tmp_path, at_once):
    server = Server()
    plan = replace(PLAN, cases=CASES[:1], reference=True, at_once=at_once)
    run(tmp_path, server, plan)
    wanted = [[order.new_batch for order in orders] for orders, _ in server.launches]
    assert wanted == [[not at_once, False, False], [False, False, False]]
    assert server.at_once == [at_once, at_once]


@pytest.mark.parametrize("profile", [False, True])
def test_cases_are_profiled_if_that_is_asked_for_and_references_are_not(tmp_path, profile):
    server = Server()
    run(tmp_path, server, replace(PLAN, cases=CASES[:1], reference=True, profile=profile))
    found = [[order.profile for order in orders] for orders, _ in server.launches]
    assert found == [[profile, False, False]] * 2


def test_a_reference_that_fails_costs_the_case_nothing(tmp_path):
    one, other = launching.REFERENCES
    server = Server(
        {
            one.input_shape[0]: Answer(outcome="crashed", detail="SIGSEGV"),
            other.input_shape[0]: ok(9, 40, bursts=(1,)),
        }
    )
    run(tmp_path, server, replace(PLAN, cases=(CASES[0],), launches=1, reference=True))
    (measurement,) = store.read(tmp_path).measurements
    assert measurement.outcome == "ok"
    assert measurement.references == {other.id: (40.0,)}


def noisy(number):
    return ok(*[1000, *[900 + 200 * (number % 2)] * 9])


def test_a_case_is_launched_again_until_its_interval_is_narrow(tmp_path):
    server = Server({8: noisy})
    plan = replace(PLAN, cases=CASES[:2], precision=0.02, launches=4, time_budget_s=60.0)
    ending = run(tmp_path, server, plan)
    sizes = [order.case.input_shape[0] for order in server.orders]
    assert ending.reason == "done"
    # The second is exact from the start; the first alternates by 20 % as long as it is asked.
    assert sizes.count(16) < 10 < sizes.count(8)
    stops = store.read(tmp_path).stops
    assert stops[CASES[1].id] == stats.Stop.PRECISE
    assert stops[CASES[0].id] in (stats.Stop.STALLED, stats.Stop.BUDGET)


def test_without_a_precision_the_launches_are_exactly_those_asked_for(tmp_path):
    run(tmp_path, Server({8: noisy}))
    stops = store.read(tmp_path).stops
    assert stops == {case.id: stats.Stop.LAUNCHES for case in CASES}


def test_a_budget_that_ends_the_planned_launches_is_the_reason(tmp_path):
    run(tmp_path, Server(), replace(PLAN, time_budget_s=3.5))
    # Four launches of the six: one case of three has both.
    reasons = sorted(store.read(tmp_path).stops.values())
    assert reasons == sorted([stats.Stop.LAUNCHES, stats.Stop.BUDGET, stats.Stop.BUDGET])


class Watching(Progress):
    """What was said after each launch, and how many had been made by then."""

    def __init__(self, server):
        self.server, self.said = server, []

    def ended(self, measurement, done, total, left_s):
        self.said.append((len(self.server.launches), done, total, left_s))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"launches": 5, "time_budget_s": 3.5},  # ends before its launches do
        {"launches": 4, "precision": 0.02, "time_budget_s": 40.0},  # goes on in further rounds
        {"launches": 3, "together": ((CASES[0].id, CASES[1].id),)},
        {"launches": 3, "reference": True},
    ],
)
def test_no_time_is_left_only_where_no_launch_is_to_come(tmp_path, change):
    server = Server({8: noisy})
    watching = Watching(server)
    plan = replace(PLAN, **change)
    ending = run(tmp_path, server, plan, progress=watching)
    for launches, done, total, left_s in watching.said:
        assert 1 <= done <= total
        if launches < len(server.launches):
            assert left_s >= 1
        assert left_s <= plan.time_budget_s
    if ending.reason == "done" and "precision" not in change:
        assert watching.said[-1][1:] == (ending.measured, ending.measured, 0.0)


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_only_what_lives_in_this_memory_is_weighed_against_it(device):
    case = Case("vgg_block", (8192, 8192, 3), device=device)
    assert bool(launching.too_large(case, case.paper(), GIB)) == (device == "cpu")


BATCHES = tuple(
    replace(case, batch_size=2**power, label=case.target)
    for case in (CASES[0], replace(CASES[0], mode="train"))
    for power in range(6)
)
FILL = replace(PLAN, cases=BATCHES, fill=True, papers={c.paper_key: c.paper() for c in BATCHES})


class Filling(Server):
    """From batch 8 on it has no memory; in training from 2 on."""

    outcome = "out-of-memory"

    def answer(self, case, number):
        full = case.batch_size >= (2 if case.mode == "train" else 8)
        return Answer(outcome=self.outcome) if full else super().answer(case, number)


@pytest.mark.parametrize("outcome", ["out-of-memory", "killed", "timeout"])
def test_batches_are_doubled_until_memory_is_full(tmp_path, outcome):
    server = Filling()
    server.outcome = outcome
    assert run(tmp_path, server, FILL).reason == "done"
    started = [(order.case.mode, order.case.batch_size) for order in server.orders]
    assert [batch for mode, batch in started[:6] if mode == "graph"] == [1, 2, 4, 8]
    assert [batch for mode, batch in started[:6] if mode == "train"] == [1, 2]
    # In the second round, in any order, those that fit.
    assert sorted(started[6:]) == [("graph", 1), ("graph", 2), ("graph", 4), ("train", 1)]
    found = store.read(tmp_path)
    full = {case.id for case in BATCHES} - {f.case.id for f in found.measurements if f.ok}
    assert {key for key, why in found.stops.items() if why == stats.Stop.FULL} == full
    assert len(full) == 8
    # They are no failures, nor are they missing.
    results_, problems = results(found)
    assert ({r.outcome for r in results_}, len(results_), problems) == ({"ok"}, 4, [])
    ends = [m for m in found.measurements if not m.ok]
    assert outcomes.rows(found)[1] == []
    page = Document()
    outcomes.add(page, Data(found, tuple(results_), (), ()))
    text = formats.show(page, "markdown")
    assert text.count("**Memory is full**") == 2
    assert all(f"{m.case.id} ({outcome})" in text for m in ends)
    assert "not reached" not in text


def test_a_run_that_fills_memory_is_continued_below_the_end(tmp_path):
    assert run(tmp_path, Filling(), replace(FILL, time_budget_s=4.5)).reason == "out of time"
    server = Filling()
    run(tmp_path, server, FILL, earlier=store.read(tmp_path).measurements)
    assert max(order.case.batch_size for order in server.orders) == 8
    again = Filling()
    run(tmp_path, again, FILL, earlier=store.read(tmp_path).measurements)
    assert again.orders == []


def test_without_being_asked_a_larger_batch_is_tried_all_the_same(tmp_path):
    server = Filling()
    run(tmp_path, server, replace(FILL, fill=False))
    assert {order.case.batch_size for order in server.orders} == {1, 2, 4, 8, 16, 32}


class Two:
    """Two lanes; a launch takes 1 s, and of two that run the later ends first."""

    width = 2

    def __init__(self):
        self.running, self.together, self.changes = [], [], 2

    def free(self, queue):
        return 0 if queue and len(self.running) < self.width else None

    def begin(self, launch, slice_s):
        self.running.append(launch)
        self.together.append(len(self.running))

    def next(self):
        if self.changes:  # something else was heard of first
            self.changes -= 1
            return []
        at_once, launch = len(self.running), self.running.pop()
        found = [
            Measurement(outcome="ok", samples_ns=(2, 1), bursts=(1,), case=case, launch=number)
            for case, number in ((case, launch.number) for case in launch.cases)
        ]
        return [launching.Ended(launch, found, 1.0, 0.5, at_once)]


def run_in_two(folder, lanes, plan=PLAN, progress=None):
    with store.create(folder, plan) as file:
        return loop.run_in(nullcontext(lanes), GIB, plan, file, progress or Progress())


def test_launches_on_several_lanes_are_stored_as_they_end(tmp_path):
    lanes, said = Two(), []

    class Counting(Progress):
        def ended(self, measurement, done, total, left_s):
            said.append((done, total, left_s > 0))

    assert run_in_two(tmp_path, lanes, progress=Counting()) == loop.Ending("done", 6, 0)
    assert max(lanes.together) == 2
    stored = [(m.case.id, m.launch) for m in store.read(tmp_path).measurements]
    assert sorted(stored) == sorted((case.id, number) for case in CASES for number in (0, 1))
    assert said == [(done, 6, done < 6) for done in range(1, 7)]


def test_a_budget_lasts_twice_as_long_on_two_lanes_and_what_has_begun_ends(tmp_path):
    lanes = Two()
    ending = run_in_two(tmp_path, lanes, replace(PLAN, launches=5, time_budget_s=3.0))
    # Six launches of a second take three on two lanes; the budget is spent with the seventh.
    assert (ending.reason, ending.measured + ending.remaining) == ("out of time", 15)
    assert 6 <= ending.measured <= 7
    assert lanes.running == []


def test_a_case_that_fails_on_two_lanes_is_given_up_and_none_is_counted_twice(tmp_path):
    class Failing(Two):
        def next(self):
            return [
                replace(
                    ended,
                    measurements=[
                        replace(m, outcome="crashed") if m.case == CASES[0] else m
                        for m in ended.measurements
                    ],
                )
                for ended in super().next()
            ]

    ending = run_in_two(tmp_path, Failing(), replace(PLAN, launches=6))
    outcomes = Counter(m.outcome for m in store.read(tmp_path).measurements)
    assert outcomes["ok"] == 12
    assert 2 <= outcomes["crashed"] <= 3  # one more may have begun before the second was known
    assert ending == loop.Ending("done", sum(outcomes.values()), 0)


def test_launches_that_end_together_wait_for_the_disk_once(tmp_path, monkeypatch):
    class Both(Two):
        def next(self):
            return [*super().next(), *(super().next() if self.running else ())]

    waits = []
    monkeypatch.setattr(store.os, "fsync", waits.append)
    assert run_in_two(tmp_path, Both()) == loop.Ending("done", 6, 0)
    assert len(store.read(tmp_path).measurements) == 6
    assert len(waits) == 1 + 3 + 1  # the plan, three times two launches, and why they were the last
