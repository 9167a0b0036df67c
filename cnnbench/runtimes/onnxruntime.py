"""ONNX Runtime, on an ONNX file: inference on the CPU."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter_ns
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.errors import CnnbenchError
from cnnbench.runtimes import Files, Prepared
from cnnbench.runtimes._exported import FROZEN, give_back, in_order, inputs
from cnnbench.runtimes._keras import INPUTS, arrays

MODES = ("infer",)
PRELOAD = ("onnxruntime",)
NEEDS = ("onnxruntime", "onnx", "tf2onnx")
EXTRA = "onnx"
ENVIRONMENT = {"ORT_DISABLE_TELEMETRY": "1"}  # which starts a thread, and no server can fork then
PRECISIONS = {"float32": ""}
COMPUTES_IN_MAIN = True
SUFFIX = ".onnx"
EXPORTED_BY = "tensorflow"
PROVIDER = "CPUExecutionProvider"
OPSET = 17


def describe() -> dict[str, Any]:
    """The version; it is used on the CPU alone."""
    import onnxruntime

    return {
        "versions": {"onnxruntime": onnxruntime.__version__},
        "devices": {"cpu": ["cpu"], "gpu": []},
    }


def export(case: Case, folder: Path, file: Path) -> None:
    """Write an ONNX file of a frozen graph."""
    import tf2onnx

    from cnnbench.runtimes.tensorflow import frozen

    graph, outputs = frozen(folder / FROZEN)
    given = [f"input_{number}:0" for number, _ in enumerate(arrays(folder / INPUTS))]
    model, _ = tf2onnx.convert.from_graph_def(
        graph, input_names=given, output_names=outputs, opset=OPSET
    )
    file.write_bytes(model.SerializeToString())


def prepare(
    case: Case,
    seed: int,
    threads: int | None = None,
    paper: Paper | None = None,
    model: Any = None,
    files: Files | None = None,
) -> Prepared:
    """Load the exported file, which also optimizes it."""
    import onnxruntime

    values = inputs(files, case)
    assert files is not None
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads or 0
    # A thread that spins after a step would take the processor from the next in turn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    begin = perf_counter_ns()
    session = onnxruntime.InferenceSession(str(files.model), options, providers=[PROVIDER])
    done = perf_counter_ns()
    if session.get_providers() != [PROVIDER]:
        raise CnnbenchError(f"ONNX Runtime uses {session.get_providers()}, not {PROVIDER}")
    names = [x.name for x in session.get_inputs()]
    feed = {names[place]: x for place, x in zip(in_order(names), values, strict=True)}
    known = [x.name for x in session.get_outputs()]
    outputs = [known[place] for place in in_order(known)]
    give_back()
    return Prepared(step=lambda: session.run(outputs, feed), outputs=list, build_ns=done - begin)
