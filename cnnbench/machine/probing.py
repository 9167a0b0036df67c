"""The ceilings of this machine: measured once by probes through the runtime, then cached.

A peak is the best rate that any probe reached in any launch. It is what Keras reaches here, not
what the processor could reach. Better code might pass it, so the judgement of a time has a
tolerance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

from cnnbench import __version__, blocks, runtimes, stats
from cnnbench.cases.case import Case, no_device, parsed_device
from cnnbench.graph import DTYPES
from cnnbench.host import cache, hardware
from cnnbench.host.ceiling import Ceiling, Probed
from cnnbench.host.environment import environment
from cnnbench.machine.roofline import moved_bytes
from cnnbench.runner import session
from cnnbench.runner.loop import Progress
from cnnbench.runner.schedule import Launch
from cnnbench.runner.session import Session
from cnnbench.runs.store import Measurement

LAUNCHES = 2
BUDGET_S = 10.0
TOLERANCE = 1.1
"""Launches differ by 5 to 17 % (coefficient of variation, on two cores of a shared host)."""

BATCHES = {
    "probe_matmul": {"cpu": 2048, "gpu": 16384},
    "probe_convolution": {"cpu": 8, "gpu": 64},
    "probe_copy": {"cpu": 1, "gpu": 4},
}
"""The batch of each probe, for some ten milliseconds of work; a GPU needs more to be full."""


def probes(device: str, dtype: str) -> list[Case]:
    """The cases that are measured for one device and data type."""
    kind, _ = parsed_device(device)
    return [
        Case(name, (blocks.get(name).input_shape,), {}, batch[kind], dtype, device)
        for name, batch in BATCHES.items()
    ]


def key(
    runtime: str, device: str, dtype: str, threads: int | None, gpus: Sequence[str] = ()
) -> dict[str, Any]:
    """What ceilings depend on; when any of it changes, they are measured again."""
    # Not what the runtime says about itself: a cached ceiling must not wait for its start.
    where = environment({"versions": {}, "devices": {}}, threads)
    return {
        **{name: where[name] for name in ("host", "cpu", "cores", "threads")},
        "device": device,
        **({} if device == "cpu" else {"gpus": list(gpus)}),
        "dtype": dtype,
        "mode": runtimes.load(runtime).MODES[0],
        "runtime": runtime,
        "versions": {"cnnbench": __version__, **_versions(runtimes.load(runtime).PRELOAD)},
    }


def find(
    runtime: str,
    device: str,
    dtype: str,
    threads: int | None,
    progress: Progress | None,
    measuring: Session | None = None,
    again: bool = False,
) -> tuple[Ceiling | None, str]:
    """The ceiling in the cache; if there is none, it is measured now and cached.

    Without `measuring`, a session is started when it is needed. With `again`, the ceiling is
    measured even if there is one in the cache; the better of the two counts.

    Returns:
        The ceiling, if it could be measured, and what the user should know about that.
    """
    gpus: Sequence[str] = ()
    if device != "cpu":  # which one, only a runtime that has started knows
        asked, device = device, "{}:{}".format(*parsed_device(device))
        measuring = measuring or session.start(runtime)
        seen = measuring.devices(runtime)
        if device not in seen:
            return None, no_device(asked, seen)
        gpus = [seen[device]]
    wanted = key(runtime, device, dtype, threads, gpus)
    earlier = cache.read("ceilings", Ceiling, wanted, lambda ceiling: ceiling.key)
    if earlier and not again:
        return earlier, ""
    measuring = measuring or session.start(runtime)
    run = measuring.measure(
        probes(device, dtype),
        progress,
        runtime=runtime,
        launches=LAUNCHES,
        time_budget_s=BUDGET_S,
        threads=threads,
    )
    ceiling = measured(run.measurements, wanted, earlier.probes if earlier else ())
    if ceiling is None:
        reasons = {m.detail for m in run.measurements if not m.ok} or {"no time left"}
        return None, f"no ceilings of {device}, {dtype}: {'; '.join(sorted(reasons))}"
    return ceiling, cache.write("ceilings", wanted, ceiling)


def of_cases(
    measuring: Session, cases: Iterable[Case], threads: int | None, progress: Progress
) -> list[Ceiling]:
    """The ceiling of each device and data type of some cases, where it can be measured.

    Through the session's own runtime if that sees the device, else the first that does.
    """
    ours, found = measuring.runtime, []
    kinds = dict.fromkeys((case.device, case.dtype) for case in cases if case.dtype in DTYPES)
    for device, dtype in kinds:
        seeing = [name for name in (ours, *measuring.asked) if device in measuring.devices(name)]
        watching = _Begins(progress)
        found.append(find([*seeing, ours][0], device, dtype, threads, watching, measuring))
    return [ceiling for ceiling, _ in found if ceiling]


class _Begins(Progress):
    """Says what is measured, but does not count it: the launches of a run come later."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def begins(self, launch: Launch) -> None:
        """A launch is about to start."""
        self._progress.begins(launch)


def measured(
    launches: Sequence[Measurement], where: dict[str, Any], earlier: Iterable[Probed] = ()
) -> Ceiling | None:
    """The best launches of the probes; None unless both peaks were measured."""
    fastest = {probe.case: probe for probe in earlier}
    for m in launches:
        calls = stats.steady(m.samples_ns) if m.ok else ()
        if not calls:
            continue
        costs, seconds = m.case.paper().cost, median(calls) / 1e9
        moved = sum(map(moved_bytes, costs.layers))
        before = fastest.get(m.case.id)
        if seconds > 0 and (before is None or seconds < before.seconds):
            fastest[m.case.id] = Probed(m.case.id, 2 * costs.macs, moved, seconds)
    compute = [probe for probe in fastest.values() if probe.flops]
    memory = [probe for probe in fastest.values() if not probe.flops]
    if not compute or not memory:
        return None
    return Ceiling(
        name=", ".join([where["host"], *(where.get("gpus") or [where["cpu"]])]),
        device=where["device"],
        dtype=where["dtype"],
        flops_per_s=max(p.flops / p.seconds for p in compute),
        bytes_per_s=max(p.moved_bytes / p.seconds for p in memory),
        cache_bytes=hardware.last_level_cache() if where["device"] == "cpu" else None,
        tolerance=TOLERANCE,
        source=f"probes through {where['runtime']}, {where['threads']} threads, {_load(launches)}",
        key=where,
        probes=tuple(fastest.values()),
    )


def _load(launches: Iterable[Measurement]) -> str:
    """How busy the machine was; other programs lower every peak."""
    loads = [m.environment.get("load_1m") for m in launches]
    known = [load for load in loads if load is not None]
    return f"load {min(known):.2f}" if known else "load unknown"


def _versions(packages: Iterable[str]) -> dict[str, str]:
    versions = {}
    for package in packages:
        with suppress(PackageNotFoundError):  # it has another name, such as tensorflow-cpu
            versions[package] = version(package)
    return versions
