"""CALIBRATION: the models of this machine, from minutes of measurement, cached for later."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from cnnbench import runtimes, stats
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.host import cache
from cnnbench.machine import probing
from cnnbench.prediction import memory, modes, terms
from cnnbench.prediction.model import HUBER_DELTA, Example, Model, fitted, proportional
from cnnbench.prediction.terms import Terms
from cnnbench.records import Record, one_line
from cnnbench.runner import session
from cnnbench.runner.loop import Progress
from cnnbench.runner.session import Session
from cnnbench.runs.result import Result, results

LAUNCHES = 3
AT_ONCE = 4
"""Probes that are built at once: building takes longer than the calls."""
TIME_BUDGET_S, STEPS_BUDGET_S = 150.0, 600.0
"""For calls, and for training steps, each of which takes seconds to build."""


def _probes(of: str) -> tuple[Case, ...]:
    """The probes of calls, or those of steps."""
    text = (files("cnnbench.prediction") / "data" / "probes.toml").read_text(encoding="utf-8")
    return tuple(
        Case(row["target"], (tuple(row["input"]),), row["params"], row.get("batch", 1))
        for row in tomllib.loads(text)[of]
    )


CASES = _probes("calls")
"""The probes: each kind of layer, small and large, once and several times."""
STEPS = _probes("steps")
"""More probes of a training step."""


@dataclass(frozen=True, slots=True)
class Calibration(Record):
    """The models of one machine, and two naive predictors to compare them with.

    Args:
        machine: what the models hold for.
        time: predicts the seconds of a call in graph mode.
        memory: predicts the bytes by which a first call raises the peak.
        per_mac: seconds per multiply-add, for a predictor that knows nothing else.
        per_byte: seconds per byte of the activations, for a predictor that knows nothing else.
    """

    machine: dict[str, Any]
    time: Model
    memory: Model
    per_mac: float
    per_byte: float

    def __repr__(self) -> str:
        return one_line(self, self.machine["cpu"], f"{self.time.examples} probes")


def seconds(launches: Iterable[float]) -> float | None:
    """How long a call takes when nothing disturbs it: the time of the fastest launch.

    This is not the mean of the launches. On a shared host some launches run at half speed from
    their first call to their last, and the model describes the network, not the other programs.
    A disturbed launch is always slower, so the fastest of a few launches is the one to trust.
    """
    return min(launches, default=None)


def time_example(result: Result, unknown: str = "") -> Example | None:
    """A measured case for the model of time; None if it has no samples."""
    measured = seconds(stats.medians(result.samples.values()))
    return Example(_time(result.case, unknown), measured) if measured else None


def memory_example(result: Result) -> Example | None:
    """A measured case for the model of memory; None if its peak was not measured.

    None also for a network without kernels in TensorFlow's graph mode. To draw a kernel, an
    initialiser runs elementwise operations, whose code is then loaded before the call, as in every
    network that is trained.
    """
    peak, amounts = result.peak_bytes, _rise(result.case)
    return Example(amounts, peak) if peak and amounts else None


@lru_cache(4096)  # each model of the same probes needs them again
def _time(case: Case, unknown: str) -> Terms:
    return modes.time(case.graph(), case.mode, unknown)


@lru_cache(4096)
def _rise(case: Case) -> Terms | None:
    graph = case.graph()
    drawn = any(len(weight.shape) > 1 for node in graph.nodes for weight in node.rule.weights)
    return modes.rise(graph, case.mode) if drawn or case.mode != "graph" else None


@lru_cache(4096)
def _kinds(case: Case) -> frozenset[str]:
    return frozenset(layer.kind for layer in terms.of_layers(case.graph()))


def calibrate(
    measured: Sequence[Result], machine: dict[str, Any], wanted: int = len(CASES)
) -> Calibration:
    """Fit the models on measured cases; a CnnbenchError unless half of those `wanted` are there."""
    seen = sum(1 for r in measured if r.peak_bytes)
    times = {r.case.id: (r, e) for r in measured if (e := time_example(r))}
    if min(len(times), seen) < wanted / 2:
        raise CnnbenchError(
            f"a calibration needs half of its {wanted} cases; {len(times)} gave a time and "
            f"{seen} a peak; give it more time, or see what fails with cnnbench doctor"
        )
    return Calibration(
        machine=machine,
        time=time_model(measured),
        memory=memory_model(measured),
        per_mac=proportional([(e.measured, r.cost.macs) for r, e in times.values()]),
        per_byte=proportional([(e.measured, r.cost.activation_bytes) for r, e in times.values()]),
    )


def time_model(probes: Sequence[Result]) -> Model:
    """The model of the times of some probes, with what a guess is worth in it."""
    return _model(probes, time_example, HUBER_DELTA)


def memory_model(probes: Sequence[Result]) -> Model:
    """The same of their peaks; a model without a kind lacks the code of that."""
    return _model(probes, lambda result, _: memory_example(result), memory.HUBER_DELTA)


def _model(
    probes: Sequence[Result], example: Callable[[Result, str], Example | None], delta: float
) -> Model:
    known = [(r, e, _kinds(r.case)) for r in probes if (e := example(r, ""))]
    guesses = [
        (
            [e for _, e, has in known if kind not in has],
            [e for r, _, has in known if has == {kind} and (e := example(r, kind))],
        )
        for kind in sorted(set().union(*(has for _, _, has in known)))
    ]
    return fitted([e for _, e, _ in known], [r.case.id for r, _, _ in known], delta, guesses)


def find(
    runtime: str,
    progress: Progress | None = None,
    anew: bool = False,
    mode: str = "",
    cluster: str | None = None,
) -> tuple[Calibration, str]:
    """The calibration in the cache; if there is none, or `anew`, it is measured and cached.

    It is for the usual mode of the runtime, or for mode train. The text is what the user should
    know about how it was measured. With `cluster` it is of the kind of machine that measures there.

    Raises:
        UnknownNameError: the runtime does not have that mode, or it is another.
        ClusterError: the cluster cannot measure.
    """
    _check_mode(runtime, mode)
    if cluster is None:
        known = None if anew else stored(runtime, mode)
        where = machine(runtime, mode)
        return (known, "") if known else _measured(session.start(runtime), where, progress)
    with session.started([runtime], cluster) as measuring:
        where = measuring.there(_machine_there, runtime, mode, progress=Progress())
        known = None if anew else _kept(where)
        return (known, "") if known else _measured(measuring, where, progress)


def _measured(
    measuring: Session, where: dict[str, Any], progress: Progress | None
) -> tuple[Calibration, str]:
    """Measure the probes, and keep what follows from them."""
    cases = probes(where["runtime"], where["mode"])
    budget = STEPS_BUDGET_S if where["mode"] == "train" else TIME_BUDGET_S
    run = measuring.measure(
        cases, progress, runtime=where["runtime"], time_budget_s=budget, **manner(cases)
    )
    calibration = calibrate(results(run)[0], where, len(cases))
    return calibration, cache.write("calibration", where, calibration)


def manner(cases: Sequence[Case]) -> dict[str, Any]:
    """The fields of the plan of a calibration, besides its cases and its time.

    The order is always the same: two calibrations differ in what the machine did, and not in that.
    """
    count = -(-len(cases) // AT_ONCE)
    rows = tuple(tuple(case.id for case in cases[first::count]) for first in range(count))
    return {"launches": LAUNCHES, "together": rows, "at_once": True, "seed": 0}


def _machine_there(_: Session, runtime: str, mode: str, __: Progress) -> dict[str, Any]:
    """The same as `machine` on a worker, for all machines of its kind."""
    return machine(runtime, mode) | {"host": "any of this kind"}


def stored(runtime: str, mode: str = "") -> Calibration | None:
    """The calibration of this machine, if it was ever measured; nothing is measured now."""
    return _kept(machine(runtime, mode))


def _kept(where: dict[str, Any]) -> Calibration | None:
    return cache.read("calibration", Calibration, where, lambda c: c.machine)


def _check_mode(runtime: str, mode: str) -> None:
    """Refuse a mode that is not calibrated."""
    usual, *others = runtimes.load(runtime).MODES
    if mode and mode not in (known := [usual, *(m for m in others if m == "train")]):
        raise unknown("mode to predict", mode, known)


def probes(runtime: str, mode: str) -> list[Case]:
    """The cases of a calibration.

    What has no weights cannot be trained by itself. Runtimes other than TensorFlow are given every
    second probe, since most have to be exported first.
    """
    cases = CASES if runtime == "tensorflow" else CASES[::2]
    if mode == "train":
        trained = (c for c in cases if any(node.rule.weights for node in c.graph().nodes))
        cases = (*trained, *STEPS)
    return [replace(case, mode=mode, runtime=runtime) for case in cases]


def machine(runtime: str, mode: str = "") -> dict[str, Any]:
    """What a calibration depends on; when any of it changes, the machine is measured again."""
    cases = hashlib.sha256(" ".join(case.id for case in (*CASES, *STEPS)).encode()).hexdigest()
    key = probing.key(runtime, "cpu", "float32", None)
    return {**key, "mode": mode or key["mode"], "cases": cases[:16]}
