"""`cnnbench analyze` and `cnnbench formula` as a person types them."""

import json

import pytest

from cnnbench.cli import main


def out(capsys, *argv, status=0):
    assert main(argv) == status
    return capsys.readouterr().out


def refused(capsys, *argv):
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("cnnbench: ")
    assert captured.err.count("\n") == 1
    return captured.err


# Views


def test_the_layers_that_do_most(capsys):
    text = out(capsys, "analyze", "inception_module", "--sort", "activation", "--top", "2")
    names = [line.split()[0] for line in text.splitlines()[5:7]]
    assert names == ["concatenate", "conv2d_2"]  # 256 and 128 channels of one image


def test_types(capsys):
    text = out(capsys, "analyze", "vgg16", "--view", "types", "--format", "csv")
    assert text.splitlines()[1].startswith("Conv2D,13,")


def test_a_diagram(capsys):
    text = out(capsys, "analyze", "vgg_block", "--format", "mermaid")
    assert text.startswith("```mermaid\nflowchart TD\n")
    assert text.count("-->") == 3


def test_a_diagram_of_one_network_or_two(capsys, tmp_path):
    path = tmp_path / "a.svg"
    for targets in (["vgg_block"], ["vgg_block", "residual_module"]):
        text = out(capsys, "analyze", *targets, "--diagram", str(path))
        assert text.endswith(f"diagram: {path}\n")
        assert [name in path.read_text() for name in ("vgg_block(", "residual_module(")] == [
            True,
            len(targets) == 2,
        ]


def test_a_figure(capsys, tmp_path):
    path = tmp_path / "shares.png"
    text = out(capsys, "analyze", "vgg_block", "--figure", str(path))
    assert text.endswith(f"figure: {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sort", "size"], "unknown column to sort by 'size'"),
        (["--view", "flat"], "unknown view 'flat'; known: layers, tree, types"),
        (["--top", "0"], "--top"),
        (["--depth", "2", "--top", "3"], "choose one"),
        (["--format", "mermaid", "--top", "3"], "for tables, not for mermaid"),
        (["--figure", "/no/such/folder/x.png"], "cannot write the figure"),
        (["--diagram", "a.xyz"], "must end in .png, .svg, .pdf; got 'a.xyz'"),
        (["--figure", "shares.xyz"], "must end in .png, .svg, .pdf; got 'shares.xyz'"),
        (["--as", "pytorch"], "unknown preset 'pytorch'; did you mean"),
        (["--as", "thop", "--format", "csv"], "unknown format 'csv'"),
        (["--explain-differences", "--format", "csv"], "unknown format 'csv'"),
        (["--fold", "--training", "adam"], "--fold is for inference"),
        (["--check", "--format", "csv"], "--check is for tables, not for csv"),
        (["--as", "thop", "--memory", "1GB"], "--as and --memory are different answers"),
        (["--as", "thop", "--top", "3"], "--top is for tables, not for --as"),
        (["--memory", "lots"], "a memory must look like 8GiB, 16GB or 512MiB; got 'lots'"),
        (["--memory", "0"], "a memory must look like 8GiB"),
        (["--training", "best"], "unknown optimizer 'best'"),
        (["--no-include-top"], "is for models of keras.applications"),
        (["--input", "8x8x3,8x8x3"], "vgg_block has one input (256x256x3); got 8x8x3, 8x8x3"),
    ],
)
def test_bad_options_are_one_line(capsys, options, message):
    assert message in refused(capsys, "analyze", "vgg_block", *options)


def test_folded_batch_norms(capsys):
    argv = ("analyze", "resnet_basic", "--fold", "--format", "json")
    totals = json.loads(out(capsys, *argv))["totals"]
    # two 3x3 convolutions of 64 to 64 channels, with biases, and nothing else
    assert totals["parameters"] == 2 * (9 * 64 * 64 + 64)


# Several networks


def test_several_networks_are_one_row_each(capsys):
    text = out(capsys, "analyze", "vgg_block", "resnet50", "nothing_like_it", "--sort", "params")
    lines = text.split("\n\n")[0].splitlines()[3:]
    rows = [line.split() for line in lines if not line.startswith(" ")]  # not the next of a reason
    # 25,610,152 and 38,720 parameters: tests/blocks/test_blocks.py
    assert [row[:3] for row in rows] == [
        ["vgg_block", "1x256x256x3", "0.039"],
        ["resnet50", "1x224x224x3", "25.6"],
        ["nothing_like_it", "-", "-"],
    ]
    assert "unknown target" in text
    assert "this machine is not calibrated" in text


def test_networks_within_limits(capsys):
    argv = ("analyze", "vgg_block", "resnet18", "resnet50", "--max-params", "12M", "--format")
    text = out(capsys, *argv, "csv")
    assert [line.split(",")[0] for line in text.splitlines()] == ["name", "vgg_block", "resnet18"]
    found = json.loads(out(capsys, *argv, "json", "--max-flops", "1G"))
    assert [net["name"] for net in found["excluded"]] == ["vgg_block", "resnet18", "resnet50"]
    assert found["chosen"] == []
    assert out(capsys, "analyze", "vgg_block", "--max-memory", "1KiB").startswith(
        "no network is within the limits\n\nleft out: vgg_block (32.9 MiB memory, more than 1.00"
    )


def test_a_front_and_its_figure(capsys, tmp_path):
    path = tmp_path / "front.png"
    argv = ("analyze", "vgg_block", "resnet18", "resnet50", "--pareto", "params:memory")
    text = out(capsys, *argv, "--figure", str(path))
    assert "resnet50 (beaten by vgg_block)" in text
    assert text.endswith(f"figure: {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "name a network (see cnnbench list), or give --all-applications"),
        (["vgg_block", "vgg16", "--view", "tree"], "--view: for one network, not to compare"),
        (["vgg_block", "vgg16", "--depth", "1", "--check"], "--depth, --check: for one network"),
        (["vgg_block", "--max-params", "1M", "--as", "thop"], "--as: for one network"),
        (["vgg_block", "vgg16", "-p", "n_conv=1"], "--param: for one network"),
        (["vgg_block", "vgg16", "--format", "mermaid"], "--format mermaid: for one network"),
        (["vgg_block", "vgg16", "resnet50", "--diagram", "a.svg"], "one network, or two side by"),
        (["vgg_block", "vgg16", "--figure", "a.png"], "needs --pareto, as top1:flops"),
        (["vgg_block", "vgg16", "--sort", "parameters"], "unknown column 'parameters'; did you"),
        (["vgg_block", "vgg16", "--pareto", "params"], "needs two columns, as top1:time"),
        (["vgg_block", "vgg16", "--max-params", "many"], "a count must look like 100M"),
        (["vgg_block", "vgg16", "--max-time", "20"], "a time must look like 4.16ms"),
        (["vgg_block", "vgg16", "--max-time", "20ms"], "where this machine is calibrated"),
        (["vgg_block", "vgg16", "--sort", "time"], "where this machine is calibrated"),
        (["no_such", "none.keras"], "no network can be analysed; no_such: unknown target"),
        (["vgg_block", "resnet18", "--input", "8x8"], "no network can be analysed; vgg_block: "),
    ],
)
def test_comparing_badly_is_one_line(capsys, options, message):
    assert message in refused(capsys, "analyze", *options)


# Other tools


def test_the_number_of_another_tool(capsys):
    text = out(capsys, "analyze", "resnet50", "-p", "version=v1.5", "--as", "fvcore")
    assert "4,111,512,576" in text  # printed by fvcore 0.1.5: tests/data/tools.csv
    found = json.loads(
        out(capsys, "analyze", "resnet50", "-p", "version=v1.5", "--as", "thop", "--format", "json")
    )
    assert found["total"] == sum(found["parts"].values()) == 4_133_742_592


def test_the_numbers_of_all_tools(capsys):
    argv = ("analyze", "resnet50", "-p", "version=v1.5", "--explain-differences")
    text = out(capsys, *argv)
    for tool, number in {"torch": "8,178,368,512", "ptflops": "4,132,436,968"}.items():
        assert any(line.split()[:2] == [tool, number] for line in text.splitlines())
    totals = {
        x["tool"]: x["total"] for x in json.loads(out(capsys, *argv, "--format", "json"))["tools"]
    }
    assert totals["deepspeed"] == 8_211_108_352
    assert out(capsys, *argv, "--format", "markdown").count("-:|") > 5


# Training, and what fits


def test_a_training_step(capsys):
    text = out(capsys, "analyze", "vgg_block", "--training", "sgd")
    assert "trained with sgd" in text
    assert "38,720" not in text  # the costs on paper are another table
    found = json.loads(
        out(capsys, "analyze", "vgg_block", "--training", "adam", "--format", "json")
    )
    assert found["bytes"]["slots"] == 2 * 4 * 38_720  # two values of 4 bytes for each parameter


def test_what_fits(capsys):
    # 577,967,336 parameters of 4 bytes are 2.15 GiB; to train, as many gradients and twice
    # as many slots of adam: 8.61 GiB.
    text = out(capsys, "analyze", "convlstm_vgg", "--memory", "8GiB")
    forward, trained = text.split("trained with adam")
    asked = [line.split() for line in text.splitlines() if line.startswith("asked")]
    assert [(row[1], row[2], row[-1]) for row in asked] == [
        ("1", "8x64x64x3", "yes"),
        ("1", "8x64x64x3", "no"),
    ]
    assert "largest batch" in forward
    assert "no batch fits" in trained
    argv = ("analyze", "vgg_block", "--memory", "1GB", "--training", "sgd", "--format", "json")
    found = json.loads(out(capsys, *argv))
    assert [fit["optimizer"] for fit in found["fits"]] == [None, "sgd"]
    assert all(fit["batch"]["needs"] <= 10**9 for fit in found["fits"])


# Formulas


def test_a_formula(capsys):
    text = out(capsys, "formula", "naive_inception_module")
    assert "parameters" in text
    assert "(n, H, W, C + f1 + f2 + f3)" in text
    assert out(capsys, "formula", "vgg_block", "--format", "latex").startswith("\\begin{aligned}")
    assert "```math" in out(capsys, "formula", "vgg_block", "-p", "H=8", "--format", "markdown")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nothing_like_it"], "unknown block or model 'nothing_like_it'"),
        (["vgg_block", "-p", "H=0"], "H must be a whole number"),
        (["vgg_block", "-p", "K=3"], "unknown parameter of vgg_block 'K'"),
        (["vgg_block", "--format", "html"], "html"),
    ],
)
def test_a_formula_that_there_is_not(capsys, argv, message):
    assert message in refused(capsys, "formula", *argv)


# Keras


@pytest.mark.tensorflow
def test_a_check_says_what_agrees(capsys):
    text = out(capsys, "analyze", "vgg_block", "--input", "8x8x3", "--check")
    assert text.count(" equal\n") == 4


@pytest.mark.tensorflow
def test_a_check_that_fails_is_status_1(capsys, monkeypatch):
    from cnnbench import graph
    from cnnbench.rule import Rule

    rule = graph.RULES["Conv2D"]

    def one_tap_more(x, *args, **kwargs):
        found = rule(x, *args, **kwargs)
        return Rule(found.shape, found.weights, macs=found.macs + 1)

    monkeypatch.setitem(graph.RULES, "Conv2D", one_tap_more)
    argv = ("analyze", "vgg_block", "--input", "8x8x3", "--check")
    text = out(capsys, *argv, status=1)
    assert "conv2d: multiply-adds" in text
    assert "DIFFERENT" in text
