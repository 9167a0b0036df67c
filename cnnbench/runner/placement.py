"""A core for every thread of a pool.

The threads of a framework's pool sleep between operations. On a machine of few cores, Linux wakes
a thread where it slept, or where the thread that wakes it runs, and does not look for an idle core
(kernel/sched/fair.c, SIS_UTIL). So two of them may share a core for a whole launch while another
core is idle. In a loop that never pauses, the kernel soon moves them apart. In a process that
waits for its turn again and again, it does not. With two threads on two cores, launches of one
case were seen at two speeds, up to twice apart, at 1.0 and at 1.6 cores' worth of processor time.
"""

from __future__ import annotations

import os
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from cnnbench.host import hardware


def threads() -> set[int]:
    """The threads of this process, by their numbers (Linux only)."""
    with suppress(OSError):
        return {int(task.name) for task in Path("/proc/self/task").iterdir()}
    return set()


def spread(others: Container[int] = (), main_works: bool = False) -> bool:
    """Tie each thread of this process but the main one to a core; says whether it did (Linux only).

    The threads take the cores in the order in which they were made. A pool makes its threads one
    after the other, so those of a pool lie on different cores. Two share the hardware threads of
    one core only when every core has one.

    Args:
        others: threads that are no runtime's, and stay free.
        main_works: whether the main thread is one of the workers; it takes the first core then.
    """
    try:
        cpus = hardware.cores_first(os.sched_getaffinity(0))
        main = os.getpid()
        tasks = [task for task in threads() - {main} if task not in others]
        # After the highest number the kernel begins again: below the main thread's is later.
        tasks.sort(key=lambda task: (task < main, task))
        for number, thread in enumerate([main, *tasks] if main_works else tasks):
            with suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(thread, {cpus[number % len(cpus)]})
    except (AttributeError, OSError):  # another system, or a container that forbids it
        return False
    return True
