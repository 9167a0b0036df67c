"""NVIDIA's library without a GPU: it answers what tests/data/gpu.json says of two."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

GPUS = json.loads((Path(__file__).parents[1] / "data" / "gpu.json").read_text())["nvml"]["gpus"]


class NVMLError(Exception):
    """As the library's own."""


class Nvml:
    """The module pynvml, as far as it is used. A look ends when the reasons are asked for."""

    NVMLError = NVMLError
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self) -> None:
        self.opened = 0
        self.looks = [0 for _ in GPUS]

    def nvmlInit(self) -> None:  # noqa: N802
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(GPUS)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index >= len(GPUS):
            raise NVMLError("Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:  # noqa: N802
        return [gpu["uuid"] for gpu in GPUS].index(uuid)

    def nvmlDeviceGetName(self, gpu: int) -> str:  # noqa: N802
        return str(GPUS[gpu]["name"])

    def nvmlDeviceGetMemoryInfo(self, gpu: int) -> Any:  # noqa: N802
        return SimpleNamespace(**GPUS[gpu]["memory"])

    def nvmlDeviceGetClockInfo(self, gpu: int, kind: int) -> int:  # noqa: N802
        return self._look(gpu, {self.NVML_CLOCK_SM: "sm", self.NVML_CLOCK_MEM: "memory"}[kind])

    def nvmlDeviceGetPowerUsage(self, gpu: int) -> int:  # noqa: N802
        return self._look(gpu, "power")

    def nvmlDeviceGetTemperature(self, gpu: int, sensor: int) -> int:  # noqa: N802
        assert sensor == self.NVML_TEMPERATURE_GPU
        return self._look(gpu, "temperature")

    def nvmlDeviceGetCurrentClocksEventReasons(self, gpu: int) -> int:  # noqa: N802
        bits = self._look(gpu, "reasons")
        self.looks[gpu] += 1
        return bits

    def _look(self, gpu: int, what: str) -> int:
        looks = GPUS[gpu]["looks"]
        value = looks[min(self.looks[gpu], len(looks) - 1)][what]
        if value is None:
            raise NVMLError("Not Supported")
        return int(value)
