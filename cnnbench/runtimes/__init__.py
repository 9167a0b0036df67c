"""What runs a case. One file per runtime; `--runtime NAME` loads `cnnbench/runtimes/NAME.py`.

A runtime is a module with

    MODES         the ways in which it can run a network, the usual one first
    PRELOAD       modules that the fork server imports before the first case
    ENVIRONMENT   environment variables that must be set before that import
    describe()    {"versions": {...}, "devices": {"cpu": [...], "gpu": [...]}}
    prepare(case, seed, threads, paper, model) -> Prepared

`prepare` builds the case's network, unless it is given as `model`, and makes the input from the
seed; `paper` has the costs of the case. Where the times are not real, so that more launches would
teach nothing, the module also has SIMULATED = True.

Only `describe` and `prepare` may import the framework; both run in a child process.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter_ns
from typing import Any

from cnnbench.cases.answer import Check
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
        new_batch: a call with one sample more, and all that it takes before; None where the
            runtime cannot do that.
        build_ns: nanoseconds that it took to load or build the network; None if unknown.
        compile_ns: nanoseconds that it took to trace or compile it; None if unknown.
        digest: of the graph of what was built; empty if unknown.
    """

    step: Callable[[], object]
    check: Check | None = None
    clock: Callable[[], int] = perf_counter_ns
    device_peak_of: Callable[[Callable[[], object]], int] | None = None
    new_batch: Callable[[], object] | None = None
    build_ns: int | None = None
    compile_ns: int | None = None
    digest: str = ""


PARTS = ("MODES", "PRELOAD", "ENVIRONMENT", "describe", "prepare")
"""What a module must have to be a runtime."""


def names() -> list[str]:
    """The runtimes that come with cnnbench, without importing them."""
    return [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]


def load(name: str) -> Any:
    """The runtime of that name; a name with dots is that of a module, which is imported."""
    if "." in name:
        try:
            module = import_module(name)
        except Exception as error:  # whatever the user's module raises
            raise RuntimeMissingError(f"cannot import the runtime {name}: {error}") from None
        if missing := [part for part in PARTS if not hasattr(module, part)]:
            raise RuntimeMissingError(f"{name} is not a runtime: it has no {', '.join(missing)}")
        return module
    if name not in names():
        raise unknown("runtime", name, names())
    return import_module(f"{__name__}.{name}")


def check_mode(name: str, mode: str) -> None:
    """Refuse a mode that a runtime does not have with an UnknownNameError."""
    if mode not in (known := load(name).MODES):
        raise unknown("mode", mode, known)
