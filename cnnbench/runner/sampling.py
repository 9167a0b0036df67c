"""What calls take: the time of each, in a loop, and the memory of the first of a process."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path


def sample(
    step: Callable[[], object],
    clock: Callable[[], int],
    budget_ns: int,
    min_calls: int,
    max_calls: int,
) -> list[int]:
    """Nanoseconds of each call of `step`, in order; the garbage collector is off meanwhile.

    Stops after `max_calls`, or after `min_calls` once `budget_ns` have passed.
    """
    samples: list[int] = []
    gc.disable()
    try:
        begin = clock()
        while True:
            before = clock()
            step()
            after = clock()
            samples.append(after - before)
            if len(samples) >= max_calls:
                return samples
            if after - begin >= budget_ns and len(samples) >= min_calls:
                return samples
    finally:
        gc.enable()


def peak_of(call: Callable[[], object]) -> tuple[int, str]:
    """Make a call; by how many bytes it raises the peak memory of this process, and who says so.

    On Linux the kernel's highest resident size is reset before the call and read after it.
    TensorFlow's allocations are invisible to malloc hooks, and it keeps what it has freed: only
    the first call of a process shows what a call takes.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
    except OSError:
        return _coarse_peak_of(call)
    call()
    return max(0, _status("VmHWM") - before), "VmHWM"


def resident() -> int | None:
    """Bytes of this process that are in memory now; None where the kernel does not say."""
    try:
        return _status("VmRSS")
    except OSError:
        return None


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {key} in /proc/self/status")


def _coarse_peak_of(call: Callable[[], object]) -> tuple[int, str]:
    """Where the highest size cannot be reset, an earlier and higher peak hides that of the call."""
    import psutil

    process = psutil.Process()
    before = process.memory_info().rss
    call()
    if sys.platform == "win32":
        return max(0, process.memory_info().peak_wset - before), "peak_wset (coarse)"
    import resource

    # Bytes on macOS, KiB elsewhere (getrusage(2)).
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return max(0, peak - before), "ru_maxrss (coarse)"
