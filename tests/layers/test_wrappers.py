"""Layers that hold layers: shapes and weights against Keras, the work from what they hold."""

from math import prod

import pytest

from cnnbench import layers
from cnnbench.errors import NoRuleError, ShapeError
from cnnbench.graph import RULES, argument_names

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")
kl = keras.layers

layers.load_all()


def rule_of(layer, shape):
    """Our rule for a Keras layer, as the reader of models calls it."""
    rule = RULES[type(layer).__name__]
    config = layer.get_config()
    return rule(shape, **{name: config[name] for name in argument_names(rule) if name in config})


def assert_agrees(layer, shape):
    """Shapes and weights are those of Keras; returns our rule."""
    outputs = keras.tree.flatten(layer(keras.KerasTensor(shape)))
    ours = rule_of(layer, shape)
    assert [ours.shape, *ours.others] == [tuple(x.shape) for x in outputs]
    described = [(w.name, tuple(w.shape), w.trainable) for w in layer.weights]
    assert sorted((w.name, w.shape, w.trainable) for w in ours.weights) == sorted(described)
    assert sum(prod(w.shape) for w in ours.weights) == layer.count_params()
    return ours


def work(rule):
    return rule.macs, rule.elementwise, rule.products, rule.backward


def times(number, rule):
    return tuple(number * count for count in work(rule))


# Each step


def test_a_layer_at_each_step_works_once_a_step():
    rule = assert_agrees(kl.TimeDistributed(kl.Conv2D(4, 3, padding="same")), (2, 5, 8, 8, 3))
    inner = RULES["Conv2D"]((2, 8, 8, 3), 4, 3, padding="same")
    assert work(rule) == times(5, inner)
    assert rule.inside == 5 * inner.inside
    assert rule.window == ((1, 1), (3, 1), (3, 1))
    # The input with steps in front, and the stacked outputs
    assert rule.scratch == 2 * 5 * 64 * 3 + 2 * 5 * 64 * 4
    assert not rule.view


def test_a_model_at_each_step_is_its_layers_in_a_row():
    model = keras.Sequential([kl.Input((6,)), kl.Dense(4, activation="relu"), kl.Dropout(0.5),
                              kl.Dense(3)])  # fmt: skip
    rule = assert_agrees(kl.TimeDistributed(model), (2, 5, 6))
    assert rule.macs == 10 * (6 * 4 + 4 * 3)
    assert rule.elementwise == 10 * (4 + 4 + 3)  # biases and one comparison
    assert rule.kept == 10 * (4 + 4)  # what goes into the second and the third layer


def test_a_layer_at_each_step_that_does_not_train_stays_so():
    layer = kl.TimeDistributed(kl.Dense(4, trainable=False))
    assert not any(w.trainable for w in assert_agrees(layer, (2, 5, 3)).weights)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (lambda: kl.Lambda(lambda x: x), "no rule for the Lambda that it holds"),
        (lambda: kl.Dense(3, activation=kl.PReLU()), "activation of the Dense that it holds"),
        (lambda: kl.LSTM(3, return_state=True), "several outputs at each step"),
    ],
)
def test_what_holds_a_layer_without_a_rule_has_none(held, message):
    with pytest.raises(NoRuleError, match=message):
        rule_of(kl.TimeDistributed(held()), (2, 5, 4, 3))


def test_a_class_of_the_users_own_is_not_taken_for_one_of_keras():
    class Dense(kl.Layer):
        pass

    with pytest.raises(NoRuleError, match="no rule for the Dense that it holds"):
        rule_of(kl.TimeDistributed(Dense()), (2, 5, 3))


# Both directions


@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("return_state", [True, False])
@pytest.mark.parametrize(
    ("merge_mode", "each"), [("concat", 0), ("sum", 1), ("mul", 1), ("ave", 2), (None, 0)]
)
def test_both_directions_are_two_layers(merge_mode, each, return_sequences, return_state):
    inner = kl.LSTM(4, return_sequences=return_sequences, return_state=return_state)
    rule = assert_agrees(kl.Bidirectional(inner, merge_mode=merge_mode), (2, 5, 3))
    one = RULES["LSTM"]((2, 5, 3), 4, return_sequences=return_sequences)
    merged = each * prod(one.shape)
    assert rule.macs == 2 * one.macs
    assert rule.products == 2 * one.products
    assert rule.kept == 2 * 5 * (2 * 4 * 6)  # gates and states of 2 samples, at each step
    assert rule.elementwise == 2 * one.elementwise + merged
    assert rule.backward == 2 * one.backward + merged


def test_the_backward_layer_may_be_another():
    layer = kl.Bidirectional(
        kl.LSTM(4, return_sequences=True),
        backward_layer=kl.GRU(4, return_sequences=True, go_backwards=True),
    )
    rule = assert_agrees(layer, (2, 5, 3))
    parts = RULES["LSTM"]((2, 5, 3), 4), RULES["GRU"]((2, 5, 3), 4)
    assert rule.macs == sum(part.macs for part in parts)
    # Gates and states of the larger, and both outputs until they are joined
    assert rule.scratch == 2 * 4 * 6 + 2 * 40


def test_both_directions_of_a_convolutional_lstm():
    layer = kl.Bidirectional(kl.ConvLSTM2D(4, 3, padding="same"))
    rule = assert_agrees(layer, (2, 3, 6, 6, 3))
    one = RULES["ConvLSTM2D"]((2, 3, 6, 6, 3), 4, 3, padding="same")
    assert rule.inside == 2 * one.inside < rule.macs


def test_an_unknown_merge_is_refused():
    held = {"module": "keras.layers", "class_name": "LSTM", "config": {"units": 4}}
    with pytest.raises(ShapeError, match=r"merge_mode must be one of 'concat'.*; got 'max'"):
        RULES["Bidirectional"]((2, 5, 3), held, merge_mode="max")


# Cells


@pytest.mark.parametrize("return_state", [True, False])
def test_a_cell_in_a_loop_is_its_layer(return_state):
    rule = assert_agrees(kl.RNN(kl.GRUCell(4), return_state=return_state), (2, 5, 3))
    assert rule == RULES["GRU"]((2, 5, 3), 4, return_state=return_state)


def test_cells_on_top_of_each_other():
    cells = [kl.LSTMCell(4), kl.SimpleRNNCell(6), kl.GRUCell(5)]
    rule = assert_agrees(kl.RNN(cells, return_sequences=True, return_state=True), (2, 5, 3))
    parts = [
        RULES["LSTM"]((2, 5, 3), 4),
        RULES["SimpleRNN"]((2, 5, 4), 6),
        RULES["GRU"]((2, 5, 6), 5),
    ]
    assert work(rule) == tuple(map(sum, zip(*map(work, parts), strict=True)))
    # Gates and states of 2 samples at each step, and what goes from cell to cell
    assert rule.kept == 5 * 2 * (6 * 4 + 2 * 6 + 4 * 5 + 4 + 6)


def test_what_has_no_states_is_no_cell():
    held = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 4}}
    with pytest.raises(NoRuleError, match="has no states"):
        RULES["RNN"]((2, 5, 3), held)


# In a row, and normalised


def test_a_pipeline_is_its_layers():
    layer = kl.Pipeline([kl.Rescaling(1 / 255), kl.RandomFlip(), kl.Resizing(4, 6)])
    rule = rule_of(layer, (2, 8, 8, 3))
    assert rule.shape == (2, 4, 6, 3)
    # Twice 2 * 64 * 3 values, then 144 values of 2 * 2 taps
    assert rule.elementwise == 2 * 384 + 144 * 7
    assert not rule.view
    assert rule.scratch == 384  # what goes into the last, since the flip passes it on
    assert rule_of(kl.Pipeline([kl.RandomFlip(), kl.RandomZoom(0.1)]), (2, 8, 8, 3)).view


def test_spectral_normalization_works_in_training_alone():
    rule = assert_agrees(kl.SpectralNormalization(kl.Dense(4), power_iterations=2), (5, 3))
    inner = RULES["Dense"]((5, 3), 4)
    assert work(rule) == work(inner)
    assert rule.kept is None
    # 3 rows of 4. Twice: 12 MACs and 12 MACs, norms of 3 and of 4 values: square, add, root,
    # compare, multiply are 3 * 3 + 1 and 3 * 4 + 1. Then 12 and 4 MACs, 12 divisions, and 12
    # comparisons with 0 that are combined by 11.
    assert rule.training == inner.elementwise + 2 * (48 + 10 + 13) + 32 + 12 + 23


def test_spectral_normalization_of_an_embedding():
    layer = kl.SpectralNormalization(kl.Embedding(10, 4))
    ours = rule_of(layer, (2, 5))
    assert [w.shape for w in ours.weights] == [(10, 4), (1, 4)]


def test_spectral_normalization_needs_a_kernel():
    with pytest.raises(ShapeError, match="ReLU has no kernel to normalise; give another layer"):
        rule_of(kl.SpectralNormalization(kl.ReLU()), (2, 5))
