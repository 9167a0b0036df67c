"""A block in one line of somebody's own benchmark."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnnbench import api
from cnnbench.benchmarking import forward
from cnnbench.cases.case import Case
from cnnbench.errors import ShapeError, UnknownNameError
from cnnbench.runs import pytest_benchmark

TEST = """
from cnnbench.benchmarking import forward

def test_block(benchmark):
    benchmark(forward("vgg_block", (8, 8, 3), n_filters=4, runtime="fake"))

def test_known(benchmark):
    step = forward("vgg_block", (8, 8, 3), n_filters=4, runtime="fake")
    benchmark.extra_info.update(step.extra_info)
    benchmark.pedantic(step, rounds=5)
"""


def test_a_test_of_one_line_is_timed_and_its_json_compared(tmp_path):
    """With pytest-benchmark itself, in a process of its own."""
    (tmp_path / "test_mine.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    speed = ["--benchmark-max-time=0.01", "--benchmark-min-rounds=3", "--benchmark-warmup=off"]
    # It times nothing inside a worker of pytest-xdist, whose variables a process inherits.
    settings = {"PYTHONPATH": str(Path(api.__file__).parents[2]), "PYTEST_XDIST_WORKER": ""}
    done = subprocess.run(
        [*command, *speed, "--benchmark-json=a.json", "test_mine.py"],
        cwd=tmp_path,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kept = json.loads((tmp_path / "a.json").read_text())["benchmarks"]
    assert kept[0]["stats"]["rounds"] >= 3
    block, known = pytest_benchmark.read(tmp_path / "a.json").series
    assert block.key == "test_mine.py::test_block"
    assert known.key == Case("vgg_block", (8, 8, 3), {"n_filters": 4}, runtime="fake").id
    # One 3x3 convolution from 3 to 4 channels and one from 4 to 4: 27*4+4 and 36*4+4.
    assert known.params == 260
    assert block.time.value > 0
    changes = api.compare(tmp_path / "a.json", tmp_path / "a.json").changes
    assert [c.name for c in changes] == ["test_block", "test_known"]


def test_the_size_is_the_catalogue_s_where_none_is_given():
    assert forward("vgg_block", runtime="fake").case.input_shape == (256, 256, 3)


def test_what_a_framework_reads_when_it_is_imported_is_set_unless_somebody_did(monkeypatch):
    monkeypatch.setattr("cnnbench.runtimes.fake.ENVIRONMENT", {"CB_A": "ours", "CB_B": "ours"})
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ["CB_B"] = "theirs"
    forward("vgg_block", (8, 8, 3), runtime="fake")
    assert (os.environ["CB_A"], os.environ["CB_B"]) == ("ours", "theirs")


def test_what_is_wrong_is_said_before_a_framework_is_loaded():
    with pytest.raises(UnknownNameError, match="did you mean vgg_block"):
        forward("vgg_blok")
    with pytest.raises(UnknownNameError, match="parameter of vgg_block 'filters'"):
        forward("vgg_block", filters=3)
    with pytest.raises(UnknownNameError, match="tensorflow has no data type int8"):
        forward("vgg_block", dtype="int8")
    with pytest.raises(UnknownNameError, match="unknown mode 'fast'"):
        forward("vgg_block", mode="fast")
    with pytest.raises(UnknownNameError, match="unknown runtime 'tensorflw'"):
        forward("vgg_block", runtime="tensorflw")
    with pytest.raises(ShapeError):
        forward("vgg_block", (1, 1, 3))


@pytest.mark.tensorflow
def test_a_call_is_a_forward_pass_of_the_keras_model(monkeypatch):
    import keras

    step = forward("vgg_block", (8, 8, 3), batch_size=2, mode="eager", n_filters=4)
    assert step.prepared.check.equal
    seen, call = [], keras.Model.__call__
    monkeypatch.setattr(
        keras.Model, "__call__", lambda self, x, **how: seen.append(x.shape) or call(self, x, **how)
    )
    step()
    step()
    assert seen == 2 * [(2, 8, 8, 3)]


THREADS = """
import tensorflow as tf
from cnnbench.benchmarking import forward

forward("vgg_block", (8, 8, 3), threads=1)()
print(tf.config.threading.get_intra_op_parallelism_threads())
"""


@pytest.mark.tensorflow
def test_it_runs_with_as_many_threads_as_asked():
    found = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, check=True
    )
    assert found.stdout == "1\n"
