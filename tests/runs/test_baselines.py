"""Runs kept under a name."""

import os
from pathlib import Path

import pytest

from cnnbench import api
from cnnbench.errors import CnnbenchError, StoreError, UnknownNameError
from cnnbench.reporting.formats import text
from cnnbench.reporting.runs.compared_runs import baselines as document
from cnnbench.runs import baselines, store
from tests.support.stored import case, timed

A = case("narrow")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def run(tmp_path):
    return timed(tmp_path / "run", (A, [100, 100]))


def test_a_baseline_is_a_copy_that_outlives_its_run(run, home, tmp_path):
    place = api.save_baseline("main", run)
    assert place == home / "data" / "baselines" / "main"
    assert (place / store.FILE).read_bytes() == (run / store.FILE).read_bytes()
    assert os.listdir(place.parent) == ["main"]
    (run / store.FILE).unlink()
    new = timed(tmp_path / "new", (A, [150, 150]))
    assert api.compare("main", new).changes[0].ratio.value == pytest.approx(1.5)


def test_a_path_goes_before_a_baseline_but_a_folder_without_a_run_does_not(run, tmp_path):
    api.save_baseline("main", run)
    Path("main").mkdir()
    assert api.compare("main", run).changes[0].ratio.value == pytest.approx(1)
    Path("main").rmdir()
    timed(tmp_path / "main" / "0", (A, [40, 40]))  # a folder of runs
    assert api.compare("main", run).changes[0].ratio.value == pytest.approx(2.5)
    timed(tmp_path / "main", (A, [50, 50]))
    assert api.compare("main", run).changes[0].ratio.value == pytest.approx(2)


def test_a_name_that_is_taken_is_written_over_only_if_asked(run, tmp_path):
    api.save_baseline("main", run)
    new = timed(tmp_path / "new", (A, [150, 150]))
    with pytest.raises(StoreError, match="already a baseline main; --replace overwrites it"):
        api.save_baseline("main", new)
    assert api.compare("main", run).changes[0].ratio.value == pytest.approx(1)
    api.save_baseline("main", new, replace=True)
    assert api.compare("main", new).changes[0].ratio.value == pytest.approx(1)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/x", "-x", ".x", "x.", "a b", "é", "a\0b", "x\n", "x" * 65],
)
def test_what_is_no_name_is_refused_and_nothing_is_written(run, home, name):
    with pytest.raises(CnnbenchError, match="a baseline's name must be"):
        api.save_baseline(name, run)
    assert not home.exists()
    with pytest.raises(UnknownNameError, match="unknown baseline"):
        api.remove_baseline(name)


def test_what_is_no_run_is_not_kept(home, tmp_path):
    with pytest.raises(StoreError, match="no run in"):
        api.save_baseline("main", tmp_path)
    assert not home.exists()


def test_a_folder_that_cannot_be_written_is_one_line(run, home):
    home.write_text("")
    with pytest.raises(StoreError, match=r"cannot keep baselines in .*; set CNNBENCH_HOME"):
        api.save_baseline("main", run)


def test_baselines_are_listed_and_removed(run, home, tmp_path):
    assert api.list_baselines() == []
    assert text(document([])).startswith("no baselines")
    api.save_baseline("v1.0", run)
    api.save_baseline("main", run)
    (home / "data" / "baselines" / "v1.0" / store.FILE).write_text("broken")
    lines = text(document(api.list_baselines())).splitlines()
    # The helper's runs start at 1,750,000,000 seconds.
    assert lines[2].split() == ["main", "mine", "1", "2", "here", "2025-06-15", "15:06"]
    main, broken = api.list_baselines()
    assert repr(main).startswith("Baseline(name main: suite mine, cases 1, launches 2, hosts [")
    assert main.to_json() == {
        "name": "main",
        "suite": "mine",
        "cases": 1,
        "launches": 2,
        "hosts": ["here"],
        "measured": "2025-06-15 15:06",
        "problem": "",
    }
    assert (broken.to_json()["cases"], broken.to_json()["hosts"]) == (None, [])
    assert "holds no plan of a run" in broken.to_json()["problem"]
    assert lines[3].startswith("v1.0")
    assert "holds no plan of a run" in lines[3]
    with pytest.raises(UnknownNameError, match="did you mean main"):
        api.remove_baseline("mian")
    api.remove_baseline("main")
    assert [b.name for b in api.list_baselines()] == ["v1.0"]


def test_one_that_is_being_saved_is_not_there_yet(run, home):
    api.save_baseline("main", run)
    half = home / "data" / "baselines" / ".saving-x"
    half.mkdir()
    (half / store.FILE).write_text("")
    assert baselines.names() == ["main"]
