"""Networks of one's own on TensorFlow: from files, functions and Python, with their own weights."""

from pathlib import Path

import numpy as np
import pytest

import cnnbench
from cnnbench import runtimes
from cnnbench.benchmarking import forward
from cnnbench.cases.case import Case
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError, TargetError
from cnnbench.networks import Network, load
from cnnbench.runner import session, worker
from cnnbench.runs import store
from cnnbench.runtimes import Order, tensorflow

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("undrawn")]

keras = pytest.importorskip("keras")

WEIGHT = 0.25


def constant(filters=2, weight=WEIGHT, name="mine"):
    """A convolution of 1x1 whose weights are all the same, without biases."""
    x = keras.Input((16, 16, 3))
    initializer = keras.initializers.Constant(weight)
    layer = keras.layers.Conv2D(filters, 1, use_bias=False, kernel_initializer=initializer)
    return keras.Model(x, layer(x), name=name)


def trained():
    """The same, whose weights were changed after it had been made."""
    model = constant()
    model.set_weights([np.full((1, 1, 3, 2), 7 * WEIGHT)])
    return model


@pytest.fixture(scope="module")
def ready():
    return session.start("tensorflow")


@pytest.fixture
def elsewhere(ready, tmp_path, monkeypatch):
    """A folder of its own, with children of a server that has started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "start", lambda *runtimes, some=False: ready)
    return tmp_path


# The weights are those of the network


def output(step, monkeypatch):
    """What a forward pass gave, and what went into it."""
    seen, call = [], keras.Model.__call__

    def watched(model, x, **how):
        y = call(model, x, **how)
        seen.append((np.asarray(x), np.asarray(y)))
        return y

    monkeypatch.setattr(keras.Model, "__call__", watched)
    step()
    monkeypatch.undo()
    (pair,) = seen
    return pair


def assert_weighted(step, weight, monkeypatch):
    x, y = output(step, monkeypatch)
    np.testing.assert_allclose(y, np.repeat(weight * x.sum(-1, keepdims=True), 2, -1), rtol=1e-5)
    assert x.std() > 0.1


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_file_is_called_with_its_own_weights(elsewhere, monkeypatch, suffix):
    trained().save(f"mine.{suffix}")
    case = Case(f"mine.{suffix}", (16, 16, 3), batch_size=2, mode="eager")
    ready = tensorflow.prepare(Order(case))
    assert ready.check.equal
    assert ready.check.params == 6
    assert_weighted(ready.step, 7 * WEIGHT, monkeypatch)


def test_a_saved_model_is_called_with_its_own_weights(elsewhere):
    trained().export("saved")
    model = load.opened(Network("saved"), None, values=True)
    x = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    (y,) = keras.tree.flatten(model(x))
    np.testing.assert_allclose(y, np.repeat(7 * WEIGHT * x.sum(-1, keepdims=True), 2, -1), 1e-5)


def test_a_function_is_called_with_the_weights_that_it_gives(elsewhere, monkeypatch):
    case = Case(f"{__name__}:trained", (16, 16, 3), batch_size=2, mode="eager")
    assert_weighted(tensorflow.prepare(Order(case)).step, 7 * WEIGHT, monkeypatch)


def test_a_model_from_python_is_called_as_it_is(monkeypatch):
    step = forward(trained(), batch_size=3, mode="eager")
    assert (step.case.target, step.case.inputs, step.case.batch_size) == ("mine", ((16, 16, 3),), 3)
    assert step.paper.cost.params == 6
    assert_weighted(step, 7 * WEIGHT, monkeypatch)
    assert forward(trained(), (16, 16, 3)).prepared.check.equal


def by_name():
    """Two inputs in a dictionary and two outputs."""
    image = keras.Input((4, 4, 1), name="image")
    words = keras.Input((5,), dtype="int32", name="words")
    read = keras.layers.Flatten()(keras.layers.Embedding(9, 2)(words))
    both = keras.layers.Concatenate()([keras.layers.Flatten()(image), read])
    outputs = [keras.layers.Dense(3)(both), keras.layers.Conv2D(2, 3)(image)]
    return keras.Model({"words": words, "image": image}, outputs, name="by_name")


class Subclassed(keras.Model):
    """A model of one dense layer, which is not built."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize("mode", tensorflow.MODES)
@pytest.mark.parametrize(
    ("make", "size", "params"),
    [
        (constant, None, 6),
        # 9 rows of 2; 16 + 10 values into 3; 3 * 3 weights of each of 2 filters; with biases.
        (by_name, None, 18 + 27 * 3 + 10 * 2),
        (Subclassed, (4,), 15),
    ],
)
def test_a_model_from_python_in_every_mode(make, size, params, mode):
    step = forward(make(), size, mode=mode, batch_size=2)
    step()
    step()
    assert step.prepared.check.equal
    assert step.prepared.check.params == step.paper.cost.params == params
    if mode != "train":
        step.prepared.new_batch()  # of three samples


def test_an_input_of_ones_own_reaches_the_network(elsewhere, monkeypatch):
    np.savez("data.npz", np.full((1, 16, 16, 3), 2.0))
    x, y = output(forward(constant(), batch_size=2, mode="eager", data="data.npz"), monkeypatch)
    np.testing.assert_array_equal(x, np.full((2, 16, 16, 3), 2.0))
    np.testing.assert_allclose(y, np.full((2, 16, 16, 2), 6 * WEIGHT))


def test_a_saved_copy_has_the_weights(tmp_path):
    load.save(trained(), tmp_path / "copy.keras")
    (kernel,) = load.file(tmp_path / "copy.keras", values=True).get_weights()
    np.testing.assert_array_equal(kernel, np.full((1, 1, 3, 2), 7 * WEIGHT))


# From the command line and from Python

QUICK = {"launches": 1, "ceilings": False, "device": "cpu", "time_budget": 60.0}


def test_a_file_beside_a_block_from_the_command_to_the_report(elsewhere, capsys):
    constant().save("mine.keras")
    argv = ("--input", "16x16x3", "--batch", "2", "--launches", "1", "--device", "cpu")
    targets = ("mine.keras", "vgg_block")
    assert main(["run", *targets, *argv, "--no-ceilings", "--time-budget", "60s"]) == 0
    out = capsys.readouterr().out
    (folder,) = Path("reports").iterdir()
    run = store.read(folder)
    assert [m.outcome for m in run.measurements] == ["ok", "ok"]
    for m in run.measurements:
        assert m.check.equal
        assert m.build_ns > 0
        assert m.compile_ns > 0
        assert m.new_batch_ns > 0
        assert len(m.resident_bytes) == 1 + len(m.bursts)
        assert min(m.resident_bytes) > 2**20
        assert m.environment["versions"]["keras"] == keras.__version__
    mine, block = sorted(run.measurements, key=lambda m: m.case.target)
    assert (mine.check.params, block.check.params) == (6, 64 * 28 + 64 * (9 * 64 + 1))
    assert mine.beside == (block.case.id,)
    assert any(line.startswith("vgg_block ") and "38,720" in line for line in out.splitlines())
    page = (folder / "README.md").read_text()
    assert "mine" in page
    frame = cnnbench.results(folder).set_index("label")
    assert (frame.loc["mine", "parameters"], frame.loc["vgg_block", "parameters"]) == (6, 38_720)


def test_models_from_python_are_measured_against_each_other(elsewhere):
    finished = cnnbench.run({"old": constant(), "new one": constant(8)}, **QUICK)
    run = finished.run
    assert [(c.name, c.target) for c in run.plan.cases] == [("old", "old"), ("new one", "new one")]
    assert run.plan.base == "old"
    assert [m.outcome for m in run.measurements] == ["ok", "ok"]
    assert {m.case.name: m.check.params for m in run.measurements} == {"old": 6, "new one": 24}
    assert all(m.check.equal for m in run.measurements)
    assert list(finished.frame().label) == ["old", "new one"]
    # The files for the children are gone, and nobody needs them any more.
    assert not any(Path(case.source).exists() for case in run.plan.cases)
    assert cnnbench.report(finished.folder) == finished.page


def test_one_model_from_python(elsewhere):
    finished = cnnbench.run(constant(name="alone"), batch_size=[1, 2], out="r", **QUICK)
    assert [m.outcome for m in finished.run.measurements] == ["ok", "ok"]
    assert [(c.name, c.batch_size) for c in finished.run.plan.cases] == [("alone", 1), ("alone", 2)]
    assert (finished.run.plan.base, finished.run.plan.together) == ("", ())


# In another type than its own


def layers():
    """Two convolutions with a normalisation between them, in a model in a model."""
    x = keras.Input((16, 16, 3))
    first = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(8, 3)])
    y = keras.layers.BatchNormalization()(first(x))
    y = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="relu")(y))
    return keras.Model(x, keras.layers.Dense(10)(y), name="layers")


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_a_file_and_a_function_in_another_type_compute_what_the_file_computes(name, tmp_path):
    if lacks := runtimes.missing(name):
        pytest.skip(lacks)
    layers().save(tmp_path / "mine.keras")
    load.of_type("layers", layers(), "mixed_bfloat16").save(tmp_path / "mixed.keras")
    networks = {name: str(tmp_path / f"{name}.keras") for name in ("mine", "mixed")}
    networks["function"] = f"{__name__}:layers"
    types = ["float32", "mixed_bfloat16", "bfloat16"]
    finished = cnnbench.run(networks, runtime=name, dtype=types, out=tmp_path / "r", **QUICK)
    found = {(m.case.name, m.case.dtype): m for m in finished.run.measurements}
    assert {m.outcome for m in found.values()} == {"ok"}, [m.detail for m in found.values()]
    assert sorted(found) == sorted((name, dtype) for name in networks for dtype in types)
    for (_, dtype), launch in found.items():
        least = 0 if dtype == "float32" else 1e-4  # it is not float32
        assert least <= launch.difference < worker.TOLERANCE[dtype.removeprefix("mixed_")]
        assert name != "tensorflow" or launch.check.equal
    plan = finished.run.plan
    weights = {case.dtype: plan.paper(case).cost.weight_bytes for case in plan.cases}
    assert weights["float32"] == weights["mixed_bfloat16"] == 2 * weights["bfloat16"]


class Mine(keras.layers.Layer):
    """A layer that only this process knows."""

    def call(self, x):
        return x


def test_a_model_that_no_other_process_can_open_is_refused_before_anything_runs(elsewhere):
    x = keras.Input((4,))
    with pytest.raises(TargetError, match=r"has classes of your own \(Mine\), which another proc"):
        cnnbench.run(keras.Model(x, Mine()(x), name="own"), **QUICK)
    with pytest.raises(CnnbenchError, match="two networks are called mine"):
        cnnbench.run(constant(), constant(3), **QUICK)
    with pytest.raises(TargetError, match="a target is a name, a file"):
        cnnbench.run(3, **QUICK)
    assert list(elsewhere.iterdir()) == []
