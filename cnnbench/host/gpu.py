"""GPU: its clocks, power, heat and throttling while it works, as NVIDIA's library says; optional.

Nothing is raised where the library, its driver or an answer is missing: what is not known is said.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from statistics import median
from typing import Any

PERIOD_S = 0.05
"""The time between two looks, which are made by a thread of the parent, beside the measured child.
The library itself looks no more often."""

THROTTLED = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "heat",
    0x40: "heat, by the hardware",
    0x80: "power brake",
}
"""The reasons for a lower clock that make a time too long: bits of nvmlClocksEventReason. Not those
of an idle GPU, and of clocks that somebody has set."""


@contextmanager
def watched(index: int | None) -> Iterator[dict[str, Any]]:
    """What a GPU does as long as this lasts, as an entry of an environment; none without an index.

    The entry is complete at the end: medians of the clocks in MHz and of the power in watts, the
    highest temperature in degrees Celsius, the reasons for which it was throttled, and its name.
    What the GPU does not say is None. Where nothing is known, it says why.
    """
    found: dict[str, Any] = {}
    library: Any = None
    if index is not None:
        try:
            library, gpu = _opened(index)
        except Exception as error:  # no library, no driver, no such GPU, in an exception of theirs
            found["gpu"] = {"unknown": str(error)}
    if library is None:
        yield found
        return
    looks: list[dict[str, float]] = []
    over = threading.Event()

    def look() -> None:
        looks.append(_look(library, gpu))
        while not over.wait(PERIOD_S):
            looks.append(_look(library, gpu))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()
        found["gpu"] = _summary(looks)
        with suppress(library.NVMLError):
            found["gpu"]["name"] = library.nvmlDeviceGetName(gpu)
            library.nvmlShutdown()


def memory(index: int) -> int | None:
    """Bytes of a GPU's memory that are free; None where that is not known."""
    try:
        library, gpu = _opened(index)
        free = int(library.nvmlDeviceGetMemoryInfo(gpu).free)
        library.nvmlShutdown()
    except Exception:  # as above
        return None
    return free


def shown() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none if unknown."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    if names is not None:
        return [name.strip() for name in names.split(",") if name.strip() not in ("", "-1")]
    try:
        import pynvml

        pynvml.nvmlInit()
        count = int(pynvml.nvmlDeviceGetCount())
        pynvml.nvmlShutdown()
    except Exception:  # as above
        return []
    return [str(index) for index in range(count)]


def _opened(index: int) -> tuple[Any, Any]:
    """The library, and its handle of the GPU that a framework calls by that index."""
    try:
        import pynvml
    except ImportError:
        raise LookupError("nvidia-ml-py is not installed: pip install 'cnnbench[gpu]'") from None
    pynvml.nvmlInit()
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    name = seen.split(",")[index].strip() if seen else str(index)
    if name.isdigit():
        return pynvml, pynvml.nvmlDeviceGetHandleByIndex(int(name))
    return pynvml, pynvml.nvmlDeviceGetHandleByUUID(name)


def _look(library: Any, gpu: Any) -> dict[str, float]:
    asked: dict[str, Callable[[], float]] = {
        "sm_mhz": lambda: library.nvmlDeviceGetClockInfo(gpu, library.NVML_CLOCK_SM),
        "memory_mhz": lambda: library.nvmlDeviceGetClockInfo(gpu, library.NVML_CLOCK_MEM),
        "watts": lambda: library.nvmlDeviceGetPowerUsage(gpu) / 1000,
        "celsius": lambda: library.nvmlDeviceGetTemperature(gpu, library.NVML_TEMPERATURE_GPU),
        "reasons": lambda: library.nvmlDeviceGetCurrentClocksEventReasons(gpu),
    }
    seen = {}
    for name, ask in asked.items():
        with suppress(library.NVMLError):  # not every GPU says everything
            seen[name] = ask()
    return seen


def _summary(looks: list[dict[str, float]]) -> dict[str, Any]:
    def of(name: str) -> list[float]:
        return [seen[name] for seen in looks if name in seen]

    reasons = [int(bits) for bits in of("reasons")]
    why = [word for bit, word in THROTTLED.items() if any(bits & bit for bits in reasons)]
    return {
        **{name: median(of(name) or [0]) or None for name in ("sm_mhz", "memory_mhz", "watts")},
        "celsius": max(of("celsius"), default=None),
        "throttled": why if reasons else None,
    }
