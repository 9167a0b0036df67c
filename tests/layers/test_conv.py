"""The rules of the convolutions: sizes, weights, windows, both passes; taps one by one."""

from fractions import Fraction
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnbench.errors import ShapeError
from cnnbench.graph import RULES, trace
from cnnbench.layers.conv import conv2d_transpose, separable_conv2d
from cnnbench.rule import Weight


def rule(op, shape, **arguments):
    return RULES[op](shape, **arguments)


# One, two and three dimensions


@pytest.mark.parametrize(
    ("op", "shape", "out", "kernel", "macs"),
    [
        # Outputs of 3 taps, 3 * 3, 3 * 3 * 3 on 4 channels; 5 filters.
        ("Conv1D", (2, 8, 4), (2, 6, 5), (3, 4, 5), 12 * 5 * 12),
        ("Conv2D", (2, 8, 7, 4), (2, 6, 5, 5), (3, 3, 4, 5), 60 * 5 * 36),
        ("Conv3D", (2, 8, 7, 6, 4), (2, 6, 5, 4, 5), (3, 3, 3, 4, 5), 240 * 5 * 108),
        # Inputs of 4 channels, spread over 3 taps, 3 * 3, 3 * 3 * 3 of 5 filters.
        ("Conv1DTranspose", (2, 8, 4), (2, 10, 5), (3, 5, 4), 16 * 4 * 15),
        ("Conv2DTranspose", (2, 8, 7, 4), (2, 10, 9, 5), (3, 3, 5, 4), 112 * 4 * 45),
        ("Conv3DTranspose", (2, 8, 7, 6, 4), (2, 10, 9, 8, 5), (3, 3, 3, 5, 4), 672 * 4 * 135),
    ],
)
def test_a_convolution_in_each_dimension(op, shape, out, kernel, macs):
    found = rule(op, shape, filters=5, kernel_size=3)
    assert found.shape == out
    assert found.weights == (Weight("kernel", kernel), Weight("bias", (5,)))
    assert found.macs == macs
    assert found.elementwise == found.backward == prod(out)  # the bias; its gradient's sum
    assert found.saves == "input"


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        ("Conv2D", {"filters": 5, "groups": 2}),
        ("Conv2DTranspose", {"filters": 5, "strides": 2}),
        ("DepthwiseConv2D", {"depth_multiplier": 2}),
        ("SeparableConv2D", {"filters": 5}),
    ],
)
def test_channels_first_is_the_same_work_under_another_shape(op, arguments):
    arguments = arguments | {"kernel_size": 3, "padding": "same", "activation": "relu"}
    if "groups" in arguments:
        arguments["filters"] = 6
    last = rule(op, (2, 8, 7, 4), **arguments)
    first = rule(op, (2, 4, 8, 7), data_format="channels_first", **arguments)
    n, *image, c = last.shape
    assert first.shape == (n, c, *image)
    for name in ("weights", "macs", "inside", "elementwise", "backward", "scratch", "window"):
        assert getattr(first, name) == getattr(last, name), name


def test_depthwise_and_separable_weights_have_the_names_of_keras():
    found = rule("DepthwiseConv1D", (2, 8, 4), kernel_size=3, depth_multiplier=2)
    assert found.weights == (Weight("kernel", (3, 4, 2)), Weight("bias", (8,)))
    found = rule("SeparableConv1D", (2, 8, 4), filters=5, kernel_size=3, depth_multiplier=2)
    assert found.weights == (
        Weight("depthwise_kernel", (3, 4, 2)),
        Weight("pointwise_kernel", (1, 8, 5)),
        Weight("bias", (5,)),
    )
    bare = rule("SeparableConv1D", (2, 8, 4), filters=5, kernel_size=3, use_bias=False)
    assert [weight.name for weight in bare.weights] == ["depthwise_kernel", "pointwise_kernel"]


def test_strides_and_dilation_at_once_are_for_depthwise_convolutions():
    # Reach 5 of 9, every other of 5 positions: 3.
    both = {"kernel_size": 3, "strides": 2, "dilation_rate": 2}
    assert rule("DepthwiseConv2D", (1, 9, 9, 4), **both).shape == (1, 3, 3, 4)
    assert rule("SeparableConv2D", (1, 9, 9, 4), filters=5, **both).shape == (1, 3, 3, 5)
    for op in ("Conv2D", "Conv2DTranspose"):
        with pytest.raises(ShapeError, match=r"strides \(2, 2\) and dilation_rate \(2, 2\)"):
            rule(op, (1, 9, 9, 4), filters=5, **both)


# Bias and activation, in both passes


def test_an_activation_adds_to_both_passes_and_keeps_its_output():
    plain = rule("Conv1D", (1, 8, 4), filters=5, kernel_size=3, use_bias=False)
    relu = rule("Conv1D", (1, 8, 4), filters=5, kernel_size=3, use_bias=False, activation="relu")
    assert (plain.elementwise, plain.backward, plain.saves) == (0, 0, "input")
    assert (relu.elementwise, relu.backward, relu.saves) == (30, 30, "both")  # 6 * 5 outputs
    silu = rule("Conv1D", (1, 8, 4), filters=5, kernel_size=3, activation="silu")
    assert (silu.elementwise, silu.backward) == (30 + 5 * 30, 30 + 9 * 30)  # and the bias


@pytest.mark.parametrize("op", ["DepthwiseConv1D", "SeparableConv1D"])
def test_depthwise_convolutions_in_both_passes(op):
    arguments = {"kernel_size": 3} | ({"filters": 4} if op == "SeparableConv1D" else {})
    bare = rule(op, (1, 8, 4), use_bias=False, **arguments)
    assert (bare.elementwise, bare.backward, bare.saves) == (0, 0, "input")
    full = rule(op, (1, 8, 4), activation="tanh", **arguments)
    # 6 * 4 outputs: a bias and a tanh; the sum for the bias and three for the tanh.
    assert (full.elementwise, full.backward, full.saves) == (24 + 24, 24 + 72, "both")
    assert full.window == ((3, 1),)


@pytest.mark.parametrize("op", ["Conv1D", "Conv1DTranspose", "SeparableConv1D"])
def test_a_gated_linear_unit_halves_the_filters(op):
    found = rule(op, (1, 8, 4), filters=6, kernel_size=1, activation="glu")
    assert found.shape == (1, 8, 3)
    assert found.weights[-1] == Weight("bias", (6,))  # before the gate
    assert found.elementwise == 48 + 5 * 24  # 8 * 6 biases; sigmoid and product, 8 * 3 times
    assert found.backward == 48 + 8 * 24
    with pytest.raises(ShapeError, match="activation 'glu' needs an even last axis; got 5"):
        rule(op, (1, 8, 4), filters=5, kernel_size=1, activation="glu")


# What an output sees


def test_windows():
    found = rule("Conv2D", (1, 9, 9, 1), filters=1, kernel_size=(3, 1), strides=(2, 1))
    assert found.window == ((3, 2), (1, 1))
    found = rule("DepthwiseConv2D", (1, 9, 9, 1), kernel_size=3, dilation_rate=(1, 2))
    assert found.window == ((3, 1), (5, 1))
    # A stride of 3 leaves at most two of a kernel of 4 on one output.
    found = rule("Conv1DTranspose", (1, 9, 1), filters=1, kernel_size=4, strides=3)
    assert found.window == ((2, Fraction(1, 3)),)


# The output of a transposed convolution


@pytest.mark.parametrize(
    ("arguments", "length"),
    [
        ({"kernel_size": 3, "strides": 2}, 9),  # 3 * 2 + 3
        ({"kernel_size": 2, "strides": 3}, 12),  # 3 * 3 + 3: as long as the stride at least
        ({"kernel_size": 3, "strides": 2, "padding": "same"}, 8),  # 4 * 2
        ({"kernel_size": 3, "strides": 2, "output_padding": 0}, 9),
        ({"kernel_size": 3, "strides": 2, "output_padding": 1}, 10),
        ({"kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 0}, 7),  # 3 * 2 + 1
        ({"kernel_size": 4, "strides": 2, "padding": "same", "output_padding": 1}, 7),  # 3 * 2 + 1
        ({"kernel_size": 3, "dilation_rate": 2}, 8),  # 3 + 5
    ],
)
def test_a_transposed_convolution_grows(arguments, length):
    assert rule("Conv1DTranspose", (1, 4, 1), filters=1, **arguments).shape == (1, length, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"output_padding": 2},
            "output_padding must be at least 0 and less than strides (2, 2); got 2",
        ),
        (
            {"output_padding": (0, 1, 1)},
            "output_padding must be at least 0 and less than strides (2, 2); got (0, 1, 1)",
        ),
        ({"padding": "causal"}, "padding must be 'same' or 'valid'; got 'causal'"),
        ({"filters": 0}, "filters must be a whole number of at least 1; got 0"),
    ],
)
def test_a_transposed_convolution_refuses_what_it_cannot_take(arguments, message):
    with pytest.raises(ShapeError) as error:
        rule("Conv2DTranspose", (1, 4, 4, 1), **{"filters": 3, "kernel_size": 3, "strides": 2}
             | arguments)  # fmt: skip
    assert str(error.value) == message


def test_a_transposed_convolution_without_output_is_refused():
    # (1 - 1) * 2 + 3 % 2 + 0 = 1
    assert rule("Conv1DTranspose", (1, 1, 3), filters=1, kernel_size=3, strides=2, padding="same",
                output_padding=0).shape == (1, 1, 1)  # fmt: skip
    # (1 - 1) * 2 + 2 % 2 + 0 = 0
    with pytest.raises(ShapeError, match="output_padding=0 leaves no output"):
        rule("Conv1DTranspose", (1, 1, 3), filters=1, kernel_size=2, strides=2, padding="same",
             output_padding=0)  # fmt: skip


@pytest.mark.parametrize(
    ("op", "message"),
    [
        ("Conv1D", "padding must be 'same', 'valid' or 'causal'; got 'full'"),
        ("Conv2D", "padding must be 'same' or 'valid'; got 'full'"),
    ],
)
def test_a_convolution_names_the_paddings_that_it_has(op, message):
    shape = {"Conv1D": (1, 8, 4), "Conv2D": (1, 8, 8, 4)}[op]
    with pytest.raises(ShapeError) as error:
        rule(op, shape, filters=3, kernel_size=3, padding="full")
    assert str(error.value) == message


# Taps inside, one by one

axis = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)).map(
    lambda a: a if a[2] == 1 else (*a[:3], 1)
)  # length, taps, stride, dilation


def padded(length, taps, stride, dilation):
    """TensorFlow's rule for "same": half of what is missing before, the rest behind."""
    reach = dilation * (taps - 1) + 1
    missing = max((-(-length // stride) - 1) * stride + reach - length, 0)
    return missing // 2, missing - missing // 2


@given(axis, axis, st.sampled_from(["same", "valid", "causal"]))
def test_taps_inside_are_those_that_read_a_value(first, second, padding):
    """A window slides over ones with zeros around; what it reads is counted."""
    inside = 1
    for length, taps, stride, dilation in (first, second):
        reach = dilation * (taps - 1) + 1
        if padding == "valid" and length < reach:
            return
        around = {
            "same": padded(length, taps, stride, dilation),
            "causal": (reach - 1, 0),
            "valid": (0, 0),
        }[padding]
        row = np.pad(np.ones(length, int), around)
        starts = range(0, len(row) - reach + 1, stride)
        inside *= sum(row[start : start + reach : dilation].sum() for start in starts)
    (h, kh, sh, dh), (w, kw, sw, dw) = first, second
    arguments = {"kernel_size": (kh, kw), "strides": (sh, sw), "dilation_rate": (dh, dw)}
    if padding == "causal":
        rows = rule("Conv1D", (1, h, 1), filters=1, kernel_size=kh, strides=sh, dilation_rate=dh,
                    padding=padding)  # fmt: skip
        columns = rule("Conv1D", (1, w, 1), filters=1, kernel_size=kw, strides=sw,
                       dilation_rate=dw, padding=padding)  # fmt: skip
        assert rows.inside * columns.inside == inside
        return
    found = rule("DepthwiseConv2D", (3, h, w, 2), padding=padding, **arguments)
    assert (found.macs if found.inside is None else found.inside) == 3 * 2 * inside


def test_a_mistyped_size_takes_no_hours():
    # A window that reaches far over both ends: each of the 8 outputs sees all 8 inputs.
    found = rule("Conv1D", (1, 8, 2), filters=3, kernel_size=10**15 + 1, padding="same")
    assert found.inside == 8 * 8 * 2 * 3
    found = rule("DepthwiseConv2D", (1, 10**15, 10**15, 1), kernel_size=3, padding="same")
    assert found.inside == (3 * 10**15 - 2) ** 2  # on each axis one tap is outside at both ends


@given(axis, st.none() | st.integers(0, 3))
def test_taps_of_a_transposed_convolution_that_land_inside(one, output_padding):
    """The kernel is laid at each input position; what "same" cuts off is not counted."""
    length, taps, stride, dilation = one
    reach = dilation * (taps - 1) + 1
    whole = np.zeros((length - 1) * stride + reach, int)
    for position in range(length):
        whole[position * stride : position * stride + reach : dilation] += 1
    arguments = {"kernel_size": taps, "strides": stride, "dilation_rate": dilation}
    try:
        found = rule("Conv1DTranspose", (3, length, 2), filters=5, padding="same",
                     output_padding=output_padding, **arguments)  # fmt: skip
    except ShapeError:
        return
    cut = max(len(whole) - found.shape[1], 0)
    landing = whole[cut // 2 : len(whole) - (cut - cut // 2)].sum()
    assert found.inside == landing * 3 * 2 * 5
    assert found.macs == whole.sum() * 3 * 2 * 5


# Arrays, symbols, and the way from a layer to its rule


def test_convolutions_take_an_array_of_channel_counts():
    c = np.array([2, 64])
    assert rule("Conv1D", (1, 8, c), filters=4, kernel_size=3).macs.tolist() == [144, 4608]
    found = rule("DepthwiseConv2D", (1, 4, 4, c), kernel_size=3, padding="same")
    assert found.inside.tolist() == [200, 6400]  # 100 taps inside of each channel
    found = rule("SeparableConv2D", (1, 4, 4, c), filters=c, kernel_size=1)
    assert found.macs.tolist() == [16 * (2 + 4), 16 * (64 + 4096)]
    found = rule("Conv2DTranspose", (1, 2, 2, c), filters=1, kernel_size=2, strides=2)
    assert found.macs.tolist() == [32, 1024]


def test_convolutions_take_symbols():
    import sympy

    h, w, c, f = sympy.symbols("h w c f", positive=True, integer=True)
    found = rule("SeparableConv2D", (1, h, w, c), filters=f, kernel_size=3, padding="same")
    assert sympy.expand(found.macs - h * w * c * (9 + f)) == 0
    assert found.inside is None  # worked out for plain numbers only
    found = rule("Conv2DTranspose", (1, h, w, c), filters=f, kernel_size=3, padding="same")
    assert sympy.expand(found.macs - 9 * h * w * c * f) == 0
    assert found.inside is None


def test_new_layers_trace_like_all_others():
    def network(x):
        return conv2d_transpose(separable_conv2d(x, 8, 3, padding="same"), 3, 2, strides=2)

    graph = trace(network, (4, 4, 2))
    assert [node.name for node in graph.nodes[1:]] == ["separable_conv2d", "conv2d_transpose"]
    assert graph.nodes[-1].rule.shape == (1, 8, 8, 3)
