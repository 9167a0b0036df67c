"""A batch norm that becomes part of the convolution before it."""

import pytest

from cnnbench import blocks, networks
from cnnbench.analysis.folding import folded
from cnnbench.cost import cost
from cnnbench.graph import trace
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.merge import add
from cnnbench.layers.norm import batch_normalization


def conv_bn(x, **options):
    return batch_normalization(conv2d(x, 4, 3, padding="same", **options))


def layers(network, shape=(5, 5, 2)):
    return cost(folded(trace(network, shape))).layers[1:]


def test_a_folded_batch_norm_costs_nothing_and_leaves_a_bias():
    conv, norm = layers(lambda x: conv_bn(x, use_bias=False))
    assert (norm.params, norm.flops, norm.activation_bytes) == (0, 0, 0)
    assert conv.params == 9 * 2 * 4 + 4
    assert conv.macs == 25 * 4 * 18
    assert conv.elementwise == 100  # the bias, where batch norm did 2 x 100


def test_a_bias_that_is_there_takes_the_rest():
    conv, norm = layers(conv_bn)
    assert (conv.params, conv.elementwise, norm.flops) == (76, 100, 0)


@pytest.mark.parametrize(
    "network",
    [
        lambda x: conv_bn(x, activation="relu"),
        lambda x: batch_normalization(activation(x, "relu")),
        lambda x: batch_normalization(x),
        lambda x: (lambda y: add([y, batch_normalization(y)]))(conv2d(x, 4, 1)),
        lambda x: (lambda y: [y, batch_normalization(y)])(conv2d(x, 4, 1)),
    ],
    ids=["activation between", "no convolution", "the input", "read by two", "an output"],
)
def test_what_cannot_be_folded_stays(network):
    graph = trace(network, (5, 5, 2))
    assert cost(folded(graph)) == cost(graph)


def test_resnet50_loses_all_its_batch_norms():
    graph = blocks.get("resnet50").trace()
    found = cost(folded(graph))
    # 25,557,032 trainable; of the 2 * 26,560 of its batch norms one half stays as biases
    assert found.params == found.trainable_params == 25_557_032 - 26_560
    assert found.macs == cost(graph).macs
    # Two operations on each value that goes through a batch norm become one: 112 * 112 * 64,
    # then per stage h * w * (2 * f + 4 * f), and 4 * f more for the projection of its first.
    values = 112 * 112 * 64
    for side, f, repeats in ((56, 64, 3), (28, 128, 4), (14, 256, 6), (7, 512, 3)):
        values += side * side * (repeats * 6 * f + 4 * f)
    assert cost(graph).elementwise - found.elementwise == values == 10_587_136


@pytest.mark.tensorflow
def test_a_layer_that_is_called_twice_stays():
    keras = pytest.importorskip("keras")
    a, b = keras.Input((4, 4, 2)), keras.Input((4, 4, 2))
    conv = keras.layers.Conv2D(3, 1, use_bias=False)
    norms = [keras.layers.BatchNormalization()(conv(x)) for x in (a, b)]
    graph = networks.resolve(keras.Model([a, b], norms)).trace(None, 1, None)
    assert cost(folded(graph)) == cost(graph)


@pytest.mark.tensorflow
def test_a_folded_application_has_the_parameters_of_one_without_batch_norm():
    keras = pytest.importorskip("keras")
    target = networks.resolve("MobileNet")
    graph = target.trace(None, 1, None)
    found = cost(folded(graph))
    _, model = target.in_keras(graph)
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    others = [x for x in model.layers if x not in norms]
    assert len(norms) == 27
    expected = sum(x.count_params() for x in others) + sum(x.gamma.shape[0] for x in norms)
    assert found.params == expected
