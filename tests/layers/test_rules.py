"""The rule book: each rule at sizes small enough to work out by hand."""

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnbench.errors import ShapeError
from cnnbench.graph import RULES, trace
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add, concatenate
from cnnbench.layers.norm import batch_normalization, dropout
from cnnbench.layers.pool import average_pooling2d, global_average_pooling2d, max_pooling2d
from cnnbench.layers.reshape import flatten, pad_channels, zero_padding2d

# The rule behind a layer, on shapes.
(
    conv2d_rule,
    dense_rule,
    activation_rule,
    add_rule,
    concatenate_rule,
    batch_rule,
    dropout_rule,
    max_rule,
    average_rule,
    global_rule,
    flatten_rule,
    zeros_rule,
) = (
    function.__wrapped__
    for function in (
        conv2d,
        dense,
        activation,
        add,
        concatenate,
        batch_normalization,
        dropout,
        max_pooling2d,
        average_pooling2d,
        global_average_pooling2d,
        flatten,
        zero_padding2d,
    )
)


def owned(rule):
    """Weights of a rule by name."""
    return {weight.name: weight.shape for weight in rule.weights}


def params(rule):
    return sum(prod(weight.shape) for weight in rule.weights)


# Convolution


def test_a_same_convolution_keeps_the_size():
    rule = conv2d_rule((1, 4, 4, 2), 3, 3, padding="same")
    assert rule.shape == (1, 4, 4, 3)
    assert owned(rule) == {"kernel": (3, 3, 2, 3), "bias": (3,)}
    assert params(rule) == 57  # 3 * 3 * 2 * 3 + 3
    assert rule.macs == 864  # 48 outputs of 3 * 3 * 2 = 18 taps, padded ones included
    assert rule.elementwise == 48  # the bias, once an output
    assert not rule.view


def test_a_valid_convolution_loses_the_rim():
    rule = conv2d_rule((1, 4, 4, 2), 3, 3)
    assert rule.shape == (1, 2, 2, 3)  # 4 - 3 + 1
    assert params(rule) == 57  # the size of the image does not matter
    assert rule.macs == 216  # 12 outputs of 18 taps
    assert rule.elementwise == 12


def test_a_window_as_large_as_the_input_fits_once():
    assert conv2d_rule((1, 3, 5, 2), 4, (3, 5)).shape == (1, 1, 1, 4)


@pytest.mark.parametrize(
    ("padding", "strides", "expected"),
    [
        ("same", 2, (4, 3)),  # ceil(7 / 2), ceil(6 / 2)
        ("valid", 2, (3, 2)),  # floor((7 - 3) / 2) + 1, floor((6 - 3) / 2) + 1
        ("same", 3, (3, 2)),  # ceil(7 / 3), ceil(6 / 3)
        ("valid", 3, (2, 2)),  # floor(4 / 3) + 1, floor(3 / 3) + 1
        ("same", (2, 1), (4, 6)),
        ("valid", (1, 4), (5, 1)),  # 7 - 3 + 1, floor(3 / 4) + 1
    ],
)
def test_strides_divide_rounding_up_for_same_and_down_for_valid(padding, strides, expected):
    rule = conv2d_rule((1, 7, 6, 2), 5, 3, strides, padding)
    assert rule.shape == (1, *expected, 5)
    assert rule.macs == expected[0] * expected[1] * 5 * 18
    assert params(rule) == 95  # 3 * 3 * 2 * 5 + 5, at every stride


def test_a_kernel_may_be_oblong():
    rule = conv2d_rule((1, 8, 8, 2), 3, (1, 7))
    assert rule.shape == (1, 8, 2, 3)
    assert owned(rule)["kernel"] == (1, 7, 2, 3)
    assert rule.macs == 672  # 48 outputs of 1 * 7 * 2 taps


def test_dilation_widens_the_reach_and_adds_no_taps():
    rule = conv2d_rule((1, 7, 7, 2), 3, 3, dilation_rate=2)
    assert rule.shape == (1, 3, 3, 3)  # reach 2 * (3 - 1) + 1 = 5, 7 - 5 + 1
    assert owned(rule)["kernel"] == (3, 3, 2, 3)
    assert rule.macs == 486  # 27 outputs of 18 taps
    assert conv2d_rule((1, 7, 7, 2), 3, 3, dilation_rate=(3, 1)).shape == (1, 1, 5, 3)
    assert conv2d_rule((1, 7, 7, 2), 3, 3, padding="same", dilation_rate=4).shape[1:3] == (7, 7)


def test_groups_divide_weights_and_work():
    rule = conv2d_rule((1, 4, 4, 4), 6, 3, padding="same", groups=2)
    assert rule.shape == (1, 4, 4, 6)
    assert owned(rule) == {"kernel": (3, 3, 2, 6), "bias": (6,)}  # 4 / 2 channels a group
    assert rule.macs == 1728  # 96 outputs of 3 * 3 * 2 taps
    depthwise = conv2d_rule((1, 4, 4, 4), 4, 3, padding="same", groups=4)
    assert params(depthwise) == 40  # 9 taps and a bias for each of 4 channels


def test_no_bias_is_no_bias_and_no_additions():
    rule = conv2d_rule((1, 4, 4, 2), 3, 3, use_bias=False)
    assert owned(rule) == {"kernel": (3, 3, 2, 3)}
    assert rule.elementwise == 0
    assert rule.macs == 216


def test_an_activation_costs_once_an_output():
    plain = conv2d_rule((1, 4, 4, 2), 3, 3)
    assert conv2d_rule((1, 4, 4, 2), 3, 3, activation="linear") == plain
    assert conv2d_rule((1, 4, 4, 2), 3, 3, activation="relu").elementwise == 12 + 12
    assert conv2d_rule((1, 4, 4, 2), 3, 3, activation="sigmoid").elementwise == 12 + 48


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters must be a whole number of at least 1; got 0"),
        ({"filters": -64}, "filters must be a whole number of at least 1; got -64"),
        ({"filters": 2.5}, "filters must be a whole number of at least 1; got 2.5"),
        ({"filters": "64"}, "filters must be a whole number of at least 1; got '64'"),
        ({"filters": True}, "filters must be a whole number of at least 1; got True"),
        ({"filters": None}, "filters must be a whole number of at least 1; got None"),
        ({"kernel_size": 0}, "kernel_size must be a whole number of at least 1; got 0"),
        ({"kernel_size": (3, 0)}, "kernel_size must be a whole number of at least 1; got 0"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size must be one number or 2; got (3, 3, 3)"),
        ({"strides": 0}, "strides must be a whole number of at least 1; got 0"),
        ({"dilation_rate": -1}, "dilation_rate must be a whole number of at least 1; got -1"),
        ({"groups": 0}, "groups must be a whole number of at least 1; got 0"),
        ({"groups": 3}, "groups=3 must divide 4 input channels and 6 filters"),
        ({"groups": 4}, "groups=4 must divide 4 input channels and 6 filters"),
        ({"padding": "full"}, "padding must be 'same' or 'valid'; got 'full'"),
        (
            {"activation": "swich"},
            "unknown activation 'swich'; did you mean swish or hard_swish?",
        ),
        (
            {"strides": 2, "dilation_rate": 2},
            "strides (2, 2) and dilation_rate (2, 2) cannot both exceed 1",
        ),
        (
            {"kernel_size": 9},
            "a window of 9 does not fit into 8x8 with padding 'valid'; give a larger input",
        ),
        (
            {"dilation_rate": 4},
            "a window of 9 does not fit into 8x8 with padding 'valid'; give a larger input",
        ),
    ],
)
def test_a_convolution_refuses_what_it_cannot_take(arguments, message):
    with pytest.raises(ShapeError) as error:
        conv2d_rule((1, 8, 8, 4), **{"filters": 6, "kernel_size": 3} | arguments)
    assert str(error.value) == message


@pytest.mark.parametrize("rule", [global_rule, max_rule, lambda x: average_rule(x, 2), zeros_rule])
def test_an_image_layer_refuses_a_vector(rule):
    with pytest.raises(ShapeError) as error:
        rule((8, 10))
    assert str(error.value) == "expected an input of shape (n, h, w, c); got 8x10"


# Dense


def test_dense_is_a_matrix_product():
    rule = dense_rule((2, 5), 3)
    assert rule.shape == (2, 3)
    assert owned(rule) == {"kernel": (5, 3), "bias": (3,)}
    assert rule.macs == 30  # 2 * 3 outputs of 5 taps
    assert rule.elementwise == 6
    assert dense_rule((2, 5), 3, use_bias=False).elementwise == 0
    assert params(dense_rule((2, 5), 3, use_bias=False)) == 15
    assert dense_rule((2, 5), 3, activation="softmax").elementwise == 6 + 5 * 6


def test_dense_works_on_the_last_axis_of_an_image():
    rule = dense_rule((2, 4, 4, 5), 3)
    assert rule.shape == (2, 4, 4, 3)
    assert params(rule) == 18  # 5 * 3 + 3, whatever the other axes
    assert rule.macs == 480  # 2 * 4 * 4 * 3 outputs of 5 taps


def test_dense_refuses_no_units():
    with pytest.raises(ShapeError, match="units must be a whole number of at least 1; got 0"):
        dense_rule((2, 5), 0)


# Activations


@pytest.mark.parametrize(
    ("name", "operations"),
    [("linear", 0), ("relu", 12), ("relu6", 24), ("sigmoid", 48), ("tanh", 12), ("softmax", 60)],
)
def test_an_activation_costs_its_operations_on_each_element(name, operations):
    rule = activation_rule((1, 2, 2, 3), name)
    assert rule.shape == (1, 2, 2, 3)
    assert rule.elementwise == operations
    assert rule.macs == params(rule) == 0


def test_an_unknown_activation_is_refused():
    with pytest.raises(ShapeError, match="unknown activation 'relu7'; did you mean relu or relu6"):
        activation_rule((1, 2, 2, 3), "relu7")


# Pooling


def test_max_pooling_compares_a_window_down_to_one():
    rule = max_rule((1, 4, 6, 3))
    assert rule.shape == (1, 2, 3, 3)
    assert rule.elementwise == 54  # 18 outputs, 2 * 2 - 1 comparisons each
    assert rule.macs == params(rule) == 0


def test_average_pooling_adds_and_divides():
    rule = average_rule((1, 4, 6, 3), 2)
    assert rule.shape == (1, 2, 3, 3)
    assert rule.elementwise == 72  # 18 outputs, 3 additions and a division each
    # An oblong window: 1 * 6 * 3 outputs, 4 operations each; and 3 comparisons each
    assert average_rule((1, 4, 6, 3), (4, 1)).elementwise == 72
    assert max_rule((1, 4, 6, 3), (4, 1)).elementwise == 54


@pytest.mark.parametrize("rule", [max_rule, average_rule])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, (3, 3)),  # the strides are the window's; the last row does not fit
        ({"padding": "same"}, (4, 3)),  # ceil(7 / 2), ceil(6 / 2)
        ({"strides": 1}, (6, 5)),
        ({"strides": 1, "padding": "same"}, (7, 6)),
        ({"pool_size": 3, "strides": 2}, (3, 2)),
        ({"pool_size": (7, 1)}, (1, 6)),
        ({"pool_size": 2, "strides": 5}, (2, 1)),  # floor(5 / 5) + 1, floor(4 / 5) + 1
    ],
)
def test_pooling_windows_slide_as_a_convolutions_do(rule, arguments, expected):
    assert rule((1, 7, 6, 2), **{"pool_size": 2} | arguments).shape == (1, *expected, 2)


def test_pooling_refuses_a_window_that_does_not_fit():
    with pytest.raises(ShapeError, match="a window of 2 does not fit into 1x8 with padding"):
        max_rule((1, 1, 8, 3))
    with pytest.raises(ShapeError, match="pool_size must be a whole number of at least 1; got 0"):
        max_rule((1, 8, 8, 3), 0)
    with pytest.raises(ShapeError, match="padding must be 'same' or 'valid'; got 'none'"):
        average_rule((1, 8, 8, 3), 2, padding="none")


def test_global_pooling_reads_every_element_once():
    rule = global_rule((2, 4, 5, 3))
    assert rule.shape == (2, 3)
    assert rule.elementwise == 120  # 2 * 4 * 5 * 3
    assert rule.macs == params(rule) == 0


# Normalisation and dropout


def test_batch_normalization_owns_four_vectors_and_trains_two():
    rule = batch_rule((1, 4, 4, 5))
    assert rule.shape == (1, 4, 4, 5)
    assert [(w.name, w.shape, w.trainable) for w in rule.weights] == [
        ("gamma", (5,), True),
        ("beta", (5,), True),
        ("moving_mean", (5,), False),
        ("moving_variance", (5,), False),
    ]
    assert rule.elementwise == 160  # a multiply and an add on 80 elements
    assert rule.macs == 0


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"center": False}, ["gamma", "moving_mean", "moving_variance"]),
        ({"scale": False}, ["beta", "moving_mean", "moving_variance"]),
        ({"center": False, "scale": False}, ["moving_mean", "moving_variance"]),
    ],
)
def test_batch_normalization_leaves_out_what_is_switched_off(options, names):
    assert [w.name for w in batch_rule((1, 4, 4, 5), **options).weights] == names


def test_dropout_passes_its_input_through():
    rule = dropout_rule((2, 8), 0.5)
    assert rule.shape == (2, 8)
    assert rule.view
    assert rule.macs == rule.elementwise == params(rule) == 0


# Merging


def test_add_adds_once_for_each_input_after_the_first():
    assert add_rule([(1, 2, 2, 3)] * 2).elementwise == 12
    assert add_rule([(1, 2, 2, 3)] * 4).elementwise == 36
    assert add_rule([(1, 2, 2, 3)] * 4).shape == (1, 2, 2, 3)


def test_add_refuses_inputs_of_different_shapes():
    with pytest.raises(ShapeError) as error:
        add_rule([(1, 4, 4, 64), (1, 4, 4, 3)])
    assert str(error.value) == "inputs must have one shape; got 1x4x4x64 and 1x4x4x3"


def test_concatenate_joins_channels_without_arithmetic():
    rule = concatenate_rule([(1, 4, 4, 3), (1, 4, 4, 5), (1, 4, 4, 1)])
    assert rule.shape == (1, 4, 4, 9)
    assert rule.macs == rule.elementwise == params(rule) == 0
    assert not rule.view  # every input is copied


def test_concatenate_joins_any_axis():
    assert concatenate_rule([(1, 4, 4, 3), (1, 2, 4, 3)], axis=1).shape == (1, 6, 4, 3)
    assert concatenate_rule([(1, 4, 4, 3), (1, 4, 1, 3)], axis=-2).shape == (1, 4, 5, 3)


def test_concatenate_refuses_inputs_that_do_not_line_up():
    with pytest.raises(ShapeError) as error:
        concatenate_rule([(1, 4, 4, 3), (1, 2, 4, 3)])
    assert str(error.value) == "inputs must agree outside axis 3; got 1x4x4x3 and 1x2x4x3"
    with pytest.raises(ShapeError, match="got 1x4x4x3 and 1x3"):
        concatenate_rule([(1, 4, 4, 3), (1, 3)])


@pytest.mark.parametrize("axis", [4, -5])
def test_concatenate_refuses_an_axis_that_is_not_there(axis):
    with pytest.raises(ShapeError, match=f"axis must be from -4 to 3; got {axis}"):
        concatenate_rule([(1, 4, 4, 3), (1, 4, 4, 3)], axis=axis)


@pytest.mark.parametrize("rule", [add_rule, concatenate_rule])
def test_a_merge_of_one_input_is_that_input(rule):
    merged = rule([(1, 4, 4, 3)])  # Keras takes it, and does nothing
    assert merged.shape == (1, 4, 4, 3)
    assert merged.elementwise == 0
    assert merged.view


# Moving values


def test_flatten_is_a_view():
    rule = flatten_rule((2, 3, 4, 5))
    assert rule.shape == (2, 60)
    assert rule.view
    assert rule.macs == rule.elementwise == params(rule) == 0


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        (1, (6, 7)),
        ((1, 3), (6, 11)),
        (((1, 0), (0, 2)), (5, 7)),
        (((0, 0), (0, 0)), (4, 5)),
    ],
)
def test_zero_padding_widens_the_image(padding, expected):
    rule = zeros_rule((2, 4, 5, 3), padding)
    assert rule.shape == (2, *expected, 3)
    assert rule.macs == rule.elementwise == params(rule) == 0
    assert not rule.view  # a copy


def test_zero_padding_channels_first_pads_width_and_channels_of_our_tensors():
    rule = zeros_rule((2, 4, 5, 3), ((0, 0), (0, 7)), "channels_first")
    assert rule.shape == (2, 4, 5, 10)
    assert zeros_rule((2, 4, 5, 3), 1, "channels_first").shape == (2, 4, 7, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"padding": -1}, "got -1"),
        ({"padding": ((0, 0), (0, -2))}, r"got \(\(0, 0\), \(0, -2\)\)"),
        ({"padding": (1, 2, 3)}, r"got \(1, 2, 3\)"),
        ({"padding": ((1, 2, 3), 1)}, r"got \(\(1, 2, 3\), 1\)"),
        ({"padding": 1.5}, "got 1.5"),
        ({"padding": "same"}, "got 'same'"),
        ({"data_format": "nhwc"}, "data_format must be .* got 'nhwc'"),
    ],
)
def test_zero_padding_refuses_what_it_cannot_take(arguments, message):
    with pytest.raises(ShapeError, match=message):
        zeros_rule((1, 4, 4, 3), **arguments)


def test_padding_channels_adds_no_parameters():
    graph = trace(pad_channels, (4, 4, 3), channels=8)
    assert [node.op for node in graph.nodes] == ["InputLayer", "ZeroPadding2D"]
    assert graph.nodes[-1].rule.shape == (1, 4, 4, 8)
    assert graph.nodes[-1].rule.weights == ()


def test_padding_to_the_channels_there_are_is_no_layer():
    assert len(trace(pad_channels, (4, 4, 3), channels=3).nodes) == 1


def test_channels_cannot_be_padded_away():
    with pytest.raises(ShapeError, match="cannot pad 3 channels down to 2"):
        trace(pad_channels, (4, 4, 3), channels=2)


# Properties

small = st.integers(1, 12)
sizes = st.tuples(small, st.integers(7, 40), st.integers(7, 40))


@given(size=sizes, groups=small, inner=small, outer=small, kernel=st.integers(1, 7))
def test_a_grouped_convolution_has_one_gth_of_the_weights_and_macs(
    size, groups, inner, outer, kernel
):
    shape, filters = (*size, groups * inner), groups * outer
    whole = conv2d_rule(shape, filters, kernel, use_bias=False)
    grouped = conv2d_rule(shape, filters, kernel, groups=groups, use_bias=False)
    assert params(grouped) * groups == params(whole)
    assert grouped.macs * groups == whole.macs
    assert grouped.shape == whole.shape


@given(
    size=sizes,
    channels=small,
    filters=small,
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    strides=st.integers(1, 4),
    padding=st.sampled_from(["same", "valid"]),
    batch=st.integers(2, 64),
)
def test_batch_multiplies_work_and_leaves_weights(
    size, channels, filters, kernel, strides, padding, batch
):
    _, *image = size

    def convolution(n):
        return conv2d_rule(
            (n, *image, channels), filters, kernel, strides, padding, activation="relu"
        )

    one, many = convolution(1), convolution(batch)
    assert many.macs == batch * one.macs
    assert many.elementwise == batch * one.elementwise
    assert many.weights == one.weights
    assert many.shape == (batch, *one.shape[1:])


@given(size=sizes, channels=small, filters=small, kernel=st.integers(1, 7))
def test_without_stride_macs_are_weights_times_positions(size, channels, filters, kernel):
    n, h, w = size
    rule = conv2d_rule((n, h, w, channels), filters, kernel, padding="same", use_bias=False)
    assert rule.macs == params(rule) * n * h * w


@given(size=sizes, kernel=st.integers(1, 7), strides=st.integers(1, 4), dilation=st.integers(1, 3))
def test_a_window_ends_inside_its_input_and_one_more_would_not(size, kernel, strides, dilation):
    """What `valid` means, by laying the windows out one by one."""
    if strides > 1:
        dilation = 1
    reach = dilation * (kernel - 1) + 1
    n, h, w = size
    if reach > min(h, w):
        return
    out = conv2d_rule((n, h, w, 1), 1, kernel, strides, dilation_rate=dilation).shape
    for length, count in ((h, out[1]), (w, out[2])):
        starts = range(0, length, strides)
        assert count == len([start for start in starts if start + reach <= length])


def test_rules_take_an_array_of_channel_counts():
    channels = np.array([3, 64])
    rule = RULES["Conv2D"]((1, 8, 8, channels), 16, 3)
    assert rule.shape == (1, 6, 6, 16)
    # 36 positions, 16 filters, 3 * 3 taps on 3 and on 64 channels
    assert rule.macs.tolist() == [15552, 331776]
    assert params(rule).tolist() == [448, 9232]  # 9 * 3 * 16 + 16, 9 * 64 * 16 + 16


@given(st.lists(st.integers(1, 512), min_size=1, max_size=5))
def test_a_rule_on_an_array_is_the_rule_on_each_number(counts):
    array = np.array(counts)
    for apply in (
        lambda c: conv2d_rule((2, 9, 9, c), 8, 3, activation="relu"),
        lambda c: conv2d_rule((2, 9, 9, 4), c, 3, 2, "same"),
        lambda c: conv2d_rule((2, 9, 9, c * 2), c * 4, 3, groups=2),
        lambda c: conv2d_rule((2, c + 9, 9, 3), 8, 3, padding="valid"),
        lambda c: dense_rule((2, c), 10),
        lambda c: activation_rule((2, 9, 9, c), "relu"),
        lambda c: max_rule((2, 9, 9, c)),
        lambda c: average_rule((2, 9, 9, c), 2),
        lambda c: global_rule((2, 9, 9, c)),
        lambda c: batch_rule((2, 9, 9, c)),
        lambda c: flatten_rule((2, 9, 9, c)),
        lambda c: zeros_rule((2, 9, 9, c), 3),
        lambda c: concatenate_rule([(2, 9, 9, c), (2, 9, 9, 5)]),
        lambda c: add_rule([(2, 9, 9, c), (2, 9, 9, c)]),
    ):
        whole = apply(array)
        for index, number in enumerate(counts):
            each = apply(number)
            for ours, expected in (
                (whole.macs, each.macs),
                (whole.elementwise, each.elementwise),
                (params(whole), params(each)),
                (prod(whole.shape), prod(each.shape)),
            ):
                assert np.broadcast_to(ours, array.shape)[index] == expected


def test_rules_take_symbols():
    import sympy

    h, w, c, f = sympy.symbols("h w c f", positive=True, integer=True)
    rule = conv2d_rule((1, h, w, c), f, 3, padding="same")
    assert sympy.expand(rule.macs - 9 * c * f * h * w) == 0
    assert sympy.expand(params(rule) - (9 * c * f + f)) == 0


def test_an_unknown_argument_is_refused_by_name():
    with pytest.raises(TypeError, match="kernel"):
        conv2d_rule((1, 8, 8, 3), 4, kernel=3)
