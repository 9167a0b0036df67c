"""Profiles of real runtimes: each product of a network has its time, under whatever name."""

import json
import os
import re
from pathlib import Path

import pytest

import cnnbench
from cnnbench import runtimes
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError, UnknownNameError
from cnnbench.runtimes import _profiled, onnxruntime, tensorflow
from cnnbench.runtimes._profiled import Event
from tests.support import ROOT

MODES = [
    ("tensorflow", "graph"),
    ("tensorflow", "eager"),
    ("tensorflow", "xla"),
    ("tensorflow", "predict"),
    ("tensorflow", "train"),
    ("jax", "jit"),
    ("jax", "train"),
    ("torch", "eager"),
    ("torch", "train"),
    ("torch", "compile"),
    ("onnxruntime", "infer"),
    ("openvino", "infer"),
    ("litert", "infer"),
]


def event(begin, end, name, thread=0, kind="op"):
    return Event(thread, begin, end, (name,), kind)


def times(found):
    return {op.names[0]: op.ns for op in found.operations}


def test_the_time_of_an_operation_is_without_those_inside_it_and_the_median_over_calls():
    calls = [(0, 100), (200, 320), (400, 500)]
    events = [
        event(0, 60, "outer"),
        event(10, 30, "inner"),
        event(35, 45, "inner"),
        event(200, 280, "outer"),
        event(210, 220, "inner"),
        event(400, 410, "outer"),
    ]
    found = _profiled.profile(calls, reversed(events))
    assert times(found) == {"outer": 30, "inner": 10}  # of 30, 70 and 10; of 30, 10 and 0
    assert found.call_ns == 100


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model_1/layer.conv2d./conv2d_2/Relu", "conv2d/Relu"),
        ("m/layer.conv2d._1/conv2d_2/Relu", "conv2d/Relu"),
        ("layer.a./a_1/layer.b.c./b.c/add", "a/b.c/add"),
        ("model/conv2d_1/Relu", "model/conv2d_1/Relu"),
        ("Transpose_2895", "Transpose_2895"),
    ],
)
def test_marked_names_are_those_of_layers(name, expected):
    assert _profiled.named(name) == expected


def test_operations_of_two_threads_are_not_inside_each_other():
    found = _profiled.profile([(0, 100)], [event(0, 60, "one", "a"), event(10, 30, "other", "b")])
    assert times(found) == {"one": 60, "other": 20}


def test_what_began_outside_of_a_call_is_not_of_it():
    events = [event(-5, 5, "before"), event(10, 20, "in"), event(100, 110, "after")]
    assert times(_profiled.profile([(0, 100)], events)) == {"in": 10}


@pytest.mark.parametrize(("calls", "events"), [([], []), ([(0, 9)], []), ([], [event(1, 2, "x")])])
def test_a_trace_without_operations_is_an_error(calls, events):
    with pytest.raises(CnnbenchError, match=f"holds {len(calls)} calls and no operation"):
        _profiled.profile(calls, events)


def test_the_multiply_adds_of_an_operation_follow_from_its_output_and_its_kernel():
    # 3x3 over 64 channels to 128, at 28x28; depthwise; a matrix; and what has no kernel.
    conv = _profiled.size_and_macs("Conv", [2, 128, 28, 28], [128, 64, 3, 3])
    assert conv == (2 * 128 * 28 * 28, 2 * 128 * 28 * 28 * 9 * 64)
    assert (
        _profiled.size_and_macs("GroupConvolution", [1, 8, 4, 4], [8, 1, 1, 3, 3])[1] == 8 * 16 * 9
    )
    assert _profiled.size_and_macs("FullyConnected", [4, 10], [10, 32])[1] == 4 * 10 * 32
    assert _profiled.size_and_macs("Gemm", [4, 10], [10]) == (40, 0)
    assert _profiled.size_and_macs("MaxPool", [1, 8, 4, 4]) == (128, 0)


@pytest.mark.tensorflow
def test_a_trace_of_tensorflow_has_operations_by_name_and_type():
    xplane_pb2 = pytest.importorskip("tensorflow.tsl.profiler.protobuf.xplane_pb2")
    plane = (space := xplane_pb2.XSpace()).planes.add()
    line = plane.lines.add(id=7, timestamp_ns=1000)
    names = [_profiled.CALL, "net/conv_1/Conv2D:_FusedConv2D", "EagerExecute: call", "A::B"]
    for number, name in enumerate(names):
        plane.event_metadata[number].name = name
        line.events.add(metadata_id=number, offset_ps=1000 * number, duration_ps=9000)
    calls, events = tensorflow._traced(space.SerializeToString(), {})
    assert calls == [(1000, 1009)]
    assert events == [Event(7, 1001, 1010, ("net/conv_1/Conv2D",), "_FusedConv2D")]


def test_a_trace_of_onnxruntime_has_the_operations_of_its_last_calls():
    def node(name, ts, dur):
        said = {"op_name": "Conv", "output_type_shape": [{"float": [1, 2, 3, 3]}]}
        said["input_type_shape"] = [{"float": [1, 4, 3, 3]}, {"float": [2, 4, 1, 1]}]
        return {
            "cat": "Node",
            "tid": 1,
            "name": f"{name}_kernel_time",
            "ts": ts,
            "dur": dur,
            "args": said,
        }

    def run(ts):
        return {"cat": "Session", "tid": 1, "name": "model_run", "ts": ts, "dur": 20, "args": {}}

    trace = [run(0), node("a", 1, 15), run(50), node("a", 51, 4), run(100), node("a", 101, 6)]
    found = onnxruntime._profile([{"name": "begins"}, *trace], calls=2)
    (only,) = found.operations
    assert (only.names, only.kind, only.ns, only.size, only.macs) == (("a",), "Conv", 5000, 18, 72)
    assert found.call_ns == 20_000


def test_a_program_of_xla_says_what_its_instructions_are_fused_of():
    program = """HloModule jit_call, is_scheduled=true
%fused_computation (p: f32[2]) -> f32[2] {
  %p = f32[2]{0} parameter(0)
  %c = f32[2]{0} constant({1, 2}), metadata={op_name="jit(call)/other/c"}
  %a = f32[2]{0} add(%p, %p), metadata={op_name="jit(call)/bn/add" stack_frame_id=1}
  ROOT %m = f32[2]{0} maximum(%a, %p), metadata={op_name="jit(call)/relu/max" stack_frame_id=2}
}

ENTRY %main.5 (x: f32[2]) -> f32[2] {
  %x = f32[2]{0} parameter(0)
  %dot.1 = f32[2]{0} dot(%x, %x)
  ROOT %fusion.3 = f32[2]{0} fusion(%dot.1), calls=%fused_computation, metadata={op_name="relu/max"}
}
"""
    names = _profiled.instructions(program)
    assert names["fusion.3"] == ("relu/max", "jit(call)/bn/add", "jit(call)/relu/max")
    assert names["dot.1"] == ()
    assert _profiled.instructions(program, inside=False)["fusion.3"] == ("relu/max",)


def test_a_mode_without_a_profile_is_refused_with_those_that_have_one(capsys):
    with pytest.raises(UnknownNameError, match="fake has no profile of mode eager on cpu; it"):
        cnnbench.profile(
            "vgg_block", input_shape=(8, 8, 3), runtime="fake", mode="eager", ceilings=False
        )


@pytest.mark.tensorflow
@pytest.mark.parametrize(("runtime", "mode"), MODES)
def test_each_product_of_a_network_has_a_time_of_its_own(runtime, mode):
    if lacking := runtimes.missing(runtime):
        pytest.skip(lacking)
    found = cnnbench.profile(
        "MobileNetV2",
        input_shape=(96, 96, 3),
        runtime=runtime,
        mode=mode,
        launches=3 if mode == "train" else 1,  # other tests beside it slow some of a step more
        ceilings=False,
    )
    (profile,) = found.profiles
    assert found.problems == ()
    rows = {row.name: row for row in profile.rows}
    products = [layer.name for layer in profile.result.cost.layers if layer.macs]
    assert len(products) == 53
    assert [name for name in products if name not in rows] == []
    assert all(rows[name].time.value > 0 for name in products)
    assert (profile.watched is None) == (runtime == "litert")
    for op in profile.result.launches[0].profile.operations:
        assert all(op.names), op
        assert op.ns >= 0
    # What belongs to no layer is a part of it, and there is a word for each.
    assert sum(row.time.value for row in profile.rows if not row.layers) < 0.7 * profile.total_s


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "runtime", ["tensorflow", "jax", "torch", "onnxruntime", "openvino", "litert"]
)
def test_layers_that_keras_and_tensorflow_number_are_not_mixed_up(runtime):
    """TensorFlow calls the operations of `conv2d` here `conv2d_2`, and has other `conv2d_2_2`."""
    if lacking := runtimes.missing(runtime):
        pytest.skip(lacking)
    found = cnnbench.profile(
        "inception_module", input_shape=(28, 28, 3), runtime=runtime, launches=1, ceilings=False
    )
    (profile,) = found.profiles
    names = [row.name for row in profile.rows if row.layers]
    assert names == [layer.name for layer in profile.result.cost.layers[1:]]
    # Of one batch and size, the 3x3 convolution of 96 channels has nine tenths of the work.
    convs = {row.name: row.time.value for row in profile.rows if row.op == "Conv2D"}
    assert max(convs, key=lambda name: convs[name]) == "conv2d_2"


# On the command line, by the fake runtime


@pytest.fixture
def here(tmp_path, monkeypatch, undrawn):
    monkeypatch.chdir(tmp_path)


QUICK = ("--runtime", "fake", "--launches", "3")


def test_the_layers_with_most_time_come_first_and_all_of_it_is_there_as_json(here, capsys):
    assert main(["profile", "inception_module", *QUICK, "--top", "2"]) == 0
    said = capsys.readouterr().out
    assert said.index("conv2d_2") < said.index("conv2d_4")
    assert "conv2d_3" not in said
    assert main(["profile", "inception_module", *QUICK, "--format", "json"]) == 0
    (profile,) = json.loads(capsys.readouterr().out)["profiles"]
    layers = profile["layers"]
    assert [layer["layer"] for layer in layers][:2] == ["conv2d", "conv2d_1"]
    assert sum(layer["time_s"] for layer in layers) == pytest.approx(profile["operations_s"])
    # 10 us and a nanosecond per 100 FLOPs, times what a launch differs by.
    ratio = layers[0]["time_s"] / layers[1]["time_s"]
    ns = [10_000 + layer["flops"] // 100 for layer in layers]
    assert ratio == pytest.approx(ns[0] / ns[1])


@pytest.mark.parametrize("by", ["type", "block"])
def test_totals_are_by_type_or_by_block(here, capsys, by):
    assert main(["profile", "resnet50", *QUICK, "--by", by]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [
        line for line in lines if line.split()[:1] == [{"type": "Dense", "block": "dense"}[by]]
    ]
    assert row.split()[1] == "1"


def test_a_kept_run_is_shown_again_and_its_report_has_the_profile(here, capsys):
    assert main(["profile", "vgg_block", *QUICK, "--out", "r"]) == 0
    first = capsys.readouterr().out
    assert main(["profile", "r"]) == 0
    assert capsys.readouterr().out == first
    page = Path("r/README.md").read_text()
    assert "Where does the time go?" in page
    assert "conv2d_1" in page


def test_two_networks_are_compared_layer_by_layer_and_a_figure_is_drawn(here, capsys):
    against = ["--against", "inception_module", "--input", "28x28x192", "--figure", "f.svg"]
    assert main(["profile", "naive_inception_module", *QUICK, *against]) == 0
    said = capsys.readouterr().out
    assert said.startswith("inception_module beside naive_inception_module at 28x28x192: -")
    assert "a call, that is +" in said
    assert Path("f.svg").read_text() == "<svg></svg>"  # as `undrawn` draws them


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "Missing argument 'TARGET'. For example: cnnbench profile"),
        (("nonsense",), "unknown network or suite 'nonsense'"),
        (
            ("vgg_block", "--runtime", "fake", "--mode", "train"),
            "fake has no profile of mode train",
        ),
        (("vgg_block", "--runtime", "nonsense"), "unknown runtime 'nonsense'"),
        (("vgg_block", "--launches", "0"), "--launches"),
        (("vgg_block", "--against", "nonsense", "--runtime", "fake"), "nonsense"),
        (("vgg_block", "--figure", "f.txt"), "a figure must end in"),
        (("vgg_block", "--by", "colour"), "--by"),
    ],
)
def test_what_cannot_be_profiled_is_one_line_and_status_2(here, capsys, arguments, expected):
    assert main(["profile", *arguments]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said


def test_a_stored_run_without_profiles_is_refused(here, capsys):
    assert main(["run", "vgg_block", *QUICK, "--out", "r", "-q"]) == 0
    assert main(["profile", "r"]) == 2
    assert "r has no profiles; run it with --profile" in capsys.readouterr().err


@pytest.fixture
def broken(here, monkeypatch):
    """A runtime whose profiler fails; children are forked from a server, so it is a module."""
    Path("package").mkdir()
    Path("package/broken.py").write_text(
        "import os\n"
        "from dataclasses import replace\n"
        "from cnnbench.runtimes.fake import *\n"
        "from cnnbench.runtimes import fake\n"
        "COMPUTES_IN_MAIN = True\n"
        "def prepare(order):\n"
        "    def fails(calls):\n"
        "        raise ValueError(f'cut off on cores {sorted(os.sched_getaffinity(0))}')\n"
        "    return replace(fake.prepare(order), profile=fails)\n"
    )
    monkeypatch.syspath_prepend(".")
    monkeypatch.setenv("PYTHONPATH", f"{Path.cwd()}:{ROOT}")
    return "package.broken"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_a_profiler_that_fails_leaves_the_launch_and_is_named(broken, capsys):
    """Its threads could run on all cores, although the main thread was tied to one before."""
    assert main(["profile", "vgg_block", "--runtime", broken, "--launches", "2"]) == 1
    cores = sorted(os.sched_getaffinity(0))
    assert f"ValueError: cut off on cores {cores}" in capsys.readouterr().out


def test_a_report_has_two_blocks_layer_by_layer_at_each_number_of_channels(here, capsys):
    arguments = ("--runtime", "fake", "--launches", "2", "--out", "r", "-q", "--profile")
    assert main(["run", "layers", *arguments]) == 0
    page = Path("r/README.md").read_text()
    told = page[page.index("Where does the time go?") :]
    for channels in (3, 192):
        assert f"**reduced inception beside naive inception** at 28x28x{channels} batch 4: " in told
    # At 3 channels the reductions cost, at 192 they save: on paper, of which this runtime is made.
    signs = re.findall(r"at 28x28x(\d+) batch 4: ([+-])", told)
    assert signs == [("3", "+"), ("192", "-")]
