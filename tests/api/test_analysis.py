"""What `analyze` does, from Python."""

import json

import pytest

import cnnbench
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError, UnknownNameError
from cnnbench.prediction import calibration
from cnnbench.runner.loop import Progress


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


def test_networks_are_chosen_by_limits_in_numbers_or_text():
    for most in (12_000_000, "12M"):
        choice = cnnbench.choose(["resnet50", "resnet18", "vgg_block"], max_params=most)
        assert [net.name for net in choice.chosen] == ["resnet18", "vgg_block"]
    # 38,720 parameters, 5,078,253,568 FLOPs of a 256x256 image
    assert (choice.chosen[1].params, choice.chosen[1].flops) == (38_720, 5_078_253_568)
    small = cnnbench.choose(["vgg_block"], (128, 128, 3), batch_size=4).chosen[0]
    assert small.flops == 5_078_253_568
    assert small.input_shapes == ((4, 128, 128, 3),)


def test_times_are_predicted_where_the_machine_was_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(calibration, "LAUNCHES", 1)
    before = cnnbench.choose(["vgg_block"], runtime="fake")
    assert before.time_range is None
    assert before.chosen[0].time_s is None
    assert list(tmp_path.iterdir()) == []  # nothing is measured
    calibration.find("fake", Progress())
    choice = cnnbench.choose(["vgg_block", "resnet50"], max_time="1s", runtime="fake")
    for net in choice.chosen:
        assert net.time_s == cnnbench.predict(net.name, runtime="fake").time.value
        assert net.rise_bytes > 0
    low, high = choice.time_range
    assert 0 < low < high
    half = cnnbench.choose(["vgg_block"], dtype="float16", runtime="fake")
    assert half.chosen[0].time_s is None  # which is not what is calibrated


@pytest.mark.tensorflow
def test_an_accuracy_is_for_the_weights_that_it_was_published_for():
    def top1(target, *args, **options):
        return cnnbench.choose([target], *args, **options).chosen[0].top1_percent

    # https://keras.io/api/applications
    assert top1("MobileNetV2") == top1("keras.applications.MobileNetV2") == 71.3
    assert top1("MobileNetV2", (224, 224, 3)) == 71.3
    assert top1("MobileNetV2", (96, 96, 3)) is None
    assert top1("MobileNetV2", include_top=False) is None
    assert top1("resnet50") is None  # of the catalogue: it has no weights


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
