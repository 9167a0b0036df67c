"""CALIBRATION: the models of this machine, from minutes of measurement, cached for later."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cnnbench import runtimes, stats
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.host import cache
from cnnbench.machine import probing
from cnnbench.prediction import memory, modes, terms
from cnnbench.prediction.model import HUBER_DELTA, Example, Model, fitted, proportional
from cnnbench.records import Record, one_line
from cnnbench.runner import session
from cnnbench.runner.loop import Progress
from cnnbench.runner.session import Session
from cnnbench.runs.result import Result, results

LAUNCHES = 2
TIME_BUDGET_S, STEPS_BUDGET_S = 150.0, 600.0
"""For calls and for training steps, each of which takes seconds to build."""


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
    return _of(unit, size, size, channels, depth=depth, batch=batch, **params)


def _of(unit: str, *shape: int, depth: int = 1, batch: int = 1, **params: Any) -> Case:
    return Case("unit_layers", (shape,), {"unit": unit, "depth": depth} | params, batch)


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
    *(_of("conv_lstm", 8, 8, 8, 16), _of("conv_lstm", 2, 16, 16, 64)),
    *(_of("conv_lstm", 8, 16, 16, 32), _of("conv_lstm", 4, 8, 8, 64, depth=2)),
    *(_of("conv_lstm", 8, 8, 8, 64), _of("conv_lstm", 8, 8, 8, 32, depth=2)),
    _of("conv_lstm", 8, 16, 16, 64, depth=2),
    _unit("separable", 14, 512, 1, batch=4),
    # What few of the networks of this catalogue have, and many of others do.
    *(_unit("silu", 14, depth=4), _unit("silu", 56), _unit("hard_silu", 28)),
    *(_conv(1, 256, 256, 1, 8), _conv(1, 1024, 1024, 1, 2)),
    *(_unit("transposed", 7), _unit("transposed", 28, depth=1)),
    *(_unit("transposed", 14, 256, 1), _unit("transposed", 56, 32, 1)),
    *(_of("conv1d", 128, 64, depth=4), _of("conv1d", 1024, 64, depth=2)),
    _of("conv1d", 64, 256, depth=2),
    *(_of("conv3d", 8, 8, 8, 16, depth=2), _of("conv3d", 8, 28, 28, 32)),
    *(_of("conv3d", 4, 14, 14, 128), _of("conv3d", 4, 14, 14, 64, depth=2, batch=4)),
    *(_of("max3d", 8, 28, 28, 32, depth=2), _of("max3d", 4, 14, 14, 64, depth=2)),
    *(_of(cell, 16, 64) for cell in ("lstm", "gru", "rnn")),
    *(_of(cell, 64, 128) for cell in ("lstm", "gru", "rnn")),
    *(_of(cell, 32, 256, depth=2) for cell in ("lstm", "gru", "rnn")),
    *(_of(cell, 32, 128, batch=8) for cell in ("lstm", "gru", "rnn")),
    *(_of("attention", 64, 64, depth=2), _of("attention", 196, 192, depth=2)),
    *(_of("attention", 196, 384), _of("attention", 512, 64)),
    _of("attention", 49, 256, depth=2, batch=4),
    *(_of("embedding", 64), _of("embedding", 1024), _of("embedding", 256, batch=8)),
    *(_unit("resize", 14), _unit("resize", 56, depth=1)),
    *(_unit("bilinear", 14), _unit("bilinear", 56, depth=1)),
    *(_unit("group_norm", 28), _unit("group_norm", 56)),
    *(_unit("permute", 14, 256, 1), _unit("permute", 56, depth=1)),
    *(_unit("mlp", 56, 96, 1), _unit("mlp", 14, 384, 1), _unit("mlp", 7, 768, 1)),
    *(_unit("mlp", 28, 96, 1, batch=4), _of("mlp", 196, 192, depth=2)),
    # Many layers in a row: what a layer costs where none is still warm from the call before.
    *(_unit("normed", 14, 64, 24), _unit("normed", 28, 32, 20, batch=4)),
    *(_unit("normed_1x1", 28, 64, 20), _unit("normed_1x1", 14, 128, 20, batch=4)),
    *(_unit("normed_1x1", 7, 512, 12), _unit("normed_1x1", 56, 64, 6)),
    *(_unit("normed_depthwise", 28, 96, 16), _unit("normed_depthwise", 14, 240, 12, batch=4)),
    *(_unit("normed_depthwise", 56, 96, 5), _unit("normed_depthwise", 7, 672, 12)),
    # Networks that are larger than a cache.
    *(_conv(7, 1024, 1024, 1, 12), _conv(14, 512, 512, 3, 3), _conv(112, 64, 64, 3, 4)),
    *(_unit("normed", 56, 128, 5), _unit("normed", 14, 256, 6, batch=8)),
    *(_unit("normed_1x1", 56, 256, 4), _unit("normed_1x1", 28, 512, 5)),
    *(_unit("normed_1x1", 28, 128, 6, batch=8), _unit("normed_1x1", 112, 96, 3)),
    *(_unit("normed_depthwise", 56, 192, 4), _unit("normed_depthwise", 28, 384, 6)),
    *(_unit("normed_depthwise", 28, 192, 4, batch=8), _unit("separable", 28, 512, 4)),
    *(_unit("mlp", 28, 192, 3), _unit("mlp", 14, 512, 4), _unit("add", 112, 128, 3)),
    *(_unit("silu", 112, 96, 3), _unit("concat", 56, 128, 3), _unit("layer_norm", 56, 192, 4)),
    # One filter for each channel, as ConvNeXt has them.
    *(_conv(28, 96, 96, 7, groups=96), _conv(14, 384, 384, 7, 2, groups=384)),
    *(_conv(7, 256, 256, 7, batch=4, groups=256), _conv(7, 1024, 1024, 7, groups=1024)),
    *(_conv(14, 768, 768, 7, groups=768), _conv(28, 192, 192, 7, groups=192)),
)  # fmt: skip
"""The probes: each kind of layer, small and large, once and several times."""

STEPS: tuple[Case, ...] = (
    # What is without weights has a backward pass only after a layer that has them.
    *(_unit("max", 28, 32, stem=True), _unit("max", 56, stem=True), _unit("halve", 56, stem=True)),
    *(_unit("max", 14, 256, batch=4, stem=True), _unit("halve", 28, 128, batch=8, stem=True)),
    *(_unit("average", 56, stem=True), _unit("global", 28, 256, 1, stem=True)),
    *(_unit("sigmoid", 56, stem=True), _unit("gelu", 56, stem=True), _unit("silu", 56, stem=True)),
    *(_unit("hard_silu", 56, stem=True), _unit("hard_silu", 14, 128, 6, stem=True)),
    *(_unit("activation", 112, 32, stem=True), _unit("pad", 28, 32, stem=True)),
    *(_unit("resize", 28, stem=True), _unit("bilinear", 28, stem=True)),
    *(_unit("gate", 28, 128, stem=True), _unit("gate", 14, 240, 6, stem=True)),
    # Many steps of a loop, each with gradients of the weights.
    *(_of("lstm", 128, 32), _of("lstm", 192, 64), _of("lstm", 96, 64, batch=8)),
    *(_of("gru", 128, 32), _of("gru", 96, 64, batch=4), _of("rnn", 128, 32)),
    # Few filters on large inputs, where the gradients are larger than the weights.
    *(_conv(112, 16, 16, depth=3), _conv(112, 32, 1), _conv(56, 32, 3, batch=8)),
    *(_unit("normed", 112, 16, 3), _unit("normed", 56, 32, 4, batch=4)),
    *(_of("conv3d", 16, 32, 32, 16), _of("conv3d", 24, 24, 24, 32, batch=2)),
    *(_unit("transposed", 56, 32, batch=4), _unit("transposed", 112, 16, 1)),
)
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
    amounts = modes.time(result.case.graph(), result.case.mode, unknown)
    return Example(amounts, measured) if measured else None


def memory_example(result: Result) -> Example | None:
    """A measured case for the model of memory; None if its peak was not measured.

    None also for a network without kernels in TensorFlow's graph mode. To draw a kernel, an
    initialiser runs elementwise operations, whose code is then loaded before the call, as in every
    network that is trained.
    """
    peak, graph, mode = result.peak_bytes, result.case.graph(), result.case.mode
    drawn = any(len(weight.shape) > 1 for node in graph.nodes for weight in node.rule.weights)
    return Example(modes.rise(graph, mode), peak) if peak and (drawn or mode != "graph") else None


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
    known = [
        (r, e, {layer.kind for layer in terms.of_layers(r.case.graph())})
        for r in probes
        if (e := example(r, ""))
    ]
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
        cases, progress, runtime=where["runtime"], launches=LAUNCHES, time_budget_s=budget
    )
    calibration = calibrate(results(run)[0], where, len(cases))
    return calibration, cache.write("calibration", where, calibration)


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
    return [replace(case, mode=mode) for case in cases]


def machine(runtime: str, mode: str = "") -> dict[str, Any]:
    """What a calibration depends on; when any of it changes, the machine is measured again."""
    cases = hashlib.sha256(" ".join(case.id for case in (*CASES, *STEPS)).encode()).hexdigest()
    key = probing.key(runtime, "cpu", "float32", None)
    return {**key, "mode": mode or key["mode"], "cases": cases[:16]}
