"""BLOCK: what papers publish about the blocks that replace a convolution, and their networks.

Numbers are the papers' own, or worked out in the comment; names of layers are the paper's.
"""

import numpy as np
import pytest

from cnnbench import blocks
from cnnbench.analysis.receptive_field import receptive_field
from cnnbench.cost import cost
from cnnbench.errors import ShapeError


def traced(name, input_shape=None, **params):
    return blocks.get(name).trace(input_shape, **params)


def costed(name, input_shape=None, **params):
    return cost(traced(name, input_shape, **params))


def printed(value, decimals=0):
    """A number as a paper prints it."""
    return f"{value:.{decimals}f}"


def wiring(graph):
    """The layers as text, each with the names of what it reads."""
    names = [node.name for node in graph.nodes]
    return [f"{node.name}({', '.join(names[i] for i in node.inputs)})" for node in graph.nodes[1:]]


# Smaller convolutions for a larger one


@pytest.mark.parametrize(
    ("kernel_size", "n_conv", "weights"),
    [
        (7, 1, 200_704),  # 49 * 64 * 64
        (3, 3, 110_592),  # 27 * 64 * 64; VGG, section 2.3: 49 is "81% more" than 27
        (5, 1, 102_400),  # 25 * 64 * 64
        (3, 2, 73_728),  # 18 * 64 * 64; Inception-v3, section 3.1: 28 % less than 25
    ],
)
def test_a_stack_of_convolutions(kernel_size, n_conv, weights):
    paper = costed("conv_stack", filters=64, kernel_size=kernel_size, n_conv=n_conv)
    assert paper.params == weights
    assert paper.macs == weights * 56 * 56
    assert paper.output_shape == (1, 56, 56, 64)
    assert paper.elementwise == n_conv * 56 * 56 * 64  # a ReLU after each
    biased = costed("conv_stack", kernel_size=kernel_size, n_conv=n_conv, use_bias=True)
    assert biased.params == weights + n_conv * 64


def test_three_3x3_see_what_one_7x7_sees():
    for kernel_size, n_conv in ((3, 3), (7, 1)):
        field = receptive_field(traced("conv_stack", kernel_size=kernel_size, n_conv=n_conv))
        assert field.fields[-1].size == (7, 7)


@pytest.mark.parametrize(
    ("kernel_size", "weights"),
    [
        (3, 24_576),  # 6 * 64 * 64; section 3.2: 33 % less than 9
        (7, 57_344),  # 14 * 64 * 64; 71 % less than 49
    ],
)
def test_a_convolution_in_two_factors(kernel_size, weights):
    graph = traced("conv_factorised", (17, 17, 64), filters=64, kernel_size=kernel_size)
    assert cost(graph).params == weights
    assert cost(graph).macs == weights * 17 * 17
    assert [node.attrs["kernel_size"] for node in graph.nodes[1:]] == [
        (1, kernel_size),
        (kernel_size, 1),
    ]
    assert receptive_field(graph).fields[-1].size == (kernel_size, kernel_size)


# Depthwise separable


def test_mobilenets_table_3():
    plain = costed("conv_bn_relu", (14, 14, 512), filters=512)
    assert plain.macs == 462_422_016  # 9 * 512 * 512 * 14 * 14, printed 462
    assert plain.trainable_params == 2_359_296 + 2 * 512  # printed 2.36
    separable = costed("depthwise_separable", (14, 14, 512), filters=512)
    assert separable.macs == 52_283_392  # (9 + 512) * 512 * 14 * 14, printed 52.3
    assert separable.trainable_params == 266_752 + 4 * 512  # printed 0.27
    thin = costed("depthwise_separable", (14, 14, 384), filters=384)
    assert thin.macs == 29_578_752  # (9 + 384) * 384 * 14 * 14, printed 29.6
    small = costed("depthwise_separable", (10, 10, 384), filters=384)
    assert small.macs == 15_091_200  # the same on 10 * 10, printed 15.1


def test_a_depthwise_separable_convolution_strides_in_its_first_half():
    graph = traced("depthwise_separable", (8, 8, 4), filters=6, kernel_size=5, strides=2)
    assert wiring(graph) == [
        "depthwise_conv2d(input_layer)",
        "batch_normalization(depthwise_conv2d)",
        "activation(batch_normalization)",
        "conv2d(activation)",
        "batch_normalization_1(conv2d)",
        "activation_1(batch_normalization_1)",
    ]
    # 5 * 5 * 4 outputs of 4 channels on 4x4, then 4 * 6 on 4x4
    assert [row.macs for row in cost(graph).layers if row.macs] == [25 * 4 * 16, 24 * 16]


def test_mobilenetv2s_cost_of_a_block():
    # Section 3.3: h * w * d' * t * (d' + k * k + d'')
    paper = costed("inverted_residual", (56, 56, 24), filters=40, expansion=6)
    assert paper.macs == 56 * 56 * 24 * 6 * (24 + 9 + 40)
    # Keras' MobileNetV2, block_2: 24 * 144 + 9 * 144 + 144 * 24, four vectors of 144, 144, 24
    block_2 = costed("inverted_residual", (56, 56, 24))
    assert block_2.params == 3_456 + 576 + 1_296 + 576 + 3_456 + 96


def test_an_inverted_residual_adds_its_input_where_the_shape_stays_and_ends_linear():
    last = "batch_normalization_2"
    assert wiring(traced("inverted_residual"))[-1] == f"add(input_layer, {last})"
    for changed in ({"strides": 2}, {"filters": 32}):
        assert wiring(traced("inverted_residual", **changed))[-1] == f"{last}(conv2d_1)"
    graph = traced("inverted_residual", expansion=1)
    assert wiring(graph)[0] == "depthwise_conv2d(input_layer)"
    assert [n.attrs for n in graph.nodes if n.op == "Activation"] == [{"activation": "relu6"}]


def test_xceptions_middle_flow():
    paper = costed("xception_block")
    # Keras' summary of Xception prints 536,536 for block5_sepconv1: 9 * 728 + 728 * 728
    assert [row.params for row in paper.layers if row.op == "SeparableConv2D"] == [536_536] * 3
    assert paper.params == 3 * (536_536 + 4 * 728)
    assert wiring(traced("xception_block", n_conv=1)) == [
        "activation(input_layer)",
        "separable_conv2d(activation)",
        "batch_normalization(separable_conv2d)",
        "add(input_layer, batch_normalization)",
    ]


# ShuffleNet V2, Tables 1 to 4: 56x56, ten blocks


@pytest.mark.parametrize(
    ("c1", "c2", "macs"),
    [
        # 20 convolutions of c1 * c2 on 56 * 56 positions
        (128, 128, 1_027_604_480),  # 16,384
        (90, 180, 1_016_064_000),  # 16,200
        (52, 312, 1_017_569_280),  # 16,224
        (36, 432, 975_421_440),  # 15,552: "equal FLOPs" is 5 % less here
    ],
)
def test_channel_widths_of_table_1(c1, c2, macs):
    paper = costed("guideline1_width", (56, 56, c1), c1=c1, c2=c2)
    assert paper.macs == macs
    assert paper.flops == 2 * macs  # nothing but convolutions
    assert paper.output_shape == (1, 56, 56, c1)
    assert [row.output_shape[3] for row in paper.layers[1:]] == [c2, c1] * 10


@pytest.mark.parametrize(("groups", "c"), [(1, 128), (2, 180), (4, 256), (8, 360)])
def test_groups_of_table_2(groups, c):
    paper = costed("guideline2_groups", (56, 56, c), filters=c, groups=groups)
    # 128 * 128 = 256 * 256 / 4 = 16,384; 180 * 180 / 2 = 360 * 360 / 8 = 16,200
    each = {1: 16_384, 2: 16_200, 4: 16_384, 8: 16_200}[groups]
    assert paper.params == 10 * each
    assert paper.flops == 2 * 10 * each * 56 * 56


def test_fragments_of_table_3():
    whole = costed("guideline3_fragments", (56, 56, 128), filters=128)
    series = costed("guideline3_fragments", (56, 56, 64), filters=64, fragments=4)
    parallel = costed("guideline3_fragments", (56, 56, 64), filters=64, fragments=4, parallel=True)
    assert whole.macs == series.macs == parallel.macs == 513_802_240  # 10 * 128 * 128 * 56 * 56
    assert parallel.elementwise == 10 * 3 * 64 * 56 * 56  # three additions for four fragments
    assert series.elementwise == 0
    joined = traced("guideline3_fragments", fragments=3, parallel=True, repeats=1)
    assert wiring(joined)[2:] == ["conv2d_2(input_layer)", "add(conv2d, conv2d_1, conv2d_2)"]
    chained = traced("guideline3_fragments", fragments=2, repeats=1)
    assert wiring(chained) == ["conv2d(input_layer)", "conv2d_1(conv2d)"]
    alone = traced("guideline3_fragments", parallel=True, repeats=2)
    assert wiring(alone) == ["conv2d(input_layer)", "conv2d_1(conv2d)"]


def test_elementwise_operations_of_table_4():
    def of(relu, shortcut):
        return costed("guideline4_elementwise", (56, 56, 32), relu=relu, shortcut=shortcut)

    both, positions = of(True, True), 56 * 56
    # 32 * 8 + 9 * 8 * 8 + 8 * 32 = 1,088
    assert both.macs == of(False, False).macs == 10 * 1_088 * positions
    assert of(False, False).elementwise == 0
    assert of(False, True).elementwise == 10 * 32 * positions
    assert of(True, False).elementwise == 10 * (8 + 8 + 32) * positions
    assert both.elementwise == 10 * (8 + 8 + 32 + 32) * positions
    assert wiring(traced("guideline4_elementwise", repeats=1)) == [
        "conv2d(input_layer)",
        "conv2d_1(conv2d)",
        "conv2d_2(conv2d_1)",
        "add(input_layer, conv2d_2)",
        "activation(add)",
    ]


# Squeeze and excitation


def test_squeeze_excite():
    graph = traced("squeeze_excite", (7, 7, 64))
    assert cost(graph).params == 512  # 64 * 4 + 4 * 64
    assert costed("squeeze_excite", (7, 7, 64), use_bias=True).params == 512 + 4 + 64
    assert wiring(graph) == [
        "global_average_pooling2d(input_layer)",
        "dense(global_average_pooling2d)",
        "dense_1(dense)",
        "multiply(input_layer, dense_1)",
    ]
    assert [node.attrs.get("activation") for node in graph.nodes[2:4]] == ["relu", "sigmoid"]


def test_se_resnet50_adds_what_the_paper_says():
    plain, excited = costed("resnet50"), costed("se_resnet50")
    # Section 4: 2 / 16 * (3 * 256**2 + 4 * 512**2 + 6 * 1024**2 + 3 * 2048**2)
    assert excited.params - plain.params == excited.macs - plain.macs == 2_514_944
    # Table 2 prints 3.86 and 3.87 GFLOPs: multiply-adds, the pooling and the scaling. These read
    # 3 * 256 * 56**2 + 4 * 512 * 28**2 + 6 * 1024 * 14**2 + 3 * 2048 * 7**2 = 5,519,360 values.
    assert printed(plain.macs / 1e9, 2) == "3.86"
    assert printed((excited.macs + 2 * 5_519_360) / 1e9, 2) == "3.87"


def test_squeeze_excite_stands_before_the_addition():
    assert wiring(traced("se_bottleneck"))[-3:] == [
        "multiply(batch_normalization_2, dense_1)",
        "add(input_layer, multiply)",
        "activation_2(add)",
    ]


# ResNets


@pytest.mark.parametrize(
    ("name", "billions"),  # ResNet, Table 1
    [("resnet18", "1.8"), ("resnet34", "3.6"), ("resnet101", "7.6"), ("resnet152", "11.3")],
)
def test_multiply_adds_of_table_1(name, billions):
    options = {"shortcut": "A"} if name == "resnet34" else {}
    assert printed(costed(name, **options).macs / 1e9, 1) == billions


@pytest.mark.parametrize(
    ("depth", "params", "millions"),
    [
        # n = 3: 432 + 6 * 2304 + 4608 + 5 * 9216 + 18432 + 5 * 36864 = 267,696 in convolutions;
        # 2 * (16 + 6 * 16 + 6 * 32 + 6 * 64) = 1,376 in batch norms; 650 in the dense layer.
        (20, 269_722, "0.27"),
        # Six convolutions more for each n: 2 * (2304 + 9216 + 36864) + 2 * 2 * 112 = 97,216
        (32, 269_722 + 2 * 97_216, "0.46"),
        (44, 269_722 + 4 * 97_216, "0.66"),
        (56, 269_722 + 6 * 97_216, "0.85"),
        (110, 269_722 + 15 * 97_216, "1.7"),
        (1202, 269_722 + 197 * 97_216, "19.4"),
    ],
)
def test_resnets_for_cifar_of_table_6(depth, params, millions):
    paper = costed("resnet_cifar", depth=depth)
    assert paper.trainable_params == params
    assert printed(params / 1e6, len(millions.split(".")[1])) == millions
    assert sum(row.op in ("Conv2D", "Dense") for row in paper.layers) == depth


def test_shortcut_options_of_resnet34():
    a, b, c = (costed("resnet34", shortcut=option) for option in "ABC")

    # The main path has one convolution of 7x7 and 32 of 3x3; each projection is one more.
    convolutions = [sum(row.op == "Conv2D" for row in paper.layers) for paper in (a, b, c)]
    assert convolutions == [33, 33 + 3, 33 + 16]
    # 64 * 128 + 128 * 256 + 256 * 512, and two vectors trained of each
    assert b.trainable_params - a.trainable_params == 172_032 + 2 * 896
    # "Thirteen" more: 3 * 64**2 + 3 * 128**2 + 5 * 256**2 + 2 * 512**2, and vectors of 2,880
    assert c.trainable_params - b.trainable_params == 913_408 + 2 * 2_880
    assert a.output_shape == b.output_shape == c.output_shape


def test_option_a_drops_positions_and_pads_channels_without_arithmetic():
    graph = traced("resnet_basic", (7, 7, 3), filters=5, strides=2, shortcut="A")
    assert wiring(graph)[5:] == [
        "max_pooling2d(input_layer)",
        "zero_padding2d(max_pooling2d)",
        "add(zero_padding2d, batch_normalization_1)",
        "activation_1(add)",
    ]
    pool, pad = graph.nodes[6:8]
    assert (pool.rule.shape, pool.rule.elementwise) == ((1, 4, 4, 3), 0)
    assert (pad.rule.shape, pad.rule.elementwise) == ((1, 4, 4, 5), 0)
    stays = traced("resnet_basic", (7, 7, 3), filters=3, shortcut="A")
    assert wiring(stays)[5] == "add(input_layer, batch_normalization_1)"


def test_resnext_has_the_weights_of_the_papers_table_1():
    unit = costed("resnext_bottleneck")
    # 256 * 128 + 9 * 128 * 128 / 32 + 128 * 256 = 70,144; ResNet's is 69,632
    assert unit.trainable_params == 70_144 + 2 * (128 + 128 + 256)
    assert unit.macs == 70_144 * 56 * 56
    whole = costed("resnext50")
    assert printed(whole.trainable_params / 1e6, 1) == "25.0"
    assert printed(whole.macs / 1e9, 1) == "4.2"


# AlexNet


def test_alexnet_2012_layer_by_layer():
    paper = costed("alexnet_2012")
    assert [(row.output_shape[1:], row.params) for row in paper.layers if row.params] == [
        ((55, 55, 96), 34_944),  # 11 * 11 * 3 * 96 + 96
        ((27, 27, 256), 307_456),  # 5 * 5 * 48 * 256 + 256
        ((13, 13, 384), 885_120),  # 3 * 3 * 256 * 384 + 384
        ((13, 13, 384), 663_936),  # 3 * 3 * 192 * 384 + 384
        ((13, 13, 256), 442_624),  # 3 * 3 * 192 * 256 + 256
        ((4096,), 37_752_832),  # 6 * 6 * 256 * 4096 + 4096
        ((4096,), 16_781_312),  # 4096 * 4096 + 4096
        ((1000,), 4_097_000),  # 4096 * 1000 + 1000
    ]
    # The paper: "60 million parameters"; MobileNet's Table 9: 720 million mult-adds, which is
    # 105,415,200 + 223,948,800 + 149,520,384 + 112,140,288 + 74,760,192 and 58,621,952 dense
    assert paper.params == 60_965_224
    assert paper.macs == 724_406_816


def test_alexnet_with_one_tower_has_the_sizes_of_torchvisions():
    pools = [row.output_shape[1:] for row in costed("alexnet").layers if row.op == "MaxPooling2D"]
    assert pools == [(27, 27, 64), (13, 13, 192), (6, 6, 256)]


# MobileNet


@pytest.mark.parametrize(
    ("alpha", "size", "millions", "params"),
    [
        # Tables 6 and 7; TF-slim prints 317 for the second, 291 for the sixth
        (1.0, 224, 569, "4.2"),
        (0.75, 224, 325, "2.6"),
        (0.5, 224, 149, "1.3"),
        (0.25, 224, 41, "0.5"),
        (1.0, 192, 418, "4.2"),
        (1.0, 160, 290, "4.2"),
        (1.0, 128, 186, "4.2"),
        (0.5, 160, 76, "1.3"),
    ],
)
def test_mobilenet_at_the_papers_widths_and_resolutions(alpha, size, millions, params):
    paper = costed("mobilenet", (size, size, 3), alpha=alpha)
    # 568.74 is printed as 569, but 290.68 as 290
    assert paper.macs / 1e6 == pytest.approx(millions, abs=0.7)
    assert printed(paper.trainable_params / 1e6, 1) == params


def test_mobilenet_is_keras_applications():
    paper = costed("mobilenet")
    assert paper.params == 4_253_864  # data/keras_applications.csv
    assert paper.params - paper.trainable_params == 21_888


def test_mobilenet_with_plain_convolutions():
    paper = costed("conv_mobilenet")
    # Table 4: 4866 million and 29.3 million; that is without the dense layer's 1,024,000
    assert printed((paper.macs - 1_024_000) / 1e6) == "4866"
    assert printed(paper.trainable_params / 1e6, 1) == "29.3"


def test_where_mobilenets_weights_are():
    """Table 2: weights without batch norm and biases."""
    layers = [row for row in costed("mobilenet").layers if row.macs]
    kernels = {"Conv 1x1": 0, "Conv DW 3x3": 0, "Conv 3x3": 0, "Fully Connected": 0}
    for place, row in enumerate(layers):
        kind = "Conv 3x3" if place == 0 else "Conv 1x1"
        kind = {"DepthwiseConv2D": "Conv DW 3x3", "Dense": "Fully Connected"}.get(row.op, kind)
        kernels[kind] += row.params - (1000 if row.op == "Dense" else 0)
    total = sum(kernels.values())
    assert {kind: printed(100 * part / total, 2) for kind, part in kernels.items()} == {
        "Conv 1x1": "74.59",
        "Conv DW 3x3": "1.06",
        "Conv 3x3": "0.02",
        "Fully Connected": "24.33",
    }


# SqueezeNet, DenseNet, ConvNeXt


def test_squeezenet_is_the_papers_table_1():
    graph = traced("squeezenet", (227, 227, 3))
    paper, rows = cost(graph), {}
    for node, row in zip(graph.nodes, paper.layers, strict=True):
        part = node.scope[1] if len(node.scope) == 2 else node.name
        weights, _ = rows.get(part, (0, None))
        rows[part] = (weights + row.params, row.output_shape[1:])
    assert list(rows.values())[:14] == [
        (0, (227, 227, 3)),
        (14_208, (111, 111, 96)),
        (0, (55, 55, 96)),
        (11_920, (55, 55, 128)),  # 96 * 16 + 16 + 16 * 64 + 64 + 9 * 16 * 64 + 64
        (12_432, (55, 55, 128)),
        (45_344, (55, 55, 256)),
        (0, (27, 27, 256)),
        (49_440, (27, 27, 256)),
        (104_880, (27, 27, 384)),
        (111_024, (27, 27, 384)),
        (188_992, (27, 27, 512)),
        (0, (13, 13, 512)),
        (197_184, (13, 13, 512)),
        (0, (13, 13, 512)),  # dropout
    ]
    assert rows["conv2d_25"] == (513_000, (13, 13, 1000))
    assert paper.params == 1_248_424


def test_squeezenet_rounds_up_at_224_as_torchvision_does():
    sizes = [r.output_shape[1] for r in costed("squeezenet").layers if r.op == "MaxPooling2D"]
    assert sizes == [54, 27, 13]


def test_a_fire_module_expands_twice():
    assert wiring(traced("fire_module")) == [
        "conv2d(input_layer)",
        "conv2d_1(conv2d)",
        "conv2d_2(conv2d)",
        "concatenate(conv2d_1, conv2d_2)",
    ]


def test_the_first_block_of_densenet_121():
    paper = costed("dense_block")
    # Keras' conv2_block1: 4 * 64, 64 * 128, 4 * 128, 9 * 128 * 32 = 45,824; each of the five
    # others reads 32 channels more: 32 * (4 + 128) = 4,224
    assert paper.params == 6 * 45_824 + 15 * 4_224
    assert paper.output_shape == (1, 56, 56, 256)  # 64 + 6 * 32
    assert wiring(traced("dense_block", n_layers=1))[-2:] == [
        "conv2d_1(activation_1)",
        "concatenate(input_layer, conv2d_1)",
    ]


def test_the_blocks_of_convnext_t_and_the_rest_of_it_have_its_parameters():
    depths = {96: 3, 192: 3, 384: 9, 768: 3}
    inside = sum(n * costed("convnext_block", (7, 7, c)).params for c, n in depths.items())
    # 4x4/4 stem and its norm; norm and 2x2/2 between the stages; last norm and dense layer
    stem, head = 4 * 4 * 3 * 96 + 96 + 2 * 96, 2 * 768 + 768 * 1000 + 1000
    between = sum(2 * c + 4 * c * 2 * c + 2 * c for c in (96, 192, 384))
    assert inside + stem + between + head == 28_589_128  # torchvision's convnext_tiny


def test_convnexts_block():
    graph = traced("convnext_block")
    assert wiring(graph) == [
        "depthwise_conv2d(input_layer)",
        "layer_normalization(depthwise_conv2d)",
        "dense(layer_normalization)",
        "dense_1(dense)",
        "depthwise_conv2d_1(dense_1)",
        "add(input_layer, depthwise_conv2d_1)",
    ]
    # 49 taps, twice 4 * 96 * 96, and the layer scale
    assert cost(graph).macs == 56 * 56 * (49 * 96 + 8 * 96 * 96 + 96)


# Options and mistakes


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("conv_stack", {"filters": [8, 64], "kernel_size": [3, 5]}),
        ("conv_factorised", {"filters": [8, 64], "kernel_size": [3, 5]}),
        ("depthwise_separable", {"filters": [8, 64], "kernel_size": [3, 5]}),
        ("guideline1_width", {"c1": [8, 64], "c2": [3, 5]}),
        ("guideline2_groups", {"filters": [8, 64]}),
        ("squeeze_excite", {"ratio": [8, 64]}),
        ("fire_module", {"squeeze": [8, 64], "expand": [3, 5]}),
        ("dense_block", {"growth_rate": [8, 64]}),
        ("convnext_block", {"expansion": [3, 5]}),
    ],
)
def test_a_block_that_does_not_branch_takes_arrays_of_sizes(name, params):
    together = costed(name, **{key: np.array(values) for key, values in params.items()})
    for place in range(2):
        alone = costed(name, **{key: values[place] for key, values in params.items()})
        assert together.params[place] == alone.params
        assert together.macs[place] == alone.macs


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("resnet_cifar", {"depth": 21}, "depth must be 6n + 2, such as 20, 56 or 110; got 21"),
        ("resnet_cifar", {"depth": 2}, "depth must be 6n + 2, such as 20, 56 or 110; got 2"),
        ("resnet_cifar", {"depth": "20"}, "depth must be 6n + 2, such as 20, 56 or 110; got '20'"),
        ("resnet_cifar", {"depth": 6008}, "n must be at most 1000; got a larger number"),
        (
            "resnet34",
            {"shortcut": "D"},
            "shortcut must be 'A' (zero padding), 'B' (projection where the channels differ) or "
            "'C' (projection always); got 'D'",
        ),
        (
            "mobilenet",
            {"alpha": float("nan")},
            "alpha must be a number above 0, such as 0.75; got nan",
        ),
        ("mobilenet", {"alpha": True}, "alpha must be a number above 0, such as 0.75; got True"),
        (
            "mobilenet",
            {"alpha": 0.01},
            "layer mobilenet/conv_bn_relu/conv2d (Conv2D): filters must be a whole number of at "
            "least 1; got 0",
        ),
        ("se_bottleneck", {"ratio": None}, "ratio must be a whole number of at least 1; got None"),
        (
            "resnext_bottleneck",
            {"groups": 3},
            "layer resnext_bottleneck/conv2d_1 (Conv2D): groups=3 must divide 128 input channels "
            "and 128 filters",
        ),
        (
            "xception_block",
            {"filters": 64},
            "layer xception_block/add (Add): inputs must have one shape; got 1x19x19x728 and "
            "1x19x19x64",
        ),
    ],
)
def test_a_bad_value_is_refused_in_one_line(name, params, message):
    with pytest.raises(ShapeError) as error:
        costed(name, **params)
    assert str(error.value) == message
