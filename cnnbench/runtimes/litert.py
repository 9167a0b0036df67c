"""LiteRT (TensorFlow Lite), on a .tflite file: inference on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.runtimes import Order, Prepared
from cnnbench.runtimes._exported import (
    FROZEN,
    calibration,
    check_quantized,
    give_back,
    given,
    in_order,
    interface,
    on_cpu,
)

SHARES = True
MODES = ("infer",)
PRELOAD = ("ai_edge_litert.interpreter",)
EXTRA = "litert"
ENVIRONMENT: dict[str, str] = {}
PRECISIONS = ("float32", "int8")
COMPUTES_IN_MAIN = True
SUFFIX = ".tflite"
EXPORT_BYTES = 15
EXPORTED_BY = "tensorflow"


def describe() -> dict[str, Any]:
    """The version; it is used on the CPU alone."""
    from importlib.metadata import version

    return on_cpu(litert=version("ai-edge-litert"))


def export(case: Case, folder: Path, file: Path) -> None:
    """Write a .tflite file of a frozen graph: one that is not frozen would lose its weights.

    In int8 softmax, and what has no kernel of whole numbers, stay in float.
    """
    import tensorflow as tf

    from cnnbench.runtimes.tensorflow import frozen

    graph, outputs = frozen(folder / FROZEN)
    function = tf.compat.v1.wrap_function(
        lambda: tf.graph_util.import_graph_def(graph, name=""), []
    )
    concrete = function.prune(list(interface(folder)), outputs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    if case.dtype == "int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: calibration(folder)
        # Steps of 1/256 would leave nothing of a thousand classes that are equally likely.
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=["SOFTMAX"])
        try:
            quantizer = tf.lite.experimental.QuantizationDebugger(
                converter=converter, debug_options=options
            )
        except ValueError as error:
            # So it says where no operation is quantized that it could hold against the float one.
            check_quantized("is in debug mode" not in str(error))
            raise
        file.write_bytes(quantizer.get_nondebug_quantized_model())
    else:
        file.write_bytes(converter.convert())


def prepare(order: Order) -> Prepared:
    """Load the exported file."""
    from ai_edge_litert.interpreter import Interpreter

    file, values = given(order)

    def loaded() -> Any:
        found = Interpreter(model_path=file, num_threads=order.threads)
        found.allocate_tensors()
        return found

    def client(interpreter: Any) -> Callable[[], Any]:
        taken = interpreter.get_input_details()
        for place, value in zip(in_order([x["name"] for x in taken]), values, strict=True):
            interpreter.set_tensor(taken[place]["index"], value)

        def step() -> Any:
            interpreter.invoke()
            return interpreter

        return step

    begin = perf_counter_ns()
    interpreter = loaded()
    done = perf_counter_ns()
    returned = interpreter.get_output_details()
    outputs = [returned[place]["index"] for place in in_order([x["name"] for x in returned])]
    step = client(interpreter)
    give_back()
    return Prepared(
        step=step,
        outputs=lambda interpreter: [interpreter.get_tensor(index) for index in outputs],
        client=lambda: client(loaded()),
        build_ns=done - begin,
    )
