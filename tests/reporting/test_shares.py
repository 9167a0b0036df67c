"""The figure of each layer's share: what is plotted, and how the file is written."""

from dataclasses import replace

import pytest

from cnnbench import blocks
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import trace
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.reporting.analysis.figures import draw_shares, shares
from cnnbench.rule import Rule


def costed(name, *shape):
    return cost(blocks.get(name).trace(shape or None))


def titles(drawing):
    return [axes.get_title() for axes in drawing.axes]


def bars(axes):
    return [patch.get_width() for patch in axes.patches]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def names(drawing):
    return [label.get_text() for label in drawing.axes[0].get_yticklabels()]


def chain(count):
    """An input, so many ReLUs, and a 1x1 convolution with most of everything."""

    def network(x):
        for place in range(count):
            # The last two are one part of the tree.
            x = activation(x, "relu", name=f"part_{place}" if place > count - 3 else None)
        return conv2d(x, 40, 1)

    return cost(trace(network, (2, 2, 1)))


def test_each_layer_has_a_bar_in_each_panel():
    drawing = draw_shares(costed("vgg_block"))
    assert titles(drawing) == [
        "parameters: 38.7 k",
        "FLOPs: 5.08 G",
        "activations: 36.8 MiB",
    ]
    assert names(drawing) == ["input_layer", "conv2d", "conv2d_1", "max_pooling2d"]
    parameters, flops, activations = map(bars, drawing.axes)
    assert parameters == pytest.approx([0, 100 * 1792 / 38_720, 100 * 36_928 / 38_720, 0])
    assert flops == pytest.approx(
        [100 * f / 5_078_253_568 for f in (0, 234_881_024, 4_840_226_816, 3_145_728)]
    )
    # Of 3 + 64 + 64 + 64 / 4 values at each position of the input
    assert activations == pytest.approx([100 * n / 147 for n in (3, 64, 64, 16)])
    assert texts(drawing.axes[0]) == ["", "5", "95", ""]


def test_shares_are_on_one_scale_and_in_the_order_of_the_network():
    drawing = draw_shares(costed("vgg16"))
    limits = {axes.get_xlim() for axes in drawing.axes}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low == 0
    assert high > max(max(bars(axes)) for axes in drawing.axes) > 70  # the first dense layer
    bottom, top = drawing.axes[0].get_ylim()
    assert bottom > top  # the input above
    assert names(drawing)[1] == "vgg_block/conv2d"
    assert {axes.get_xlabel() for axes in drawing.axes} == {"% of all"}


def test_a_large_network_has_a_bar_a_block():
    drawing = draw_shares(costed("resnet50"))
    assert len(names(drawing)) == 25
    assert names(drawing)[7] == "resnet_bottleneck"
    # 76,288 of 25,610,152
    assert bars(drawing.axes[0])[7] == pytest.approx(100 * 76_288 / 25_610_152)
    for axes in drawing.axes:
        assert sum(bars(axes)) == pytest.approx(100)


def test_what_cannot_be_folded_is_a_profile_that_names_its_highest():
    assert len(names(draw_shares(chain(29)))) == 30  # with the part of two
    drawing = draw_shares(chain(30))
    assert [axes.get_ylabel() for axes in drawing.axes] == ["% of all"] * 3
    assert drawing.axes[-1].get_xlabel() == "layer, in the order of the network"
    for axes in drawing.axes:
        (steps,) = axes.patches
        values, edges, _ = steps.get_data()
        assert len(values) == 32
        assert list(edges) == list(range(33))
        assert sum(values) == pytest.approx(100)
        assert values[-1] == max(values)
        assert texts(axes) == ["conv2d"]
        assert axes.get_ylim()[1] > max(values)
    # 40 weights and 40 biases are all there are.
    assert drawing.axes[0].patches[0].get_data()[0][-1] == 100


def test_what_is_not_known_is_a_question_mark():
    graph = blocks.get("vgg_block").trace()
    node = graph.nodes[2]
    graph.nodes[2] = replace(
        node, uncounted="no rule", rule=Rule(node.rule.shape, weights=node.rule.weights)
    )
    drawing = draw_shares(cost(graph))
    assert titles(drawing) == [
        "parameters: 38.7 k",
        "FLOPs: >= 238 M",  # 234,881,024 + 3,145,728
        "activations: >= 36.8 MiB",
    ]
    assert texts(drawing.axes[1]) == ["", "99", "?", "1"]
    assert "?" not in texts(drawing.axes[0]) + texts(drawing.axes[2])


@pytest.mark.parametrize("count", [1, 40])
def test_a_network_with_nothing_in_it_is_drawn(count, tmp_path):
    def network(x):
        for _ in range(count):
            x = activation(x, "linear")
        return x

    costs = cost(trace(network, (2, 2, 1)))
    shares(costs, tmp_path / "nothing.png")
    assert set(texts(draw_shares(costs).axes[0])) == {""}


def test_the_name_stands_above():
    assert draw_shares(replace(chain(1), name="mine")).get_suptitle() == "mine"
    assert draw_shares(chain(1)).get_suptitle() == ""


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")],
)
def test_the_ending_says_the_format_and_the_same_costs_give_the_same_file(tmp_path, name, start):
    costs = costed("inception_module")
    shares(costs, tmp_path / name)
    first = (tmp_path / name).read_bytes()
    assert first.startswith(start)
    assert b"CreationDate" not in first
    shares(costs, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_another_ending_or_place_is_refused_in_one_line(tmp_path):
    with pytest.raises(CnnbenchError, match=r"must end in \.png, \.svg, \.pdf; got 'a\.jpg'"):
        shares(chain(1), tmp_path / "a.jpg")
    with pytest.raises(CnnbenchError, match=r"cannot write the figure .*: there is no folder"):
        shares(chain(1), tmp_path / "no" / "a.png")
    assert list(tmp_path.iterdir()) == []
