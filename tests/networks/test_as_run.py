"""What is counted before a run is what runs: the same graph, types and sizes."""

import pytest

from cnnbench.benchmarking import forward
from cnnbench.cases.paper import digest
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError, ShapeError
from cnnbench.graph import in_precision
from cnnbench.networks import Network, load, named
from cnnbench.networks.reader import read

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")

SIZE = ((32, 32, 3),)


def mine(classes=2, head="float32"):
    """A network whose last layer is of a type of its own."""
    x = keras.Input(SIZE[0])
    y = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(x))
    return keras.Model(x, keras.layers.Dense(classes, dtype=head)(y), name="mine")


@pytest.fixture(autouse=True)
def _float32_after():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "mine.keras"
    mine().save(path)
    return str(path)


def planned_and_launched(target, dtype):
    """The graph that is planned, and that of the model that a launch builds afresh."""
    graph = Network(target).as_run(SIZE, 2, dtype)
    keras.config.set_dtype_policy("float32")  # as in another process
    model = load.opened(Network(target), SIZE, dtype or graph.dtype, values=True)
    assert all(variable._value is not None for variable in model.weights)
    return graph, read(model, SIZE, 2)


@pytest.mark.parametrize("dtype", [None, "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("target", ["MobileNet", f"{__name__}:mine"])
def test_a_network_is_launched_in_the_types_that_were_counted(target, dtype):
    planned, launched = planned_and_launched(target, dtype)
    assert planned.dtype == (dtype or "float32")
    assert digest(planned) == digest(launched)
    heads = {node.dtype or planned.dtype for node in planned.nodes if node.op == "Dense"}
    assert heads == ({"float32"} if target.endswith("mine") else set())


@pytest.mark.parametrize("dtype", [None, "float32", "float16", "mixed_bfloat16"])
def test_a_file_is_launched_as_it_was_counted(file, dtype):
    planned, launched = planned_and_launched(file, dtype)
    assert digest(planned) == digest(launched)
    assert planned.dtype == (dtype or "float32").removeprefix("mixed_")
    assert {node.dtype for node in planned.nodes if node.op == "Dense"} == {planned.dtype}
    stored = "float16" if dtype == "float16" else "float32"
    assert {node.weight_dtype for node in planned.nodes if node.op == "Dense"} == {stored}


def test_a_model_from_python_is_counted_and_called_in_another_type():
    model = mine()
    network = named(model)
    own, other = (network.as_run(SIZE, 1, dtype) for dtype in ("float32", "bfloat16"))
    assert (own.dtype, other.dtype) == ("float32", "bfloat16")
    step = forward(model, dtype="bfloat16", mode="eager")
    assert step.paper.digest == digest(other) != digest(own)
    assert step.prepared.check.equal
    assert step().dtype == "bfloat16"
    assert model(keras.ops.ones((1, *SIZE[0]))).dtype == "float32"


@pytest.mark.parametrize("dtype", ["float8", ""])
@pytest.mark.parametrize("target", ["MobileNet", f"{__name__}:mine", "gone.keras", "vgg_block"])
def test_an_unknown_type_is_refused_before_anything_is_opened(target, dtype):
    with pytest.raises(ShapeError, match=f"mixed_bfloat16, int8; got '{dtype}'"):
        Network(target).as_run(SIZE, 1, dtype)
    with pytest.raises(CnnbenchError, match=f"no file gone|int8; got '{dtype}'"):
        Network(target).trace(SIZE, 1, dtype)


def test_what_can_be_counted_but_not_run_is_refused(file):
    # Its convolution takes any size, so the rules can count it.
    assert Network(file).trace([(40, 40, 3)]).nodes[1].rule.shape == (1, 38, 38, 4)
    for network in (Network(file), Network(f"{__name__}:mine"), named(mine())):
        with pytest.raises(ShapeError, match="is made for 32x32x3, and Keras runs it at no other"):
            network.as_run([(40, 40, 3)])
    with pytest.raises(ValueError, match=r"expected shape=\(None, 32, 32, 3\)"):  # Keras agrees
        mine()(keras.ops.ones((1, 40, 40, 3)))


def test_sizes_that_are_left_open_are_the_callers(tmp_path):
    x = keras.Input((None, 8, 3))
    network = named(keras.Model(x, keras.layers.Conv2D(2, 3)(x), name="wide"))
    assert network.as_run([(40, 8, 3)]).nodes[1].rule.shape == (1, 38, 6, 2)
    with pytest.raises(ShapeError, match=r"wide is made for \?x8x3, and Keras runs it at no other"):
        network.as_run([(40, 9, 3)])


def test_an_application_is_built_for_the_size_that_is_asked_for():
    graph = Network("MobileNet").as_run([(64, 32, 3)])
    assert graph.nodes[0].rule.shape == (1, 64, 32, 3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_what_an_exported_file_runs_in_another_type_is_what_keras_runs_in_it(dtype):
    """They share their costs on paper: a file is planned from a network of floats."""
    own = in_precision(Network("MobileNetV2").as_run(((96, 96, 3),)), dtype)
    other = Network("MobileNetV2").as_run(((96, 96, 3),), dtype=dtype)
    assert digest(own) == digest(other)
    assert cost(own).activation_bytes == cost(other).activation_bytes
