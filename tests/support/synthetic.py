"""A stored run without processes: the tutorial suite on the fake runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnbench.cases import suites
from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.cases.suites import Place
from cnnbench.runner import planning
from cnnbench.runner.server import Workers
from cnnbench.runs import store
from cnnbench.runs.store import Measurement
from cnnbench.runtimes import Order, fake

CALLS = 30
ENVIRONMENT: dict[str, Any] = {
    "host": "synthetic",
    "cpu": "Fake CPU @ 1 GHz",
    "cores": 2,
    "threads": 2,
    "memory_bytes": 8 * 2**30,
    "platform": "Linux-6.1-x86_64",
    "devices": {"cpu": ["simulated"], "gpu": []},
    "versions": {"python": "3.12.1", "cnnbench": "0.1.0", "keras": "3.15.1"},
    "commit": "0123456",
    "load_1m": 0.3,
}
START = 1_750_000_000.0


def plan(launches: int = 3, suite: str = "tutorial", devices: tuple[str, ...] = ("cpu",)) -> Plan:
    """What `cnnbench run` would write first."""
    loaded = suites.load(suite)
    workers = Workers({})  # nothing of the catalogue is opened by a child
    return planning.plan(
        loaded,
        [Place(device, "fake", fake.MODES) for device in devices],
        workers,
        120.0,
        launches=launches,
        command=f"cnnbench run {loaded.name} --runtime fake --launches {launches}",
    )


def measure(case: Case, launch: int, started: float = START, calls: int = CALLS) -> Measurement:
    """One launch of one case, as the runner would record it."""
    prepared = fake.prepare(Order(case, seed=launch))
    samples: list[int] = []

    def call() -> None:
        before = prepared.clock()
        prepared.step()
        samples.append(prepared.clock() - before)

    assert prepared.device_peak_of
    peak, _ = prepared.device_peak_of(call)
    for _ in range(calls - 1):
        call()
    return Measurement(
        case=case,
        launch=launch,
        outcome="ok",
        started=started,
        wall_s=sum(samples) / 1e9 + 0.5,
        samples_ns=tuple(samples),
        peak_bytes=peak,
        peak_source="simulated",
        check=prepared.check,
        environment=ENVIRONMENT,
    )


def measurements(plan: Plan) -> list[Measurement]:
    """Every launch of every case, round by round."""
    found: list[Measurement] = []
    started = START
    for launch in range(plan.launches):
        for case in plan.cases:
            found.append(measure(case, launch, started))
            started += found[-1].wall_s + 0.1
    return found


def write(
    folder: Path,
    plan: Plan,
    change: Callable[[Measurement], Measurement | None] = lambda m: m,
) -> Path:
    """Store a run; `change` may alter a measurement, or drop it by returning None."""
    with store.create(folder, plan) as file:
        for measurement in measurements(plan):
            if changed := change(measurement):
                file.append("launch", changed.to_json())
    return folder
