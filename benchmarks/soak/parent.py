"""`cnnbench` as the soak starts it: variables set its wall clock back, or bound its files."""

import os
import resource
import signal
import time

from cnnbench.cli import entry

BACK = "CNNBENCH_SOAK_CLOCK_BACK"
"""The variable: seconds."""

LIMIT = "CNNBENCH_SOAK_FILE_BYTES"
"""The variable: the most bytes of a file, as if the disk were full then."""

AFTER_S = 3.0
"""When the clock is set back, after the start."""


def set_back(seconds: float) -> None:
    """From some time on, `time.time` says that it is earlier."""
    now, monotonic, begin = time.time, time.monotonic, time.monotonic()
    time.time = lambda: now() - (seconds if monotonic() - begin > AFTER_S else 0.0)


if __name__ == "__main__":
    # What a shell starts in the background ignores Ctrl-C, and so would this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if limit := int(os.environ.get(LIMIT, 0)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if back := float(os.environ.get(BACK, 0)):
        set_back(back)
    entry()
