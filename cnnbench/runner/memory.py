"""Peak memory of a call, from the operating system.

On Linux the kernel's high-water mark of the resident set is reset before the call and read
after it. TensorFlow's allocations are invisible to malloc hooks, and it keeps what it has
freed: only the *first* call of a process shows what a call takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Peak:
    """The rise of the peak over a call, in bytes, and what reported it."""

    bytes: int | None
    source: str


def peak_of(call: Callable[[], object]) -> Peak:
    """Run a call and measure by how much the process's peak memory rose."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
    except OSError:
        return _coarse_peak_of(call)
    call()
    return Peak(max(0, _status("VmHWM") - before), "VmHWM")


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


def _coarse_peak_of(call: Callable[[], object]) -> Peak:
    """Elsewhere the high-water mark cannot be reset: what rose before the call hides it."""
    import psutil

    before = psutil.Process().memory_info().rss
    call()
    if sys.platform == "win32":
        return Peak(max(0, psutil.Process().memory_info().peak_wset - before), "peak_wset (coarse)")
    import resource

    # Bytes on macOS, KiB elsewhere (getrusage(2)).
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return Peak(max(0, peak - before), "ru_maxrss (coarse)")
