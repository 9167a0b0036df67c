"""What operations of keras.ops cost: against TensorFlow's own counts, and by hand."""

from importlib import import_module

import pytest

from cnnbench import layers
from cnnbench.errors import NoRuleError
from cnnbench.layers.operations import OPERATIONS
from cnnbench.rule import WHOLE

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
ops = keras.ops

layers.load_all()


def rule_of(function, *shapes):
    """The rule of the last operation of a function, as the reader of models calls it."""
    outputs = keras.tree.flatten(function(*(keras.KerasTensor(shape) for shape in shapes)))
    operation = outputs[0]._keras_history.operation
    call = operation._inbound_nodes[-1]
    flat = keras.tree.flatten((call.arguments.args, call.arguments.kwargs))
    operands = [tuple(x.shape) for x in flat if hasattr(x, "shape")]
    shapes = [tuple(x.shape) for x in outputs]
    module = type(operation).__module__.removeprefix("keras.src.ops.")
    rule = OPERATIONS.get(f"{module}.{type(operation).__name__}")
    result = rule(operands, shapes if len(shapes) > 1 else shapes[0], vars(operation))
    assert result.shape == shapes[0]
    return result


def counted(function, *shapes):
    """Floating-point operations of a function by TensorFlow, 2 for a multiply-accumulate."""
    from tensorflow.python.framework.ops import get_stats_for_node_def

    traced = tf.function(function, autograph=False)
    graph = traced.get_concrete_function(*map(tf.TensorSpec, shapes)).graph
    counts = (get_stats_for_node_def(graph, n, "flops").value for n in graph.as_graph_def().node)
    return sum(int(count) for count in counts if count)


# Products


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (ops.matmul, [(2, 3, 4), (2, 4, 5)]),
        (ops.matmul, [(2, 3, 4), (4, 5)]),
        (ops.dot, [(2, 9, 8), (8, 5)]),
        (ops.dot, [(2, 9, 8), (3, 8, 5)]),
        (lambda a, b: ops.tensordot(a, b, axes=2), [(3, 8, 9), (8, 9, 5)]),
        (lambda a, b: ops.tensordot(a, b, axes=[[1, 2], [1, 0]]), [(2, 9, 8, 4), (8, 9, 5)]),
        (lambda a, b: ops.einsum("abc,cd->abd", a, b), [(2, 3, 4), (4, 5)]),
        (lambda a, b: ops.einsum("bthd,bshd->bhts", a, b), [(2, 3, 4, 5), (2, 7, 4, 5)]),
        (lambda x, k: ops.conv(x, k), [(2, 9, 4), (3, 4, 6)]),
        (lambda x, k: ops.conv(x, k, 2, "valid"), [(2, 9, 8, 4), (3, 2, 4, 6)]),
        (lambda x, k: ops.conv(x, k, padding="same"), [(2, 9, 8, 4), (3, 3, 4, 6)]),
        (lambda x, k: ops.conv(x, k), [(2, 5, 5, 5, 4), (3, 3, 3, 4, 6)]),
        (lambda x, k: ops.depthwise_conv(x, k, 2, "same"), [(2, 9, 8, 4), (3, 3, 4, 2)]),
        (
            lambda x, k, p: ops.separable_conv(x, k, p, padding="same"),
            [(2, 9, 8, 4), (3, 3, 4, 2), (1, 1, 8, 5)],
        ),
    ],
)
def test_the_macs_of_a_product_are_half_of_what_tensorflow_counts(function, shapes):
    rule = rule_of(function, *shapes)
    assert 2 * rule.macs == counted(function, *shapes)
    assert rule.elementwise == 0
    assert rule.weights == ()


@pytest.mark.parametrize(
    ("function", "shapes", "macs", "elementwise"),
    [
        (ops.inner, [(9, 8), (3, 8)], 216, 0),  # 9 * 3 outputs of 8 terms
        (ops.vdot, [(2, 9), (2, 9)], 18, 0),
        (ops.matmul, [(8,), (8,)], 8, 0),
        (ops.matmul, [(2, 3, 1), (2, 1, 4)], 24, 0),  # a sum of one term, as in Dense
        (ops.outer, [(6,), (7,)], 0, 42),  # a product for each pair, no sum
        # Channels first: 2 * 6 * 6 * 5 outputs of 3 * 3 * 4
        (
            lambda x, k: ops.conv(x, k, data_format="channels_first"),
            [(2, 4, 8, 7), (3, 3, 4, 6)],
            2 * 6 * 6 * 5 * 36,
            0,
        ),
        # Every value goes into 3 * 3 positions of 5 filters: 2 * 9 * 8 * 4 * 45
        (lambda x, k: ops.conv_transpose(x, k, 2), [(2, 9, 8, 4), (3, 3, 5, 4)], 25920, 0),
        # b and c are summed: 2 * 5 outputs of 3 * 4 terms
        (lambda a, b: ops.einsum("abc,bcd->ad", a, b), [(2, 3, 4), (3, 4, 5)], 120, 0),
        # Nothing is summed: 2 * 3 * 4 products
        (lambda a, b: ops.einsum("ab,bc->abc", a, b), [(2, 3), (3, 4)], 0, 24),
        # x is summed alone first, 24 values into 6; then 2 outputs of 3 terms
        (lambda a, b: ops.einsum("abx,b->a", a, b), [(2, 3, 4), (3,)], 6, 18),
        # The ellipsis: 2 * 3 * 5 outputs of 4 terms
        (lambda a, b: ops.einsum("...c,cd->...d", a, b), [(2, 3, 4), (4, 5)], 120, 0),
        (lambda a, b: ops.einsum("...c,cd", a, b), [(2, 3, 4), (4, 5)], 120, 0),
        # Without an arrow what appears once is kept: 2 * 4 outputs of 3 terms
        (lambda a, b: ops.einsum("ab,bc", a, b), [(2, 3), (3, 4)], 24, 0),
    ],
)
def test_products_by_hand(function, shapes, macs, elementwise):
    rule = rule_of(function, *shapes)
    assert (rule.macs, rule.elementwise) == (macs, elementwise)


def test_patches_are_a_convolution_with_zeros_and_ones():
    def patches(x):
        return ops.image.extract_patches(x, (2, 3))

    rule = rule_of(patches, (2, 8, 9, 4))
    # 4 * 3 patches of 2 * 3 * 4 = 24 values, each picked from 24
    assert rule.macs == 2 * 12 * 24 * 24
    assert 2 * rule.macs == counted(patches, (2, 8, 9, 4))


def test_an_einsum_of_three_arrays_has_no_rule():
    with pytest.raises(NoRuleError, match="three arrays"):
        rule_of(lambda a, b, c: ops.einsum("ab,bc,cd->ad", a, b, c), (2, 3), (3, 4), (4, 5))


def test_attention_is_scores_and_a_weighted_sum():
    def attend(q, k, v):
        return ops.dot_product_attention(q, k, v)

    shapes = [(2, 9, 8, 4), (2, 7, 8, 4), (2, 7, 8, 4)]
    rule = rule_of(attend, *shapes)
    # 2 * 8 heads of 9 * 7 scores are 1008, each a sum of 4; 2 * 9 * 8 * 4 outputs of 7 terms
    assert rule.macs == rule.products == 1008 * 4 + 576 * 7
    # TensorFlow has no count for its einsum, only for the scale and softmax (5) of each score,
    # and for the one division that works the scale out.
    assert rule.elementwise == counted(attend, *shapes) - 1 == 6 * 1008
    causal = rule_of(lambda q, k, v: ops.dot_product_attention(q, k, v, is_causal=True), *shapes)
    assert causal.elementwise == 7 * 1008


# Elementwise


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (ops.add, [(2, 3, 4), (2, 3, 4)]),
        (ops.multiply, [(2, 3, 4), (4,)]),  # broadcast: an output each
        (ops.subtract, [(2, 3, 1), (3, 4)]),
        (ops.maximum, [(2, 3, 4), (2, 3, 4)]),
        (lambda x: x / 2.0, [(2, 3, 4)]),
        (ops.square, [(2, 3, 4)]),
        (ops.negative, [(2, 3, 4)]),
        (ops.log, [(2, 3, 4)]),
        (ops.softmax, [(2, 3, 4)]),
        (lambda x: ops.sum(x, axis=1), [(2, 3, 4)]),
        (lambda x: ops.mean(x, axis=(1, 2)), [(2, 3, 4, 5)]),
        (lambda x: ops.var(x, axis=-1), [(2, 3, 4)]),
        (lambda x: ops.average_pool(x, 2), [(2, 8, 8, 4)]),
    ],
)
def test_elementwise_operations_are_those_that_tensorflow_counts(function, shapes):
    rule = rule_of(function, *shapes)
    assert rule.elementwise == counted(function, *shapes)
    assert rule.macs == 0


@pytest.mark.parametrize(
    ("function", "shapes", "elementwise"),
    [
        (ops.exp, [(2, 3, 4)], 24),
        (ops.rsqrt, [(2, 3, 4)], 24),
        (ops.relu6, [(2, 3, 4)], 48),  # both limits
        (lambda x: ops.clip(x, 0, 1), [(2, 3, 4)], 48),  # both limits
        (lambda x: x**2, [(2, 3, 4)], 24),
        (lambda c, a, b: ops.where(c, a, b), [(2, 1), (2, 3), (1, 3)], 6),
        (ops.silu, [(2, 3, 4)], 120),  # sigmoid is 4
        (ops.gelu, [(2, 3, 4)], 216),  # by tanh
        (lambda x: ops.gelu(x, approximate=False), [(2, 3, 4)], 120),
        (ops.elu, [(2, 3, 4)], 72),
        (lambda x: ops.elu(x, alpha=0.5), [(2, 3, 4)], 96),
        (ops.round, [(2, 3, 4)], 24),
        (lambda x: ops.round(x, 2), [(2, 3, 4)], 72),  # times 100, round, divide
        (lambda x: ops.one_hot(x, 10), [(2, 3)], 60),
        (lambda x: ops.max(x, axis=(1, 2)), [(2, 3, 4)], 22),  # 12 values are 11 comparisons
        (ops.max, [(2, 3, 4)], 23),
        (lambda x: ops.argmax(x, axis=1), [(2, 3, 4)], 16),  # 8 times 2 comparisons
        (lambda x: ops.std(x, axis=1), [(2, 3, 4)], 104),  # variance 4 * 24, 8 roots
        # Maximum and sum are 24 - 6 each, subtract and exp 24, log and add 6
        (lambda x: ops.logsumexp(x, axis=-1), [(2, 3, 4)], 96),
        (lambda x: ops.norm(x, axis=-1), [(2, 3, 4)], 48),  # squares, sums 24 - 6, 6 roots
        (lambda x: ops.norm(x, ord=1, axis=-1), [(2, 3, 4)], 42),
        (lambda x: ops.cumsum(x, axis=1), [(2, 3, 4)], 24),
        (lambda x: ops.moments(x, axes=[0, 1]), [(2, 3, 4)], 96),  # as the variance
        (lambda x: ops.max_pool(x, 2), [(2, 8, 8, 4)], 384),  # 128 outputs, 3 comparisons
        (lambda x: ops.image.resize(x, (4, 6)), [(2, 8, 8, 3)], 1008),  # 144 values, 7 each
        (ops.normalize, [(2, 3, 4)], 72),  # square, add, multiply
        (ops.rms_normalization, [(2, 3, 4)], 72),
        (ops.rms_normalization, [(2, 3, 4), (4,)], 96),  # and scale
        (ops.layer_normalization, [(2, 3, 4), (4,), (4,)], 192),  # 1 + 3 + 2, scale and shift
        (lambda x, m, v: ops.batch_normalization(x, m, v, -1), [(2, 3, 4), (4,), (4,)], 48),
        (lambda i, v: ops.scatter(i, v, (9,)), [(5, 1), (5,)], 5),
        (lambda x, i, v: ops.scatter_update(x, i, v), [(9,), (5, 1), (5,)], 0),
        (lambda x, i, v: ops.scatter_update(x, i, v, "add"), [(9,), (5, 1), (5,)], 5),
        (lambda x: ops.image.rgb_to_grayscale(x), [(2, 8, 8, 3)], 640),  # 128 times 5
    ],
)
def test_elementwise_operations_by_hand(function, shapes, elementwise):
    rule = rule_of(function, *shapes)
    assert rule.elementwise == elementwise
    assert rule.macs == 0


def test_other_lengths_have_no_rule():
    with pytest.raises(NoRuleError, match="the Euclidean length"):
        rule_of(lambda x: ops.normalize(x, order=1), (2, 3, 4))


@pytest.mark.parametrize("order", ["nuc", 1])
def test_a_norm_of_matrices_other_than_the_euclidean_has_no_rule(order):
    with pytest.raises(NoRuleError, match=f"no rule for a norm of order {order}"):
        rule_of(lambda x: ops.norm(x, ord=order, axis=(1, 2)), (2, 3, 4))


def test_the_gradient_of_what_was_broadcast_is_a_sum():
    assert rule_of(ops.multiply, (2, 3, 4), (2, 3, 4)).backward == 48  # dy * b, dy * a
    assert rule_of(ops.multiply, (2, 3, 4), (4,)).backward == 48 + 20  # 24 values into 4
    assert rule_of(ops.add, (2, 3, 4), (4,)).backward == 20


# Moves


@pytest.mark.parametrize(
    ("function", "shapes", "view"),
    [
        (lambda x: ops.reshape(x, (2, 12)), [(2, 3, 4)], True),
        (lambda x: ops.expand_dims(x, 1), [(2, 3)], True),
        (lambda x: ops.squeeze(x, 1), [(2, 1, 3)], True),
        (ops.stop_gradient, [(2, 3)], True),
        (lambda x: ops.transpose(x, (0, 2, 1)), [(2, 3, 4)], False),
        (lambda x: x[:, 1:], [(2, 3, 4)], False),
        (lambda x: ops.pad(x, ((0, 0), (1, 1))), [(2, 3)], False),
        (lambda x: ops.cast(x, "float16"), [(2, 3)], False),
        (lambda a, b: ops.stack([a, b]), [(2, 3), (2, 3)], False),
        (lambda x: ops.split(x, 2, axis=1), [(2, 4)], False),
        (lambda x: ops.take(x, [0, 0], axis=1), [(2, 4)], False),
        (lambda x: ops.repeat(x, 2, axis=1), [(2, 4)], False),
    ],
)
def test_moving_values_is_no_arithmetic(function, shapes, view):
    rule = rule_of(function, *shapes)
    assert rule.macs == rule.elementwise == rule.backward == 0
    assert rule.view == view


def test_what_one_position_sees():
    assert rule_of(ops.add, (2, 3, 4), (4,)).window == ()
    assert rule_of(lambda x, k: ops.conv(x, k, 2), (2, 9, 9, 4), (3, 3, 4, 5)).window == (
        (3, 2),
        (3, 2),
    )
    assert rule_of(lambda x: ops.mean(x, axis=(1, 2)), (2, 3, 4, 5)).window is WHOLE
    assert rule_of(lambda x: ops.mean(x, axis=-1), (2, 3, 4, 5)).window == ()
    assert rule_of(lambda a, b: ops.concatenate([a, b], -1), (2, 3, 4), (2, 3, 5)).window == ()
    assert rule_of(lambda a, b: ops.concatenate([a, b], 1), (2, 3, 4), (2, 5, 4)).window is WHOLE


# What there is


def test_an_operation_that_is_not_listed_has_no_rule():
    assert "linalg.SVD" not in OPERATIONS
    assert "numpy.Sinc" not in OPERATIONS


def test_every_rule_is_of_an_operation_that_keras_has():
    for key in OPERATIONS:
        module, name = key.split(".")
        path = "activations.activations" if module == "activations" else f"ops.{module}"
        operation = getattr(import_module(f"keras.src.{path}"), name)
        assert issubclass(operation, keras.Operation)
