"""A network as a Mermaid flowchart."""

import re
from dataclasses import replace
from fractions import Fraction

import pytest

from cnnbench import blocks
from cnnbench.errors import CnnbenchError
from cnnbench.graph import trace
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add, concatenate
from cnnbench.layers.pool import max_pooling2d
from cnnbench.reporting.analysis.mermaid import MOST_NODES, document
from cnnbench.reporting.formats import show
from cnnbench.rule import Rule


def drawn(graph, depth=None):
    return show(document(graph, depth), "markdown")


def labels(text):
    """The lines of each node, by its id."""
    nodes = re.findall(r'^ *(n\d+)\["(.*)"\]$', text, re.M)
    return {name: [plain(line) for line in label.split("<br/>")] for name, label in nodes}


def plain(text):
    """A label without Mermaid's entity codes."""
    return re.sub(r"#(\d+);", lambda code: chr(int(code[1])), text)


def arrows(text):
    """Pairs of the names at both ends."""
    names = labels(text)
    return [(names[a][0], names[b][0]) for a, b in re.findall(r"^  (n\d+) --> (n\d+)$", text, re.M)]


def chain(count, name=None):
    def network(x):
        for place in range(count):
            x = activation(x, "relu", name=name and name(place))
        return x

    return trace(network, (2, 2, 1))


def test_a_block_of_layers_side_by_side():
    graph = blocks.get("naive_inception_module").trace((8, 8, 4), f1=2, f2=3, f3=1)
    # MACs at each of 64 positions: 4 * 2, 9 * 4 * 3, 25 * 4 * 1
    assert (
        drawn(graph)
        == """```mermaid
flowchart TD
  n0["input_layer<br/>InputLayer<br/>1x8x8x4"]
  n1["conv2d<br/>Conv2D 1x1, 2, relu<br/>1x8x8x2<br/>512 MACs"]
  n2["conv2d_1<br/>Conv2D 3x3, 3, relu<br/>1x8x8x3<br/>6.91 k MACs"]
  n3["conv2d_2<br/>Conv2D 5x5, 1, relu<br/>1x8x8x1<br/>6.40 k MACs"]
  n4["max_pooling2d<br/>MaxPooling2D 3x3<br/>1x8x8x4"]
  n5["concatenate<br/>Concatenate<br/>1x8x8x10"]
  n0 --> n1
  n0 --> n2
  n0 --> n3
  n0 --> n4
  n1 --> n5
  n2 --> n5
  n3 --> n5
  n4 --> n5
```
"""
    )


def test_blocks_are_boxes():
    # MACs at 8 x 8 and then 4 x 4 positions: 9 * 3 * 64 and 9 * 64 * 64; 9 * 64 * 128, ...
    text = drawn(blocks.get("vgg_three_blocks").trace((8, 8, 3)))
    assert text.startswith(
        """```mermaid
flowchart TD
  n0["input_layer<br/>InputLayer<br/>1x8x8x3"]
  subgraph n1["vgg_block"]
    n2["conv2d<br/>Conv2D 3x3, 64, relu<br/>1x8x8x64<br/>111 k MACs"]
    n3["conv2d_1<br/>Conv2D 3x3, 64, relu<br/>1x8x8x64<br/>2.36 M MACs"]
    n4["max_pooling2d<br/>MaxPooling2D 2x2 stride 2<br/>1x4x4x64"]
  end
  subgraph n5["vgg_block_1"]
    n6["conv2d_2<br/>Conv2D 3x3, 128, relu<br/>1x4x4x128<br/>1.18 M MACs"]
"""
    )
    assert text.endswith(
        """    n14["max_pooling2d_2<br/>MaxPooling2D 2x2 stride 2<br/>1x1x1x256"]
  end
  n0 --> n2
  n2 --> n3
  n3 --> n4
  n4 --> n6
  n6 --> n7
  n7 --> n8
  n8 --> n10
  n10 --> n11
  n11 --> n12
  n12 --> n13
  n13 --> n14
```
"""
    )


def test_a_block_deeper_than_asked_is_one_node_with_its_sum():
    # 2.36 M and 111 k; 9 * 64 * 128 and 9 * 128 * 128 at 16 positions; at 4 positions 9 * 128 *
    # 256 and three times 9 * 256 * 256
    assert (
        drawn(blocks.get("vgg_three_blocks").trace((8, 8, 3)), 1)
        == """```mermaid
flowchart TD
  n0["input_layer<br/>InputLayer<br/>1x8x8x3"]
  n1["vgg_block<br/>3 layers<br/>1x4x4x64<br/>2.47 M MACs"]
  n2["vgg_block_1<br/>3 layers<br/>1x2x2x128<br/>3.54 M MACs"]
  n3["vgg_block_2<br/>5 layers<br/>1x1x1x256<br/>8.26 M MACs"]
  n0 --> n1
  n1 --> n2
  n2 --> n3
```
"""
    )


def test_boxes_nest_and_close():
    text = drawn(chain(8, lambda place: f"a_{place // 4}_{place // 2}_{place}"))
    shape = [line.split("[")[0].rstrip() for line in text.splitlines()[3:-9]]
    assert shape == [
        "  subgraph n1",
        "    subgraph n2",
        "      subgraph n3",
        "        n4",
        "        n5",
        "      end",
        "      subgraph n6",
        "        n7",
        "        n8",
        "      end",
        "    end",
        "    subgraph n9",
        "      subgraph n10",
        "        n11",
        "        n12",
        "      end",
        "      subgraph n13",
        "        n14",
        "        n15",
        "      end",
        "    end",
        "  end",
    ]


def test_a_skip_past_a_block_is_an_arrow_and_two_the_same_are_one():
    def network(x):
        def inner(place):
            return f"stage_{place}"

        y = activation(x, "relu", name=inner(1))
        z = activation(y, "relu", name=inner(2))
        return add([x, y, z], name="sum")

    text = drawn(trace(network, (2, 2, 1)), 1)
    assert arrows(text) == [("input_layer", "stage"), ("input_layer", "sum"), ("stage", "sum")]
    assert labels(text)["n1"] == ["stage", "2 layers", "1x2x2x1"]


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (lambda x: conv2d(x, 2, (1, 7), padding="same"), "Conv2D 1x7, 2"),
        (lambda x: conv2d(x, 2, 3, strides=2, use_bias=False), "Conv2D 3x3 stride 2, 2"),
        (lambda x: conv2d(x, 2, 3, strides=(2, 1)), "Conv2D 3x3 stride 2x1, 2"),
        (lambda x: conv2d(x, 2, 3, dilation_rate=2, activation="relu"), "Conv2D 3x3, 2, relu"),
        (lambda x: conv2d(x, 2, 3, activation="linear"), "Conv2D 3x3, 2"),
        (lambda x: max_pooling2d(x), "MaxPooling2D 2x2 stride 2"),
        (lambda x: activation(x, "softmax"), "Activation softmax"),
        (lambda x: dense(x, 5), "Dense 5"),
        (lambda x: concatenate([x, x]), "Concatenate"),
    ],
)
def test_a_layer_says_its_type_and_first_arguments(layer, said):
    graph = trace(layer, (8, 8, 4))
    assert labels(drawn(graph))["n1"][1] == said


def test_upsampling_says_half_a_stride():
    graph = trace(lambda x: activation(x, "relu"), (4, 4, 1))
    rule = Rule((1, 8, 8, 1), window=((1, Fraction(1, 2)),) * 2)
    graph.nodes[1] = replace(graph.nodes[1], op="UpSampling2D", attrs={}, rule=rule)
    assert labels(drawn(graph))["n1"][1:] == ["UpSampling2D 1x1 stride 1/2", "1x8x8x1"]


def test_what_is_not_known_is_not_zero():
    graph = blocks.get("vgg_three_blocks").trace((8, 8, 3))
    node = graph.nodes[2]
    graph.nodes[2] = replace(node, uncounted="no rule", rule=Rule(node.rule.shape))
    assert labels(drawn(graph))["n3"][-1] == "? MACs"
    assert labels(drawn(graph, 1))["n1"][-1] == ">= 111 k MACs"


def test_nothing_in_a_name_means_anything_to_mermaid():
    name = 'a["b"]{c}<d>#e;|f`g*h'
    text = drawn(chain(1, lambda place: name))
    line = r'^  n1\["([^<]*)<br/>Activation relu<br/>1x2x2x1"\]$'
    (found,) = re.findall(line, text, re.M)
    assert plain(found) == name
    assert not set(found) & set('"[]{}<>|`*')


def test_up_to_sixty_nodes_are_drawn_unasked():
    def parts(place):
        return f"part{place // 10}_{place}"

    assert MOST_NODES == 60
    assert len(labels(drawn(chain(59, parts)))) == 60
    assert len(labels(drawn(chain(60, parts)))) == 1 + 6
    assert len(labels(drawn(chain(60, parts), 2))) == 61  # asked for


def test_what_cannot_be_folded_is_drawn_as_it_is():
    assert len(labels(drawn(chain(100)))) == 101


def test_what_github_does_not_draw_is_folded_though_asked_for():
    def parts(place):
        return f"part{place // 100}_{place}"

    assert len(arrows(drawn(chain(500, parts), 2))) == 500
    assert len(arrows(drawn(chain(501, parts), 2))) == 6


def test_long_names_are_folded_too():
    def parts(place):
        return f"part{place // 50}_{place}{'x' * 400}"

    assert len(drawn(chain(100, parts), 2)) > 40_000
    assert len(drawn(chain(120, parts), 2)) < 1000


def test_more_than_github_draws_is_refused_in_one_line():
    with pytest.raises(CnnbenchError) as error:
        drawn(chain(501))
    message = str(error.value)
    assert "at most 500 arrows and 50,000 characters; the 502 layers need 501 and " in message
    assert "\n" not in message


@pytest.mark.parametrize("name", blocks.catalogue())
def test_every_network_is_whole_and_within_limits_at_every_depth(name):
    graph = blocks.get(name).trace()
    for depth in (None, 1, 2, 3, 4):
        text = drawn(graph, depth)
        body = text.removeprefix("```mermaid\n").removesuffix("```\n")
        assert len(body) < 50_000
        assert body.count("-->") <= 500
        lines = [line.strip() for line in body.splitlines()]
        boxes = [line for line in lines if line.startswith("subgraph")]
        assert lines.count("end") == len(boxes)
        defined = re.findall(r'^(?:subgraph )?(n\d+)\[".*"\]$', "\n".join(lines), re.M)
        assert len(set(defined)) == len(defined)
        ends = re.findall(r"^(n\d+) --> (n\d+)$", "\n".join(lines), re.M)
        boxed = {line.split("[")[0].removeprefix("subgraph ") for line in boxes}
        assert {end for pair in ends for end in pair} == set(defined) - boxed
        assert len(lines) == 1 + len(defined) + len(boxes) + len(ends)
