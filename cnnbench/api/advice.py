"""What would make a network faster here, tried and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnbench import paths, units
from cnnbench.errors import CnnbenchError, unknown

if TYPE_CHECKING:
    from cnnbench.cases.case import Case
    from cnnbench.machine.advice import Advice
    from cnnbench.runner.loop import Progress
    from cnnbench.runs.store import Run

WAYS = ("runtimes", "types", "threads", "batch", "layers")
"""What can be changed."""

TYPES = ("float32", "mixed_bfloat16", "bfloat16", "int8")
TIMEOUT_S = 120.0
"""As of `run`."""
BATCH = 8
"""How many times as many samples a call is tried with."""


def advise(
    target: Any,
    input_shape: Any = None,
    *,
    ways: Sequence[str] = WAYS,
    runtime: str = "tensorflow",
    batch_size: int = 1,
    launches: int = 3,
    time_budget: float | str = 240.0,
    progress: Progress | None = None,
    **options: Any,
) -> Advice:
    """Try changes of a network that keep what it computes, each in turn with the network as it is.

    Args:
        target: as for `run`, one network.
        input_shape: as for `run`.
        ways: what is changed: runtimes (all that are installed), types (bfloat16, mixed or int8,
            on those that have them), threads (one), batch (eight times as many samples) and layers
            (batch norm folded, plain convolutions for depthwise ones).
        runtime: on which it runs now.
        batch_size: samples per call now.
        launches: processes of each case.
        time_budget: for all launches, in seconds or as "5m".
        progress: told about each launch; nobody is told if None.
        **options: others of `run`.

    Raises:
        CnnbenchError: what `run` raises; there is no such way.
    """
    from cnnbench import runtimes
    from cnnbench.api.runs import run
    from cnnbench.cases.asked import is_suite
    from cnnbench.host.environment import cores
    from cnnbench.machine.advice import of_runs

    budget_s = units.parse_duration(time_budget)
    for way in ways:
        if way not in WAYS:
            raise unknown("way", way, WAYS)
    if not ways:
        raise CnnbenchError(f"expected something to change: {', '.join(WAYS)}; got nothing")
    if isinstance(target, (str, Path)) and is_suite(str(target)):
        raise CnnbenchError(f"advice is for one network; {target} is a suite of several")
    (first, *more), _ = runtimes.chosen(runtime)
    if more:
        raise CnnbenchError(f"runtime is the one on which it runs now; got {runtime}")
    several = "runtimes" in ways and not runtimes.simulated(first)
    others = runtimes.chosen("all")[0] if several else []
    asked: list[dict[str, Any]] = [
        {
            "runtime": list(dict.fromkeys([first, *others])),
            "dtype": _types(first, others) if "types" in ways else None,
        }
    ]
    if "threads" in ways and cores() > 1:
        asked.append({"threads": [cores(), 1]})
    if "batch" in ways:
        asked.append({"batch_size": [batch_size, BATCH * batch_size]})
    layers = "layers" in ways and not runtimes.exporter(first)
    share = budget_s / (len(asked) + layers)
    notes: list[str] = []
    runs: list[Run] = []
    apart, ended = dict[str, float](), "done"
    with paths.temporary_folder("cnnbench-advice-") as folder:

        def measured(target: Any, **changed: Any) -> str:
            usual = {"runtime": first, "batch_size": batch_size, "input_shape": input_shape}
            found = run(
                target,
                out=Path(folder) / f"run-{len(runs)}",
                launches=launches,
                time_budget=share,
                progress=progress,
                pages=False,
                ceilings=False,
                **(usual | options | changed),
            )
            runs.append(found.run)
            return found.ending.reason

        for changed in asked:
            if ended != "interrupted":
                ended = measured(target, **changed)
        original = runs[0].plan.cases[0]
        if layers and ended != "interrupted":
            try:
                apart = _rewritten(original, Path(folder), options.get("timeout", TIMEOUT_S))
            except CnnbenchError as error:
                notes.append(str(error))
            files = {name: Path(folder) / f"{name}.keras" for name in apart}
            if len(files) > 1:
                ended = measured(files, input_shape=list(original.inputs), params={})
        found = of_runs(runs, original, apart, ended)
    if found is None:
        raise CnnbenchError(f"{original.name} as it is was not timed: {ended}")
    return replace(found, notes=(*found.notes, *notes))


def _types(first: str, others: Sequence[str]) -> list[str]:
    """The data types of which at least one of some runtimes has each."""
    from cnnbench import runtimes

    every = {first, *others}
    return [t for t in TYPES if any(runtimes.computes_in(name, t) for name in every)]


def _rewritten(original: Case, folder: Path, timeout: float | str) -> dict[str, float]:
    """Save the network as it is and with each change of its layers; how far outputs are apart."""
    from cnnbench.runner import session, worker
    from cnnbench.runtimes import Order

    server = session.start(original.runtime).servers[original.runtime]
    reply = server.ask(units.parse_duration(timeout), worker.rewrite, Order(original), str(folder))
    if not reply.ok:
        raise CnnbenchError(f"the layers of {original.name} cannot be changed: {reply.detail}")
    return reply.apart
