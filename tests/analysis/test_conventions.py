"""What we say other tools print is what they printed.

The numbers of `data/tools.csv` were printed by the tools (`benchmarks/record_tools.py`); the
rules under test were read in their sources.
"""

import csv
from dataclasses import replace

import pytest

from benchmarks.record_tools import NETWORKS, profiled
from cnnbench import blocks
from cnnbench.analysis import conventions
from cnnbench.analysis.conventions import PRESETS
from cnnbench.cost import cost
from cnnbench.errors import UnknownNameError
from cnnbench.graph import trace
from cnnbench.layers.activation import activation, leaky_relu, relu, softmax
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add, dot
from cnnbench.layers.norm import batch_normalization
from cnnbench.layers.pool import max_pooling2d
from cnnbench.layers.reshape import flatten, zero_padding2d
from cnnbench.reporting.analysis import differences
from cnnbench.reporting.formats import show
from tests.support import DATA

RECORDS = DATA / "tools.csv"

with RECORDS.open(newline="") as file:
    RECORDED = list(csv.DictReader(file))

# The largest whole number up to which XLA's sums, in float32, are exact.
EXACT = 2**24


def graph_of(network):
    # Keras' own ResNet-50 has the layers of our v1 with biases.
    own = "resnet50 v1" if network == "keras.applications.ResNet50" else network
    return trace(*NETWORKS[own])


def count(graph, tool):
    (counted,) = conventions.tool_counts(graph, tool)
    return counted.count


def total(tool, network):
    return count(graph_of(network), tool).total


# Every number that a tool printed


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: f"{row['tool']}-{row['network']}")
def test_a_preset_counts_what_the_tool_printed(row):
    graph = graph_of(row["network"])
    ours, printed = count(graph, row["tool"]).total, int(row["printed"])
    if row["tool"] == "xla" and printed > EXACT:
        # Each of at least len(nodes) additions rounds to 24 bits of a sum that is smaller.
        assert ours == pytest.approx(printed, rel=len(graph.nodes) / EXACT)
    else:
        assert ours == printed


def test_every_tool_was_recorded_in_the_version_that_its_preset_names():
    tools = {row["tool"]: row for row in RECORDED}
    assert {*tools, "paper"} == set(PRESETS)
    for tool, row in tools.items():
        version = row["version"].removesuffix("+cpu").replace("-", ".post")
        assert version in PRESETS[tool].source
        assert row["unit"] == PRESETS[tool].unit


@pytest.mark.parametrize(
    ("tool", "network", "published"),
    [
        ("paper", "resnet50 v1.5", "4.0892"),
        ("torchinfo", "resnet50 v1.5", "4.0892"),
        ("fvcore", "resnet50 v1.5", "4.1115"),
        ("ptflops", "resnet50 v1.5", "4.1324"),
        ("thop", "resnet50 v1.5", "4.1337"),
        ("torch", "resnet50 v1.5", "8.178"),
        ("deepspeed", "resnet50 v1.5", "8.211"),
        ("paper", "resnet50 v1", "3.858"),
        ("tf-profiler", "resnet50 v1", "7.755"),
    ],
)
def test_the_numbers_that_people_quote_for_resnet50(tool, network, published):
    decimals = len(published) - 2
    assert f"{total(tool, network) / 1e9:.{decimals}f}" == published


# By hand


def small(x):
    x = conv2d(x, 3, 3, padding="same", activation="relu")
    x = batch_normalization(x)
    return dense(x, 5)


# (1, 4, 4, 2): the convolution has 16 * 3 = 48 outputs of 3 * 3 * 2 = 18 taps, 864 in all, of
# which 10 * 10 * 2 * 3 = 600 inside (4 + 3 + 3 on each axis), 48 biases, 48 ReLUs; batch norm
# 48 elements of 3 channels; the dense layer 16 * 5 = 80 outputs of 3 taps, 240, and 80 biases.
BY_HAND = {
    "paper": {"convolution": 864, "dense": 240},
    # 16 positions of 18 * 3 + 3 weights; 2 * 3 weights; 3 * 5 + 5 weights
    "torchinfo": {"convolution": 864, "dense": 15, "bias": 48 + 5, "batch norm": 6},
    "fvcore": {"convolution": 864, "dense": 240, "batch norm": 96},
    "ptflops": {
        "convolution": 864,
        "dense": 240,
        "bias": 128,
        "activation": 96,
        "batch norm": 96,
    },
    "thop": {"convolution": 864, "dense": 240, "activation": 0, "batch norm": 192},
    "torch": {"convolution": 1728, "dense": 480},
    "deepspeed": {
        "convolution": 1728,
        "dense": 480,
        "bias": 48,
        "activation": 48,
        "batch norm": 96,
    },
    # batch norm 2 an element, 6 a channel
    "tf-profiler": {
        "convolution": 1728,
        "dense": 480,
        "bias": 128,
        "activation": 0,
        "batch norm": 114,
    },
    # batch norm 2 an element, 5 a channel
    "xla": {
        "convolution": 1200,
        "dense": 480,
        "bias": 128,
        "activation": 48,
        "batch norm": 111,
    },
}


@pytest.mark.parametrize("tool", PRESETS)
def test_the_parts_of_a_small_network_by_hand(tool):
    found = count(trace(small, (4, 4, 2)), tool)
    assert found.parts == BY_HAND[tool]
    assert found.total == sum(BY_HAND[tool].values())


@pytest.mark.parametrize("tool", [tool for tool in PRESETS if tool != "xla"])
def test_a_batch_of_two_counts_twice(tool):
    # XLA's constants do not: the channels of a batch norm, the zero of a padding.
    one = count(trace(small, (4, 4, 2)), tool).parts
    two = count(trace(small, (4, 4, 2), batch_size=2), tool).parts
    once = 6 * 3 if tool == "tf-profiler" else 0  # work on the channels of the batch norm
    assert two == {part: 2 * value - once * (part == "batch norm") for part, value in one.items()}


def test_a_pooling_of_pytorch_pads_by_itself():
    def padded(x):
        return max_pooling2d(zero_padding2d(x), 3, strides=2)

    graph = trace(padded, (6, 6, 2))
    assert count(graph, "deepspeed").total == 6 * 6 * 2
    assert count(graph, "ptflops").total == 2 * 6 * 6 * 2
    assert count(graph, "tf-profiler").total == 3 * 3 * 2 * 9  # outputs of 9 values


def test_the_softmax_of_a_classifier_is_no_part_of_a_network_of_pytorch():
    fused = trace(lambda x: dense(x, 7, activation="softmax"), (3,))
    alone = trace(lambda x: activation(dense(x, 7), "softmax"), (3,))
    for tool, operations in (("ptflops", 7), ("thop", 3 * 7 - 1), ("deepspeed", 7)):
        difference = count(alone, tool).total - count(fused, tool).total
        assert difference == operations
    for tool in ("tf-profiler", "xla"):
        assert count(alone, tool).total == count(fused, tool).total


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (relu, "relu"),
        (lambda x: relu(x, max_value=6.0), "relu6"),
        (lambda x: relu(x, negative_slope=0.1), "leaky_relu"),
        (leaky_relu, "leaky_relu"),
        (softmax, "softmax"),
    ],
)
@pytest.mark.parametrize("tool", PRESETS)
def test_a_layer_that_is_an_activation_counts_as_that(tool, layer, name):
    as_layer = count(trace(layer, (4, 5, 6)), tool)
    by_name = count(trace(lambda x: activation(x, name), (4, 5, 6)), tool)
    assert as_layer.parts == by_name.parts


def test_a_layer_that_is_called_again_counts_again():
    graph = trace(lambda x: batch_normalization(conv2d(x, 3, 1)), (4, 4, 2))
    # As a shared layer of Keras is read: the second call owns no weights.
    graph.nodes = [replace(n, rule=replace(n.rule, weights=())) for n in graph.nodes]
    whole = trace(lambda x: batch_normalization(conv2d(x, 3, 1)), (4, 4, 2))
    for tool in PRESETS:
        assert count(graph, tool) == count(whole, tool)


# What is not counted


def test_what_a_tool_ignores_is_named_by_layer_type():
    graph = graph_of("resnet50 v1.5")
    assert count(graph, "fvcore").ignored == (
        "Activation(relu)",
        "Activation(softmax)",
        "Add",
        "MaxPooling2D",
    )
    assert count(graph, "tf-profiler").ignored == ("Activation(relu)",)
    assert count(graph, "xla").ignored == ()
    assert count(graph_of("grouped"), "tf-profiler").ignored == (
        "Activation(relu)",
        "Conv2D(groups)",
        "GlobalMaxPooling2D",
    )


def test_a_layer_without_a_rule_is_ignored_by_all_and_named():
    graph = trace(lambda x: add([x, x]), (4, 4, 2))
    graph.nodes[1] = replace(graph.nodes[1], op="Strange", attrs={}, uncounted="no rule")
    for counted in conventions.tool_counts(graph):
        assert counted.count.ignored == ("Strange",)
        assert counted.count.total == 0


def test_products_of_other_layers_are_in_papers_and_all_their_work_is_in_xla():
    graph = trace(lambda x: dot([x, x], axes=1), (3, 4))
    # 4 x 4 products of columns of 3 values
    assert count(graph, "paper").parts == {"other": 48}
    assert count(graph, "xla").parts == {"other": 96}
    assert count(graph, "fvcore").ignored == ("Dot",)


def test_an_unknown_preset_is_refused():
    with pytest.raises(UnknownNameError, match="unknown preset 'fvcor'; did you mean fvcore"):
        count(graph_of("grouped"), "fvcor")


# Against our own count


@pytest.mark.parametrize("name", [*blocks.catalogue()])
def test_our_own_parts_sum_to_our_flops(name):
    graph = blocks.get(name).trace()
    ours, *others = conventions.tool_counts(graph)
    assert ours.count.total == cost(graph).flops
    assert ours.ratio == 1
    assert [other.preset.name for other in others] == list(PRESETS)
    assert count(graph, "paper").total == cost(graph).macs


@pytest.mark.parametrize("name", NETWORKS)
def test_our_own_parts_sum_to_our_flops_for_every_recorded_network(name):
    graph = graph_of(name)
    assert conventions.tool_counts(graph)[0].count.total == cost(graph).flops


def test_reasons_are_given_where_products_differ_and_only_there():
    def reasons(network):
        found = conventions.tool_counts(graph_of(network))
        return {f.preset.name: f.count.reasons for f in found if f.count.reasons}

    padding = "taps on padding are left out"
    grown = "the kernel of a transposed convolution counts at each output instead of each input"
    assert reasons("vgg16") == {"xla": (padding,)}
    assert reasons("causal") == {}  # Keras pads it, so that XLA sees an input of zeros
    assert reasons("transposed") == {"thop": (grown,), "torchinfo": (grown,), "xla": (padding,)}


# The table


def explained(graph, name, format):
    return show(differences.document(replace(graph, name=name)), format)


def test_the_table_has_a_line_a_tool_and_says_why_they_differ():
    text = explained(graph_of("resnet50 v1.5"), "resnet50", "table")
    first, counts, ignored, *sentences = text.rstrip("\n").split("\n\n")
    assert first == "resnet50, input 1x224x224x3, float32"
    lines = [line.split() for line in counts.splitlines()]
    assert "  ".join(lines[0]) == (
        "tool  prints  unit  ratio  convolution  dense  batch  norm  activation  pooling  addition"
        "  all  else"
    )
    assert [line[0] for line in lines[2:]] == ["cnnbench", *PRESETS]
    (thop,) = (line for line in lines if line[0] == "thop")
    # 2 * 2 * 11,113,984 elements of batch norm; 7 * 7 * 2048 values averaged to 2048
    assert " ".join(thop[1:]) == "4,133,742,592 MACs 0.50 4.09 G 2.05 M 44.5 M - 102 k - -"
    assert "fvcore       Activation(relu), Activation(softmax), Add, MaxPooling2D" in ignored
    assert sentences == [
        "One multiply-add counts once in paper, torchinfo, fvcore, ptflops and thop, twice in "
        "cnnbench, torch, deepspeed, tf-profiler and xla: the 4.09 G of convolutions and dense "
        "layers are 4.09 G or 8.18 G.",
        "Of these products xla counts 3.4 % fewer (taps on padding are left out).",
        "Apart from products they differ most in batch norm: nothing in paper and torch, 44.5 M "
        "in thop.",
    ]


def test_the_sentences_follow_the_numbers_of_another_network():
    text = explained(graph_of("transposed"), "transposed", "table")
    assert "thop counts 300.0 % more (the kernel of a transposed" in text
    assert "differ most in upsampling: nothing in cnnbench, paper, torchinfo, torch and xla" in text
    # All products inside, one position: what differs is the weight of a multiply-add alone.
    text = explained(trace(lambda x: dense(x, 7, use_bias=False), (3,)), "dense", "table")
    assert text.endswith("are 21 or 42.\n\nAll count all of them.\n")


def test_a_network_without_arithmetic_has_a_table_of_zeros_and_nothing_to_explain():
    text = explained(trace(flatten, (4, 4, 2)), "flat", "table")
    first, counts = text.rstrip("\n").split("\n\n")
    assert first == "flat, input 1x4x4x2, float32"
    assert [line.split()[1] for line in counts.splitlines()[2:]] == ["0"] * (1 + len(PRESETS))


def test_the_table_in_markdown():
    text = explained(graph_of("vgg16"), "vgg16", "markdown")
    assert "| torch       | 30,940,528,640 | FLOPs     |" in text
    with pytest.raises(
        UnknownNameError, match="unknown format 'csv'; known: html, json, markdown, table"
    ):
        explained(graph_of("vgg16"), "vgg16", "csv")


# Against the profiler of the TensorFlow that is installed


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["mixed", "dilated", "prepared"])
def test_the_profiler_of_this_tensorflow_counts_the_same(name):
    keras = pytest.importorskip("keras")
    function, shape = NETWORKS[name]
    x = keras.Input(shape)
    assert int(profiled(keras.Model(x, function(x)))) == total("tf-profiler", name)


@pytest.mark.tensorflow
def test_the_profiler_counts_the_same_for_a_model_of_keras():
    keras = pytest.importorskip("keras")
    from cnnbench.networks.reader import read

    model = keras.applications.MobileNetV3Small(weights=None, input_shape=(64, 64, 3))
    graph = read(model, [(64, 64, 3)])
    assert int(profiled(model)) == count(graph, "tf-profiler").total
