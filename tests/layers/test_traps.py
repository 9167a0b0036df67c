"""The layers that counters of FLOPs get wrong, each at a size that a reader can check."""

from fractions import Fraction
from importlib import import_module
from math import prod

import pytest

from cnnbench.cost import cost
from cnnbench.graph import RULES, trace
from cnnbench.layers.conv import conv2d
from cnnbench.rule import WHOLE

for file in ("dense", "merge", "norm", "pool", "reshape", "resize"):
    import_module(f"cnnbench.layers.{file}")


def rule(op, shape, **arguments):
    return RULES[op](shape, **arguments)


def params(found):
    return sum(prod(weight.shape) for weight in found.weights)


# Padding


def test_a_same_convolution_has_taps_on_padding():
    # 4 x 4 outputs of 3 x 3 taps. Along one axis 12 taps, of which the first of the first
    # output and the last of the last lie outside: 10 inside, 10 * 10 in two dimensions.
    found = rule("Conv2D", (1, 4, 4, 1), filters=1, kernel_size=3, padding="same")
    assert found.macs == 144
    assert found.inside == 100
    # Channels, filters and batch multiply both.
    found = rule("Conv2D", (2, 4, 4, 3), filters=5, kernel_size=3, padding="same")
    assert found.macs == 144 * 30
    assert found.inside == 100 * 30


def test_a_valid_convolution_has_none():
    found = rule("Conv2D", (1, 4, 4, 1), filters=1, kernel_size=3)
    assert found.macs == 36  # 2 * 2 outputs of 9 taps
    assert found.inside is None  # all of them


def test_both_counts_are_in_the_cost():
    total = cost(trace(lambda x: conv2d(conv2d(x, 1, 3, padding="same"), 1, 3), (4, 4, 1)))
    assert total.macs == 144 + 36
    assert total.inside_macs == 100 + 36


def test_same_padding_with_a_stride():
    # 5 -> ceil(5 / 2) = 3 outputs, at 0, 2 and 4 of an input padded by one on both sides:
    # 2 + 3 + 2 taps inside of 9. 7 * 7 of 81.
    found = rule("Conv2D", (1, 5, 5, 1), filters=1, kernel_size=3, strides=2, padding="same")
    assert (found.shape, found.macs, found.inside) == ((1, 3, 3, 1), 81, 49)
    # 4 -> 2 outputs; (2 - 1) * 2 + 3 = 5 is one more than there is, and the one goes at the
    # end: taps 0-2 and 2-4, of which 4 is outside. 5 * 5 of 36.
    found = rule("Conv2D", (1, 4, 4, 1), filters=1, kernel_size=3, strides=2, padding="same")
    assert (found.shape, found.macs, found.inside) == ((1, 2, 2, 1), 36, 25)


def test_same_padding_that_is_larger_than_the_input():
    # One pixel, of which only the middle tap of 3 x 3 is a value.
    found = rule("Conv2D", (1, 1, 1, 1), filters=1, kernel_size=3, padding="same")
    assert (found.macs, found.inside) == (9, 1)


def test_causal_padding_is_all_before_the_first_step():
    # 4 outputs of 3 taps; the first sees one step, the second two.
    found = rule("Conv1D", (1, 4, 1), filters=1, kernel_size=3, padding="causal")
    assert (found.shape, found.macs, found.inside) == ((1, 4, 1), 12, 9)


# Dilation


def test_dilation_moves_taps_apart_and_adds_none():
    # Reach 2 * (3 - 1) + 1 = 5 of 6: 2 x 2 outputs of still 9 taps.
    found = rule("Conv2D", (1, 6, 6, 1), filters=1, kernel_size=3, dilation_rate=2)
    assert (found.shape, found.macs) == ((1, 2, 2, 1), 36)
    assert params(found) == 10
    assert found.window == ((5, 1), (5, 1))
    # Padded by 2 on each side: along an axis 6 outputs of 3 taps, less 2 for the tap two
    # before and 2 for the one two behind: 14. 14 * 14 of 18 * 18.
    found = rule("Conv2D", (1, 6, 6, 1), filters=1, kernel_size=3, dilation_rate=2, padding="same")
    assert (found.macs, found.inside) == (324, 196)


# Groups


def test_groups_divide_the_channels_that_a_filter_sees():
    whole = rule("Conv2D", (1, 4, 4, 8), filters=6, kernel_size=3, padding="same")
    halves = rule("Conv2D", (1, 4, 4, 8), filters=6, kernel_size=3, padding="same", groups=2)
    assert whole.macs == 16 * 6 * 9 * 8  # 16 positions, 6 filters of 3 x 3 x 8
    assert halves.macs == 16 * 6 * 9 * 4
    assert (params(whole), params(halves)) == (9 * 8 * 6 + 6, 9 * 4 * 6 + 6)
    assert halves.inside == 100 * 6 * 4


def test_a_depthwise_convolution_multiplies_no_channels():
    # 16 positions, 8 channels, 9 taps; not times 8 channels again.
    found = rule("DepthwiseConv2D", (1, 4, 4, 8), kernel_size=3, padding="same")
    assert (found.macs, found.inside) == (1152, 800)
    assert params(found) == 9 * 8 + 8
    # Two kernels a channel: twice of everything, and 16 channels out.
    found = rule("DepthwiseConv2D", (1, 4, 4, 8), kernel_size=3, padding="same", depth_multiplier=2)
    assert (found.shape, found.macs) == ((1, 4, 4, 16), 2304)
    assert params(found) == 9 * 16 + 16


def test_a_depthwise_convolution_is_one_with_as_many_groups_as_channels():
    depthwise = rule("DepthwiseConv2D", (2, 7, 6, 4), kernel_size=3, strides=2, padding="same")
    grouped = rule(
        "Conv2D", (2, 7, 6, 4), filters=4, kernel_size=3, strides=2, padding="same", groups=4
    )
    assert depthwise.macs == grouped.macs == 2 * 4 * 3 * 4 * 9  # 4 x 3 outputs of 4 channels
    assert depthwise.inside == grouped.inside
    assert params(depthwise) == params(grouped) == 40


def test_a_separable_convolution_is_two_products():
    # 16 positions: 8 channels of 9 taps, then 8 -> 3 channels.
    found = rule("SeparableConv2D", (1, 4, 4, 8), filters=3, kernel_size=3, padding="same")
    assert found.macs == 1152 + 16 * 8 * 3
    assert found.inside == 800 + 16 * 8 * 3  # only the first has taps on padding
    assert found.scratch == 16 * 8  # what is between them
    assert params(found) == 72 + 24 + 3  # one bias, behind both


# Transposed convolutions


def test_a_transposed_convolution_counts_its_input_positions():
    # 2 x 2 inputs of 3 channels, each times 2 x 2 taps for one filter. Its 4 x 4 outputs
    # times 2 x 2 taps times 3 channels would be 192.
    found = rule("Conv2DTranspose", (1, 2, 2, 3), filters=1, kernel_size=2, strides=2)
    assert found.macs == 2 * 2 * 3 * 4 == 48
    assert found.shape == (1, 4, 4, 1)
    assert params(found) == 2 * 2 * 3 + 1
    assert found.elementwise == 16  # the bias, on every output
    assert found.window == ((1, Fraction(1, 2)), (1, Fraction(1, 2)))


def test_a_transposed_convolution_with_overlap():
    # (2 - 1) * 2 + 3 = 5 outputs along an axis; the middle one is hit from both inputs, and so
    # an output sees two inputs at most.
    found = rule("Conv2DTranspose", (1, 2, 2, 1), filters=1, kernel_size=3, strides=2)
    assert (found.shape, found.macs, found.inside) == ((1, 5, 5, 1), 36, None)
    assert found.window == ((2, Fraction(1, 2)), (2, Fraction(1, 2)))
    # "same" keeps 2 * 2 of the 5 and cuts the last: 5 of 6 taps land along an axis.
    found = rule(
        "Conv2DTranspose", (1, 2, 2, 1), filters=1, kernel_size=3, strides=2, padding="same"
    )
    assert (found.shape, found.macs, found.inside) == ((1, 4, 4, 1), 36, 25)


def test_a_transposed_convolution_at_stride_one_is_a_convolution():
    # On 4 x 4, 100 of 144 taps are inside, seen from either side.
    found = rule("Conv2DTranspose", (1, 4, 4, 1), filters=1, kernel_size=3, padding="same")
    assert (found.macs, found.inside) == (144, 100)


# Layers without MACs


def test_batch_normalization_is_a_multiply_and_an_add_at_inference():
    found = rule("BatchNormalization", (1, 4, 4, 8))
    assert found.macs == 0
    assert found.elementwise == 2 * 128
    assert found.training == 8 * 128  # its statistics as well
    assert params(found) == 4 * 8
    assert sum(prod(w.shape) for w in found.weights if w.trainable) == 2 * 8


def test_batch_normalization_over_the_first_axis_of_an_image():
    assert [w.shape for w in rule("BatchNormalization", (1, 8, 4, 5), axis=1).weights] == [(8,)] * 4


def test_a_layer_normalization_computes_its_statistics_at_inference():
    # Mean 1, variance 3, normalise 2, scale 1, shift 1.
    assert rule("LayerNormalization", (1, 4, 4, 8)).elementwise == 8 * 128
    assert rule("LayerNormalization", (1, 4, 4, 8)).training is None


def test_pooling_is_elementwise_work():
    # 2 x 2 outputs of 3 channels: 3 comparisons, or 3 additions and a division.
    assert rule("MaxPooling2D", (1, 4, 4, 3)).elementwise == 36
    assert rule("AveragePooling2D", (1, 4, 4, 3), pool_size=2).elementwise == 48
    assert rule("GlobalAveragePooling2D", (1, 4, 4, 3)).elementwise == 48  # 15 and a division


def test_a_concatenation_is_a_copy_and_an_addition_is_work():
    shapes = [(1, 4, 4, 3)] * 2
    joined, added = RULES["Concatenate"](shapes), RULES["Add"](shapes)
    assert (joined.elementwise, joined.view) == (0, False)
    assert (added.elementwise, added.view) == (48, False)


def test_squeeze_and_excite_scales_whole_channels():
    # (n, 1, 1, c) with (n, h, w, c): a multiplication for each value of the larger.
    found = RULES["Multiply"]([(2, 4, 4, 8), (2, 1, 1, 8)])
    assert (found.shape, found.elementwise) == ((2, 4, 4, 8), 256)
    # Back: both products of 256, and the sum over positions for the scale.
    assert found.backward == 2 * 256 + 256


# Dense


def test_dense_on_a_sequence_works_at_every_step_with_the_same_weights():
    found = rule("Dense", (2, 10, 8), units=5)
    assert found.macs == 2 * 10 * 5 * 8  # not 2 * 5 * 8
    assert params(found) == 8 * 5 + 5  # not 10 times as many
    assert found.window == ()  # each step by itself


def test_dense_behind_flatten_sees_everything():
    assert rule("Flatten", (1, 4, 4, 8)).window is WHOLE
    assert rule("Dense", (1, 128), units=5).window is WHOLE


# Upsampling


@pytest.mark.parametrize(
    ("interpolation", "work", "reach"),
    [
        ("nearest", 0, 1),  # a copy
        ("bilinear", 64 * 7, 2),  # 8 x 8 outputs: 4 products and 3 additions
        ("bicubic", 64 * 31, 4),  # 16 products and 15 additions
    ],
)
def test_upsampling_copies_or_interpolates(interpolation, work, reach):
    found = rule("UpSampling2D", (1, 4, 4, 1), interpolation=interpolation)
    assert (found.shape, found.elementwise) == ((1, 8, 8, 1), work)
    assert found.window == ((reach, Fraction(1, 2)),) * 2
