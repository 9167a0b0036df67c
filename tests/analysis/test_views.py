"""Readings of an analysis: the tree, the types, the most expensive layers, the receptive field."""

from dataclasses import replace
from fractions import Fraction

import pytest

from cnnbench import api, blocks
from cnnbench.analysis.receptive_field import receptive_field
from cnnbench.analysis.views import KEYS, by_type, folded, intensity, leaves, most_expensive, tree
from cnnbench.cost import cost
from cnnbench.graph import Graph, trace
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add, concatenate
from cnnbench.layers.pool import global_average_pooling2d, max_pooling2d
from cnnbench.rule import Rule


def costed(name, input_shape=None, **params):
    return cost(blocks.get(name).trace(input_shape, **params))


def flat(*names, op="Conv2D"):
    """A chain of ReLUs after an input, each said to be of one class, without blocks."""

    def network(x):
        for name in names:
            x = activation(x, "relu", name=name)
        return x

    graph = trace(network, (2, 2, 1))
    graph.nodes[1:] = [replace(node, op=op) for node in graph.nodes[1:]]
    return cost(graph)


def outline(costs, depth=None):
    return [(row.depth, row.name, len(row.members)) for row in tree(costs, depth)]


# The tree


def test_layers_fold_into_the_blocks_around_them():
    rows = {row.path: row for row in tree(costed("vgg16"), depth=1)}
    assert list(rows) == [
        *("input_layer", "vgg_block", "vgg_block_1", "vgg_block_2", "vgg_block_3", "vgg_block_4"),
        *("flatten", "dense", "dropout", "dense_1", "dropout_1", "dense_2"),
    ]
    block = rows["vgg_block_1"]
    assert block.members == (4, 5, 6)
    assert block.params == 221_440  # 9 * 64 * 128 + 128 and 9 * 128 * 128 + 128
    assert block.macs == 2_774_532_096  # 112 * 112 * 9 * (64 * 128 + 128 * 128)
    # A bias and a ReLU for each of 2 * 112 * 112 * 128 outputs, 3 comparisons for each of
    # 56 * 56 * 128 of the pool.
    assert block.flops == 2 * 2_774_532_096 + 6_422_528 + 1_204_224
    assert block.activation_bytes == 4 * (2 * 112 * 112 * 128 + 56 * 56 * 128)


def test_without_a_depth_every_layer_has_a_row_below_its_block():
    assert outline(costed("vgg_three_blocks"))[:6] == [
        (1, "input_layer", 1),
        (1, "vgg_block", 3),
        (2, "conv2d", 1),
        (2, "conv2d_1", 1),
        (2, "max_pooling2d", 1),
        (1, "vgg_block_1", 3),
    ]
    assert tree(costed("vgg_three_blocks"))[2].path == "vgg_block/conv2d"


def test_explicit_names_of_a_flat_model_are_split_at_underscores():
    # As ResNet50 of keras.applications names its layers.
    names = "conv1_conv conv1_bn pool1 conv2_block1_1_conv conv2_block1_1_bn conv2_block1_out"
    assert outline(flat(*names.split(), "conv2_block2_out")) == [
        (1, "input_layer", 1),
        (1, "conv1", 2),
        (2, "conv1_conv", 1),
        (2, "conv1_bn", 1),
        (1, "pool1", 1),
        (1, "conv2", 4),
        (2, "conv2_block1", 3),
        (3, "conv2_block1_1", 2),
        (4, "conv2_block1_1_conv", 1),
        (4, "conv2_block1_1_bn", 1),
        (3, "conv2_block1_out", 1),
        (2, "conv2_block2_out", 1),  # alone in block2
    ]


@pytest.mark.parametrize(
    ("op", "names"),
    [
        ("MaxPooling2D", ("max_pooling2d", "max_pooling2d_1", "max_pooling2d_12")),
        ("MaxPooling2D", ("max_pooling2d_1", "max_pooling2d_1 (call 2)")),
        ("BatchNormalization", ("batch_normalization", "batch_normalization_3")),
        ("ReLU", ("re_lu", "re_lu_1")),
        ("MyBlock2", ("my_block2", "my_block2_1")),
        ("ops.GetItem", ("get_item", "get_item_1")),
    ],
)
def test_automatic_names_are_not_split(op, names):
    assert outline(flat(*names, op=op))[1:] == [(1, name, 1) for name in names]


def test_the_same_names_are_split_where_they_are_not_automatic():
    assert outline(flat("max_pooling2d", "max_pooling2d_1", op="Conv2D"), 1)[1:] == [(1, "max", 2)]


def test_explicit_names_inside_a_block_are_not_split():
    # bn2a and res2a would tear apart what runs in a row.
    rows = tree(costed("convolutional_block", stage=2, block="a"))
    assert {row.depth for row in rows} == {1}
    assert "res2a_branch2a" in {row.name for row in rows}


def test_slashes_in_a_name_nest_and_single_parts_merge():
    assert outline(flat("stem/conv/a", "stem/conv/b", "head/only/c", "a//b", "/c", "d_")) == [
        (1, "input_layer", 1),
        (1, "stem/conv", 2),  # stem holds nothing else
        (2, "a", 1),
        (2, "b", 1),
        (1, "head/only/c", 1),
        (1, "a//b", 1),
        (1, "/c", 1),
        (1, "d_", 1),
    ]


def test_a_name_that_begins_or_ends_with_a_separator_is_not_split_there():
    names = ("_a", "_b", "/c", "d_", "d__")
    assert outline(flat(*names))[1:] == [(1, name, 1) for name in names]


def test_a_layer_named_like_a_part_is_in_the_part():
    # As in MobileNet: conv1, conv1_bn.
    assert outline(flat("conv1", "conv1_bn", "conv1_relu")) == [
        (1, "input_layer", 1),
        (1, "conv1", 1),
        (1, "conv1", 2),
        (2, "conv1_bn", 1),
        (2, "conv1_relu", 1),
    ]


@pytest.mark.parametrize("name", blocks.catalogue())
def test_every_part_is_the_sum_of_the_parts_in_it(name):
    costs = costed(name)
    rows = tree(costs)
    for depth in range(1, max(row.depth for row in rows) + 2):
        shown = tree(costs, depth)
        assert all(row.depth <= depth for row in shown)
        top = [row for row in shown if row.depth == 1]
        assert sorted(i for row in top for i in row.members) == list(range(len(costs.layers)))
        for what in ("params", "macs", "flops", "activation_bytes"):
            assert sum(getattr(row, what) for row in top) == getattr(costs, what)
        assert sum(row.share for row in top) == pytest.approx(1)
        for place, row in enumerate(shown):
            below = []
            for other in shown[place + 1 :]:
                if other.depth <= row.depth:
                    break
                below += [other] if other.depth == row.depth + 1 else []
            if below:
                assert sorted(i for part in below for i in part.members) == list(row.members)
                for what in ("params", "macs", "flops", "activation_bytes"):
                    assert sum(getattr(part, what) for part in below) == getattr(row, what)
    alone = [row.members for row, leaf in zip(rows, leaves(rows), strict=True) if leaf]
    assert sorted(alone) == [(i,) for i in range(len(costs.layers))]


def test_the_tree_folds_as_deep_as_it_may():
    costs = costed("vgg_three_blocks")  # an input and three blocks; eleven layers in them
    assert [len(folded(costs, most)) for most in (4, 11, 12)] == [4, 4, 15]
    assert folded(costs, 3) is None
    assert leaves(folded(costs, 12)[:3]) == [True, False, True]


def test_layers_without_a_rule_are_counted_in_their_part():
    graph = blocks.get("vgg_three_blocks").trace()
    graph.nodes[2] = replace(graph.nodes[2], uncounted="no rule")
    assert [row.uncounted for row in tree(cost(graph))[:5]] == [0, 1, 0, 1, 0]


# Types, and the most expensive layers


def test_layers_of_one_type_are_summed_most_flops_first():
    rows = by_type(costed("vgg_block", (8, 8, 3), n_filters=4))
    assert [(row.path, len(row.members), row.params, row.macs) for row in rows] == [
        # 3*3*3*4+4 and 3*3*4*4+4 weights; 64 positions of 108 and of 144 taps
        ("Conv2D", 2, 112 + 148, 64 * (108 + 144)),
        ("MaxPooling2D", 1, 0, 0),
        ("InputLayer", 1, 0, 0),
    ]
    # Convolutions: twice the MACs, a bias and a ReLU for each of 2 * 256 outputs. Pool: 3
    # comparisons for each of 64.
    assert [row.flops for row in rows] == [33_280, 192, 0]
    assert [row.share for row in rows] == [33_280 / 33_472, 192 / 33_472, 0]


def test_a_network_without_work_has_no_shares():
    assert [row.share for row in by_type(cost(trace(lambda x: x, (2, 2, 1))))] == [0]


def test_the_most_expensive_come_first_with_their_places():
    costs = costed("inception_module", (8, 8, 192))
    order = [(place, layer.name) for place, layer in most_expensive(costs, "parameters", 3)]
    # 9*96*128+128 = 110720; 192*96+96 = 18528; 25*16*32+32 = 12832
    assert order == [(3, "conv2d_2"), (2, "conv2d_1"), (5, "conv2d_4")]


def test_ten_by_flops_unless_told_otherwise():
    costs = costed("resnet18")
    rows = most_expensive(costs)
    assert len(rows) == 10
    # Fifteen 3x3 convolutions of 115,605,504 MACs tie, in the order of the network; the stem has
    # 118,013,952.
    assert [layer.name for _, layer in rows[:3]] == ["conv2d", "conv2d_1", "conv2d_2"]
    assert len(most_expensive(costs, top=None)) == len(costs.layers)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_orders(key):
    costs = costed("inception_module")
    values = [getattr(layer, KEYS[key]) for _, layer in most_expensive(costs, key, None)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 1


def test_the_intensity_of_a_network_is_its_flops_over_all_bytes_moved():
    costs = cost(trace(lambda x: conv2d(conv2d(x, 1, 1), 1, 1), (2, 2, 1)))
    # Each: 4 MACs and 4 biases, 12 FLOPs; 4 values in, 4 out, 2 weights. The input's own
    # 4 values are written once.
    assert intensity(costs) == (12 + 12) / (4 * (10 + 10 + 4))


# The receptive field


def sizes(name, **params):
    """The size of the field on the first axis after each layer; None for the whole input."""
    graph = blocks.get(name).trace(None, **params)
    found = receptive_field(graph)
    return [seen.size and seen.size[0] for seen in found.fields]


def test_a_field_grows_by_the_reach_at_the_stride_of_its_input():
    def network(x):
        x = conv2d(x, 1, (3, 1), padding="same")
        x = conv2d(x, 1, 3, strides=(2, 1), padding="same")
        return conv2d(x, 1, 3, dilation_rate=2, padding="same")

    found = receptive_field(trace(network, (16, 16, 1)))
    assert [seen.axes for seen in found.fields] == [
        ((1, 1), (1, 1)),
        ((3, 1), (1, 1)),
        ((5, 2), (3, 1)),
        ((13, 2), (7, 1)),  # 3 taps 2 apart reach 5: 5 + 4 * 2, 3 + 4 * 1
    ]
    assert found.output.size == (13, 7)
    assert found.local == found.output
    assert found.whole_from == ""
    assert found.input == (16, 16)
    assert not found.exceeds


def test_vgg_16_is_as_published():
    # Araujo et al.: conv1_1, pool1, conv2_1, pool2, conv3_1, conv3_2, pool3, conv4_1, conv4_2,
    # conv4_3, pool4, conv5_1, conv5_2, pool5 (RESULTS.md of google-research/receptive_field).
    found = sizes("vgg16")
    ends = (1, 3, 4, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 18)
    published = [3, 6, 10, 16, 24, 32, 44, 60, 76, 92, 100, 132, 164, 212]
    assert [found[end] for end in ends] == published
    assert found[19:] == [None] * 6  # flatten and what follows


def test_resnet_50_is_as_published():
    # 483 (Araujo et al., Table 1, resnet_v1_50). There the last block of a stage strides in its
    # 3x3; here the first one in its 1x1. 7x7/2: 7; 3x3/2 pool: 7 + 2 * 2 = 11; then the 3x3 of
    # 3, 4, 6 and 3 blocks at strides 4, 8, 16 and 32: 11 + 3*8 + 4*16 + 6*32 + 3*64 = 483. With
    # the strides in the last: 11 + 3*8 + 4*16 + 6*32 + 3*64 too, since the striding 3x3 still
    # reads at the stride of its input.
    graph = blocks.get("resnet50").trace()
    found = receptive_field(graph)
    assert found.local.axes == ((483, 32), (483, 32))
    assert found.whole_from == "global_average_pooling2d"
    assert found.exceeds  # 224
    assert found.output.size is None


def test_a_stride_in_the_3x3_of_the_first_block_reads_at_the_finer_stride():
    # torchvision's: of each later stage the first 3x3 reads at half the stride of the others:
    # 11 + 3*8 + (8 + 3*16) + (16 + 5*32) + (32 + 2*64) = 427.
    graph = blocks.get("resnet50").trace(version="v1.5")
    assert receptive_field(graph).local.size == (427, 427)


def test_googlenet_by_hand():
    # 7x7/2: 7; 3x3/2: 11; 3x3 at 4: 19; 3x3/2: 27; two 5x5 at 8: 91; 3x3/2: 107; five 5x5 at
    # 16: 427; 3x3/2: 459; two 5x5 at 32: 715.
    assert receptive_field(blocks.get("googlenet").trace()).local.size == (715, 715)


def test_where_paths_meet_the_largest_counts():
    def network(x):
        return concatenate([conv2d(x, 1, 1), conv2d(x, 1, 5, padding="same"), x])

    assert receptive_field(trace(network, (8, 8, 1))).output.size == (5, 5)
    # With the largest size on one path and on another axis of another path.
    crossed = trace(
        lambda x: add([conv2d(x, 1, (5, 1), padding="same"), conv2d(x, 1, (1, 3), padding="same")]),
        (8, 8, 1),
    )
    assert receptive_field(crossed).output.size == (5, 3)


def test_after_a_layer_that_sees_all_everything_does():
    def network(x):
        x = conv2d(x, 2, 3, padding="same")
        return conv2d(global_average_pooling2d(x, keepdims=True), 2, 1)

    found = receptive_field(trace(network, (8, 9, 1)))
    assert [seen.size for seen in found.fields] == [(1, 1), (3, 3), None, None]
    assert (found.output.size, found.local.size) == (None, (3, 3))
    assert found.whole_from == "global_average_pooling2d"
    assert found.input == (8, 9)


def test_a_path_that_sees_all_makes_the_sum_see_all():
    def network(x):
        wide = dense(global_average_pooling2d(x, keepdims=True), 1)
        return add([wide, x])

    found = receptive_field(trace(network, (1, 1, 1)))
    assert found.output.size is None
    assert found.whole_from == "global_average_pooling2d"


def graph_of(*rules, shape=(1, 8, 8, 1), **attrs):
    """A chain of nodes with given rules after an input of a shape."""
    graph = Graph()
    x = graph.add("InputLayer", lambda shapes: Rule(shape), [], {})
    for rule in rules:
        x = graph.add("Layer", lambda shape, rule=rule, **_: rule, x, attrs)
    graph.finish([x])
    return graph


def test_upsampling_halves_the_stride_and_fields_are_whole_positions():
    doubled = Rule((1, 16, 16, 1), window=((1, Fraction(1, 2)),) * 2)
    three = Rule((1, 16, 16, 1), window=((3, 1),) * 2)
    four = Rule((1, 16, 16, 1), window=((4, 1),) * 2)
    found = receptive_field(graph_of(doubled, three, four))
    half = Fraction(1, 2)
    assert [seen.axes[0] for seen in found.fields] == [
        (1, 1),
        (1, half),
        (2, half),  # 1 + 2 / 2
        (Fraction(7, 2), half),  # 2 + 3 / 2
    ]
    assert found.output.size == (4, 4)  # half a position is one


def test_a_window_on_other_axes_may_see_all():
    line = Rule((1, 64, 1), window=((3, 1),))
    assert receptive_field(graph_of(line)).output.axes is None


def test_paths_with_other_axes_may_meet_anywhere():
    graph = Graph()
    plane = graph.add("InputLayer", lambda shapes: Rule((1, 8, 8, 1)), [], {})
    line = graph.add("InputLayer", lambda shapes: Rule((1, 8, 1)), [], {})
    graph.add("Layer", lambda shapes: Rule((1, 8, 8, 1)), [plane, line], {})
    assert receptive_field(graph).output.axes is None


def test_a_vector_has_no_field():
    found = receptive_field(graph_of(Rule((1, 4)), shape=(1, 4)))
    assert found.output.size == ()
    assert not found.exceeds


def test_channels_first_moves_the_axes():
    rule = Rule((1, 3, 8, 9), window=((11, 1), (3, 1)))
    graph = graph_of(rule, shape=(1, 3, 8, 9), data_format="channels_first")
    found = receptive_field(graph)
    assert found.input == (8, 9)
    assert found.exceeds  # 11 > 8
    assert receptive_field(graph_of(rule, shape=(1, 8, 9, 3))).input == (8, 9)


@pytest.mark.parametrize(("shape", "exceeds"), [((3, 5), False), ((3, 4), True), ((2, 5), True)])
def test_a_field_as_large_as_the_input_does_not_exceed_it(shape, exceeds):
    graph = graph_of(Rule((1, 1, 1, 1), window=((3, 1), (5, 1))), shape=(1, *shape, 1))
    assert receptive_field(graph).exceeds == exceeds


def test_zero_padded_channels_do_not_move_the_axes():
    # `pad_channels` is a ZeroPadding2D that is told that the channels come first.
    graph = blocks.get("residual_module").trace((8, 9, 3), n_filters=5, shortcut="A")
    assert any(node.attrs.get("data_format") == "channels_first" for node in graph.nodes)
    assert receptive_field(graph).input == (8, 9)


def test_beyond_a_layer_without_a_rule_a_field_is_a_lower_bound():
    graph = blocks.get("vgg_block").trace((8, 8, 3))
    graph.nodes[2] = replace(graph.nodes[2], uncounted="no rule", rule=Rule((1, 8, 8, 64)))
    found = receptive_field(graph)
    assert [(seen.size[0], seen.least) for seen in found.fields] == [
        (1, False),
        (3, False),
        (3, True),
        (4, True),
    ]
    assert found.output.least


def test_a_lower_bound_on_one_path_is_one_where_it_meets_others():
    graph = trace(lambda x: add([x, conv2d(x, 1, 1)]), (8, 8, 1))
    graph.nodes[1] = replace(graph.nodes[1], uncounted="no rule")
    assert receptive_field(graph).output.least


def test_the_outputs_together_see_what_the_largest_sees():
    def network(x):
        return [conv2d(x, 1, 3, padding="same"), max_pooling2d(x, 4)]

    assert receptive_field(trace(network, (8, 8, 1))).output.axes == ((4, 1), (4, 1))


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("name", "params", "size"),
    [
        ("resnet_basic", {"filters": 2, "strides": 2}, 33),
        ("resnet_bottleneck", {"filters": 2, "strides": 2, "version": "v1.5"}, 33),
        ("residual_module", {"n_filters": 2}, 33),
    ],
)
def test_the_field_is_where_the_gradient_of_one_output_is_not_zero(name, params, size):
    import keras
    import numpy as np
    import tensorflow as tf

    entry = blocks.get(name)
    inputs = keras.Input((size, size, 2))
    model = keras.Model(inputs, entry.function(inputs, **params))
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    image = tf.ones((1, size, size, 2))
    with tf.GradientTape() as tape:
        tape.watch(image)
        output = model(image)
        centre = output[:, output.shape[1] // 2, output.shape[2] // 2]
    reached = np.abs(tape.gradient(centre, image)[0]).sum(axis=-1) > 0
    seen = receptive_field(entry.trace((size, size, 2), **params)).output.size
    assert seen == (int(reached.any(axis=1).sum()), int(reached.any(axis=0).sum()))


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("name", "size"),
    [("InceptionV3", 1311), ("InceptionResNetV2", 3039), ("MobileNet", 315), ("ResNet101", 1027)],
)
def test_keras_networks_are_as_published(name, size):
    # Araujo et al.: inception_v3, inception_resnet_v2, mobilenet_v1, resnet_v1_101.
    assert receptive_field(api.trace(name)).local.size == (size, size)
