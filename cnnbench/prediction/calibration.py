"""CALIBRATION: the models of this machine, from a minute of measurement, cached for later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cnnbench import stats
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError
from cnnbench.host import cache
from cnnbench.machine import probing
from cnnbench.prediction import memory, terms
from cnnbench.prediction.model import Example, Model, fitted, proportional
from cnnbench.records import Record, one_line
from cnnbench.runner import session
from cnnbench.runs.result import Result, results

if TYPE_CHECKING:
    from cnnbench.runner.loop import Progress

LAUNCHES = 2
TIME_BUDGET_S = 60.0


def _conv(
    size: int, channels: int, filters: int, kernel_size: int = 3, depth: int = 1, batch: int = 1,
    **params: Any,
) -> Case:  # fmt: skip
    params |= {"filters": filters, "kernel_size": kernel_size, "depth": depth}
    return Case("conv_layers", ((size, size, channels),), params, batch)


def _dense(channels: int, units: int, depth: int = 1, batch: int = 1, **params: Any) -> Case:
    return Case("dense_layers", ((channels,),), {"units": units, "depth": depth} | params, batch)


def _unit(
    unit: str, size: int, channels: int = 64, depth: int = 2, batch: int = 1, **params: Any
) -> Case:
    params |= {"unit": unit, "depth": depth}
    return Case("unit_layers", ((size, size, channels),), params, batch)


def _video(frames: int, size: int, channels: int, depth: int = 1) -> Case:
    params = {"unit": "conv_lstm", "depth": depth}
    return Case("unit_layers", ((frames, size, size, channels),), params)


CASES: tuple[Case, ...] = (
    # 3x3, from few channels on large images to many on small ones
    *(_conv(224, 3, 32, strides=2), _conv(112, 3, 64), _conv(112, 64, 64)),
    *(_conv(8, 16, 16, depth=8), _conv(56, 64, 64, depth=2), _conv(28, 64, 64)),
    *(_conv(28, 64, 64, depth=4), _conv(14, 256, 256, depth=4), _conv(7, 512, 512, depth=3)),
    *(_conv(28, 32, 32, depth=6, wider=8), _conv(28, 32, 32, depth=6, wider=8, plain=True)),
    *(_conv(28, 64, 64, plain=True), _conv(14, 128, 128, depth=4, plain=True)),
    *(_conv(8, 16, 16, depth=6, wider=8, plain=True), _conv(14, 192, 192, 3, 3, 4, wider=64)),
    *(_conv(56, 32, 32, batch=8), _conv(28, 128, 128, batch=8)),
    *(_conv(8, 16, 16, depth=8, batch=2), _conv(14, 64, 64, depth=4, batch=4)),
    *(_conv(14, 256, 256, depth=2, batch=2), _conv(7, 512, 512, depth=2, batch=4)),
    # 1x1
    *(_conv(224, 3, 64, 1), _conv(56, 64, 64, 1, 4), _conv(28, 256, 64, 1), _conv(28, 64, 256, 1)),
    *(_conv(28, 256, 512, 1, strides=2), _conv(14, 512, 512, 1, 4), _conv(7, 1024, 1024, 1, 3)),
    *(_conv(8, 16, 16, 1, 8), _conv(56, 256, 256, 1, batch=8)),
    _conv(28, 128, 128, 1, 10, plain=True),
    # larger kernels, and groups
    *(_conv(28, 32, 32, 5, 2), _conv(112, 3, 32, 5), _conv(224, 3, 64, 7, strides=2)),
    *(_conv(28, 128, 128, 3, 2, groups=32), _conv(56, 64, 64, 1, 4, groups=4)),
    *(_conv(28, 128, 128, groups=2), _conv(56, 128, 128, groups=32)),
    *(_unit("depthwise", 28, depth=4), _unit("depthwise", 112, depth=1)),
    *(_unit("depthwise_plain", 14, 512, 4), _unit("depthwise", 56, depth=1, batch=8)),
    _unit("depthwise_plain", 7, 512),
    *(_unit("separable", 14, 512), _unit("separable", 56)),
    *(_dense(1024, 1024, 4), _dense(4096, 4096), _dense(2048, 1000, batch=32), _dense(64, 64, 8)),
    *(_dense(512, 512, 2, plain=True), _dense(512, 512, 2, batch=4)),
    *(_unit("activation", 14, depth=4), _unit("activation", 112), _unit("gelu", 56)),
    *(_unit("batch_norm", 14, depth=4), _unit("batch_norm", 112), _unit("batch_norm", 56, batch=8)),
    *(_unit("layer_norm", 14, depth=4), _unit("layer_norm", 56)),
    *(_unit("add", 14, depth=4), _unit("add", 112), _unit("add", 56, batch=8)),
    *(_unit("gate", 14, 256), _unit("gate", 56), _unit("shortcut", 14, depth=4)),
    *(_unit("shortcut", 56), _unit("concat", 14, depth=4), _unit("concat", 56, batch=8)),
    *(_unit("branches", 28), _unit("pad", 56, depth=3), _unit("global", 28, 512, 1)),
    *(_unit("max", 14, depth=4), _unit("max", 112), _unit("max", 56, batch=8), _unit("halve", 112)),
    *(_unit("average", 112), _unit("sigmoid", 56), _unit("dense_gelu", 56, depth=1)),
    *(_unit("dense_gelu", 14, 256), _unit("depthwise_wide", 28, 96), _unit("depthwise_wide", 56)),
    # After a convolution, whose initialiser has already loaded the code of elementwise kernels.
    *(_unit(unit, 14, stem=True) for unit in ("activation", "add", "batch_norm")),
    *(_unit(unit, 14, stem=True) for unit in ("concat", "gate", "layer_norm")),
    _dense(512, 1000, last=True),
    *(_unit("normed", 8, 16, 8), _unit("normed", 28), _unit("normed", 7, 256, 3)),
    *(_unit("gate", 56, 256), _unit("gate", 28, 256)),
    *(_video(8, 8, 16), _video(2, 16, 64), _video(8, 16, 32), _video(4, 8, 64, 2)),
    *(_video(8, 8, 64), _video(8, 8, 32, 2), _video(8, 16, 64, 2)),
    _unit("separable", 14, 512, 1, batch=4),
)  # fmt: skip
"""The probes: each kind of layer, small and large, once and several times."""


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


def time_example(result: Result) -> Example | None:
    """A measured case for the model of time; None if it has no samples."""
    measured = seconds(stats.medians(result.samples.values()))
    amounts = terms.total(terms.of_layers(result.case.graph()))
    return Example(amounts, measured) if measured else None


def memory_example(result: Result) -> Example | None:
    """A measured case for the model of memory; None if its peak was not measured.

    None also for a network without kernels. To draw a kernel, an initialiser runs elementwise
    operations, whose code is then loaded before the call, as in every network that is trained.
    """
    peak, graph = result.peak_bytes, result.case.graph()
    drawn = any(len(weight.shape) > 1 for node in graph.nodes for weight in node.rule.weights)
    return Example(memory.terms(graph), peak) if peak and drawn else None


def calibrate(measured: Sequence[Result], machine: dict[str, Any]) -> Calibration:
    """Fit the models on measured cases; a CnnbenchError if too few of them were measured."""
    times = {r.case.id: (r, e) for r in measured if (e := time_example(r))}
    peaks = {r.case.id: e for r in measured if (e := memory_example(r))}
    seen = sum(1 for r in measured if r.peak_bytes)
    if min(len(times), seen) < len(CASES) / 2:
        raise CnnbenchError(
            f"a calibration needs half of its {len(CASES)} cases; {len(times)} gave a time and "
            f"{seen} a peak; give it more time, or see what fails with cnnbench doctor"
        )
    return Calibration(
        machine=machine,
        time=fitted([e for _, e in times.values()], [*times]),
        memory=fitted([*peaks.values()], [*peaks], memory.HUBER_DELTA),
        per_mac=proportional([(e.measured, r.cost.macs) for r, e in times.values()]),
        per_byte=proportional([(e.measured, r.cost.activation_bytes) for r, e in times.values()]),
    )


def find(
    runtime: str, progress: Progress | None = None, anew: bool = False
) -> tuple[Calibration, str]:
    """The calibration in the cache; if there is none, or `anew`, it is measured and cached.

    The text is what the user should know about how it was measured.
    """
    if not anew and (known := stored(runtime)):
        return known, ""
    wanted = machine(runtime)
    run = session.start(runtime).measure(
        CASES, progress, launches=LAUNCHES, time_budget_s=TIME_BUDGET_S
    )
    calibration = calibrate(results(run)[0], wanted)
    return calibration, cache.write("calibration", wanted, calibration)


def stored(runtime: str) -> Calibration | None:
    """The calibration of this machine, if it was ever measured; nothing is measured now."""
    return cache.read("calibration", Calibration, machine(runtime), lambda c: c.machine)


def machine(runtime: str) -> dict[str, Any]:
    """What a calibration depends on; when any of it changes, the machine is measured again."""
    cases = hashlib.sha256(" ".join(case.id for case in CASES).encode()).hexdigest()
    return {**probing.key(runtime, "cpu", "float32", None), "cases": cases[:16]}
