"""The committed page on predictions is what its raw data give, and says what is true of them."""

import re

import pytest

from benchmarks.prediction import heldout, page
from cnnbench import blocks
from cnnbench.errors import CnnbenchError
from cnnbench.prediction import calibration
from cnnbench.reporting import formats
from cnnbench.runs import store
from cnnbench.runs.result import results
from tests.support import ROOT, words

REPORT = ROOT / "reports" / "prediction"


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The committed raw data, rendered by this version in a folder of its own."""
    folder = tmp_path_factory.mktemp("prediction")
    formats.write(page.document(store.read(REPORT)), folder)
    return folder


def test_the_page_comes_from_its_raw_data(again):
    assert (again / "README.md").read_text() == (REPORT / "README.md").read_text()
    assert words(again) == words(REPORT)


def test_the_page_has_the_figures_that_it_shows(again):
    shown = set(re.findall(r"\]\((\w+\.png)\)", (REPORT / "README.md").read_text()))
    assert shown == {"time.png", "memory.png"}
    assert shown == {p.name for p in again.glob("*.png")} == {p.name for p in REPORT.glob("*.png")}


def test_it_holds_every_probe_and_every_family_of_the_catalogue():
    run = store.read(REPORT)
    assert run.bad_lines == ()
    measured = {m.case.id for m in run.measurements if m.ok}
    assert {case.id for case in calibration.CASES} <= measured
    families = {entry.function.__module__ for entry in blocks.catalogue().values()}
    held = {blocks.get(m.case.target).function.__module__ for m in run.measurements if m.ok}
    assert families <= held


def test_what_the_page_says_is_counted_here_again():
    found, _ = results(store.read(REPORT))
    judged, _ = heldout.times(found)
    good = sum(abs(x.predicted - x.measured) <= 0.2 * x.measured for x in judged)
    share = f"Reached: {100 * good / len(judged):.1f} % of {len(judged)}."
    verdict = "Met" if good >= 0.8 * len(judged) else "Missed"
    assert f"{share} **{verdict}.**" in (REPORT / "README.md").read_text()


def test_damaged_data_would_change_the_page(again, tmp_path):
    lines = (REPORT / store.FILE).read_text().splitlines(keepends=True)
    (tmp_path / store.FILE).write_text("".join(lines[: len(lines) // 2]))
    damaged = formats.markdown(page.document(store.read(tmp_path)))
    assert damaged != (again / "README.md").read_text()


def test_a_run_without_blocks_is_refused():
    with pytest.raises(CnnbenchError, match="expected probes and blocks"):
        page.document(store.read(REPORT.parent / "sample-cpu"))
