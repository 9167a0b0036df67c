"""From targets to a plan: networks that children open, and every way in which one cannot be had.

One server forks all children, so that Keras is imported once.
"""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cnnbench.cli import main
from cnnbench.networks import Network
from cnnbench.runner import session
from cnnbench.runs import store
from tests.support import ROOT, opening

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("undrawn")]

MODULE = """
import os, signal, sys, time
import keras

print("rubbish at import")

def small(filters=2, shape=(8, 8, 3), name=None):
    x = keras.Input(shape)
    return keras.Model(x, keras.layers.Conv2D(filters, 3)(x), name=name)

def prints():
    print("rubbish {")
    os.write(1, b"more rubbish")
    os.write(2, b"and more")
    return small()

def raises():
    raise ValueError("a reason\\nand a second line")

def exits():
    sys.exit("use it so")

def leaves():
    os._exit(3)

def crashes():
    os.kill(os.getpid(), signal.SIGSEGV)

def sleeps():
    time.sleep(600)

def nothing():
    pass

def open_size():
    return small(shape=(None, None, 3))

number = 3
"""


@pytest.fixture(scope="module")
def ready():
    """A session whose children have Keras at once."""
    return session.start(opening.NAME)


@pytest.fixture
def run(ready, tmp_path, monkeypatch, capfd):
    """A command in a folder with some functions; its status, and what it says."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MODULE)
    monkeypatch.setattr(session, "start", lambda *runtimes, some=False: ready)
    options = ("--runtime", opening.NAME, "--launches", "1", "--no-ceilings")

    def command(*argv, quiet=("-q",)):
        status = main(["run", *argv, *options, *quiet])
        return status, *capfd.readouterr()

    return command


@pytest.fixture
def refused(run, tmp_path):
    """The message of a command that must say it in one line and leave nothing behind."""

    def message(*argv):
        before = sorted(tmp_path.rglob("*"))
        status, out, err = run(*argv)
        assert (status, out) == (2, "")
        assert err.startswith("cnnbench: ")
        assert err.count("\n") == 1
        assert [p for p in sorted(tmp_path.rglob("*")) if "__pycache__" not in str(p)] == before
        return err.removeprefix("cnnbench: ").rstrip()

    return message


@pytest.fixture(scope="module")
def model():
    """A small Keras model: a convolution of 2 filters of 3x3 on 3 channels, with biases."""
    import keras

    x = keras.Input((8, 8, 3))
    return keras.Model(x, keras.layers.Conv2D(2, 3)(x), name="small")


# What can be had


def test_every_kind_of_network_is_planned_with_its_costs(run, model):
    model.save("saved.keras")
    model.save("older.h5")
    targets = "saved.keras", "older.h5", "mine:small", "vgg_block"
    assert run(*targets, "--input", "8x8x3", "--out", "r")[0] == 0
    run_ = store.read(Path("r"))
    assert [m.outcome for m in run_.measurements] == ["ok"] * 4
    papers = [run_.plan.papers[case.paper_key] for case in run_.plan.cases]
    # 3 * 3 * 3 * 2 weights and 2 biases; 64 filters on 3 channels and then 64 of the block.
    assert [p.cost.params for p in papers] == [56, 56, 56, 64 * 28 + 64 * (9 * 64 + 1)]
    # 6x6 positions of 2 filters, 27 products each.
    assert [p.cost.macs for p in papers[:3]] == [36 * 2 * 27] * 3
    assert len({p.digest for p in papers[:3]}) == 1
    assert [bool(p.file) for p in papers] == [True, True, False, False]
    assert papers[0].file != papers[1].file
    assert [case.label for case in run_.plan.cases] == ["saved", "older", "small", "vgg_block"]
    assert run_.plan.base == "saved"
    assert [len(row) for row in run_.plan.together] == [4]


def test_sizes_and_types_are_the_networks_own(run):
    assert run("mine:small", "-p", "shape=(4, 5, 1)", "-p", "filters=3", "--out", "r")[0] == 0
    run_ = store.read(Path("r"))
    (case,) = run_.plan.cases
    assert (case.inputs, case.dtype) == (((4, 5, 1),), "float32")
    assert case.id == (
        f"mine:small(filters=3,shape=[4, 5, 1]) 4x5x1 batch=1 float32 cpu {opening.NAME}/graph"
    )
    assert run_.stops.keys() == {case.id}  # written before the tuple had been stored as a list


def test_a_grid_of_batches_and_modes_opens_the_network_once(run):
    Path("count.py").write_text(
        "import mine\n"
        "def make():\n"
        "    with open('calls', 'a') as file:\n"
        "        file.write('.')\n"
        "    return mine.small()\n"
    )
    argv = ("count:make", "--batch", "1,2,8", "--mode", "graph,train", "--out", "r")
    assert run(*argv)[0] == 0
    run_ = store.read(Path("r"))
    assert len(run_.plan.cases) == len(run_.measurements) == 6
    # Once to plan all of them, then once in each launch.
    assert len(Path("calls").read_text()) == 1 + 6
    macs = {c.batch_size: run_.plan.papers[c.paper_key].cost.macs for c in run_.plan.cases}
    assert macs == {batch: batch * 36 * 2 * 27 for batch in (1, 2, 8)}


def test_what_a_function_prints_is_not_in_the_answer(run):
    assert run("mine:prints", "--out", "r") == (0, "r/README.md\n", "")


def test_a_network_that_leaves_its_size_open_is_measured_at_the_one_that_is_given(run):
    assert run("mine:open_size", "--input", "6x7x3", "--out", "r")[0] == 0
    (case,) = store.read(Path("r")).plan.cases
    assert case.inputs == ((6, 7, 3),)


PARENT = """
import json, sys
from cnnbench import api
targets = "vgg_block", "saved.keras", "mine:open_size", "MobileNet"
finished = api.run(*targets, runtime="tests.support.opening", launches=1, out="r",
                   input_shape=(32, 32, 3), ceilings=False)
heavy = [name for name in ("keras", "tensorflow", "jax", "torch") if name in sys.modules]
print(json.dumps([heavy, [m.outcome for m in finished.run.measurements]]))
"""


def test_the_parent_imports_no_framework_whatever_it_measures(tmp_path):
    import keras

    (tmp_path / "mine.py").write_text(MODULE)
    x = keras.Input((None, None, 3))
    keras.Model(x, keras.layers.Conv2D(2, 3)(x)).save(tmp_path / "saved.keras")
    done = subprocess.run(
        [sys.executable, "-c", PARENT],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "CNNBENCH_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [[], ["ok"] * 4]


# What cannot


@pytest.fixture
def quantized():
    """A file that cannot be had in another type than float32."""
    import keras

    x = keras.Input((8, 8, 3))
    y = keras.layers.Flatten()(keras.layers.Conv2D(2, 3)(x))
    model = keras.Model(x, keras.layers.Dense(2, name="dense")(y))
    model.quantize("int8", filters="dense")
    model.save("mine.keras")


IMPOSSIBLE = "mine.keras computes in float32 and cannot be changed to mixed_float16: .*is quantized"


def test_of_several_data_types_one_that_cannot_be_had_is_said_and_left_out(run, quantized):
    types = ("--dtype", "float32,mixed_float16", "--batch", "1,2")
    targets = ("mine.keras", "vgg_block", "--input", "8x8x3")
    status, out, _ = run(*targets, *types, "--out", "r", quiet=())
    assert status == 0
    assert re.search(f"left out: {IMPOSSIBLE}", " ".join(out.split()))
    run_ = store.read(Path("r"))
    assert [m.outcome for m in run_.measurements] == ["ok"] * 6
    found = {(case.name, case.dtype) for case in run_.plan.cases}
    assert found == {("mine", "float32"), ("vgg_block", "float32"), ("vgg_block", "mixed_float16")}
    (note,) = run_.plan.notes
    assert re.match(f"left out: {IMPOSSIBLE}", note)
    assert sorted(map(len, run_.plan.together)) == [3, 3]


def test_a_network_of_which_nothing_is_left_is_refused(refused, quantized):
    said = refused("mine.keras", "vgg_block", "--input", "8x8x3", "--dtype", "mixed_float16")
    assert re.match(IMPOSSIBLE, said)
    assert refused("mine.keras", "--dtype", "float16,mixed_float16").startswith("mine.keras comp")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["mine:raises"], "mine:raises: ValueError: a reason and a second line"),
        (["mine:exits"], "mine:exits: SystemExit: use it so"),
        (["mine:leaves"], "mine:leaves cannot be opened: exit status 3 without a result"),
        (["mine:crashes"], "mine:crashes cannot be opened: SIGSEGV"),
        (
            ["mine:sleeps", "--timeout", "1s"],
            "mine:sleeps was not ready within 1 s; give it more with --timeout, or a function "
            "that returns the model sooner",
        ),
        (["mine:nothing"], "mine:nothing returned a value of type NoneType, not a Keras model"),
        (["mine:number"], "mine:number is of type int, not a function or a model"),
        (["mine:absent"], "mine:absent: AttributeError: module 'mine' has no attribute 'absent'"),
        (
            ["other:small"],
            "other:small: ModuleNotFoundError: No module named 'other'; is it in this folder or "
            "on PYTHONPATH?",
        ),
        (["mine.py:small"], "a function must look like package.module:name, without .py; got"),
        (["mine:small", "-p", "depth=3"], "mine:small: TypeError: small() got an unexpected"),
        (["mine:number", "-p", "depth=3"], "mine:number is of type int, not a function"),
        (["MobileNet", "-p", "alfa=0.5"], "unknown parameter of keras.applications.MobileNet"),
        (["gone.keras"], "there is no file gone.keras"),
        (["gone.keras", "-p", "a=1"], "gone.keras takes no parameters; got a"),
        (["vgg_block", "-p", "a=1"], "unknown parameter of vgg_block 'a'"),
        (["vgg_block", "vgg_block"], "two networks are called vgg_block"),
        (["vgg_block", "tutorial"], "tutorial is a suite; run it by itself"),
        (["tutorial", "-p", "a=1"], "tutorial is a suite, which has its own sizes, batches"),
        (["mine:open_size"], "mine:open_size leaves its input open (?x?x3); give its size, as"),
        (
            ["mine:small", "--input", "9x8x3"],
            "mine:small is made for 8x8x3, and Keras runs it at no other size; got 9x8x3",
        ),
        (["mine:small", "--input", "8x8"], "mine:small takes an input like 8x8x3; got 8x8"),
        (["mine:small", "--dtype", "int4"], "dtype must be one of float32, float16, bfloat16"),
        (["mine:small", "--dtype", "int8"], "tests.support.opening has no data type int8"),
        (["vgg_block", "--mode", "fast"], "unknown mode 'fast'; known: eager, graph, predict"),
        (["vgg_block", "--batch", "1,0"], "a batch must be a whole number of at least 1; got 0"),
        (["vgg_block", "--batch", "1,x"], "--batch must look like 8 or 1,8,32; got '1,x'"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_line(refused, argv, message):
    assert refused(*argv).startswith(message)


def test_among_good_networks_one_bad_one_is_refused_before_anything_is_measured(refused):
    assert refused("vgg_block", "mine:raises", "--input", "8x8x3").startswith("mine:raises: Value")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a model that Keras saved: BadZipFile: File is not a zip file"),
        (b"rubbish" * 99, "is not a model that Keras saved: BadZipFile: File is not a zip file"),
        (b"{}", "is not a model that Keras saved: BadZipFile"),
    ],
)
def test_a_file_that_is_no_zip_is_refused(refused, content, message):
    Path("bad.keras").write_bytes(content)
    assert refused("bad.keras").startswith(f"bad.keras {message}")


def test_a_zip_without_a_model_is_refused(refused):
    with zipfile.ZipFile("empty.keras", "w") as file:
        file.writestr("config.json", "[]")
    assert refused("empty.keras").startswith("empty.keras")


def test_a_folder_without_a_model_is_refused(refused):
    Path("folder").mkdir()
    assert refused("folder") == "folder is a folder without a saved_model.pb, so not a SavedModel"


def test_a_suite_with_a_network_of_ones_own(run, refused, model):
    model.save("saved.keras")
    block = '[[block]]\nname = "mine"\ntarget = "{}"\nbatches = [1, 4]\n'
    Path("mine.toml").write_text(block.format("saved.keras"))
    Path("bad.toml").write_text(block.format("gone.keras"))
    assert refused("bad.toml") == "there is no file gone.keras"
    assert run("mine.toml", "--out", "r")[0] == 0
    cases = store.read(Path("r")).plan.cases
    assert [(c.name, c.inputs, c.batch_size) for c in cases] == [
        ("mine", ((8, 8, 3),), 1),
        ("mine", ((8, 8, 3),), 4),
    ]


def test_a_network_is_not_opened_to_be_named(tmp_path):
    network = Network(str(tmp_path / "gone.keras"))
    network.check()
    assert (network.kind, network.file_digest()) == ("file", "")
