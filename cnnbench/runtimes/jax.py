"""Keras 3 on JAX: jit and train, on CPU and GPU."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from cnnbench.cases.answer import LaunchProfile
from cnnbench.runtimes import Order, Prepared, device
from cnnbench.runtimes._keras import GPUS, Built, flat, loss_of
from cnnbench.runtimes._profiled import CALL, compiled_event, instructions, profile

SHARES = True
MODES = ("jit", "train")
SERIAL = {"train": "a step changes the weights"}
PROFILES = ("jit", "train")
PRELOAD = ("jax", "keras")
EXTRA = "jax"
ENVIRONMENT = {
    **GPUS,
    "KERAS_BACKEND": "jax",
    # Take GPU memory as it is needed: the allocator's own peak is what we report.
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


def describe() -> dict[str, Any]:
    """Versions, and the devices that JAX sees."""
    import jax
    import keras

    return {
        "versions": {"jax": jax.__version__, "keras": keras.__version__},
        "devices": {
            "cpu": ["cpu"],
            "gpu": [gpu.device_kind for gpu in _gpus()],
        },
    }


def _gpus() -> list[Any]:
    import jax

    return [found for found in jax.devices() if found.platform != "cpu"]


def start(order: Order) -> None:
    """Start the device with a number of threads, which cannot be changed afterwards."""
    import jax

    if order.threads:
        os.environ["NPROC"] = str(order.threads)
    if order.case.kind == "cpu":
        jax.config.update("jax_platforms", "cpu")
    else:
        jax.config.update("jax_default_device", device(order.case, _gpus()))
    jax.jit(lambda x: x + 1)(0).block_until_ready()


def prepare(order: Order) -> Prepared:
    """Build the Keras model of a case and compile a step that runs it to the end once."""
    import jax

    case, built = order.case, Built(order)
    model = built.model
    x = built.arranged([jax.numpy.asarray(value) for value in built.inputs])
    begin = perf_counter_ns()
    if case.mode == "train":
        step, compiled = _training_step(model, x)
    else:
        values = tuple(
            [v.value for v in part]
            for part in (model.trainable_variables, model.non_trainable_variables)
        )

        def call(trainable: Any, others: Any, x: Any) -> Any:
            return model.stateless_call(trainable, others, x, training=False)[0]

        compiled = jax.jit(call).lower(*values, x).compile()

        def step() -> object:
            return jax.block_until_ready(compiled(*values, x))

    return Prepared(
        step=step,
        outputs=None if case.mode == "train" else flat,
        device_peak_of=_peak_of if case.kind == "gpu" else None,
        profile=lambda calls: _profile(
            step, instructions(compiled.as_text(), inside=case.mode != "train"), calls
        ),
        build_ns=built.build_ns,
        compile_ns=perf_counter_ns() - begin,
    )


def _training_step(model: Any, x: Any) -> tuple[Callable[[], object], Any]:
    """One step as `fit` does it, and its program: forward, loss, gradients and adam's update."""
    import jax

    kind, target = loss_of(model, x)
    model.compile(optimizer="adam", loss=kind, jit_compile=True)
    model.optimizer.build(model.trainable_variables)
    model._symbolic_build(data_batch=(x, target))
    parts = (
        *(model.trainable_variables, model.non_trainable_variables),
        *(model.optimizer.variables, model.metrics_variables),
    )
    state = tuple([v.value for v in part] for part in parts)
    compiled = jax.jit(model.train_step, donate_argnums=0).lower(state, (x, target)).compile()

    def step() -> object:
        nonlocal state
        logs, state = compiled(state, (x, target))
        return jax.block_until_ready((logs, state))

    return step, compiled


def _profile(
    step: Callable[[], object], names: dict[str, tuple[str, ...]], calls: int
) -> LaunchProfile:
    """What JAX's own profiler says of some calls of a program with these `instructions`."""
    import jax

    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    with tempfile.TemporaryDirectory(prefix="cnnbench-profile-") as folder:
        jax.profiler.start_trace(folder, profiler_options=options)
        try:
            for _ in range(calls):
                with jax.profiler.TraceAnnotation(CALL):
                    step()
        finally:
            jax.profiler.stop_trace()
        (file,) = Path(folder).rglob("*.xplane.pb")
        trace = jax.profiler.ProfileData.from_file(str(file))
    windows, events = [], []
    for thread, event in _lines(trace):
        begin, end = event.start_ns, event.start_ns + event.duration_ns
        if event.name == CALL:
            windows.append((begin, end))
        elif event.name in names and "hlo_op" in dict(event.stats):
            events.append(compiled_event(thread, begin, end, event.name, names))
    return profile(windows, events)


def _lines(trace: Any) -> Iterator[tuple[Any, Any]]:
    for plane in trace.planes:
        for thread, line in enumerate(plane.lines):
            for event in line.events:
                yield (plane.name, thread), event


def _peak_of(call: Callable[[], object]) -> tuple[int | None, str]:
    """The rise of the GPU allocator's own peak over a call, in bytes.

    It cannot be reset: a call that stays below an earlier peak, as that of compiling, has none.
    """
    import jax

    gpu = jax.config.jax_default_device
    before = gpu.memory_stats()
    call()
    peak = gpu.memory_stats()["peak_bytes_in_use"]
    if peak <= before["peak_bytes_in_use"]:
        return None, "JAX cannot reset the device's peak, and an earlier one was higher"
    return int(peak - before["bytes_in_use"]), "device"
