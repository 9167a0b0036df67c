"""The rules of the layers that are no convolutions, at sizes to work out by hand."""

from fractions import Fraction
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnbench.errors import ShapeError
from cnnbench.graph import RULES
from cnnbench.rule import WHOLE, Weight

FILES = (
    "activation",
    "dense",
    "embedding",
    "merge",
    "norm",
    "pool",
    "reshape",
    "resize",
)
for file in FILES:
    import_module(f"cnnbench.layers.{file}")


def rule(op, shape, **arguments):
    return RULES[op](shape, **arguments)


def names(found):
    return [weight.name for weight in found.weights]


# Activations: operations on one element, forward and backward


@pytest.mark.parametrize(
    ("name", "forward", "backward", "saves"),
    [
        ("relu", 1, 1, "output"),  # max(x, 0); a mask
        ("leaky_relu", 2, 2, "input"),  # max(x, a * x)
        ("elu", 3, 3, "output"),  # x < 0, exp, - 1; y < 0, y + 1, * dy
        ("selu", 4, 3, "output"),  # and * scale
        ("silu", 5, 9, "input"),  # sigmoid 4, * x; sigmoid 4, and 1 - s, * x, + 1, * s, * dy
        ("hard_sigmoid", 4, 3, "input"),  # + 3, two bounds, / 6; two masks, / 6
        ("hard_silu", 5, 9, "input"),  # and * x; hard sigmoid 4, x / 6, two masks, +, * dy
        ("gelu", 5, 11, "input"),  # / c, erf, + 1, * x, / 2; Phi 4, phi 4, * x, +, * dy
        ("softplus", 3, 5, "input"),  # exp, + 1, log; sigmoid 4, * dy
        ("mish", 5, 14, "input"),  # softplus 3, tanh, * x; t 4, sigmoid 4, 1 - t * t 2, 4 more
        ("softsign", 3, 4, "input"),  # abs, + 1, /; abs, + 1, square, /
        ("exponential", 1, 1, "output"),  # exp; y * dy
        ("log_softmax", 5, 4, "output"),  # max, -, exp, sum, -; sum, exp, *, -
        ("hard_tanh", 2, 2, "input"),  # two bounds; two masks
        ("hard_shrink", 2, 1, "input"),  # abs, bound; mask
        ("soft_shrink", 3, 1, "input"),  # two bounds, +; mask
        ("tanh_shrink", 2, 3, "input"),  # tanh, -; tanh, square, * dy
        ("celu", 3, 3, "input"),  # as elu
        ("sparse_sigmoid", 4, 2, "input"),  # + 1, / 2, two bounds; mask, / 2
        ("sparse_plus", 5, 5, "input"),  # two bounds, + 1, square, / 4; + 1, / 2, two bounds, * dy
        ("squareplus", 5, 7, "input"),  # square, + 4, root, +, / 2; those, /, + 1, / 2, * dy
        ("log_sigmoid", 5, 4, "input"),  # -, exp, + 1, log, -; exp, + 1, /, * dy
    ],
)
def test_an_activation_by_name(name, forward, backward, saves):
    found = rule("Activation", (1, 2, 5), activation=name)
    assert (found.shape, found.elementwise, found.backward) == (
        (1, 2, 5),
        10 * forward,
        10 * backward,
    )
    assert (found.saves, found.view) == (saves, False)


def test_two_names_for_one_activation_cost_the_same():
    for one, other in (("swish", "silu"), ("hard_swish", "hard_silu")):
        assert rule("Activation", (1, 8), activation=one) == rule(
            "Activation", (1, 8), activation=other
        )


@pytest.mark.parametrize("activation", ["linear", None])
def test_no_activation_is_a_view(activation):
    found = rule("Activation", (1, 8), activation=activation)
    assert (found.view, found.elementwise, found.backward, found.saves) == (True, 0, 0, "")
    assert rule("Identity", (1, 8)) == found


def test_a_gated_linear_unit_halves_its_last_axis():
    found = rule("Activation", (1, 4, 8), activation="glu")
    assert (found.shape, found.elementwise, found.backward) == ((1, 4, 4), 5 * 16, 8 * 16)
    with pytest.raises(ShapeError, match="activation 'glu' needs an even last axis; got 7"):
        rule("Activation", (1, 4, 7), activation="glu")


@pytest.mark.parametrize("activation", [{"class_name": "Mine"}, len, ["relu"], "sparsemax"])
def test_what_is_no_known_activation_is_refused(activation):
    with pytest.raises(ShapeError, match="unknown activation"):
        rule("Dense", (1, 8), units=3, activation=activation)


@pytest.mark.parametrize(
    ("arguments", "forward", "backward", "saves"),
    [
        ({}, 1, 1, "output"),
        ({"max_value": 6.0}, 2, 2, "output"),  # a comparison more
        ({"negative_slope": 0.1}, 2, 2, "input"),  # a multiplication more
        ({"threshold": 1.0}, 1, 1, "input"),  # another comparison
        ({"negative_slope": 0.1, "threshold": 1.0}, 3, 2, "input"),  # slope * (x - threshold)
        ({"max_value": 6.0, "negative_slope": 0.1, "threshold": 1.0}, 4, 3, "input"),
    ],
)
def test_a_rectifier(arguments, forward, backward, saves):
    found = rule("ReLU", (1, 2, 5), **arguments)
    assert (found.elementwise, found.backward) == (10 * forward, 10 * backward)
    assert found.saves == saves


def test_layers_that_are_activations():
    assert rule("LeakyReLU", (1, 10)).elementwise == 20
    assert rule("ELU", (1, 10)).elementwise == 30
    assert rule("ELU", (1, 10), alpha=0.5).elementwise == 40  # times alpha
    softmax = rule("Softmax", (1, 2, 5))
    assert (softmax.elementwise, softmax.backward, softmax.window) == (50, 40, ())
    assert rule("Softmax", (1, 2, 5), axis=[1, 2]).window is WHOLE
    with pytest.raises(ShapeError, match="axis must be from -2 to 1; got 2"):
        rule("Softmax", (1, 10), axis=2)


@pytest.mark.parametrize(
    ("op", "arguments", "backward", "saves"),
    [
        ("LeakyReLU", {}, 2, "input"),  # compare, multiply
        ("ELU", {"alpha": 0.5}, 3, "output"),  # compare, y + alpha, multiply
        ("Softmax", {}, 4, "output"),
        ("PReLU", {}, 4, "input"),
        ("BatchNormalization", {}, 8, "input"),
        ("GroupNormalization", {"groups": 1}, 13, "input"),
        ("RMSNormalization", {}, 9, "input"),
        ("UnitNormalization", {}, 5, "input"),
    ],
)
def test_what_the_backward_pass_of_a_layer_does_and_reads(op, arguments, backward, saves):
    found = rule(op, (2, 3, 4), **arguments)
    assert (found.backward, found.saves) == (24 * backward, saves)


def test_a_learnt_slope():
    found = rule("PReLU", (2, 3, 4, 5), shared_axes=[1, 2])
    assert found.weights == (Weight("alpha", (1, 1, 5)),)
    assert (found.elementwise, found.backward) == (240, 480)
    assert rule("PReLU", (2, 3, 4, 5)).weights == (Weight("alpha", (3, 4, 5)),)
    with pytest.raises(ShapeError, match="shared_axes must be from 1 to 3; got 4"):
        rule("PReLU", (2, 3, 4, 5), shared_axes=4)


# Normalisation


@pytest.mark.parametrize(
    ("arguments", "weights", "forward", "backward"),
    [
        ({}, ["gamma", "beta"], 8, 13),
        ({"scale": False}, ["beta"], 7, 9),
        ({"center": False}, ["gamma"], 7, 12),
        ({"scale": False, "center": False}, [], 6, 8),
        ({"rms_scaling": True}, ["gamma"], 6, 12),  # no subtraction, no shift
        ({"rms_scaling": True, "scale": False}, ["gamma"], 6, 12),
    ],
)
def test_layer_normalization(arguments, weights, forward, backward):
    found = rule("LayerNormalization", (2, 4, 5), **arguments)
    assert names(found) == weights
    assert (found.elementwise, found.backward) == (40 * forward, 40 * backward)
    assert (found.window, found.saves) == ((), "input")


def test_layer_normalization_over_several_axes():
    found = rule("LayerNormalization", (2, 4, 5, 6), axis=[-1, 1])
    assert found.weights[0].shape == (6, 4)  # in Keras' order, which sorts -1 before 1
    assert found.window is WHOLE
    assert rule("LayerNormalization", (2, 4, 5, 6), axis=3).window == ()


def test_group_normalization():
    found = rule("GroupNormalization", (2, 4, 5, 6), groups=3)
    assert [weight.shape for weight in found.weights] == [(6,), (6,)]
    assert (found.elementwise, found.backward, found.window) == (240 * 8, 240 * 13, WHOLE)
    assert rule("GroupNormalization", (2, 4, 5, 6), groups=-1).elementwise == 240 * 8
    with pytest.raises(ShapeError, match="groups=4 must divide 6 channels"):
        rule("GroupNormalization", (2, 4, 5, 6), groups=4)


def test_normalisation_by_the_mean_square_and_by_length():
    found = rule("RMSNormalization", (2, 4, 5))
    assert found.weights == (Weight("scale", (5,)),)
    assert (found.elementwise, found.backward) == (160, 360)  # 4 and 9 on 40 values
    found = rule("UnitNormalization", (2, 4, 5))
    assert (found.weights, found.elementwise, found.backward) == ((), 120, 200)
    assert rule("UnitNormalization", (2, 4, 5), axis=1).window is WHOLE


def test_batch_renormalization_owns_three_vectors_more():
    assert names(rule("BatchNormalization", (2, 4, 5), renorm=True)) == [
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
        "moving_stddev",
        "renorm_mean",
        "renorm_stddev",
    ]


# Pooling


@pytest.mark.parametrize(
    ("rank", "shape", "out"),
    [
        (1, (2, 8, 3), (2, 4, 3)),
        (2, (2, 8, 6, 3), (2, 4, 3, 3)),
        (3, (2, 8, 6, 4, 3), (2, 4, 3, 2, 3)),
    ],
)
def test_pooling_in_each_dimension(rank, shape, out):
    outputs, taps = np.prod(out), 2**rank
    largest = rule(f"MaxPooling{rank}D", shape, pool_size=2)
    mean = rule(f"AveragePooling{rank}D", shape, pool_size=2)
    assert largest.shape == mean.shape == out
    assert largest.elementwise == outputs * (taps - 1)
    assert mean.elementwise == outputs * taps
    assert (largest.backward, mean.backward) == (outputs, outputs * taps)
    assert (largest.saves, mean.saves) == ("both", "")
    assert largest.window == mean.window == ((2, 2),) * rank


def test_global_pooling():
    largest = rule("GlobalMaxPooling2D", (2, 4, 5, 3))
    assert (largest.shape, largest.elementwise) == ((2, 3), 2 * 19 * 3)  # 20 values, 19 comparisons
    assert (largest.backward, largest.window) == (6, WHOLE)
    mean = rule("GlobalAveragePooling1D", (2, 4, 3), keepdims=True)
    assert (mean.shape, mean.elementwise, mean.backward) == ((2, 1, 3), 24, 24)
    first = rule("GlobalMaxPooling3D", (2, 3, 4, 5, 6), data_format="channels_first", keepdims=True)
    assert first.shape == (2, 3, 1, 1, 1)


@pytest.mark.parametrize(
    ("rank", "shape", "values"),
    [(1, (2, 8, 3), 8), (2, (2, 8, 6, 3), 48), (3, (2, 4, 3, 2, 3), 24)],
)
def test_global_pooling_in_each_dimension(rank, shape, values):
    largest, mean = (rule(f"Global{kind}Pooling{rank}D", shape) for kind in ("Max", "Average"))
    assert largest.shape == mean.shape == (2, 3)
    assert largest.elementwise == 6 * (values - 1)  # 6 channels
    assert mean.elementwise == 6 * values
    assert (largest.saves, mean.saves) == ("both", "")


def test_adaptive_pooling_divides_evenly_where_it_can():
    mean = rule("AdaptiveAveragePooling2D", (2, 6, 4, 3), output_size=(3, 2))
    assert (mean.shape, mean.elementwise) == ((2, 3, 2, 3), 144)  # each of 2 * 6 * 4 * 3 once
    assert mean.window == ((2, 2), (2, 2))
    largest = rule("AdaptiveMaxPooling2D", (2, 6, 4, 3), output_size=(3, 2))
    assert (largest.elementwise, largest.backward) == (144 - 36, 36)
    assert (largest.saves, mean.saves) == ("both", "")


def test_adaptive_windows_overlap_where_they_cannot():
    # 5 steps to 3: 0-1, 1-3, 3-4, which is 2 + 3 + 2 = 7 values.
    mean = rule("AdaptiveAveragePooling1D", (2, 5, 3), output_size=3)
    assert (mean.elementwise, mean.backward) == (7 * 6, 7 * 6)
    assert mean.window == ((3, Fraction(5, 3)),)
    # 2 steps to 3: 0, 0-1, 1, which is 1 + 2 + 1.
    assert rule("AdaptiveMaxPooling1D", (2, 2, 3), output_size=3).elementwise == (4 - 3) * 6


def test_a_mistyped_output_size_takes_no_hours():
    # Of 10**15 windows over 3 steps two lie across a border between steps and see two values.
    mean = rule("AdaptiveAveragePooling1D", (1, 3, 2), output_size=10**15)
    assert mean.elementwise == 2 * (10**15 + 2)


@given(st.integers(1, 30), st.integers(1, 40))
def test_adaptive_windows_are_those_of_their_definition(length, count):
    # A value is in window i if its stretch of the input and the window's have an overlap.
    windows = [
        sum(v * count < (i + 1) * length and (v + 1) * count > i * length for v in range(length))
        for i in range(count)
    ]
    found = rule("AdaptiveAveragePooling1D", (1, length, 1), output_size=count)
    assert found.elementwise == sum(windows)
    assert found.window == ((max(windows), Fraction(length, count)),)


def test_adaptive_pooling_takes_plain_sizes_and_any_channels():
    found = rule("AdaptiveAveragePooling1D", (1, 6, np.array([2, 8])), output_size=3)
    assert found.elementwise.tolist() == [12, 48]
    with pytest.raises(ShapeError, match="adaptive pooling needs plain numbers"):
        rule("AdaptiveAveragePooling1D", (1, np.array([6, 9]), 2), output_size=3)


# Merges


def test_arithmetic_merges():
    shapes = [(2, 3, 5)] * 3  # 30 values, two operations each
    costs = {op: RULES[op](shapes) for op in ("Add", "Multiply", "Maximum", "Minimum", "Average")}
    assert {op: found.elementwise for op, found in costs.items()} == {
        "Add": 60,
        "Multiply": 60,
        "Maximum": 60,
        "Minimum": 60,
        "Average": 90,  # and the division
    }
    assert {op: found.backward for op, found in costs.items()} == {
        "Add": 0,  # dy is passed on
        "Multiply": 120,  # dy times the other, for both sides
        "Maximum": 180,  # which was larger, and a mask for both sides
        "Minimum": 180,
        "Average": 30,  # dy / 3 once
    }
    assert {op: found.saves for op, found in costs.items()} == {
        "Add": "",
        "Multiply": "input",
        "Maximum": "input",
        "Minimum": "input",
        "Average": "",
    }
    difference = RULES["Subtract"](shapes[:2])
    assert (difference.elementwise, difference.backward) == (30, 30)
    with pytest.raises(ShapeError, match="expected two inputs; got 3"):
        RULES["Subtract"](shapes)


def test_merges_broadcast_behind_the_batch():
    assert RULES["Add"]([(2, 1, 5), (2, 4, 1)]).shape == (2, 4, 5)
    assert RULES["Add"]([(2, 5), (2, 3, 4, 5)]).shape == (2, 3, 4, 5)
    # The first product is of 10 values, the second of 80.
    found = RULES["Multiply"]([(2, 1, 5), (2, 1, 5), (2, 8, 5)])
    assert (found.shape, found.elementwise) == ((2, 8, 5), 90)
    assert found.backward == 180 + 80  # and the sum for the first product
    # Both are broadcast: a sum of 40 for each.
    assert RULES["Add"]([(2, 1, 5), (2, 4, 1)]).backward == 80


@pytest.mark.parametrize(
    ("shapes", "got"),
    [
        ([(2, 3), (1, 3)], "2x3 and 1x3"),  # the batch does not broadcast
        ([(2, 4, 5), (2, 3, 5)], "2x4x5 and 2x3x5"),
        ([(2, 4, 5), (2, 4)], "2x4x5 and 2x4"),
        ([(2, 1, 5), (2, 4, 5), (2, 3, 5)], "2x1x5 and 2x4x5 and 2x3x5"),
    ],
)
def test_merges_refuse_what_does_not_broadcast(shapes, got):
    with pytest.raises(ShapeError) as error:
        RULES["Multiply"](shapes)
    assert str(error.value) == f"inputs must have one shape; got {got}"


def test_merges_take_arrays_and_symbols():
    import sympy

    c = np.array([2, 8])
    assert RULES["Multiply"]([(1, 4, 4, c), (1, 1, 1, c)]).elementwise.tolist() == [32, 128]
    h, f = sympy.symbols("h f", positive=True, integer=True)
    assert RULES["Multiply"]([(1, h, h, f), (1, 1, 1, f)]).elementwise == h**2 * f


def test_a_dot_product_is_between_two_activations():
    found = RULES["Dot"]([(2, 4, 3), (2, 3, 5)], axes=(2, 1))
    assert (found.shape, found.macs, found.products) == ((2, 4, 5), 120, 120)  # 2 * 4 * 5 * 3
    assert (found.elementwise, found.backward, found.saves) == (0, 0, "input")
    cosine = RULES["Dot"]([(2, 3), (2, 3)], axes=1, normalize=True)
    assert (cosine.shape, cosine.macs) == ((2, 1), 6)
    assert (cosine.elementwise, cosine.backward) == (36, 60)  # 3 and 5 on 12 values


@pytest.mark.parametrize(
    ("shapes", "axes", "message"),
    [
        ([(2, 3), (2, 4)], 1, "inputs must agree in batch and along axes 1 and 1; got 2x3 and 2x4"),
        ([(2, 3), (1, 3)], 1, "inputs must agree in batch and along axes 1 and 1; got 2x3 and 1x3"),
        ([(2, 3), (2, 3)], 0, "axes must be from 1 to 1; got 0"),
        ([(2, 3), (2, 3, 4)], (1, 3), r"axes must be from 1 to 2; got \(1, 3\)"),
        ([(2, 3)] * 3, 1, "expected two inputs; got 3"),
        ([(2, 3)] * 2, (1, 1, 1), r"axes must be one number or two; got \(1, 1, 1\)"),
    ],
)
def test_a_dot_product_refuses_what_it_cannot_take(shapes, axes, message):
    with pytest.raises(ShapeError, match=message):
        RULES["Dot"](shapes, axes=axes)


# Dense, equations, embeddings


def test_dense_in_both_passes():
    # 2 * 3 outputs: the bias; its gradient. A sigmoid takes 4 each and 3 to go back.
    plain = rule("Dense", (2, 5), units=3)
    assert (plain.elementwise, plain.backward, plain.saves) == (6, 6, "input")
    bent = rule("Dense", (2, 5), units=3, activation="sigmoid")
    assert (bent.elementwise, bent.backward, bent.saves) == (6 + 24, 6 + 18, "both")
    assert rule("Dense", (2, 5), units=3, use_bias=False).backward == 0


def test_dense_refuses_a_batch_of_nothing():
    with pytest.raises(ShapeError, match="expected an input of at least two axes; got 3"):
        rule("Dense", (3,), units=2)


def test_an_equation():
    # Queries of an attention layer: 2 * 4 positions, 5 channels to 3 heads of 6.
    found = rule(
        "EinsumDense",
        (2, 4, 5),
        equation="abc,cde->abde",
        output_shape=(None, 3, 6),
        bias_axes="de",
    )
    assert found.shape == (2, 4, 3, 6)
    assert found.weights == (Weight("kernel", (5, 3, 6)), Weight("bias", (3, 6)))
    assert found.macs == 720  # 2 * 4 * 5 * 3 * 6
    assert found.elementwise == found.backward == 144  # the bias
    assert found.saves == "input"


def test_dots_in_an_equation_multiply_the_work_and_not_the_weights():
    found = rule("EinsumDense", (2, 4, 7, 5), equation="...b,bc->...c", output_shape=3)
    assert (found.shape, found.macs) == ((2, 4, 7, 3), 840)  # 2 * 4 * 7 * 5 * 3
    assert found.weights == (Weight("kernel", (5, 3)),)
    found = rule(
        "EinsumDense", (2, 5, 4, 7), equation="ab...,bc->ac...", output_shape=3, bias_axes="c"
    )
    assert (found.shape, found.macs) == ((2, 3, 4, 7), 840)
    assert found.weights[1] == Weight("bias", (3, 1, 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"equation": "ab,bc"}, "equation must be like 'ab,bc->ac', .* got 'ab,bc'"),
        ({"equation": "...ab,bc->ac"}, "equation must be like"),
        ({"equation": "...b...,bc->...c..."}, "equation must be like"),
        ({"equation": "abc,cd->abd"}, "'abc,cd->abd' does not fit an input of 2 axes, batch first"),
        ({"equation": "a,ab->ab"}, "'a,ab->ab' does not fit an input of 2 axes, batch first"),
        ({"equation": "ab,bc->ca"}, "'ab,bc->ca' does not fit an input of 2 axes, batch first"),
        ({"output_shape": (3, 4)}, r"output_shape of 'ab,bc->ac' needs 1 sizes; got \(3, 4\)"),
        ({"equation": "ab,bb->ab", "output_shape": 4}, "axis 'b' of 'ab,bb->ab' is 5; got 4"),
        ({"output_shape": None}, "axis 'c' of 'ab,bc->ac' has no size in input and kernel"),
        ({"equation": "ab,bcd->ac"}, "axis 'd' of 'ab,bcd->ac' has no size in input and kernel"),
        ({"equation": "ab,bc->ad"}, "axis 'c' of 'ab,bc->ad' has no size in input and kernel"),
        ({"bias_axes": "b"}, "bias_axes must be letters of the output .* got 'b'"),
        ({"bias_axes": ""}, "bias_axes must be letters of the output .* got ''"),
    ],
)
def test_an_equation_that_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ShapeError, match=message):
        rule("EinsumDense", (2, 5), **{"equation": "ab,bc->ac", "output_shape": 3} | arguments)


def test_an_embedding_copies_rows():
    found = rule("Embedding", (2, 7), input_dim=100, output_dim=8)
    assert (found.shape, found.weights) == ((2, 7, 8), (Weight("embeddings", (100, 8)),))
    assert (found.macs, found.elementwise, found.backward) == (0, 0, 112)  # 14 rows of 8 added
    assert found.saves == "input"  # the numbers, to add the rows in their places


def test_a_reversed_embedding_is_a_product():
    arguments = {"input_dim": 100, "output_dim": 8}
    found = rule("ReversibleEmbedding", (2, 7, 8), **arguments, reverse=True)
    assert (found.shape, found.macs) == ((2, 7, 100), 11200)  # 14 * 8 * 100
    assert names(found) == ["embeddings"]  # tied
    capped = rule(
        "ReversibleEmbedding",
        (2, 7, 8),
        **arguments,
        reverse=True,
        tie_weights=False,
        logit_soft_cap=30.0,
    )
    assert names(capped) == ["embeddings", "reverse_embeddings"]
    assert (capped.elementwise, capped.backward) == (4200, 5600)  # 3 and 4 on 1400 outputs
    with pytest.raises(ShapeError, match="expected a last axis of output_dim=8; got 7"):
        rule("ReversibleEmbedding", (2, 7), **arguments, reverse=True)


@pytest.mark.parametrize("reverse", [False, True])
def test_an_embedding_goes_back_by_its_input(reverse):
    found = rule("ReversibleEmbedding", (2, 8), input_dim=9, output_dim=8, reverse=reverse)
    assert found.saves == "input"
    assert found.window is (WHOLE if reverse else ())  # reversed, it is a dense layer


# Moving values


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        ("Flatten", {}),
        ("Reshape", {"target_shape": (-1,)}),
        ("Permute", {"dims": (2, 1)}),
    ],
)
def test_moving_values_needs_nothing_to_go_back_and_mixes_positions(op, arguments):
    found = rule(op, (2, 3, 4), **arguments)
    assert (found.backward, found.saves, found.window) == (0, "", WHOLE)


def test_reshaping():
    found = rule("Reshape", (2, 3, 4), target_shape=(2, -1))
    assert (found.shape, found.view, found.window) == ((2, 2, 6), True, WHOLE)
    assert rule("Reshape", (2, 3, 4), target_shape=[12]).shape == (2, 12)
    for target in ((5, -1), (11,), (-1, -1), (-2, -6), ("x", 2)):
        with pytest.raises(ShapeError):
            rule("Reshape", (2, 3, 4), target_shape=target)
    found = rule("Reshape", (2, 3, np.array([4, 8])), target_shape=(-1, 2))
    assert found.shape[1].tolist() == [6, 12]


def test_permuting_is_a_copy():
    found = rule("Permute", (2, 3, 4, 5), dims=(3, 1, 2))
    assert (found.shape, found.view, found.elementwise) == ((2, 5, 3, 4), False, 0)
    with pytest.raises(ShapeError, match=r"dims must be 1 to 3 in some order; got \(0, 1, 2\)"):
        rule("Permute", (2, 3, 4, 5), dims=(0, 1, 2))


def test_flattening_channels_first_is_a_copy():
    assert rule("Flatten", (2, 3, 4, 5), data_format="channels_first").view is False
    assert rule("Flatten", (2, 3), data_format="channels_first").view is True
    assert rule("Flatten", (2, 3, 4, 5), data_format="channels_first").shape == (2, 60)


def test_repeating_a_vector():
    found = rule("RepeatVector", (2, 5), n=3)
    assert (found.shape, found.elementwise, found.backward) == ((2, 3, 5), 0, 30)
    assert found.saves == ""
    with pytest.raises(ShapeError, match=r"expected an input of shape \(n, c\); got 2x5x1"):
        rule("RepeatVector", (2, 5, 1), n=3)


@pytest.mark.parametrize(
    ("op", "shape", "arguments", "out"),
    [
        ("ZeroPadding1D", (2, 4, 3), {}, (2, 6, 3)),
        ("ZeroPadding1D", (2, 4, 3), {"padding": (2, 0)}, (2, 6, 3)),
        ("ZeroPadding3D", (2, 4, 5, 6, 3), {"padding": (1, 0, (2, 3))}, (2, 6, 5, 11, 3)),
        ("Cropping1D", (2, 4, 3), {}, (2, 2, 3)),
        ("Cropping1D", (2, 4, 3), {"cropping": (0, 3)}, (2, 1, 3)),
        ("Cropping2D", (2, 4, 5, 3), {}, (2, 4, 5, 3)),
        ("Cropping2D", (2, 4, 5, 3), {"cropping": ((1, 0), (2, 2))}, (2, 3, 1, 3)),
        (
            "Cropping2D",
            (2, 3, 4, 5),
            {"cropping": 1, "data_format": "channels_first"},
            (2, 3, 2, 3),
        ),
        ("Cropping3D", (2, 4, 5, 6, 3), {"cropping": (1, 0, (2, 3))}, (2, 2, 5, 1, 3)),
        ("UpSampling1D", (2, 4, 3), {}, (2, 8, 3)),
        ("UpSampling2D", (2, 4, 5, 3), {"size": (1, 3)}, (2, 4, 15, 3)),
        ("UpSampling3D", (2, 4, 5, 6, 3), {}, (2, 8, 10, 12, 3)),
    ],
)
def test_borders_and_copies_are_no_arithmetic(op, shape, arguments, out):
    found = rule(op, shape, **arguments)
    assert found.shape == out
    assert (found.macs, found.elementwise, found.weights, found.view) == (0, 0, (), False)
    assert found.saves == ""


@pytest.mark.parametrize(
    ("op", "arguments", "message"),
    [
        ("Cropping1D", {"cropping": 2}, "cropping 2 leaves nothing of 4"),
        ("Cropping1D", {"cropping": (1, 2, 3)}, r"cropping must be one number or two; got \(1,"),
        ("ZeroPadding1D", {"padding": -1}, "padding must be whole numbers of at least 0; got -1"),
        ("UpSampling1D", {"size": 0}, "size must be a whole number of at least 1; got 0"),
    ],
)
def test_borders_that_do_not_fit_are_refused(op, arguments, message):
    with pytest.raises(ShapeError, match=message):
        rule(op, (2, 4, 3), **arguments)


def test_upsampling_adds_what_it_copied_on_the_way_back():
    assert rule("UpSampling2D", (1, 4, 4, 3)).backward == 192  # 8 * 8 * 3 additions
    assert rule("UpSampling2D", (1, 4, 4, 3), interpolation="bilinear").backward == 192 * 7
    with pytest.raises(ShapeError, match=r"must be one of nearest, .* got 'area'"):
        rule("UpSampling2D", (1, 4, 4, 3), interpolation="area")
