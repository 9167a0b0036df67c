"""What is stored and exported before the launches, with children that only pretend to do it."""

import os
from pathlib import Path

import pytest

from cnnbench import paths, runtimes
from cnnbench.cases import suites
from cnnbench.networks import Network
from cnnbench.runner import exports, planning, worker
from cnnbench.runner.child import Reply
from cnnbench.runner.server import Workers
from cnnbench.runs import store

GIB = 2**30
ASKED = {"block": Network("vgg_block")}


class Server:
    """Answers as a child would; an export writes eight bytes."""

    def __init__(self, values=None, export=None, calibration=b""):
        self.calibration = calibration
        self.values = values or Reply(outcome="ok", digest="0123")
        self.exported = export or Reply(outcome="ok", peak_bytes=7)
        self.tasks = []

    def ask(self, timeout_s, task, order, *args):
        self.tasks.append((task, order.case.runtime))
        assert timeout_s == 600.0  # five times a launch
        if task is worker.store_values:
            self.frozen, self.calibrated = args[1:]
            if self.calibrated:
                (Path(args[0]) / "calibration.npz").write_bytes(self.calibration)
            return self.values
        if self.exported.ok:
            Path(args[1]).write_bytes(b"exported")
        return self.exported


@pytest.fixture(autouse=True)
def _an_empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path / "home"))


def made(folder, server, names=("tensorflow", "openvino"), room=64 * GIB, dtypes=()):
    """What is ready for the cases of one network, by runtime, and what the store has of it."""
    described = {name: Reply(outcome="ok", versions={name: "1"}) for name in names}
    workers = Workers(dict.fromkeys(names, server), described)
    places = [suites.Place("cpu", name, runtimes.load(name).MODES) for name in names]
    plan = planning.plan(suites.of_networks(ASKED, dtypes=dtypes), places, workers, 120.0)
    with (
        store.create(folder, plan) as file,
        exports.made(plan, file, workers, lambda: room, lambda _: None) as ready,
    ):
        found = {
            case.runtime: ready.problems.get(case.id) or ready.files.get(case.id)
            for case in plan.cases
        }
    return found, list(store.read(folder).exports.values())


def test_values_are_stored_once_and_a_file_is_exported_for_who_runs_one(tmp_path):
    server = Server()
    found, (export,) = made(tmp_path / "run", server)
    assert server.tasks == [(worker.store_values, "tensorflow"), (worker.export, "openvino")]
    assert found["tensorflow"].model is None
    assert found["openvino"].folder == found["tensorflow"].folder
    assert found["openvino"].model.read_bytes() == b"exported"
    assert not found["openvino"].folder.exists()  # the values are gone when the run is over
    assert (export.outcome, export.bytes, export.peak_bytes) == ("ok", 8, 7)
    assert 0 <= export.seconds < 60
    assert not export.cached
    assert server.frozen


def test_the_next_run_takes_the_file_from_the_cache(tmp_path):
    server = Server()
    made(tmp_path / "one", server)
    found, (export,) = made(tmp_path / "two", server)
    assert [task for task, _ in server.tasks].count(worker.export) == 1
    assert found["openvino"].model.read_bytes() == b"exported"
    assert (export.cached, export.seconds, export.bytes) == (True, None, 8)


def test_other_weights_are_another_file(tmp_path):
    made(tmp_path / "one", Server())
    _, (export,) = made(tmp_path / "two", Server(values=Reply(outcome="ok", digest="4567")))
    assert not export.cached


def test_an_export_that_fails_is_said_and_leaves_nothing(tmp_path):
    failed = Reply(outcome="killed", detail="SIGKILL")
    found, (export,) = made(tmp_path / "run", Server(export=failed))
    assert found["openvino"] == "export: SIGKILL"
    assert found["tensorflow"].model is None  # which runs all the same
    assert (export.outcome, export.detail) == ("killed", "SIGKILL")
    assert list((paths.cache_dir() / "exports").iterdir()) == []


def test_an_export_that_would_not_fit_is_not_started(tmp_path):
    weights = 4 * 38_720
    needed = GIB + 6 * weights
    server = Server()
    found, (export,) = made(tmp_path / "run", server, room=needed - 1)
    assert worker.export not in dict(server.tasks)
    assert found["openvino"].startswith("export: it takes about 1.0")
    assert export.outcome == "skipped"
    _, (export,) = made(tmp_path / "other", server, room=needed)
    assert export.outcome == "ok"


def test_all_floats_run_one_file_and_int8_another_that_its_calibration_decides(tmp_path):
    of = {"dtypes": ("float32", "bfloat16", "int8")}
    server = Server(calibration=b"one")
    _, exports = made(tmp_path / "one", server, **of)
    assert [export.of.rpartition(" ")[2] for export in exports] == ["float", "int8"]
    assert server.calibrated
    _, again = made(tmp_path / "two", Server(calibration=b"one"), **of)
    assert [export.cached for export in again] == [True, True]
    _, others = made(tmp_path / "three", Server(calibration=b"two"), **of)
    assert [export.cached for export in others] == [True, False]


def test_int8_takes_the_memory_of_the_float_weights_to_export(tmp_path):
    needed = GIB + 6 * 4 * 38_720
    for room, outcome in ((needed - 1, "skipped"), (needed, "ok")):
        of = {"dtypes": ("int8",), "room": room}
        _, (export,) = made(tmp_path / outcome, Server(), **of)
        assert export.outcome == outcome


def test_tensorflow_in_several_types_is_compared_with_itself_in_float32(tmp_path):
    server = Server()
    found, _ = made(tmp_path / "run", server, ("tensorflow",), dtypes=("float32", "bfloat16"))
    assert [task for task, _ in server.tasks] == [worker.store_values]
    assert found["tensorflow"].folder is not None


def test_nothing_is_frozen_where_nobody_runs_a_file(tmp_path):
    server = Server()
    made(tmp_path / "run", server, ("tensorflow", "jax"))
    assert not server.frozen


def test_a_network_that_tensorflow_cannot_run_is_run_by_nobody(tmp_path):
    failed = Reply(outcome="failed", detail="no such layer")
    found, stored = made(tmp_path / "run", Server(values=failed))
    said = "tensorflow, with which it would be compared, cannot run it: no such layer"
    assert found == {"tensorflow": said, "openvino": said}
    assert stored == []


def test_tensorflow_alone_stores_and_exports_nothing(tmp_path):
    server = Server()
    assert made(tmp_path / "run", server, ("tensorflow",)) == ({"tensorflow": None}, [])
    assert server.tasks == []


def test_the_files_that_were_not_used_for_longest_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "CACHE_BYTES", 20)
    kept = paths.cache_dir() / "exports"
    for age, name in enumerate(("new", "older", "oldest")):
        (kept / name).mkdir(parents=True)
        (kept / name / "model.xml").write_bytes(b"exported")
        os.utime(kept / name, (1000 - age, 1000 - age))
    made(tmp_path / "run", Server())
    left = {folder.name for folder in kept.iterdir()}
    assert "new" in left
    assert len(left) == 2
