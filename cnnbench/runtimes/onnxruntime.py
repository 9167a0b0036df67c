"""ONNX Runtime, on an ONNX file: inference on the CPU."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any

from cnnbench.cases.answer import LaunchProfile
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError
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
from cnnbench.runtimes._profiled import Event, profile, size_and_macs

SHARES = True
MODES = ("infer",)
PROFILES = MODES
PRELOAD = ("onnxruntime",)
NEEDS = ("onnxruntime", "onnx", "tf2onnx")
EXTRA = "onnx"
ENVIRONMENT = {"ORT_DISABLE_TELEMETRY": "1"}  # which starts a thread, and no server can fork then
PRECISIONS = ("float32", "int8")
COMPUTES_IN_MAIN = True
SUFFIX = ".onnx"
EXPORT_BYTES = 45
EXPORTED_BY = "tensorflow"
PROVIDER = "CPUExecutionProvider"
OPSET = 17


def describe() -> dict[str, Any]:
    """The version; it is used on the CPU alone."""
    import onnxruntime

    return on_cpu(onnxruntime=onnxruntime.__version__)


def export(case: Case, folder: Path, file: Path) -> None:
    """Write an ONNX file of a frozen graph."""
    import tf2onnx

    from cnnbench.runtimes.tensorflow import frozen

    graph, outputs = frozen(folder / FROZEN)
    model, _ = tf2onnx.convert.from_graph_def(
        graph, input_names=list(interface(folder)), output_names=outputs, opset=OPSET
    )
    file.write_bytes(model.SerializeToString())
    if case.dtype == "int8":
        names = [x.name for x in model.graph.input]
        known = [names[place] for place in in_order(names)]
        # Whose steps of 1/256 would leave nothing of a thousand classes that are equally likely.
        softmax = [node.name for node in model.graph.node if node.op_type == "Softmax"]
        feeds = (dict(zip(known, batch, strict=True)) for batch in calibration(folder))
        _quantize(file, feeds, softmax)


def _quantize(file: Path, feeds: Iterator[dict[str, Any]], floats: list[str]) -> None:
    """Replace a file by one in int8, but for the nodes of `floats`.

    In the format QDQ, with a scale for each channel of a kernel.
    """
    import onnx
    from onnxruntime.quantization import quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    ready = file.with_name("ready.onnx")
    quant_pre_process(str(file), str(ready), skip_symbolic_shape=True)  # which no size needs
    batches = SimpleNamespace(get_next=lambda: next(feeds, None))
    quantize_static(str(ready), str(file), batches, per_channel=True, nodes_to_exclude=floats)
    ready.unlink()
    model = onnx.load(str(file), load_external_data=False)
    check_quantized(any(node.op_type == "QuantizeLinear" for node in model.graph.node))


def prepare(order: Order) -> Prepared:
    """Load the exported file, which also optimizes it."""
    file, values = given(order)
    begin = perf_counter_ns()
    session = _session(order, file)
    done = perf_counter_ns()
    if session.get_providers() != [PROVIDER]:
        raise CnnbenchError(f"ONNX Runtime uses {session.get_providers()}, not {PROVIDER}")
    names = [x.name for x in session.get_inputs()]
    feed = {names[place]: x for place, x in zip(in_order(names), values, strict=True)}
    known = [x.name for x in session.get_outputs()]
    outputs = [known[place] for place in in_order(known)]
    give_back()

    def profiled(calls: int) -> LaunchProfile:
        with tempfile.TemporaryDirectory(prefix="cnnbench-profile-") as folder:
            watched = _session(order, file, watched=f"{folder}/trace")
            watched.run(outputs, feed)
            for _ in range(calls):
                watched.run(outputs, feed)
            trace = Path(watched.end_profiling()).read_text()
        return _profile(json.loads(trace), calls)

    return Prepared(
        step=lambda: session.run(outputs, feed),
        outputs=list,
        profile=profiled,
        build_ns=done - begin,
    )


def _session(order: Order, file: str, watched: str = "") -> Any:
    """A file, loaded; with `watched` its profiler writes to files that begin so."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = order.threads or 0
    # A thread that spins after a step would take the processor from the next in turn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if watched:
        options.enable_profiling, options.profile_file_prefix = True, watched
    return onnxruntime.InferenceSession(file, options, providers=[PROVIDER])


def _profile(trace: list[dict[str, Any]], calls: int) -> LaunchProfile:
    """What a trace says of its last calls; it has whole microseconds."""
    runs, events = [], []
    for one in trace:
        if "dur" not in one:
            continue
        begin, end = 1000 * one["ts"], 1000 * (one["ts"] + one["dur"])
        name, _, kernel = one["name"].rpartition("_kernel_time")
        if one["name"] == "model_run":
            runs.append((begin, end))
        elif one.get("cat") == "Node" and name and not kernel:
            said = one["args"]
            shapes = [
                next(iter(shape.values()))
                for shape in (*said["output_type_shape"][:1], *said["input_type_shape"][1:2])
            ]
            kind = said["op_name"]
            sizes = size_and_macs(kind, *shapes)
            events.append(Event(one["tid"], begin, end, (name,), kind, *sizes))
    return profile(sorted(runs)[-calls:], events)
