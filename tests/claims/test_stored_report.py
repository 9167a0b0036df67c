"""The committed verdicts on claims are what their raw data give."""

import pytest

from cnnbench import api, claims
from cnnbench.claims.judged import groups, judge
from cnnbench.runs import store
from tests.support import ROOT, words

STORED = ROOT / "reports" / "claims"


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The stored run, judged and written by this version in a folder of its own."""
    folder = tmp_path_factory.mktemp("claims")
    return api.verify(run=STORED, report=folder)


def test_the_page_comes_from_its_raw_data(again):
    assert again.page.read_text() == (STORED / "README.md").read_text()
    assert words(again.page.parent) == words(STORED)


def test_the_report_has_the_figures_that_it_shows(again):
    drawn = {path.name for path in again.page.parent.glob("*.png")}
    assert drawn == {path.name for path in STORED.glob("*.png")}
    page = (STORED / "README.md").read_text()
    assert all(f"]({name})" in page for name in drawn)


def test_the_run_has_every_case_that_the_claims_need(again):
    run = store.read(STORED)
    assert run.bad_lines == ()
    needed = {case.id for group in groups(judge(claims.load())) for case in group}
    assert {case.id for case in run.plan.cases} == needed
    launches = dict.fromkeys(needed, 0)
    for measurement in run.measurements:
        assert measurement.ok, measurement.detail
        assert measurement.check is not None
        assert measurement.check.equal
        launches[measurement.case.id] += 1
    assert min(launches.values()) >= 5


def test_every_claim_about_runs_has_a_measured_verdict(again):
    for judged in again.claims:
        assert (judged.measured is not None) == bool(judged.measurements), judged.claim.name
