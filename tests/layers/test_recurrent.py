"""Recurrent layers: shapes and weights against Keras, work by hand and against TensorFlow."""

import os
from math import prod

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnnbench import layers
from cnnbench.errors import ShapeError
from cnnbench.graph import RULES, argument_names

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

layers.load_all()

few = settings(max_examples=200 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 15)
small = st.integers(1, 5)
maybe = st.booleans()
axes = st.sampled_from(["channels_last", "channels_first"])


def rule_of(layer, shape):
    """Our rule for a Keras layer, as the reader of models calls it."""
    rule = RULES[type(layer).__name__]
    config = layer.get_config()
    return rule(shape, **{name: config[name] for name in argument_names(rule) if name in config})


def assert_agrees(layer, shape):
    """Shapes and weights are those of Keras; returns our rule."""
    ours = rule_of(layer, shape)
    outputs = keras.tree.flatten(layer(keras.KerasTensor(shape)))
    assert [ours.shape, *ours.others] == [tuple(x.shape) for x in outputs]
    assert [(w.name, w.shape) for w in ours.weights] == [
        (w.name, tuple(w.shape)) for w in layer.weights
    ]
    assert sum(prod(w.shape) for w in ours.weights) == layer.count_params()
    return ours


def counted(call, *shapes):
    """Floating-point operations of matrix products and convolutions, by TensorFlow."""
    from tensorflow.python.framework.ops import get_stats_for_node_def

    graph = tf.function(call).get_concrete_function(*map(tf.TensorSpec, shapes)).graph
    return sum(
        int(get_stats_for_node_def(graph, node, "flops").value or 0)
        for node in graph.as_graph_def().node
        if node.op in ("MatMul", "Conv2D", "Conv3D")
    )


# Against Keras


@few
@given(
    kind=st.sampled_from(["SimpleRNN", "LSTM", "GRU"]),
    shape=st.tuples(small, small, small),
    units=small,
    use_bias=maybe,
    return_sequences=maybe,
    return_state=maybe,
    go_backwards=maybe,
)
def test_a_recurrent_layer_agrees_with_keras(kind, shape, **arguments):
    assert_agrees(getattr(keras.layers, kind)(**arguments), shape)


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_gru_that_resets_before_has_one_bias(use_bias):
    assert_agrees(keras.layers.GRU(4, reset_after=False, use_bias=use_bias), (2, 5, 3))


@few
@given(
    rank=st.integers(1, 3),
    batch=st.integers(1, 2),
    steps=small,
    spatial=st.tuples(*[st.integers(3, 6)] * 3),
    channels=small,
    filters=small,
    kernel_size=st.integers(1, 3),
    strides=st.integers(1, 2),
    dilation_rate=st.integers(1, 2),
    padding=st.sampled_from(["same", "valid"]),
    data_format=axes,
    return_sequences=maybe,
    return_state=maybe,
    use_bias=maybe,
)
def test_a_convolutional_lstm_agrees_with_keras(
    rank, batch, steps, spatial, channels, data_format, **arguments
):
    reach = arguments["dilation_rate"] * (arguments["kernel_size"] - 1) + 1
    assume(arguments["padding"] == "same" or reach <= min(spatial[:rank]))
    assume(arguments["strides"] == 1 or arguments["dilation_rate"] == 1)
    image = (*spatial[:rank], channels)
    if data_format == "channels_first":
        image = (channels, *spatial[:rank])
    layer = getattr(keras.layers, f"ConvLSTM{rank}D")(data_format=data_format, **arguments)
    assert_agrees(layer, (batch, steps, *image))


@pytest.mark.parametrize(
    ("cell", "states"),
    [("SimpleRNNCell", 1), ("LSTMCell", 2), ("GRUCell", 1)],
)
def test_a_cell_by_itself_is_one_step(cell, states):
    layer = getattr(keras.layers, cell)(4)
    ours = rule_of(layer, (2, 3))
    outputs = layer(keras.KerasTensor((2, 3)), [keras.KerasTensor((2, 4))] * states)
    shapes = [tuple(x.shape) for x in keras.tree.flatten(outputs)]
    assert [ours.shape, *ours.others] == shapes
    whole = RULES[cell.removesuffix("Cell")]((2, 5, 3), 4)
    assert whole.macs == 5 * ours.macs
    assert whole.elementwise == 5 * ours.elementwise


@pytest.mark.parametrize(
    ("cell", "states"), [("SimpleRNNCell", 1), ("LSTMCell", 2), ("GRUCell", 1)]
)
def test_the_macs_of_a_cell_are_half_of_what_tensorflow_counts(cell, states):
    layer = getattr(keras.layers, cell)(7)
    total = counted(lambda x, *s: layer(x, list(s)), (3, 5), *[(3, 7)] * states)
    assert 2 * rule_of(layer, (3, 5)).macs == total


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_macs_of_a_convolutional_lstm_are_half_of_what_tensorflow_counts(padding):
    # One step unrolled, of which TensorFlow sees each convolution.
    layer = keras.layers.ConvLSTM2D(3, (3, 2), strides=2, padding=padding)
    shape = (2, 1, 9, 8, 4)
    layer.build(shape)
    state = layer.cell.compute_output_shape((2, 9, 8, 4))[0]
    total = counted(lambda x, h, c: layer.cell(x, [h, c]), (2, 9, 8, 4), state, state)
    assert 2 * rule_of(layer, shape).macs == total


# By hand


def test_an_lstm_by_hand():
    rule = RULES["LSTM"]((2, 5, 3), 4, return_sequences=True, return_state=True)
    assert sum(prod(w.shape) for w in rule.weights) == 128  # 4 * 4 * (3 + 4 + 1)
    # 2 samples, 5 steps, 16 gate values, each of 3 and of 4 terms
    assert rule.macs == 160 * 7
    assert rule.products == 160 * 4
    # On 160 gate values a sum and a bias; on 40 of the state 3 sigmoids of 4, 2 tanh and 4
    assert rule.elementwise == 160 * 2 + 40 * 18
    assert rule.scratch == 2 * 16 + 2 * 8  # gates and two states of one step
    assert rule.backward == 160 + 40 * (3 * 3 + 2 * 3 + 8)
    assert (rule.shape, rule.others) == ((2, 5, 4), ((2, 4), (2, 4)))


def test_a_gru_by_hand():
    rule = RULES["GRU"]((2, 5, 3), 4)
    # 3 gates of 4 units: 12 * (3 + 4) and two biases
    assert sum(prod(w.shape) for w in rule.weights) == 84 + 24
    assert (rule.macs, rule.products) == (120 * 7, 120 * 4)
    # On 120 gate values a sum and two biases; on 40 of the state 2 sigmoids of 4, tanh and 5:
    # r * (h U), z * h, 1 - z, times g, add
    assert rule.elementwise == 120 * 3 + 40 * 14
    before = RULES["GRU"]((2, 5, 3), 4, reset_after=False)
    assert before.elementwise == 120 * 2 + 40 * 14
    assert RULES["GRU"]((2, 5, 3), 4, use_bias=False).elementwise == 120 + 40 * 14


def test_a_simple_rnn_by_hand():
    rule = RULES["SimpleRNN"]((2, 5, 3), 4, activation="relu")
    assert (rule.macs, rule.products) == (40 * 7, 40 * 4)
    assert rule.elementwise == 40 * 3  # a sum, a bias, one comparison
    assert rule.backward == 40 * 3


def test_a_convolutional_lstm_by_hand():
    rule = RULES["ConvLSTM2D"]((2, 5, 6, 7, 3), 4, 3)
    # 4 * 4 gates of 3 * 3 * 3 and 3 * 3 * 4 taps and a bias
    assert sum(prod(w.shape) for w in rule.weights) == 16 * (27 + 36 + 1)
    assert rule.shape == (2, 4, 5, 4)
    # 2 * 5 * 4 * 5 * 16 = 3200 gate values
    assert (rule.macs, rule.products) == (3200 * 63, 3200 * 36)
    assert rule.elementwise == 3200 * 2 + 800 * 18
    # The valid convolution is all inside. Of the padded one on 4 x 5, 3 * 4 - 2 = 10 and
    # 3 * 5 - 2 = 13 pairs of position and tap on the axes are: 130 of 180
    assert rule.inside == 3200 * 27 + 2 * 5 * 16 * 130 * 4
    assert rule.scratch == 640 + 2 * 160


def test_the_state_of_a_strided_convolutional_lstm_is_convolved_without_strides():
    rule = RULES["ConvLSTM1D"]((1, 1, 7, 1), 1, 3, strides=2, padding="same")
    # 4 positions with 3 taps each, of which the first and the last stick out: 10 on the input
    # and, with stride 1, 10 on the state; for each of 4 gates
    assert rule.macs == 4 * (12 + 12)
    assert rule.inside == 4 * (10 + 10)


def test_half_a_billion_parameters_are_exact():
    rule = RULES["ConvLSTM2D"]((1, 10, 256, 256, 3), 4000, 3, padding="same")
    # 16000 * (27 + 36000 + 1)
    assert sum(prod(w.shape) for w in rule.weights) == 576_448_000
    # 10 * 256 * 256 * 16000 gate values of 36027 taps
    assert rule.macs == 377_770_475_520_000


@pytest.mark.parametrize(
    ("kind", "shape", "arguments", "message"),
    [
        ("LSTM", (2, 3), {"units": 4}, r"expected a sequence of shape \(n, steps, c\); got 2x3"),
        ("LSTM", (2, 3, 4, 5), {"units": 4}, "expected a sequence of shape .*; got 2x3x4x5"),
        ("LSTM", (2, 3, 4), {"units": 0}, "units must be a whole number of at least 1; got 0"),
        ("LSTMCell", (2, 3, 4), {"units": 4}, r"expected one step of shape \(n, c\); got 2x3x4"),
        (
            "ConvLSTM2D",
            (2, 8, 8, 3),
            {"filters": 4, "kernel_size": 3},
            "expected a sequence of shape 5 axes, .* got 2x8x8x3",
        ),
        (
            "ConvLSTM2D",
            (2, 5, 8, 8, 3),
            {"filters": 4, "kernel_size": 3, "strides": 2, "dilation_rate": 2},
            "cannot both exceed 1",
        ),
    ],
)
def test_a_recurrent_layer_refuses_what_it_cannot_take(kind, shape, arguments, message):
    with pytest.raises(ShapeError, match=message):
        RULES[kind](shape, **arguments)


def test_recurrent_rules_take_symbols():
    import sympy

    n, t, c, u = sympy.symbols("n t c u", positive=True, integer=True)
    rule = RULES["LSTM"]((n, t, c), u)
    assert sympy.expand(rule.macs - 4 * n * t * u * (c + u)) == 0
    assert sympy.expand(sum(prod(w.shape) for w in rule.weights) - 4 * u * (c + u + 1)) == 0
