"""LiteRT (TensorFlow Lite), on a .tflite file: inference on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any

from cnnbench.cases.answer import LaunchProfile, Operation
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
from cnnbench.runtimes._profiled import named

SHARES = True
MODES = ("infer",)
PROFILES = MODES
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
        profile=lambda calls: _profile(file, order.threads, calls),
        build_ns=done - begin,
    )


def _profile(file: str, threads: int | None, calls: int) -> LaunchProfile:
    """What each operation of a file takes by itself: Python has no profiler of LiteRT.

    Operations that are alike are measured once.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(Path(file).read_bytes(), 0)
    kinds = {n: name for name, n in vars(schema.BuiltinOperator).items() if name[0] != "_"}
    spent: dict[str, float] = {}
    found = []
    for operator in model.subgraphs[0].operators:
        tensors = [model.subgraphs[0].tensors[i] for i in (*operator.inputs, *operator.outputs)]
        code = model.operatorCodes[operator.opcodeIndex]
        kind = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        sizes = [(list(tensor.shape), tensor.type) for tensor in tensors]
        alike = repr((kind, vars(operator.builtinOptions or object), sizes))
        if alike not in spent:
            spent[alike] = _alone(_cut(schema, model, operator), threads, calls)
        name = tensors[-len(operator.outputs)].name.decode()
        found.append(Operation(tuple(map(named, name.split(";"))), kind, spent[alike]))
    return LaunchProfile(tuple(found))


def _cut(schema: Any, model: Any, operator: Any) -> bytes:
    """A model of one operation of another model."""
    import flatbuffers

    whole, *called = model.subgraphs
    kept = [place for place in dict.fromkeys([*operator.inputs, *operator.outputs]) if place >= 0]
    place = {old: new for new, old in enumerate(kept)} | {-1: -1}
    alone, graph, found = copy(operator), schema.SubGraphT(), copy(model)
    alone.inputs = [place[old] for old in operator.inputs]
    alone.outputs = [place[old] for old in operator.outputs]
    graph.tensors, graph.operators = [whole.tensors[old] for old in kept], [alone]
    constant = {old for old in kept if model.buffers[whole.tensors[old].buffer].data is not None}
    graph.inputs = [place[old] for old in operator.inputs if old >= 0 and old not in constant]
    graph.outputs = alone.outputs
    used = {tensor.buffer for some in (graph, *called) for tensor in some.tensors}
    empty = schema.BufferT()
    found.buffers = [x if at in used else empty for at, x in enumerate(model.buffers)]
    found.subgraphs, found.signatureDefs, found.metadata = [graph, *called], [], []
    builder = flatbuffers.Builder(1024)
    builder.Finish(found.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _alone(model: bytes, threads: int | None, calls: int) -> float:
    """Nanoseconds of a call of a model, the median; its floats are random, and the rest zeros."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=threads)
    interpreter.allocate_tensors()
    draw = np.random.default_rng(0)
    for taken in interpreter.get_input_details():
        values = draw.random(taken["shape"]) * (np.dtype(taken["dtype"]).kind == "f")
        interpreter.set_tensor(taken["index"], values.astype(taken["dtype"]))
    times = []
    for _ in range(calls + 1):
        begin = perf_counter_ns()
        interpreter.invoke()
        times.append(perf_counter_ns() - begin)
    return median(times[1:])
