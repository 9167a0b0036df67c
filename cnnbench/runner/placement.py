"""PLACEMENT: a core for every thread of a pool.

The threads of a framework's pool sleep between operations. On a machine of few cores, Linux
wakes them where they slept or where whoever wakes them runs, without looking for an idle core
(kernel/sched/fair.c, SIS_UTIL), and two of them may share one for a whole launch while the
other is idle. In a loop that never rests the kernel moves them apart within moments; in a
process that waits for its turn again and again it does not. Seen here with two threads on two
cores: launches of one case in two speeds, up to twice apart, at 1.0 and at 1.6 cores' worth of
processor time.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cnnbench.host import hardware


def spread() -> bool:
    """Tie each thread of this process but the main one to a core, one core after the other.

    In the order in which they were made: a pool makes its threads one after the other, so that
    those of each pool lie on different cores, and on different hardware threads of a core only
    when all cores have one.

    Returns:
        Whether that was done; it can be on Linux only.
    """
    try:
        cpus = hardware.cores_first(os.sched_getaffinity(0))
        main = os.getpid()
        tasks = {int(task.name) for task in Path("/proc/self/task").iterdir()} - {main}
        # Numbers start again from the bottom: a smaller one than the process's own is later.
        for number, thread in enumerate(sorted(tasks, key=lambda task: (task < main, task))):
            with suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(thread, {cpus[number % len(cpus)]})
    except (AttributeError, OSError):  # another system, or a container that forbids it
        return False
    return True
