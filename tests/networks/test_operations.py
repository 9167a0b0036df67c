"""Layers that call TensorFlow itself: read from the operations that TensorFlow runs.

Multiply-adds and elementwise operations are worked out by hand, in the comments.
"""

import pytest

from cnnbench import networks
from cnnbench.cost import cost

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
layers, ops = keras.layers, keras.ops


@pytest.fixture(autouse=True)
def fresh_names():
    keras.utils.clear_session(free_memory=False)


def of_function(function, *shape, **options):
    """The cost of a function of TensorFlow, on one sample."""
    x = keras.Input(shape, **options)
    return of(keras.Model(x, layers.Lambda(function)(x)))


def of(model):
    return cost(networks.resolve(model).trace(None, 1, None))


def kernel(*shape):
    return tf.ones(shape)


@pytest.mark.parametrize(
    ("function", "shape", "macs"),
    [
        (lambda x: tf.nn.conv2d(x, kernel(3, 3, 4, 8), 2, "SAME"), (9, 9, 4), 25 * 8 * 36),
        (lambda x: tf.nn.conv2d(x, kernel(3, 3, 4, 8), 1, "VALID"), (9, 9, 4), 49 * 8 * 36),
        (lambda x: tf.nn.conv2d(x, kernel(3, 3, 2, 8), 1, "SAME"), (9, 9, 4), 81 * 8 * 18),
        (lambda x: tf.nn.conv3d(x, kernel(1, 3, 3, 4, 2), [1] * 5, "SAME"), (2, 5, 5, 4), 50 * 72),
        (lambda x: tf.nn.depthwise_conv2d(x, kernel(3, 3, 4, 2), [1] * 4, "SAME"), (5, 5, 4), 1800),
        (
            lambda x: tf.nn.conv2d_transpose(x, kernel(3, 3, 8, 4), (1, 10, 10, 8), 2),
            (5, 5, 4),
            25 * 4 * 9 * 8,  # each value of the input is spread over 9 taps for 8 filters
        ),
        (lambda x: tf.matmul(x, x, transpose_a=True), (5, 4), 4 * 4 * 5),
        (lambda x: tf.einsum("bij,bkj->bik", x, x), (5, 4), 5 * 5 * 4),
        (lambda x: tf.tensordot(x, kernel(4, 7), 1), (5, 4), 5 * 7 * 4),
        (lambda x: tf.map_fn(lambda y: tf.matmul(y, kernel(3, 2)), x[0])[None], (6, 5, 3), 6 * 30),
    ],
)
def test_products(function, shape, macs):
    found = of_function(function, *shape)
    assert found.macs == macs
    assert found.uncounted == ()


@pytest.mark.parametrize(
    ("function", "elementwise"),
    [
        (tf.nn.relu, 20),
        (lambda x: x + 1.0, 20),
        (lambda x: tf.square(x) * x, 40),
        (lambda x: tf.reduce_sum(x, 2), 15),  # 3 additions for each of 5 outputs
        (lambda x: tf.reduce_mean(x, (1, 2)), 20),
        (lambda x: tf.transpose(tf.reshape(x, (1, 4, 5))), 0),
        (lambda x: tf.nn.bias_add(x, tf.ones(4)), 20),
        (lambda x: tf.add_n([x, x, x]), 40),
        (lambda x: x * (1.0 + tf.ones(4)), 24),  # the sum of constants is work too
        (lambda x: x + tf.random.normal((1, 5, 4)), 80),  # draw, scale, shift, add
        (lambda x: x + tf.random.truncated_normal((1, 5, 4)), 80),
        (lambda x: x + tf.random.stateless_normal((1, 5, 4), (1, 2)), 80),
        (lambda x: x + tf.random.uniform((1, 5, 4)), 40),  # between 0 and 1: as it is drawn
        (lambda x: x + tf.random.stateless_uniform((1, 5, 4), (1, 2)), 81),  # the width is 1 more
        (lambda x: x * tf.floor(0.5 + tf.random.uniform((1, 1, 1))), 23),
        (lambda x: tf.reshape(x, (tf.shape(x)[0], -1)) * 2.0, 20),  # that of sizes is none
    ],
)
def test_operations_on_each_value(function, elementwise):
    found = of_function(function, 5, 4)
    assert found.elementwise == elementwise
    assert (found.macs, found.uncounted) == (0, ())


def test_a_loop_is_counted_as_often_as_it_runs():
    def ten_times(x):
        return tf.while_loop(
            lambda i, y: i < 10, lambda i, y: (i + 1, tf.matmul(y, kernel(4, 4))), (0, x)
        )[1]

    found = of_function(ten_times, 5, 4)
    assert found.macs == 10 * 5 * 4 * 4
    assert found.uncounted == ()


def test_a_loop_that_depends_on_the_data_is_not_counted():
    def until_small(x):
        return tf.while_loop(
            lambda y: tf.reduce_sum(y) > 1.0, lambda y: tf.matmul(y, kernel(4, 4)) / 2.0, (x,)
        )[0]

    found = of_function(until_small, 5, 4)
    assert [x.uncounted for x in found.uncounted] == ["how often its loop runs depends on the data"]


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("end", [10, "given"])
def test_only_a_loop_that_counts_by_one_to_a_known_end_is_counted(step, end):
    def turns(x):
        last = tf.cast(x[0, 0, 0], "int32") if end == "given" else end
        return tf.while_loop(
            lambda i, y: i < last, lambda i, y: (i + step, tf.matmul(y, kernel(4, 4))), (0, x)
        )[1]

    found = of_function(turns, 5, 4)
    known = (step, end) == (1, 10)
    assert found.macs == (10 * 5 * 16 if known else 0)
    reasons = [layer.uncounted for layer in found.uncounted]
    assert reasons == ([] if known else ["how often its loop runs depends on the data"])


class Cell(layers.Layer):
    """A recurrent cell that somebody wrote."""

    state_size = output_size = 6

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 6))
        self.recurrent = self.add_weight(shape=(6, 6))

    def call(self, x, states):
        out = tf.tanh(tf.matmul(x, self.kernel) + tf.matmul(states[0], self.recurrent))
        return out, [out]


def test_a_cell_of_ones_own_runs_at_every_step():
    x = keras.Input((7, 3))
    found = of(keras.Model(x, layers.RNN(Cell())(x)))
    assert found.params == 3 * 6 + 6 * 6
    assert found.macs == 7 * (3 * 6 + 6 * 6)
    assert found.uncounted == ()


def test_a_function_of_tensorflow_is_entered():
    @tf.function
    def product(x):
        return tf.matmul(x, kernel(4, 4))

    assert of_function(lambda x: product(product(x)), 5, 4).macs == 2 * 5 * 16


def test_a_layer_in_a_function_works_as_often_as_the_function_is_called():
    class Twice(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4)
            self.function = tf.function(self.dense)

        def build(self, shape):
            self.dense.build(shape)

        def call(self, x):
            return self.function(self.function(x))

    x = keras.Input((5, 4))
    found = of(keras.Model(x, Twice()(x)))
    assert (found.params, found.macs) == (20, 2 * 5 * 16)
    assert found.uncounted == ()


def test_an_operation_without_a_rule_is_named():
    found = of_function(lambda x: tf.linalg.inv(x), 4, 4)
    assert [layer.uncounted for layer in found.uncounted] == [
        "there is no rule for MatrixInverse of TensorFlow"
    ]


def test_layers_inside_are_rows_of_their_own():
    class Mixed(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.conv, self.dense = layers.Conv2D(4, 3, name="conv"), layers.Dense(5, name="dense")

        def call(self, x):
            return self.dense(tf.nn.relu(self.conv(x)))

    x = keras.Input((6, 6, 2))
    found = of(keras.Model(x, Mixed(name="mixed")(x)))
    rows = {(row.scope, row.name): (row.params, row.macs, row.elementwise) for row in found.layers}
    assert rows["mixed", "conv"] == (76, 16 * 72, 64)
    assert rows["mixed", "relu_1"] == (0, 0, 64)
    assert rows["mixed", "dense"] == (25, 16 * 20, 80)
    assert found.macs == 16 * 72 + 16 * 20


def test_a_quantised_layer_inside_another_is_named_after_itself():
    class Own(layers.Layer):
        def __init__(self):
            super().__init__(name="own")
            self.inner = layers.Dense(4, name="inner")
            self.inner.build((None, 3))
            self.inner.quantize("int8")

        def call(self, x):
            return tf.nn.relu(self.inner(x))

    x = keras.Input((3,))
    counted = of(keras.Model(x, Own()(x)))
    assert {layer.scope for layer in counted.layers if layer.macs} == {"own/inner"}
    assert counted.macs == 3 * 4
