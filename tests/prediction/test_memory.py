"""What the rise of peak memory is made of: buffers, heap, and the code of what runs, by hand."""

import pytest

from cnnbench.cases.case import Case
from cnnbench.graph import trace
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d, depthwise_conv2d, separable_conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add, concatenate, multiply
from cnnbench.layers.norm import batch_normalization, layer_normalization
from cnnbench.layers.pool import global_average_pooling2d, max_pooling2d
from cnnbench.layers.recurrent import conv_lstm2d, lstm
from cnnbench.layers.reshape import flatten
from cnnbench.prediction import buffers, memory, modes
from cnnbench.prediction.calibration import memory_example
from cnnbench.runs.result import result
from cnnbench.runs.store import Measurement

KIB, MIB = 2**10, 2**20
SHAPE = (256, 256, 4)
"""One value of float32 each: exactly 1 MiB, so large enough for the arena."""


def conv(x, filters=4, **options):
    return conv2d(x, filters, 1, **options)


def times(layer, count):
    def network(x):
        for _ in range(count):
            x = layer(x)
        return x

    return network


def rise(network, shape=SHAPE):
    """Bytes of the arena that a call touches, of its tables, and of small buffers."""
    graph = trace(network, shape)
    return buffers.rise(graph, buffers.plan(graph))


# Buffers


@pytest.mark.parametrize(
    ("network", "mib"),
    [
        # What is between the two convolutions, and the output.
        (lambda x: separable_conv2d(x, 4, 3, padding="same"), 2),
        # Twice 4 channels between, so 2 MiB, and 1 MiB.
        (lambda x: separable_conv2d(x, 4, 3, padding="same", depth_multiplier=2), 3),
        # What is normalised, the factors of all its values, and the product.
        (lambda x: layer_normalization(conv(x)), 3),
        (lambda x: activation(conv(x), "relu"), 1),
        (lambda x: activation(conv(x), "gelu"), 2),
        (lambda x: dense(x, 4, activation="gelu"), 2),
        # What GELU reads and what it needs; by then what the product read is free.
        (lambda x: dense(conv(x), 4, activation="gelu"), 2),
        # A byte for each value of four.
        (lambda x: max_pooling2d(x, 1), 1.25),
    ],
)
def test_some_layers_need_more_than_their_output(network, mib):
    assert rise(network)[0] == mib * MIB


def test_a_convolution_does_not_add_to_what_it_reads():
    plan = buffers.plan(trace(lambda x: add([conv(y := conv(x)), y]), SHAPE))
    assert plan.fused
    assert plan.copied


def test_each_new_region_has_a_table():
    # Input and first output fill the region of 2 MiB, the second takes one of 4 MiB, which has
    # 16,384 grains of 256 bytes, at 8 bytes each.
    both = rise(lambda x: [activation(x, "relu"), activation(x, "tanh")])
    assert both == (2 * MIB, 131_072, 0)


def test_a_small_buffer_is_used_again_two_waves_later():
    # 8*8*4 values are 1,024 bytes. Of what the second and the third have freed the fourth can
    # have neither.
    network = times(lambda x: conv(x, activation="relu"), 6)
    assert rise(network, (8, 8, 4)) == (0, 0, 4_096)


def test_without_a_bias_an_activation_is_a_kernel_of_its_own():
    # While it runs, nothing new is needed.
    network = times(lambda x: conv(x, activation="relu", use_bias=False), 6)
    assert rise(network, (8, 8, 4)) == (0, 0, 3_072)


# Heap


@pytest.mark.parametrize(
    ("layer", "nodes"),
    [
        (conv, 9),
        (lambda x: conv(x, use_bias=False), 3),
        (lambda x: conv(x, activation="relu", use_bias=False), 4),
        (lambda x: depthwise_conv2d(x, 1, use_bias=False), 5),
        (lambda x: separable_conv2d(x, 4, 1), 14),
        (lambda x: dense(x, 4), 10),
        (batch_normalization, 16),
        (layer_normalization, 23),
        (lambda x: activation(x, "relu"), 1),
        (lambda x: activation(x, "gelu"), 7),
        (lambda x: add([x, x]), 1),
    ],
)
def test_a_graph_takes_12_2_kib_of_heap_for_each_of_its_nodes(layer, nodes):
    less, more = (memory.graph_bytes(trace(times(layer, n), (8, 8, 4))) for n in (150, 151))
    assert more - less == pytest.approx(12.2 * KIB * nodes)


def test_the_heap_of_forty_convolutions_is_as_measured():
    # 5,016 KiB at 3x3 and 4,992 KiB at 1x1, by the growth of [heap] in /proc/PID/smaps. Here
    # 225 + 12.2 * (3 + 40 * 9) KiB.
    found = memory.graph_bytes(trace(times(lambda x: conv(x, 64), 40), (14, 14, 64)))
    assert found == pytest.approx(4_653.6 * KIB)
    assert found == pytest.approx(5_000 * KIB, rel=0.1)


def test_a_small_graph_finds_room_in_the_heap():
    assert memory.graph_bytes(trace(conv, (8, 8, 4))) == 0


def test_small_kernels_have_taken_some_of_that_room():
    def network(kernel_size):
        layer = times(lambda x: conv2d(x, 64, kernel_size, padding="same"), 4)
        return memory.graph_bytes(trace(layer, (14, 14, 64)))

    # 29 * (3 + 4 * 9) - 1100 = 31 KiB, and kernels and biases of 4 * (9*64*64 + 64) * 4 bytes.
    assert network(3) == 590_848 + 31 * KIB
    assert network(1) == 66_560 + 31 * KIB


def test_tables_of_large_kernels_have_taken_some_too():
    network = times(lambda x: conv2d(x, 512, 3, padding="same"), 2)
    # 29 * 21 + 2 * 448 - 1100 = 405 KiB, and two biases of 512 values.
    assert memory.graph_bytes(trace(network, (7, 7, 512))) == 405 * KIB + 4_096


def reordered(network, shape=(4, 4, 4), batch_size=2):
    return memory.reordered(trace(network, shape, batch_size=batch_size))


def test_one_image_needs_no_other_order():
    assert reordered(conv, batch_size=1) == (0, 0)


def test_a_smaller_kernel_leaves_a_hole_that_the_next_does_not_fit():
    # 4*8 + 8 = 40 values, then 8*16 + 16 = 144, then 16*4 + 4 = 68 that fit into a hole.
    assert reordered(lambda x: conv(conv(conv(x, 8), 16), 4)) == (576, 160)


def test_kernels_of_another_shape_fit_into_a_hole_of_their_size():
    # 20 values of 4 bytes each. What the first needs besides takes from its hole, so that the
    # second is kept too; nothing takes from the hole of that, and the two after the pool fit.
    def network(x):
        return conv(conv(max_pooling2d(conv(conv(x)))))

    assert reordered(network) == (80, 80)
    # One of 4*8 + 8 values extends the hole of the second, which is the last; the first stays.
    assert reordered(lambda x: conv(conv(conv(x)), 8)) == (160, 80)


def test_a_kernel_of_its_own_mapping_is_given_back():
    # (1024*1024 + 1024) * 4 bytes
    assert reordered(lambda x: conv(x, 1024), (4, 4, 1024)) == (4_198_400, 0)


def test_what_comes_after_it_hides_it():
    # As 9 MiB of code do, for they are there until the end.
    assert reordered(lambda x: dense(flatten(conv(x, 1024)), 4), (4, 4, 1024)) == (0, 0)


def test_the_second_of_its_size_is_kept():
    def network(x):
        return dense(flatten(conv(conv(x, 1024), 1024)), 4)

    assert reordered(network, (4, 4, 1024)) == (4_198_400, 0)


# Terms


def test_that_of_a_separable_convolution_is_kept_twice():
    # 3*3*4 taps of the depths, 4*4 of the points, 4 of the bias: 56 values of 4 bytes.
    assert reordered(lambda x: separable_conv2d(x, 4, 3, padding="same")) == (448, 0)


def test_memory_is_buffers_graph_shapes_and_code():
    found = memory.terms(trace(lambda x: dense(flatten(conv(conv(x))), 4), (8, 8, 4)))
    assert found == {
        "call": 1,
        "large buffers, bytes": 0,
        "small buffers, bytes": 2_064,  # two of 8*8*4 values and four
        "graph, bytes": 0,
        "conv, shapes": 1,
        "bias of channels, code": 1,
        "constants, code": 1,
        "dense with bias, code": 1,
        "dense, code": 1,
    }


def test_a_loop_runs_the_code_of_a_dense_layer():
    def code(network, shape):
        return {name for name in memory.terms(trace(network, shape)) if name.endswith("code")}

    loop = code(lambda x: lstm(x, 4), (5, 2))
    assert loop == {"loop, code", "lstm, code", "dense, code"}
    assert code(lambda x: dense(x, 4, use_bias=False), (5,)) < loop


def test_a_product_is_generated_from_two_images_on():
    def network(x):
        return dense(flatten(x), 4)

    code = "products generated, code"
    assert code not in memory.terms(trace(network, (4, 4, 4)))
    assert code in memory.terms(trace(network, (4, 4, 4), batch_size=2))


def test_convolutions_of_one_shape_are_generated_once():
    assert memory.terms(trace(lambda x: conv(conv(conv(x), 8), 8), (8, 8, 4)))["conv, shapes"] == 3
    assert memory.terms(trace(times(conv, 3), (8, 8, 4)))["conv, shapes"] == 1


def test_a_separable_convolution_is_two_shapes():
    network = times(lambda x: separable_conv2d(x, 4, 3, padding="same"), 2)
    assert memory.terms(trace(network, (8, 8, 4)))["conv, shapes"] == 2


CODE = {
    "bias and activation": lambda x: conv(x, activation="relu"),
    "bias of channels": lambda x: depthwise_conv2d(x, 3),
    "constants": lambda x: concatenate([x, x]),
    "conv grouped": lambda x: conv(x, groups=2, use_bias=False),
    "copy": lambda x: concatenate([x, x]),
    "dense": lambda x: dense(flatten(x), 4, use_bias=False),
    "dense with bias": lambda x: dense(flatten(x), 4),
    "depthwise": lambda x: depthwise_conv2d(x, 3, use_bias=False),
    "depthwise of an odd number of rows": lambda x: depthwise_conv2d(x, 2, use_bias=False),
    "layer norm": layer_normalization,
    "means": global_average_pooling2d,
    "products generated": lambda x: dense(x, 4, use_bias=False),
    "merging": lambda x: add([conv(x), x]),
    "reordering": lambda x: separable_conv2d(x, 4, 3, use_bias=False),
    "softmax": lambda x: activation(x, "softmax"),
    "spreading": lambda x: multiply([x, global_average_pooling2d(x, keepdims=True)]),
}


@pytest.mark.parametrize("name", CODE)
def test_what_runs_decides_which_code_is_read(name):
    assert memory.terms(trace(CODE[name], (8, 8, 4)))[f"{name}, code"] == 1
    assert f"{name}, code" not in memory.terms(trace(lambda x: conv(x, use_bias=False), (8, 8, 4)))


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (conv, "bias and activation"),
        (lambda x: dense(x, 4, activation="relu"), "bias and activation"),
        (lambda x: dense(x, 4), "dense with bias"),
        (lambda x: dense(flatten(x), 4), "products generated"),
        (lambda x: multiply([x, x]), "spreading"),
        (lambda x: depthwise_conv2d(x, 3), "depthwise of an odd number of rows"),
        (lambda x: add([conv(conv(y := conv(x))), y]), "reordering"),
    ],
)
def test_code_that_does_not_run_is_not_read(network, name):
    assert f"{name}, code" not in memory.terms(trace(network, (8, 8, 4)))


def test_an_addition_inside_a_convolution_is_fused_like_an_activation():
    found = memory.terms(trace(lambda x: add([conv(conv(x)), x]), (8, 8, 4)))
    assert found["bias and activation, code"] == found["reordering, code"] == 1


def test_groups_copy_what_they_read_and_write():
    # 8*8*(8 + 8) values, more than the first of them.
    graph = trace(lambda x: conv(conv(x, 8, groups=2), 8, groups=4), (8, 8, 4))
    assert memory.terms(graph)["conv grouped, bytes"] == 4_096


def test_the_loop_of_a_recurrent_convolution_runs_ahead():
    def ahead(frames=5, **options):
        graph = trace(lambda x: conv_lstm2d(x, 2, 1, **options), (frames, 8, 8, 3))
        return memory.terms(graph)["recurrent frames, bytes"]

    # For each of 5 frames 2*8 weights on the state, and 4 gates of 8*8*2 values.
    assert ahead() == ahead(return_sequences=True) == 5 * (16 + 512) * 4
    assert ahead(1_000) == ahead(1_000, return_sequences=True) == 32 * (16 + 512) * 4


def test_later_loops_are_counted_apart_from_the_first():
    def network(x):
        for filters in (2, 1, 1):
            x = conv_lstm2d(x, filters, 1, return_sequences=True)
        return x

    found = memory.terms(trace(network, (5, 8, 8, 3)))
    assert found["recurrent frames, bytes"] == 5 * (16 + 512) * 4
    # They have no input yet: no gates, and both kernels, 2*4 + 1*4 and 1*4 + 1*4 weights.
    assert found["recurrent frames of later loops, bytes"] == 5 * (12 + 8) * 4


def test_what_a_loop_makes_ahead_is_of_the_arena_where_it_is_large():
    def network(x):
        return conv_lstm2d(x, 512, 1, return_sequences=True)

    # Of each frame 4 times 512*512 weights, a MiB each; of the 20 there are 17 at once.
    graph = trace(network, (5, 8, 8, 3))
    assert memory.terms(graph)["recurrent frames, bytes"] == 5 * 4 * 8 * 8 * 512 * 4
    assert sum(b.size for b in buffers.plan(graph).buffers if b.first == 0) == 17 * MIB


def test_at_a_larger_batch_kernels_are_reordered():
    found = memory.terms(trace(lambda x: conv(conv(x, 8), 4), (8, 8, 4), batch_size=2))
    # 4*8 + 8 = 40 values; then 8*4 + 4 = 36, which fit there.
    assert found["conv weights reordered, bytes"] == 160
    assert found["conv weights reordered before, bytes"] == 0
    assert found["reordering, code"] == 1


def test_a_network_without_a_kernel_says_nothing_about_others():
    def example(stem):
        case = Case("unit_layers", (8, 8, 4), {"unit": "batch_norm", "depth": 1, "stem": stem})
        launch = Measurement(case, 0, outcome="ok", samples_ns=(1,), peak_bytes=1_000)
        return memory_example(result(case, case.paper(), [launch]))

    assert example(stem=True).measured == 1_000
    assert example(stem=False) is None


# Other runtimes


def test_where_no_allocator_is_known_weights_and_values_count():
    graph = trace(lambda x: dense(flatten(conv(x, 2)), 4), (8, 8, 4))
    found = modes.rise(graph, "infer")
    assert found == {
        "call": 1,
        "live values, bytes": 4 * (8 * 8 * 2 + 4),  # the input is there before
        "values, bytes": 4 * (8 * 8 * 4 + 8 * 8 * 2 + 4),
        "conv 1x1, weight bytes": 4 * (4 * 2 + 2),
        "dense, weight bytes": 4 * (128 * 4 + 4),
        "activation, code": 1,
        "conv 1x1, code": 1,
        "dense, code": 1,
    }
