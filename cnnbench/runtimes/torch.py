"""Keras 3 on PyTorch: eager, compile and train, on CPU and GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from time import perf_counter_ns
from typing import Any

from cnnbench.cases.answer import LaunchProfile
from cnnbench.cases.case import Case
from cnnbench.runtimes import Order, Prepared, device
from cnnbench.runtimes._inductor import Kernels
from cnnbench.runtimes._keras import GPUS, Built, around_layers, flat, loss_of
from cnnbench.runtimes._profiled import CALL, Event, layer_event, profile, title

SHARES = True
MODES = ("eager", "compile", "train")
SERIAL = {"train": "a step changes the weights"}
PROFILES = MODES
PRELOAD = ("torch", "keras")
EXTRA = "torch"
ENVIRONMENT = {
    **GPUS,
    "KERAS_BACKEND": "torch",
    # Threads that wait for the next step sleep: by default they spin into the neighbour's turn.
    "OMP_WAIT_POLICY": "passive",
}
COMPUTES_IN_MAIN = True


def describe() -> dict[str, Any]:
    """Versions, and the devices that PyTorch sees."""
    import keras
    import torch

    return {
        "versions": {"torch": torch.__version__, "keras": keras.__version__},
        "devices": {
            "cpu": ["cpu"],
            "gpu": _gpus(),
        },
    }


def _gpus() -> list[str]:
    import torch

    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def start(order: Order) -> None:
    """Start as many threads as asked, and choose the device."""
    import keras
    import torch

    if order.threads:
        torch.set_num_threads(order.threads)
    case = order.case
    if case.kind == "gpu":
        device(case, _gpus())
        torch.cuda.set_device(case.index)  # whose memory and kernels are asked for below
    keras.device(f"{case.kind}:{case.index}").__enter__()
    kernel = torch.ones(8, 8, 3, 3, device=_device(case))
    torch.nn.functional.conv2d(torch.ones(1, 8, 8, 8, device=_device(case)), kernel)


def prepare(order: Order) -> Prepared:
    """Build the Keras model of a case and a step that runs it to the end once."""
    import keras
    import torch

    case, built = order.case, Built(order)
    model = built.model.to(_device(case))
    x = built.arranged([torch.as_tensor(value, device=_device(case)) for value in built.inputs])
    begin = perf_counter_ns()
    kernels = Kernels() if order.profile and case.mode == "compile" else None
    if case.mode == "train":
        call = _training_step(model, x)
    elif case.mode == "compile":
        call = _forward(_compiled(model.eval(), x, kernels), x)
    else:
        call = _forward(model.eval(), x)
    gpu = case.kind == "gpu"

    def in_any_thread() -> object:
        with keras.device("cpu:0"):  # the device that `start` has chosen is that of its thread
            return call()

    def finished() -> object:
        found = call()
        # Kernels are queued: a step is over when the device is idle. A thread has its own device.
        torch.cuda.synchronize(_device(case))
        return found

    return Prepared(
        step=finished if gpu else in_any_thread if case.clients > 1 else call,
        outputs=None if case.mode == "train" else flat,
        device_peak_of=_peak_of if gpu else None,
        profile=lambda calls: _profile(call, calls, kernels),
        build_ns=built.build_ns,
        compile_ns=perf_counter_ns() - begin,
    )


def _device(case: Case) -> str:
    return f"cuda:{case.index}" if case.kind == "gpu" else "cpu"


def _compiled(model: Any, x: Any, kernels: Kernels | None) -> Any:
    import torch

    def export() -> Any:
        # The exported program, for `torch.compile` of a Keras model is compiled again and again:
        # Keras watches the attributes that it sets.
        return torch.export.export(model, (x,), strict=False).module()

    if kernels:
        return kernels.compiled(export, x)
    call = torch.compile(export())
    with torch.inference_mode():
        call(x)  # what compiles it
    return call


def _forward(call: Callable[[Any], object], x: Any) -> Callable[[], object]:
    import torch

    def step() -> object:
        with torch.inference_mode():
            return call(x)

    return step


def _training_step(model: Any, x: Any) -> Callable[[], object]:
    """One step as `fit` does it: forward, loss, gradients and adam's update."""
    import keras

    kind, target = loss_of(model, x)
    model.compile(optimizer="adam", loss=kind, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    data = (x, keras.tree.map_structure(keras.ops.convert_to_tensor, target))
    model._symbolic_build(data_batch=data)
    model.train()
    return lambda: model.train_step(data)


def _profile(step: Callable[[], object], calls: int, kernels: Kernels | None) -> LaunchProfile:
    """What PyTorch's own profiler says of some calls, kernel by kernel or layer by layer."""
    from torch.profiler import ProfilerActivity, record_function
    from torch.profiler import profile as watching

    layers = around_layers(lambda around: record_function(title(around)))
    activities = [ProfilerActivity.CPU]
    with (
        watching(activities=activities, acc_events=True) as watched,
        nullcontext() if kernels else layers,
    ):
        for _ in range(calls):
            with record_function(CALL):
                step()
    trace = watched.events()
    windows = [_range(event) for event in trace if event.name == CALL]
    return profile(windows, kernels.events(trace) if kernels else _events(trace))


def _range(event: Any) -> tuple[float, float]:
    return 1000 * event.time_range.start, 1000 * event.time_range.end


_GRADIENT = "autograd::engine::evaluate_function: "
"""What PyTorch calls the gradient of an operation in a trace, before its own name."""


def _events(trace: Iterable[Any]) -> list[Event]:
    """The layers and gradients in a trace, in the order of time, and what else a call does.

    A layer takes from when Keras calls it until it returns. A gradient has the sequence number of
    the operation that it is of: of those with one number the last, for the others need none.
    """
    events = []
    made: dict[tuple[int, int], str] = {}  # the title of a layer, by thread and number
    for event in trace:
        begin, end = _range(event)
        around = list(_around(event))
        if layer := layer_event(event.thread, begin, end, event.name):
            events.append(layer)
        elif event.name.startswith(_GRADIENT):
            of = made.get((event.fwd_thread, event.sequence_nr), "")
            if layer := layer_event(event.thread, begin, end, of):
                events.append(replace(layer, kind=f"{layer.kind} gradient"))
            else:
                name = event.name.removeprefix(_GRADIENT).rpartition("::")[2]
                events.append(Event(event.thread, begin, end, (name,), name))
        else:
            inside = (name for name in around if layer_event(event.thread, begin, end, name))
            if event.sequence_nr >= 0:
                made[event.thread, event.sequence_nr] = next(inside, "")
            if around[:1] == [CALL]:
                events.append(Event(event.thread, begin, end, (event.name,), event.name))
    return events


def _around(event: Any) -> Iterator[str]:
    while event.cpu_parent is not None:
        event = event.cpu_parent
        yield event.name


def _peak_of(call: Callable[[], object]) -> tuple[int, str]:
    """The rise of the GPU allocator's own peak over a call, in bytes."""
    import torch

    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    return int(torch.cuda.max_memory_allocated() - before), "device"
