"""Changes of layers that keep what a network computes."""

import numpy as np
import pytest

from cnnbench.networks import rewriting

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")
layers = keras.layers


def with_values(model):
    """A model whose weights are all different, as if it had been trained."""
    draw = np.random.default_rng(0)
    model.set_weights([draw.uniform(0.5, 1.5, w.shape).astype("float32") for w in model.weights])
    return model


def apart(one, other, shape):
    x = np.random.default_rng(1).uniform(-1, 1, (2, *shape)).astype("float32")
    right = one.predict(x, verbose=0)
    return np.max(np.abs(other.predict(x, verbose=0) - right)) / np.max(np.abs(right))


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def normalised():
    x = start = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="after_conv")(x)
    x = layers.ReLU()(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    x = layers.BatchNormalization(scale=False, name="after_depthwise")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(5, name="dense")(x)
    x = layers.BatchNormalization(center=False, name="after_dense")(x)
    return with_values(keras.Model(start, x))


def test_batch_norm_becomes_part_of_the_layer_before_it():
    model = normalised()
    found = rewriting.folded(model)
    assert "BatchNormalization" in kinds(model)
    assert "BatchNormalization" not in kinds(found)
    assert apart(model, found, (8, 8, 3)) < 1e-5
    # Kernels, and a bias for each of 4, 8 and 5 channels.
    assert found.count_params() == 3 * 3 * 3 * 4 + 4 + 3 * 3 * 8 + 8 + 8 * 5 + 5


@pytest.mark.parametrize("why", ["activation", "read twice", "nothing before", "another axis"])
def test_batch_norm_stays_where_it_cannot_be_folded(why):
    x = start = keras.Input((8, 8, 4))
    if why != "nothing before":
        x = conv = layers.Conv2D(4, 3, activation="relu" if why == "activation" else None)(x)
    x = layers.BatchNormalization(axis=1 if why == "another axis" else -1)(x)
    if why == "read twice":
        x = layers.Add()([x, conv])
    assert rewriting.folded(keras.Model(start, x)) is None


def test_only_some_are_folded_and_the_others_keep_their_values():
    x = start = keras.Input((8, 8, 4))
    x = layers.BatchNormalization(name="first")(x)
    x = layers.Conv2D(4, 3, name="conv")(x)
    x = layers.BatchNormalization(name="second")(x)
    model = with_values(keras.Model(start, x))
    found = rewriting.folded(model)
    assert kinds(found).count("BatchNormalization") == 1
    assert apart(model, found, (8, 8, 4)) < 1e-5


def test_a_sequential_model_can_be_changed_too():
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(2, 3), layers.BatchNormalization()]
    )
    found = rewriting.folded(with_values(model))
    assert apart(model, found, (8, 8, 3)) < 1e-5


def test_a_plain_convolution_computes_what_a_depthwise_one_does():
    x = start = keras.Input((9, 9, 3))
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu", name="d")(x)
    x = layers.DepthwiseConv2D((1, 3), use_bias=False, dilation_rate=2, name="e")(x)
    model = with_values(keras.Model(start, x))
    found = rewriting.plain(model)
    assert kinds(found)[1:] == ["Conv2D", "Conv2D"]
    assert found.count_params() == 3 * 3 * 3 * 3 + 3 + 3 * 3 * 3
    assert apart(model, found, (9, 9, 3)) < 1e-6


def test_without_a_depthwise_convolution_of_one_multiplier_there_is_nothing_to_change():
    x = start = keras.Input((9, 9, 3))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    assert rewriting.plain(keras.Model(start, x)) is None


def test_a_change_that_would_take_gigabytes_is_none(monkeypatch):
    model = keras.Sequential([keras.Input((9, 9, 8)), layers.DepthwiseConv2D(3)])
    assert rewriting.plain(model) is not None
    monkeypatch.setattr(rewriting, "MOST_WEIGHTS", 8 * 8 * 9 - 1)
    assert rewriting.plain(model) is None
