"""Quantized files, as each runtime exports and runs them: small, of whole numbers, and checked."""

from dataclasses import replace

import numpy as np
import pytest

from cnnbench import runtimes
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError
from cnnbench.runner import worker
from cnnbench.runtimes import Files, Order, Prepared, _exported, _keras

CASE = Case(f"{__name__}:classes", (16, 16, 3), batch_size=2)
QUANTIZED = ("onnxruntime", "openvino", "litert")


def classes():
    """A softmax of random weights: a thousand classes, all nearly equally likely."""
    import keras

    x = keras.Input((16, 16, 3))
    y = keras.layers.BatchNormalization()(keras.layers.Conv2D(32, 3, activation="relu")(x))
    y = keras.layers.Dense(1000, activation="softmax")(keras.layers.GlobalMaxPooling2D()(y))
    return keras.Model(x, y, name="classes")


def softmax():
    """Without a layer that any of them quantizes."""
    import keras

    x = keras.Input((16, 16, 3))
    return keras.Model(x, keras.layers.Softmax()(x), name="softmax")


def stored(folder, seed, case=CASE):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_keras, "SEED", seed)
        _keras.stored(Order(case), folder, freeze=True, calibrate=True)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What is stored of a network."""
    return stored(tmp_path_factory.mktemp("right"), seed=3)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The same with other weights."""
    return stored(tmp_path_factory.mktemp("wrong"), seed=4)


def exported(name, dtype, folder, to):
    """The file of a runtime, as its case would have it."""
    if lacks := runtimes.missing(name):
        pytest.skip(lacks)
    if name == "openvino":
        pytest.importorskip("nncf")
    runtime, case = runtimes.load(name), replace(CASE, runtime=name, dtype=dtype)
    file = to / f"{dtype}{runtime.SUFFIX}"
    runtime.export(case, folder, file)
    return Order(case, files=Files(folder, file))


def difference(order):
    ready = runtimes.load(order.case.runtime).prepare(order)
    return worker._difference(order, ready, ready.step())


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore")  # of whoever quantizes
@pytest.mark.parametrize("name", QUANTIZED)
def test_a_quantized_network_is_small_and_near_and_one_of_other_weights_is_refused(
    name, folder, other, tmp_path
):
    floats, ints = (exported(name, dtype, folder, tmp_path) for dtype in ("float32", "int8"))
    assert difference(floats) < 1e-5
    assert 1e-4 < difference(ints) < 0.05  # it is not the same in floats
    # Values in kernels take one byte instead of four; what describes the network is longer.
    saved = sum(
        sign * file.stat().st_size
        for sign, kind in ((1, "float32"), (-1, "int8"))
        for file in tmp_path.glob(f"{kind}*")
    )
    kernels = sum(x.size for x in _keras.arrays(folder / _keras.WEIGHTS) if x.ndim > 1)
    assert saved > 2 * kernels
    with pytest.raises(CnnbenchError, match="computes something else than TensorFlow"):
        difference(replace(ints, files=Files(other, ints.files.model)))


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", QUANTIZED)
def test_a_file_in_which_nothing_is_quantized_is_refused(name, tmp_path):
    folder = stored(tmp_path, 0, replace(CASE, target=f"{__name__}:softmax"))
    assert difference(exported(name, "float32", folder, tmp_path)) < 1e-5
    with pytest.raises(CnnbenchError, match="nothing in it was quantized: it has"):
        exported(name, "int8", folder, tmp_path)


@pytest.mark.tensorflow
def test_int8_is_calibrated_on_whole_batches_of_other_values_than_those_that_are_run(folder):
    batches = _exported.calibration(folder)
    assert len(batches) * CASE.batch_size == _keras.SAMPLES
    (run,) = _keras.arrays(folder / _keras.INPUTS)
    for (x,) in batches:
        assert (x.shape, x.dtype) == (run.shape, run.dtype)
        assert not np.array_equal(x, run)


@pytest.mark.tensorflow
def test_int8_is_calibrated_on_the_users_data(tmp_path):
    data = np.random.default_rng(0).random((5, 16, 16, 3), np.float32)
    np.savez(tmp_path / "data.npz", data)
    case = replace(CASE, data=str(tmp_path / "data.npz"))
    _keras.stored(Order(case), tmp_path, freeze=False, calibrate=True)
    seen = np.concatenate([x for (x,) in _exported.calibration(tmp_path)])
    np.testing.assert_array_equal(seen, np.concatenate([data] * 7)[: _keras.SAMPLES])


def checked(tmp_path, outputs, returned, dtype="int8"):
    _keras.store(tmp_path / _keras.OUTPUTS, [outputs])
    ready = Prepared(step=lambda: None, outputs=lambda given: [given])
    return worker._difference(
        Order(replace(CASE, dtype=dtype), files=Files(tmp_path)), ready, returned
    )


def test_what_is_nearly_equal_everywhere_is_held_against_how_far_it_lies_apart(tmp_path):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 0.05, 1000)
    outputs = np.exp(logits) / np.exp(logits).sum()
    step = np.ptp(logits) / 255
    rounded = np.exp(np.round(logits / step) * step)
    assert checked(tmp_path, outputs, rounded / rounded.sum()) < 0.01
    with pytest.raises(CnnbenchError, match="int8 explains"):
        checked(tmp_path, outputs, generator.permutation(outputs))
    with pytest.raises(CnnbenchError, match="int8 explains"):
        checked(tmp_path, outputs, np.full(1000, 0.001))
