"""Multiply-adds inside the input against XLA's cost analysis of the same layers of Keras on JAX.

XLA counts what a program does before it is optimised, and a tap on padding is nothing to do. It
keeps its count in a 32-bit float, so ours is rounded to one where they are compared.

A process of its own, for Keras has one backend a process: `make test-jax`.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import xla_counts
from cnnbench import layers
from cnnbench.crosscheck import profiler
from cnnbench.errors import RuntimeMissingError
from cnnbench.graph import RULES, trace
from cnnbench.networks import resolve
from cnnbench.networks.applications import SIZES
from tests.support.random_layers import PRODUCTS, products

keras = pytest.importorskip("keras")
pytest.importorskip("jax")

layers.load_all()


def agrees(node, shape):
    macs = node.rule.macs if node.rule.inside is None else node.rule.inside
    return np.float32(2 * macs) == xla_counts.flops(node, shape)


def node_of(op, shape, **arguments):
    """One layer by its rule."""
    n, *rest = shape
    graph = trace(lambda x: x.graph.add(op, RULES[op], x, arguments), tuple(rest), batch_size=n)
    return graph.nodes[1]


@pytest.fixture(scope="module")
def seen():
    """The layers that agreed already, for applications have many in common."""
    return set()


@pytest.mark.parametrize("name", SIZES)
def test_the_products_of_an_application(name, seen):
    graph = resolve(f"keras.applications.{name}").trace(None, 1, None)
    compared = [node for node in graph.nodes if node.rule.macs]
    assert {node.op for node in compared} <= set(xla_counts.LAYERS)
    assert len(compared) >= 16  # of VGG16
    for node in compared:
        shape = graph.nodes[node.inputs[0]].rule.shape
        key = xla_counts.key(node, shape)
        if key not in seen:
            assert agrees(node, shape), (node.name, *key)
            seen.add(key)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", PRODUCTS)
@settings(max_examples=60)
@given(data=st.data())
def test_a_random_product(kind, rank, data):
    if rank == 3 and kind in ("DepthwiseConv", "SeparableConv"):
        return  # Keras has none
    image = [data.draw(st.integers(3, 8)) for _ in range(rank)]
    shape = (data.draw(st.integers(1, 3)), *image, data.draw(st.integers(1, 6)))
    # Keras pads before a causal convolution, in a step of its own: XLA sees a longer input.
    formats = ("channels_last", "channels_first")
    op, arguments = data.draw(products(kind, shape, formats=formats, causal=False))
    assert agrees(node_of(op, shape, **arguments), shape)


@pytest.mark.parametrize(
    ("op", "shape", "arguments", "flops"),
    [
        # 5 positions of 3 taps, less one at each end: 13, of 2 channels and 4 filters
        ("Conv1D", (1, 5, 2), {"filters": 4, "kernel_size": 3, "padding": "same"}, 208),
        # 3 inputs, each spread over 3 outputs; the last falls off the end: 8
        (
            "Conv1DTranspose",
            (1, 3, 1),
            {"filters": 1, "kernel_size": 3, "strides": 2, "padding": "same"},
            16,
        ),
        ("Dense", (2, 3, 4), {"units": 5, "activation": "relu"}, 240),  # 2 * 6 * 4 * 5
    ],
)
def test_what_xla_says_of_a_small_layer(op, shape, arguments, flops):
    node = node_of(op, shape, **arguments)
    assert xla_counts.flops(node, shape) == flops
    assert agrees(node, shape)


@pytest.mark.parametrize("change", [1, -1])
def test_one_tap_more_or_less_is_found(change):
    node = node_of("Conv2D", (1, 8, 8, 3), filters=4, kernel_size=3, padding="same")
    assert agrees(node, (1, 8, 8, 3))
    wrong = replace(node, rule=replace(node.rule, inside=node.rule.inside + change))
    assert not agrees(wrong, (1, 8, 8, 3))


def test_counting_the_taps_on_padding_is_found():
    node = node_of("Conv2D", (1, 8, 8, 3), filters=4, kernel_size=3, padding="same")
    assert not agrees(replace(node, rule=replace(node.rule, inside=None)), (1, 8, 8, 3))


def test_tensorflows_profiler_is_not_asked_where_keras_runs_on_jax():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    graph = resolve(model).trace(None, 1, None)
    with pytest.raises(RuntimeMissingError, match="expected Keras on TensorFlow; it runs on jax"):
        profiler.trace(graph, model)
