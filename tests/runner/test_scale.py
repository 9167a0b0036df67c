"""A small run on simulated workers, through the code of `run --cluster`."""

import json
from dataclasses import replace

import pytest

from benchmarks.runtimes import rows
from benchmarks.scale import beside, page, record
from benchmarks.scale.beside import Beside
from benchmarks.scale.record import FILE, WHERE, Stage
from cnnbench.cases import suites
from cnnbench.reporting import formats
from cnnbench.runs import store
from tests.support import ROOT

COMMITTED = ROOT / "reports" / "scale"


def test_every_case_is_launched_once_and_every_stage_is_measured(tmp_path, capsys):
    record.one(tmp_path, 200, workers=20, launch_s=0.01)
    found = [Stage(**json.loads(line)) for line in capsys.readouterr().out.splitlines()]
    assert [stage.stage for stage in found] == ["plan", "schedule", "store", "report"]
    assert {(stage.cases, stage.workers) for stage in found} == {(200, 20)}
    assert min(stage.wall_s for stage in found) > 0
    # 200 launches of 10 ms on 20 workers take 0.1 s at least.
    assert found[1].wall_s >= 0.1
    run = store.read(tmp_path / "run")
    assert {m.case.id for m in run.measurements} == {case.id for case in run.plan.cases}
    assert len(run.measurements) == len(run.plan.cases) == 200
    assert found[2].written_bytes == (tmp_path / "run" / store.FILE).stat().st_size


@pytest.mark.parametrize("cases", [200, 1_000, 3_000])
def test_the_space_has_as_many_cases_as_were_asked_for(tmp_path, cases):
    (tmp_path / "scale.toml").write_text(record.suite(cases))
    suite = suites.load(str(tmp_path / "scale.toml"))
    place = suites.Place("cpu", "fake", ("graph",))
    assert len({case.id for group in suite.groups([place]) for case in group}) == cases


@pytest.mark.skipif(not (COMMITTED / WHERE).exists(), reason="not measured yet")
def test_the_committed_page_comes_from_what_is_recorded():
    text = formats.markdown(page.document(COMMITTED))
    assert text == (COMMITTED / "README.md").read_text(encoding="utf-8")
    assert len(rows.read(COMMITTED / FILE, Stage)) % 4 == 0


def test_runs_with_a_cluster_are_held_against_those_of_the_same_turn():
    found = [
        Beside(turn, place, wall_s, 8, 0.0, verdicts)
        for turn, place, wall_s, verdicts in (
            (0, "here", 100.0, "faster same"),
            (0, "cluster", 102.0, "faster slower"),
            (1, "here", 200.0, "faster slower"),
            (1, "cluster", 202.0, "faster slower"),
        )
    ]
    assert beside.overhead(found).value == pytest.approx((1.02 * 1.01) ** 0.5)
    found[3] = replace(found[3], wall_s=203.0)
    more = beside.more(found, of_s=100.0)
    half = 0.0635  # 12.706 * 0.5 % by hand, with one degree of freedom
    assert (more.value, more.low, more.high) == pytest.approx(
        (0.025, 0.025 - half, 0.025 + half), abs=1e-4
    )
    # Of the first run's two verdicts half are those of each other run, of the second's all.
    assert beside.alike(found, "here", "cluster") == 0.75
    assert beside.alike(found, "here", "here") == 0.5
