"""The TensorFlow runtime in real children: modes, check, memory, and a run from end to end."""

from pathlib import Path

import numpy as np
import pytest

from cnnbench.cases.answer import Check
from cnnbench.cases.case import Case
from cnnbench.cli import main
from cnnbench.runner import server
from cnnbench.runner.server import Workers
from cnnbench.runs import store
from cnnbench.runtimes import Order, _keras, tensorflow

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def children():
    return Workers({"tensorflow": server.start("tensorflow")})


def measured(children, case):
    ((answer,), _) = children.launch([Order(case, case.paper(), 0, None)], 0.05, 120.0)
    assert answer.outcome == "ok", answer
    return answer


def test_the_runtime_names_its_versions_and_devices(children):
    import keras
    import tensorflow as tf

    described = children.servers["tensorflow"].describe()
    assert described.versions == {"tensorflow": tf.__version__, "keras": keras.__version__}
    assert described.devices["cpu"]


@pytest.mark.parametrize("mode", tensorflow.MODES)
def test_every_mode_runs_and_agrees_with_keras(children, mode):
    answer = measured(children, Case("residual_module", (16, 16, 8), {"n_filters": 8}, mode=mode))
    assert len(answer.samples_ns) >= 5
    assert min(answer.samples_ns) > 0
    # 3x3x8x8 and 8 biases, twice: 2 * 584.
    assert answer.check == Check(layers=5, params=1168, differences=())


@pytest.mark.parametrize("mode", ["graph", "train"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_every_dtype_runs(children, dtype, mode):
    case = Case("vgg_block", (16, 16, 3), {"n_filters": 8}, dtype=dtype, mode=mode)
    assert measured(children, case).check.equal


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16"])
def test_weights_take_on_paper_what_they_take_in_keras(dtype):
    case = Case("resnet_cifar", (32, 32, 3), {"depth": 8}, dtype=dtype)
    model = _keras.build(case)
    size = {"float32": 4, "bfloat16": 2}
    taken = sum(int(np.prod(w.shape)) * size[w.dtype] for w in model.weights)
    assert case.paper().cost.weight_bytes == taken


def test_the_peak_of_the_first_call_is_about_what_the_paper_says(children):
    case = Case("naive_inception_module", (128, 128, 3), batch_size=8)
    cost = case.paper().cost
    # The input is there before the call: 8 * 128 * 128 * 3 * 4 bytes.
    expected = cost.peak_activation_bytes - 8 * 128 * 128 * 3 * 4
    assert 0.8 * expected < measured(children, case).peak_bytes < 1.6 * expected


def test_a_different_model_in_keras_fails_the_check(children, monkeypatch):
    import keras

    from cnnbench import crosscheck

    inputs = keras.Input((8, 8, 3))
    keras.utils.clear_session(free_memory=False)
    outputs = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    outputs = keras.layers.MaxPooling2D()(outputs)
    case = Case("vgg_block", (8, 8, 3), {"n_filters": 8, "n_conv": 1})
    check = crosscheck.compare(case.graph(), keras.Model(inputs, outputs))
    # 3*3*3*8 + 8 = 224 on paper against 3*3*3*4 + 4 = 112.
    assert "conv2d: parameters: 224 on paper, 112 in Keras" in check.differences
    assert "conv2d: output: 8x8x8 on paper, 8x8x4 in Keras" in check.differences
    assert "total: parameters: 224 on paper, 112 in Keras" in check.differences


def test_a_network_larger_than_its_memory_is_out_of_memory(children):
    # 2**24 positions of 2**15 channels of 4 bytes: 2 TiB, which the allocator refuses.
    case = Case("vgg_block", (4096, 4096, 3), {"n_filters": 2**15, "n_conv": 1}, mode="eager")
    ((answer,), _) = children.launch([Order(case, None, 0, None)], 0.05, 120.0)
    assert answer.outcome in ("out-of-memory", "killed", "crashed"), answer
    assert answer.detail


def test_a_run_from_suite_to_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(
        "launches = 2\n"
        "[[block]]\n"
        'name = "VGG block"\n'
        'target = "vgg_block"\n'
        "params = { n_filters = 8 }\n"
        'inputs = ["16x16x3", "32x32x3"]\n'
        'modes = ["graph", "eager"]\n'
    )
    argv = ["--device", "cpu", "--time-budget", "60s", "--launches", "2", "--out", "r"]
    assert main(["run", "small.toml", *argv]) == 0
    run = store.read(Path("r"))
    assert [m.outcome for m in run.measurements] == ["ok"] * 8
    assert all(m.check is not None and m.check.equal for m in run.measurements)
    assert all(m.peak_bytes is not None for m in run.measurements)
    page = Path("r/README.md").read_text()
    assert "VGG block" in page
    assert "tensorflow" in page.lower()


def test_a_gpu_that_is_not_there_is_an_error(tmp_path, monkeypatch, capsys, children):
    if children.servers["tensorflow"].describe().devices["gpu"]:
        pytest.skip("this machine has a GPU")
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--device", "gpu"]) == 2
    assert "no gpu here" in capsys.readouterr().err
