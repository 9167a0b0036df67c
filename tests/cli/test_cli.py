"""The commands as a person types them, in this process, with the fake runtime."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from cnnbench.cli import main
from cnnbench.runs import store
from cnnbench.stats import Stop
from tests.support import ROOT, misbehaving_slowly

SUITE = """
launches = 2
time_budget = 60
[[block]]
name = "naive"
target = "naive_inception_module"
inputs = ["16x16x3", "32x32x3", "64x64x3"]
[[block]]
name = "reduced"
target = "inception_module"
inputs = ["16x16x3", "32x32x3", "64x64x3"]
[[compare]]
title = "1x1 reductions"
base = "naive"
new = "reduced"
size = "28x28"
channels = [3, 64, 192]
show = [3, 192]
"""

SMALL = """
launches = 2
time_budget = 60
[[block]]
name = "naive"
target = "naive_inception_module"
inputs = ["64x64x3", "128x128x3", "256x256x3"]
"""

TINY = """
[[block]]
name = "naive"
target = "naive_inception_module"
inputs = ["16x16x3"]
"""

FAKE = ("--runtime", "fake", "--launches", "2", "--out", "r")


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(SUITE)
    return "mine.toml"


@pytest.fixture
def tiny(suite, undrawn):
    """The suite of one case, where it does not matter what is measured."""
    Path(suite).write_text(TINY)
    return suite


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with the suite and its run in `r`, and what the command printed."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "mine.toml").write_text(SUITE)
    with contextlib.chdir(folder), redirect_stdout(StringIO()) as printed:
        assert main(["run", "mine.toml", *FAKE, "--seed", "3"]) == 0
    return folder, printed.getvalue()


@pytest.fixture
def measured(finished, tmp_path, monkeypatch):
    """A copy of that folder, which is the current one, and what the command printed."""
    folder, printed = finished
    shutil.copytree(folder, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return printed


def refused(capsys, *argv):
    """The message of a command that must end with status 2 and one line."""
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("cnnbench: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err


def test_analyze_prints_every_layer_the_totals_and_the_convention(capsys):
    assert main(["analyze", "vgg_block", "--input", "256x256x3"]) == 0
    out = capsys.readouterr().out
    for text in (
        "vgg_block(n_filters=64, n_conv=2)",
        "conv2d_1",
        "1x128x128x64",
        "38,720",
        "FLOPs = 2 x MACs + elementwise",
    ):
        assert text in out


def test_analyze_takes_parameters_batch_and_dtype_and_prints_json(capsys):
    argv = ["analyze", "vgg_block", "--input", "8x8x4", "--batch", "2", "--dtype", "float16"]
    assert main([*argv, "-p", "n_filters=5", "-p", "n_conv=1", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    # One 3x3 convolution from 4 to 5 channels: 3*3*4*5 weights and 5 biases, 2 bytes each.
    assert data["totals"]["parameters"] == 185
    assert data["totals"]["weight_bytes"] == 370
    assert data["totals"]["macs"] == 2 * 8 * 8 * 5 * 36
    assert [layer["output_shape"] for layer in data["layers"]][-1] == [2, 4, 4, 5]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_csv_and_json_have_every_layer(capsys, form):
    assert main(["analyze", "resnet50", "--format", form]) == 0
    assert "conv2d_52" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_text_folds_a_large_network_into_its_blocks(capsys, form):
    assert main(["analyze", "resnet50", "--format", form]) == 0
    out = capsys.readouterr().out
    assert "resnet_bottleneck_15" in out
    assert "conv2d_52" not in out
    assert "25,557,032" in out


def test_list_names_blocks_models_and_suites(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for name in ("vgg_block", "resnet50_tutorial", "googlenet", "tutorial"):
        assert name in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["analyze", "vgg_blok"], "unknown target 'vgg_blok'; did you mean vgg_block"),
        (["analyze", "zzz"], "unknown target 'zzz'; none of the "),
        (["analyze"], "name a network (see cnnbench list), or give --all-applications"),
        (["report"], "Missing argument"),
        (["analyse", "vgg_block"], "No such command"),
        (["analyze", "vgg_block", "--frmat", "csv"], "No such option"),
        (["analyze", "vgg_block", "--format", "xml"], "xml"),
        (["analyze", "vgg_block", "--input", "0x0x3"], "must be at least 1; got '0x0x3'"),
        (["analyze", "vgg_block", "--input", "-1x4x3"], "must look like 224x224x3; got '-1x4x3'"),
        (
            ["analyze", "vgg_block", "--input", "224"],
            "vgg_block takes an input like 256x256x3; got 224",
        ),
        (["analyze", "vgg_block", "--batch", "0"], "got batch 0"),
        (["analyze", "vgg_block", "--batch", "-1"], "got batch -1"),
        (["analyze", "vgg_block", "--batch", "many"], "'--batch'"),
        (["analyze", "vgg_block", "--dtype", "int8", "--training", "sgd"], "step in int8 is not"),
        (["analyze", "vgg_block", "--dtype", "int4"], "mixed_bfloat16, int8; got 'int4'"),
        (["analyze", "vgg_block", "-p", "n_filters"], "must look like n_filters=64"),
        (["analyze", "vgg_block", "-p", "filters=3"], "did you mean n_filters?"),
        (
            ["analyze", "vgg_block", "-p", "n_filters=-1"],
            "layer vgg_block/conv2d (Conv2D): filters",
        ),
        (["analyze", "vgg_block", "-p", "n_filters=x"], "got 'x'"),
        (["analyze", "vgg_block", "-p", "n_filters={[]:1}"], "got '{[]:1}'"),
        (["analyze", "vgg_block", "-p", "batch_size=3"], "unknown parameter of vgg_block"),
        (["analyze", "vgg_block", "-p", "target=3"], "unknown parameter of vgg_block"),
        (["analyze", "vgg_block", "-p", "n_conv=1000000000"], "n_conv must be at most 1000"),
        (
            ["analyze", "vgg_block", "-p", f"n_filters={'9' * 4200}"],
            "filters must be at most 1e+18",
        ),
        (["analyze", "vgg_block", "--input", f"{'9' * 5000}x8x3"], "at most 18 digits; got '999"),
        (
            ["analyze", "vgg_block", "--batch", "9" * 30],
            "sizes must be at most 1e+18; got a larger one",
        ),
        (["analyze", "resnet50_tutorial", "--input", "1x1x3"], "(MaxPooling2D)"),
        (["analyze", "identity_block", "--input", "8x8x3"], "(Add): inputs must have one shape"),
        (["run", "nothing"], "unknown network or suite 'nothing'; none of the "),
        (["run", "tutorail"], "unknown network or suite 'tutorail'; did you mean tutorial or"),
        (["run", "vgg_blok"], "unknown network or suite 'vgg_blok'; did you mean vgg_block"),
        (["run", "nothing.toml"], "cannot read the suite nothing.toml: No such file"),
        (["run", "--time-budget", "soon"], "a duration must look like 90s"),
        (["run", "--time-budget", "0"], "a duration must look like 90s"),
        (["run", "--launches", "0"], "launches"),
        (["run", "--device", "tpu"], "tpu"),
        (["run", "--runtime", "tensorflwo"], "unknown runtime 'tensorflwo'; did you mean"),
        (["run", "--runtime", "no.such.module"], "no.such.module"),
        (["report", "/nonexistent"], "no run in /nonexistent"),
        (["report", ".", "--figures", "svg,gif"], "unknown format of a figure 'gif'; known: pdf"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, monkeypatch, tmp_path, argv, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, *argv)
    assert list(tmp_path.iterdir()) == []


def test_no_arguments_show_the_help(capsys):
    assert main([]) == 2
    assert "Commands" in capsys.readouterr().err


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("cnnbench 0.")


def test_run_measures_everything_and_writes_the_report(measured):
    out = measured.splitlines()
    run = store.read(Path("r"))
    assert len(run.plan.cases) == 12
    assert len(run.measurements) == 24
    assert all(m.ok for m in run.measurements)
    assert len([line for line in out if line.startswith("[")]) == 24
    assert out[0].endswith(": 12 cases on fake")
    assert out[-1] == "report: r/README.md"
    for name in ("README.md", "index.html", "results.csv", "measurements.jsonl"):
        assert (Path("r") / name).stat().st_size > 0
    assert list(Path("r").glob("*.png"))


def test_without_a_number_of_launches_it_goes_on_until_the_intervals_are_narrow(suite, undrawn):
    Path(suite).write_text(SMALL)
    argv = ["run", suite, "--runtime", "fake", "--out", "r", "-q", "--precision", "5%"]
    assert main(argv) == 0
    run = store.read(Path("r"))
    assert (run.plan.launches, run.plan.precision) == (2, 0.05)
    assert run.stops.keys() == {case.id for case in run.plan.cases}
    # The fake's launches differ by 3 %: in some cases six are enough, in none are two.
    counts = Counter(m.case.id for m in run.measurements)
    assert min(counts.values()) >= 6
    assert set(run.stops.values()) <= {Stop.PRECISE, Stop.STALLED}


def test_quiet_prints_only_where_the_report_is(capsys, tiny):
    assert main(["run", tiny, *FAKE, "--quiet"]) == 0
    assert capsys.readouterr().out == "r/README.md\n"


def test_json_prints_objects_only(capsys, tiny):
    assert main(["run", tiny, *FAKE, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events] == ["launch"] * 2 + ["end"]
    assert events[-1] == {"event": "end", "reason": "done", "report": "r/README.md"}


def test_without_a_name_a_run_gets_a_folder_of_its_own(capsys, tiny):
    assert main(["run", tiny, "--runtime", "fake", "--launches", "1"]) == 0
    (folder,) = Path("reports").iterdir()
    assert folder.name.startswith("mine-")


def test_a_second_run_into_a_folder_is_refused_and_resume_completes_it(capsys, measured, undrawn):
    path = Path("r") / store.FILE
    whole = path.read_bytes()
    message = refused(capsys, "run", "mine.toml", "--runtime", "fake", "--out", "r")
    assert "already holds a run; continue it with --resume" in message
    assert path.read_bytes() == whole
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:10]) + lines[10][:30])  # as kill -9 leaves it
    assert main(["run", "mine.toml", "--out", "r", "--resume"]) == 0
    run = store.read(Path("r"))
    assert len(run.measurements) == 24
    assert len(run.bad_lines) == 1
    assert "measurements.jsonl:11" in (Path("r") / "README.md").read_text()


def test_resume_takes_the_newest_run_of_the_suite(capsys, tiny):
    assert "no run of mine" in refused(capsys, "run", tiny, "--resume")
    assert main(["run", tiny, "--runtime", "fake", "--launches", "1"]) == 0
    assert main(["run", tiny, "--resume"]) == 0
    assert len(list(Path("reports").iterdir())) == 1


def test_a_run_is_not_continued_with_another_suite(capsys, tiny):
    assert main(["run", tiny, "--runtime", "fake", "--out", "r", "--launches", "1"]) == 0
    capsys.readouterr()
    message = refused(capsys, "run", "tutorial", "--out", "r", "--resume")
    assert "r holds a run of mine, not of tutorial" in message


def test_a_run_is_not_continued_on_another_machine(capsys, tiny):
    assert main(["run", tiny, *FAKE]) == 0
    path = Path("r") / store.FILE
    path.write_text(path.read_text().replace('"fake":"1"', '"fake":"0"'))
    capsys.readouterr()
    message = refused(capsys, "run", tiny, "--out", "r", "--resume")
    assert "was measured with fake 0, this is 1" in message


def test_asking_for_a_gpu_that_is_not_there_is_an_error(capsys, suite):
    message = refused(capsys, "run", suite, "--runtime", "fake", "--device", "gpu")
    assert "no gpu here: the runtime sees cpu only; use --device cpu" in message
    assert not Path("reports").exists()


def test_an_unwritable_folder_is_refused_before_anything_runs(capsys, suite):
    message = refused(capsys, "run", suite, "--runtime", "fake", "--out", "mine.toml/r")
    assert "cannot write to mine.toml/r" in message


def test_report_renders_a_stored_run_again(measured):
    before = {path.name: path.read_bytes() for path in Path("r").iterdir()}
    for path in Path("r").iterdir():
        if path.name != store.FILE:
            path.unlink()
    assert main(["report", "r"]) == 0
    assert {path.name: path.read_bytes() for path in Path("r").iterdir()} == before


def test_ctrl_c_ends_a_run_with_what_is_finished_saved_and_reported(tiny):
    command = [sys.executable, "-m", "cnnbench", "run", tiny, "--runtime", "fake", "--out", "r"]
    root = ROOT
    with subprocess.Popen(
        [*command, "--launches", "500"],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        for line in process.stdout:
            if line.startswith("[5/"):
                break
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: " in out
    assert "report: r/README.md" in out
    assert err == ""
    run = store.read(Path("r"))
    assert len(run.measurements) >= 5
    assert run.bad_lines == ()


def test_a_worker_killed_from_outside_costs_one_launch(tiny, tmp_path):
    command = [sys.executable, "-m", "cnnbench", "run", tiny, "--out", "r", "--no-ceilings"]
    children = tmp_path / "children"
    children.touch()
    env = {**os.environ, "PYTHONPATH": str(ROOT), misbehaving_slowly.CHILDREN: str(children)}
    with subprocess.Popen(
        [*command, "--runtime", misbehaving_slowly.__name__, "--launches", "3"],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            if line.startswith("[2/"):
                break
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            # Not the reference of a launch.
            ours = re.findall(r"^naive (\d+)\n", children.read_text(), re.MULTILINE)
            if len(ours) == 3:  # the child of the third launch is there
                os.kill(int(ours[-1]), signal.SIGKILL)
                break
            time.sleep(0.01)
        process.communicate(timeout=120)
    assert process.returncode == 0
    outcomes = [m.outcome for m in store.read(Path("r")).measurements]
    assert outcomes.count("killed") == 1
    assert outcomes.count("ok") == 2


def test_the_functions_return_records_and_frames(suite, undrawn):
    import cnnbench

    finished = cnnbench.run(suite, runtime="fake", out="r", launches=1)
    assert finished.ending.reason == "done"
    frame = cnnbench.results(finished.folder)
    assert len(frame) == 12
    assert frame.set_index(["label", "input"]).loc[("naive", "28x28x192"), "parameters"] == 387_296
    assert (frame.time_s > 0).all()
    assert cnnbench.report(finished.folder) == finished.page


def test_a_report_that_cannot_be_written_is_an_error(capsys, tiny, monkeypatch):
    main(["run", tiny, "--runtime", "fake", "--out", "r", "--launches", "1"])
    capsys.readouterr()
    Path("r/results.csv").unlink()
    Path("r/results.csv").mkdir()
    assert "cannot write the report to r: Is a directory" in refused(capsys, "report", "r")
