"""`cnnbench`, whose wall clock is set back while it runs if a variable says by how much."""

import os
import time

from cnnbench.cli import entry

BACK = "CNNBENCH_SOAK_CLOCK_BACK"
"""The variable: seconds."""

AFTER_S = 3.0
"""When the clock is set back, after the start."""


def set_back(seconds: float) -> None:
    """From some time on, `time.time` says that it is earlier."""
    now, monotonic, begin = time.time, time.monotonic, time.monotonic()
    time.time = lambda: now() - (seconds if monotonic() - begin > AFTER_S else 0.0)


if __name__ == "__main__":
    if back := float(os.environ.get(BACK, 0)):
        set_back(back)
    entry()
