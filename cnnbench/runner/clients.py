"""Several clients at once: threads of one process that call one loaded model, as a server has them.

All runtimes here let other threads run while they compute, so it is not Python that is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from cnnbench.runner.sampling import sample
from cnnbench.runtimes import Prepared


class Clients:
    """Threads that last as long as the process, for runtimes keep a pool for each that calls."""

    def __init__(self, ready: Prepared, count: int) -> None:
        another = ready.client or (lambda: ready.step)
        self._steps = [ready.step, *(another() for _ in range(count - 1))]
        self._clock, self._threads = ready.clock, ThreadPoolExecutor(count)

    def sample(self, budget_ns: int, min_calls: int, max_calls: int) -> list[list[int]]:
        """What `sampling.sample` gives for each client; all begin at once."""
        begin = Barrier(len(self._steps))  # so that each thread takes one of them

        def calls(step: Callable[[], object]) -> list[int]:
            begin.wait()
            return sample(step, self._clock, budget_ns, min_calls, max_calls)

        return list(self._threads.map(calls, self._steps))


def rate(calls: Sequence[Sequence[int]]) -> float:
    """Calls a second of all clients, while all are at work; `calls` has nanoseconds, by client.

    That is until the first of them has made its last call. A call of another that is not over by
    then counts in part: to wait for it would count a machine that is no longer busy.
    """
    until, done = min(map(sum, calls)), 0.0
    for of_one in calls:
        left = until
        for ns in of_one:
            done += min(ns, left) / ns
            left -= min(ns, left)
    return done / until * 1e9
