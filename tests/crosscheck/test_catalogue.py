"""The oracle: what we say on paper is what Keras builds, layer by layer.

Keras counts its own weights and infers its own shapes, so agreement is evidence; and the
comparison itself must be able to fail, which the last section shows.
"""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnnbench import blocks, crosscheck
from cnnbench.cases.case import Case
from cnnbench.cost import cost
from cnnbench.crosscheck import profiler
from cnnbench.graph import RULES, trace
from cnnbench.layers.dense import dense
from cnnbench.layers.pool import average_pooling2d, global_average_pooling2d, max_pooling2d
from cnnbench.layers.reshape import pad_channels
from cnnbench.networks import load, reader
from tests.support.readers import disagreements, from_configuration

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")
runtime = pytest.importorskip("cnnbench.runtimes._keras")

CATALOGUE = blocks.catalogue()
BLOCKS = [name for name, entry in CATALOGUE.items() if entry.kind == "block"]

# A model takes up to 3 s to build: fewer examples than Hypothesis's own 100.
few = settings(
    max_examples=200 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def without_values(case):
    """What `runtime.build` builds, but nothing is allocated: only shapes are compared."""
    keras.utils.clear_session(free_memory=False)
    with load.no_values():
        return load.entry(case.network, case.inputs, case.batch_size)


def assert_agrees(case):
    graph = case.graph()
    model = without_values(case)
    check = crosscheck.compare(graph, model)
    assert check.differences == ()
    assert check.equal
    assert check.layers == len(model.layers) == len(graph.nodes)
    assert check.params == model.count_params()
    assert sorted(node.name for node in graph.nodes) == sorted(x.name for x in model.layers)
    assert model.output_shape == cost(graph).output_shape
    return model


# Every entry


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_entry_at_its_defaults(name):
    shape = CATALOGUE[name].input_shape
    model = assert_agrees(Case(name, shape))
    graph = reader.read(model, [shape])
    assert disagreements(graph, profiler.trace(graph, model)) == []
    assert from_configuration(model, [shape]) == graph.to_json()


@pytest.mark.parametrize(
    ("name", "shape", "params"),
    [
        ("googlenet", (65, 40, 4), {"classes": 7}),
        ("resnet18", (64, 47, 1), {"classes": 1}),
        ("resnet34", (33, 32, 3), {"classes": 10, "shortcut": "A"}),
        ("resnet34", (33, 32, 3), {"classes": 10, "shortcut": "C"}),
        ("resnet_cifar", (31, 16, 1), {"depth": 14, "classes": 3, "shortcut": "B"}),
        ("se_resnet50", (40, 32, 3), {"classes": 3, "version": "v1.5", "ratio": 5}),
        ("alexnet", (66, 80, 1), {"classes": 3}),
        ("mobilenet", (40, 33, 4), {"classes": 3, "alpha": 0.3}),
        ("conv_mobilenet", (33, 40, 1), {"classes": 3, "alpha": 0.3}),
        ("squeezenet", (48, 60, 1), {"classes": 3}),
        ("resnet50", (64, 64, 3), {"classes": 2, "version": "v1.5"}),
        ("resnet50", (33, 47, 2), {"classes": 5, "use_bias": True}),
        ("resnet50_tutorial", (70, 101, 1), {"classes": 10}),
        ("vgg16", (32, 40, 1), {"classes": 3}),
        ("vgg19", (39, 32, 6), {"classes": 4}),
    ],
)
def test_a_model_at_other_sizes_and_options(name, shape, params):
    assert_agrees(Case(name, shape, params, batch_size=3))


# Random configurations of every block, small ones more often

channels = st.integers(1, 16) | st.integers(1, 512)
sizes = st.integers(8, 32) | st.integers(8, 256)
maybe = st.booleans()
shortcuts = st.sampled_from("ABC")
kernels = st.integers(1, 7)
steps = st.integers(1, 3)
versions = st.sampled_from(["v1", "v1.5"])
few_times = st.integers(1, 4)


@st.composite
def residual(draw, filters, **strategies):
    params = {filters: draw(channels), "shortcut": draw(shortcuts)}
    params |= {name: draw(values) for name, values in strategies.items()}
    # Zero padding cannot drop channels; equal ones more often, for the identity.
    limit = params[filters] if params["shortcut"] == "A" else 512
    return params, draw(st.just(params[filters]) | st.integers(1, limit))


@st.composite
def bottleneck(draw):
    params = {
        "n_filters": draw(st.integers(1, 128)),
        "expansion": draw(st.integers(1, 6)),
        "shortcut": draw(shortcuts),
    }
    wide = params["n_filters"] * params["expansion"]
    limit = wide if params["shortcut"] == "A" else 512
    return params, draw(st.just(wide) | st.integers(1, limit))


@st.composite
def tutorial(draw, projected):
    params = {
        "f": draw(st.integers(1, 7)),
        "filters": draw(st.tuples(channels, channels, channels)),
        "stage": draw(st.none() | st.integers(2, 5)),
        "block": draw(st.none() | st.sampled_from("abcdef")),
    }
    if not projected:
        return params, params["filters"][2]
    return params | {"s": draw(st.integers(1, 3))}, draw(channels)


def options(**strategies):
    """Parameters, and input channels that do not depend on them."""
    return st.tuples(st.fixed_dictionaries(strategies), channels)


@st.composite
def as_wide(draw, filters=channels, always=True, **strategies):
    """As many input channels as filters, for a block that adds its input; or often as many."""
    params = {"filters": draw(filters)}
    params |= {name: draw(values) for name, values in strategies.items()}
    same = always or params.get("shortcut") is True
    return params, params["filters"] if same else draw(st.just(params["filters"]) | channels)


@st.composite
def grouped(draw, **strategies):
    """Filters and input channels that the groups divide."""
    groups = draw(st.integers(1, 8))
    params = {"filters": groups * draw(st.integers(1, 16)), "groups": groups}
    params |= {name: draw(values) for name, values in strategies.items()}
    return params, groups * draw(st.integers(1, 16))


PARAMETERS = {
    "vgg_block": options(n_filters=channels, n_conv=st.integers(1, 4)),
    "vgg_three_blocks": options(),
    "convlstm_block": options(n_filters=st.integers(1, 64), n_conv=st.integers(1, 3)),
    "naive_inception_module": options(f1=channels, f2=channels, f3=channels),
    "inception_module": options(
        f1=channels,
        f2_in=channels,
        f2_out=channels,
        f3_in=channels,
        f3_out=channels,
        f4_out=channels,
    ),
    "inception_two_modules": options(),
    "residual_module": residual("n_filters"),
    "residual_bottleneck": bottleneck(),
    "resnet_basic": residual("filters", strides=steps, use_bias=maybe),
    "resnet_bottleneck": options(
        filters=st.integers(1, 128), strides=steps, version=versions, use_bias=maybe
    ),
    "resnext_bottleneck": grouped(strides=steps),
    "se_bottleneck": options(
        filters=st.integers(4, 64), strides=steps, version=versions, ratio=st.integers(1, 16)
    ),
    "identity_block": tutorial(projected=False),
    "convolutional_block": tutorial(projected=True),
    "conv_stack": options(filters=channels, kernel_size=kernels, n_conv=few_times, use_bias=maybe),
    "conv_factorised": options(filters=channels, kernel_size=kernels, use_bias=maybe),
    "conv_bn_relu": options(filters=channels, kernel_size=kernels, strides=steps),
    "depthwise_separable": options(filters=channels, kernel_size=kernels, strides=steps),
    "inverted_residual": as_wide(st.integers(1, 64), False, expansion=kernels, strides=steps),
    "xception_block": as_wide(n_conv=few_times),
    "guideline1_width": options(c1=channels, c2=channels, repeats=few_times),
    "guideline2_groups": grouped(repeats=few_times),
    "guideline3_fragments": options(
        filters=channels, fragments=few_times, parallel=maybe, repeats=few_times
    ),
    "guideline4_elementwise": as_wide(
        st.integers(4, 64), False, relu=maybe, shortcut=maybe, repeats=few_times
    ),
    "squeeze_excite": st.tuples(
        st.fixed_dictionaries({"ratio": st.integers(1, 16), "use_bias": maybe}),
        st.integers(16, 512),
    ),
    "fire_module": options(squeeze=channels, expand=channels),
    "dense_block": options(n_layers=few_times, growth_rate=st.integers(1, 64)),
    "convnext_block": options(kernel_size=kernels, expansion=kernels),
}


@pytest.mark.parametrize("name", BLOCKS)
@few
@given(data=st.data())
def test_a_block_with_random_options(name, data):
    assert name in PARAMETERS, "say above which values the options of a new block take"
    params, depth = data.draw(PARAMETERS[name], label="options and input channels")
    assert set(params) == set(CATALOGUE[name].params)
    *axes, _ = CATALOGUE[name].input_shape
    shape = (*(data.draw(sizes, label="size") for _ in axes), depth)
    assert_agrees(Case(name, shape, params, batch_size=data.draw(st.integers(1, 4))))


# Blocks in people's own Keras models


def test_a_block_is_part_of_a_persons_own_functional_model():
    from cnnbench.blocks.inception import inception_module
    from cnnbench.blocks.vgg import vgg_block

    keras.utils.clear_session(free_memory=False)
    x = inputs = keras.Input((32, 32, 3))
    x = vgg_block(x, n_filters=8, n_conv=2)
    x = inception_module(x, 4, 3, 5, 2, 6, 7)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(10)(x))

    # vgg: 3 * 3 * 3 * 8 + 8 = 224, 3 * 3 * 8 * 8 + 8 = 584
    # module on 8: 8 * 4 + 4 = 36, 8 * 3 + 3 = 27, 9 * 3 * 5 + 5 = 140, 8 * 2 + 2 = 18,
    #   25 * 2 * 6 + 6 = 306, 8 * 7 + 7 = 63; 4 + 5 + 6 + 7 = 22 channels
    # dense: 22 * 10 + 10 = 230
    assert model.count_params() == 224 + 584 + 36 + 27 + 140 + 18 + 306 + 63 + 230
    assert model.output_shape == (None, 10)
    assert model(np.zeros((2, 32, 32, 3), "float32")).shape == (2, 10)

    def same(x):
        x = inception_module(vgg_block(x, 8, 2), 4, 3, 5, 2, 6, 7)
        return dense(global_average_pooling2d(x), 10)

    assert crosscheck.compare(trace(same, (32, 32, 3)), model).differences == ()


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_takes_a_keras_tensor_of_any_batch_and_gives_our_output_shape(name):
    entry = CATALOGUE[name]
    out = entry.function(keras.Input(entry.input_shape))
    assert tuple(out.shape) == (None, *cost(entry.trace()).output_shape[1:])


# Keras' ConvLSTM2D refuses an open size: blocks on images only.
@pytest.mark.parametrize("name", [n for n in BLOCKS if len(CATALOGUE[n].input_shape) == 3])
def test_a_block_takes_a_keras_tensor_of_open_size(name):
    entry = CATALOGUE[name]
    depth = entry.input_shape[-1]
    out = entry.function(keras.Input((None, None, depth)))
    assert tuple(out.shape) == (None, None, None, cost(entry.trace()).output_shape[-1])


def test_option_as_shortcut_keeps_every_value_and_appends_zeros():
    inputs = keras.Input((4, 5, 3))
    model = keras.Model(inputs, pad_channels(inputs, 8))
    assert model.count_params() == 0
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype("float32")
    y = np.asarray(model(x))
    assert y.shape == (2, 4, 5, 8)
    np.testing.assert_array_equal(y[..., :3], x)
    np.testing.assert_array_equal(y[..., 3:], 0)


def test_a_residual_module_with_zero_weights_is_the_relu_of_its_shortcut():
    case = Case("residual_module", (4, 5, 3), {"n_filters": 8, "shortcut": "A"}, batch_size=2)
    model = runtime.build(case)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype("float32")
    y = np.asarray(model(x))
    np.testing.assert_array_equal(y[..., :3], np.maximum(x, 0))
    np.testing.assert_array_equal(y[..., 3:], 0)


# The comparison can fail

BATCH = "BatchNormalization"


@pytest.fixture
def wrong(monkeypatch):
    """Replace the rule of a layer by one that changes what it returns."""

    def replaced(op, change):
        rule = RULES[op]
        monkeypatch.setitem(RULES, op, lambda *args, **attrs: change(rule(*args, **attrs)))

    return replaced


def differences(name, shape, **params):
    case = Case(name, shape, params)
    return crosscheck.compare(case.graph(), runtime.build(case)).differences


def test_a_rule_that_forgets_the_bias_is_found(wrong):
    wrong("Conv2D", lambda rule: replace(rule, weights=rule.weights[:1]))
    # 3 * 3 * 3 * 4 = 108, and 4 biases
    assert differences("vgg_block", (8, 8, 3), n_filters=4, n_conv=1) == (
        "conv2d: parameters: 108 on paper, 112 in Keras",
        "conv2d: trainable parameters: 108 on paper, 112 in Keras",
        "total: parameters: 108 on paper, 112 in Keras",
        "total: trainable parameters: 108 on paper, 112 in Keras",
    )


def test_a_rule_with_a_wrong_output_shape_is_found_where_it_begins(wrong):
    wrong("Conv2D", lambda rule: replace(rule, shape=(*rule.shape[:3], rule.shape[3] + 1)))
    found = differences("vgg_block", (8, 8, 3), n_filters=4, n_conv=1)
    assert found == (
        "conv2d: output: 8x8x5 on paper, 8x8x4 in Keras",
        "max_pooling2d: output: 4x4x5 on paper, 4x4x4 in Keras",
    )


def test_a_rule_that_rounds_a_stride_the_wrong_way_is_found(wrong):
    def floored(rule):
        n, h, w, c = rule.shape
        return replace(rule, shape=(n, h - 1, w, c)) if h == 3 else rule

    wrong("Conv2D", floored)
    found = differences("resnet_basic", (5, 5, 2), filters=2, strides=2)
    assert found[0] == "conv2d: output: 2x3x2 on paper, 3x3x2 in Keras"


def test_a_rule_that_trains_the_moving_statistics_is_found(wrong):
    wrong(
        BATCH,
        lambda rule: replace(
            rule, weights=tuple(replace(weight, trainable=True) for weight in rule.weights)
        ),
    )
    found = differences("resnet_basic", (4, 4, 2), filters=2)
    # Two layers of 2 channels: 8 weights each, of which 4 are trained; 2 * 9 * 2 * 2 = 72
    assert found == (
        "batch_normalization: trainable parameters: 8 on paper, 4 in Keras",
        "batch_normalization_1: trainable parameters: 8 on paper, 4 in Keras",
        "total: trainable parameters: 88 on paper, 80 in Keras",
    )


def test_errors_that_cancel_in_the_total_are_found_in_the_layers(wrong):
    """Why it is not enough to compare totals."""
    seen = iter((-4, 4))

    def swapped(rule):
        kernel, bias = rule.weights
        return replace(rule, weights=(kernel, replace(bias, shape=(4 + next(seen),))))

    wrong("Conv2D", swapped)
    assert differences("vgg_block", (8, 8, 4), n_filters=4, n_conv=2) == (
        "conv2d: parameters: 144 on paper, 148 in Keras",
        "conv2d: trainable parameters: 144 on paper, 148 in Keras",
        "conv2d_1: parameters: 152 on paper, 148 in Keras",
        "conv2d_1: trainable parameters: 152 on paper, 148 in Keras",
    )


def test_a_layer_that_only_one_of_them_has_is_found():
    case = Case("vgg_block", (8, 8, 3), {"n_filters": 4, "n_conv": 1})
    longer = replace(case, params={"n_filters": 4, "n_conv": 2})
    assert crosscheck.compare(longer.graph(), runtime.build(case)).differences == (
        "conv2d_1: on paper, not in Keras",
        "total: parameters: 260 on paper, 112 in Keras",
        "total: trainable parameters: 260 on paper, 112 in Keras",
    )
    assert crosscheck.compare(case.graph(), runtime.build(longer)).differences[0] == (
        "conv2d_1: in Keras, not on paper"
    )


def test_a_layer_of_another_kind_under_the_same_name_is_found():
    keras.utils.clear_session(free_memory=False)
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, max_pooling2d(inputs, name="pool"))
    graph = trace(average_pooling2d, (8, 8, 3), pool_size=2, name="pool")
    assert crosscheck.compare(graph, model).differences == (
        "pool: type: AveragePooling2D on paper, MaxPooling2D in Keras",
    )
