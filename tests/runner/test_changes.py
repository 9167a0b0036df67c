"""Networks that change under a run, that fail at a launch only, or that nothing can measure."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cnnbench import api, blocks
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError
from cnnbench.networks import Network
from cnnbench.runner import session
from cnnbench.runner.loop import Progress
from cnnbench.runs import store
from tests.support import opening

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("undrawn")]


def saved(path, filters):
    """A model of one convolution in a file."""
    import keras

    x = keras.Input((8, 8, 3))
    keras.Model(x, keras.layers.Conv2D(filters, 3, name="conv")(x), name="small").save(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three files: the second has other weights than the first, the third another layer."""
    folder = tmp_path_factory.mktemp("files")
    for name, filters in (("first", 2), ("weights", 2), ("layer", 3)):
        saved(folder / f"{name}.keras", filters)
    return folder


@pytest.fixture(scope="module")
def ready():
    return session.start(opening.NAME)


@pytest.fixture
def elsewhere(ready, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "start", lambda *runtimes, some=False: ready)
    shutil.copy(files / "first.keras", "mine.keras")
    return files


def run(*targets, **how):
    how = {"launches": 3, "ceilings": False, "out": "r", "runtime": opening.NAME} | how
    return api.run(*targets, **how)


class Meddling(Progress):
    """Does something once, after some launches have ended."""

    def __init__(self, after, what):
        self.left, self.what = after, what

    def ended(self, measurement, done, total, left_s):
        self.left -= 1
        if self.left == 0:
            self.what()


def outcomes(run, target):
    return [(m.launch, m.outcome) for m in run.measurements if m.case.target == target]


# Between launches


@pytest.mark.parametrize("other", ["weights", "layer"])
def test_a_file_that_changes_between_launches_fails_and_the_rest_goes_on(elsewhere, other):
    def change():
        shutil.copy(elsewhere / f"{other}.keras", "mine.keras")

    targets = ("vgg_block", "mine.keras")
    finished = run(*targets, input_shape=(8, 8, 3), progress=Meddling(2, change), launches=4)
    assert outcomes(finished.run, "vgg_block") == [(n, "ok") for n in range(4)]
    # Twice may be chance; it is not launched a third time.
    assert outcomes(finished.run, "mine.keras") == [(0, "ok"), (1, "failed"), (2, "failed")]
    (paper,) = [p for p in finished.run.plan.papers.values() if p.file]
    (_, _, last) = [m for m in finished.run.measurements if m.case.target == "mine.keras"]
    now = Network("mine.keras").file_digest()
    assert now != paper.file
    assert last.detail == (
        "mine.keras has changed since the run was planned: its digest was "
        f"{paper.file}, now it is {now}; start a new run"
    )
    assert last.detail in finished.page.read_text()


def test_a_file_that_goes_away_is_an_outcome(elsewhere):
    finished = run("mine.keras", progress=Meddling(1, Path("mine.keras").unlink))
    assert outcomes(finished.run, "mine.keras") == [(0, "ok"), (1, "failed"), (2, "failed")]
    assert finished.run.measurements[-1].detail == "there is no file mine.keras"
    assert finished.measured


def test_a_run_of_a_file_is_reported_after_the_file_has_gone(elsewhere):
    finished = run("mine.keras", "vgg_block", input_shape=(8, 8, 3), launches=1)
    before = {path.name: path.read_bytes() for path in Path("r").iterdir()}
    rows = finished.frame().to_csv()
    Path("mine.keras").unlink()
    assert api.report("r") == finished.page
    assert {path.name: path.read_bytes() for path in Path("r").iterdir()} == before
    assert api.results("r").to_csv() == rows


# Before --resume


@pytest.fixture
def half(elsewhere):
    """A run of a file beside a block that was interrupted; its lines."""

    def press():
        raise KeyboardInterrupt

    targets = ("vgg_block", "mine.keras")
    finished = run(*targets, input_shape=(8, 8, 3), progress=Meddling(2, press))
    assert finished.ending.reason == "interrupted"
    return (Path("r") / store.FILE).read_bytes()


RESUME = ("run", "vgg_block", "mine.keras", "--input", "8x8x3", "--out", "r", "--resume")
RESUME = (*RESUME, "--runtime", opening.NAME)  # code that is not ours is named again


def refused(capsys):
    capsys.readouterr()
    assert main(RESUME) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert out == ""  # nothing started
    return err


def test_a_run_is_continued_where_nothing_has_changed(half):
    assert main(RESUME) == 0
    run_ = store.read(Path("r"))
    assert (Path("r") / store.FILE).read_bytes().startswith(half)
    assert outcomes(run_, "mine.keras") == [(n, "ok") for n in range(3)]
    assert outcomes(run_, "vgg_block") == [(n, "ok") for n in range(3)]


@pytest.mark.parametrize("other", ["weights", "layer"])
def test_a_run_of_a_file_that_has_changed_is_not_continued(half, elsewhere, capsys, other):
    (before,) = {p.file for p in store.read(Path("r")).plan.papers.values() if p.file}
    graphs = {p.digest for p in store.read(Path("r")).plan.papers.values() if p.file}
    shutil.copy(elsewhere / f"{other}.keras", "mine.keras")
    message = refused(capsys)
    assert "mine.keras has changed since the run began: its digest was " in message
    assert "start a new run instead of continuing this one" in message
    was = message.split("its digest was ")[1].split(",")[0]
    assert was in ({before} if other == "weights" else graphs)
    assert (Path("r") / store.FILE).read_bytes() == half


def test_a_run_of_a_file_that_has_gone_is_not_continued(half, capsys):
    Path("mine.keras").unlink()
    assert "the run cannot be continued: there is no file mine.keras" in refused(capsys)
    assert (Path("r") / store.FILE).read_bytes() == half


def test_a_run_of_a_block_that_has_changed_is_not_continued(half, capsys, monkeypatch):
    entry = blocks.get("vgg_block")
    monkeypatch.setitem(
        blocks._ENTRIES,
        "vgg_block",
        replace(entry, function=lambda x: entry.function(x, n_conv=3)),
    )
    message = refused(capsys)
    assert "vgg_block has changed since the run began: its digest was " in message
    assert (Path("r") / store.FILE).read_bytes() == half


# At a launch only

ONCE = """
import os
import mine_models

def make():
    if os.path.exists("called"):
        raise RuntimeError("no second time")
    open("called", "w").close()
    return mine_models.small()
"""
MODELS = """
import keras

def small():
    x = keras.Input((8, 8, 3))
    return keras.Model(x, keras.layers.Conv2D(2, 3)(x))
"""


@pytest.fixture
def once(elsewhere):
    Path("mine_models.py").write_text(MODELS)
    Path("once.py").write_text(ONCE)


def test_a_network_that_cannot_be_built_at_a_launch_is_an_outcome(once, capsys):
    finished = run("vgg_block", "once:make", input_shape=(8, 8, 3))
    assert outcomes(finished.run, "vgg_block") == [(n, "ok") for n in range(3)]
    assert outcomes(finished.run, "once:make") == [(0, "failed"), (1, "failed")]
    details = {m.detail for m in finished.run.measurements if not m.ok}
    assert details == {"once:make: RuntimeError: no second time"}
    assert finished.ending.reason == "done"
    assert finished.measured
    assert "no second time" in finished.page.read_text()


def test_a_run_that_measured_nothing_ends_with_1_and_has_its_report(once, capsys):
    argv = ("run", "once:make", "--out", "r", "--runtime", opening.NAME, "--no-ceilings")
    assert main(argv) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "once:make: RuntimeError: no second time" in out
    assert out.splitlines()[-1] == "report: r/README.md"
    assert Path("r/README.md").is_file()
    Path("called").unlink()
    assert main(["run", "once:make", "--out", "s", *argv[4:]]) == 1


# Layers that a file only names


def test_the_module_that_registers_a_layer_is_imported_in_every_process(elsewhere, capsys):
    from tests.networks import reported

    model = reported.registered_layer()
    model.save("pool.keras")
    command = ["run", "pool.keras", "--runtime", opening.NAME, "--launches", "1", "--out", "r"]
    command += ["--no-ceilings", "--quiet"]
    assert main(command) == 2
    assert "Pool" in capsys.readouterr().err
    assert main([*command, "--import", "no.such"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no.such: ModuleNotFoundError" in line
    assert main([*command, "--import", reported.__name__]) == 0
    (measured,) = store.read(Path("r")).measurements
    assert (measured.outcome, measured.case.imports) == ("ok", (reported.__name__,))
    assert run(model, imports=reported.__name__, launches=1, out="python").measured
    with pytest.raises(CnnbenchError, match="has its own sizes"):
        run("tutorial", imports=["anything"])
