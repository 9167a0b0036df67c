"""More networks of people's own kinds, each with its parameters and multiply-adds by hand.

Parameters are also held against the values in Keras' own weights, and the whole against the check.
"""

import pytest

from cnnbench import crosscheck, networks
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
layers, ops = keras.layers, keras.ops


@pytest.fixture(autouse=True)
def fresh_names():
    keras.utils.clear_session(free_memory=False)


def one(layer, *shape):
    x = keras.Input(shape)
    return keras.Model(x, layer(x))


def int4():
    x = keras.Input((64,))
    model = keras.Model(x, layers.Dense(10)(layers.Dense(128)(x)))
    model.quantize("int4")
    return model


def lora(layer, x):
    model = keras.Model(x, layer(x))
    layer.enable_lora(2)
    return model


def tied():
    embedding = layers.Embedding(100, 16)

    class Out(layers.Layer):
        def __init__(self):
            super().__init__()
            self.embedding = embedding

        def call(self, x):
            return ops.matmul(x, ops.transpose(self.embedding.embeddings))

    x = keras.Input((5,), dtype="int32")
    return keras.Model(x, Out()(embedding(x)))


def shared_cell():
    cell, a, b = layers.LSTMCell(4), keras.Input((5, 3)), keras.Input((7, 3))
    return keras.Model([a, b], [layers.RNN(cell)(a), layers.RNN(cell)(b)])


class OfOneName(layers.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(4, name="d"), layers.Dense(4, name="d")

    def call(self, x):
        return self.b(self.a(x))


class OwnCell(layers.Layer):
    state_size = 4

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def build(self, shape):
        self.dense.build((None, shape[-1] + 4))

    def call(self, x, states):
        y = self.dense(ops.concatenate([x, states[0]], -1))
        return y, [y]


class Scan(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], shape[-1]))

    def call(self, x):
        def step(carry, y):
            carry = ops.tanh(ops.matmul(carry, self.w) + y)
            return carry, carry

        return ops.scan(step, ops.zeros_like(x[:, 0]), ops.transpose(x, (1, 0, 2)))[1]


class Listed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, pair):
        return self.dense(pair[0]) + self.dense(pair[1])


def listed():
    model = Listed()
    model([ops.zeros((1, 4)), ops.zeros((1, 4))])
    return model


class Mapped(layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def build(self, shape):
        self.dense.build((None, shape[-1]))

    def call(self, x):
        return ops.vectorized_map(self.dense, x)


class Sized(layers.Layer):
    """Returns a size beside its output."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(x), x.shape[1]


class Masked(layers.Layer):
    """Takes a mask, which is no float, and gives a layer a constant."""

    def __init__(self):
        super().__init__()
        self.inner, self.embedding = Sized(), layers.Embedding(6, 3)

    def build(self, *shapes):
        self.positions = ops.arange(6)

    def call(self, x, mask):
        both = tf.logical_and(mask, self.positions[None] >= 0)
        x = x + self.embedding(self.positions)
        y, size = self.inner(ops.where(both[:, :, None], x, 0.0))
        return y / size


def masked():
    x = keras.Input((6, 3))
    return keras.Model(x, Masked()(x, ops.not_equal(x[:, :, 0], 0)))


class Joined(layers.Layer):
    """Has a bias of two weights."""

    def build(self, shape):
        self.a, self.b = self.add_weight(shape=(2,)), self.add_weight(shape=(shape[-1] - 2,))

    def call(self, x):
        return x + tf.concat([self.a, self.b], 0)


class Causal(layers.Layer):
    """Attends to itself, with a mask that is made of constants."""

    def __init__(self):
        super().__init__(name="attention")
        self.joined, self.query = Joined(), layers.Dense(4, name="query")

    def call(self, x):
        row = ops.arange(x.shape[1])
        scores = ops.matmul(self.query(self.joined(x)), ops.transpose(x, (0, 2, 1)))
        return ops.matmul(ops.where(row[:, None] >= row, scores, -1e9), x)


class Stacked(layers.Layer):
    """Blocks whose layers have the same names."""

    def __init__(self):
        super().__init__()
        self.blocks = [Causal() for _ in range(2)]

    def build(self, shape):
        for block in self.blocks:
            block.joined.build(shape)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Folded(layers.Layer):
    """Gives a size, which is a tensor only as long as it is open."""

    def call(self, x):
        return ops.reshape(x, (-1, 4)), ops.shape(x)[1]


def folded():
    x = keras.Input((None, 4))
    return keras.Model(x, Folded()(x))


class BuiltElsewhere(layers.Layer):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3, padding="same")

    def build(self, shape):
        self.conv.build((None, 32, 32, 3))

    def call(self, x):
        return self.conv(x)


@pytest.mark.parametrize(
    ("make", "macs"),
    [
        (int4, 64 * 128 + 128 * 10),
        # The kernel is that of the layer plus a product of two factors.
        (lambda: lora(layers.Conv2D(6, 3), keras.Input((8, 8, 4))), 36 * 6 * 36 + 36 * 2 * 6),
        (lambda: lora(layers.Embedding(100, 16), keras.Input((5,), dtype="int32")), 100 * 2 * 16),
        (tied, 5 * 16 * 100),
        (shared_cell, (5 + 7) * 4 * 4 * (3 + 4)),
        (lambda: one(OfOneName(), 4), 4 * 4 + 4 * 4),
        (lambda: one(layers.RNN(OwnCell()), 6, 3), 6 * (3 + 4) * 4),
        (lambda: one(Scan(), 6, 4), 6 * 4 * 4),
        (listed, 2 * 4 * 3),
        (lambda: one(Mapped(), 3, 4), 3 * 4 * 2),
        (lambda: one(BuiltElsewhere(), 8, 8, 3), 64 * 4 * 27),
        (masked, 6 * 3 * 4),
        (lambda: one(Stacked(), 5, 4), 2 * (5 * 16 + 2 * 100)),
        (lambda: keras.Sequential([keras.Input((5, 4)), Stacked(), Stacked()]), 4 * 280),
    ],
)
def test_a_kind_of_network(make, macs):
    model = make()
    graph = networks.resolve(model).trace(None, 1, None)
    found = cost(graph)
    assert found.macs == macs
    assert found.uncounted == ()
    assert found.params == sum(int(tf.size(weight.value)) for weight in model.weights)
    assert [row for row in crosscheck.report(graph, model) if row.equal is False] == []


def test_a_layer_that_returns_fewer_tensors_at_known_sizes_is_refused_in_one_line():
    with pytest.raises(CnnbenchError, match="layer folded returned 2 tensors"):
        networks.resolve(folded()).trace([(5, 4)], 1, None)


def test_an_activation_that_is_written_with_tensorflow_is_counted_on_each_value():
    def scaled(x):
        return tf.nn.relu(x) * 1.7

    def ordered(x):
        return tf.sort(x)

    found = cost(networks.resolve(one(layers.Dense(3, activation=scaled), 4)).trace(None, 1, None))
    assert (found.elementwise, found.uncounted) == (3 * (1 + 2), ())  # bias, compare, multiply
    found = cost(networks.resolve(one(layers.Dense(3, activation=ordered), 4)).trace(None, 1, None))
    assert "does not compute each value by itself" in found.uncounted[0].uncounted


def test_several_arguments_are_given_in_their_order():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = layers.Dense(3), layers.Dense(3)

        def call(self, a, b):
            return self.a(a) + self.b(b)

    found = cost(networks.resolve(Two()).trace([(4,), (5,)], 1, None))
    assert (found.params, found.macs) == (5 * 3 + 6 * 3, 4 * 3 + 5 * 3)


def test_a_branch_that_depends_on_the_data_is_named_and_keeps_its_weights():
    class Either(layers.Layer):
        def __init__(self):
            super().__init__()
            self.a, self.b = layers.Dense(4), layers.Dense(4)

        def build(self, shape):
            self.a.build(shape)
            self.b.build(shape)

        def call(self, x):
            return ops.cond(ops.sum(x) > 0, lambda: self.a(x), lambda: self.b(x))

    model = one(Either(), 4)
    graph = networks.resolve(model).trace(None, 1, None)
    found = cost(graph)
    assert found.params == 40
    (layer,) = found.uncounted
    assert layer.uncounted == "which of its branches runs depends on the data"
    assert [row for row in crosscheck.report(graph, model) if row.equal is False] == []


def test_weights_of_which_no_call_is_found_are_named():
    class Auxiliary(keras.Model):
        def __init__(self):
            super().__init__()
            self.main, self.second = layers.Dense(3), layers.Dense(7, name="second")

        def build(self, shape):
            self.main.build(shape)
            self.second.build(shape)
            self.built = True

        def call(self, x, training=False):
            return (self.main(x), self.second(x)) if training else self.main(x)

    model = Auxiliary()
    model.build((None, 4))
    graph = networks.resolve(model).trace(None, 1, None)
    found = cost(graph)
    assert found.params == model.count_params() == 5 * 3 + 5 * 7
    ((name, reason),) = [(layer.name, layer.uncounted) for layer in found.uncounted]
    assert (name, repr(found.macs)) == ("second", ">= 12")
    assert reason == "the model owns its weights, but no call of it was found"
    (row,) = [row for row in crosscheck.report(graph, model) if row.equal is False]
    assert row.what == "second: calls that use its weights"


def test_a_trace_that_fails_half_way_leaves_nothing_behind():
    class Fails(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4)
            self.kept = None

        def build(self, shape):
            self.dense.build(shape)

        def call(self, x):
            self.kept = self.dense(x)
            if not isinstance(x, tf.__internal__.EagerTensor):
                raise RuntimeError("half-way")
            return self.kept

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

    x = keras.Input((4,))
    failing = Fails()
    model = keras.Model(x, layers.Dense(2)(failing(x)))
    found = cost(networks.resolve(model).trace(None, 1, None))
    assert [row.name for row in found.layers] == ["input_layer", failing.name, "dense_1"]
    assert found.params == model.count_params() == 20 + 10
    assert found.uncounted[0].uncounted == "it cannot be traced: half-way"
    assert failing.kept is None
    assert failing.dense._inbound_nodes == []


@pytest.mark.parametrize(
    ("function", "shape", "elementwise"),
    [
        # A transform of n complex values takes 5 n log2(n); of real ones half.
        (lambda x: ops.fft((x, x))[0], (6, 8), 6 * 5 * 8 * 3),
        (lambda x: ops.fft2((x, x))[0], (3, 4, 8), 3 * 5 * 32 * 5),
        (lambda x: ops.rfft(x)[0], (6, 8), 6 * 5 * 8 * 3 // 2),
        (lambda x: ops.irfft((x, x)), (6, 5), 6 * 5 * 8 * 3 // 2),  # 5 frequencies of 8 values
        # 4 frames at 0, 4, 8, 12 of 8 values, each times a window.
        (lambda x: ops.stft(x, 8, 4, 8, center=False)[0], (20,), 4 * (8 + 60)),
        (lambda x: ops.top_k(x, 4)[0], (6, 8), 48 * 2),  # each of 48 in a heap of 4
        (lambda x: ops.sort(x), (6, 8), 48 * 3),
    ],
)
def test_a_transform_or_an_order(function, shape, elementwise):
    x = keras.Input(shape)
    for model in (keras.Model(x, function(x)), one(layers.Lambda(function), *shape)):
        found = cost(networks.resolve(model).trace(None, 1, None))
        assert (found.uncounted, found.elementwise) == ((), elementwise)
