"""One analysis as tables, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from cnnbench import blocks
from cnnbench.analysis.views import KEYS
from cnnbench.cost import CONVENTION
from cnnbench.errors import CnnbenchError, UnknownNameError
from cnnbench.graph import Graph, trace
from cnnbench.layers.activation import activation
from cnnbench.layers.dense import dense
from cnnbench.reporting import formats, html, tables
from cnnbench.reporting.analysis import costs
from cnnbench.reporting.document import Document
from cnnbench.reporting.formats import show
from cnnbench.rule import Rule


def traced(name: str, *shape: int, batch_size: int = 1) -> Graph:
    return blocks.get(name).trace(shape or None, batch_size=batch_size)


def rendered(graph: Graph, format: str = "table", **options: object) -> str:
    page = costs.document(replace(graph, name="it"), **options)  # type: ignore[arg-type]
    return show(page, format)


def rows(graph: Graph, **options: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(rendered(graph, "csv", **options))))


def first_words(text: str) -> list[str]:
    """The first cell of every row of the first table of a text."""
    table = text.split("\n\n")[1].splitlines()
    return [line.split("  ")[0] for line in table[3:]]


def headers(text: str) -> str:
    """The header of the first table, on one line."""
    return " ".join(" ".join(text.split("\n\n")[1].splitlines()[:2]).split())


@pytest.fixture
def partly() -> Graph:
    """Two VGG blocks of 12 layers in all, two without a rule."""
    graph = traced("vgg_three_blocks")
    for place, name in ((2, "mine"), (10, "yours")):
        node = graph.nodes[place]
        rule = Rule(node.rule.shape, weights=node.rule.weights)
        changed = {"name": name, "op": "MyLayer", "rule": rule, "uncounted": "no rule for MyLayer"}
        graph.nodes[place] = replace(node, **changed)
    return graph


# --- layers ----------------------------------------------------------------------------


def test_the_layers_of_the_tutorials_vgg_block() -> None:
    by_name = {row["layer"]: row for row in rows(traced("vgg_block"))}
    layer = by_name["conv2d"]
    assert (layer["type"], layer["block"]) == ("Conv2D", "vgg_block")
    assert layer["output shape"] == "1x256x256x64"
    # 3x3x3x64 weights and 64 biases; each weight once per position of 256x256.
    assert int(layer["parameters"]) == 1792
    assert int(layer["MACs"]) == 3 * 3 * 3 * 64 * 256 * 256 == 113_246_208
    # Of 256 positions on an axis the two at the rim lack one of three taps: 3 * 256 - 2.
    assert int(layer["MACs inside the input"]) == 766 * 766 * 3 * 64
    assert int(layer["FLOPs"]) == 2 * 113_246_208 + 2 * 256 * 256 * 64  # bias and ReLU
    # Read 256*256*3 values and 1792 weights, write 256*256*64, of 4 bytes.
    moved = 4 * (256 * 256 * 67 + 1792)
    assert float(layer["FLOPs per byte"]) == pytest.approx(234_881_024 / moved)
    assert layer["receptive field"] == "3x3"
    assert by_name["max_pooling2d"]["receptive field"] == "6x6"
    assert [row["uncounted"] for row in by_name.values()] == [""] * 4


@pytest.mark.parametrize("name", ["vgg_block", "inception_two_modules", "resnet50_tutorial"])
def test_rows_add_up_to_the_totals(name: str) -> None:
    graph = traced(name)
    document = json.loads(rendered(graph, "json"))
    sums = document["totals"]
    for key, view in (("layers", rows(graph)), ("types", rows(graph, view="types"))):
        for column in ("parameters", "MACs", "FLOPs", "activation bytes"):
            total = sum(int(row[column]) for row in view)
            assert total == sums[column.lower().replace(" ", "_")], (key, column)
        assert sum(float(row["share of FLOPs"]) for row in view) == pytest.approx(1)
    assert sum(int(row["elementwise"]) for row in rows(graph)) == sums["elementwise"]
    assert sum(int(row["weight bytes"]) for row in rows(graph)) == sums["weight_bytes"]
    assert max(int(row["live bytes"]) for row in rows(graph)) == sums["peak_activation_bytes"]
    assert sum(int(row["layers"]) for row in rows(graph, view="types")) == sums["layers"]
    assert sums["trainable"] + sums["not_trainable"] == sums["parameters"]
    assert sums["flops"] == 2 * sums["macs"] + sums["elementwise"]
    assert sums["macs_inside_the_input"] < sums["macs"]


def test_the_text_table_is_readable_and_ends_with_the_convention() -> None:
    text = rendered(traced("vgg_block"))
    assert text.startswith("it, input 1x256x256x3, float32\n\n")
    assert headers(text) == (
        "layer type output parameters MACs FLOPs share activation receptive "
        "shape of FLOPs (MiB) field"
    )
    # 4,840,226,816 of 5,078,253,568 FLOPs; 256 * 256 * 64 * 4 bytes
    row = r"^conv2d_1 .* 1x256x256x64 +36,928 +2,415,919,104 +4,840,226,816 +95\.3 % +16\.0 +5x5$"
    assert re.search(row, text, re.M)
    assert re.search(r"^input_layer .* 0\.75 +1x1$", text, re.M)  # in the same unit
    assert re.search(r"^parameters +38,720$", text, re.M)
    assert re.search(r"^peak memory with weights +32\.9 MiB$", text, re.M)
    assert "\n\nreceptive field: 6x6\n\n" in text
    assert text.endswith("\n\n" + CONVENTION + "\n")


def test_columns_of_numbers_are_aligned_whatever_else_is_in_them(partly: Graph) -> None:
    for graph in (traced("vgg16"), partly):  # with "whole"; with "?" and ">= "
        heads, _, line, *body = rendered(graph).split("\n\n")[1].splitlines()
        texts = heads.split().index("output")  # layer, type, block
        numbers = [match.end() for match in re.finditer("-+", line)][texts:]
        for row in body:
            assert all(row[end - 1] != " " and row[end : end + 1] in ("", " ") for end in numbers)


def test_signed_numbers_end_in_one_column() -> None:
    page = Document()
    page.table((["network", "off by"], [["a", "+3.1 %"], ["b", "-12.0 %"], ["c", "-"]]))
    assert [line[-7:] for line in formats.text(page).splitlines()[2:]] == [
        " +3.1 %",
        "-12.0 %",
        "      -",
    ]
    assert formats.markdown(page).splitlines()[1].endswith("-:|")
    assert html.fragment(page).count('class="number"') == 4


def test_markdown_has_the_same_rows() -> None:
    text = rendered(traced("vgg_block"), "markdown")
    assert "| layer " in text
    assert " share of FLOPs |" in text  # on one line
    assert re.search(r"^\| conv2d_1 .*\| +36,928 \|.* 95\.3 % \| +16\.0 \| +5x5 \|$", text, re.M)


def test_small_memory_is_in_bytes() -> None:
    graph = trace(lambda x: activation(x, "relu"), (1, 2, 1))
    assert re.search(r"^activation .* 8 +1x1$", rendered(graph), re.M)
    assert "(B)" in rendered(graph)


def test_a_vector_has_no_receptive_field_to_show() -> None:
    graph = trace(lambda x: activation(x, "relu"), (7,))
    assert re.search(r"^activation .* -$", rendered(graph), re.M)
    assert "receptive field:" not in rendered(graph)
    wide = trace(lambda x: dense(x, 2), (7,))
    assert re.search(r"^dense .* whole$", rendered(wide), re.M)


# --- what is shown ---------------------------------------------------------------------


def test_one_block_needs_no_column() -> None:
    assert "block" in headers(rendered(traced("inception_two_modules", 32, 32, 3)))
    assert "block" not in headers(rendered(traced("vgg_block")))


def test_up_to_sixty_layers_are_listed() -> None:
    def network(count: int) -> Graph:
        def chain(x: object) -> object:
            for _ in range(count - 1):
                x = activation(x, "relu")
            return x

        return trace(chain, (2, 2, 1))

    assert len(first_words(rendered(network(60)))) == 60
    assert "60 layers:" not in rendered(network(60))
    # Sixty-one cannot be folded into blocks, for there are none.
    many = rendered(network(61))
    assert first_words(many) == ["Activation", "InputLayer"]
    assert "\n\n61 layers: --view layers shows each, --top 10 those with the most FLOPs\n\n" in many


def test_more_layers_are_folded_into_blocks_and_the_text_says_so() -> None:
    text = rendered(traced("resnet50"))
    # An input, six layers before and two behind sixteen bottlenecks.
    assert len(first_words(text)) == 25
    assert re.search(r"^resnet_bottleneck_15 +10 +1x7x7x2048 +4,468,736 +218,365,952 ", text, re.M)
    assert "177 layers: --view layers shows each" in text
    whole = rendered(traced("resnet50"), view="layers")
    assert len(first_words(whole)) == 177
    assert "177 layers" not in whole


def test_folding_goes_as_deep_as_sixty_parts_allow() -> None:
    def network(x: object) -> object:
        for stage in "ab":
            for place in range(32):
                x = activation(x, "relu", name=f"{stage}_{place // 4}_{place}")
        return x

    graph = trace(network, (2, 2, 1))
    # An input, 2 stages, 16 parts of them; 64 more with the layers.
    assert len(first_words(rendered(graph))) == 1 + 2 + 16
    # googlenet has 20 rows at depth 1 and 92 at depth 2.
    assert len(first_words(rendered(traced("googlenet")))) == 20
    assert len(rows(traced("googlenet"), view="tree")) == 92


def test_csv_has_every_layer_of_a_large_network() -> None:
    assert len(rows(traced("resnet50"))) == 177


# --- views -----------------------------------------------------------------------------


def test_layers_are_sorted_and_cut() -> None:
    graph = traced("vgg16")
    heaviest = ["dense", "dense_1", "dense_2", "conv2d_8"]  # 25088*4096, 4096*4096, 4096*1000
    assert [row["layer"] for row in rows(graph, sort="parameters", top=4)] == heaviest
    assert [row["layer"] for row in rows(graph, sort="parameters")][:4] == heaviest
    assert len(rows(graph, sort="parameters")) == 25
    # 224 * 224 * 64 * 576 MACs, and most biases and ReLUs of those with as many
    assert [row["layer"] for row in rows(graph, top=1)] == ["conv2d_1"]
    document = json.loads(rendered(graph, "json", top=1))
    assert [row["layer"] for row in document["layers"]] == ["conv2d_1"]


def test_a_sorted_layer_keeps_its_receptive_field() -> None:
    graph = traced("inception_module", 8, 8, 192)
    assert rows(graph, sort="parameters", top=1)[0]["receptive field"] == "3x3"


@pytest.mark.parametrize("key", KEYS)
def test_the_column_that_sorts_is_shown(key: str) -> None:
    graph = traced("inception_module", 8, 8, 192)
    words = {
        "parameters": "parameters",
        "macs": "MACs",
        "inside": "inside the input",
        "elementwise": "elementwise",
        "flops": "FLOPs",
        "intensity": "per byte",
        "weights": "weight",
        "activation": "activation",
        "live": "live",
    }
    assert words[key] in headers(rendered(graph, sort=key))


def test_the_tree_shows_parts_behind_their_blocks() -> None:
    text = rendered(traced("vgg_three_blocks"), view="tree")
    assert first_words(text)[:3] == ["input_layer", "vgg_block", "· conv2d"]
    assert first_words(rendered(traced("vgg_three_blocks"), depth=1)) == [
        *("input_layer", "vgg_block", "vgg_block_1", "vgg_block_2"),
    ]


def test_a_block_has_the_shape_and_the_field_of_its_last_layer() -> None:
    row = rows(traced("vgg_three_blocks"), depth=1)[2]
    assert row == {
        "part": "vgg_block_1",
        "name": "vgg_block_1",
        "depth": "1",
        "layers": "3",
        "parameters": "221440",  # 9 * 64 * 128 + 128 + 9 * 128 * 128 + 128
        "MACs": "3623878656",  # 128 * 128 * 9 * (64 * 128 + 128 * 128)
        # A bias and a ReLU for each of 2 * 128 * 128 * 128 outputs, 3 comparisons for each of
        # 64 * 64 * 128.
        "FLOPs": str(2 * 3_623_878_656 + 8_388_608 + 1_572_864),
        "share of FLOPs": row["share of FLOPs"],
        "activation bytes": str(4 * (2 * 128 * 128 * 128 + 64 * 64 * 128)),
        "output shape": "1x64x64x128",
        "receptive field": "16x16",  # 6, then 4 and 4 at a stride of 2, and 2
        "uncounted": "0",
    }


def test_types_are_summed() -> None:
    assert first_words(rendered(traced("resnet18"), view="types")) == [
        *("Conv2D", "BatchNormalization", "Activation", "MaxPooling2D", "Dense", "Add"),
        *("GlobalAveragePooling2D", "InputLayer", "ZeroPadding2D"),
    ]


def test_json_has_every_view() -> None:
    document = json.loads(rendered(traced("vgg_three_blocks"), "json", depth=1))
    assert document["target"] == "it"
    assert document["convention"] == CONVENTION
    assert document["input_shape"] == [256, 256, 3]
    assert document["input_shapes"] == [[1, 256, 256, 3]]
    assert document["output_shapes"] == [[1, 32, 32, 256]]
    assert (document["batch_size"], document["dtype"]) == (1, "float32")
    assert (document["lower_bound"], document["uncounted"]) == (False, [])
    assert document["totals"]["parameters"] == 2_325_568  # the tutorial's own summary
    assert len(document["layers"]) == 12
    assert [row["part"] for row in document["tree"]][1] == "vgg_block"
    assert len(document["tree"]) == 4
    assert [row["type"] for row in document["types"]] == ["Conv2D", "MaxPooling2D", "InputLayer"]
    assert document["layers"][-1]["receptive_field"] == [52, 52]
    assert document["receptive_field"] == {
        "output": [52, 52],  # 16; four of 2 more at a stride of 4; 1 more at 4
        "whole_from": None,
        "before_the_whole": None,
        "exceeds_input": False,
        "lower_bound": False,
    }


def test_json_says_where_a_layer_sees_all() -> None:
    document = json.loads(rendered(traced("resnet50"), "json"))
    assert document["layers"][-1]["receptive_field"] == "whole"
    assert document["receptive_field"] == {
        "output": "whole",
        "whole_from": "global_average_pooling2d",
        "before_the_whole": [483, 483],
        "exceeds_input": True,
        "lower_bound": False,
    }


def test_the_text_says_where_a_layer_sees_all() -> None:
    said = re.search(r"^receptive field: (.*)$", rendered(traced("resnet50")), re.M)
    assert said
    assert said[1] == (
        "the whole input from global_average_pooling2d on; "
        "before it 483x483, more than the input's 224x224"
    )
    assert "before it 212x212\n" in rendered(traced("vgg16"))  # less than 224
    assert "receptive field: 6x6, more than the input's 4x4\n" in rendered(
        traced("vgg_block", 4, 4, 3)
    )


def test_the_intensity_of_the_network_is_a_total() -> None:
    graph = trace(lambda x: activation(x, "relu"), (2, 2, 2))
    # One comparison a value, which is read, written, and written once more as the input.
    assert json.loads(rendered(graph, "json"))["totals"]["flops_per_byte"] == 8 / (3 * 32)
    assert re.search(r"^FLOPs per byte +0\.083$", rendered(graph), re.M)


def test_every_input_is_named() -> None:
    graph = traced("vgg_block", 8, 8, 3, batch_size=2)
    graph.add("InputLayer", lambda shapes: Rule((2, 5)), [], {})
    two = replace(graph, inputs=(0, len(graph.nodes) - 1))
    assert rendered(two).startswith("it, input 2x8x8x3, 2x5, float32\n")
    assert json.loads(rendered(two, "json"))["input_shapes"] == [[2, 8, 8, 3], [2, 5]]


# --- layers without a rule -------------------------------------------------------------


def test_what_is_not_known_is_a_question_mark_and_totals_are_lower_bounds(partly: Graph) -> None:
    text = rendered(partly)
    mine = r"^mine +MyLayer .* 1x256x256x64 +36,928 +\? +\? +\? +16\.0 +>= 3x3$"
    assert re.search(mine, text, re.M)
    assert (
        "\n\n2 of 12 layers (16.7 %) have no rule: mine (MyLayer), yours (MyLayer); "
        "totals are lower bounds, shares are of what the others do\n"
        "  no rule for MyLayer: mine, yours\n\n"
    ) in text
    for name in ("MACs", "MACs inside the input", "elementwise", "FLOPs", "FLOPs per byte"):
        assert re.search(rf"^{name} +>= [\d,]+$", text, re.M), name
    for name in ("activation memory", "peak activation memory", "peak memory with weights"):
        assert re.search(rf"^{name} +>= [\d.]+ MiB$", text, re.M), name
    assert re.search(r"^parameters +2,325,568$", text, re.M)
    assert re.search(r"^weight memory +8\.87 MiB$", text, re.M)
    assert "\n\nreceptive field: >= 42x42\n\n" in text


def test_a_part_with_some_rules_is_a_lower_bound_and_one_with_none_unknown(partly: Graph) -> None:
    text = rendered(partly, depth=1)
    # 256 * 256 * 9 * 3 * 64 MACs of the first convolution
    assert re.search(r"^vgg_block +3 +1x128x128x64 +38,720 +>= 113,246,208 +>= ", text, re.M)
    assert re.search(r"^vgg_block_1 +3 +1x64x64x128 +221,440 +3,623,878,656 +7,", text, re.M)
    types = rendered(partly, view="types")
    assert re.search(r"^MyLayer +2 +627,008 +\? +\? +\? +20\.0$", types, re.M)
    assert [row["uncounted"] for row in rows(partly, depth=1)] == ["0", "1", "0", "1"]


def test_csv_and_json_leave_empty_what_is_not_known(partly: Graph) -> None:
    mine = rows(partly)[2]
    unknown = {name for name, value in mine.items() if not value}
    assert unknown == {
        *("MACs", "MACs inside the input", "elementwise", "FLOPs", "FLOPs per byte"),
        "share of FLOPs",
    }
    assert mine["uncounted"] == "no rule for MyLayer"
    document = json.loads(rendered(partly, "json"))
    assert document["lower_bound"]
    assert document["receptive_field"]["lower_bound"]
    assert document["uncounted"][0] == {
        "layer": "mine",
        "type": "MyLayer",
        "reason": "no rule for MyLayer",
    }
    assert document["layers"][2]["macs"] is None
    assert document["tree"][3]["flops"] is None


def test_one_layer_without_a_rule_has_none() -> None:
    graph = traced("vgg_block")
    graph.nodes[3] = replace(graph.nodes[3], uncounted="no rule")
    assert "1 of 4 layers (25.0 %) has no rule: max_pooling2d (MaxPooling2D);" in rendered(graph)


# --- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "markdwn"}, "unknown format 'markdwn'; did you mean markdown"),
        ({"view": "trees"}, "unknown view 'trees'; did you mean tree"),
        ({"sort": "flop"}, "unknown column to sort by 'flop'; did you mean flops"),
    ],
)
def test_an_unknown_name_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        rendered(traced("vgg_block"), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, "depth must be at least 1; got 0"),
        ({"top": -1}, "top must be at least 1; got -1"),
        ({"depth": 1, "top": 1}, "depth is for the tree, sort and top are for the layers"),
        ({"view": "types", "sort": "flops"}, "choose one"),
        ({"view": "layers", "depth": 1}, "choose one"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(CnnbenchError, match=message):
        rendered(traced("vgg_block"), **options)


def test_a_long_last_column_is_wrapped_and_numbers_stay_as_they_are() -> None:
    text = tables.text_table(["a", "b"], [["1.50", "one two three"], ["10.0", "four"]], "simple", 8)
    assert text == (
        "   a  b\n"  # tabulate gives the dashes two characters more than the header
        "----  -------\n"
        "1.50  one two\n"
        "      three\n"
        "10.0  four"
    )


def test_tables_import_neither_pandas_nor_matplotlib() -> None:
    code = (
        "import sys, cnnbench.reporting.tables;"
        "print([m for m in ('pandas', 'matplotlib', 'scipy', 'keras') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4227, "0.42"),
        (0.0123, "0.012"),
        (4.896, "4.90"),
        (9.995, "10.0"),
        (19.83, "19.8"),
        (1234.0, "1,234"),
        (1.0, "1.00"),
    ],
)
def test_ratios_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert tables.number(value) == text
