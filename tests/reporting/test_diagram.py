"""The architecture of a network as a picture."""

from itertools import combinations, pairwise

import pytest

import cnnbench
from cnnbench import blocks
from cnnbench.analysis.wiring import runs
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import trace
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.merge import add
from cnnbench.layers.norm import batch_normalization
from cnnbench.networks.applications import SIZES
from cnnbench.reporting.analysis import diagram
from cnnbench.reporting.analysis.boxes import boxes, edges_of, of_graph
from cnnbench.reporting.analysis.layered import layout

CONVNEXT = [f"convnext_small_stage_{stage}_block_0" for stage in range(4)]


def network(name, *shape):
    return of_graph(blocks.get(name).trace(shape or None))


def said(found):
    return [box.texts for box in found]


def arrows(one):
    """The pairs of boxes with an arrow, by the first line of each."""
    found = boxes(one)
    return {(found[a].texts[0], found[b].texts[0]) for a, b in edges_of(one, found)}


def drawn(*networks):
    figure = diagram.readable(networks)()
    (axes,) = figure.axes
    return {text.get_text(): text.get_position() for text in axes.texts}


def test_a_layer_is_a_box_with_its_window_and_arguments():
    naive = network("naive_inception_module", 28, 28, 192)
    assert said(boxes(naive)) == [
        ("input",),
        ("Conv2D 1x1", "64, relu"),
        ("Conv2D 3x3", "128, relu"),
        ("Conv2D 5x5", "32, relu"),
        ("MaxPooling2D 3x3",),
        ("Concatenate",),
    ]
    middle = ("Conv2D 1x1", "Conv2D 3x3", "Conv2D 5x5", "MaxPooling2D 3x3")
    assert arrows(naive) == {("input", x) for x in middle} | {(x, "Concatenate") for x in middle}


def test_what_only_changes_values_stands_in_the_box_before_unless_something_else_reads_that():
    def block(x, shared):
        y = conv2d(x, 4, 3, 2, "same", name="a")
        z = activation(batch_normalization(y), "relu")
        return add([z, y]) if shared else z

    alone = boxes(of_graph(trace(block, (8, 8, 4), shared=False)))
    assert said(alone) == [("input",), ("Conv2D 3x3", "stride 2, 4, batch norm,", "relu")]
    apart = boxes(of_graph(trace(block, (8, 8, 4), shared=True)))
    assert said(apart)[1:] == [
        ("Conv2D 3x3", "stride 2, 4"),
        ("BatchNormalization", "relu"),
        ("Add",),
    ]


def test_blocks_of_a_large_network_are_boxes_and_alike_ones_a_pile():
    resnet = network("resnet50")
    found = boxes(resnet)
    # ResNet-50 has 3, 4, 6 and 3 bottlenecks, of which the first of each stage has a projection.
    piles = [box for box in found if box.alike is not None]
    assert [box.times for box in piles] == [1, 2, 1, 3, 1, 5, 1, 2]
    assert [box.shape[-1] for box in piles] == [256, 256, 512, 512, 1024, 1024, 2048, 2048]
    # 3x3x64x64 + 2 x 64x256 weights, and 4 x (64 + 64 + 256) of batch norm, twice: 142,...
    assert piles[1].lines == ("10 layers each", "142 k parameters in all")
    places = sorted(place for box in found for place in box.members)
    assert places == list(range(len(resnet.cost.layers)))


def test_blocks_that_differ_or_have_a_side_way_are_not_piled():
    def stage(x, side, widths):
        outs = [x]
        for k, width in enumerate(widths):
            y = conv2d(outs[-1], width, 3, padding="same", name=f"part{k}/a")
            outs.append(conv2d(y, 4, 3, padding="same", name=f"part{k}/b"))
        return add([outs[1], outs[-1]]) if side else outs[-1]

    def times(side, widths):
        found = boxes(of_graph(trace(stage, (8, 8, 4), side=side, widths=widths)), depth=1)
        return [box.times for box in found if box.alike is not None]

    assert times(False, (4, 4, 4)) == [3]
    assert times(False, (4, 5, 4)) == [1, 1, 1]
    assert times(True, (4, 4, 4)) == [1, 2]  # the first is also read by the sum


def test_layers_are_cut_where_few_tensors_pass():
    # 0 - 1 - 2 - 4 - 5, with 3 beside 2; between 1 and 4 two tensors pass.
    inputs = [(), (0,), (1,), (1,), (2, 3), (4,)]
    assert [list(run) for run in runs(inputs, 1)] == [[0], [1], [2, 3, 4], [5]]
    assert [list(run) for run in runs(inputs, 2)] == [[0], [1], [2], [3], [4], [5]]
    # As in NASNet each reads the two before it: nothing can be cut where one tensor passes.
    assert len(runs([(), (0,), (0, 1), (1, 2), (2, 3)], 1)) == 2
    assert len(runs([(), (0,), (0, 1), (1, 2), (2, 3)], 2)) == 5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Of each block how many alike follow each other, as the papers have them.
        ("InceptionV3", {f"mixed{k}": 1 for k in (0, 1, 2, 3, 4, 7, 8, 9, 10)} | {"mixed5": 2}),
        ("InceptionResNetV2", {"block35_1": 10, "block17_1": 20, "block8_1": 9, "block8_10": 1}),
        ("NASNetMobile", {f"normal_concat_{k}": 1 for k in range(13) if k != 4}),
        ("ConvNeXtSmall", dict(zip(CONVNEXT, (3, 3, 27, 3), strict=True))),
        ("Xception", {"block2": 1, "block3": 1, "block4": 1, "block5": 8, "block13": 1}),
    ],
)
def test_layers_without_names_of_blocks_are_folded_between_tensors_that_pass_alone(name, expected):
    one = of_graph(cnnbench.trace(name))
    found = boxes(one)
    assert len(found) <= 24
    assert {box.name: box.times for box in found if box.name in expected} == expected
    assert sorted(place for box in found for place in box.members) == [
        *range(len(one.wiring.words))
    ]


@pytest.mark.parametrize("name", SIZES)
def test_every_application_has_few_boxes_and_arrows_to_later_ones(name):
    one = of_graph(cnnbench.trace(name))
    found = boxes(one)
    assert 10 <= len(found) <= 36
    assert sorted(place for box in found for place in box.members) == [
        *range(len(one.wiring.words))
    ]
    edges = edges_of(one, found)
    assert all(a < b for a, b in edges)
    assert {b for _, b in edges} == {*range(1, len(found))}
    assert {a for a, _ in edges} == {*range(len(found) - 1)}


def test_blocks_that_read_each_other_are_one_box():
    def woven(x):
        a = conv2d(x, 4, 3, padding="same", name="left_1")
        b = conv2d(a, 4, 3, padding="same", name="right_1")
        c = conv2d(b, 4, 3, padding="same", name="left_2")
        return conv2d(c, 4, 3, padding="same", name="right_2")

    one = of_graph(trace(woven, (8, 8, 4)))
    assert [(box.name, box.members) for box in boxes(one, depth=1)] == [
        ("input", (0,)),
        ("left", (1, 2, 3, 4)),
    ]


@pytest.mark.parametrize(
    "name", ["inception_two_modules", "googlenet", "residual_module", "dense_block", "alexnet_2012"]
)
def test_boxes_do_not_overlap_and_arrows_go_down_from_box_to_box(name):
    one = network(name)
    found = boxes(one)
    edges = edges_of(one, found)
    sizes = [diagram.size_of(box) for box in found]
    places = layout(sizes, edges, 0.16, 0.5)
    assert places.ways.keys() == edges.keys()
    for (a, (ax, ay)), (b, (bx, by)) in combinations(enumerate(places.centres), 2):
        beside = abs(ax - bx) >= (sizes[a][0] + sizes[b][0]) / 2 + 0.16 - 1e-9
        below = abs(ay - by) >= (sizes[a][1] + sizes[b][1]) / 2 + 0.5 - 1e-9
        assert beside or below
    for (a, b), way in places.ways.items():
        assert all(y < to_y for (_, y), (_, to_y) in pairwise(way))
        (ax, ay), (bx, by) = places.centres[a], places.centres[b]
        assert way[0] == pytest.approx((ax, ay + sizes[a][1] / 2))
        assert way[-1] == pytest.approx((bx, by - sizes[b][1] / 2))
        # Where it passes a layer, it passes beside the boxes.
        for (x, y), (to_x, to_y) in pairwise(way):
            if x == to_x and len(way) > 2:
                inside = [
                    k
                    for k, (cx, cy) in enumerate(places.centres)
                    if k not in (a, b) and y <= cy <= to_y and abs(cx - x) < sizes[k][0] / 2
                ]
                assert not inside
    assert (
        min(x - width / 2 for (x, _), (width, _) in zip(places.centres, sizes, strict=True))
        >= -1e-9
    )


def test_an_order_without_crossings_is_found():
    # Two chains side by side, their middle layers named the other way round.
    edges = [(0, 2), (1, 3), (2, 5), (3, 4), (4, 6), (5, 6)]
    places = layout([(1.0, 0.3)] * 7, edges, 0.1, 0.4).centres
    assert (places[2][0] < places[3][0]) == (places[5][0] < places[4][0])


def test_two_networks_stand_side_by_side_with_shapes_below_their_boxes():
    naive = network("naive_inception_module", 28, 28, 192)
    reduced = network("inception_module", 28, 28, 192)
    texts = drawn(naive, reduced)
    assert "387 k parameters, 608 MFLOPs" in texts
    assert "164 k parameters, 258 MFLOPs" in texts
    assert texts["28x28x416"][0] < texts["28x28x256"][0]
    assert {"28x28x96", "28x28x16", "28x28x128", "28x28x32"} <= texts.keys()
    assert diagram.readable([naive]) is None


def many(x, count):
    for _ in range(count):
        x = conv2d(x, 4, 1)
    return x


def test_what_cannot_be_read_is_refused_with_what_to_do(tmp_path):
    graph = trace(many, (8, 8, 4), count=60)
    one = of_graph(graph)
    with pytest.raises(CnnbenchError, match=r"would need 61 boxes.*more than 60.*--format mermaid"):
        diagram.write([graph], tmp_path / "a.svg")
    assert not (tmp_path / "a.svg").exists()
    assert diagram.readable([one, one]) is None
    resnet = network("resnet50")
    with pytest.raises(CnnbenchError, match=r"75 boxes.*give a smaller --depth"):
        boxes(resnet, depth=2)
    assert boxes(resnet, depth=1) == boxes(resnet)
    long = of_graph(trace(many, (8, 8, 4), count=40))  # without blocks, but it can be read
    assert len(boxes(long)) == 41


def test_an_uncounted_layer_is_drawn_and_the_sum_is_a_lower_bound():
    graph = blocks.get("vgg_block").trace((8, 8, 3))
    from dataclasses import replace

    graph.nodes[1] = replace(graph.nodes[1], uncounted="no rule")
    assert cost(graph).uncounted
    assert any(text.startswith("38.7 k parameters, >= ") for text in drawn(*[of_graph(graph)] * 2))


def test_from_python_one_network_or_two_into_each_kind_of_file(tmp_path):
    pair = ["naive_inception_module", "inception_module"]
    for name, start in (("a.svg", b"<?xml"), ("a.pdf", b"%PDF"), ("a.png", b"\x89PNG")):
        file = cnnbench.diagram(pair, tmp_path / name, (28, 28, 192))
        assert file.read_bytes().startswith(start)
    again = cnnbench.diagram(pair, tmp_path / "b.svg", (28, 28, 192))
    assert again.read_bytes() == (tmp_path / "a.svg").read_bytes()
    one = cnnbench.diagram("vgg_block", tmp_path / "c.svg", n_filters=7)
    assert "vgg_block(n_filters=7" in one.read_text()
    with pytest.raises(CnnbenchError, match="one network, or two side by side; got 3"):
        cnnbench.diagram([*pair, "vgg_block"], tmp_path / "d.svg")
