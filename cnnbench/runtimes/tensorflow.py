"""Keras 3 on TensorFlow: graph, eager, xla, predict and train, on CPU and GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from cnnbench import crosscheck
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper, digest
from cnnbench.errors import no_framework
from cnnbench.networks import load, samples
from cnnbench.networks.reader import read
from cnnbench.runtimes import Prepared

MODES = ("graph", "eager", "xla", "predict", "train")
PRELOAD = ("tensorflow", "keras")
ENVIRONMENT = {
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


def prepare(
    case: Case,
    seed: int,
    threads: int | None = None,
    paper: Paper | None = None,
    model: Any = None,
) -> Prepared:
    """Build the Keras model of a case and a step that runs it to the end once."""
    import keras
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    if case.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    keras.utils.set_random_seed(seed)
    with tf.device(f"/{case.device.upper()}:0"):
        begin = perf_counter_ns()
        entry = model is None and case.network.kind == "entry"
        model = build(case) if model is None else model
        build_ns = perf_counter_ns() - begin
        graph = case.graph() if entry else read(model, case.inputs, case.batch_size)
        arrays = samples.values(case.data, graph, None if entry else model, seed)
        call = _Call(tf, case, model, [tf.constant(x) for x in arrays])
        if not model.built:  # a class of the user's, which makes its weights when it is called
            begin = perf_counter_ns()
            call.on_symbols()
            build_ns += perf_counter_ns() - begin
        _start(tf, case)
        traced = perf_counter_ns()
        step = call.prepared()
        done = perf_counter_ns()
    gpu = case.device == "gpu"
    compare = crosscheck.compare if entry else crosscheck.compare_read

    def finished() -> None:
        step()
        if gpu:  # kernels are queued: a step is over when the device is idle
            tf.test.experimental.sync_devices()

    return Prepared(
        step=finished,
        check=compare(graph, model),
        device_peak_of=_gpu_peak_of if gpu else None,
        new_batch=None if case.mode == "train" else call.with_one_sample_more,
        build_ns=build_ns,
        compile_ns=done - traced,
        digest=digest(graph),
    )


def build(case: Case) -> Any:
    """The Keras model of a case; of a catalogue entry with its layers named as the graph's are."""
    import keras

    if case.network.kind != "entry":
        return load.opened(case.network, case.inputs, case.dtype, values=True)
    keras.utils.clear_session()
    keras.config.set_dtype_policy(case.dtype)
    return load.entry(case.network, case.inputs, case.batch_size)


@dataclass(frozen=True, slots=True)
class _Call:
    """One pass of a model over some arrays, in the mode of a case."""

    tf: Any
    case: Case
    model: Any
    arrays: list[Any]

    def prepared(self) -> Callable[[], object]:
        """The pass, traced or compiled where the mode does that."""
        tf, model, mode, x = self.tf, self.model, self.case.mode, self.arranged
        if mode == "predict":
            arrays = tf.nest.map_structure(lambda tensor: tensor.numpy(), x)
            return lambda: model.predict(arrays, batch_size=len(self.arrays[0]), verbose=0)
        if mode == "eager":
            return lambda: model(x, training=False)
        if mode == "train":
            return _training_step(tf, model, x)
        call = tf.function(
            lambda x: model(x, training=False), autograph=False, jit_compile=mode == "xla"
        )
        traced = call.get_concrete_function(x)
        # A concrete function takes what a structure holds, one tensor after the other.
        return lambda: traced(*tf.nest.flatten(x))

    def on_symbols(self) -> None:
        """The pass without values, which makes the weights and computes nothing."""
        import keras

        symbols = self.tf.nest.map_structure(
            lambda x: keras.KerasTensor(x.shape, x.dtype.name), self.arranged
        )
        self.model(symbols, training=False)

    def with_one_sample_more(self) -> object:
        """A first pass at another batch size: what a service meets when its load changes."""
        more = [self.tf.concat([x, x[:1]], axis=0) for x in self.arrays]
        return _Call(self.tf, self.case, self.model, more).prepared()()

    @property
    def arranged(self) -> Any:
        """The arrays as the model takes them: one, a list, or by name."""
        structure = getattr(self.model, "_inputs_struct", None)
        if structure is None:
            return self.arrays[0] if len(self.arrays) == 1 else self.arrays
        import keras

        return keras.tree.pack_sequence_as(structure, self.arrays)


def _training_step(tf: Any, model: Any, x: Any) -> Callable[[], object]:
    """One step as `fit` does it: forward, loss, gradients and adam's update, as a graph.

    The loss is the cross-entropy over classes; of a block, which has none, the squared error.
    """
    outputs = tf.nest.map_structure(tf.zeros_like, model(x, training=False))
    shape = tuple(getattr(outputs, "shape", ()))
    if len(shape) == 2:
        loss = "categorical_crossentropy"
        y = tf.one_hot([0] * shape[0], shape[-1], dtype=outputs.dtype)
    else:
        loss, y = "mean_squared_error", outputs
    model.compile(optimizer="adam", loss=loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)  # a graph may not create its slots
    step = tf.function(model.train_step, autograph=False).get_concrete_function((x, y))
    return lambda: step(*tf.nest.flatten((x, y)))


def _start(tf: Any, case: Case) -> None:
    """Run something tiny in the same mode, so that the first call pays for itself alone.

    Starting thread pools, the convolution library and the XLA compiler takes 30 to
    160 MiB, which would otherwise count as the case's peak memory.
    """
    kernel = tf.ones((3, 3, 8, 8), case.dtype)

    def tiny(x: Any) -> Any:
        return tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME")), 2, 2, "VALID")

    if case.mode != "eager":
        tiny = tf.function(tiny, jit_compile=case.mode == "xla")
    for _ in range(2):
        tiny(tf.ones((1, 8, 8, 8), case.dtype))


def _gpu_peak_of(call: Callable[[], object]) -> int:
    """The rise of the GPU allocator's own peak over a call, in bytes."""
    from tensorflow import config

    config.experimental.reset_memory_stats("GPU:0")
    before = config.experimental.get_memory_info("GPU:0")["current"]
    call()
    return int(config.experimental.get_memory_info("GPU:0")["peak"] - before)
