"""Which worker makes which launch, on a cluster whose workers only pretend."""

import pickle
import threading
from contextlib import nullcontext
from dataclasses import replace

import pytest

from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.errors import ClusterError
from cnnbench.runner import agent, cluster, crew, pool
from cnnbench.runner.agent import MachineError, Started
from cnnbench.runner.child import Reply
from cnnbench.runner.crew import GoneError, Greeting
from cnnbench.runner.launching import Ended
from cnnbench.runs import store
from cnnbench.runs.store import Measurement

DEVICES = {"cpu": ["simulated"], "gpu": ["simulated"]}
DESCRIBED = {"fake": Reply(outcome="ok", versions={"fake": "1"}, devices=DEVICES)}
MACHINE = {"cpu": "a CPU", "cores": 2, "commit": None, "python": "3"}
STARTED = Started(DESCRIBED, ("fake",), (), MACHINE, {"cpu": 2**40, "gpu:0": None})
CASES = tuple(Case("vgg_block", (size, size, 3), runtime="fake") for size in (8, 16, 32))
PLAN = Plan("s", "d", CASES, launches=4, seed=5, time_budget_s=1000.0)


class Link:
    """Workers by their addresses; `kinds` has what differs of some, `fails` what some do."""

    address = "lab:8786"

    def __init__(self, greetings, kinds=None, fails=None):
        self.greetings, self.kinds, self.fails = greetings, kinds or {}, fails or {}
        self.there = set(greetings)
        self.running, self.seen, self.made = {}, [], []
        self.lock = threading.Lock()

    def workers(self):
        return set(self.there)

    def greet(self, worker):
        return self.greetings[worker]

    def start(self, worker, question):
        machine = {**MACHINE, **self.kinds.get(worker, {})}
        return pickle.dumps((True, replace(STARTED, machine=machine)))

    def ask(self, worker, question):
        function, args = pickle.loads(question)
        if function is not agent.measure:
            return pickle.dumps((True, []))
        launch, _ = args
        with self.lock:
            self.running[worker] = launch
            self.seen.append(dict(self.running))
        try:
            threading.Event().wait(0.02)
            if failure := self.fails.get(worker):
                if failure is GoneError:
                    self.there.discard(worker)
                raise failure("0 B are free in /tmp")
        except MachineError as error:
            return pickle.dumps((False, error))
        finally:
            with self.lock:
                del self.running[worker]
        self.made.append((worker, launch))
        found = [
            Measurement(outcome="ok", samples_ns=(2, 1), case=case, launch=launch.number)
            for case in launch.cases
        ]
        return pickle.dumps((True, Ended(launch, found, 0.02, 0.01)))

    def end(self, worker):
        pass


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(crew, "LOOK_S", 0.05)
    monkeypatch.setattr(crew, "REJOIN_S", 0.3)

    def measured(link, plan=PLAN):
        monkeypatch.setattr(cluster, "connected", lambda address: nullcontext(link))
        with (
            pool.joined(link.address, ["fake"]) as joined,
            store.create(tmp_path, plan) as file,
        ):
            ending = joined.run(plan, file)
        return ending, store.read(tmp_path).measurements

    return measured


def on_gpu():
    return replace(PLAN, cases=tuple(replace(case, device="gpu:0") for case in PLAN.cases))


def test_launches_run_on_all_machines_at_once_and_once_each(run):
    link = Link({"a": Greeting("a", "A", ""), "b": Greeting("b", "B", "")})
    ending, found = run(link)
    assert ending.reason == "done"
    assert sorted((m.case.id, m.launch) for m in found) == sorted(
        (case.id, number) for case in CASES for number in range(4)
    )
    assert {worker for worker, _ in link.made} == {"a", "b"}
    assert max(map(len, link.seen)) == 2


def test_workers_on_one_cpu_measure_one_after_the_other(run):
    shown = {"a": "0", "b": "1", "c": "1"}
    link = Link({name: Greeting("host", "A", gpu) for name, gpu in shown.items()})
    assert run(link)[0].reason == "done"
    assert max(map(len, link.seen)) == 1


def test_gpus_of_one_machine_measure_at_once_but_none_twice(run):
    shown = {"a": "0", "b": "1", "c": "1"}
    link = Link({name: Greeting("host", "A", gpu) for name, gpu in shown.items()})
    assert run(link, on_gpu())[0].reason == "done"
    assert max(map(len, link.seen)) == 2
    assert not any({"b", "c"} <= seen.keys() for seen in link.seen)


def test_a_case_on_the_cpu_has_a_machine_with_gpus_to_itself(run):
    link = Link({name: Greeting("host", "A", gpu) for name, gpu in (("a", "0"), ("b", "1"))})
    both = replace(PLAN, cases=(*CASES, *on_gpu().cases))
    assert run(link, both)[0].reason == "done"
    together = [
        [launch.cases[0].device for launch in seen.values()] for seen in link.seen if len(seen) > 1
    ]
    assert together
    assert all(devices == ["gpu:0", "gpu:0"] for devices in together)


def test_what_is_compared_stays_on_one_machine_also_in_launches_of_its_own(run):
    link = Link({"a": Greeting("a", "A", ""), "b": Greeting("b", "B", "")})
    # Together they do not fit into the memory.
    large = tuple(
        replace(case, inputs=((4096, 4096, 3),), batch_size=60 + n) for n, case in enumerate(CASES)
    )
    plan = replace(PLAN, cases=large, together=(tuple(case.id for case in large),), launches=6)
    assert run(link, plan)[0].reason == "done"
    assert all(len(launch.cases) == 1 for _, launch in link.made)
    machines = {}
    for worker, launch in link.made:
        machines.setdefault(launch.number, set()).add(worker)
    assert all(len(of) == 1 for of in machines.values())
    assert set().union(*machines.values()) == {"a", "b"}


def test_launches_of_a_lost_worker_are_made_elsewhere(run):
    greetings = {"a": Greeting("a", "A", ""), "b": Greeting("b", "B", "")}
    ending, found = run(Link(greetings, fails={"b": GoneError}))
    assert (ending.reason, len(found)) == ("done", 12)
    assert all(m.ok for m in found)


def test_a_worker_that_the_scheduler_misses_is_lost_although_it_does_not_say_so(run):
    class Silent(Link):
        """Its worker b is cut off: no answer comes, and no error."""

        def ask(self, worker, question):
            if worker == "b" and pickle.loads(question)[0] is agent.measure:
                self.there.discard(worker)
                threading.Event().wait(20)
            return super().ask(worker, question)

    link = Silent({"a": Greeting("a", "A", ""), "b": Greeting("b", "B", "")})
    ending, found = run(link)
    assert (ending.reason, len(found)) == ("done", 12)
    assert {worker for worker, _ in link.made} == {"a"}


def test_a_launch_that_costs_two_workers_has_failed(run):
    greetings = {name: Greeting(name, name.upper(), "") for name in "bc"}
    link = Link(greetings, fails={"b": GoneError, "c": GoneError})
    ending, found = run(link, replace(PLAN, cases=CASES[:1], launches=1))
    assert ending.reason == "done"
    assert [(m.outcome, m.detail) for m in found] == [
        ("killed", "2 workers were lost while they made this launch")
    ]


def test_a_machine_without_room_is_left_out_and_what_is_finished_is_kept(run, tmp_path):
    link = Link({"a": Greeting("a", "A", "")}, fails={"a": MachineError})
    with pytest.raises(ClusterError, match=r"worker a \(a\) is left out: 0 B are free in /tmp"):
        run(link)
    assert store.read(tmp_path).measurements == ()


def test_nobody_comes_back(run):
    link = Link({"a": Greeting("a", "A", "")}, fails={"a": GoneError})
    with pytest.raises(ClusterError, match=r"no worker of this run is left at lab:8786 \(they are"):
        run(link)


def test_unlike_machines_are_left_out_with_the_difference(run):
    greetings = {name: Greeting(name, name.upper(), "") for name in "abc"}
    link = Link(greetings, kinds={"b": {"cpu": "another", "cores": 64}})
    assert run(link)[0].reason == "done"
    assert {worker for worker, _ in link.made} == {"a", "c"}
    assert crew.unlike({"cpu": "x", "cores": 2}, {"cpu": "y", "cores": 2}) == "cpu x instead of y"


MANY = replace(
    PLAN, cases=tuple(replace(CASES[0], batch_size=n) for n in range(1, 201)), launches=1
)


def test_a_long_queue_is_not_searched_while_nobody_is_free(run, monkeypatch):
    asked, look = [], pool.Spread._for
    monkeypatch.setattr(pool.Spread, "_for", lambda self, one: asked.append(one) or look(self, one))
    link = Link({name: Greeting(name, name.upper(), "") for name in "abc"})
    assert run(link, MANY)[0].reason == "done"
    # Of each launch whether it can begin, where, and about as often that none can.
    assert len(asked) < 5 * 200


def test_a_launch_behind_those_that_must_wait_is_found(run):
    """One GPU is free and the CPU of its machine is not: all cases on the CPU come first."""
    link = Link({name: Greeting("host", "A", gpu) for name, gpu in (("a", "0"), ("b", "1"))})
    mixed = replace(PLAN, cases=(*CASES, *on_gpu().cases), launches=6)
    assert run(link, mixed)[0].reason == "done"
    devices = [{launch.cases[0].device for launch in seen.values()} for seen in link.seen]
    assert {"gpu:0"} in [
        found for found, seen in zip(devices, link.seen, strict=True) if len(seen) == 2
    ]
    assert {"cpu", "gpu:0"} not in devices


def test_a_plan_is_packed_once_for_all_workers(run, monkeypatch):
    packed, pack = [], agent.asked
    monkeypatch.setattr(
        agent, "asked", lambda task, *args: packed.append(task) or pack(task, *args)
    )
    link = Link({name: Greeting(name, name.upper(), "") for name in "abcde"})
    assert run(link)[0].reason == "done"
    assert packed.count(agent.prepare) == 1
