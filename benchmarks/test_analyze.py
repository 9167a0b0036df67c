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


OPENED = {
    "ResNet50": "keras.applications.ResNet50(weights=None)",
    "ResNet50.keras": "keras.saving.load_model('ResNet50.keras')",
    "ResNet50.h5": "keras.saving.load_model('ResNet50.h5')",
}
"""What is analysed, and how Keras opens the same."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the two files."""
    keras = pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("saved")
    model = keras.applications.ResNet50(weights=None)
    for suffix in ("keras", "h5"):
        model.save(folder / f"ResNet50.{suffix}")
    return folder


def cold(benchmark, folder, *command):
    """Time a Python of its own."""
    return benchmark.pedantic(
        subprocess.run,
        ([sys.executable, *command],),
        {"capture_output": True, "check": True, "cwd": folder},
        rounds=10,
        warmup_rounds=2,
    )


@pytest.mark.parametrize(
    ("target", "params"),
    [("resnet50", b"25,557,032"), *((target, b"25,636,712") for target in OPENED)],
)
def test_cold_from_a_shell(benchmark, saved, target, params):
    benchmark.group = f"{target}, cold"
    done = cold(benchmark, saved, "-m", "cnnbench", "analyze", target)
    assert params in done.stdout


@pytest.mark.parametrize("target", OPENED)
def test_keras_opens_the_same(benchmark, saved, target):
    benchmark.group = f"{target}, cold"
    count = f"import keras; print({OPENED[target]}.count_params())"
    assert b"25636712" in cold(benchmark, saved, "-c", count).stdout


def test_suite_is_checked_before_a_run(benchmark):
    from cnnbench.cases import suites

    benchmark.group = "analyze, warm"
    assert benchmark(suites.load, "tutorial").name == "tutorial"
