"""The commands in a window of 80 or 120 columns, their help, and what a shell completes."""

import os
import re
import shlex
import subprocess
import sys
from functools import reduce
from pathlib import Path

import pytest

from cnnbench import cli
from cnnbench.cli import main
from tests.support import ROOT
from tests.support.window import plain, typed, widest

LEAVES = {
    **{(name,): each for name, each in cli.command.commands.items() if name != "baseline"},
    **{("baseline", n): each for n, each in cli.command.commands["baseline"].commands.items()},
}


@pytest.fixture(autouse=True)
def _a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def baseline():
    """A baseline that is there to be completed and listed."""
    argv = ["baseline", "save", "main-branch", str(ROOT / "reports/applications-cpu")]
    assert main([*argv, "--replace"]) == 0  # it may be made twice in a process
    return "main-branch"


# What fits


COMMANDS = [
    "list",
    "analyze resnet50",
    "analyze vgg_block vgg16 MobileNetV2 nothing_like_it --sort flops",
    "analyze NASNetMobile --view layers --top 3",
    "analyze ResNet50 --view tree --depth 2",
    "analyze resnet50 --view types",
    "analyze resnet50 --explain-differences",
    "analyze resnet50 --as deepspeed",
    "analyze resnet50 --training adam",
    "analyze resnet50 --memory 8GiB",
    "formula inception_module",
    "sweep inception_module -p f2_in=16:64:x2 -p f1=8,16 --batch 1:2 --max-peak 900MiB",
    "verify",
    "verify less-compute-more-weights googlenet-table1",
    "verify vgg-params resnet50-faster-vgg16 --run reports/sample-cpu",
    "compare reports/sample-cpu --blocks 'naive inception' 'reduced inception'",
    "compare main-branch reports/sample-cpu --metric memory",
    "roofline --on T4",
    "roofline MobileNet --on A100 --time 4.16ms",
    "doctor --no-noise",
    "baseline list",
]
WIDER = ["list", "analyze resnet50", "verify", "doctor --no-noise"]


@pytest.mark.parametrize(
    ("command", "columns"), [*((each, 80) for each in COMMANDS), *((each, 120) for each in WIDER)]
)
def test_no_line_is_wider_than_the_window(baseline, monkeypatch, command, columns):
    monkeypatch.chdir(ROOT)
    status, text = typed(shlex.split(command), columns)
    assert status == 0
    assert text.count("\n") > 2
    assert widest(text) <= columns


@pytest.mark.parametrize("names", [(), *LEAVES], ids=" ".join)
def test_no_line_of_any_help_is_wider_than_the_window(names):
    for columns, option in ((80, "-h"), (120, "--help")):
        status, text = typed([*names, option], columns)
        assert status == 0
        assert widest(text) <= columns
        syntax = ("[ARGS]...", "]...", "}...", ", ...")  # of arguments that may be repeated
        assert "..." not in reduce(lambda rest, part: rest.replace(part, ""), syntax, text)


def test_a_run_shows_a_bar_and_an_answer_that_fits(undrawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv = ["run", "vgg_block", "naive_inception_module", "--input", "16x16x3", "--out", "r"]
    status, text = typed([*argv, "--runtime", "fake", "--launches", "2", "--no-ceilings"], 80)
    assert status == 0
    assert "4/4" in text
    assert text.endswith("\nreport: r/README.md\n")
    assert widest(text) <= 80


def test_a_bar_that_never_moved_is_wiped_out():
    text = typed(["roofline", "--on", "T4"], 80)[1]
    assert "\x1b[1A\x1b[2K" in text.rpartition("starting")[2]  # a line up, and cleared


def test_columns_that_have_no_room_are_named_and_wide_shows_them():
    argv = ["analyze", "resnet50"]
    text = plain(typed(argv, 80)[1])
    assert "left out: MACs, share of FLOPs, receptive field (--wide shows all)\n" in text
    assert "left out" not in plain(typed(argv, 120)[1])
    wide = plain(typed([*argv, "--wide"], 80)[1])
    assert "left out" not in wide
    assert re.search(r"^part +layers +shape +parameters +MACs +FLOPs +of FLOPs", wide, re.M)
    assert plain(typed(argv, 80)[1]) == text  # the next command does not remember it


def test_a_pipe_gets_all_columns_and_no_colour(capsys):
    assert main(["verify"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.splitlines()[0].split() == ["claim", "on", "paper", "measured", "evidence"]
    assert "\u2500" not in out  # the line below the headers in a window
    assert main(["analyze", "resnet50"]) == 0
    out = capsys.readouterr().out
    assert "left out" not in out
    assert "receptive" in out.splitlines()[2]


def test_verdicts_are_coloured_unless_nobody_wants_it(monkeypatch):
    argv = ["verify", "less-compute-more-weights"]
    assert "On paper: \x1b[31mrefuted\x1b[0m" in typed(argv, 80)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "On paper: refuted" in typed(argv, 80)[1]


def test_a_terminal_without_our_letters_gets_question_marks():
    command = [sys.executable, "-m", "cnnbench", "analyze", "vgg_three_blocks", "--view", "tree"]
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "\n? conv2d_1 " in done.stdout
    assert done.stderr == ""


# Help


def test_the_help_of_all_has_a_line_for_each_command_that_is_not_cut(capsys):
    assert main(["-h"]) == 0
    out = capsys.readouterr().out
    for (first, *_), command in LEAVES.items():
        summary = cli.command.commands[first].help.split("\n\n")[0]
        assert re.search(rf"^  {first} +{re.escape(summary)}$", out, re.M), command.name


@pytest.mark.parametrize("names", LEAVES, ids=" ".join)
def test_each_help_has_two_examples_that_can_be_typed(capsys, names):
    assert main([*names, "-h"]) == 0
    _, examples = capsys.readouterr().out.split("  Examples:\n")
    lines = examples.splitlines()
    assert len(lines) == 2
    for line in lines:
        program, *argv = shlex.split(line.split(" | ")[0])
        assert (program, *argv[: len(names)]) == ("cnnbench", *names)
        LEAVES[names].make_context(names[-1], argv[len(names) :])  # raises if it is refused


@pytest.mark.parametrize(
    "command",
    [
        *("analyze", "formula", "sweep", "report", "compare", "export", "predict"),
        *("baseline", "baseline save", "baseline save x", "baseline remove"),
    ],
)
def test_what_is_missing_is_answered_with_an_example(capsys, command):
    assert main(command.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    example = re.search(r"or example: (cnnbench .+)$", line)[1]
    assert example.split()[1] == command.split()[0]
    assert len(example.split()) >= 3


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("analyse x", "'analyse'. Did you mean 'analyze'? See: cnnbench -h"),
        ("list x", "(x). See: cnnbench list -h"),
        (
            "export r --format x",
            "'--format': 'x' is not one of 'csv', 'parquet', "
            "'pytest-benchmark'. See: cnnbench export -h",
        ),
        ("baseline lst", "'lst'. Did you mean 'list'? See: cnnbench baseline -h"),
    ],
)
def test_what_is_wrong_is_answered_with_where_to_read(capsys, command, hint):
    assert main(command.split()) == 2
    assert capsys.readouterr().err.endswith(hint + "\n")


# Completion


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ro", ["roofline"]),
        ("analyze alex", ["alexnet", "alexnet_2012"]),
        ("analyze resnet50 MobileNetV3", ["MobileNetV3Small", "MobileNetV3Large"]),
        ("formula Mobile", []),  # no Keras model
        ("predict vgg1", ["vgg16", "vgg19"]),
        ("run tut", ["tutorial"]),
        ("verify three-", ["three-3x3-for-7x7"]),
        ("compare main", ["main-branch"]),
        ("baseline remove main", ["main-branch"]),
        ("analyze vgg16 --exp", ["--explain-differences"]),
        ("analyze vgg16 --format c", ["csv"]),
        ("analyze vgg16 --sort top", ["top1"]),
    ],
)
def test_a_shell_completes(baseline, monkeypatch, capsys, typed, offered):
    words = typed.split()
    monkeypatch.setenv("_CNNBENCH_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"cnnbench {typed}")
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    with pytest.raises(SystemExit):
        main([])
    assert capsys.readouterr().out.split() == offered


def test_completion_can_be_installed(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: "fish")
    with pytest.raises(SystemExit):
        main(["--install-completion"])
    (script,) = Path(tmp_path).rglob("cnnbench.fish")
    assert "_CNNBENCH_COMPLETE=complete_fish" in script.read_text()
