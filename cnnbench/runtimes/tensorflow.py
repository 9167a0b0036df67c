"""Keras 3 on TensorFlow: eager, graph, xla, predict and train, on CPU and GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnnbench import blocks, crosscheck
from cnnbench.cases.case import Case
from cnnbench.runtimes import Prepared

PRELOAD = ("tensorflow", "keras")
ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # Take GPU memory as it is needed: the allocator's own peak is what we report.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}


def describe() -> dict[str, Any]:
    """Versions, and the devices that TensorFlow sees."""
    import keras
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in gpus]
    return {
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
        "devices": {"cpu": ["cpu"], "gpu": names},
    }


def prepare(case: Case, seed: int, threads: int | None = None) -> Prepared:
    """Build the Keras model of a case and a step that runs it to the end once."""
    import keras
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    if case.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(case.dtype)
    with tf.device(f"/{case.device.upper()}:0"):
        model = build(case)
        x = tf.random.uniform((case.batch_size, *case.input_shape), dtype=case.dtype)
        _start(tf, case)
        step = _step(tf, case, model, x)
    gpu = case.device == "gpu"

    def finished() -> None:
        step()
        if gpu:  # kernels are queued: a step is over when the device is idle
            tf.test.experimental.sync_devices()

    return Prepared(
        step=finished,
        check=crosscheck.compare(case.graph(), model),
        device_peak_of=_gpu_peak_of if gpu else None,
    )


def build(case: Case) -> Any:
    """The Keras model of a case, its layers named as the graph's are."""
    import keras

    keras.utils.clear_session()
    inputs = keras.Input(case.input_shape, batch_size=case.batch_size)
    outputs = blocks.get(case.target).function(inputs, **case.params)
    return keras.Model(inputs, outputs)


def _step(tf: Any, case: Case, model: Any, x: Any) -> Callable[[], object]:
    if case.mode == "predict":
        array = x.numpy()
        return lambda: model.predict(array, batch_size=case.batch_size, verbose=0)
    if case.mode == "eager":
        return lambda: model(x, training=False)
    if case.mode == "train":
        return _training_step(tf, model, x)
    call = tf.function(
        lambda x: model(x, training=False), autograph=False, jit_compile=case.mode == "xla"
    )
    traced = call.get_concrete_function(x)
    return lambda: traced(x)


def _training_step(tf: Any, model: Any, x: Any) -> Callable[[], object]:
    """One step as `fit` does it: forward, loss, gradients and adam's update, as a graph.

    The loss is the cross-entropy over classes; of a block, which has none, the squared error.
    """
    shape = model.output.shape
    if len(shape) == 2:
        loss, y = "categorical_crossentropy", tf.one_hot([0] * shape[0], shape[1], dtype=x.dtype)
    else:
        loss, y = "mean_squared_error", tf.zeros(shape, x.dtype)
    model.compile(optimizer="adam", loss=loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)  # a graph may not create its slots
    step = tf.function(model.train_step, autograph=False).get_concrete_function((x, y))
    return lambda: step((x, y))


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
