"""The committed page on predictions is what its raw data give, and says what is true of them."""

import re
from statistics import median

import pytest

from benchmarks.prediction import heldout, page, unseen
from cnnbench import blocks, stats
from cnnbench.errors import CnnbenchError
from cnnbench.prediction import calibration, modes, terms
from cnnbench.prediction.model import Example, coefficients, summed
from cnnbench.reporting import formats
from cnnbench.runs import store
from cnnbench.runs.result import results
from tests.support import ROOT, words

REPORT = ROOT / "reports" / "prediction"
MEASURED = [name for name in ("applications", "training") if (REPORT / name).is_dir()]


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The committed raw data, rendered by this version in a folder of its own."""
    folder = tmp_path_factory.mktemp("prediction")
    formats.write(page.document(store.read(REPORT), unseen.parts()), folder)
    return folder


def test_the_page_comes_from_its_raw_data(again):
    assert (again / "README.md").read_text() == (REPORT / "README.md").read_text()
    assert words(again) == words(REPORT)


def test_the_page_has_the_figures_that_it_shows(again):
    shown = set(re.findall(r"\]\((\w+\.png)\)", (REPORT / "README.md").read_text()))
    assert shown == {"time.png", "memory.png", *(f"{name}.png" for name in MEASURED)}
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


@pytest.mark.parametrize("part", MEASURED)
def test_what_it_says_of_unseen_networks_is_counted_here_again(part):
    measured = unseen.measured(store.read(REPORT / part))
    main, _ = results(store.read(REPORT))
    probes = [r for r in (measured if part == "training" else main) if heldout.is_probe(r)]
    others = [r for r in measured if r.samples and not heldout.is_probe(r)]
    assert len({r.case.target for r in others}) >= 30 if part == "applications" else 14
    model = calibration.time_model(probes)
    limit, good, held = 0.25 if part == "training" else 0.2, 0, 0
    for result in others:
        graph, mode = result.case.graph(), result.case.mode
        layers, amounts = modes.of_layers(graph, mode), modes.time(graph, mode)
        time = min(stats.medians(result.samples.values()))
        value, guessed = (
            sum(model.coefficients.get(name, 0) * amount for name, amount in each.items())
            for each in (amounts, terms.total([x for x in layers if x.guessed]) | {"call": 0})
        )
        low = model.low * (value - guessed) + min(model.low, model.guess_low) * guessed
        high = model.high * (value - guessed) + max(model.high, model.guess_high) * guessed
        good += abs(value - time) <= limit * time
        held += low <= time <= high
    reached = [f"{100 * count / len(others):.1f} %" for count in (good, held)]
    assert (
        f"Reached: {' and '.join(reached)} of {len(others)}." in (REPORT / "README.md").read_text()
    )


@pytest.mark.parametrize("number", range(3))
def test_a_calibration_of_one_launch_is_counted_here_again(number):
    probes = [r for r in results(store.read(REPORT))[0] if heldout.is_probe(r)]
    examples = []
    for result in probes:
        if number in result.samples:
            graph = result.case.graph()
            time = stats.medians([result.samples[number]])[0]
            examples.append(Example(modes.time(graph, "graph"), time))
    assert len(examples) > 0.8 * len(probes)
    fitted = coefficients(examples)
    others = [r for r in unseen.measured(store.read(REPORT / "applications")) if r.samples]
    errors = []
    for result in others:
        time = min(stats.medians(result.samples.values()))
        errors.append(abs(summed(fitted, modes.time(result.case.graph(), "graph")) / time - 1))
    good = sum(error <= 0.2 for error in errors)
    shares = f"{100 * median(errors):.1f} % | {100 * good / len(errors):.1f} %"
    row = f"| {number + 1} | {len(examples)} | {shares} |"
    assert row in re.sub(" +", " ", (REPORT / "README.md").read_text())


def test_damaged_data_would_change_the_page(again, tmp_path):
    lines = (REPORT / store.FILE).read_text().splitlines(keepends=True)
    (tmp_path / store.FILE).write_text("".join(lines[: len(lines) // 2]))
    damaged = formats.markdown(page.document(store.read(tmp_path), {}))
    assert damaged != (again / "README.md").read_text()


def test_a_run_without_blocks_is_refused():
    with pytest.raises(CnnbenchError, match="expected probes and blocks"):
        page.document(store.read(REPORT.parent / "sample-cpu"), {})
