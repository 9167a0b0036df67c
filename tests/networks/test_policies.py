"""A network of one's own in another type: made again from its configuration, with its weights."""

import numpy as np
import pytest

from cnnbench.errors import TargetError
from cnnbench.networks import Network, configuration, load, named, policies, stored
from cnnbench.networks.reader import read
from cnnbench.runner.worker import TOLERANCE

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")

SIZE = ((16, 16, 3),)


def functional(dtype=None, head=None):
    """A network with another in it, a wrapper, and an addition."""
    x = keras.Input(SIZE[0])
    inner = keras.Sequential(
        [
            keras.Input((14, 14, 4)),
            keras.layers.BatchNormalization(dtype=dtype),
            keras.layers.ReLU(dtype=dtype),
        ]
    )
    y = inner(keras.layers.Conv2D(4, 3, dtype=dtype)(x))
    y = keras.layers.Add(dtype=dtype)([y, keras.layers.ReLU(dtype=dtype)(y)])
    y = keras.layers.TimeDistributed(keras.layers.Dense(3, dtype=dtype), dtype=dtype)(y)
    y = keras.layers.GlobalAveragePooling2D(dtype=dtype)(y)
    return keras.Model(x, keras.layers.Dense(2, dtype=head or dtype)(y), name="mine")


def sequential():
    layers = [keras.Input(SIZE[0]), keras.layers.Conv2D(4, 3), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(5)], name="mine")


@keras.saving.register_keras_serializable("tests")
class Pair(keras.layers.Layer):
    """A layer that makes others, of which its configuration says nothing."""

    def __init__(self, **how):
        super().__init__(**how)
        self.inner = keras.layers.Conv2D(2, 1)

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x)


class Subclassed(keras.Model):
    def __init__(self, units, **how):
        super().__init__(**how)
        self.dense = keras.layers.Dense(units)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return {**super().get_config(), "units": self.dense.units}


class WithoutConfig(Subclassed):
    def get_config(self):
        raise NotImplementedError


def with_own_layer():
    """With operations too, whose own type is left as it is."""
    x = keras.Input(SIZE[0])
    y = keras.ops.cast(2 * Pair()(x), "float32")
    return keras.Model(x, keras.layers.Flatten()(y), name="mine")


def varied(model):
    generator = np.random.default_rng(0)
    model.set_weights([w + generator.uniform(0, 0.1, w.shape) for w in model.get_weights()])
    return model


def outputs(model):
    x = np.random.default_rng(1).random((2, *SIZE[0]), np.float32)
    return np.asarray(keras.ops.convert_to_numpy(model(x, training=False)), np.float32)


def types(model):
    layers = (x for x in model._flatten_layers() if not isinstance(x, keras.layers.InputLayer))
    return {layer.dtype_policy.name for layer in layers}


@pytest.mark.parametrize("make", [functional, sequential, with_own_layer])
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16", "float16"])
def test_every_layer_computes_in_the_type_and_has_its_weights(make, dtype):
    model = varied(make())
    made = load.of_type("mine", model, dtype)
    assert types(made) == {dtype}
    assert {policies.own(made).name, keras.config.dtype_policy().name} == {dtype, "float32"}
    right = outputs(model)
    assert types(model) == {"float32"}
    gap = np.max(np.abs(outputs(made) - right)) / np.max(np.abs(right))
    assert 0 < gap < TOLERANCE[dtype.removeprefix("mixed_")]
    assert load.of_type("mine", made, dtype) is made


@pytest.mark.parametrize("suffix", ["keras", "h5", "json"])
@pytest.mark.parametrize("values", [True, False])
def test_a_file_in_another_type(tmp_path, suffix, values):
    model, path = varied(functional()), tmp_path / f"mine.{suffix}"
    path.write_text(model.to_json()) if suffix == "json" else model.save(path)
    network = Network(str(path))
    made = load.opened(network, None, "mixed_bfloat16", values)
    assert types(made) == {"mixed_bfloat16"}
    assert [w._value is not None for w in made.weights] == [values] * len(model.weights)
    if values and suffix != "json":  # which holds none
        for mine, other in zip(made.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other)
    assert network.as_run(SIZE, 2, "mixed_bfloat16").dtype == "bfloat16"


def test_the_weights_of_a_model_without_values_come_later():
    with load.no_values():
        made = load.of_type("mine", functional(), "mixed_bfloat16")
    assert all(weight._value is None for weight in made.weights)
    assert [w.shape for w in made.weights] == [w.shape for w in functional().weights]


def test_its_own_type_is_that_of_most_layers(tmp_path):
    model = functional("mixed_float16", head="float32")
    assert policies.own(model).name == "mixed_float16"
    model.save(tmp_path / "mine.keras")
    spec = stored.configuration(tmp_path / "mine.keras")
    assert configuration.read(spec, SIZE).dtype == read(model, SIZE).dtype == "float16"
    network = Network(str(tmp_path / "mine.keras"))
    assert types(network.keras()) == {"mixed_float16", "float32"}
    assert types(network.keras(dtype="float16")) == {"mixed_float16", "float32"}  # as it is
    assert types(network.keras(dtype="float32")) == {"float32"}
    assert types(network.keras()) == {"mixed_float16", "float32"}


def from_file(path):
    return keras.saving.load_model(path)


def test_what_a_function_reads_from_a_file_does_not_follow_the_usual_type(tmp_path):
    path = str(tmp_path / "mine.keras")
    functional().save(path)
    try:
        network = Network(f"{__name__}:from_file", {"path": path})
        assert types(load.opened(network, None, "bfloat16", values=True)) == {"bfloat16"}
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_subclassed_model_has_the_layers_that_it_makes_in_the_type():
    model = Subclassed(3)
    model(np.ones((1, 4), np.float32))
    made = load.of_type("mine", model, "mixed_bfloat16")
    assert types(made) == {"mixed_bfloat16"}
    np.testing.assert_array_equal(made.get_weights()[0], model.get_weights()[0])


def quantized():
    model = sequential()
    model.quantize("int8", filters="dense.*")
    return model


def saved_model(tmp_path):
    sequential().export(tmp_path / "saved", verbose=False)
    return load.file(tmp_path / "saved")


def test_what_cannot_be_made_again_is_refused_in_one_line(tmp_path):
    cases = {
        "it is quantized": quantized(),
        "TFSMLayer is a program that Keras did not make": saved_model(tmp_path),
        "NotImplementedError": WithoutConfig(3),
    }
    for why, model in cases.items():
        with pytest.raises(TargetError, match=f"cannot be changed to float16: .*{why}") as found:
            named(model).keras(dtype="float16")
        assert "\n" not in str(found.value)
        assert str(found.value).endswith("; without --dtype it runs as it is")
