"""Attention: scores of queries against keys, softmax, and a weighted sum of the values.

The inputs are query, value and, if it is not the value, key. `products` are the scores and
the weighted sum; the scores are scratch. A mask that is passed as a tensor is not counted.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

from cnnbench import units
from cnnbench.errors import ShapeError
from cnnbench.graph import layer
from cnnbench.layers._sizes import axes_of, positive
from cnnbench.layers.activation import OPERATIONS
from cnnbench.rule import WHOLE, Rule, Shape, Weight

_SOFTMAX, _SOFTMAX_BACK = OPERATIONS["softmax"]
_SIGMOID, _SIGMOID_BACK = OPERATIONS["sigmoid"]
_DROPOUT = 4  # draw, compare, scale, select


def _inputs(xs: Sequence[Shape]) -> tuple[Shape, Shape, Shape]:
    """Query, value and key; the key is the value if there is none."""
    if len(xs) not in (2, 3):
        raise ShapeError(f"expected a query, a value and perhaps a key; got {len(xs)} inputs")
    query, value, *key = xs
    inputs = (query, value, key[0] if key else value)
    if any(len(x) < 3 for x in inputs) or inputs[1][:-1] != inputs[2][:-1]:
        got = " and ".join(map(units.shape, xs))
        raise ShapeError(f"expected (n, steps, c), with as many keys as values; got {got}")
    return inputs


@layer("MultiHeadAttention")
def multi_head_attention(
    xs: Sequence[Shape],
    num_heads: int,
    key_dim: int,
    value_dim: int | None = None,
    dropout: float = 0.0,
    use_bias: bool = True,
    output_shape: Any = None,
    attention_axes: Any = None,
    sliding_window: int | None = None,
    use_gate: bool = False,
    use_causal_mask: bool = False,
    return_attention_scores: bool = False,
) -> Rule:
    """Query, key and value are projected into heads; the output of all heads is projected back.

    Each head has depth `key_dim`, and its values `value_dim` (Vaswani et al., 1706.03762,
    section 3.2). For the elementwise work see `_projected`.
    """
    depth = key_dim if value_dim is None else value_dim
    out = output_shape if isinstance(output_shape, (tuple, list)) else (output_shape,)
    return _projected(
        xs, (num_heads, num_heads), key_dim, depth, tuple(out) if output_shape else None,
        attention_axes, use_bias, use_gate, dropout, use_causal_mask, sliding_window,
        return_attention_scores,
    )  # fmt: skip


@layer("GroupedQueryAttention")
def grouped_query_attention(
    xs: Sequence[Shape],
    head_dim: int,
    num_query_heads: int,
    num_key_value_heads: int,
    dropout: float = 0.0,
    use_bias: bool = True,
    sliding_window: int | None = None,
    use_gate: bool = False,
    use_causal_mask: bool = False,
    return_attention_scores: bool = False,
) -> Rule:
    """As `MultiHeadAttention`, with fewer, repeated heads of keys and values (2305.13245)."""
    heads = (num_query_heads, num_key_value_heads)
    if all(isinstance(count, int) and count > 0 for count in heads) and heads[0] % heads[1]:
        raise ShapeError(f"num_key_value_heads={heads[1]} must divide num_query_heads={heads[0]}")
    if any(len(x) != 3 for x in xs):
        raise ShapeError(f"expected (n, steps, c); got {' and '.join(map(units.shape, xs))}")
    return _projected(
        xs, heads, head_dim, head_dim, None, None, use_bias, use_gate, dropout, use_causal_mask,
        sliding_window, return_attention_scores,
    )  # fmt: skip


def _projected(
    xs: Sequence[Shape],
    heads: tuple[int, int],
    key_dim: int,
    value_dim: int,
    output_shape: Shape | None,
    attention_axes: Any,
    use_bias: bool,
    use_gate: bool,
    dropout: float,
    causal: bool,
    window: int | None,
    return_scores: bool,
) -> Rule:
    """Attention over `attention_axes`, by default all but the first and the last.

    Elementwise: the biases, a scale (of the scores or, with dropout or scores returned, of the
    query), softmax (5), a selection on each score if there is a mask, and once for all heads the
    comparisons of the mask (1 for a causal one, 3 for a window); a gate is a sigmoid and a product.
    """
    query, value, key = _inputs(xs)
    own, shared = heads
    for number in heads:
        positive(number, "heads")
    positive(key_dim, "key_dim")
    positive(value_dim, "value_dim")
    middle = range(1, len(query) - 1)
    axes = middle if attention_axes is None else axes_of(attention_axes, len(query))
    steps, sources = tuple(query[a] for a in axes), tuple(value[a] for a in axes)
    beside = tuple(query[a] for a in middle if a not in axes)
    scores = query[0] * prod(beside) * own * prod(steps) * prod(sources)
    out = output_shape or (query[-1],)
    parts = [
        ("query", query, (own, key_dim)),
        ("key", key, (shared, key_dim)),
        *[("gate", query, (own, value_dim))] * use_gate,
        ("value", value, (shared, value_dim)),
    ]
    projections = {name: prod(x[:-1]) * prod(shape) for name, x, shape in parts}
    context = prod(query[:-1]) * own * value_dim
    gated = context * int(bool(use_gate))
    returned = prod(query[:-1]) * prod(out)
    biases = (sum(projections.values()) + returned) * int(bool(use_bias))
    direct = not dropout and not return_scores and len(query) == 3
    scaled = scores if direct else projections["query"]
    masks = int(bool(causal)) + 3 * int(window is not None)
    chosen = scores * int(masks > 0) + prod(steps) * prod(sources) * masks
    elementwise = biases + scaled + _SOFTMAX * scores + chosen + (_SIGMOID + 1) * gated
    products = scores * (key_dim + value_dim)
    repeated = (projections["key"] + projections["value"]) // shared * own
    weights: list[tuple[str, Shape, Shape]]
    weights = [(name, (x[-1], *shape), shape) for name, x, shape in parts]
    weights.append(("attention_output", (own, value_dim, *out), out))
    return Rule(
        (*query[:-1], *out),
        weights=tuple(
            Weight(f"{name}/{kind}", shape)
            for name, kernel, bias in weights
            for kind, shape in (("kernel", kernel), ("bias", bias))
            if use_bias or kind == "kernel"
        ),
        macs=sum(projections[name] * x[-1] for name, x, _ in parts)
        + returned * own * value_dim
        + products,
        elementwise=elementwise,
        others=((query[0], *beside, own, *steps, *sources),) if return_scores else (),
        scratch=sum(projections.values()) + scores + context + repeated * int(own != shared),
        products=products,
        training=elementwise + _DROPOUT * scores if dropout else None,
        backward=biases
        + scaled
        + (_SOFTMAX_BACK + int(masks > 0) + 2 * int(bool(dropout))) * scores
        + (_SIGMOID_BACK + 2) * gated,
        saves="input",
        window=WHOLE,
    )


@layer("Attention")
def attention(
    xs: Sequence[Shape],
    use_scale: bool = False,
    score_mode: str = "dot",
    dropout: float = 0.0,
    use_causal_mask: bool = False,
    return_attention_scores: bool = False,
) -> Rule:
    """Scores are products of query and key or, as "concat", sums of tanh(query + key).

    A scale multiplies each product, or each query + key; the sum of tanh has a weight of its own
    (Luong et al., 1508.04025).
    """
    query, _, _ = inputs = _inputs(xs)
    scaled, depth = int(bool(use_scale)), query[-1]
    weights = [Weight("scale", ())] * scaled
    options = (dropout, use_causal_mask, return_attention_scores)
    if score_mode == "dot":
        return _attended(inputs, tuple(weights), depth, scaled, scaled, 0, *options)
    if score_mode != "concat":
        raise ShapeError(f"score_mode must be 'dot' or 'concat'; got {score_mode!r}")
    weights.append(Weight("concat_score_weight", ()))
    # Add, scale, tanh; sum and one product. Backward: tanh (3), scale, a sum for query and key.
    each, back = (3 + scaled) * depth, (5 + scaled) * depth + 1
    return _attended(inputs, tuple(weights), 0, each, back, depth, *options)


@layer("AdditiveAttention")
def additive_attention(
    xs: Sequence[Shape],
    use_scale: bool = True,
    dropout: float = 0.0,
    use_causal_mask: bool = False,
    return_attention_scores: bool = False,
) -> Rule:
    """Scores are weighted sums of tanh(query + key); without a scale the weights are 1.

    Bahdanau et al., 1409.0473, appendix A.1.2.
    """
    inputs, depth = _inputs(xs), xs[0][-1]
    weights = (Weight("scale", (depth,)),) if use_scale else ()
    each, back = 4 * depth - 1, 7 * depth  # backward also a product and a sum for the scale
    options = (dropout, use_causal_mask, return_attention_scores)
    return _attended(inputs, weights, 0, each, back, depth, *options)


def _attended(
    inputs: tuple[Shape, Shape, Shape],
    weights: tuple[Weight, ...],
    macs: int,
    each: int,
    back: int,
    between: int,
    dropout: float,
    causal: bool,
    return_scores: bool,
) -> Rule:
    """Attention over axis 1.

    `macs`, `each` (operations), `back` (operations backward) and `between` (scratch) are those of
    one score. A causal mask takes 4 operations, once for all samples, and then a subtraction and
    a selection on each score.
    """
    query, value, _ = inputs
    *batch, steps, _ = query
    n, sources = prod(batch), value[-2]
    scores = n * steps * sources
    masked = int(bool(causal))
    elementwise = scores * (each + _SOFTMAX + 2 * masked) + 4 * masked * steps * sources
    products = scores * (macs + value[-1])
    return Rule(
        (*query[:-1], value[-1]),
        weights=weights,
        macs=products,
        elementwise=elementwise,
        others=((*batch, steps, sources),) if return_scores else (),
        scratch=scores * (1 + between),
        products=products,
        training=elementwise + _DROPOUT * scores if dropout else None,
        backward=scores * (back + _SOFTMAX_BACK + masked + 2 * int(bool(dropout))),
        saves="input",
        window=WHOLE,
    )
