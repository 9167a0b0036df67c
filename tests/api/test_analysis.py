"""What `analyze` does, from Python."""

import json

import pytest

import cnnbench
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError, UnknownNameError


def printed(capsys, *argv):
    assert main(["analyze", *argv, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_batch_norms_are_folded():
    # two 3x3 convolutions of 64 to 64 channels, with biases, and nothing else
    assert cnnbench.analyze("resnet_basic", fold=True).params == 2 * (9 * 64 * 64 + 64)
    whole = cnnbench.trace("resnet_basic")
    assert [node.name for node in cnnbench.trace("resnet_basic", fold=True).nodes] == [
        node.name for node in whole.nodes
    ]


def test_folding_is_not_for_training():
    with pytest.raises(CnnbenchError, match="fold is for inference"):
        cnnbench.training("resnet_basic", fold=True)


def test_a_training_step_is_that_of_the_command(capsys):
    step = cnnbench.training("vgg_block", (8, 8, 3), batch_size=4, optimizer="sgd")
    found = printed(capsys, "vgg_block", "--input", "8x8x3", "--batch", "4", "--training", "sgd")
    assert step.flops == found["flops"]["step"]
    assert step.memory.peak == found["bytes"]["peak"]
    assert step.memory.slots == 0  # sgd keeps nothing
    with pytest.raises(UnknownNameError, match="unknown optimizer 'best'"):
        cnnbench.training("vgg_block", optimizer="best")


def test_what_fits_is_what_the_command_says(capsys):
    fits = printed(capsys, "vgg_block", "--memory", "1GB", "--training", "sgd")["fits"]
    for optimizer, fit in zip((None, "sgd"), fits, strict=True):
        for memory in ("1GB", 10**9):
            capacity = cnnbench.capacity("vgg_block", memory, optimizer=optimizer)
            assert capacity.batch.batch_size == fit["batch"]["batch_size"]
            assert capacity.memory == 10**9
    # The weights alone take it all.
    assert cnnbench.capacity("vgg_block", 38_720 * 4).batch.fits is False
    with pytest.raises(CnnbenchError, match="a memory must look like 8GiB"):
        cnnbench.capacity("vgg_block", "lots")
    with pytest.raises(CnnbenchError, match=r"memory must be 1 to 1e\+18 whole bytes; got 0"):
        cnnbench.capacity("vgg_block", 0)


def test_what_other_tools_print():
    # Printed by the tools themselves: tests/data/tools.csv
    tools = {t.preset.name: t for t in cnnbench.conventions("resnet50", version="v1.5")}
    assert tools["fvcore"].count.total == 4_111_512_576
    assert tools["torch"].count.total == 8_178_368_512
    assert tools["cnnbench"].count.total == cnnbench.analyze("resnet50", version="v1.5").flops
    (thop,) = cnnbench.conventions("resnet50", version="v1.5", tool="thop")
    assert thop.count.total == 4_133_742_592
    assert thop.ratio == 4_133_742_592 / tools["cnnbench"].count.total
    with pytest.raises(UnknownNameError, match="unknown preset 'pytorch'"):
        cnnbench.conventions("resnet50", tool="pytorch")


def test_the_name_of_a_network_has_its_parameters():
    assert cnnbench.trace("vgg_block", n_conv=1).name == "vgg_block(n_filters=64, n_conv=1)"
    assert cnnbench.capacity("vgg_block", 10**9).name == "vgg_block(n_filters=64, n_conv=2)"


@pytest.mark.parametrize("name", ["batch_size", "dtype", "fold", "optimizer", "target"])
def test_a_parameter_may_be_called_like_an_argument_of_ours(name, capsys):
    assert main(["analyze", "vgg_block", "-p", f"{name}=1"]) == 2
    assert f"unknown parameter of vgg_block '{name}'" in capsys.readouterr().err


@pytest.mark.tensorflow
def test_our_numbers_beside_those_of_keras_and_tensorflow():
    rows = cnnbench.check("vgg_block", (8, 8, 3))
    assert [row.equal for row in rows] == [True] * 4
    assert rows[0].ours == rows[0].theirs == 38_720
    assert rows[0].to_json() == {
        "what": "parameters, by Keras",
        "ours": 38_720,
        "theirs": 38_720,
        "equal": True,
    }
