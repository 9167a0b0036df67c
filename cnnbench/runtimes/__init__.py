"""What runs a case. One file per runtime; `--runtime NAME` loads `cnnbench/runtimes/NAME.py`.

A runtime is a module with

    MODES         the ways in which it can run a network, the usual one first
    PRELOAD       modules that the fork server imports before the first case
    ENVIRONMENT   environment variables that must be set before that import
    describe()    {"versions": {...}, "devices": {"cpu": [...], "gpu": [...]}}
    prepare(order) -> Prepared   builds or loads the network of an `Order`, and its input

It may also have

    start(order)                 starts the framework, before memory is measured
    SHARES = True                takes the weights and the input that all runtimes of a run share
    PRECISIONS                   the data types in which it computes; those of Keras if it has none
    COMPUTES_IN_MAIN = True      the thread that calls a step works too, beside the pool's
    EXPORTED_BY                  the runtime whose process exports a file for it
    SUFFIX                       of that file
    EXPORT_BYTES                 memory that this takes, per byte of the weights (of ResNet-50)
    export(case, folder, file)   writes it from what is stored in the folder
    NEEDS                        modules that must be installed, where PRELOAD does not name all
    EXTRA                        what installs them: pip install 'cnnbench[EXTRA]'
    SERIAL                       why several threads may not call it at once, by mode
    PROFILES                     the modes in which it says what its operations take, on the CPU
    SIMULATED = True             its times are not real, so that more launches would teach nothing

Only the functions may import the framework; they run in a child process.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from cnnbench.cases.answer import Check, LaunchProfile
from cnnbench.cases.case import Case, no_device
from cnnbench.cases.paper import Paper
from cnnbench.errors import RuntimeMissingError, UnknownNameError, unknown
from cnnbench.graph import POLICIES


@dataclass(frozen=True, slots=True)
class Files:
    """What was stored before a launch, so that all runtimes run one network on one input.

    Args:
        folder: the values of weights, inputs and outputs.
        model: the exported file, for a runtime that needs one.
    """

    folder: Path
    model: Path | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a runtime.

    Args:
        case: to be measured.
        paper: its costs; None where they are not known.
        seed: of the input.
        threads: that one operation may use; the framework's own choice if None.
        new_batch: whether a first call with one sample more is timed at the end.
        files: the weights and the input that it shares with other runtimes, and what was exported.
        model: its Keras model, where somebody made that in this process.
        profile: whether the operations of a call are timed too.
    """

    case: Case
    paper: Paper | None = None
    seed: int = 0
    threads: int | None = None
    new_batch: bool = False
    files: Files | None = None
    model: Any = None
    profile: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A case that is ready to be timed.

    Args:
        step: one forward pass, or one step of training, finished when it returns.
        outputs: the arrays that the network returns, from what the last `step` returned; None
            where there are none to compare, as of a step of training.
        check: the comparison of the built model with the graph, where there is one.
        clock: nanoseconds; a runtime that simulates brings its own.
        device_peak_of: makes a call and returns by how many bytes the device's own peak rose,
            and who says so, or None and why; None where the device's memory is the process's.
        new_batch: a call with one sample more, and all that it takes before; None where the
            runtime cannot do that.
        client: makes the step of one more client, which another thread calls at the same time;
            None if that may be the same step.
        profile: makes some calls while the runtime's profiler watches; None without one.
        build_ns: nanoseconds that it took to load or build the network; None if unknown.
        compile_ns: nanoseconds that it took to trace or compile it; None if unknown.
        digest: of the graph of what was built; empty if unknown.
    """

    step: Callable[[], object]
    outputs: Callable[[Any], list[Any]] | None = None
    check: Check | None = None
    clock: Callable[[], int] = perf_counter_ns
    device_peak_of: Callable[[Callable[[], object]], tuple[int | None, str]] | None = None
    new_batch: Callable[[], object] | None = None
    client: Callable[[], Callable[[], object]] | None = None
    profile: Callable[[int], LaunchProfile] | None = None
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


def device(case: Case, seen: Sequence[Any]) -> Any:
    """The device of a case among those of its kind that a runtime sees.

    Raises:
        RuntimeMissingError: it is not there.
    """
    if case.index < len(seen):
        return seen[case.index]
    names = {f"{case.kind}:{place}": str(name) for place, name in enumerate(seen)}
    raise RuntimeMissingError(no_device(case.device, names))


def start(order: Order) -> None:
    """Start the framework of a case's runtime, where that takes memory or sets the threads."""
    begin = getattr(load(order.case.runtime), "start", None)
    if begin:
        begin(order)


def shares(name: str) -> bool:
    """Whether a runtime takes the weights and inputs that are stored for all."""
    return bool(getattr(load(name), "SHARES", False))


def exporter(name: str) -> str:
    """The runtime whose process exports for another; empty if that runs Keras models."""
    return str(getattr(load(name), "EXPORTED_BY", ""))


def helpers(asked: Sequence[str]) -> list[str]:
    """The runtimes that others need: to export for them, and to compare with."""
    needed = [exporter(name) for name in asked]
    if any(map(shares, asked)) and not missing("tensorflow"):
        needed.append("tensorflow")
    return [name for name in dict.fromkeys(needed) if name and name not in asked]


def builder(names: Sequence[str]) -> str:
    """The one of some runtimes, or of their helpers, that others are compared with."""
    return "tensorflow" if "tensorflow" in (*names, *helpers(names)) else names[0]


def serial(case: Case) -> str:
    """Why a case can have one client only; empty if it can have several."""
    if case.device != "cpu":
        return "a step waits until all of the device is idle"
    return str(getattr(load(case.runtime), "SERIAL", {}).get(case.mode, ""))


def unprofiled(case: Case) -> str:
    """Why a runtime does not say what the operations of a case take; empty if it does."""
    known = getattr(load(case.runtime), "PROFILES", ())
    if case.kind == "cpu" and case.mode in known:
        return ""
    has = f"modes {' and '.join(known)} on the CPU" if known else "none"
    return f"{case.runtime} has no profile of mode {case.mode} on {case.device}; it has {has}"


def simulated(name: str) -> bool:
    """Whether the times of a runtime are not real."""
    return bool(getattr(load(name), "SIMULATED", False))


def missing(name: str) -> str:
    """What is not installed that a runtime needs, and what installs it; empty if all is here."""
    runtime = load(name)
    needs = getattr(runtime, "NEEDS", runtime.PRELOAD)
    absent = [module for module in needs if not _installed(module)]
    if not absent:
        return ""
    extra = getattr(runtime, "EXTRA", "")
    how = f": pip install 'cnnbench[{extra}]'" if extra else ""
    return f"{name} is not installed ({', '.join(absent)}){how}"


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # the package around it is not there
        return False


def chosen(asked: str | Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of some runtimes, and what is missing of those that are left out.

    Args:
        asked: names, one text or several; `all` are those that are installed and real.

    Raises:
        UnknownNameError: no such runtime.
        RuntimeMissingError: one that is named is not installed.
    """
    several = asked.split(",") if isinstance(asked, str) else asked
    wanted = list(dict.fromkeys(name.strip() for name in several))
    if wanted != ["all"]:
        check_installed(wanted)
        return wanted, []
    lacking = {name: missing(name) for name in names() if not simulated(name)}
    # TensorFlow first: it is that with which the others are compared.
    here = sorted((n for n, lacks in lacking.items() if not lacks), key="tensorflow".__ne__)
    if not here:
        raise RuntimeMissingError("; ".join(lacking.values()))
    return here, [lacks for lacks in lacking.values() if lacks]


def check_installed(names: Iterable[str]) -> None:
    """Refuse runtimes that are not installed.

    Raises:
        UnknownNameError: no such runtime.
        RuntimeMissingError: one is not here.
    """
    for name in names:
        if lacks := missing(name):
            raise RuntimeMissingError(lacks)


def check_modes(names: Iterable[str], modes: Iterable[str]) -> list[str]:
    """What runtimes lack of some modes, in a sentence each, for what others of them have.

    Raises:
        UnknownNameError: none of the runtimes has one of the modes.
    """
    known = {name: load(name).MODES for name in names}
    modes = list(modes)
    for mode in modes:
        if not any(mode in of for of in known.values()):
            raise unknown("mode", mode, {mode for of in known.values() for mode in of})
    return _lacking("mode", known, modes)


def check_dtypes(names: Iterable[str], dtypes: Iterable[str]) -> list[str]:
    """The same of data types; an empty one is a network's own."""
    known = {name: _precisions(name) for name in names}
    dtypes = list(filter(None, dtypes))
    notes = _lacking("data type", known, dtypes)
    if not all(any(dtype in of for of in known.values()) for dtype in dtypes):
        raise UnknownNameError("; ".join(notes))
    return notes


def computes_in(name: str, dtype: str) -> bool:
    """Whether a runtime computes in a data type, or in the network's own if that is empty."""
    return not dtype or dtype in _precisions(name)


def _precisions(name: str) -> Sequence[str]:
    return tuple(getattr(load(name), "PRECISIONS", POLICIES))


def _lacking(what: str, known: Mapping[str, Sequence[str]], wanted: Sequence[str]) -> list[str]:
    notes = []
    for name, of in known.items():
        if missing := [one for one in wanted if one not in of]:
            notes.append(f"{name} has no {what} {' or '.join(missing)}; it has {', '.join(of)}")
    return notes
