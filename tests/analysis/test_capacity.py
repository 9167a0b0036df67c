"""CAPACITY: the largest that fits does, and the next larger does not."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnbench import blocks
from cnnbench.analysis.capacity import largest
from cnnbench.analysis.training import training
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError, ShapeError
from cnnbench.graph import LARGEST, trace
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.recurrent import lstm
from cnnbench.reporting.analysis.budget import capacity_document
from cnnbench.reporting.formats import show

MiB = 2**20


def chain(x):
    """1 channel to 2 to 3, one tap each, in a forward pass."""
    return conv2d(conv2d(x, 2, 1), 3, 1)


def of(function, **params):
    """A function of shape and batch, as `largest` takes it."""
    return lambda shape, batch: trace(function, shape, batch_size=batch, **params)


def of_entry(name):
    return lambda shape, batch: blocks.get(name).trace(shape, batch_size=batch)


def needs(graph, optimizer):
    return training(graph, optimizer).memory.peak if optimizer else cost(graph).peak_bytes


# By hand: while the second convolution runs, the image, 2 and 3 channels are alive: 6 values
# a position of each sample, 4 bytes each; and 13 weights.


def test_the_largest_batch():
    for memory, batch in ((4 * (6 * 16 * 5 + 13), 5), (4 * (6 * 16 * 5 + 13) - 1, 4)):
        fit = largest(of(chain), (4, 4, 1), 1, memory)
        assert fit.batch.batch_size == batch
        assert fit.batch.input_shape == (4, 4, 1)
        assert fit.batch.needs == 4 * (6 * 16 * batch + 13) <= memory
        assert fit.batch.fits


def test_the_largest_input_at_that_batch():
    for memory, side in ((4 * (6 * 49 * 2 + 13), 7), (4 * (6 * 49 * 2 + 13) - 1, 6)):
        fit = largest(of(chain), (4, 4, 1), 2, memory)
        assert fit.input.input_shape == (side, side, 1)
        assert fit.input.batch_size == 2
        assert fit.input.needs == 4 * (6 * side * side * 2 + 13)


def test_what_was_asked_is_answered_too():
    fit = largest(of(chain), (4, 4, 1), 3, 1000)
    assert (fit.asked.batch_size, fit.asked.input_shape) == (3, (4, 4, 1))
    assert fit.asked.needs == 4 * (6 * 16 * 3 + 13)
    assert not fit.asked.fits
    assert fit.batch.batch_size == 2
    assert fit.input.input_shape == (3, 3, 1)  # 4 * (6 * 9 * 3 + 13) = 700; 1204 at 4x4
    assert (fit.memory, fit.optimizer, fit.uncounted) == (1000, None, ())


def test_training_needs_more():
    # test_training: 185 values a sample with those of 4x4, less 9 for the gradients of
    # the second layer's weights, which do not grow; with 13 weights, and Adam's 26.
    def batch(n):
        return 4 * (176 * n + 9 + 13 + 26)

    fit = largest(of(chain), (4, 4, 1), 1, batch(5), "adam")
    assert (fit.batch.batch_size, fit.batch.needs) == (5, batch(5))
    assert largest(of(chain), (4, 4, 1), 1, batch(5) - 1, "adam").batch.batch_size == 4
    assert fit.optimizer == "adam"


def test_nothing_fits():
    fit = largest(of_entry("vgg16"), (224, 224, 3), 8, 100 * MiB)
    assert not fit.asked.fits
    assert not fit.batch.fits
    assert fit.batch.batch_size == 1
    assert fit.batch.needs == cost(blocks.get("vgg16").trace()).peak_bytes
    # The smallest that five poolings leave anything of
    assert not fit.input.fits
    assert fit.input.input_shape == (32, 32, 3)
    assert fit.input.needs == cost(blocks.get("vgg16").trace((32, 32, 3), batch_size=8)).peak_bytes


# Which axes grow


def test_an_oblong_keeps_its_aspect_ratio_rounded():
    shapes = set()

    def watched(shape, batch):
        shapes.add(shape)
        return trace(chain, shape, batch_size=batch)

    fit = largest(watched, (30, 40, 1), 1, 4 * (6 * 100 * 133 + 13))
    assert fit.input.input_shape == (100, 133, 1)
    for height, width, channels in shapes:
        assert channels == 1
        assert abs(height - width * 30 / 40) <= 0.5
    # The asked one is found again at its own side, not one beside it.
    exact = largest(of(chain), (33, 47, 1), 1, 4 * (6 * 33 * 47 + 13))
    assert exact.input.input_shape == (33, 47, 1)
    # Never to nothing
    assert largest(of(chain), (1, 40, 1), 1, 4 * (6 * 3 + 13)).input.input_shape == (1, 3, 1)


def test_frames_and_channels_stay():
    fit = largest(of_entry("convlstm_block"), (4, 16, 16, 3), 1, 64 * MiB)
    frames, height, width, channels = fit.input.input_shape
    assert (frames, channels) == (4, 3)
    assert height == width > 16


def test_a_sequence_grows_in_length_and_a_vector_not_at_all():
    # 64 weights; 12 values inside and 2 out; 5 a step
    fit = largest(of(lstm, units=2), (3, 5), 1, 4 * (64 + 14 + 5 * 10))
    assert fit.input.input_shape == (10, 5)
    fit = largest(of(dense, units=2), (5,), 1, 10_000)
    assert fit.input is None
    assert fit.batch.batch_size == 355  # (10000 / 4 - 12 weights) / 7 = 355.4


# Sizes that a network refuses


@pytest.mark.parametrize("step", [32, 27])
def test_only_multiples_of_a_number(step):
    def strict(shape, batch):
        if shape[0] % step:
            raise ShapeError("not a multiple")
        return trace(chain, shape, batch_size=batch)

    for side in (step, 2 * step, 3 * step, 10 * step, 64 * step):
        memory = 4 * (6 * side * side + 13)
        for asked in (2 * step, 3 * step, 31 * step):
            fit = largest(strict, (asked, asked, 1), 1, memory)
            assert fit.input.fits
            assert fit.input.input_shape[0] == side
            fit = largest(strict, (asked, asked, 1), 1, memory - 1)
            assert fit.input.input_shape[0] == max(side - step, step)
            assert fit.input.fits == (side > step)


def test_only_its_own_size():
    def fixed(shape, batch):
        if shape != (24, 24, 1):
            raise ShapeError("24x24 only")
        return trace(chain, shape, batch_size=batch)

    memory = 4 * (6 * 24 * 24 + 13)
    fit = largest(fixed, (24, 24, 1), 1, memory * 100)
    assert fit.input.input_shape == (24, 24, 1)
    assert fit.input.fits
    fit = largest(fixed, (24, 24, 1), 1, memory - 1)
    assert fit.input.input_shape == (24, 24, 1)
    assert not fit.input.fits


def test_a_size_that_is_refused_cannot_be_asked_for():
    with pytest.raises(ShapeError, match="does not fit"):
        largest(of_entry("vgg16"), (31, 224, 3), 1, 2**30)


@pytest.mark.parametrize("memory", [0, -1, 1.5, True, "8GiB", LARGEST + 1])
def test_an_amount_that_is_no_memory(memory):
    with pytest.raises(CnnbenchError, match="memory must be 1 to 1e"):
        largest(of(chain), (4, 4, 1), 1, memory)


def test_an_optimizer_that_there_is_not():
    with pytest.raises(CnnbenchError, match="unknown optimizer 'adma'"):
        largest(of(chain), (4, 4, 1), 1, MiB, "adma")


def test_layers_without_a_rule_are_named():
    def unknown(shape, batch):
        graph = trace(chain, shape, batch_size=batch)
        graph.nodes[1] = replace(graph.nodes[1], uncounted="it runs any Python function")
        return graph

    assert largest(unknown, (4, 4, 1), 1, MiB).uncounted == ("conv2d",)


def test_as_much_as_can_be_asked_for_is_answered():
    fit = largest(of(chain), (4, 4, 1), 1, LARGEST)
    assert fit.batch.batch_size == (LARGEST // 4 - 13) // 96
    assert cost(trace(chain, fit.input.input_shape)).peak_bytes == fit.input.needs <= LARGEST


# For the reader


def shown(capacity, name, format):
    return show(capacity_document([replace(capacity, name=name)]), format)


def test_what_fits_as_text():
    assert shown(largest(of(chain), (4, 4, 1), 3, 1000), "chain", "table") == (
        "chain, a forward pass, in 1000 B\n"
        "\n"
        "                 batch    input     needs  fits\n"
        "-------------  -------  -------  --------  ------\n"
        "asked                3    4x4x1  1.18 KiB  no\n"
        "largest batch        2    4x4x1     820 B  yes\n"
        "largest input        3    3x3x1     700 B  yes\n"
        "\n"
        "Weights, and the activations alive at once while layers run in order.\n"
        "A framework adds its own code and the workspace of its kernels.\n"
    )


def test_that_nothing_fits_is_said():
    page = shown(largest(of(chain), (4, 4, 1), 3, 100, "sgd"), "chain", "markdown")
    assert page.startswith("chain, trained with sgd, in 100 B\n")
    # A pixel of 3 samples: a batch of 1 needs 176 + 9 + 13 values; 11 a position and sample
    assert "| no batch fits; smallest |       1 |   4x4x1 |    792 B | no     |" in page
    assert "| no input fits; smallest |       3 |   1x1x1 |    220 B | no     |" in page
    assert "Weights and the optimizer's slots; " in page


def test_what_fits_as_json():
    capacity = largest(of(dense, units=2), (5,), 1, 10_000)
    (document,) = json.loads(shown(capacity, "d", "json"))["fits"]
    assert document["batch"] == {
        "batch_size": 355,
        "input_shape": [5],
        "needs": 9988,  # 4 * (7 * 355 + 12)
        "fits": True,
    }
    assert document["input"] is None


def test_a_format_that_there_is_not():
    with pytest.raises(CnnbenchError, match="unknown format 'csv'"):
        shown(largest(of(chain), (4, 4, 1), 1, 1000), "chain", "csv")


# Everywhere


def beside(shape, asked, step):
    """The input with another longest side, in the ratio of the one asked for."""
    side = max(shape[-3:-1]) + step
    longest = max(asked[-3:-1])
    grown = (max(int(side * axis / longest + 0.5), 1) for axis in asked[-3:-1])
    return (*shape[:-3], *grown, shape[-1])


@pytest.mark.parametrize("optimizer", [None, "adam"])
@pytest.mark.parametrize("name", blocks.catalogue())
@settings(max_examples=4)
@given(data=st.data())
def test_the_answer_fits_and_the_next_does_not(name, optimizer, data):
    network = of_entry(name)
    *before, height, width, depth = blocks.get(name).input_shape
    asked = (*before, height // data.draw(st.integers(1, 2)), width, depth)
    batch = data.draw(st.integers(1, 9))
    memory = data.draw(st.integers(4 * MiB, 400 * MiB) | st.integers(1, 64 * 1024 * MiB))
    fit = largest(network, asked, batch, memory, optimizer)
    assert needs(network(asked, batch), optimizer) == fit.asked.needs
    for found in (fit.asked, fit.batch, fit.input):
        assert found.fits == (found.needs <= memory)
        assert found.needs == needs(network(found.input_shape, found.batch_size), optimizer)
    assert fit.batch.input_shape == asked
    assert fit.input.batch_size == batch
    if fit.batch.fits:
        assert needs(network(asked, fit.batch.batch_size + 1), optimizer) > memory
    else:
        assert fit.batch.batch_size == 1
    if fit.input.fits:
        larger = beside(fit.input.input_shape, asked, 1)
        assert needs(network(larger, batch), optimizer) > memory
    elif max(fit.input.input_shape[-3:-1]) > 1:
        with pytest.raises(ShapeError):
            network(beside(fit.input.input_shape, asked, -1), batch)
