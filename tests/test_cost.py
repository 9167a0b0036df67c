"""COST: totals, memory and liveness."""

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnbench import blocks
from cnnbench.cost import AtLeast, cost
from cnnbench.graph import Graph, Node, Tensor, in_precision, trace
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add, concatenate
from cnnbench.layers.norm import batch_normalization, dropout
from cnnbench.layers.pool import max_pooling2d
from cnnbench.layers.reshape import flatten
from cnnbench.rule import Rule

ENTRIES = list(blocks.catalogue().values())


def live(function, shape=(4, 4, 1), **options):
    """Values alive while each layer runs, in float32 elements."""
    rows = cost(trace(function, shape, **options)).layers
    assert all(row.live_bytes % 4 == 0 for row in rows)
    return [row.live_bytes // 4 for row in rows]


# Liveness, by hand. A 1x1 convolution on 4x4 has 16 values for each of its filters.


def test_in_a_chain_input_and_output_of_a_layer_are_alive_and_the_networks_input_is_kept():
    def chain(x):
        return conv2d(conv2d(conv2d(x, 2, 1), 3, 1), 1, 1)

    # Input 16; then 16 + 32; then 16 + 32 + 48; then 16 + 48 + 16, the 32 being dead.
    assert live(chain) == [16, 48, 96, 80]


def test_what_a_branch_still_needs_stays_alive():
    def branch(x):
        y = conv2d(x, 2, 1)  # 32
        z = conv2d(conv2d(y, 4, 1), 2, 1)  # 64, 32
        return add([y, z])  # 32

    # 16; 16 + 32; 16 + 32 + 64; 16 + 32 + 64 + 32; 16 + 32 + 32 + 32, the 64 being dead.
    assert live(branch) == [16, 48, 112, 144, 112]


def test_a_concatenation_holds_its_inputs_and_their_copy():
    def inception(x):
        return concatenate([conv2d(x, 2, 1), conv2d(x, 3, 1), conv2d(x, 1, 1)])

    # 16; + 32; + 48; + 16; + a copy of the three: 96.
    assert live(inception) == [16, 48, 96, 112, 208]


def test_an_output_that_nobody_reads_dies_at_once():
    def waste(x):
        y = conv2d(x, 2, 1)
        conv2d(x, 5, 1)  # 80, read by nobody
        return conv2d(y, 1, 1)

    # 16; 16 + 32; 16 + 32 + 80; 16 + 32 + 16
    assert live(waste) == [16, 48, 128, 64]


def test_every_output_is_kept_to_the_end():
    def two(x):
        y = conv2d(x, 2, 1)
        return y, conv2d(conv2d(y, 3, 1), 1, 1)

    # 16; 16 + 32; 16 + 32 + 48; 16 + 32 + 48 + 16
    assert live(two) == [16, 48, 96, 112]
    # Were only the last one returned, the first would die: 16 + 48 + 16
    assert live(lambda x: two(x)[1]) == [16, 48, 96, 80]


def test_a_view_takes_no_memory():
    def classifier(x):
        return dense(dropout(flatten(conv2d(x, 2, 1)), 0.5), 10)

    # 16; 16 + 32; the same through flatten and dropout; and 10 for the output
    assert live(classifier) == [16, 48, 48, 48, 58]


def test_a_view_keeps_the_memory_that_it_shows_alive():
    def late(x):
        y = conv2d(x, 2, 1)  # 32
        seen = flatten(y)
        z = dense(flatten(conv2d(y, 4, 1)), 32)  # 64, then 32
        return add([seen, z])  # 32

    # 16; 48; 48; + 64 = 112; 112; + 32 = 144; without the 64 but with the sum: 112
    assert live(late) == [16, 48, 48, 112, 112, 144, 112]


def test_a_view_of_a_view_is_the_same_memory():
    def twice(x):
        y = conv2d(x, 2, 1)
        view = dropout(dropout(y, 0.5), 0.5)
        z = conv2d(x, 2, 1)
        return add([view, z])

    assert live(twice) == [16, 48, 48, 48, 80, 112]


def test_an_output_that_is_a_view_is_kept():
    def flat(x):
        y = flatten(conv2d(x, 2, 1))
        dense(y, 3)
        dense(y, 5)
        return y

    # 16; 48; 48; + 3; + 5 without the 3
    assert live(flat) == [16, 48, 48, 51, 53]


def test_a_view_of_the_input_is_the_input():
    assert live(flatten) == [16, 16]
    assert cost(trace(flatten, (4, 4, 1))).activation_bytes == 64


def test_an_input_that_nobody_reads_later_is_still_the_callers():
    def pool(x):
        return max_pooling2d(max_pooling2d(x))

    # 16; 16 + 4; 16 + 4 + 1
    assert live(pool) == [16, 20, 21]


def test_the_peak_is_the_largest_of_the_layers():
    def chain(x):
        return conv2d(conv2d(conv2d(x, 2, 1), 3, 1), 1, 1)

    paper = cost(trace(chain, (4, 4, 1)))
    assert paper.peak_activation_bytes == 96 * 4
    assert paper.activation_bytes == (16 + 32 + 48 + 16) * 4
    # (1 + 1) * 2, (2 + 1) * 3 and (3 + 1) * 1 weights and biases
    assert paper.weight_bytes == 17 * 4
    assert paper.peak_bytes == 96 * 4 + 17 * 4


def test_the_naive_inception_module_at_batch_8_peaks_at_914_mib():
    paper = cost(blocks.get("naive_inception_module").trace((256, 256, 3), batch_size=8))
    # One channel of the batch: 8 * 256 * 256 * 4 = 2,097,152 bytes, 2 MiB.
    # While concatenating: input 3, branches 64 + 128 + 32 + 3, and their copy, 227 channels:
    # 3 + 227 + 227 = 457 channels.
    assert paper.peak_activation_bytes == 457 * 2_097_152 == 958_398_464
    assert paper.peak_activation_bytes / 2**20 == 914.0
    assert paper.activation_bytes == paper.peak_activation_bytes  # nothing has died yet


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_half_precision_halves_bytes_and_nothing_else(entry, dtype):
    whole, half = cost(entry.trace()), cost(entry.trace(dtype=dtype))
    assert half.dtype == dtype
    for size in ("weight_bytes", "activation_bytes", "peak_activation_bytes", "peak_bytes"):
        assert getattr(half, size) * 2 == getattr(whole, size)
    for count in ("params", "trainable_params", "macs", "elementwise", "flops", "output_shape"):
        assert getattr(half, count) == getattr(whole, count)


# Totals


def test_flops_are_two_per_mac_and_one_per_elementwise_operation():
    paper = cost(trace(conv2d, (4, 4, 2), filters=3, kernel_size=3, activation="relu"))
    # 12 outputs: 18 MACs, a bias and a comparison each
    assert (paper.macs, paper.elementwise, paper.flops) == (216, 24, 456)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_totals_are_the_sum_of_the_layers(entry):
    graph = entry.trace(batch_size=2)
    paper = cost(graph)
    for total in (
        "params",
        "trainable_params",
        "macs",
        "elementwise",
        "flops",
        "weight_bytes",
        "activation_bytes",
    ):
        assert getattr(paper, total) == sum(getattr(row, total) for row in paper.layers)
    assert paper.weight_bytes == 4 * paper.params
    assert paper.trainable_params <= paper.params
    assert paper.flops == 2 * paper.macs + paper.elementwise
    assert paper.input_shape == (2, *entry.input_shape)
    assert paper.output_shape == graph.nodes[-1].rule.shape
    assert len(paper.layers) == len(graph.nodes)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_peak_lies_between_the_largest_layer_and_all_of_them(entry):
    graph = entry.trace()
    paper = cost(graph)
    sizes = [row.activation_bytes for row in paper.layers]
    widest = max(
        sizes[index] + sum(sizes[source] for source in set(node.inputs))
        for index, node in enumerate(graph.nodes)
    )
    inside = 4 * max(node.rule.scratch for node in graph.nodes)
    assert max(sizes) <= widest <= paper.peak_activation_bytes <= sum(sizes) + inside
    for row in paper.layers:
        assert row.live_bytes >= row.activation_bytes + sizes[0] * (row is not paper.layers[0])


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_batch_multiplies_work_and_activations_and_leaves_weights(entry):
    one, seven = cost(entry.trace()), cost(entry.trace(batch_size=7))
    for size in ("macs", "elementwise", "flops", "activation_bytes", "peak_activation_bytes"):
        assert getattr(seven, size) == 7 * getattr(one, size)
    for size in ("params", "trainable_params", "weight_bytes"):
        assert getattr(seven, size) == getattr(one, size)


@given(
    first=st.lists(st.integers(1, 64), min_size=1, max_size=4),
    second=st.lists(st.integers(1, 64), min_size=1, max_size=4),
    channels=st.integers(1, 64),
    size=st.integers(1, 32),
)
def test_the_cost_of_a_chain_is_the_sum_of_its_parts(first, second, channels, size):
    def convolutions(x, filters):
        for number in filters:
            x = activation(conv2d(x, number, 3, padding="same"), "relu")
        return x

    def parts(filters, c):
        return cost(trace(convolutions, (size, size, c), filters=filters))

    whole = parts(first + second, channels)
    one, two = parts(first, channels), parts(second, first[-1])
    for total in ("params", "macs", "elementwise", "flops", "weight_bytes"):
        assert getattr(whole, total) == getattr(one, total) + getattr(two, total)
    # The tensor between them is the output of one and the input of the other.
    between = size * size * first[-1] * 4
    assert whole.activation_bytes == one.activation_bytes + two.activation_bytes - between


@given(st.data())
def test_any_network_peaks_between_its_largest_layer_and_all_of_them(data):
    def network(x):
        made = [x]
        for _ in range(data.draw(st.integers(1, 8))):
            source = data.draw(st.sampled_from(made))
            kind = data.draw(st.sampled_from(["conv", "view", "join"]))
            if kind == "conv":
                made.append(conv2d(source, data.draw(st.integers(1, 8)), 1))
            elif kind == "view":
                made.append(dropout(source, 0.5))
            else:
                made.append(concatenate([source, data.draw(st.sampled_from(made))]))
        return made[-1]

    graph = trace(network, (4, 4, 2))
    paper = cost(graph)
    sizes = [row.activation_bytes for row in paper.layers]
    assert max(sizes) <= paper.peak_activation_bytes <= sum(sizes)
    assert [row.live_bytes for row in paper.layers] == alive_by_definition(graph, sizes)


def alive_by_definition(graph, sizes):
    """Straight from the definition, one layer at a time; slow, and shares no code."""
    shows = {}
    for index, node in enumerate(graph.nodes):
        shows[index] = shows[node.inputs[0]] if node.rule.view else index
    count = len(graph.nodes)
    alive = []
    for now in range(count):
        needed = {0, now}
        for output in graph.outputs:
            if shows[output] <= now:
                needed.add(shows[output])
        for later in range(now, count):
            needed |= {shows[source] for source in graph.nodes[later].inputs if source <= now}
        needed |= {shows[now]}
        alive.append(sum(sizes[index] for index in {shows[n] for n in needed} if index <= now))
    return alive


# Sizes that no 64-bit number holds


def test_impossible_networks_are_costed_exactly():
    side = 10**6
    paper = cost(
        trace(
            conv2d,
            (side, side, 10**5),
            batch_size=1000,
            filters=10**6,
            kernel_size=101,
            padding="same",
        )
    )
    positions, taps, filters = 10**3 * 10**12, 101 * 101 * 10**5, 10**6
    assert paper.params == taps * filters + filters == 1_020_100_001_000_000
    assert paper.macs == positions * filters * taps == 10201 * 10**26
    assert paper.macs > 2**64
    assert paper.elementwise == positions * filters == 10**21
    assert paper.flops == 2 * 10201 * 10**26 + 10**21
    assert paper.activation_bytes == 4 * (positions * 10**5 + positions * 10**6)
    assert type(paper.flops) is int


def test_a_block_on_a_million_by_a_million_is_costed_exactly():
    paper = cost(blocks.get("vgg_block").trace((10**6, 10**6, 3)))
    # 64 filters of 27 taps, then 64 of 576, at 10**12 positions
    assert paper.macs == 10**12 * (64 * 27 + 64 * 576) == 38_592 * 10**12
    assert paper.params == 38_720
    # The two convolutions' 64 channels and the input: nothing is larger together
    assert paper.peak_activation_bytes == 4 * 10**12 * (3 + 64 + 64)


def test_a_dense_layer_after_a_flattened_image_counts_past_every_limit():
    def head(x):
        return dense(flatten(x), 10**9)

    paper = cost(trace(head, (10**6, 10**6, 10**6)))
    assert paper.params == 10**27 + 10**9
    assert prod((10**6, 10**6, 10**6, 10**9)) == 10**27


def test_a_count_that_leaves_something_out_shows_that():
    least = AtLeast(12)
    assert repr(least) == ">= 12"
    assert [repr(x) for x in (least + 1, 1 + least, 2 * least, sum([least, least]))] == [
        ">= 13",
        ">= 13",
        ">= 24",
        ">= 24",
    ]
    assert (least, f"{least:,}", str(least), least / 2) == (12, "12", "12", 6)


def test_the_work_of_a_graph_without_a_rule_for_a_layer_is_a_lower_bound():
    graph = Graph()
    graph.append(Node("x", "InputLayer", {}, (), (), Rule((1, 2))))
    graph.append(Node("y", "Mine", {}, (0,), (), Rule((1, 2), macs=3), uncounted="nobody knows"))
    graph.finish([Tensor(graph, 1)])
    found = cost(graph)
    assert [repr(found.macs), repr(found.flops), repr(found.params)] == [">= 3", ">= 6", "0"]


# Precisions


def test_a_precision_changes_bytes_and_no_count():
    def block(x):
        return dense(flatten(batch_normalization(conv2d(x, 2, 3, padding="same"))), 5)

    before = trace(block, (4, 4, 1))
    # Kernels of 3 * 3 * 2 = 18 and 32 * 5 = 160 weights; 2 + 5 biases, and 8 values of
    # the normalisation. Activations: 16 of the input, 32 twice, and 5; the flat ones are a view.
    kernels, others, values = 18 + 160, 2 + 5 + 4 * 2, 16 + 32 + 32 + 5
    for dtype, weights, item in (
        ("float32", 4 * (kernels + others), 4),
        ("bfloat16", 2 * (kernels + others), 2),
        ("mixed_float16", 4 * (kernels + others), 2),
        ("int8", kernels + 4 * others, 1),
    ):
        found = cost(in_precision(before, dtype))
        assert (found.weight_bytes, found.activation_bytes) == (weights, values * item), dtype
        assert (found.macs, found.flops) == (cost(before).macs, cost(before).flops)
    assert cost(before).weight_bytes == 4 * (kernels + others)
