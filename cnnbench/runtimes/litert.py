"""LiteRT (TensorFlow Lite), on a .tflite file: inference on the CPU."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter_ns
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.runtimes import Files, Prepared
from cnnbench.runtimes._exported import FROZEN, give_back, in_order, inputs
from cnnbench.runtimes._keras import INPUTS, arrays

MODES = ("infer",)
PRELOAD = ("ai_edge_litert.interpreter",)
EXTRA = "litert"
ENVIRONMENT: dict[str, str] = {}
PRECISIONS = {"float32": ""}
COMPUTES_IN_MAIN = True
SUFFIX = ".tflite"
EXPORTED_BY = "tensorflow"


def describe() -> dict[str, Any]:
    """The version; it is used on the CPU alone."""
    from importlib.metadata import version

    return {
        "versions": {"litert": version("ai-edge-litert")},
        "devices": {"cpu": ["cpu"], "gpu": []},
    }


def export(case: Case, folder: Path, file: Path) -> None:
    """Write a .tflite file of a frozen graph: one that is not frozen would lose its weights."""
    import tensorflow as tf

    from cnnbench.runtimes.tensorflow import frozen

    graph, outputs = frozen(folder / FROZEN)
    given = [f"input_{number}:0" for number, _ in enumerate(arrays(folder / INPUTS))]
    function = tf.compat.v1.wrap_function(
        lambda: tf.graph_util.import_graph_def(graph, name=""), []
    )
    concrete = function.prune(given, outputs)
    file.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())


def prepare(
    case: Case,
    seed: int,
    threads: int | None = None,
    paper: Paper | None = None,
    model: Any = None,
    files: Files | None = None,
) -> Prepared:
    """Load the exported file."""
    from ai_edge_litert.interpreter import Interpreter

    values = inputs(files, case)
    assert files is not None
    begin = perf_counter_ns()
    interpreter = Interpreter(model_path=str(files.model), num_threads=threads)
    interpreter.allocate_tensors()
    done = perf_counter_ns()
    given, returned = interpreter.get_input_details(), interpreter.get_output_details()
    for place, value in zip(in_order([x["name"] for x in given]), values, strict=True):
        interpreter.set_tensor(given[place]["index"], value)
    outputs = [returned[place]["index"] for place in in_order([x["name"] for x in returned])]
    give_back()
    return Prepared(
        step=interpreter.invoke,
        outputs=lambda _: [interpreter.get_tensor(index) for index in outputs],
        build_ns=done - begin,
    )
