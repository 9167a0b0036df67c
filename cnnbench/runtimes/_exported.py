"""What the runtimes share that run an exported file: its inputs, outputs and memory."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cnnbench.errors import CnnbenchError, RuntimeMissingError
from cnnbench.runtimes import Order
from cnnbench.runtimes._keras import CALIBRATION, INPUTS, arrays

FROZEN = "frozen.pb"
"""TensorFlow's graph of the network with its weights as constants, from which all are exported."""

INPUT = "input_{}"
"""The names of its inputs; what it returns it calls Identity, Identity_1 and so on."""


def given(order: Order) -> tuple[str, list[Any]]:
    """The exported file, and an array for each input."""
    files = order.files
    if files is None or files.model is None:
        raise RuntimeMissingError(
            f"{order.case.runtime} runs a file that `cnnbench run` exports; it cannot run a model"
        )
    return str(files.model), arrays(files.folder / INPUTS)


def interface(folder: Path) -> dict[str, tuple[int, ...]]:
    """The names of the inputs of a frozen graph, in order, with their sizes."""
    return {
        f"{INPUT.format(number)}:0": value.shape
        for number, value in enumerate(arrays(folder / INPUTS))
    }


def calibration(folder: Path) -> list[list[Any]]:
    """Batches, each with an array for each input, from which int8 takes its ranges of values."""
    (first, *_), every = arrays(folder / INPUTS), arrays(folder / CALIBRATION)
    size = len(first)
    return [[x[at : at + size] for x in every] for at in range(0, len(every[0]), size)]


def check_quantized(found: bool) -> None:
    """Refuse a file that was to be in int8 and computes in floats alone.

    Raises:
        CnnbenchError: nothing that is quantized was found in it.
    """
    if not found:
        raise CnnbenchError(
            "nothing in it was quantized: it has no convolution or matrix product in int8"
        )


def on_cpu(**versions: str) -> dict[str, Any]:
    """What a runtime says of itself that is used on the CPU alone."""
    return {"versions": versions, "devices": {"cpu": ["cpu"], "gpu": []}}


def in_order(names: Sequence[str]) -> list[int]:
    """The places of inputs or outputs in the order of the network, by the numbers of their names.

    An exporter may list them in another.
    """

    def number(name: str) -> int:
        found = re.search(r"(?:input|Identity)(?:_(\d+))?", name)
        return int(found.group(1) or 0) if found else 0

    return sorted(range(len(names)), key=lambda place: number(names[place]))


def give_back() -> None:
    """Give what loading has freed back to the system, so that the first call's memory shows."""
    with suppress(OSError, AttributeError):  # no glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)
