"""200 random models against Keras and TensorFlow's profiler: every layer, every call.

A model is a random graph of random layers with one or two inputs of any number of axes:
convolutions of every kind, pooling, normalisation, merges that broadcast, layers and models that
are called twice, operations of keras.ops.
"""

import os
from collections import Counter
from functools import partial
from math import prod

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnnbench.cost import cost
from cnnbench.crosscheck import profiler
from cnnbench.crosscheck.pairing import pair
from cnnbench.crosscheck.profiler import NOT_COMPARED
from cnnbench.networks.reader import read
from tests.support.random_layers import ACTIVATIONS, PRODUCTS, SMALL, products
from tests.support.readers import disagreements, from_configuration

pytestmark = [
    pytest.mark.tensorflow,
    # Nobody means it; its cost is the same.
    pytest.mark.filterwarnings("ignore:You are using a softmax over axis"),
]

pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
from keras import layers, ops  # noqa: E402

MODELS = 200
LARGEST = 4000  # values of a tensor that may still grow


# Layers with one input; each is a function of `draw` and the input's shape


def product(kind):
    def make(draw, shape):
        formats = ("channels_last", "channels_first") if kind == "Conv" else ("channels_last",)
        op, arguments = draw(products(kind, shape, formats=formats))
        return getattr(layers, op)(**arguments)

    return make


def pooling(draw, shape):
    rank = len(shape) - 2
    size = tuple(draw(st.integers(1, min(3, n))) for n in shape[1:-1])
    kind = draw(st.sampled_from(["Max", "Average"]))
    return getattr(layers, f"{kind}Pooling{rank}D")(
        size,
        strides=draw(st.none() | st.tuples(*[SMALL] * rank)),
        padding=draw(st.sampled_from(["same", "valid"])),
    )


def global_pooling(draw, shape):
    kind = draw(st.sampled_from(["Max", "Average"]))
    keep = draw(st.booleans())
    return getattr(layers, f"Global{kind}Pooling{len(shape) - 2}D")(keepdims=keep)


def normalization(draw, shape):
    groups = [n for n in range(1, shape[-1] + 1) if shape[-1] % n == 0]
    options = {"center": draw(st.booleans()), "scale": draw(st.booleans())}
    return draw(
        st.sampled_from(
            [
                layers.BatchNormalization(**options),
                layers.LayerNormalization(**options),
                layers.GroupNormalization(draw(st.sampled_from(groups)), **options),
                layers.RMSNormalization(),
                layers.UnitNormalization(),
            ]
        )
    )


def activation(draw, shape):
    names = [layers.Activation(draw(ACTIVATIONS)), layers.ReLU(6.0), layers.LeakyReLU()]
    shared = list(range(1, len(shape) - 1)) or None
    return draw(st.sampled_from([*names, layers.PReLU(shared_axes=shared), layers.Softmax()]))


def passing(draw, shape):
    return draw(
        st.sampled_from([layers.Dropout(0.5), layers.GaussianNoise(0.1), layers.Identity()])
    )


def reshape(draw, shape):
    values = prod(shape[1:])
    divisors = [n for n in range(1, values + 1) if values % n == 0]
    first = draw(st.sampled_from(divisors))
    second = draw(st.sampled_from([n for n in divisors if values // first % n == 0]))
    target = draw(
        st.sampled_from([(values,), (first, -1), (first, second, values // first // second)])
    )
    order = tuple(draw(st.permutations(range(1, len(shape)))))
    return draw(st.sampled_from([layers.Reshape(target), layers.Flatten(), layers.Permute(order)]))


def resizing(draw, shape):
    rank = len(shape) - 2
    ends = [draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in range(rank)]
    cut = [(a % 2, b % 2) if n > 2 else (0, 0) for (a, b), n in zip(ends, shape[1:], strict=False)]
    size = draw(st.tuples(*[st.integers(1, 2)] * rank))
    if rank == 1:
        (ends,), (cut,), (size,) = ends, cut, size
    kinds = [(f"ZeroPadding{rank}D", ends), (f"Cropping{rank}D", cut), (f"UpSampling{rank}D", size)]
    op, argument = draw(st.sampled_from(kinds))
    return getattr(layers, op)(argument)


def repeat(draw, shape):
    return layers.RepeatVector(draw(st.integers(1, 4)))


ONE = {
    **{kind: product(kind) for kind in PRODUCTS},
    "pooling": pooling,
    "global pooling": global_pooling,
    "normalization": normalization,
    "activation": activation,
    "passing": passing,
    "reshape": reshape,
    "resizing": resizing,
    "repeat": repeat,
}
ANY_RANK = ("Dense", "normalization", "activation", "passing", "reshape")
GROWS = ("ConvTranspose", "resizing", "repeat", "Conv", "SeparableConv", "DepthwiseConv")


def kinds(shape):
    """What can take an input of a shape, convolutions more often."""
    if len(shape) == 2:
        return [*ANY_RANK, "repeat"]
    found = [kind for kind in ONE if kind != "repeat"]
    if len(shape) == 5:
        found = [kind for kind in found if kind not in ("DepthwiseConv", "SeparableConv")]
    found += 2 * [kind for kind in found if "Conv" in kind]
    return [kind for kind in found if prod(shape) <= LARGEST or kind not in GROWS]


def shape_of(x):
    return (1, *x.shape[1:])


def one(draw, x, among=tuple(ONE)):
    fitting = [kind for kind in kinds(shape_of(x)) if kind in among]
    kind = draw(st.sampled_from(fitting))
    return kind, ONE[kind](draw, shape_of(x))


# What is done with one tensor or two


def single(draw, tensors, among=tuple(ONE)):
    x = draw(st.sampled_from(tensors))
    kind, layer = one(draw, x, among)
    return kind, layer(x)


def shared(draw, tensors):
    """One layer, called on a tensor and on another of its kind."""
    x = draw(st.sampled_from(tensors))
    _, layer = one(draw, x)
    again = layers.Activation("relu")(x)
    return "shared layer", layers.Concatenate()([layer(x), layer(again)])


def nested(draw, tensors):
    """A model as a layer, called twice: it ends in the number of channels that it begins with."""
    x = draw(st.sampled_from(tensors))
    inside = keras.Input(x.shape[1:])
    _, layer = one(draw, inside)
    width = x.shape[-1]
    if draw(st.booleans()):
        inner = keras.Sequential([layers.Dense(width + 1), layers.Dense(width)])
    else:
        y = layers.Dense(width)(layers.Dense(2)(inside))
        inner = keras.Model(inside, layers.Add()([inside, y]))
    return "nested model", layer(inner(inner(x)))


def merge(draw, tensors):
    x = draw(st.sampled_from(tensors))
    like = [y for y in tensors if y.shape == x.shape]
    y = draw(st.sampled_from(like))
    kinds = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
    op = draw(st.sampled_from(kinds))
    return "merge", getattr(layers, op)()([x, y])


def excite(draw, tensors):
    """A factor for each channel, or each position, that is broadcast."""
    images = [x for x in tensors if len(x.shape) > 2]
    if not images:
        return single(draw, tensors)
    x = draw(st.sampled_from(images))
    if draw(st.booleans()):
        pool = getattr(layers, f"GlobalAveragePooling{len(x.shape) - 2}D")
        factor = layers.Dense(x.shape[-1], activation="sigmoid")(pool(keepdims=True)(x))
    else:
        factor = layers.Dense(1, activation="sigmoid")(x)
    return "broadcast", layers.Multiply()([x, factor])


def operation(draw, tensors):
    x = draw(st.sampled_from(tensors))
    made = {
        "relu": lambda: ops.relu(x),
        "scale": lambda: x * 2.0 + 1.0,
        "mean": lambda: ops.mean(x, axis=-1, keepdims=True),
        "reshape": lambda: ops.reshape(x, (-1, prod(x.shape[1:]))),
        "concatenate": lambda: ops.concatenate([x, x], axis=-1),
        "subtract": lambda: x - ops.max(x, axis=-1, keepdims=True),
    }
    if len(x.shape) > 2:
        made["matmul"] = lambda: ops.matmul(x, ops.swapaxes(x, -1, -2))
    name = draw(st.sampled_from(sorted(made)))
    return f"ops.{name}", made[name]()


STEPS = (single, single, single, single, shared, nested, merge, excite, operation)


def random_model(draw):
    """A model, and the kinds of the steps that it is made of.

    Not a strategy: Keras draws seeds of its own while it builds.
    """
    keras.utils.clear_session(free_memory=False)
    rank = draw(st.sampled_from((2, 3, 1, 3, 2, 0)))
    shape = tuple(draw(st.integers(3, 8)) for _ in range(rank))
    inputs = [
        keras.Input((*shape, draw(st.integers(1, 6)))) for _ in range(draw(st.integers(1, 2)))
    ]
    tensors, made = list(inputs), []
    steps = draw(st.lists(st.sampled_from(STEPS), min_size=3, max_size=9))
    for step in (partial(single, among=PRODUCTS), *steps):
        kind, x = step(draw, tensors)
        made.append(kind)
        tensors.append(x)
    return keras.Model(inputs, tensors[len(inputs) :]), made  # every layer is in the model


def test_random_models_agree_layer_by_layer():
    made, left_out, multiply_adds = Counter(), Counter(), Counter()
    without_keras = Counter()

    @settings(
        max_examples=1000 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else MODELS,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def agree(data):
        model, steps = random_model(data.draw)
        shapes = [x.shape[1:] for x in model.inputs]
        graph = read(model, shapes, batch_size := data.draw(SMALL))
        trace = profiler.trace(graph, model)
        found = pair(graph, trace.calls)
        assert [row for layer in found for row in layer.rows() if row.equal is False] == []
        paper = cost(graph)
        assert paper.uncounted == ()
        assert paper.params == model.count_params()
        assert paper.macs == sum(layer.macs for layer in found)
        assert [x.shape[1:] for x in model.outputs] == [x[1:] for x in paper.output_shapes]
        made.update(steps)
        assert disagreements(graph, trace) == []
        configured = from_configuration(model, shapes, batch_size)
        without_keras[configured is not None] += 1
        assert configured in (None, graph.to_json())
        for layer in found:
            if layer.not_compared:
                left_out[layer.not_compared] += 1
                if layer.not_compared == "SpaceToBatchND":
                    assert layer.traced_macs >= layer.macs
            elif layer.macs:
                multiply_adds[layer.op] += 1

    agree()
    assert {*ONE, "shared layer", "nested model", "merge", "broadcast", "ops.matmul"} <= set(made)
    assert without_keras[True] > MODELS / 2  # the others have operations of keras.ops
    assert set(left_out) <= set(NOT_COMPARED)
    assert set(multiply_adds) >= {
        *("Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D"),
        *("SeparableConv1D", "SeparableConv2D", "Dense", "ops.Matmul"),
    }
