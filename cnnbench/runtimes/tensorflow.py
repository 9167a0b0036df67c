"""Keras 3 on TensorFlow: graph, eager, xla, predict and train, on CPU and GPU."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from cnnbench import crosscheck
from cnnbench.cases.answer import LaunchProfile
from cnnbench.cases.case import Case
from cnnbench.cases.paper import digest
from cnnbench.errors import no_framework
from cnnbench.runtimes import Order, Prepared, device
from cnnbench.runtimes._exported import INPUT, in_order
from cnnbench.runtimes._keras import GPUS, Built, around_layers, flat, loss_of
from cnnbench.runtimes._profiled import (
    BEGIN,
    CALL,
    END,
    Event,
    compiled_event,
    instructions,
    layer_event,
    profile,
    title,
)

SHARES = True
MODES = ("graph", "eager", "xla", "predict", "train")
SERIAL = {
    "predict": "the model keeps the state of a call",
    "train": "a step changes the weights",
}
PROFILES = MODES
PRELOAD = ("tensorflow", "keras")
ENVIRONMENT = {
    **GPUS,
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # Take GPU memory as it is needed: the allocator's own peak is what we report.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}


def describe() -> dict[str, Any]:
    """Versions, and the devices that TensorFlow sees."""
    try:
        import keras
        import tensorflow as tf
    except ImportError as error:
        raise no_framework(error) from None

    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in gpus]
    return {
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
        "devices": {"cpu": ["cpu"], "gpu": names},
    }


def start(order: Order) -> None:
    """Start thread pools, the convolution library and the XLA compiler, which takes 30 to 160 MiB.

    They would otherwise count as the peak memory of the case.
    """
    import tensorflow as tf

    case = order.case
    if order.threads:
        tf.config.threading.set_intra_op_parallelism_threads(order.threads)
    # The only one that is seen is number 0. What a step leaves to TensorFlow runs there too.
    gpus = tf.config.list_physical_devices("GPU") if case.kind == "gpu" else []
    tf.config.set_visible_devices([device(case, gpus)] if case.kind == "gpu" else [], "GPU")
    dtype = case.dtype.removeprefix("mixed_") or "float32"
    with tf.device(f"/{case.kind.upper()}:0"):
        kernel = tf.ones((3, 3, 8, 8), dtype)

        def tiny(x: Any) -> Any:
            return tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME")), 2, 2, "VALID")

        if case.mode != "eager":
            # AutoGraph would take longer to read this function than all else here.
            tiny = tf.function(tiny, autograph=False, jit_compile=case.mode == "xla")
        for _ in range(2):
            tiny(tf.ones((1, 8, 8, 8), dtype))


def prepare(order: Order) -> Prepared:
    """Build the Keras model of a case and a step that runs it to the end once."""
    import tensorflow as tf

    case = order.case
    gpu = case.kind == "gpu"
    with tf.device(f"/{case.kind.upper()}:0"):
        built = Built(order)
        graph = built.graph
        tensor = tf.constant if gpu else _copied
        arrays = [tensor(x) for x in built.inputs]
        names = named_layers if order.profile and case.mode != "eager" else nullcontext
        call = _Call(tf, case, built, arrays, names)
        traced = perf_counter_ns()
        step = call.prepared()
        done = perf_counter_ns()
    compare = crosscheck.compare if built.entry else crosscheck.compare_read

    def finished() -> object:
        found = step()
        if gpu:  # kernels are queued: a step is over when the device is idle
            tf.test.experimental.sync_devices()
        return found

    return Prepared(
        step=finished,
        outputs=None if case.mode == "train" else flat,
        check=compare(graph, built.model),
        device_peak_of=_gpu_peak_of if gpu else None,
        new_batch=None if case.mode == "train" else call.with_one_sample_more,
        profile=lambda calls: _profile(step, calls, call.program()),
        build_ns=built.build_ns,
        compile_ns=done - traced,
        digest=digest(graph),
    )


def _copied(array: Any) -> Any:
    """A tensor of the same values, in memory of TensorFlow's own, that leaves no other behind.

    A constant shares the memory of an array that begins at a multiple of 64 bytes, and then the
    peak of the launch lacks the input. Of any other array, and of bytes that are decoded, there is
    a second copy for a while, and the first call finds room in what that has left.
    """
    import ctypes

    import numpy as np
    import tensorflow as tf

    if array.dtype.kind not in "bif" or not array.nbytes:  # text, and what cannot be moved so
        return tf.constant(array)
    tensor = tf.raw_ops.Empty(shape=array.shape, dtype=array.dtype)
    there = np.frombuffer(memoryview(tensor), np.uint8)
    ctypes.memmove(there.ctypes.data, np.ascontiguousarray(array).ctypes.data, array.nbytes)
    return tensor


def named_layers() -> AbstractContextManager[None]:
    """Operations that are traced meanwhile have the name of their layer between two marks.

    TensorFlow adds numbers to the scopes of Keras, so that `conv2d_2` may be the layer `conv2d`.
    """
    import tensorflow as tf

    def scope(around: Any) -> Any:
        return tf.name_scope(BEGIN + re.sub(r"[^\w.-]", "_", around[-1].name) + END)

    return around_layers(scope)


def freeze(built: Built, file: Path) -> None:
    """Write TensorFlow's graph of a model with its weights as constants.

    Control flow stays as it is: the exporters know loops, not the jumps of the old kind.
    """
    import tensorflow as tf
    from tensorflow.python.framework import convert_to_constants

    given = [
        tf.TensorSpec(x.shape, x.dtype, name=INPUT.format(number))
        for number, x in enumerate(map(tf.constant, built.inputs))
    ]
    with named_layers():
        call = tf.function(
            lambda *x: tf.nest.flatten(built.model(built.arranged(list(x)), training=False)),
            autograph=False,
        ).get_concrete_function(*given)
    constant = convert_to_constants.convert_variables_to_constants_v2(
        call, lower_control_flow=False
    )
    file.write_bytes(constant.graph.as_graph_def().SerializeToString())


def frozen(file: Path) -> tuple[Any, list[str]]:
    """A graph that `freeze` wrote, and the names of its outputs in order."""
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef.FromString(file.read_bytes())
    outputs = [f"{n.name}:0" for n in graph.node if re.fullmatch(r"Identity(_\d+)?", n.name)]
    return graph, [outputs[place] for place in in_order(outputs)]


@dataclass(frozen=True, slots=True)
class _Call:
    """One pass of a model over some arrays, in the mode of a case."""

    tf: Any
    case: Case
    built: Built
    arrays: list[Any]
    names: Callable[[], AbstractContextManager[None]] = nullcontext

    def prepared(self) -> Callable[[], object]:
        """The pass, traced or compiled where the mode does that."""
        tf, model, mode = self.tf, self.built.model, self.case.mode
        x = self.built.arranged(self.arrays)
        if mode == "predict":
            arrays = tf.nest.map_structure(lambda tensor: tensor.numpy(), x)

            def predicted() -> object:
                with self.names():  # it is traced in the first call
                    return model.predict(arrays, batch_size=len(self.arrays[0]), verbose=0)

            return predicted
        if mode == "eager":
            return lambda: model(x, training=False)
        with self.names():
            if mode == "train":
                return _training_step(tf, model, x)
            traced = self._function().get_concrete_function(x)
        # A concrete function takes what a structure holds, one tensor after the other.
        return lambda: traced(*tf.nest.flatten(x))

    def _function(self) -> Any:
        return self.tf.function(
            lambda x: self.built.model(x, training=False),
            autograph=False,
            jit_compile=self.case.mode == "xla",
        )

    def program(self) -> str:
        """What XLA compiles, as text, with the names of layers; empty in another mode."""
        if self.case.mode != "xla":
            return ""
        with self.names():
            compiler = self._function().experimental_get_compiler_ir
            text: str = compiler(self.built.arranged(self.arrays))(stage="optimized_hlo")
        return text

    def with_one_sample_more(self) -> object:
        """A first pass at another batch size: what a service meets when its load changes."""
        more = [self.tf.concat([x, x[:1]], axis=0) for x in self.arrays]
        return _Call(self.tf, self.case, self.built, more).prepared()()


def _training_step(tf: Any, model: Any, x: Any) -> Callable[[], object]:
    """One step as `fit` does it: forward, loss, gradients and adam's update, as a graph."""
    loss, target = loss_of(model, x)
    y = tf.nest.map_structure(tf.constant, target)
    model.compile(optimizer="adam", loss=loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)  # a graph may not create its slots
    step = tf.function(model.train_step, autograph=False).get_concrete_function((x, y))
    return lambda: step(*tf.nest.flatten((x, y)))


def _profile(step: Callable[[], object], calls: int, program: str) -> LaunchProfile:
    """What TensorFlow's own profiler says of some calls.

    Its operations are those of the graph, the instructions of the `program` that XLA runs, or
    where Keras calls each layer by itself from when it does until the layer returns.
    """
    from tensorflow import profiler

    watching = profiler.experimental
    with tempfile.TemporaryDirectory(prefix="cnnbench-profile-") as folder:
        watching.start(folder, watching.ProfilerOptions(host_tracer_level=2))
        try:
            with around_layers(lambda around: watching.Trace(title(around))):
                for number in range(calls):
                    with watching.Trace(CALL, step_num=number):
                        step()
        finally:
            watching.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        return profile(*_traced(file.read_bytes(), instructions(program)))


_OPERATION = re.compile(r"([\w.][\w.>/-]*):(\w+)")
"""How an operation is named in a trace: its name, and its type."""


def _traced(
    trace: bytes, known: Mapping[str, tuple[str, ...]]
) -> tuple[list[tuple[float, float]], list[Event]]:
    """When the calls in a trace began and ended, and its operations.

    Those of a program are known; where there are layers, operations are what they are made of.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    calls, layers, events = [], [], []
    for name, thread, begin, end in _lines(xplane_pb2.XSpace.FromString(trace)):
        if name == CALL:
            calls.append((begin, end))
        elif layer := layer_event(thread, begin, end, name):
            layers.append(layer)
        elif name in known:
            events.append(compiled_event(thread, begin, end, name, known))
        elif not known and (found := _OPERATION.fullmatch(name)):
            events.append(Event(thread, begin, end, (found[1],), found[2]))
    return calls, layers or events


def _lines(space: Any) -> Iterator[tuple[str, Any, float, float]]:
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                begin = line.timestamp_ns + event.offset_ps / 1000
                name = plane.event_metadata[event.metadata_id].name
                yield name, line.id, begin, begin + event.duration_ps / 1000


def _gpu_peak_of(call: Callable[[], object]) -> tuple[int, str]:
    """The rise of the GPU allocator's own peak over a call, in bytes."""
    from tensorflow import config

    config.experimental.reset_memory_stats("GPU:0")
    before = config.experimental.get_memory_info("GPU:0")["current"]
    call()
    return int(config.experimental.get_memory_info("GPU:0")["peak"] - before), "device"
