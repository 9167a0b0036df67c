"""Several runtimes in one run: which are here, and that they compute the same."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cnnbench
from cnnbench import runtimes
from cnnbench.cases import suites
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError, RuntimeMissingError, UnknownNameError
from cnnbench.networks import Network
from cnnbench.runner import planning, worker
from cnnbench.runner.server import Workers
from cnnbench.runs import store
from cnnbench.runtimes import Files, Order, Prepared, _exported, _keras

OTHERS = ("jax", "torch", "onnxruntime", "openvino", "litert")


@pytest.mark.parametrize("name", OTHERS)
def test_a_runtime_that_is_not_here_is_named_with_what_installs_it(name, monkeypatch):
    monkeypatch.setattr(runtimes, "_installed", lambda module: module in ("tensorflow", "keras"))
    extra = runtimes.load(name).EXTRA
    with pytest.raises(RuntimeMissingError, match=f"{name} is not installed .*cnnbench.{extra}."):
        runtimes.chosen(f"tensorflow,{name}")


def test_all_are_those_that_are_installed_and_the_rest_is_named(monkeypatch):
    here = ("tensorflow", "keras", "openvino")
    monkeypatch.setattr(runtimes, "_installed", lambda module: module in here)
    found, absent = runtimes.chosen("all")
    assert found == ["tensorflow", "openvino"]
    assert [text.split()[0] for text in absent] == ["jax", "litert", "onnxruntime", "torch"]


def test_a_mode_that_one_runtime_lacks_is_said_and_one_that_none_has_is_refused():
    both = ["tensorflow", "openvino"]
    assert runtimes.check_modes(both, ["train"]) == ["openvino has no mode train; it has infer"]
    with pytest.raises(UnknownNameError, match="unknown mode 'jit'"):
        runtimes.check_modes(both, ["jit"])


def test_a_data_type_that_a_runtime_does_not_have_is_refused_before_anything_runs():
    suite = suites.of_networks({"block": Network("vgg_block")}, dtypes=["bfloat16"])

    def planned(name):
        place = suites.Place("cpu", name, runtimes.load(name).MODES)
        return planning.plan(suite, [place], Workers({}), 120.0)

    assert {case.dtype for case in planned("openvino").cases} == {"bfloat16"}
    with pytest.raises(UnknownNameError, match="litert has no data type bfloat16; it has float32"):
        planned("litert")


def test_of_several_data_types_those_that_a_runtime_has_take_turns_and_the_rest_is_said():
    asked = ["float32", "mixed_float16", "bfloat16"]
    suite = suites.of_networks({"block": Network("vgg_block")}, dtypes=asked)
    names = ("tensorflow", "openvino")
    places = [suites.Place("cpu", name, runtimes.load(name).MODES) for name in names]
    plan = planning.plan(suite, places, Workers({}), 120.0)
    found = [(case.runtime, case.dtype) for case in plan.cases]
    assert found == [
        *(("tensorflow", dtype) for dtype in asked),
        ("openvino", "float32"),
        ("openvino", "bfloat16"),
    ]
    assert plan.together == (tuple(case.id for case in plan.cases),)
    (note,) = plan.notes
    assert note.startswith("openvino has no data type mixed_float16; it has float32")


def test_a_runtime_that_lacks_the_own_type_of_a_network_leaves_it_out(monkeypatch):
    def resolved(cases, *_):
        return {n: replace(case, dtype="bfloat16") for n, case in enumerate(cases)}, {}, {}

    monkeypatch.setattr(planning, "_resolved", resolved)
    suite = suites.of_networks({"mine": Network("mine.keras")}, inputs=[(8, 8, 3)])

    def planned(*names):
        places = [suites.Place("cpu", name, runtimes.load(name).MODES) for name in names]
        return planning.plan(suite, places, Workers({}), 120.0)

    plan = planned("tensorflow", "litert")
    assert [(case.runtime, case.dtype) for case in plan.cases] == [("tensorflow", "bfloat16")]
    (note,) = plan.notes
    assert note == "left out: litert has no data type bfloat16; it has float32, int8"
    with pytest.raises(UnknownNameError, match=r"^litert has no data type bfloat16"):
        planned("litert")


def test_inputs_and_outputs_are_put_in_the_order_of_the_network():
    assert _exported.in_order(["input_1:0", "input_0:0"]) == [1, 0]
    assert _exported.in_order(["Identity_2:0", "Identity:0", "x Identity_1:0"]) == [1, 2, 0]


@pytest.fixture
def stored(tmp_path):
    _keras.store(tmp_path / _keras.OUTPUTS, [np.array([[1.0, -4.0]], np.float32)])
    return Files(tmp_path)


def difference(stored, returned, dtype="float32"):
    case = Case("vgg_block", (8, 8, 3), dtype=dtype)
    ready = Prepared(step=lambda: None, outputs=lambda given: given)
    return worker._difference(Order(case, files=stored), ready, returned)


def test_the_difference_is_relative_to_the_largest_output(stored):
    assert difference(stored, [np.array([[1.0, -4.0001]])]) == pytest.approx(2.5e-5)
    assert difference(stored, [np.array([[1.04, -4.0]])], "bfloat16") == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ([np.array([[1.01, -4.0]])], "outputs differ by 2.5e-03 .* float32 explains 0.0001"),
        ([np.array([[np.nan, -4.0]])], "outputs differ by nan"),
        ([np.array([1.0, -4.0])], r"it computes something else: outputs \[\(2,\)\]"),
        ([], "it computes something else"),
    ],
)
def test_what_computes_something_else_is_not_timed(stored, returned, said):
    with pytest.raises(CnnbenchError, match=said):
        difference(stored, returned)


@pytest.mark.tensorflow
@pytest.mark.parametrize(("name", "mode"), [*((name, ()) for name in OTHERS), ("torch", "compile")])
def test_a_runtime_computes_what_tensorflow_computes(name, mode, tmp_path, undrawn):
    if lacks := runtimes.missing(name):
        pytest.skip(lacks)
    finished = cnnbench.run(
        "inception_module",
        input_shape=(16, 16, 3),
        runtime=["tensorflow", name],
        mode=mode,
        launches=1,
        time_budget=60,
        ceilings=False,
        out=tmp_path / "run",
    )
    launches = {m.case.runtime: m for m in finished.run.measurements}
    assert {m.outcome for m in launches.values()} == {"ok"}, launches[name].detail
    assert set(launches) == ({name} if mode else {"tensorflow", name})
    for launch in launches.values():
        assert launch.difference < 1e-5
        assert launch.joint_bytes >= max(launch.load_bytes, launch.peak_bytes)
    lines = (Path(finished.folder) / store.FILE).read_text().splitlines()
    exports = [line for line in map(json.loads, lines) if line["type"] == "export"]
    made = [export["runtime"] for export in exports]
    assert made == ([name] if hasattr(runtimes.load(name), "EXPORTED_BY") else [])


@pytest.mark.tensorflow
def test_every_run_draws_the_same_weights_and_its_own_input(tmp_path):
    case, digests = Case("vgg_block", (8, 8, 3)), []
    for seed in (1, 2):
        (folder := tmp_path / str(seed)).mkdir()
        digests.append(_keras.stored(Order(case, seed=seed), folder, False, False))
    assert digests[0] == digests[1]  # so what the first has exported the second finds

    def values(file):
        return [_keras.arrays(tmp_path / seed / file) for seed in ("1", "2")]

    for one, other in zip(*values(_keras.WEIGHTS), strict=True):
        np.testing.assert_array_equal(one, other)
    (one,), (other,) = values(_keras.INPUTS)
    assert not np.array_equal(one, other)


def test_a_call_of_openvino_does_not_copy_what_the_network_returns(tmp_path):
    openvino = pytest.importorskip("openvino")
    given = openvino.opset13.parameter([1, 64, 64, 64], np.float32)
    given.output(0).set_names({"input_0"})
    file, value = tmp_path / "model.xml", np.ones((1, 64, 64, 64), np.float32)
    openvino.save_model(openvino.Model([openvino.opset13.relu(given)], [given]), str(file))
    _keras.store(tmp_path / _keras.INPUTS, [value])
    case = Case("vgg_block", (64, 64, 64), mode="infer", runtime="openvino")
    ready = runtimes.load("openvino").prepare(Order(case, files=Files(tmp_path, file)))
    tracemalloc.start()
    ready.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < value.nbytes / 2
