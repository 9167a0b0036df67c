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
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path

from cnnbench.host import hardware


def threads() -> dict[int, int]:
    """For how many nanoseconds each thread of this process has run, by its number (Linux only)."""
    found = {}
    with suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            found[int(task.name)] = 0
            with suppress(OSError):  # it has ended, or the kernel does not say
                found[int(task.name)] = int((task / "schedstat").read_text().split()[0])
    return found


def cores() -> set[int]:
    """Those on which the main thread may run; none where that cannot be asked (Linux only)."""
    with suppress(AttributeError, OSError):
        return os.sched_getaffinity(0)
    return set()


def free(on: set[int]) -> None:
    """Let the main thread run on these cores again, and so the threads that it makes."""
    with suppress(AttributeError, OSError):
        os.sched_setaffinity(0, on)


def spread(
    others: Container[int] = (), main_works: bool = False, before: Mapping[int, int] | None = None
) -> bool:
    """Tie each thread of this process but the main one to a core; says whether it did (Linux only).

    The threads take the cores in the order in which they were made, but those that have not run
    since `before` come last: OpenVINO makes two that wait, and then its pool. A pool makes its
    threads one after the other, so those of a pool lie on different cores. Two share the hardware
    threads of one core only when every core has one.

    Args:
        others: threads that are no runtime's, and stay free.
        main_works: whether the main thread is one of the workers; it takes the first core then.
        before: `threads` before the runtime worked.
    """
    try:
        cpus = hardware.cores_first(os.sched_getaffinity(0))
        main = os.getpid()
        ran, before = threads(), before or {}
        tasks = [task for task in ran if task != main and task not in others]
        # After the highest number the kernel begins again: below the main thread's is later.
        tasks.sort(key=lambda task: (ran[task] <= before.get(task, -1), task < main, task))
        for number, thread in enumerate([main, *tasks] if main_works else tasks):
            with suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(thread, {cpus[number % len(cpus)]})
    except (AttributeError, OSError):  # another system, or a container that forbids it
        return False
    return True
