"""Which run is continued where none is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.errors import StoreError
from cnnbench.runner import session
from cnnbench.runs import store
from cnnbench.runs.store import Measurement


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("net-20260101-120000", "net-20260102-080000", "net-big-20270101-120000", "net-x"):
        (Path("reports") / name).mkdir(parents=True)
        (Path("reports") / name / store.FILE).write_text("")


def test_the_newest_of_this_suite_is_continued_not_of_one_whose_name_begins_alike(runs):
    assert session.chosen("net", None, resume=True).name == "net-20260102-080000"
    assert session.chosen("net-big", None, resume=True).name == "net-big-20270101-120000"
    with pytest.raises(StoreError, match=r"no run of ne\* under reports"):
        session.chosen("ne*", None, resume=True)


def test_a_folder_that_is_named_is_taken(runs):
    assert session.chosen("net", "mine", resume=True) == Path("mine")
    assert session.chosen("net", None, resume=False).name.startswith("net-2")


def test_versions_that_are_none_are_other_versions(tmp_path):
    case = Case("vgg_block", (8, 8, 3), runtime="fake")
    damaged = Measurement(case, 0, outcome="ok", environment={"versions": "?"})
    with store.create(tmp_path, Plan("net", "", (case,))) as file:
        file.append("launch", damaged.to_json())
    opened = session.opened(tmp_path, "net", "fake", None, resume=True, time_budget=None)
    with pytest.raises(StoreError, match="was measured with host None"), opened:
        pass


PLAN = Plan("net", "", (Case("vgg_block", (8, 8, 3), runtime="fake"),))


def continued(folder):
    return session.opened(folder, "net", "fake", None, resume=True, time_budget=None)


def test_a_run_that_another_process_writes_is_refused_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.delattr(session, "start")
    with (
        store.create(tmp_path, PLAN),
        pytest.raises(StoreError, match="another process writes the run"),
        continued(tmp_path),
    ):
        pass


def test_costs_whose_line_was_damaged_are_stored_again(tmp_path):
    plan = replace(PLAN, papers={case.paper_key: case.paper() for case in PLAN.cases})
    with store.create(tmp_path, plan):
        pass
    file = tmp_path / store.FILE
    first, costs = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + costs.replace(b'"of"', b'\xff\x00of"'))
    assert store.read(tmp_path).problems
    with continued(tmp_path) as opened:
        assert opened.plan.papers == plan.papers
    run = store.read(tmp_path)
    assert run.plan.papers == plan.papers
    assert run.problems == {}
    size = file.stat().st_size
    with continued(tmp_path):
        pass
    assert file.stat().st_size == size  # once
