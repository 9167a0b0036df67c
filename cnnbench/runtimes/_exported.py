"""What the runtimes share that run an exported file: its inputs, outputs and memory."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.errors import RuntimeMissingError
from cnnbench.runtimes import Files
from cnnbench.runtimes._keras import INPUTS, arrays

FROZEN = "frozen.pb"
"""TensorFlow's graph of the network with its weights as constants, from which all are exported."""

INPUT = "input_{}"
"""The names of its inputs; what it returns it calls Identity, Identity_1 and so on."""


def inputs(files: Files | None, case: Case) -> list[Any]:
    """An array for each input."""
    if files is None or files.model is None:
        raise RuntimeMissingError(
            f"{case.runtime} runs a file that `cnnbench run` exports; it cannot run a model"
        )
    return arrays(files.folder / INPUTS)


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
