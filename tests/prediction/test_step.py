"""The terms of a training step, held against sums that are worked out by hand."""

import pytest

from cnnbench.graph import trace
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.recurrent import lstm
from cnnbench.prediction import modes, step, terms

KIB, MIB = 2**10, 2**20


def test_the_first_layer_needs_no_gradient_of_its_input():
    one, two = (trace(network, (3,)) for network in (lambda x: dense(x, 4), twice))
    # 3 * 4 MACs forward and again for the weights, of three times; then 4 * 4, all three times.
    assert step.time(one)["dense, MACs"] == pytest.approx(12 * 2 / 3)
    assert step.time(two)["dense, MACs"] == pytest.approx(12 * 2 / 3 + 16)
    assert step.time(one)["dense, weight bytes"] == pytest.approx(4 * 16 * 2 / 3)
    assert step.time(one)["dense, layers"] == 1
    assert step.time(one)["update, values"] == 16


def twice(x):
    return dense(dense(x, 4), 4)


def test_a_step_has_the_operations_of_the_backward_pass_and_of_the_update():
    graph = trace(lambda x: dense(x, 4), (3,))
    # TensorFlow has 87 for one more such layer: 6 forward, 1 backward, 40 for each of two arrays.
    assert step.time(graph)["graph, operations"] == step.rise(graph)["graph, operations"] == 87
    assert "graph, operations" not in modes.time(graph, "graph")
    assert modes.time(graph, "graph") == terms.total(terms.of_layers(graph))
    assert modes.time(graph, "train") == step.time(graph)


def test_what_is_no_vector_of_classes_has_a_squared_error():
    graph = trace(lambda x: conv2d(x, 4, 1), (8, 8, 4))
    assert step.time(graph)["loss, bytes"] == 4 * 8 * 8 * 4
    assert "loss, bytes" not in step.time(trace(twice, (3,)))


@pytest.mark.parametrize(("channels", "mib"), [(2, 8), (3, 0)])
def test_a_constant_of_more_than_ten_mib_is_not_made_in_advance(channels, mib):
    graph = trace(lambda x: conv2d(x, channels, 1), (1024, 1024, 2))
    assert step.rise(graph)["loss, constants"] == mib * MIB


def test_small_buffers_wait_for_the_update():
    graph = trace(lambda x: dense(dense(x, 16, activation="relu"), 4), (8,))
    assert step.rise(graph) == {
        "call": 1,
        "large buffers, bytes": 0,
        # The gradients of both layers, 4 * (8*16 + 16 + 16*4 + 4), and what changes the weights.
        "small buffers, bytes": 2 * 4 * 212,
        "graph, operations": (7 + 2 + 80) + (6 + 1 + 80),
        "conv, shapes": 0,
        "loss, constants": 0,
        "dense on positions, bytes": 0,
        "bias and activation, code": 1,
        "dense with bias, code": 1,
        "dense, code": 1,
    }


def test_the_gradient_of_a_kernel_is_reordered_while_adam_changes_it():
    graph = trace(lambda x: conv2d(x, 256, 1, use_bias=False), (1, 1, 256))
    # The kernel has 256 KiB. What initialising it has left is taken by adam's two means; so the
    # gradient, its copy in another order, and the change are new.
    assert step.rise(graph)["large buffers, bytes"] == 3 * 256 * KIB
    flat = trace(lambda x: dense(x, 256, use_bias=False), (256,))
    assert step.rise(flat)["large buffers, bytes"] == 2 * 256 * KIB


@pytest.mark.parametrize(("steps", "together"), [(5, 5), (40, 32)])
def test_steps_of_a_loop_each_have_gradients_of_the_weights(steps, together):
    graph = trace(lambda x: lstm(x, 4), (steps, 2))
    weights = 4 * (2 * 16 + 4 * 16 + 16)
    found = step.rise(graph)
    assert found["loop gradients, bytes"] == together * weights
    assert (found["loops, steps"], found["loops, weight bytes"]) == (steps, weights)


def test_a_product_at_each_position_is_put_into_another_shape():
    assert step.rise(trace(lambda x: dense(x, 8), (6, 4)))["dense on positions, bytes"] == 4 * 6 * 8


def test_groups_are_trained_one_after_the_other_and_as_if_they_were_one():
    graph = trace(lambda x: conv2d(x, 8, 1, groups=2, use_bias=False), (8, 8, 4))
    assert step.rise(graph)["conv grouped, whole weights"] == 4 * 4 * 8
    # 64 positions of one tap, for each of two groups.
    assert step.time(graph)["conv grouped, taps of groups"] == 64 * 2
