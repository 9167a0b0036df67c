"""OpenVINO, on its own file: inference on the CPU."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter_ns
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.errors import CnnbenchError
from cnnbench.runtimes import Files, Prepared
from cnnbench.runtimes._exported import FROZEN, in_order, inputs
from cnnbench.runtimes._keras import INPUTS, arrays

MODES = ("infer",)
PRELOAD = ("openvino",)
EXTRA = "openvino"
ENVIRONMENT = {"CI": "true"}  # its telemetry starts a thread, and no server can fork then
PRECISIONS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
COMPUTES_IN_MAIN = True
SUFFIX = ".xml"
EXPORTED_BY = "openvino"


def describe() -> dict[str, Any]:
    """The version; it is used on the CPU alone."""
    import openvino

    version = openvino.get_version().partition("-")[0]
    return {"versions": {"openvino": version}, "devices": {"cpu": ["cpu"], "gpu": []}}


def export(case: Case, folder: Path, file: Path) -> None:
    """Write OpenVINO's own file of a frozen graph."""
    import openvino

    given = [
        (f"input_{number}:0", list(value.shape))
        for number, value in enumerate(arrays(folder / INPUTS))
    ]
    model = openvino.convert_model(str(folder / FROZEN), input=given)
    openvino.save_model(model, str(file), compress_to_fp16=False)


def prepare(
    case: Case,
    seed: int,
    threads: int | None = None,
    paper: Paper | None = None,
    model: Any = None,
    files: Files | None = None,
) -> Prepared:
    """Load and compile the exported file."""
    import openvino

    values = inputs(files, case)
    assert files is not None
    precision = PRECISIONS[case.dtype]
    begin = perf_counter_ns()
    core = openvino.Core()
    loaded = core.read_model(str(files.model))
    read = perf_counter_ns()
    options = {
        # By default it computes in bfloat16 where the processor can.
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # our launches are placed for all runtimes alike
    }
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    compiled = core.compile_model(loaded, "CPU", options)
    done = perf_counter_ns()
    used = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if used != precision:
        raise CnnbenchError(f"OpenVINO cannot compute in {case.dtype} here; it would use {used}")
    request = compiled.create_infer_request()
    for place, value in zip(in_order([x.any_name for x in compiled.inputs]), values, strict=True):
        request.set_input_tensor(place, openvino.Tensor(value.copy()))
    order = in_order([" ".join(x.names) for x in compiled.outputs])

    def step() -> object:
        request.infer()
        return request

    return Prepared(
        step=step,
        outputs=lambda _: [request.get_output_tensor(place).data.copy() for place in order],
        build_ns=read - begin,
        compile_ns=done - read,
    )
