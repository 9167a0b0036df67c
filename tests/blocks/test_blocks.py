"""BLOCK: the catalogue against the tutorials' numbers and the papers'."""

import csv

import pytest

from cnnbench import blocks
from cnnbench.cost import cost
from cnnbench.errors import ShapeError, UnknownNameError
from cnnbench.graph import trace
from tests.support import DATA

DATA = DATA


def published(name):
    with open(DATA / f"{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def costed(name, input_shape=None, **params):
    return cost(blocks.get(name).trace(input_shape, **params))


def table(paper):
    """Name, output shape without the batch, and parameters of each layer after the input."""
    return [(row.name, row.output_shape[1:], row.params) for row in paper.layers[1:]]


def conv_and_dense_macs(paper):
    return sum(row.macs for row in paper.layers if row.op in ("Conv2D", "Dense"))


# The tutorial's blocks, as its listings print them


def test_every_entry_is_a_function_of_the_package_though_its_file_has_the_same_name():
    for name, entry in blocks.catalogue().items():
        assert getattr(blocks, name) is entry.function


def test_vgg_block():
    paper = costed("vgg_block", (256, 256, 3), n_filters=64, n_conv=2)
    assert table(paper) == [
        ("conv2d", (256, 256, 64), 1_792),  # 3 * 3 * 3 * 64 + 64
        ("conv2d_1", (256, 256, 64), 36_928),  # 3 * 3 * 64 * 64 + 64
        ("max_pooling2d", (128, 128, 64), 0),
    ]
    assert paper.params == 38_720
    assert paper.output_shape == (1, 128, 128, 64)


def test_three_vgg_blocks():
    paper = costed("vgg_three_blocks", (256, 256, 3))
    assert table(paper) == [
        ("conv2d", (256, 256, 64), 1_792),
        ("conv2d_1", (256, 256, 64), 36_928),
        ("max_pooling2d", (128, 128, 64), 0),
        ("conv2d_2", (128, 128, 128), 73_856),  # 9 * 64 * 128 + 128
        ("conv2d_3", (128, 128, 128), 147_584),  # 9 * 128 * 128 + 128
        ("max_pooling2d_1", (64, 64, 128), 0),
        ("conv2d_4", (64, 64, 256), 295_168),  # 9 * 128 * 256 + 256
        ("conv2d_5", (64, 64, 256), 590_080),  # 9 * 256 * 256 + 256
        ("conv2d_6", (64, 64, 256), 590_080),
        ("conv2d_7", (64, 64, 256), 590_080),
        ("max_pooling2d_2", (32, 32, 256), 0),
    ]
    assert paper.params == 2_325_568
    assert paper.output_shape == (1, 32, 32, 256)


def test_naive_inception_module():
    paper = costed("naive_inception_module", (256, 256, 3), f1=64, f2=128, f3=32)
    assert table(paper) == [
        ("conv2d", (256, 256, 64), 256),  # 3 * 64 + 64
        ("conv2d_1", (256, 256, 128), 3_584),  # 9 * 3 * 128 + 128
        ("conv2d_2", (256, 256, 32), 2_432),  # 25 * 3 * 32 + 32
        ("max_pooling2d", (256, 256, 3), 0),
        ("concatenate", (256, 256, 227), 0),  # 64 + 128 + 32 + 3
    ]
    assert paper.params == 6_272


def test_inception_module():
    paper = costed(
        "inception_module",
        (256, 256, 3),
        f1=64,
        f2_in=96,
        f2_out=128,
        f3_in=16,
        f3_out=32,
        f4_out=32,
    )
    assert table(paper) == [
        ("conv2d", (256, 256, 64), 256),  # 3 * 64 + 64
        ("conv2d_1", (256, 256, 96), 384),  # 3 * 96 + 96
        ("conv2d_2", (256, 256, 128), 110_720),  # 9 * 96 * 128 + 128
        ("conv2d_3", (256, 256, 16), 64),  # 3 * 16 + 16
        ("conv2d_4", (256, 256, 32), 12_832),  # 25 * 16 * 32 + 32
        ("max_pooling2d", (256, 256, 3), 0),
        ("conv2d_5", (256, 256, 32), 128),  # 3 * 32 + 32
        ("concatenate", (256, 256, 256), 0),  # 64 + 128 + 32 + 32
    ]
    assert paper.params == 124_384


def test_the_branches_of_an_inception_module_are_wired_as_in_the_papers_figure():
    graph = blocks.get("inception_module").trace()
    kernels = {
        node.name: (node.attrs["kernel_size"], graph.nodes[node.inputs[0]].name)
        for node in graph.nodes
        if node.op == "Conv2D"
    }
    assert kernels == {
        "conv2d": ((1, 1), "input_layer"),
        "conv2d_1": ((1, 1), "input_layer"),
        "conv2d_2": ((3, 3), "conv2d_1"),
        "conv2d_3": ((1, 1), "input_layer"),
        "conv2d_4": ((5, 5), "conv2d_3"),
        "conv2d_5": ((1, 1), "max_pooling2d"),
    }
    assert [graph.nodes[i].name for i in graph.nodes[-1].inputs] == [
        "conv2d",
        "conv2d_2",
        "conv2d_4",
        "conv2d_5",
    ]


@pytest.mark.parametrize(
    ("name", "into_add"),
    [
        ("residual_module", ["conv2d_1", "conv2d_2"]),
        ("residual_bottleneck", ["conv2d_2", "input_layer"]),
        ("resnet_basic", ["input_layer", "batch_normalization_1"]),
        ("resnet_bottleneck", ["input_layer", "batch_normalization_2"]),
        ("identity_block", ["batch_normalization_2", "input_layer"]),
        ("convolutional_block", ["batch_normalization_2", "batch_normalization_3"]),
    ],
)
def test_a_residual_block_adds_its_shortcut_and_ends_in_relu(name, into_add):
    graph = blocks.get(name).trace()
    *_, addition, last = graph.nodes
    assert [graph.nodes[index].name for index in addition.inputs] == into_add
    assert (addition.op, last.op, last.attrs) == ("Add", "Activation", {"activation": "relu"})


def test_two_inception_modules():
    paper = costed("inception_two_modules", (256, 256, 3))
    assert table(paper)[:8] == table(costed("inception_module", (256, 256, 3)))
    assert table(paper)[8:] == [
        ("conv2d_6", (256, 256, 128), 32_896),  # 256 * 128 + 128
        ("conv2d_7", (256, 256, 128), 32_896),
        ("conv2d_8", (256, 256, 192), 221_376),  # 9 * 128 * 192 + 192
        ("conv2d_9", (256, 256, 32), 8_224),  # 256 * 32 + 32
        ("conv2d_10", (256, 256, 96), 76_896),  # 25 * 32 * 96 + 96
        ("max_pooling2d_1", (256, 256, 256), 0),
        ("conv2d_11", (256, 256, 64), 16_448),  # 256 * 64 + 64
        ("concatenate_1", (256, 256, 480), 0),  # 128 + 192 + 96 + 64
    ]
    assert paper.params == 513_120


def test_the_reduction_costs_parameters_on_3_channels_and_saves_them_on_192():
    assert costed("naive_inception_module", (28, 28, 3)).params == 6_272
    assert costed("inception_module", (28, 28, 3)).params == 124_384
    assert costed("naive_inception_module", (28, 28, 192)).params == 387_296
    assert costed("inception_module", (28, 28, 192)).params == 163_696


def test_residual_module():
    paper = costed("residual_module", (256, 256, 3), n_filters=64)
    assert table(paper) == [
        ("conv2d", (256, 256, 64), 1_792),
        ("conv2d_1", (256, 256, 64), 36_928),
        ("conv2d_2", (256, 256, 64), 256),  # the projection: 3 * 64 + 64
        ("add", (256, 256, 64), 0),
        ("activation", (256, 256, 64), 0),
    ]
    assert paper.params == 38_976


def test_the_second_tutorials_resnet50():
    paper = costed("resnet50_tutorial")
    assert paper.params == 23_600_006
    assert paper.trainable_params == 23_546_886  # less two moving vectors per normalisation
    assert paper.output_shape == (1, 6)
    assert table(paper)[:19] == [
        ("zero_padding2d", (70, 70, 3), 0),
        ("conv1", (32, 32, 64), 9_472),  # 7 * 7 * 3 * 64 + 64
        ("bn_conv1", (32, 32, 64), 256),  # 4 * 64
        ("activation", (32, 32, 64), 0),
        ("max_pooling2d", (15, 15, 64), 0),
        ("res2a_branch2a", (8, 8, 64), 4_160),  # 64 * 64 + 64, s=2
        ("bn2a_branch2a", (8, 8, 64), 256),
        ("activation_1", (8, 8, 64), 0),
        ("res2a_branch2b", (8, 8, 64), 36_928),  # 9 * 64 * 64 + 64
        ("bn2a_branch2b", (8, 8, 64), 256),
        ("activation_2", (8, 8, 64), 0),
        ("res2a_branch2c", (8, 8, 256), 16_640),  # 64 * 256 + 256
        ("bn2a_branch2c", (8, 8, 256), 1_024),
        ("res2a_branch1", (8, 8, 256), 16_640),
        ("bn2a_branch1", (8, 8, 256), 1_024),
        ("add", (8, 8, 256), 0),
        ("activation_3", (8, 8, 256), 0),
        ("res2b_branch2a", (8, 8, 64), 16_448),  # 256 * 64 + 64
        ("bn2b_branch2a", (8, 8, 64), 256),
    ]
    assert table(paper)[-4:] == [
        ("activation_48", (1, 1, 2048), 0),
        ("average_pooling2d", (1, 1, 2048), 0),
        ("flatten", (2048,), 0),
        ("fc6", (6,), 12_294),  # 2048 * 6 + 6
    ]
    assert {row.name[:5] for row in paper.layers if row.name.startswith("res")} == {
        f"res{stage}{letter}"
        for stage, letters in (("2", "abc"), ("3", "abcd"), ("4", "abcdef"), ("5", "abc"))
        for letter in letters
    }


def test_the_second_tutorials_resnet50_pools_by_two_at_larger_inputs():
    # 128: padded 134, 64 after the stem, 31 after pooling, then 16, 8, 4, 2, averaged to 1
    paper = costed("resnet50_tutorial", (128, 128, 3))
    assert table(paper)[-4:-1] == [
        ("activation_48", (2, 2, 2048), 0),
        ("average_pooling2d", (1, 1, 2048), 0),
        ("flatten", (2048,), 0),
    ]
    assert paper.params == 23_600_006


# Residual shortcuts


def test_option_a_adds_no_parameters_to_the_plain_path():
    # 9 * 3 * 64 + 64 and 9 * 64 * 64 + 64, the two convolutions alone
    paper = costed("residual_module", (8, 8, 3), n_filters=64, shortcut="A")
    assert paper.params == 1_792 + 36_928
    assert "ZeroPadding2D" in [row.op for row in paper.layers]


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_where_the_channels_agree_the_shortcut_is_the_identity(shortcut):
    paper = costed("residual_module", (8, 8, 64), n_filters=64, shortcut=shortcut)
    assert [row.op for row in paper.layers[1:]] == ["Conv2D", "Conv2D", "Add", "Activation"]


def test_option_c_projects_where_the_channels_agree_too():
    identity = costed("residual_module", (8, 8, 64), n_filters=64, shortcut="B")
    projected = costed("residual_module", (8, 8, 64), n_filters=64, shortcut="C")
    assert projected.params - identity.params == 64 * 64 + 64
    differ = [costed("residual_module", (8, 8, 3), shortcut=option) for option in "BC"]
    assert differ[0] == differ[1]


def test_option_a_cannot_drop_channels():
    with pytest.raises(ShapeError, match="cannot pad 128 channels down to 64"):
        costed("residual_module", (8, 8, 128), n_filters=64, shortcut="A")


def test_the_bottleneck_on_256_channels():
    paper = costed("residual_bottleneck", (56, 56, 256), n_filters=64)
    # 256 * 64 + 9 * 64 * 64 + 64 * 256 weights, and a bias for each of 64 + 64 + 256 filters
    assert paper.params == 69_632 + 384
    # The same weights without biases, and four vectors of 64, 64 and 256 channels
    normed = costed("resnet_bottleneck", (56, 56, 256), filters=64)
    assert normed.params == 69_632 + 4 * 384
    assert normed.trainable_params == 69_632 + 2 * 384
    # MACs are weights times positions
    assert paper.macs == normed.macs == 69_632 * 56 * 56 == 218_365_952


def test_the_bottleneck_costs_about_as_much_as_two_3x3_on_64_channels():
    # The paper's Figure 5: both "have similar time complexity".
    basic = costed("resnet_basic", (56, 56, 64), filters=64)
    assert basic.trainable_params == 73_728 + 4 * 64  # 2 * 9 * 64 * 64
    assert basic.macs == 73_728 * 56 * 56


# Whole networks against what others publish


@pytest.mark.parametrize(
    ("name", "params"),
    [("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032)],
)
def test_resnets_have_torchvisions_parameters(name, params):
    assert costed(name).trainable_params == params
    (row,) = (row for row in published("torchvision") if row["model"] == name)
    assert int(row["num_params"]) == params


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("resnet18", {}, 1.814),
        ("resnet34", {}, 3.664),
        ("resnet50", {"version": "v1.5"}, 4.089),
        ("vgg16", {}, 15.470),
        ("vgg19", {}, 19.632),
    ],
)
def test_convolutions_and_dense_layers_cost_torchvisions_macs(name, params, macs):
    assert conv_and_dense_macs(costed(name, **params)) / 1e9 == pytest.approx(macs, abs=5e-4)
    (row,) = (row for row in published("torchvision") if row["model"] == name)
    assert float(row["ops_gmacs"]) == macs


def test_resnet50_exactly_with_both_placements_of_the_stride():
    assert conv_and_dense_macs(costed("resnet50")) == 3_857_973_248
    assert conv_and_dense_macs(costed("resnet50", version="v1.5")) == 4_089_184_256
    assert costed("resnet50", version="v1.5").params == costed("resnet50").params


def test_resnet50_with_biases_is_keras_applications():
    assert costed("resnet50", use_bias=True).params == 25_636_712
    (row,) = (row for row in published("keras_applications") if row["model"] == "ResNet50")
    assert int(row["params_exact_2021"]) == 25_636_712
    # 26,560 biases and 53,120 moving statistics more than torchvision counts
    assert 25_636_712 - 25_557_032 == 26_560 + 53_120


@pytest.mark.parametrize(("name", "params"), [("vgg16", 138_357_544), ("vgg19", 143_667_240)])
def test_vggs_have_everybodys_parameters(name, params):
    assert costed(name).params == params
    by_model = {row["model"].lower(): row for row in published("keras_applications")}
    assert int(by_model[name]["params_exact_2021"]) == params
    (row,) = (row for row in published("torchvision") if row["model"] == name)
    assert int(row["num_params"]) == params


# GoogLeNet, Table 1

PRINTED_WRONGLY = {
    ("convolution 7x7/2", "params"),
    ("convolution 7x7/2", "ops"),
    ("inception (4c)", "params"),
    ("inception (5a)", "params"),
    ("inception (5a)", "ops"),
}
"""Cells of the table that contradict its own filter columns; see data/README.md."""


def googlenet_rows():
    """Row name -> (K of 1024 weights without biases, 1e6 MACs, output), from our graph."""
    graph = blocks.get("googlenet").trace()
    paper = cost(graph)
    found = {}
    modules = iter(["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"])
    names = {"conv2d": "convolution 7x7/2", "conv2d_1": "convolution 3x3/1"}
    names |= {"conv2d_2": "convolution 3x3/1", "dense": "linear"}
    scopes = {}
    for node, row in zip(graph.nodes, paper.layers, strict=True):
        if len(node.scope) == 2:
            if node.scope not in scopes:
                scopes[node.scope] = f"inception ({next(modules)})"
            name = scopes[node.scope]
        elif node.name in names:
            name = names[node.name]
        else:
            continue
        weights = row.params - sum(w.shape[0] for w in node.rule.weights if w.name == "bias")
        before, work, _ = found.get(name, (0, 0, None))
        found[name] = (before + weights, work + row.macs, row.output_shape[1:])
    assert next(modules, None) is None
    return {name: (w / 1024, macs / 1e6, out) for name, (w, macs, out) in found.items()}


def number(cell):
    return float(cell[:-1])  # 2.7K, 34M


def test_googlenets_modules_agree_with_the_paper_but_where_it_contradicts_itself():
    ours = googlenet_rows()
    rows = published("googlenet_table1")
    assert len(rows) == len(ours) == 12
    wrong = set()
    for row in rows:
        name = f"{row['type']} {row['patch_size_stride']}".strip()
        weights, macs, _ = ours[name]
        for column, value in (("params", weights), ("ops", macs)):
            printed = number(row[column])
            # Within 2 %, or half of the last digit that is printed ("1M").
            if abs(value - printed) > max(0.02 * printed, 0.5):
                wrong.add((name, column))
    assert wrong == PRINTED_WRONGLY


def test_where_the_paper_contradicts_itself_we_follow_its_filters():
    ours = googlenet_rows()
    weights, macs, _ = ours["convolution 7x7/2"]
    assert weights * 1024 == 7 * 7 * 3 * 64  # printed: 2.7K, which is (7 + 7) * 3 * 64 / 1024
    assert macs == pytest.approx(118.0, abs=0.05)  # printed: 34
    assert ours["inception (4c)"][0] == pytest.approx(497.5, abs=0.05)  # printed: 463
    assert ours["inception (4c)"][1] == pytest.approx(100, abs=2)  # agrees
    assert ours["inception (5a)"][0] == pytest.approx(1018.0, abs=0.05)  # printed: 1072
    assert ours["inception (5a)"][1] == pytest.approx(51.08, abs=0.01)  # printed: 54


def test_googlenets_modules_have_the_papers_output_sizes():
    ours = googlenet_rows()
    for row in published("googlenet_table1"):
        if row["type"] != "linear":
            name = f"{row['type']} {row['patch_size_stride']}".strip()
            assert "x".join(map(str, ours[name][2])) == row["output_size"]


def test_googlenets_filters_are_the_papers():
    from cnnbench.blocks.inception import GOOGLENET

    columns = ("n1x1", "n3x3_reduce", "n3x3", "n5x5_reduce", "n5x5", "pool_proj")
    rows = [row for row in published("googlenet_table1") if row["type"].startswith("inception")]
    assert [tuple(int(row[c]) for c in columns) for row in rows] == [
        filters for modules in GOOGLENET.values() for filters in modules
    ]


# Options and mistakes


def test_named_stages_name_layers_as_the_tutorial_does():
    graph = blocks.get("convolutional_block").trace(stage=2, block="a")
    assert [node.name for node in graph.nodes if node.op == "Conv2D"] == [
        "res2a_branch2a",
        "res2a_branch2b",
        "res2a_branch2c",
        "res2a_branch1",
    ]
    graph = blocks.get("identity_block").trace(stage=3, block="b")
    assert [node.name for node in graph.nodes if node.op == "BatchNormalization"] == [
        "bn3b_branch2a",
        "bn3b_branch2b",
        "bn3b_branch2c",
    ]
    graph = blocks.get("identity_block").trace()
    assert graph.nodes[1].name == "conv2d"


def test_layers_carry_the_block_they_belong_to():
    graph = blocks.get("vgg_three_blocks").trace()
    assert [node.scope for node in graph.nodes if node.op == "MaxPooling2D"] == [
        ("vgg_three_blocks", "vgg_block"),
        ("vgg_three_blocks", "vgg_block_1"),
        ("vgg_three_blocks", "vgg_block_2"),
    ]


@pytest.mark.parametrize("entry", blocks.catalogue().values(), ids=lambda entry: entry.name)
def test_every_entry_describes_itself_and_traces_at_its_defaults(entry):
    assert entry.summary.endswith(".")
    assert len(entry.summary) <= 100
    graph = entry.trace()
    assert graph.nodes[0].rule.shape == (1, *entry.input_shape)
    assert len(graph.nodes) > 1
    explicit = entry.trace(**entry.params)
    assert [n.rule for n in explicit.nodes] == [n.rule for n in graph.nodes]


def test_a_block_works_on_its_own_function_too():
    """What a person imports is what the catalogue lists."""
    from cnnbench.blocks.vgg import vgg_block

    assert cost(trace(vgg_block, (256, 256, 3), n_filters=64, n_conv=2)).params == 38_720


@pytest.mark.parametrize(
    ("name", "shape", "params", "message"),
    [
        (
            "vgg_block",
            None,
            {"n_filters": 0},
            "layer vgg_block/conv2d (Conv2D): filters must be a whole number of at least 1; got 0",
        ),
        ("vgg_block", None, {"n_conv": 0}, "n_conv must be a whole number of at least 1; got 0"),
        (
            "vgg_block",
            None,
            {"n_conv": True},
            "n_conv must be a whole number of at least 1; got True",
        ),
        (
            "inception_two_modules",
            (0, 8, 3),
            {},
            "batch and input sizes must be positive whole numbers; got batch 1 and input 0x8x3",
        ),
        (
            "naive_inception_module",
            None,
            {"f3": -1},
            "layer naive_inception_module/conv2d_2 (Conv2D): filters must be a whole number of "
            "at least 1; got -1",
        ),
        (
            "residual_module",
            None,
            {"shortcut": "D"},
            "shortcut must be 'A' (zero padding), 'B' (projection where the channels differ) or "
            "'C' (projection always); got 'D'",
        ),
        (
            "residual_bottleneck",
            None,
            {"expansion": None},
            "expansion must be a whole number of at least 1; got None",
        ),
        (
            "identity_block",
            (8, 8, 64),
            {},
            "layer identity_block/add (Add): inputs must have one shape; got 1x8x8x256 and "
            "1x8x8x64",
        ),
        (
            "identity_block",
            None,
            {"filters": (64, 256)},
            "filters must be three numbers, one per convolution; got (64, 256)",
        ),
        (
            "identity_block",
            None,
            {"filters": 64},
            "filters must be three numbers, one per convolution; got 64",
        ),
        (
            "convolutional_block",
            None,
            {"s": 0},
            "layer convolutional_block/conv2d (Conv2D): strides must be a whole number of at "
            "least 1; got 0",
        ),
        (
            "resnet_bottleneck",
            None,
            {"version": "v2"},
            "version must be 'v1' or 'v1.5'; got 'v2'",
        ),
        (
            "resnet50_tutorial",
            (2, 2, 3),
            {},
            "layer resnet50_tutorial/max_pooling2d (MaxPooling2D): a window of 3 does not fit "
            "into 1x1 with padding 'valid'; give a larger input",
        ),
        (
            "resnet18",
            None,
            {"classes": 0},
            "layer resnet18/dense (Dense): units must be a whole number of at least 1; got 0",
        ),
        (
            "vgg16",
            (16, 16, 3),
            {},
            "layer vgg16/vgg_block_4/max_pooling2d_4 (MaxPooling2D): a window of 2 does not fit "
            "into 1x1 with padding 'valid'; give a larger input",
        ),
    ],
)
def test_a_bad_value_is_refused_with_the_layer_and_what_came(name, shape, params, message):
    with pytest.raises(ShapeError) as error:
        costed(name, shape, **params)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "vgg_blok",
            "unknown block or model 'vgg_blok'; did you mean vgg_block or vgg_three_blocks or "
            "convnext_block? "
            "(see cnnbench list)",
        ),
        (
            "ResNet50",
            "unknown block or model 'ResNet50'; did you mean resnet50 or resnext50 or se_resnet50? "
            "(see cnnbench list)",
        ),
    ],
)
def test_an_unknown_entry_is_refused_with_the_nearest(name, message):
    with pytest.raises(UnknownNameError) as error:
        blocks.get(name)
    assert str(error.value) == message


def test_a_name_that_resembles_none_is_refused_with_where_to_look():
    with pytest.raises(UnknownNameError) as error:
        blocks.get("zzz")
    assert str(error.value) == (
        f"unknown block or model 'zzz'; none of the {len(blocks.catalogue())} known is like it "
        "(see cnnbench list)"
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_filter": 3}, "unknown parameter of vgg_block 'n_filter'; did you mean n_filters?"),
        ({"zzz": 3}, "unknown parameter of vgg_block 'zzz'; known: n_conv, n_filters"),
    ],
)
def test_an_unknown_parameter_is_refused_with_the_nearest(params, message):
    with pytest.raises(UnknownNameError) as error:
        costed("vgg_block", **params)
    assert str(error.value) == message


def test_a_second_entry_of_a_name_is_refused():
    before = blocks.get("vgg_block")
    with pytest.raises(ValueError, match="two catalogue entries named vgg_block"):

        @blocks.block(input_shape=(8, 8, 3))
        def vgg_block(x):
            return x

    assert blocks.get("vgg_block") is before
