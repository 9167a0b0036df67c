"""SIMULATED: the workers of a cluster as threads that wait, and answer with the times of `fake`."""

from __future__ import annotations

import pickle
import threading
import time

from cnnbench.cases.plan import Plan
from cnnbench.host.environment import environment, machine
from cnnbench.runner import agent
from cnnbench.runner.agent import Started
from cnnbench.runner.child import Reply
from cnnbench.runner.crew import Greeting
from cnnbench.runner.launching import Ended
from cnnbench.runner.schedule import Launch
from cnnbench.runs.store import Measurement
from cnnbench.runtimes import Order, fake

CALLS = 8
"""After the first one."""
ROOM = 2**40
"""Bytes of memory that each machine has free."""


class Link:
    """So many workers, each on a machine of its own; a launch takes `launch_s` seconds there."""

    address = "simulated:8786"

    def __init__(self, workers: int, launch_s: float) -> None:
        self._names = {f"tcp://worker-{number}:1" for number in range(workers)}
        self._launch_s = launch_s
        self._lock = threading.Lock()
        self.plan: Plan | None = None
        self.cpu_s = 0.0
        """Processor time of the workers themselves, which is not the parent's."""
        self.sent_bytes = 0
        """What the workers are sent when they get ready."""
        described = {"fake": Reply(outcome="ok", **fake.describe())}
        known = {**machine(), "python": "3"}
        self._started = pickle.dumps(
            (True, Started(described, ("fake",), (), known, {"cpu": ROOM}))
        )

    def workers(self) -> set[str]:
        """All of them, at any time."""
        return self._names

    def greet(self, worker: str) -> Greeting:
        """Each is alone on its machine."""
        return Greeting(worker, worker, "")

    def start(self, worker: str, question: bytes) -> bytes:
        """They need no time to start."""
        return self._started

    def ask(self, worker: str, question: bytes) -> bytes:
        """Make a launch, or get ready, which takes no time here."""
        if len(question) > 100_000 or b"prepare" in question[:200]:
            with self._lock:
                self.sent_bytes += len(question)
            return pickle.dumps((True, []))
        begin = time.thread_time()
        function, (launch, _) = pickle.loads(question)
        assert function is agent.measure
        answer = pickle.dumps((True, self._ended(launch)))
        spent = time.thread_time() - begin
        with self._lock:
            self.cpu_s += spent
        time.sleep(self._launch_s)
        return answer

    def end(self, worker: str) -> None:
        """Nothing has to end."""

    def _ended(self, launch: Launch) -> Ended:
        assert self.plan
        where = environment(fake.describe(), None)
        found = []
        for case in launch.cases:
            ready = fake.prepare(Order(case, self.plan.papers[case.paper_key], launch.number))
            samples = []
            for _ in range(1 + CALLS):
                begin = ready.clock()
                ready.step()
                samples.append(ready.clock() - begin)
            found.append(
                Measurement(
                    outcome="ok",
                    samples_ns=tuple(samples),
                    bursts=(CALLS,),
                    build_ns=ready.build_ns,
                    compile_ns=ready.compile_ns,
                    check=ready.check,
                    environment=where,
                    case=case,
                    launch=launch.number,
                    started=time.time(),
                    wall_s=self._launch_s,
                )
            )
        return Ended(launch, found, self._launch_s, sum(found[0].samples_ns) / 1e9)
