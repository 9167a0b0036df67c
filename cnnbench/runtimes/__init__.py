"""What runs a case. One file per runtime; `--runtime NAME` loads `cnnbench/runtimes/NAME.py`.

A runtime is a module with

    PRELOAD       modules that the fork server imports before the first case
    ENVIRONMENT   environment variables that must be set before that import
    describe()    {"versions": {...}, "devices": {"cpu": [...], "gpu": [...]}}
    prepare(case, seed, threads) -> Prepared

Only `describe` and `prepare` may import the framework; both run in a child process.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter_ns
from typing import Any, Protocol

from cnnbench.cases.answer import Check
from cnnbench.cases.case import Case
from cnnbench.errors import RuntimeMissingError, unknown


@dataclass(frozen=True, slots=True)
class Prepared:
    """A case that is ready to be timed.

    Args:
        step: one forward pass, or one step of training, finished when it returns.
        check: the comparison of the built model with the graph, where there is one.
        clock: nanoseconds; a runtime that simulates brings its own.
        device_peak_of: makes a call and returns by how many bytes the device's own peak
            rose; None where the device's memory is the process's.
    """

    step: Callable[[], object]
    check: Check | None = None
    clock: Callable[[], int] = perf_counter_ns
    device_peak_of: Callable[[Callable[[], object]], int] | None = None


class Runtime(Protocol):
    """The module interface; see the head of this file."""

    PRELOAD: tuple[str, ...]
    ENVIRONMENT: Mapping[str, str]

    def describe(self) -> dict[str, Any]:
        """Versions of the framework and the names of its devices, by kind."""

    def prepare(self, case: Case, seed: int, threads: int | None) -> Prepared:
        """Build the case's network and, from the seed, its input."""


PARTS = ("PRELOAD", "ENVIRONMENT", "describe", "prepare")
"""What a module must have to be a runtime."""


def names() -> list[str]:
    """The runtimes that come with cnnbench, without importing them."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


def load(name: str) -> Any:
    """The runtime of that name; a dotted name is imported as it stands.

    Raises:
        UnknownNameError: there is none of that name here.
        RuntimeMissingError: a dotted name cannot be imported, or is no runtime.
    """
    if "." in name:
        try:
            module = import_module(name)
        except Exception as error:  # whatever the user's module raises
            raise RuntimeMissingError(f"cannot import the runtime {name}: {error}") from None
        if missing := [part for part in PARTS if not hasattr(module, part)]:
            raise RuntimeMissingError(f"{name} is no runtime: it has no {', '.join(missing)}")
        return module
    if name not in names():
        raise unknown("runtime", name, names())
    return import_module(f"{__name__}.{name}")
