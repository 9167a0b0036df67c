"""Layers that prepare data or act in training alone: by hand, and against Keras."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnnbench import layers
from cnnbench.errors import NoRuleError, ShapeError
from cnnbench.graph import RULES, argument_names
from cnnbench.layers.preprocessing import IDENTITY

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")

layers.load_all()

few = settings(max_examples=15)
small = st.integers(1, 9)


def rule_of(layer, shape):
    """Our rule for a Keras layer, as the reader of models calls it."""
    rule = RULES[type(layer).__name__]
    config = layer.get_config()
    return rule(shape, **{name: config[name] for name in argument_names(rule) if name in config})


def assert_agrees(layer, shape):
    """Shape and weights are those of Keras; returns our rule."""
    ours = rule_of(layer, shape)
    assert ours.shape == tuple(layer(keras.Input(batch_shape=shape)).shape)
    names = {w.name: tuple(w.shape) for w in layer.weights if "seed" not in w.path}
    assert {w.name: w.shape for w in ours.weights} == names
    trainable = {w.name for w in layer.trainable_weights}
    assert {w.name for w in ours.weights if w.trainable} == trainable
    return ours


# Scaling


def test_rescaling_is_a_product_and_a_sum_for_each_value():
    rule = assert_agrees(keras.layers.Rescaling(1 / 255), (2, 4, 5, 3))
    assert rule.elementwise == 240  # 2 * 4 * 5 * 3 = 120 values, twice
    assert rule.macs == 0


def test_normalization_works_its_deviation_out_once_a_channel():
    rule = assert_agrees(keras.layers.Normalization(), (2, 4, 5, 3))
    assert rule.elementwise == 246  # 120 values, twice; 3 roots and 3 comparisons
    assert [w.shape for w in rule.weights] == [(3,), (3,), ()]
    assert not any(w.trainable for w in rule.weights)


def test_a_normalization_with_a_given_mean_owns_nothing():
    layer = keras.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0])
    assert assert_agrees(layer, (2, 4, 5, 3)).weights == ()


@few
@given(shape=st.tuples(small, small, small, small), axes=st.lists(st.integers(-4, 3), max_size=3))
def test_normalization_agrees_with_keras_on_any_axes(shape, axes):
    assume(len({a % 4 for a in axes}) == len(axes))
    assert_agrees(keras.layers.Normalization(axis=tuple(axes) or None), shape)


def test_normalization_refuses_an_axis_that_is_not_there():
    with pytest.raises(ShapeError, match="axis must be from -2 to 1; got 2"):
        RULES["Normalization"]((1, 3), axis=2)


# Other sizes


@pytest.mark.parametrize(
    ("arguments", "elementwise"),
    [
        # 2 images of 3 channels and 8 * 10 pixels out: 480 values, 2 * taps - 1 for each
        ({"interpolation": "nearest"}, 0),
        ({"interpolation": "bilinear"}, 480 * 7),  # 2 * 2 taps
        ({"interpolation": "bicubic"}, 480 * 31),  # 4 * 4 taps
        # Rows first, 2 * 3 + 1 taps but there are 4: 2 * 3 * 8 * 5 = 240 values of 4 taps;
        # then columns, of which there are 5: 480 values of 5 taps
        ({"interpolation": "lanczos3"}, 240 * 7 + 480 * 9),
        # Growing: 2 * 1 + 1 taps on each axis in turn
        ({"interpolation": "bilinear", "antialias": True}, 240 * 5 + 480 * 5),
    ],
)
def test_resizing_weighs_the_taps_of_its_window(arguments, elementwise):
    rule = assert_agrees(keras.layers.Resizing(8, 10, **arguments), (2, 4, 5, 3))
    assert rule.elementwise == elementwise


def test_an_antialiased_window_widens_as_the_image_shrinks():
    layer = keras.layers.Resizing(5, 8, antialias=True)
    # Rows: 12 to 5 is ceil(1 * 2.4) = 3 a side, 7 taps on 5 * 8 values; columns stay: 3 taps
    assert assert_agrees(layer, (1, 12, 8, 1)).elementwise == 40 * 13 + 40 * 5


def test_resizing_crops_to_the_aspect_ratio_before_its_axes():
    layer = keras.layers.Resizing(
        4, 4, interpolation="lanczos5", antialias=True, crop_to_aspect_ratio=True
    )
    # 8x12 is cropped to 8x8; halving gives 2 * ceil(5 * 2) + 1 = 21 taps but there are 8:
    # 4 * 8 values, then 4 * 4, each of 8 taps
    assert assert_agrees(layer, (1, 8, 12, 1)).elementwise == (32 + 16) * 15


def test_resizing_to_the_same_size_is_no_work():
    rule = assert_agrees(keras.layers.Resizing(4, 5), (2, 4, 5, 3))
    assert rule.view
    assert rule.elementwise == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interpolation": "area"}, "interpolation must be one of nearest, .*; got 'area'"),
        ({"height": 0}, "height must be a whole number of at least 1; got 0"),
        (
            {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
            "crop_to_aspect_ratio and pad_to_aspect_ratio cannot both be true",
        ),
    ],
)
def test_resizing_refuses_what_it_cannot_take(arguments, message):
    with pytest.raises(ShapeError, match=message):
        RULES["Resizing"]((1, 4, 4, 3), **{"height": 2, "width": 2} | arguments)


def test_a_centre_crop_copies_and_a_larger_one_resizes():
    crop = assert_agrees(keras.layers.CenterCrop(3, 4), (2, 4, 5, 3))
    assert (crop.elementwise, crop.view) == (0, False)
    assert assert_agrees(keras.layers.CenterCrop(4, 5), (2, 4, 5, 3)).view
    grown = assert_agrees(keras.layers.CenterCrop(8, 4), (2, 4, 5, 3))
    assert grown.elementwise == 192 * 7  # 2 * 8 * 4 * 3 values of 4 taps


@few
@given(
    shape=st.tuples(small, small, small, small),
    size=st.tuples(small, small),
    data_format=st.sampled_from(["channels_last", "channels_first"]),
)
def test_resizing_and_cropping_have_the_shapes_of_keras(shape, size, data_format):
    for kind in (keras.layers.Resizing, keras.layers.CenterCrop):
        assert_agrees(kind(*size, data_format=data_format), shape)


def test_masking_compares_combines_and_multiplies():
    assert assert_agrees(keras.layers.Masking(), (2, 5, 3)).elementwise == 90  # 3 * 30


# What acts in training alone


@pytest.mark.parametrize(
    ("layer", "shape", "training", "backward"),
    [
        # 2 * 3 channels are drawn and compared; 2 * 20 * 3 values scaled and selected
        (("SpatialDropout1D", {"rate": 0.5}), (2, 20, 3), 12 + 240, 240),
        (("SpatialDropout2D", {"rate": 0.5}), (2, 4, 5, 3), 12 + 240, 240),
        (
            ("SpatialDropout2D", {"rate": 0.5, "data_format": "channels_first"}),
            (2, 4, 5, 3),
            2 * 8 + 240,  # 2 * 4 channels
            240,
        ),
        (("SpatialDropout3D", {"rate": 0.5}), (2, 2, 2, 5, 3), 12 + 240, 240),
        (("SpatialDropout1D", {"rate": 0.0}), (2, 20, 3), 0, 0),
        (("AlphaDropout", {"rate": 0.5}), (2, 20, 3), 480 + 480, 240),
        # One draw for all steps: 6 of noise, 120 of values
        (
            ("AlphaDropout", {"rate": 0.5, "noise_shape": (None, 1, None)}),
            (2, 20, 3),
            24 + 480,
            240,
        ),
        (("GaussianDropout", {"rate": 0.5}), (2, 20, 3), 480, 120),
        (("GaussianNoise", {"stddev": 0.5}), (2, 20, 3), 480, 0),
        (("ActivityRegularization", {"l1": 0.5}), (2, 20, 3), 240, 360),
        (("ActivityRegularization", {"l1": 0.5, "l2": 1.0}), (2, 20, 3), 480, 600),
        (("ActivityRegularization", {}), (2, 20, 3), 0, 0),
    ],
)
def test_regularization_is_free_at_inference_and_not_in_training(layer, shape, training, backward):
    name, arguments = layer
    rule = assert_agrees(getattr(keras.layers, name)(**arguments), shape)
    assert rule.view
    assert rule.macs == rule.elementwise == 0
    assert (rule.training, rule.backward) == (training, backward)


# What alters images in training

ARGUMENTS = {
    "RandomBrightness": [0.2],
    "RandomColorDegeneration": [0.5],
    "RandomContrast": [0.2],
    "RandomHue": [0.2],
    "RandomPosterization": [4],
    "RandomRotation": [0.2],
    "RandomSaturation": [0.5],
    "RandomSharpness": [0.5],
    "RandomTranslation": [0.2, 0.2],
    "RandomZoom": [0.2],
}


@pytest.mark.parametrize("name", IDENTITY.split())
def test_an_augmentation_passes_its_input_through_at_inference(name):
    layer = getattr(keras.layers, name)(*ARGUMENTS.get(name, []))
    image = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype("float32")
    assert np.array_equal(layer(image, training=False), image)
    rule = rule_of(layer, (2, 8, 8, 3))
    assert rule.view
    assert (rule.shape, rule.macs, rule.elementwise) == ((2, 8, 8, 3), 0, 0)


def test_a_random_crop_has_the_shape_that_keras_says():
    assert assert_agrees(keras.layers.RandomCrop(4, 6), (2, 8, 8, 3)).view
    layer = keras.layers.RandomCrop(4, 6, data_format="channels_first")
    assert assert_agrees(layer, (2, 3, 8, 8)).shape == (2, 3, 4, 6)


def test_contrast_is_stretched_at_inference_too():
    layer = keras.layers.AutoContrast()
    image = np.linspace(10, 20, 2 * 4 * 5 * 3).reshape(2, 4, 5, 3).astype("float32")
    assert not np.array_equal(layer(image, training=False), image)
    rule = assert_agrees(layer, (2, 4, 5, 3))
    # 120 values: 8 on each; 6 channels: 4 for scale and offset less 2 first comparisons
    assert rule.elementwise == 960 + 12
    # To 0 to 255 and back: subtract, divide, multiply, add
    assert rule_of(keras.layers.AutoContrast((0, 1)), (2, 4, 5, 3)).elementwise == 972 + 960


# Numbers as classes


@pytest.mark.parametrize(
    ("layer", "shape", "elementwise"),
    [
        (("Discretization", [0.0, 1.0, 2.0]), (2, 5), 20),  # 3 boundaries take 2 comparisons
        (("Discretization", [float(x) for x in range(8)]), (2, 5), 40),  # 8 take up to 4
        (("Discretization", [0.0, 1.0, 2.0], None, 0.01, "one_hot"), (2, 5), 20 + 40),
        (("Discretization", [0.0, 1.0, 2.0], None, 0.01, "one_hot"), (2, 5, 1), 20 + 40),
        (("Discretization", [0.0, 1.0, 2.0], None, 0.01, "multi_hot"), (2, 5), 20 + 10),
        (("CategoryEncoding", 7, "one_hot"), (2, 5), 70),
        (("CategoryEncoding", 7, "one_hot"), (2, 1), 14),
        (("CategoryEncoding", 7, "multi_hot"), (2, 5), 10),
        (("CategoryEncoding", 7, "count"), (2, 5), 10),
    ],
)
def test_numbers_become_classes(layer, shape, elementwise):
    name, *arguments = layer
    built = getattr(keras.layers, name)(*arguments)
    rule = rule_of(built, shape)
    assert rule.elementwise == elementwise
    assert rule.shape == tuple(built(np.ones(shape, "float32")).shape)


def test_counts_of_three_axes_have_no_rule():
    with pytest.raises(NoRuleError, match="'count' has no rule for an input of 3 axes"):
        RULES["CategoryEncoding"]((2, 3, 4), 7, "count")
    with pytest.raises(NoRuleError, match="it has not been adapted"):
        rule_of(keras.layers.Discretization(num_bins=4), (2, 3))
    with pytest.raises(ShapeError, match=r"output_mode must be 'int', .*; got 'binary'"):
        RULES["CategoryEncoding"]((2, 3), 7, "binary")


# Sound


@pytest.mark.parametrize(
    ("mode", "each"),
    [("real", 0), ("imag", 0), ("stft", 0), ("angle", 1), ("psd", 4), ("magnitude", 5), ("log", 7)],
)
@pytest.mark.parametrize("expand_dims", [True, False])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_spectrogram_is_two_convolutions(mode, each, expand_dims, data_format):
    layer = keras.layers.STFTSpectrogram(
        mode, frame_length=6, frame_step=4, expand_dims=expand_dims, data_format=data_format
    )
    last = data_format == "channels_last"
    rule = assert_agrees(layer, (2, 20, 3) if last else (2, 3, 20))
    # 20 steps hold 4 frames, 4 apart; 6 taps are padded to 8, of 5 frequencies: 2 * 3 * 4 * 5
    kernels = 1 if mode in ("real", "imag") else 2
    assert rule.macs == kernels * 120 * 6
    assert rule.elementwise == each * 120


def test_a_padded_spectrogram_knows_its_taps_inside():
    rule = assert_agrees(
        keras.layers.STFTSpectrogram("real", 3, 1, padding="same", fft_length=4), (1, 5, 1)
    )
    # 5 frames of 3 taps, of which the first and the last stick out; 3 frequencies
    assert (rule.macs, rule.inside) == (5 * 3 * 3, 13 * 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "phase"}, "mode must be one of real, .*; got 'phase'"),
        ({"frame_length": 0}, "frame_length must be a whole number of at least 1; got 0"),
    ],
)
def test_a_spectrogram_refuses_what_it_cannot_take(arguments, message):
    with pytest.raises(ShapeError, match=message):
        RULES["STFTSpectrogram"]((1, 500, 1), **arguments)
