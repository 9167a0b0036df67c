"""How long it takes to know what a model costs."""

import subprocess
import sys

import pytest

from cnnbench import analyze


@pytest.mark.parametrize("target", ["inception_module", "vgg16", "googlenet", "resnet50"])
def test_warm_in_process(benchmark, target):
    benchmark.group = "analyze, warm"
    cost = benchmark(analyze, target)
    assert cost.macs > 0


def test_cold_from_a_shell(benchmark):
    benchmark.group = "analyze, cold"
    command = [sys.executable, "-m", "cnnbench", "analyze", "resnet50"]
    done = benchmark.pedantic(
        subprocess.run,
        (command,),
        {"capture_output": True, "check": True},
        rounds=10,
        warmup_rounds=2,
    )
    assert b"25,557,032" in done.stdout


def test_suite_is_checked_before_a_run(benchmark):
    from cnnbench.cases import suites

    benchmark.group = "analyze, warm"
    assert benchmark(suites.load, "tutorial").name == "tutorial"
