"""The committed sample report is what its raw data give, and says what is true of them."""

import shutil

import pytest

from cnnbench import reporting
from cnnbench.reporting import markdown
from cnnbench.reporting.runs import page
from cnnbench.runs import store
from tests.support import ROOT

SAMPLE = ROOT / "reports" / "sample-cpu"


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The sample's raw data, rendered by this version in a folder of its own."""
    folder = tmp_path_factory.mktemp("sample")
    shutil.copy(SAMPLE / store.FILE, folder)
    reporting.write(folder)
    return folder


@pytest.mark.parametrize("name", ["README.md", "results.csv"])
def test_the_tables_of_the_sample_come_from_its_raw_data(again, name):
    assert (again / name).read_text() == (SAMPLE / name).read_text()


def test_the_sample_has_the_figures_that_it_shows(again):
    assert {p.name for p in again.glob("*.png")} == {p.name for p in SAMPLE.glob("*.png")}


def test_the_sample_is_a_whole_run_of_the_default_suite_on_two_cores():
    run = store.read(SAMPLE)
    assert run.plan.suite == "tutorial"
    assert run.bad_lines == ()
    planned = {(c.id, number) for c in run.plan.cases for number in range(run.plan.launches)}
    assert planned <= {(m.case.id, m.launch) for m in run.measurements}
    assert run.stops.keys() == {c.id for c in run.plan.cases}
    for measurement in run.measurements:
        assert measurement.ok, measurement.detail
        assert measurement.check is not None
        assert measurement.check.equal
        assert measurement.environment["cores"] == 2


def test_damaged_data_would_change_the_tables(tmp_path):
    lines = (SAMPLE / store.FILE).read_text().splitlines(keepends=True)
    (tmp_path / store.FILE).write_text("".join(lines[:-1]))
    damaged = markdown.markdown(page.document(store.read(tmp_path)))
    assert damaged != (SAMPLE / "README.md").read_text()
