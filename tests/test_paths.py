"""Where cnnbench keeps what outlives a command, and how files of strangers are read."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from cnnbench import api, networks, paths, units
from cnnbench.cases import plan, suites
from cnnbench.errors import CnnbenchError, StoreError
from cnnbench.networks import stored
from cnnbench.runs import pytest_benchmark, recording, store
from tests.support import ROOT
from tests.support.hostile import tree_of
from tests.support.stored import case, timed


def test_a_folder_of_ones_own_holds_both(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path))
    assert paths.data_dir() == tmp_path / "data"
    assert paths.cache_dir() == tmp_path / "cache"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="the variables are those of Linux")
def test_without_one_they_are_where_the_platform_has_them(monkeypatch):
    monkeypatch.setenv("CNNBENCH_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/cache")
    assert paths.data_dir() == Path("/somewhere/data/cnnbench")
    assert paths.cache_dir() == Path("/somewhere/cache/cnnbench")


def test_what_is_read_is_bounded_and_the_page_says_how(tmp_path):
    page = (ROOT / "docs/explanation/safety.md").read_text()
    for module, name in (
        (store, "LARGEST"),
        (store, "LONGEST"),
        (suites, "LARGEST"),
        (pytest_benchmark, "LARGEST"),
        (stored, "LARGEST"),
        (stored, "LARGEST_GRAPH"),
    ):
        assert f"`{units.binary(getattr(module, name))}`" in page, (module, name)
    for count in (store.MOST_BAD, suites.MOST_CASES, plan.WIDEST, paths.DEEPEST):
        assert f"`{count:,}`" in page, count


@pytest.mark.parametrize(
    ("name", "module", "use"),
    [
        ("x.toml", suites, lambda: suites.load("x.toml")),
        ("x.json", pytest_benchmark, lambda: recording.read("x.json")),
        ("x/measurements.jsonl", store, lambda: recording.read("x")),
        ("x.json", stored, lambda: networks.resolve("x.json")),
    ],
)
def test_what_is_too_large_or_no_file_is_refused_in_a_line(
    tmp_path, monkeypatch, name, module, use
):
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(b" " * 5000)
    monkeypatch.setattr(module, "LARGEST", 4999)
    with pytest.raises(CnnbenchError, match=r"is of 4\.88 KiB, and at most 4\.88 KiB are read; \w"):
        use()
    Path(name).unlink()
    os.mkfifo(name)
    if name == "x.json" and module is pytest_benchmark:
        return  # which is then no file that somebody could mean
    with pytest.raises(CnnbenchError, match="is a pipe or a device; copy what it gives"):
        use()


def nested(levels):
    return json.loads("[" * levels + "]" * levels)


def test_two_hundred_levels_are_read_and_no_more():
    paths.check_depth(nested(200))
    paths.check_depth({"a": 1, "b": [2.5, "x" * 500]})
    for deep in (nested(201), {"a": nested(200)}):
        with pytest.raises(ValueError, match="nested too deeply, more than 200 levels"):
            paths.check_depth(deep)
    with pytest.raises(ValueError, match="nested too deeply"):
        paths.from_json(b"[" * 100_000)


def test_half_a_letter_is_no_text():
    assert paths.from_json(b'["\\ud83d\\ude00"]') == ["\U0001f600"]
    with pytest.raises(ValueError, match="surrogates not allowed"):
        paths.from_json(b'["\\ud83d"]')


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_what_a_link_leads_to_is_not_written(tmp_path, link):
    mine = tmp_path / "mine"
    mine.write_text("as it was")
    link(mine, tmp_path / "page")
    paths.replace_file(tmp_path / "page", b"new")
    assert mine.read_text() == "as it was"
    assert (tmp_path / "page").read_text() == "new"


def test_a_report_writes_into_its_folder_only(tmp_path, undrawn):
    """A stranger's folder has a link in the place of every file that a report has."""
    folder = timed(
        tmp_path / "run", (case("../../a"), [100.0] * 3), (case("/tmp/b", 8), [50.0] * 3)
    )
    shutil.copytree(folder, tmp_path / "first")
    api.report(tmp_path / "first")
    names = {path.name for path in (tmp_path / "first").iterdir()} - {store.FILE}
    assert {"README.md", "index.html", "results.csv"} < names
    (tmp_path / "mine").mkdir()
    for name in names:
        (tmp_path / "mine" / name).write_text("as it was")
        (folder / name).symlink_to(tmp_path / "mine" / name)
    before = tree_of(tmp_path)
    api.report(folder)
    inside = {f"run/{name}" for name in names}
    assert {name: kept for name, kept in tree_of(tmp_path).items() if name not in inside} == {
        name: kept for name, kept in before.items() if name not in inside
    }
    assert not any(path.is_symlink() for path in folder.iterdir())


@pytest.mark.parametrize("name", [store.FILE, "measurements.lock"])
def test_a_run_whose_file_is_a_link_is_not_continued(tmp_path, name):
    folder = timed(tmp_path / "run", (case("a"), [100.0]))
    mine = tmp_path / "mine"
    mine.write_bytes((folder / store.FILE).read_bytes())
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(mine)
    before = tree_of(tmp_path)
    with pytest.raises(StoreError, match="is a link, through which nothing is written"):
        store.resume(folder)
    assert tree_of(tmp_path) == before


def test_names_in_a_run_make_no_path(tmp_path, monkeypatch, undrawn):
    """Whatever a run calls its parts, all that is made of it stands where it was asked for."""
    monkeypatch.chdir(tmp_path)
    outside = str(tmp_path / "outside")
    for place, name in enumerate(("../../a", outside, "a\0b", "C:\\a", "..")):
        folder = timed(Path(f"run{place}"), (case(name), [100.0] * 3))
        before = tree_of(tmp_path)
        api.report(folder)
        api.history(folder, report="history")
        api.export(folder, out=Path("out.csv"))
        api.save_baseline("x", folder, replace=True)
        with pytest.raises(CnnbenchError):
            api.save_baseline(name, folder)
        new = tree_of(tmp_path).keys() - before.keys()
        assert all(path.split("/")[0] in (folder.name, "history", "out.csv") for path in new), new


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "Load model from /home/me/.cache/x/model.onnx failed",
            "Load model from model.onnx failed",
        ),
        ("to FlatBuffer./usr/lib/python3.11/spawn.py:135:1: e", "to FlatBuffer.spawn.py:135:1: e"),
        ("No such file: '/data/in.npz'", "No such file: 'in.npz'"),
        ("./models/a.keras and ../b/c.h5", "./models/a.keras and ../b/c.h5"),
        ("https://keras.io/api/layers a/b", "https://keras.io/api/layers a/b"),
    ],
)
def test_folders_of_this_machine_are_left_out_of_what_others_read(text, left):
    assert paths.without_folders(text) == left
