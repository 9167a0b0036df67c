"""Attention: shapes and weights against Keras, products against TensorFlow, the rest by hand."""

import os
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnbench import layers
from cnnbench.errors import ShapeError
from cnnbench.graph import RULES, argument_names

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

layers.load_all()

few = settings(max_examples=200 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 12)
small = st.integers(1, 4)
maybe = st.booleans()


def rule_of(layer, shapes, **call):
    """Our rule for a Keras layer, from its configuration and the arguments of its call."""
    rule = RULES[type(layer).__name__]
    config = layer.get_config() | call
    return rule(shapes, **{name: config[name] for name in argument_names(rule) if name in config})


def assert_agrees(layer, shapes, as_list=False, **call):
    """Shapes and weights are those of Keras; returns our rule."""
    inputs = [keras.ops.zeros(shape) for shape in shapes]  # on paper Keras misjudges the scores
    outputs = keras.tree.flatten(layer(inputs, **call) if as_list else layer(*inputs, **call))
    ours = rule_of(layer, shapes, **call)
    assert [ours.shape, *ours.others] == [tuple(x.shape) for x in outputs]
    assert {w.name: w.shape for w in ours.weights} == {
        w.path.partition("/")[2]: tuple(w.shape) for w in layer.weights
    }
    assert sum(prod(w.shape) for w in ours.weights) == layer.count_params()
    return ours


# Heads


@few
@given(
    batch=small,
    steps=small,
    sources=st.integers(2, 5),  # Keras warns of one
    channels=st.tuples(small, small, small),
    num_heads=small,
    key_dim=small,
    value_dim=st.none() | small,
    use_bias=maybe,
    use_gate=maybe,
    output_shape=st.none() | small | st.tuples(small, small),
    with_key=maybe,
    return_attention_scores=maybe,
)
def test_multi_head_attention_agrees_with_keras(
    batch, steps, sources, channels, with_key, return_attention_scores, **arguments
):
    q, v, k = channels
    shapes = [(batch, steps, q), (batch, sources, v)] + [(batch, sources, k)] * with_key
    layer = keras.layers.MultiHeadAttention(**arguments)
    assert_agrees(layer, shapes, return_attention_scores=return_attention_scores)


@pytest.mark.parametrize("axes", [None, (1,), (2,), (1, 2), -2])
def test_attention_over_some_axes_is_within_the_others(axes):
    layer = keras.layers.MultiHeadAttention(2, 3, attention_axes=axes)
    shapes = [(2, 4, 5, 6), (2, 4, 5, 6)]
    rule = assert_agrees(layer, shapes, return_attention_scores=True)
    # 2 samples of 2 heads; 20 x 20 scores over both axes, 5 times 4 x 4 or 4 times 5 x 5
    scores = {None: 400, (1, 2): 400, (1,): 80}.get(axes, 100)
    assert rule.products == 4 * scores * 6


@few
@given(
    batch=small,
    steps=small,
    sources=st.integers(2, 5),  # Keras warns of one
    channels=small,
    head_dim=small,
    num_key_value_heads=small,
    groups=small,
    use_bias=maybe,
    use_gate=maybe,
    return_attention_scores=maybe,
)
def test_grouped_query_attention_agrees_with_keras(
    batch, steps, sources, channels, groups, return_attention_scores, **arguments
):
    heads = groups * arguments["num_key_value_heads"]
    layer = keras.layers.GroupQueryAttention(num_query_heads=heads, **arguments)
    shapes = [(batch, steps, channels), (batch, sources, channels)]
    assert_agrees(layer, shapes, return_attention_scores=return_attention_scores)


def test_multi_head_attention_by_hand():
    rule = RULES["MultiHeadAttention"]([(2, 5, 7), (2, 6, 8), (2, 6, 9)], 3, 4, 10)
    # 10 queries, 12 keys and values, 3 heads: 120, 144 and 360 projected values of 7, 9 and 8
    # terms; back 10 * 7 values of 30
    projected = 120 * 7 + 144 * 9 + 360 * 8 + 70 * 30
    # 2 * 3 * 5 * 6 = 180 scores of 4 terms, and each weighs 10 values
    assert rule.products == 180 * (4 + 10)
    assert rule.macs == projected + rule.products
    # A bias on each projected value; scale and softmax (5) on each score
    assert rule.elementwise == 120 + 144 + 360 + 70 + 180 * 6
    # Projections, scores, and the weighted sum of 10 * 3 * 10
    assert rule.scratch == 120 + 144 + 360 + 180 + 300
    assert rule.training is None


def test_what_dropout_a_mask_and_a_gate_add():
    shapes = [(2, 5, 7), (2, 5, 7)]
    plain = RULES["MultiHeadAttention"](shapes, 3, 4)
    assert plain.elementwise == 3 * 120 + 70 + 150 * 6  # 2 * 3 * 5 * 5 = 150 scores
    dropped = RULES["MultiHeadAttention"](shapes, 3, 4, dropout=0.1)
    # The query is scaled, not the scores; in training draw, compare, scale and choose
    assert dropped.elementwise == plain.elementwise - 150 + 120
    assert dropped.training == dropped.elementwise + 4 * 150
    masked = RULES["MultiHeadAttention"](shapes, 3, 4, use_causal_mask=True)
    assert masked.elementwise == plain.elementwise + 150 + 25  # 5 * 5 comparisons
    window = RULES["MultiHeadAttention"](shapes, 3, 4, sliding_window=2)
    assert window.elementwise == plain.elementwise + 150 + 75
    gated = RULES["MultiHeadAttention"](shapes, 3, 4, use_gate=True)
    assert gated.macs == plain.macs + 120 * 7
    assert gated.elementwise == plain.elementwise + 120 * 6  # bias, sigmoid (4), product
    assert gated.backward == plain.backward + 120 * 6  # bias, sigmoid (3), product (2)


def test_grouped_queries_share_projections_not_scores():
    shapes = [(2, 5, 12), (2, 5, 12)]
    whole = RULES["GroupedQueryAttention"](shapes, 4, 6, 6)
    grouped = RULES["GroupedQueryAttention"](shapes, 4, 6, 2)
    assert grouped.products == whole.products == 2 * 6 * 25 * 8
    # Keys and values of 2 heads, not of 6: 4 heads * 2 * 10 steps * 4 values of 12 terms
    assert whole.macs - grouped.macs == 4 * 2 * 40 * 12
    assert whole.scratch == 3 * 240 + 300 + 240  # projections, scores, weighted sum
    assert grouped.scratch == 240 + 2 * 80 + 300 + 240 + 2 * 240  # and keys, values repeated


# One head, no projections


@few
@given(
    batch=small,
    steps=small,
    sources=st.integers(2, 5),  # Keras warns of one
    depth=small,
    values=small,
    with_key=maybe,
    use_scale=maybe,
    kind=st.sampled_from(["dot", "concat", "additive"]),
    return_attention_scores=maybe,
)
def test_plain_attention_agrees_with_keras(
    batch, steps, sources, depth, values, with_key, use_scale, kind, return_attention_scores
):
    shapes = [(batch, steps, depth), (batch, sources, values if with_key else depth)]
    shapes += [(batch, sources, depth)] * with_key
    if kind == "additive":
        layer = keras.layers.AdditiveAttention(use_scale=use_scale)
    else:
        layer = keras.layers.Attention(use_scale=use_scale, score_mode=kind)
    assert_agrees(layer, shapes, as_list=True, return_attention_scores=return_attention_scores)


def test_dot_product_attention_is_what_tensorflow_counts():
    from tensorflow.python.framework.ops import get_stats_for_node_def

    layer = keras.layers.Attention(use_scale=True)
    shapes = [(2, 5, 4), (2, 6, 7), (2, 6, 4)]
    rule = assert_agrees(layer, shapes, as_list=True)
    traced = tf.function(lambda *xs: layer(list(xs)))
    graph = traced.get_concrete_function(*map(tf.TensorSpec, shapes)).graph
    counts = [get_stats_for_node_def(graph, n, "flops") for n in graph.as_graph_def().node]
    assert 2 * rule.macs + rule.elementwise == sum(int(count.value or 0) for count in counts)


@pytest.mark.parametrize(
    ("kind", "arguments", "each", "depth"),
    [
        ("Attention", {"score_mode": "concat"}, 12, 4),  # add, tanh: 4 each; sum 3, one product
        ("Attention", {"score_mode": "concat", "use_scale": True}, 16, 4),
        ("AdditiveAttention", {}, 15, 4),  # add, tanh, weigh: 4 each; sum 3
        ("AdditiveAttention", {"use_scale": False}, 15, 4),
        ("Attention", {}, 0, 0),
    ],
)
def test_the_work_on_each_score(kind, arguments, each, depth):
    rule = RULES[kind]([(2, 5, 4), (2, 6, 4)], **arguments)
    assert rule.elementwise == 60 * (each + 5)  # 2 * 5 * 6 scores; softmax is 5
    assert rule.scratch == 60 * (1 + depth)
    causal = RULES[kind]([(2, 5, 4), (2, 6, 4)], **arguments, use_causal_mask=True)
    assert causal.elementwise == rule.elementwise + 60 * 2 + 30 * 4


# What cannot be


@pytest.mark.parametrize(
    ("kind", "shapes", "arguments", "message"),
    [
        (
            "MultiHeadAttention",
            [(2, 5, 4)],
            {"num_heads": 2, "key_dim": 3},
            "expected a query, a value and perhaps a key; got 1 inputs",
        ),
        (
            "MultiHeadAttention",
            [(2, 5, 4), (2, 5, 4), (2, 6, 4)],
            {"num_heads": 2, "key_dim": 3},
            "with as many keys as values; got 2x5x4 and 2x5x4 and 2x6x4",
        ),
        (
            "MultiHeadAttention",
            [(2, 5, 4), (2, 5, 4)],
            {"num_heads": 0, "key_dim": 3},
            "heads must be a whole number of at least 1; got 0",
        ),
        (
            "GroupedQueryAttention",
            [(2, 5, 4), (2, 5, 4)],
            {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 3},
            "num_key_value_heads=3 must divide num_query_heads=4",
        ),
        (
            "Attention",
            [(2, 5, 4), (2, 5, 4)],
            {"score_mode": "sum"},
            "score_mode must be 'dot' or 'concat'; got 'sum'",
        ),
    ],
)
def test_attention_refuses_what_it_cannot_take(kind, shapes, arguments, message):
    with pytest.raises(ShapeError, match=message):
        RULES[kind](shapes, **arguments)
