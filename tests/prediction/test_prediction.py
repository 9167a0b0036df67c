"""The parts of a prediction: terms, coefficients, buffers and the allocator, by hand."""

import math

import pytest

from benchmarks.prediction import heldout
from cnnbench import api
from cnnbench.graph import trace
from cnnbench.layers.activation import activation
from cnnbench.layers.attention import multi_head_attention
from cnnbench.layers.conv import (
    conv1d,
    conv2d,
    conv2d_transpose,
    conv3d,
    conv3d_transpose,
    separable_conv2d,
)
from cnnbench.layers.dense import dense
from cnnbench.layers.embedding import embedding
from cnnbench.layers.merge import add, concatenate, multiply
from cnnbench.layers.norm import dropout, group_normalization, rms_normalization
from cnnbench.layers.pool import global_average_pooling2d, max_pooling1d, max_pooling2d
from cnnbench.layers.recurrent import conv_lstm1d, conv_lstm2d, lstm
from cnnbench.layers.reshape import permute
from cnnbench.layers.resize import up_sampling2d
from cnnbench.layers.wrappers import bidirectional
from cnnbench.prediction import buffers, model, terms
from cnnbench.prediction.buffers import Arena
from cnnbench.prediction.model import Example
from cnnbench.reporting.prediction import forecast

MIB = 2**20
SHAPE = (256, 256, 4)
"""One value of float32 each: exactly 1 MiB, so large enough for the arena."""


# Terms


def test_a_convolution_is_its_multiply_adds_its_taps_its_bytes_and_one_layer():
    # Output 1x8x8x16; MACs 8*8*16*(3*3*4) = 36,864, a sixteenth of it without the filters;
    # 8*8*(4 + 16) values in and out; 3*3*4*16 + 16 = 592 weights.
    graph = trace(lambda x: conv2d(x, 16, 3, padding="same"), (8, 8, 4))
    (layer,) = terms.of_layers(graph)
    assert layer.terms == {
        "conv kxk, layers": 1,
        "conv kxk, MACs": 36_864,
        "conv kxk, taps read": 2_304,
        "conv, bytes": 5_120,
        "conv, weight bytes": 2_368,
    }


def test_at_a_larger_batch_the_weights_are_reordered():
    graph = trace(lambda x: conv2d(x, 16, 1), (8, 8, 4), batch_size=2)
    found = terms.of_layers(graph)[0].terms
    # 4*16 + 16 = 80 weights of 4 bytes
    assert found["conv at batch > 1, weight bytes"] == 320
    assert found["conv at batch > 1, layers"] == 1


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (lambda x: conv2d(x, 4, 1), "conv 1x1"),
        (lambda x: conv2d(x, 4, (1, 3)), "conv kxk"),
        (lambda x: conv2d(x, 4, 1, groups=2), "conv grouped"),
        (lambda x: dense(x, 4), "dense"),
        (lambda x: max_pooling2d(x), "pooling"),
        (lambda x: add([x, x]), "merge"),
        (lambda x: activation(x, "relu"), "activation"),
        (lambda x: concatenate([x, x]), "copy"),
        (lambda x: conv2d_transpose(x, 4, 3), "transposed"),
        (lambda x: up_sampling2d(x), "resize"),
        (lambda x: permute(x, (2, 1, 3)), "order"),
        (lambda x: group_normalization(x, 2), "group norm"),
    ],
)
def test_layers_have_kinds(layer, kind):
    (found,) = terms.of_layers(trace(layer, (8, 8, 4)))
    assert (found.kind, found.guessed) == (
        "dense on positions" if kind == "dense" else kind,
        False,
    )


@pytest.mark.parametrize(
    ("layer", "shape", "kind"),
    [
        (lambda x: conv1d(x, 4, 3), (8, 4), "conv kxk"),
        (lambda x: conv3d(x, 4, 3), (8, 8, 8, 4), "conv 3d"),
        (lambda x: multi_head_attention([x, x], 2, 4), (8, 4), "attention"),
        (lambda x: embedding(x, 10, 4), (8,), "embedding"),
        (lambda x: dense(x, 4), (8,), "dense"),
        (lambda x: max_pooling1d(x), (8, 4), "pooling"),
    ],
)
def test_layers_of_other_ranks_have_kinds(layer, shape, kind):
    (found,) = terms.of_layers(trace(layer, shape))
    assert (found.kind, found.guessed) == (kind, False)


def test_a_layer_for_both_directions_of_time_is_two():
    inside = {"class_name": "LSTM", "config": {"units": 4}, "module": "keras.layers"}
    (one,) = terms.of_layers(trace(lambda x: lstm(x, 4), (5, 2)))
    (two,) = terms.of_layers(trace(lambda x: bidirectional(x, inside), (5, 2)))
    # Four gates of 4 units: (2 + 4) * 16 + 16 = 112 weights, which each of 5 steps reads.
    assert one.terms == {
        "lstm, layers": 1,
        "lstm, steps": 5,
        "lstm, MACs": 480,
        "lstm, weight bytes": 2_240,
    }
    assert two.terms == {name: 2 * amount for name, amount in one.terms.items()}


def test_attention_moves_what_it_makes_inside():
    graph = trace(lambda x: multi_head_attention([x, x], 2, 4), (8, 4))
    (layer,) = terms.of_layers(graph)
    # Query, key, value and output of two heads of 8*4 values, and their scores of 8*8; the input is
    # read twice and the output written.
    inside = 4 * 2 * 8 * 4 + 2 * 8 * 8
    assert layer.terms["attention, bytes"] == 4 * (inside + 3 * 8 * 4)


def test_what_is_larger_than_a_cache_comes_from_further_away():
    def far(features):
        graph = trace(lambda x: dense(dense(x, features), features), (features,))
        return [
            layer.terms.get("beyond the cache, weight bytes") for layer in terms.of_layers(graph)
        ]

    # Two layers of 1,024 and of 2,048 features have 8 and 32 MiB of weights, and a bias each.
    assert far(1024) == [None, None]
    assert far(2048) == [(2048 + 1) * 2048 * 4] * 2


def test_a_layer_that_works_step_by_step_reads_its_weights_at_each():
    graph = trace(
        lambda x: conv_lstm2d(x, 4, 3, padding="same", return_sequences=True), (5, 8, 8, 2)
    )
    (layer,) = terms.of_layers(graph)
    # Four gates of 4 filters: 3*3*(2 + 4)*16 + 16 = 880 weights; each of 5 steps multiplies
    # 64 positions * 3*3*(2 + 4)*16 = 55,296.
    assert layer.terms == {
        "recurrent, layers": 1,
        "recurrent, steps": 5,
        "recurrent, MACs": 276_480,
        "recurrent, weight bytes": 17_600,
        "graph beyond 150, operations": 10,  # a loop is 160
    }


def test_a_merge_of_two_shapes_is_a_broadcast():
    graph = trace(lambda x: multiply([x, global_average_pooling2d(x, keepdims=True)]), (8, 8, 4))
    assert [layer.kind for layer in terms.of_layers(graph)] == ["pooling", "broadcast"]


@pytest.mark.parametrize(("inside", "operations"), [("relu", None), (None, None), ("gelu", 1_280)])
def test_an_activation_inside_a_layer_counts_where_it_is_a_pass_of_its_own(inside, operations):
    # GELU: five operations on each of 8*8*4 values.
    graph = trace(lambda x: conv2d(x, 4, 1, activation=inside), (8, 8, 4))
    assert terms.of_layers(graph)[0].terms.get("activation, operations") == operations


def test_a_layer_that_no_probe_has_is_said_to_be_a_guess():
    cases = (
        (rms_normalization, (8, 8, 4)),
        (lambda x: conv3d_transpose(x, 4, 3), (8, 8, 8, 4)),
        (lambda x: conv_lstm1d(x, 2, 3), (5, 8, 2)),
    )
    for layer, shape in cases:
        (found,) = terms.of_layers(trace(layer, shape))
        assert found.guessed


@pytest.mark.parametrize(
    ("layer", "kind", "near"),
    [
        (lambda x: conv2d(x, 4, 3), "conv kxk", "dense"),
        (lambda x: activation(x, "relu"), "batch norm", "activation"),
        (lambda x: conv2d_transpose(x, 4, 3), "transposed", "dense"),
        (lambda x: group_normalization(x, 2), "group norm", "layer norm"),
    ],
)
def test_a_layer_of_an_unknown_kind_counts_as_the_nearest(layer, kind, near):
    (found,) = terms.of_layers(trace(layer, (8, 8, 4)), unknown=kind)
    of_dense = {"dense": "dense on positions"}
    assert (found.kind, found.guessed) == (of_dense.get(near, near), found.op != "Activation")


def test_what_only_renames_takes_no_time():
    assert terms.of_layers(trace(lambda x: dropout(x, 0.5), (8, 8, 4))) == []


def test_a_call_is_the_sum_of_its_layers_and_one():
    graph = trace(lambda x: activation(activation(x, "relu"), "relu"), (8, 8, 4))
    # Each reads and writes 256 values of 4 bytes.
    assert terms.total(terms.of_layers(graph)) == {
        "call": 1,
        "activation, layers": 2,
        "activation, operations": 512,
        "activation, bytes": 4_096,
    }


# Coefficients


def line(a, b, xs):
    return [Example({"call": 1.0, "x": float(x)}, a + b * x) for x in xs]


def test_a_coefficient_has_the_unit_of_its_term():
    fitted = {"dense, MACs": 8e-12, "recurrent, steps": 4e-5, "call": 2e-3}
    assert [*forecast.coefficients(model.Model(fitted, 1.0, 1.0, 2), "s")] == [
        ["dense, MACs", "8 ps per MAC", "125 GMAC/s"],
        ["recurrent, steps", "40.0 us per step", "-"],
        ["call", "2.00 ms per call", "-"],
    ]


def test_coefficients_that_made_the_data_are_found_again():
    found = model.coefficients(line(2.0, 3.0, range(1, 9)))
    assert found == pytest.approx({"call": 2.0, "x": 3.0})


def test_no_coefficient_is_negative():
    found = model.coefficients(line(10.0, -1.0, range(1, 6)))
    assert found["x"] == 0
    assert found["call"] > 0


def test_one_disturbed_case_hardly_matters():
    examples = line(2.0, 3.0, range(1, 12))
    examples[5] = Example(examples[5].terms, 1.7 * examples[5].measured)
    found = model.coefficients(examples)
    assert found["x"] == pytest.approx(3.0, rel=0.03)


def test_how_much_it_matters_is_for_the_caller_to_say():
    examples = [Example({"x": 1.0}, measured) for measured in (1.0, 1.0, 1.0, 1.3)]
    # Least squares of c - 1, three times, and of c / 1.3 - 1: c = (3 + 1/1.3) / (3 + 1/1.69).
    assert model.coefficients(examples, delta=1.0)["x"] == pytest.approx(1.0494, abs=1e-4)
    assert model.coefficients(examples, delta=0.001)["x"] == pytest.approx(1.0, abs=1e-3)
    assert model.fitted(examples, "abcd", 0.001).coefficients["x"] == pytest.approx(1.0, abs=1e-3)


def test_a_small_case_weighs_as_much_as_a_large_one():
    # One term, two cases: relative errors that cancel, not absolute ones, which would give 3.98.
    found = model.coefficients([Example({"x": 1.0}, 1.05), Example({"x": 100.0}, 95.0)])
    assert found["x"] == pytest.approx(1.0, abs=0.01)


def test_the_range_is_of_cases_that_were_left_out():
    # Alone, each of the two says 1 and 2 for the other: quotients 2 and 0.5, of which the tenth
    # and ninetieth percentiles are 0.5 + 0.1 * 1.5 and 0.5 + 0.9 * 1.5.
    found = model.fitted([Example({"x": 1.0}, 1.0), Example({"x": 1.0}, 2.0)], ["a", "b"])
    assert (found.low, found.high) == pytest.approx((0.65, 1.85))
    assert found.examples == 2


def test_without_a_case_to_leave_out_the_range_is_not_a_number():
    found = model.fitted(line(1.0, 1.0, (1, 2)), ["a", "a"])
    assert math.isnan(found.low)


def test_the_range_of_a_guess_is_of_kinds_that_were_left_out():
    # The first kind says 1 for each x, of which the second has 4 and 2; and 3 the other way round.
    first, second = line(0.0, 1.0, (1, 2)), [Example({"x": 1.0}, 4.0), Example({"x": 1.0}, 2.0)]
    found = model.fitted([*first, *second], "abcd", guesses=[(first, second)])
    assert (found.guess_low, found.guess_high) == pytest.approx((2.2, 3.8), rel=0.01)


def test_a_naive_predictor_is_the_median_quotient():
    assert model.proportional([(1.0, 1.0), (6.0, 2.0), (50.0, 5.0), (9.0, 0.0)]) == 3.0


def test_a_term_that_was_never_seen_counts_as_nothing():
    found = model.Model({"x": 2.0}, 1.0, 1.0, 3)
    assert found.predict({"x": 4.0, "y": 100.0}) == 8.0


# The allocator


def test_freed_memory_is_used_again():
    arena = Arena()
    first = arena.allocate(MIB)
    arena.release(first)
    assert arena.allocate(MIB // 2) == first
    assert arena.touched == MIB


def test_a_larger_buffer_does_not_fit_into_a_smaller_hole():
    arena = Arena()
    hole = arena.allocate(MIB)
    arena.allocate(MIB)
    arena.release(hole)
    arena.allocate(2 * MIB)
    assert arena.touched == 4 * MIB


@pytest.mark.parametrize("order", [1, -1])
def test_neighbours_that_are_free_become_one(order):
    arena = Arena()
    # The first region is 2 MiB: both lie in it, side by side.
    for address in [arena.allocate(MIB), arena.allocate(MIB)][::order]:
        arena.release(address)
    arena.allocate(2 * MIB)
    assert arena.touched == 2 * MIB


@pytest.mark.parametrize("order", [1, -1])
def test_a_region_does_not_join_the_next(order):
    arena = Arena()
    # 2 MiB, then 4 MiB.
    for address in [arena.allocate(2 * MIB), arena.allocate(4 * MIB)][::order]:
        arena.release(address)
    arena.allocate(6 * MIB)
    assert arena.touched == 12 * MIB


def test_each_region_is_twice_as_large_as_the_last():
    arena = Arena()
    arena.allocate(2 * MIB)
    for address in [arena.allocate(MIB) for _ in range(4)]:
        arena.release(address)
    arena.allocate(4 * MIB)
    assert arena.touched == 6 * MIB


def test_the_hole_that_fits_best_is_taken():
    arena = Arena()
    large, _, small, _ = (arena.allocate(n * MIB) for n in (3, 1, 2, 1))
    arena.release(large)
    arena.release(small)
    assert arena.allocate(2 * MIB) == small


def test_what_is_less_than_half_of_a_hole_leaves_the_rest_free():
    arena = Arena()
    whole = arena.allocate(2 * MIB)
    arena.release(whole)
    arena.allocate(MIB)
    assert arena.allocate(MIB) == whole + MIB
    arena = Arena()
    arena.release(arena.allocate(2 * MIB))
    arena.allocate(MIB + 1)  # takes the hole whole, so the next one has to go elsewhere
    arena.allocate(MIB // 2)
    assert arena.touched == 2 * MIB + MIB // 2


# Buffers


def touched(network, shape=SHAPE):
    """MiB of the arena that a first call touches."""
    graph = trace(network, shape)
    large, _, _ = buffers.rise(graph, buffers.plan(graph))
    return large / MIB


def conv(x, filters=4, **options):
    return conv2d(x, filters, 1, **options)


def test_an_activation_writes_over_what_nobody_else_needs():
    assert touched(lambda x: activation(activation(activation(x, "relu"), "relu"), "relu")) == 1


def test_the_input_is_never_written_over():
    assert touched(lambda x: activation(x, "relu")) == 1


def test_what_is_needed_later_is_not_written_over():
    def network(x):
        y = conv(x, activation="relu")
        return concatenate([activation(y, "tanh"), y])

    # y and its tanh, then both once more, concatenated.
    assert touched(network) == 4


def test_an_output_of_the_network_is_not_written_over():
    def network(x):
        y = conv(x, activation="relu")
        return [y, activation(y, "tanh")]

    assert touched(network) == 2


def test_a_chain_of_convolutions_needs_two_buffers():
    def network(x):
        for _ in range(5):
            x = conv(x, activation="relu")
        return x

    assert touched(network) == 2


def test_an_addition_becomes_part_of_the_convolution_before_it():
    def network(x, use_bias):
        y, z = conv(x, activation="relu"), conv(x, activation="relu")
        return add([conv(y, use_bias=use_bias), z])

    assert touched(lambda x: network(x, True)) == 2  # y, and z that the convolution adds to
    assert touched(lambda x: network(x, False)) == 3  # the product by itself


def test_what_cannot_be_added_onto_is_copied_first():
    plan = buffers.plan(trace(lambda x: add([conv(conv(x)), x]), SHAPE))
    assert plan.copied
    inside = buffers.plan(trace(lambda x: add([conv(conv(y := conv(x))), y]), SHAPE))
    assert not inside.copied


def test_branches_of_a_module_are_alive_together():
    # Four branches of 1 MiB, of which one comes through another 1 MiB; at the end 4 MiB more.
    # The first of these two is free by then, but too small for what is concatenated.
    def network(x):
        return concatenate([conv(x), conv(x), conv(x), conv(conv(x))])

    assert touched(network) == 9


def test_what_is_ready_together_is_alive_together():
    # Two kernels, then two more beside what these read; what is concatenated finds 2 MiB of the
    # first two and 2 MiB behind the others, which lie lower. One branch after the other would
    # need three, and two more.
    def network(x):
        return concatenate([conv(conv(x, 64), 64), conv(conv(x, 64), 64)])

    assert touched(network, (64, 64, 4)) == 6


def test_a_smaller_buffer_is_not_written_over():
    def network(x):
        y = conv(x)
        return [y, add([global_average_pooling2d(y, keepdims=True), x])]

    assert touched(network) == 2


def test_what_is_seen_under_another_name_lives_as_long_as_either():
    def network(x):
        y = conv(x)
        return concatenate([conv(conv(dropout(y, 0.5))), y])

    # Three convolutions, none of which can go where another was; then twice one.
    assert touched(network) == 5


def test_the_input_takes_what_the_weights_left():
    # A kernel of 1 MiB leaves two holes of that size, and the input takes one of them: of the
    # two outputs one finds the other hole.
    def network(x):
        dense(x, 1)
        return [activation(x, "relu"), activation(x, "tanh")]

    assert touched(network, (MIB // 4,)) == 1


def test_a_large_network_leaves_room_for_its_activations():
    # The kernel has 768*768 values, 2.25 MiB; its initialiser leaves twice that, and the
    # activations are two of 384 KiB.
    def network(x):
        return conv(conv(x, 768), 768)

    assert touched(network, (16, 8, 8)) == 0


def test_small_buffers_are_not_of_the_arena():
    graph = trace(lambda x: activation(conv(conv(x)), "relu"), (8, 8, 4))
    # Two alive at once, 8*8*4 values of 4 bytes each.
    assert buffers.rise(graph, buffers.plan(graph)) == (0, 0, 2_048)


def test_the_same_tensor_may_be_added_to_itself():
    assert touched(lambda x: add([y := conv(x), y])) == 1


# Terms


def test_a_separable_convolution_is_two():
    # Output 8*8*16. First 3*3 taps of 4 channels: 2,304 MACs, 256 values to 256. Then 4 values
    # for each of 1,024: 4,096 MACs, a sixteenth without the filters; 64 weights.
    graph = trace(lambda x: separable_conv2d(x, 16, 3, padding="same"), (8, 8, 4))
    (found,) = terms.of_layers(graph)
    assert found.terms == {
        "depthwise, layers": 1,
        "depthwise, MACs": 2_304,
        "depthwise, bytes": 2_048,
        "conv 1x1, layers": 1,
        "conv 1x1, MACs": 4_096,
        "conv 1x1, taps read": 256,
        "conv, bytes": 5_120,
        "conv, weight bytes": 256,
    }


@pytest.mark.tensorflow
def test_a_layer_that_is_called_twice_takes_its_time_twice():
    keras = pytest.importorskip("keras")
    x = keras.Input((8, 8, 4))
    layer = keras.layers.SeparableConv2D(4, 3, padding="same")
    first, second = terms.of_layers(api.trace(keras.Model(x, layer(layer(x)))))
    assert first.terms == second.terms


def test_each_group_reads_its_taps_for_its_own_filters():
    # Output 8*8*4 of 1*1*2 taps each: 512 MACs. Each of two groups reads 8*8*2 taps.
    graph = trace(lambda x: conv2d(x, 4, 1, groups=2), (8, 8, 4))
    assert terms.of_layers(graph)[0].terms == {
        "conv grouped, layers": 1,
        "conv grouped, MACs": 512,
        "conv grouped, taps read": 256,
        "conv grouped, bytes": 2_048,
    }


def test_where_each_channel_is_a_group_channels_count_twice():
    # Output 8*8*4 of one tap each.
    graph = trace(lambda x: conv2d(x, 4, 1, groups=4), (8, 8, 4))
    assert terms.of_layers(graph)[0].terms == {
        "conv grouped by channel, layers": 1,
        "conv grouped by channel, MACs": 256,
        "conv grouped by channel, MACs times channels": 1_024,
    }


# Scores


def test_a_score_counts_errors_on_both_sides():
    found = heldout.score([(1.0, 1.0), (1.1, 1.0), (0.85, 1.0), (2.0, 1.0)])
    assert found.median == pytest.approx(0.125)
    assert [found.within(limit) for limit in (0.05, 0.2, 1.0)] == [0.25, 0.75, 1.0]
