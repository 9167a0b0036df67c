"""Small networks in the manner of those that people reported trouble with, and what is right.

Each function makes one; RIGHT has what it must give, worked out by hand or by Keras' own
variables and TensorFlow's graph. `params` is all values in `model.variables` that are weights
(states of random seeds are none), `trainable` those that train, `macs` of one forward pass
at inference, `elementwise` where it is the point. They are examples of kinds: what is to be
mended is the kind, not the example.
"""

from functools import partial

import keras
import tensorflow as tf
from keras import layers, ops

RIGHT: dict[str, dict[str, object]] = {}


def right(**values):
    """Register a network with its right values."""

    def keep(function):
        RIGHT[function.__name__] = values
        return function

    return keep


def one(layer, *shape, **options):
    """A network of one layer."""
    x = keras.Input(shape, **options)
    return keras.Model(x, layer(x))


# ---- weights that are shared in a way that hides it ----------------------------------------


@right(params=50)
def dense_in_two_wrappers():
    a, b, shared = keras.Input((5, 4)), keras.Input((7, 4)), layers.Dense(10)
    return keras.Model(
        [a, b], [layers.TimeDistributed(shared)(a), layers.TimeDistributed(shared)(b)]
    )


@right(params=224)
def convolution_wrapped_and_plain():
    shared, video, image = (
        layers.Conv2D(8, 3),
        keras.Input((4, 16, 16, 3)),
        keras.Input((16, 16, 3)),
    )
    return keras.Model([video, image], [layers.TimeDistributed(shared)(video), shared(image)])


# ---- weights that are not one float32 array a layer -----------------------------------------


@right(params=9748, weight_bytes=10576)
def int8():
    x = keras.Input((64,))
    model = keras.Model(x, layers.Dense(10)(layers.Dense(128)(x)))
    model.quantize("int8")
    return model


@right(params=2464, trainable=416, macs=10240)
def lora():
    x, dense = keras.Input((64,)), layers.Dense(32)
    model = keras.Model(x, dense(x))
    dense.enable_lora(4)
    return model


class Sampler(layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal(ops.shape(x), seed=self.seed)


@right(params=0)
def sampler():
    return one(Sampler(), 8)


class DropPath(layers.Layer):
    """Returns its input at inference; owns a seed."""

    def __init__(self, rate=0.1):
        super().__init__()
        self.rate, self.seed = rate, keras.random.SeedGenerator(1)

    def call(self, x, training=False):
        if not training:
            return x
        keep = keras.random.uniform((ops.shape(x)[0], 1, 1), seed=self.seed) > self.rate
        return x * ops.cast(keep, x.dtype)


@right(params=272, macs=2560)
def drop_path():
    x = keras.Input((10, 16))
    return keras.Model(x, x + DropPath()(layers.Dense(16)(x)))


# ---- layers of people's own -----------------------------------------------------------------


class ThreeSteps(layers.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(16), layers.Dense(16)
        self.i = layers.Identity(dtype=self.dtype_policy)

    def call(self, x):
        return self.b(self.i(self.a(x)))


@right(params=544, macs=5120)
def policy_object_in_the_middle():
    return one(ThreeSteps(), 10, 16)


class Attention(layers.Layer):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = layers.Dense(16), layers.Dense(16), layers.Dense(16)

    def call(self, q, k, v):
        scores = ops.matmul(self.q(q), ops.transpose(self.k(k), (0, 2, 1)))
        return ops.matmul(ops.softmax(scores), self.v(v))


@right(params=816, macs=10880)
def one_tensor_three_times():
    x = keras.Input((10, 16))
    return keras.Model(x, Attention()(x, x, x))


class PassesTraining(layers.Layer):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3)

    def call(self, x, training=None):
        return self.conv(x, training=training)


@right(params=148, macs=5184)
def training_passed_on():
    return one(PassesTraining(), 8, 8, 4)


@right(params=148, macs=5184)
def training_given_to_a_convolution():
    x = keras.Input((8, 8, 4))
    return keras.Model(x, layers.Conv2D(4, 3)(x, training=False))


class Pair(layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(16)

    def call(self, x):
        return self.dense(x), None


class UsesPair(layers.Layer):
    def __init__(self):
        super().__init__()
        self.pair, self.dense = Pair(), layers.Dense(8)

    def call(self, x):
        return self.dense(self.pair(x)[0])


@right(params=408, macs=3840)
def inner_layer_that_returns_none_too():
    return one(UsesPair(), 10, 16)


class GroupedConv(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(3, 3, shape[-1] // 2, 6))

    def call(self, x):
        return ops.conv(x, self.kernel, padding="same")


@right(params=108, macs=6912)
def grouped_convolution_as_an_operation():
    return one(GroupedConv(), 8, 8, 4)


class LowRank(layers.Layer):
    def build(self, shape):
        self.u, self.v = self.add_weight(shape=(shape[-1], 2)), self.add_weight(shape=(2, 5))

    def call(self, x):
        return ops.matmul(x, ops.matmul(self.u, self.v))


@right(params=42, macs=800)
def product_of_two_weights():
    return one(LowRank(), 8, 16)


class PositionBias(layers.Layer):
    """A small network on a constant table, as SwinV2 has it."""

    def __init__(self):
        super().__init__()
        self.table = keras.Sequential(
            [layers.Dense(512, activation="relu"), layers.Dense(3, use_bias=False)]
        )
        self.dense = layers.Dense(3)

    def build(self, shape):
        self.table.build((None, 2))
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x) + self.table(ops.ones((49, 2)))


@right(macs=49 * 16 * 3 + 49 * 2 * 512 + 49 * 512 * 3)
def network_on_a_constant():
    return one(PositionBias(), 49, 16)


class EinsumHeads(layers.Layer):
    def __init__(self):
        super().__init__()
        self.q = layers.EinsumDense("btd,dnh->btnh", output_shape=(None, 2, 8))

    def call(self, x):
        q = self.q(x)
        return ops.reshape(q, (ops.shape(q)[0], ops.shape(q)[1], 16))


@right(params=256, macs=2560)
def einsum_with_an_open_size():
    return one(EinsumHeads(), 10, 16)


class TensorFlowConv(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(3, 3, shape[-1], 8))

    def call(self, x):
        return tf.nn.conv2d(x, self.kernel, 1, "SAME")


@right(params=216, macs=55296)
def tensorflow_inside_a_layer():
    return one(TensorFlowConv(), 16, 16, 3)


@right(params=0, macs=800)
def tensorflow_in_a_lambda():
    return one(layers.Lambda(lambda x: tf.matmul(x, x, transpose_b=True)), 10, 8)


# ---- models that do more than their graph says ------------------------------------------------


class Extended(keras.Model):
    def __init__(self):
        x = keras.Input((8, 8, 4))
        super().__init__(x, layers.Conv2D(4, 3)(x))
        self.extra = layers.Dense(10)

    def call(self, x, training=None):
        return self.extra(super().call(x))


@right(params=198, macs=6624)
def functional_with_a_call_of_its_own():
    model = Extended()
    model(keras.ops.zeros((1, 8, 8, 4)))
    return model


class Skip(keras.Sequential):
    def call(self, x, training=None):
        return super().call(x) + x


@right(params=148, macs=9216, elementwise=768)
def sequential_with_a_shortcut():
    x = keras.Input((8, 8, 4))
    return keras.Model(x, Skip([layers.Conv2D(4, 3, padding="same"), layers.ReLU()])(x))


# ---- functions where names are expected -------------------------------------------------------


@right(params=148, macs=5184)
def convolution_with_a_function():
    return one(layers.Conv2D(4, 3, activation=lambda x: x * ops.sigmoid(x)), 8, 8, 4)


@right(params=0)
def partial_activation():
    return one(layers.Activation(partial(keras.activations.gelu, approximate=True)), 8, 8, 4)


def relu(x):
    """The user's own, which only shares a name with Keras'."""
    return ops.log(1 + ops.exp(x)) * ops.tanh(x)


@right(elementwise_at_least=5 * 256)
def function_with_a_known_name():
    return one(layers.Activation(relu), 8, 8, 4)


@right(elementwise=256)
def activation_as_a_function():
    x = keras.Input((8, 8, 4))
    return keras.Model(x, keras.activations.relu(x))


# ---- inputs and files ---------------------------------------------------------------------------


@right(params=197, macs=180)
def stateful():
    """Also from a `.keras` and an `.h5` file that this very Keras saved."""
    x = keras.Input(batch_shape=(1, 1, 7))
    return keras.Model(x, layers.Dense(1)(layers.LSTM(4, stateful=True)(x)))


class TwoInputs(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, given):
        return self.dense(given["a"]) + self.dense(given["b"])


@right(params=15, macs=24)
def dictionary_in():
    model = TwoInputs()
    model({"a": ops.zeros((1, 4)), "b": ops.zeros((1, 4))})
    return model


@keras.saving.register_keras_serializable("reported")
class Pool(layers.Layer):
    """Registered; its file can only be read after this module was imported."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), name="w")

    def call(self, x):
        return ops.sum(x * ops.softmax(ops.matmul(x, self.w), axis=1), axis=1)


@right(params=26, macs=112)
def registered_layer():
    x = keras.Input((12, 8))
    return keras.Model(x, layers.Dense(2)(Pool()(x)))
