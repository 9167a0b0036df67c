"""OpenVINO, on its own file: inference on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any

from cnnbench.cases.answer import LaunchProfile, Operation
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError, RuntimeMissingError
from cnnbench.runtimes import Order, Prepared
from cnnbench.runtimes._exported import (
    FROZEN,
    calibration,
    check_quantized,
    given,
    in_order,
    interface,
    on_cpu,
)
from cnnbench.runtimes._profiled import named, size_and_macs

SHARES = True
MODES = ("infer",)
PROFILES = MODES
PRELOAD = ("openvino",)
EXTRA = "openvino"
ENVIRONMENT = {"CI": "true"}  # its telemetry starts a thread, and no server can fork then
PRECISIONS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16", "int8": "f32"}
"""By name, the type of what is not quantized."""
COMPUTES_IN_MAIN = True
SUFFIX = ".xml"
EXPORT_BYTES = 6
EXPORTED_BY = "openvino"


def describe() -> dict[str, Any]:
    """The version, and that of NNCF if it is here; it is used on the CPU alone."""
    import openvino

    versions = {"openvino": openvino.get_version().partition("-")[0]}
    with suppress(PackageNotFoundError):
        versions["nncf"] = version("nncf")
    return on_cpu(**versions)


def export(case: Case, folder: Path, file: Path) -> None:
    """Write OpenVINO's own file of a frozen graph, in int8 quantized by NNCF."""
    import openvino

    inputs = [(name, list(shape)) for name, shape in interface(folder).items()]
    model = openvino.convert_model(str(folder / FROZEN), input=inputs)
    if case.dtype == "int8":
        try:
            import nncf
        except ImportError:
            raise RuntimeMissingError("int8 needs nncf: pip install 'cnnbench[int8]'") from None
        places = in_order([x.any_name for x in model.inputs])
        batches = [dict(zip(places, batch, strict=True)) for batch in calibration(folder)]
        model = nncf.quantize(model, nncf.Dataset(batches), subset_size=len(batches))
        check_quantized(any(op.get_type_name() == "FakeQuantize" for op in model.get_ops()))
    openvino.save_model(model, str(file), compress_to_fp16=False)


def prepare(order: Order) -> Prepared:
    """Load and compile the exported file."""
    import openvino

    file, values = given(order)
    precision = PRECISIONS[order.case.dtype]
    begin = perf_counter_ns()
    core = openvino.Core()
    loaded = core.read_model(file)
    read = perf_counter_ns()
    options = {
        # By default it computes in bfloat16 where the processor can.
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,  # our launches are placed for all runtimes alike
    }
    if order.threads:
        options["INFERENCE_NUM_THREADS"] = order.threads
    if order.case.clients > 1:
        options["PERFORMANCE_HINT"] = "THROUGHPUT"  # which shares the threads among requests
        options["PERFORMANCE_HINT_NUM_REQUESTS"] = order.case.clients
    else:
        options |= {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    compiled = core.compile_model(loaded, "CPU", options)
    done = perf_counter_ns()
    used = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if used != precision:
        raise CnnbenchError(f"OpenVINO cannot compute in {precision} here; it would use {used}")
    inputs = in_order([x.any_name for x in compiled.inputs])
    outputs = in_order([" ".join(x.names) for x in compiled.outputs])

    def client(of: Any = compiled) -> Callable[[], Any]:
        request = of.create_infer_request()
        for place, value in zip(inputs, values, strict=True):
            request.set_input_tensor(place, openvino.Tensor(value.copy()))

        def step() -> Any:
            request.infer(share_outputs=True)  # others copy nothing either
            return request

        return step

    def profiled(calls: int) -> LaunchProfile:
        watched = core.compile_model(loaded, "CPU", {**options, "PERF_COUNT": True})
        return _profile(watched, client(watched), calls)

    return Prepared(
        step=client(),
        outputs=lambda request: [request.get_output_tensor(n).data.copy() for n in outputs],
        client=client,
        profile=profiled,
        build_ns=read - begin,
        compile_ns=done - read,
    )


def _profile(watched: Any, step: Callable[[], Any], calls: int) -> LaunchProfile:
    """What OpenVINO's own counters say of some calls; they have whole microseconds."""
    nodes = {node.get_friendly_name(): node for node in watched.get_runtime_model().get_ops()}
    step()
    whole: list[int] = []
    spent: dict[tuple[str, str], list[float]] = {}
    for _ in range(calls):
        begin = perf_counter_ns()
        request = step()
        whole.append(perf_counter_ns() - begin)
        for node in request.get_profiling_info():
            if node.status == node.Status.EXECUTED:
                ns = 1e9 * node.real_time.total_seconds()
                spent.setdefault((node.node_name, node.node_type), []).append(ns)
    operations = []
    for (name, kind), ns in spent.items():
        names, shapes = [name], list[list[int]]()
        if node := nodes.get(name):
            known = node.get_rt_info()
            if "originalLayersNames" in known and (of := known["originalLayersNames"].astype(str)):
                names = of.split(",")  # what it adds itself, as a change of format, is of nothing
            shapes = [list(x.get_shape()) for x in (*node.outputs(), *node.inputs()[1:2])]
        operations.append(
            Operation(tuple(map(named, names)), kind, median(ns), *size_and_macs(kind, *shapes))
        )
    return LaunchProfile(tuple(operations), median(whole))
