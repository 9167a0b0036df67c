"""The committed reports of runs are what their raw data give, and say what is true of them."""

import shutil

import pytest
from matplotlib.figure import Figure

from cnnbench.reporting import formats
from cnnbench.reporting.document import Live
from cnnbench.reporting.runs import page
from cnnbench.runs import store
from tests.support import ROOT, words

SAMPLE = ROOT / "reports" / "sample-cpu"
APPLICATIONS = ROOT / "reports" / "applications-cpu"
RUNTIMES = ROOT / "reports" / "runtimes-cpu"
LAYERS = ROOT / "reports" / "layers-cpu"


@pytest.fixture(
    scope="module",
    params=[SAMPLE, APPLICATIONS, RUNTIMES, LAYERS],
    ids=lambda path: path.name,
)
def stored_and_again(request, tmp_path_factory):
    """A report, and its raw data rendered by this version in a folder of its own.

    The figures are built but not rendered, which is what takes the time.
    """
    folder = tmp_path_factory.mktemp("again")
    shutil.copy(request.param / store.FILE, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda _, out, **__: out.write(b"<svg></svg>"))
        page.write(folder)
    return request.param, folder


def test_the_tables_come_from_the_raw_data(stored_and_again):
    stored, again = stored_and_again
    for name in ("README.md", "results.csv"):
        assert (again / name).read_text() == (stored / name).read_text()


def test_the_page_comes_from_the_raw_data_and_is_small(stored_and_again):
    stored, again = stored_and_again
    assert words(again) == words(stored)
    assert (stored / formats.PAGE).stat().st_size < 1_200_000


def test_a_report_has_the_figures_that_it_shows(stored_and_again):
    stored, again = ({p.name for p in folder.glob("*.png")} for folder in stored_and_again)
    assert stored == again


def test_the_same_is_computed_on_every_runtime():
    run = store.read(RUNTIMES)
    ok = [m for m in run.measurements if m.ok]
    assert {m.case.id for m in ok} == {case.id for case in run.plan.cases}
    assert len({m.case.runtime for m in ok}) == 6
    assert max(m.difference for m in ok) < 1e-5


def test_the_applications_are_all_measured_beside_the_blocks_of_the_tutorials():
    run = store.read(APPLICATIONS)
    assert run.plan.suite == "applications"
    assert len(run.plan.cases) == 22
    assert {m.case.id for m in run.measurements} == {c.id for c in run.plan.cases}
    assert all(m.ok and m.check is not None and m.check.equal for m in run.measurements)


def test_a_point_over_the_batch_size_marks_the_case_whose_samples_a_second_it_is():
    document = page.document(store.read(APPLICATIONS))
    (chart,) = (b for b in document.blocks if isinstance(b, Live) and b.kind == "multiples")
    (tab,) = chart.data["tabs"]
    assert len(tab["panels"]) == 11
    for panel in tab["panels"]:
        for i, (batch, rate) in enumerate(zip(panel["x"], panel["y"], strict=True)):
            (place,) = panel["cases"][i]
            row = document.rows[place]
            assert (row["label"], row["batch"]) == (panel["name"], batch)
            assert rate == pytest.approx(batch / row["time_s"], rel=1e-4)


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
    damaged = formats.markdown(page.document(store.read(tmp_path)))
    assert damaged != (SAMPLE / "README.md").read_text()
