"""SavedModels from strangers: each is analysed, or refused in one line, in bounded time and memory.

They are programs, so nothing is said of what they run: see `docs/explanation/safety.md`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from cnnbench import networks
from cnnbench.errors import TargetError
from cnnbench.networks import stored
from tests.support import ROOT
from tests.support.hostile import COUNT, LIMIT_S, tree_of
from tests.support.saved_models import GRAPH, INDEX, MARK, MOST_KIB, READ, REFUSED, WEIGHTS

CHUNKS = 2
"""TensorFlow is imported once in each."""
SHARE = 10
"""One takes a second and more, a file a tenth of that: so many times fewer are tried."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A SavedModel as Keras writes it."""
    folder = tmp_path_factory.mktemp("saved") / "whole"
    x = keras.Input((8, 8, 3))
    y = keras.layers.Conv2D(4, 3, activation="relu")(x)
    y = keras.layers.BatchNormalization()(y)
    y = keras.layers.GlobalAveragePooling2D()(y)
    keras.Model(x, keras.layers.Dense(2)(y)).export(folder, verbose=False)
    return folder


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each is opened in a fork")
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_saved_model_that_somebody_changed_is_read_or_refused(whole, tmp_path, chunk):
    before, count = tree_of(whole), COUNT // SHARE // CHUNKS
    done = subprocess.run(
        (sys.executable, "-m", "tests.support.saved_models", whole, str(chunk * count), str(count)),
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == count
    faults = [
        x
        for x in found
        if x["status"] not in (READ, REFUSED) or x["seconds"] > LIMIT_S or x["kib"] > MOST_KIB
    ]
    assert not faults
    assert {READ, REFUSED} <= {x["status"] for x in found}
    assert tree_of(whole) == before
    assert [path.name for path in tmp_path.iterdir()] == ["said"]


@pytest.mark.parametrize("name", [GRAPH, f"{GRAPH}txt", INDEX, WEIGHTS, MARK])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_in_a_saved_model_is_refused(tmp_path, name, kind):
    (tmp_path / "variables").mkdir()
    (tmp_path / GRAPH).touch()
    (tmp_path / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(tmp_path / name)
    else:
        (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(TargetError, match=f"{Path(name).name} is a pipe or a device; copy what"):
        networks.resolve(str(tmp_path))
    if name == GRAPH:
        assert networks.Network(str(tmp_path)).file_digest() == ""


def test_the_graph_of_a_saved_model_is_bounded(tmp_path):
    with (tmp_path / GRAPH).open("wb") as file:
        file.truncate(stored.LARGEST_GRAPH + 1)
    with pytest.raises(TargetError, match=r"saved_model\.pb is of .* are read; keep the weights"):
        networks.resolve(str(tmp_path))
    assert networks.Network(str(tmp_path)).file_digest() == ""
