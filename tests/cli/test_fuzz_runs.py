"""Random commands that run networks: exit status 0, or 2 with one line and nothing left behind.

Each follows from its number alone. What is right is measured, on times that are computed.
"""

import random
from pathlib import Path

import numpy as np
import pytest

from cnnbench.reporting.runs import page
from cnnbench.runner import session
from tests.support import opening
from tests.support.fuzz import WORDS, Command, elsewhere, fault_of

__all__ = ["elsewhere"]
pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("elsewhere")]

MODULE = """
import os, sys
import keras, numpy

def small(filters=2, shape=(8, 8, 3)):
    x = keras.Input(shape)
    return keras.Model(x, keras.layers.Conv2D(filters, 3)(x), name="small")

def open_size():
    return small(shape=(None, None, 3))

def data(batch=1):
    return numpy.ones((batch, 8, 8, 3))

def nan(batch=1):
    return data(batch) * numpy.nan

def raises(batch=1):
    raise ValueError("a reason\\n and more\\x1b[31m")

def exits(batch=1):
    sys.exit("\\udc80" * 3)

def leaves(batch=1):
    os._exit(3)

def nothing(batch=1):
    return None

number, text = 3, "x" * 5000
"""
GOOD = "vgg_block", "residual_module", "mine:small", "mine:open_size", "saved.keras", "older.h5"
BAD = (
    *(
        "vgg_blok",
        "gone.keras",
        "bad.keras",
        "cut.keras",
        "gone.h5",
        "folder",
        "tutorial",
        "x.toml",
    ),
    *("mine:raises", "mine:exits", "mine:leaves", "mine:nothing", "mine:number", "mine:text"),
    *("mine:absent", "mine:data", "no_such:f", "mine.py:small", "mine:", ":small", "mine:small:x"),
    *(word for word in WORDS if word not in ("x", "/", "..")),
)
LONG = "x" * 5000
OPTIONS = {
    "--batch": (["2", "1,2"], ["0", "1,0", "", "x", "1,,2", "-1", "9" * 30, "2,", "1.5", "\u0663"]),
    "--dtype": (["float32"], ["int7", "", "Float32", "float64", LONG, "\x1b[0m"]),
    "--mode": (["eager", "graph,train"], ["", "fast", "graph,", "GRAPH", "graph;xla", LONG]),
    "--data": (
        ["data.npz", "mine:data"],
        [
            *("gone.npz", "bad.npz", "nan.npz", "shape.npz", "none.npz", "folder", "mine:nan"),
            *("mine:raises", "mine:exits", "mine:leaves", "mine:nothing", "mine:small", "x", LONG),
        ],
    ),
    "-p": ([], ["x", "=", "nonsense=3", "x" * 5000 + "=3", "filters = ", "a\nb=3"]),
    "--device": (["cpu", "all"], ["gpu", "gpu:1", "tpu", ""]),
    "--timeout": (["60s"], ["0", "", "soon"]),
}
SIZES = ["8x8x3"], ["8x8", "3x8x8", "8x8x3,8x8x3", "0x8x3", "", "x", "9" * 30 + "x8x3", "8x8x3x1"]


@pytest.fixture(scope="module")
def ready():
    return session.start(opening.NAME)


@pytest.fixture
def files(ready, monkeypatch):
    import keras

    monkeypatch.setattr(session, "start", lambda *runtimes, some=False: ready)
    monkeypatch.setattr(page, "write", lambda folder, also: folder / "README.md")  # takes seconds
    Path("mine.py").write_text(MODULE)
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, keras.layers.Conv2D(2, 3)(x), name="small")
    model.save("saved.keras")
    model.save("older.h5")
    Path("bad.keras").write_bytes(b"rubbish")
    Path("cut.keras").write_bytes(Path("saved.keras").read_bytes()[:-40])
    Path("folder").mkdir()
    np.savez("data.npz", np.ones((2, 8, 8, 3)))
    np.savez("nan.npz", np.full((2, 8, 8, 3), np.nan))
    np.savez("shape.npz", np.ones((2, 8, 3)))
    np.savez("none.npz")
    Path("bad.npz").write_bytes(b"rubbish")


def of_targets(rng, number):
    """A run of some networks with some options, each right or wrong."""
    targets = rng.sample(GOOD, rng.randint(1, 3))
    right = rng.random() < 0.6
    if not right:
        targets.insert(rng.randrange(len(targets) + 1), rng.choice((*BAD, *BAD, targets[0])))
    good, bad = SIZES
    fine = rng.random() < 0.85
    right &= fine
    argv = ["--input", rng.choice(good if fine else bad)]
    for name in rng.sample([*OPTIONS], rng.randint(0, 2)):
        good, bad = OPTIONS[name]
        fine = bool(good) and rng.random() < 0.6
        right &= fine
        argv += [name, rng.choice(good if fine else bad)]
    if right:
        argv += ["--out", f"run{number}"]
    always = ("--runtime", opening.NAME, "--launches", "1", "--no-ceilings", "-q")
    return Command(("run", *targets, *argv, *always), right)


def paths():
    return {str(path) for path in Path().rglob("*") if "__pycache__" not in str(path)}


@pytest.mark.parametrize("chunk", range(3))
def test_runs_of_networks(files, chunk):
    faults = []
    ended = {True: 0, False: 0}
    for number in range(25):
        command = of_targets(random.Random(f"runs {chunk} {number}"), number)
        before = paths()
        faults.append(fault_of(command))
        ended[command.right] += 1
        made = paths() - before
        if made != (
            {f"run{number}", f"run{number}/measurements.jsonl"} if command.right else set()
        ):
            faults.append(f"{command.argv} leaves {made}")
    assert not any(faults), "\n\n".join(filter(None, faults))
    assert min(ended.values()) >= 5
