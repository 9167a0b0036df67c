"""Commands besides `run` that measure on a cluster: here local:2, of two pretended GPUs."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

import cnnbench
from cnnbench.cli import main
from cnnbench.errors import ClusterError
from cnnbench.host import environment
from cnnbench.prediction import calibration
from cnnbench.runner import session
from cnnbench.runs import store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="starts workers as processes")


@pytest.fixture
def two(tmp_path, monkeypatch):
    """The address of two workers of this machine, where nothing can be measured in this process."""
    pytest.importorskip("distributed")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def start(*names, some=False):
        raise AssertionError(f"{names} were started here")

    monkeypatch.setattr(session, "start", start)
    return "local:2"


def one_after_the_other(folder):
    """Whether no launch of a run began before the one before had ended."""
    launches = sorted((m.started, m.wall_s) for m in store.read(folder).measurements)
    # Cases that took turns share a launch.
    spans = sorted(set(launches))
    return all(begin + wall <= later for (begin, wall), (later, _) in pairwise(spans))


def test_rows_of_a_sweep_are_measured_there(two, tmp_path):
    found = cnnbench.sweep(
        "vgg_block",
        {"n_filters": [4, 8, 16]},
        (8, 8, 3),
        measure=3,
        runtime="fake",
        launches=2,
        cluster=two,
        out=tmp_path / "r",
    )
    assert [result.outcome for result in found.measured.results] == ["ok"] * 3
    assert [len(result.samples) for result in found.measured.results] == [2] * 3
    assert one_after_the_other(tmp_path / "r")


def test_a_claim_is_judged_by_a_run_there(two, capsys):
    # Of two launches an interval can be so wide that all is open: seeds are drawn.
    given = ["--measure", "--runtime", "fake", "--launches", "4", "--cluster", two]
    assert main(["verify", "reduction-computation", *given, "--out", "r"]) == 0
    assert "does not hold at C = 3," in capsys.readouterr().out
    measured = store.read(Path("r")).measurements
    assert {m.outcome for m in measured} == {"ok"}
    assert {m.launch for m in measured} == {0, 1, 2, 3}
    assert one_after_the_other(Path("r"))


def test_a_run_for_claims_that_ends_early_says_how_to_go_on(two, capsys):
    given = ["--measure", "--runtime", "fake", "--cluster", two, "--time-budget", "0.1s"]
    assert main(["verify", "reduction-computation", *given, "--out", "r"]) == 0
    told = capsys.readouterr().err
    assert told.rstrip().endswith("continue with --measure --resume --out r --cluster local:2")


def test_the_doctor_looks_at_a_machine_there(two):
    seen = []
    health = cnnbench.doctor(noise_s=2.0, runtime="fake", cluster=two, told=seen.append)
    first, *others = health.findings
    assert first.what == "machine"
    assert environment.machine()["host"] in first.value
    assert {"memory", "clock"} <= {finding.what for finding in others}
    assert health.noise.launches > 1
    assert seen[0].findings == health.findings
    assert seen[0].noise is None
    assert cnnbench.doctor(noise_s=None, runtime="fake", cluster=two).noise is None


def test_a_machine_there_is_calibrated_once(two, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "CASES", calibration.CASES[::2])  # the fake has half
    monkeypatch.setattr(calibration, "LAUNCHES", 1)
    first = cnnbench.predict("vgg_block", (8, 8, 3), runtime="fake", cluster=two)
    # The fake's own formula: 20 us a call, 10 us a layer after the input, 1 ns per 100 FLOPs.
    truth = 20e-6 + 10e-6 * (len(first.cost.layers) - 1) + first.cost.flops / 100 / 1e9
    assert first.time.value == pytest.approx(truth, rel=0.3)
    assert first.calibration.machine["host"] == "any of this kind"
    assert first.calibration.machine["cpu"] == environment.machine()["cpu"]
    monkeypatch.setattr(calibration, "_measured", None)  # nothing could be measured again
    again = cnnbench.predict("vgg_block", (8, 8, 3), runtime="fake", cluster=two)
    assert again.calibration == first.calibration
    # It is not that of this machine by itself, which has none.
    assert calibration.stored("fake") is None


@pytest.mark.parametrize(
    "command",
    [
        ["sweep", "vgg_block", "--measure", "1", "--runtime", "fake"],
        ["verify", "reduction-computation", "--measure", "--runtime", "fake"],
        ["doctor", "--runtime", "fake"],
        ["predict", "vgg_block", "--runtime", "fake"],
        ["run", "vgg_block", "--runtime", "fake"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_refuses_what_is_no_address(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--cluster", "nonsense"]) == 2
    said = capsys.readouterr()
    assert "--cluster must be the address of a dask scheduler, as HOST:8786" in said.err
    assert said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["sweep", "vgg_block"], "--cluster is where to measure; say how many rows with --measure"),
        (["verify"], "--cluster goes with --measure"),
    ],
)
def test_without_anything_to_measure_a_cluster_is_refused(command, message, capsys):
    assert main([*command, "--cluster", "lab:8786"]) == 2
    assert message in capsys.readouterr().err


def test_in_python_a_wrong_address_is_an_error_too():
    for call in (cnnbench.doctor, lambda **of: cnnbench.predict("vgg_block", **of)):
        with pytest.raises(ClusterError, match="must be the address"):
            call(runtime="fake", cluster="nonsense")
