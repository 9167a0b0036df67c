"""What a machine can do, and the least and the expected time of a network on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnbench import paths
from cnnbench.api.analysis import Inputs, traced
from cnnbench.errors import CnnbenchError, RuntimeMissingError
from cnnbench.records import Record, one_line

if TYPE_CHECKING:
    from cnnbench.machine.health import Health
    from cnnbench.machine.profiling import NetworkProfile
    from cnnbench.machine.roofline import Roofline
    from cnnbench.prediction.forecast import Prediction
    from cnnbench.runner.loop import Progress
    from cnnbench.runner.session import Session
    from cnnbench.runs.store import Run

LEAST_NOISE_S = 1.0
PROFILED_S = 60.0
"""For all launches of a profile."""


@dataclass(frozen=True, slots=True)
class Profiled(Record):
    """Where the time of networks goes: a profile of each case, and why there is none of others.

    `ended` is "done", "out of time", "interrupted" or "stored".
    """

    profiles: tuple[NetworkProfile, ...]
    problems: tuple[str, ...] = ()
    ended: str = "stored"

    def __repr__(self) -> str:
        return one_line(self, *(profile.result.name for profile in self.profiles), self.ended)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        profiles = [profile.to_json() for profile in self.profiles]
        return {"profiles": profiles, "problems": list(self.problems), "ended": self.ended}


def doctor(
    *,
    noise_s: float | None = 20.0,
    calibrate_s: float | None = None,
    runtime: str = "tensorflow",
    cluster: str | None = None,
    progress: Progress | None = None,
    told: Callable[[Health], None] | None = None,
) -> Health:
    """Whether this machine is fit for timing, and the smallest difference that it can show.

    Args:
        noise_s: seconds for the noise floor, including the start of the runtime; None to leave
            the noise floor out.
        calibrate_s: seconds to measure how far two runs of the same differ here, instead of the
            noise floor. It is kept: where it is more than usual, runs of this machine are compared
            with it from then on.
        runtime: what measures it.
        cluster: as for `run`: the findings are of one of its machines, and the noise floor is
            that of all of the kind that measures, in `noise_s` seconds after they have started.
        progress: told about each launch; nobody is told if None.
        told: called with the findings before the noise floor is measured.

    Raises:
        CnnbenchError: there is no such runtime, or the cluster cannot measure.
    """
    from cnnbench import runtimes
    from cnnbench.host import allowances
    from cnnbench.machine.health import Health, findings, findings_there, measure_allowances
    from cnnbench.runner import session
    from cnnbench.runner.loop import Progress

    begin = time.perf_counter()
    runtimes.load(runtime)  # so that a wrong name is refused first
    told = told or (lambda _: None)
    if cluster is not None and calibrate_s is not None:
        raise CnnbenchError("allowances are measured on this machine; leave the cluster out")
    if cluster is not None:
        with session.started([runtime], cluster) as measuring:
            health = Health(tuple(measuring.there(findings_there, progress=Progress())))
            told(health)
            return health if noise_s is None else _noisy(health, measuring, progress, noise_s)
    health = Health(tuple(findings()))
    told(health)
    if calibrate_s is not None:
        found = measure_allowances(lambda: session.start(runtime), progress, calibrate_s)
        if not found:
            return replace(health, note="no allowances: too few launches; give it more time")
        return replace(health, allowances=found, note=allowances.keep(found))
    if noise_s is None:
        return health
    try:
        measuring = session.start(runtime)
    except RuntimeMissingError as error:
        return replace(health, note=f"no noise floor: {error}")
    return _noisy(health, measuring, progress, noise_s - (time.perf_counter() - begin))


def _noisy(health: Health, measuring: Session, progress: Progress | None, left: float) -> Health:
    """The same with the noise floor, measured in so many seconds or a few more."""
    from cnnbench.machine.health import measure_noise

    floor = measure_noise(measuring, progress, max(left, LEAST_NOISE_S))
    note = "" if floor else "no noise floor: too few launches gave a time; give it more time"
    return replace(health, noise=floor, note=note)


def roofline(
    target: Any = None,
    input_shape: Inputs = None,
    *,
    seconds: float | None = None,
    on: str | None = None,
    peak: float | None = None,
    bandwidth: float | None = None,
    device: str = "cpu",
    threads: int | None = None,
    runtime: str = "tensorflow",
    again: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Roofline:
    """The least time of a network's layers on a device, and whether a given time is possible.

    Args:
        target: as for `trace`, or what `networks.resolve` made of it; None for the ceilings of
            the device alone.
        input_shape: as for `trace`.
        seconds: a time of one forward pass, to be judged.
        on: a known device; this machine if None and no peak is given.
        peak: FLOP/s, instead of a device.
        bandwidth: bytes a second, with a peak.
        device: the device of this machine: cpu, gpu (the first) or gpu:1.
        threads: threads that one operation may use; all cores if None.
        runtime: what measures this machine, if it was not measured before.
        again: measure this machine again.
        progress: told about each launch of that; nobody is told if None.
        **options: those of `trace`, but not `fold`.

    Raises:
        CnnbenchError: what `trace` raises; there is no such device; a time is given without a
            network; a time or a rate is not a positive number.
    """
    from cnnbench.cases.case import parsed_device
    from cnnbench.machine import probing
    from cnnbench.machine.roofline import device as known_device
    from cnnbench.machine.roofline import given, roofline

    for name, value in (("seconds", seconds), ("peak", peak), ("bandwidth", bandwidth)):
        if value is not None and not 0 < value < inf:
            raise CnnbenchError(f"{name} must be positive and finite; got {value}")
    parsed_device(device)
    if bandwidth is not None and peak is None:
        raise CnnbenchError("a bandwidth goes with a peak; give both")
    if on is not None and peak is not None:
        raise CnnbenchError("a known device and a peak are two answers; choose one")
    if target is None and seconds is not None:
        raise CnnbenchError("a time can be judged only of a network; name one")
    graph = None if target is None else traced(target, input_shape, **options)[1]
    kind = graph.dtype if graph else options.get("dtype") or "float32"
    if on is not None:
        return roofline(known_device(on), graph, seconds)
    if peak is not None:
        return roofline(given(peak, bandwidth, kind), graph, seconds)
    ceiling, note = probing.find(runtime, device, kind, threads, progress, again=again)
    if ceiling is None:
        raise CnnbenchError(note)
    return roofline({kind: ceiling}, graph, seconds, note)


def predict(
    target: Any,
    input_shape: Inputs = None,
    *,
    calibrate: bool = False,
    runtime: str = "tensorflow",
    mode: str = "",
    cluster: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Prediction:
    """The time and the peak memory that a network should take on this machine, or on a cluster's.

    Args:
        target: as for `trace`, or what `networks.resolve` made of it.
        input_shape: as for `trace`.
        calibrate: measure this machine again, even if it was measured before.
        runtime: what measures it.
        mode: the usual one of the runtime if it is empty, or train: a step with adam.
        cluster: as for `run`: the prediction is for the kind of machine that measures there, which
            is calibrated if it was not before.
        progress: told about each launch of that; nobody is told if None.
        **options: those of `trace`, but not `fold`; float32 is the only dtype that is calibrated.

    Raises:
        CnnbenchError: what `trace` raises; the type is not float32; the machine cannot be
            calibrated.
    """
    from cnnbench.prediction import calibration, forecast

    _, graph = traced(target, input_shape, **options)
    forecast.check(graph)  # before the time for a calibration is spent
    found, note = calibration.find(runtime, progress, calibrate, mode, cluster)
    return forecast.forecast(graph, found, note)


def profile(
    *targets: Any,
    against: str = "",
    launches: int = 5,
    time_budget: float | str = PROFILED_S,
    runtime: str = "tensorflow",
    out: Path | str | None = None,
    **options: Any,
) -> Profiled:
    """The time of each layer of networks, by the runtime's own profiler, and what is lost in it.

    Args:
        *targets: as for `run`; or the folder of one run that was stored with profiles.
        against: what to compare with: another runtime, the folder of such a run, or a network.
        launches: processes per case.
        time_budget: for all launches, in seconds or as "5m".
        runtime: one, or several as for `run`; TensorFlow, JAX, PyTorch, ONNX Runtime and OpenVINO
            have a profiler. Of LiteRT each operation is measured by itself.
        out: a folder in which the run is kept, with its report.
        **options: others of `run`.

    Raises:
        CnnbenchError: what `run` raises; nothing to profile; the runtime has no profile of a mode.
    """
    from cnnbench import runtimes
    from cnnbench.api.runs import run
    from cnnbench.runs import store

    def kept(place: Any) -> bool:
        return isinstance(place, (str, Path)) and (Path(place) / store.FILE).is_file()

    if not targets:
        raise CnnbenchError("expected a network to profile; got none")
    other: Profiled | None = None
    if against and kept(against):
        other = _profiles(store.read(Path(against)), "stored")
    elif against in runtimes.names():
        runtime = f"{runtime},{against}"
    elif against:
        targets = (*targets, against)
    if kept(targets[0]):
        if len(targets) > 1 or set(options) - {"progress", "command", "timeout"}:
            raise CnnbenchError(f"{targets[0]} is a stored run, which is shown as it is, alone")
        found = _profiles(store.read(Path(targets[0])), "stored")
    else:
        with paths.temporary_folder("cnnbench-profile-") as folder:
            finished = run(
                *targets,
                out=out or Path(folder) / "run",
                launches=launches,
                time_budget=time_budget,
                runtime=runtime,
                profile=True,
                pages=bool(out),
                **options,
            )
            found = _profiles(finished.run, finished.ending.reason)
    if other:
        found = replace(found, profiles=(*found.profiles, *other.profiles))
    return found


def _profiles(run: Run, ended: str) -> Profiled:
    from cnnbench.machine.profiling import of_run

    found, problems = of_run(run)
    if not found and ended == "stored":
        raise CnnbenchError(f"{run.folder} has no profiles; run it with --profile")
    return Profiled(found, problems, ended)
