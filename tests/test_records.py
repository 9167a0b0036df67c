"""What functions return: plain values for JSON, and one line in a notebook."""

import inspect
import json
from dataclasses import fields, replace
from fractions import Fraction

import pytest

import cnnbench
from cnnbench import blocks, types
from cnnbench.analysis.capacity import largest
from cnnbench.analysis.training import training
from cnnbench.cost import cost
from cnnbench.graph import Graph, trace
from cnnbench.layers.conv import conv2d
from cnnbench.records import Record, plain
from cnnbench.rule import Rule
from cnnbench.types import Agreement


def chain(x):
    """1 channel to 2 to 3, one tap each."""
    return conv2d(conv2d(x, 2, 1), 3, 1)


def without_a_rule(place):
    """The tutorial's VGG block, one of its layers of a class that is not known."""
    graph = blocks.get("vgg_block").trace()
    node = graph.nodes[place]
    rule = Rule(node.rule.shape, weights=node.rule.weights)
    graph.nodes[place] = replace(node, op="Mine", uncounted="no rule", rule=rule)
    return graph


@pytest.mark.parametrize(
    ("record", "line"),
    [
        # 1,792 and 36,928 parameters; 234,881,024 + 4,840,226,816 + 3,145,728 FLOPs
        (
            cnnbench.analyze("vgg_block"),
            "Cost(vgg_block: 4 layers, 38,720 parameters, 5.08 GFLOPs)",
        ),
        (
            cost(without_a_rule(2)),
            "Cost(unnamed: 4 layers, 38,720 parameters, >= 238 MFLOPs)",
        ),
        (
            cnnbench.analyze("vgg_block").layers[2],
            "LayerCost(conv2d_1: Conv2D, 36,928 parameters, 4.84 GFLOPs)",
        ),
        (
            cost(without_a_rule(2)).layers[2],
            "LayerCost(conv2d_1: Mine, 36,928 parameters, no rule)",
        ),
        (
            cnnbench.trace("vgg_block", batch_size=2, dtype="float16"),
            "Graph(vgg_block: 4 layers, input 2x256x256x3, float16)",
        ),
        (Graph(), "Graph(unnamed: 0 layers, input , float32)"),
        # As tests/analysis/test_training.py works them out
        (
            training(trace(chain, (4, 4, 1)), "momentum"),
            "Training(unnamed: 916 FLOPs a step with momentum, 844 B at the peak)",
        ),
        # As tests/analysis/test_capacity.py does
        (
            largest(lambda s, n: trace(chain, s, batch_size=n), (4, 4, 1), 3, 1000),
            "Capacity(unnamed: a forward pass in 1000 B, batch 2, input 3x3x1)",
        ),
        (
            largest(lambda s, n: trace(chain, s, batch_size=n), (4, 4, 1), 3, 100, "sgd"),
            "Capacity(unnamed: training with sgd in 100 B, no batch fits, no input fits)",
        ),
        (Agreement("dense: parameters", 10, 10, True), "Agreement(dense: parameters: 10 = 10)"),
        (Agreement("dense: parameters", 10, 9, False), "Agreement(dense: parameters: 10 != 9)"),
        (Agreement("MACs", 5, None, None), "Agreement(MACs: 5 beside nothing)"),
        (
            cnnbench.formula("vgg_block", n_conv=1),
            "Formula(vgg_block: in n, H, W, C, n_filters)",
        ),
    ],
)
def test_a_record_is_one_line(record, line):
    assert repr(record) == line


def test_what_is_not_known_is_a_bound_of_training_and_capacity_too():
    step = training(without_a_rule(2))
    assert ": >= " in repr(step)
    assert ", >= " in repr(step)

    def mine(shape, batch):
        graph = trace(chain, shape, batch_size=batch)
        graph.nodes[2] = replace(graph.nodes[2], uncounted="no rule")
        return graph

    assert repr(largest(mine, (4, 4, 1), 3, 1000)).endswith("batch <= 2, input <= 3x3x1)")


def test_a_tool_says_its_number():
    # Printed by fvcore 0.1.5: tests/data/tools.csv
    (fvcore,) = cnnbench.conventions("resnet50", version="v1.5", tool="fvcore")
    assert repr(fvcore).startswith("ToolCount(fvcore: 4,111,512,576 ")
    assert fvcore.to_json()["total"] == 4_111_512_576


def test_the_records_can_be_imported_and_each_has_a_short_text():
    kinds = [getattr(types, name) for name in types.__all__]
    ours = [kind for kind in kinds if issubclass(kind, Record)]
    assert len(ours) >= 8
    for kind in ours:
        # The text that a dataclass makes shows every field, and is wrapped against recursion.
        short = not hasattr(kind.__repr__, "__wrapped__") or len(fields(kind)) <= 7
        assert short, f"{kind.__name__} shows all of its fields"


def test_records_are_plain_values():
    cost = cnnbench.analyze("vgg_block")
    values = json.loads(json.dumps(cost.to_json()))
    assert values["params"] == 38_720
    assert values["flops"] == 5_078_253_568
    assert values["input_shape"] == [1, 256, 256, 3]
    assert values["name"] == "vgg_block(n_filters=64, n_conv=2)"
    assert [layer["op"] for layer in values["layers"]] == [
        *("InputLayer", "Conv2D", "Conv2D", "MaxPooling2D")
    ]
    assert values["layers"][2]["flops"] == 4_840_226_816
    graph = json.loads(json.dumps(cnnbench.trace("vgg_block").to_json()))
    assert graph["nodes"][1]["attrs"]["filters"] == 64
    assert graph["nodes"][1]["rule"]["weights"][0] == {
        "name": "kernel",
        "shape": [3, 3, 3, 64],
        "trainable": True,
        "dtype": None,
    }
    assert "current_scope" not in graph
    step = json.loads(json.dumps(training(trace(chain, (4, 4, 1)), "momentum").to_json()))
    assert (step["flops"], step["memory"]["peak"]) == (916, 844)
    closed = json.loads(json.dumps(cnnbench.formula("vgg_block", n_conv=1).to_json()))
    assert closed["amounts"]["params"] == "n_filters*(9*C + 1)"
    tool = json.loads(json.dumps(cnnbench.conventions("vgg_block")[0].to_json()))
    assert (tool["tool"], tool["total"], tool["ratio"]) == ("cnnbench", 5_078_253_568, 1)


def test_what_is_not_plain_is_text():
    assert plain({1: (Fraction(1, 2), None, True)}) == {"1": ["1/2", None, True]}
    assert plain([inspect]) == [str(inspect)]
