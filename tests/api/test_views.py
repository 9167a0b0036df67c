"""What a notebook shows: a page of every record that a function returns."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import cnnbench
from cnnbench import records, types
from cnnbench.analysis.conventions import tool_counts
from cnnbench.api import views
from cnnbench.machine.health import Health, HealthFinding, HealthStatus
from cnnbench.prediction.calibration import Calibration
from cnnbench.prediction.forecast import forecast
from cnnbench.prediction.model import Model
from cnnbench.records import Record, Records, Shown
from cnnbench.types import Agreement, Baseline
from tests.support import stored

NAME = "vgg_block"
MODEL = Model({"conv kxk, MACs": 1e-9}, 0.5, 2.0, 7)
FINDING = HealthFinding("cores", "2 <free>", HealthStatus.WARN, "close other programs")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One record of each kind, by its name."""
    folder = tmp_path_factory.mktemp("runs")
    case = stored.case("narrow")
    old = stored.timed(folder / "old", (case, [100, 100, 100]))
    new = stored.timed(folder / "new", (case, [200, 200, 200]))
    finished = cnnbench.run(NAME, input_shape=(8, 8, 3), runtime="fake", out=folder / "r")
    comparison = cnnbench.compare(old, new)
    verified = cnnbench.verify(["two-3x3-for-5x5"])
    graph = cnnbench.trace(NAME)
    where = stored.MACHINE | {"runtime": "fake", "mode": "graph"}
    prediction = forecast(graph, Calibration(where, MODEL, MODEL, 1e-9, 1e-9))
    roofline = cnnbench.roofline(NAME, on="A100")
    choice = cnnbench.choose([NAME])
    sweep = cnnbench.sweep(NAME, {"n_filters": range(8, 60)}, top=0)
    quick = {"runtime": "fake", "launches": 2}
    profiled = cnnbench.profile(NAME, input_shape=(8, 8, 3), ceilings=False, **quick)
    advice = cnnbench.advise(NAME, (8, 8, 3), ways=["threads"], **quick)
    step = {"step <of> four": [100.0] * 4 + [120.0] * 4}
    history = cnnbench.history(stored.history(folder / "many", step))
    return {
        "Cost": cnnbench.analyze("resnet18"),
        "LayerCost": cnnbench.analyze(NAME).layers[1],
        "Graph": graph,
        "Formula": cnnbench.formula(NAME),
        "Training": cnnbench.training(NAME),
        "Capacity": cnnbench.capacity(NAME, "1GiB"),
        "ToolCount": cnnbench.conventions(NAME, tool="thop")[0],
        "ToolCount list": cnnbench.conventions(NAME),
        "Agreement": Agreement("dense: parameters", 10, 9, False),
        "Agreement list": Records([Agreement("dense: parameters", 10, 9, False)]),
        "Choice": choice,
        "Candidate": choice.chosen[0],
        "Sweep": sweep,
        "Finished": finished,
        "RunComparison": comparison,
        "CaseChange": comparison.changes[0],
        "Gate": comparison.gate(0.05),
        "LimitedCase": comparison.gate(0.05).cases[0],
        "Exported": cnnbench.export(old),
        "Baseline": Baseline("mine", None, "unreadable"),
        "Baseline list": Records([Baseline("mine", None, "unreadable")]),
        "Verified": verified,
        "JudgedClaim": verified.claims[0],
        "Health": Health((FINDING,)),
        "HealthFinding": FINDING,
        "Roofline": roofline,
        "Bound": roofline.bounds[1],
        "Prediction": prediction,
        "Expected": prediction.time,
        "LayerTime": prediction.layers[0],
        "Calibration": prediction.calibration,
        "Profiled": profiled,
        "NetworkProfile": profiled.profiles[0],
        "ProfiledLayer": profiled.profiles[0].rows[0],
        "Advice": advice,
        "Change": advice.changes[0],
        "History": history,
        "CaseHistory": history.cases[0],
        "HistoryPoint": history.cases[0].points[0],
        "HistoryRun": history.runs[3],
        "LevelChange": history.cases[0].changes[0],
    }


SAID = {
    "Cost": "11,699,112",  # parameters of torchvision's ResNet-18, and two means a batch norm
    "LayerCost": "113,246,208",  # 3*3*3*64 * 256*256 multiply-adds
    "Graph": "38,720",
    "Formula": "n_filters*(9*C + 9*n_filters + 2)",
    "Training": "slots of adam",
    "Capacity": "largest batch",
    "ToolCount": "2,529,165,312",
    "ToolCount list": "ptflops",
    "Agreement": "10 != 9",
    "Agreement list": "DIFFERENT",
    "Choice": "peak memory (MiB)",
    "Candidate": "38,720",
    "Sweep": "32 more rows",
    "Finished": "One case was timed",
    "RunComparison": "2.000",
    "CaseChange": "slower",
    "Gate": "Gate at 5 %: failed",
    "LimitedCase": "above at 5 %",
    "Exported": "csv",
    "Baseline": "unreadable",
    "Baseline list": "measured (UTC)",
    "Verified": "28.0 % less",  # 18/25
    "JudgedClaim": "28.0 % less",
    "Health": "close other programs",
    "HealthFinding": "close other programs",
    "Roofline": "156 TFLOP/s",
    "Bound": "conv2d",
    "Prediction": "8 of 10 cases within",
    "Profiled": "3x3, 64, relu",
    "NetworkProfile": "vgg_block",
    "ProfiledLayer": "conv2d",
    "Advice": "times as it is",
    "Change": "1 thread",
    "Expected": "value",
    "History": "c0de04 (run-04)",
    "CaseHistory": "slower from c0de04 on",
    "HistoryPoint": "level 2",
    "HistoryRun": "2025-06-18 15:06",
    "LevelChange": "c0de03 to c0de04: 1.2 times",
    "LayerTime": "conv kxk",
    "Calibration": "Fake CPU",
}


@pytest.mark.parametrize("kind", SAID)
def test_a_notebook_shows_a_page_of_every_kind(made, kind):
    record = made[kind]
    assert type(record).__name__ == kind or isinstance(record, list)
    page = record._repr_html_()
    root = ElementTree.fromstring(page)  # XML: all that is open is closed, all names are escaped
    assert root.get("class") == "cnnbench"
    assert not list(root.iter("script"))
    words = " ".join("".join(root.itertext()).split())
    for said in (words, record._repr_markdown_()):
        assert SAID[kind] in said
    if not isinstance(record, list):
        assert len(repr(record)) < 200
        assert "\n" not in repr(record)


def test_of_long_tables_twenty_rows_are_shown(made):
    cost = made["Cost"]
    root = ElementTree.fromstring(cost._repr_html_())
    assert len(root.findall("div/table")[0].findall("tbody/tr")) == 20
    assert root.findtext("details/summary") == f"{len(cost.layers) - 20} more rows"
    rows = root.findall(".//tbody/tr")
    assert {layer.name for layer in cost.layers} <= {row[0].text for row in rows}
    before, _, folded = cost._repr_markdown_().partition("<details>")
    assert len(re.findall(r"^\|", before, re.MULTILINE)) == 2 + 20
    assert folded.count("</details>") == 1


def test_every_record_that_can_be_imported_is_shown_and_tried(made):
    kinds = {name: getattr(types, name) for name in types.__all__}
    kinds |= {name: kind for name, kind in vars(cnnbench).items() if inspect.isclass(kind)}
    kinds.pop("CnnbenchError")
    assert not [name for name, kind in kinds.items() if not issubclass(kind, Shown)]
    # These have no document of their own, and the fields of one are as good as those of another.
    alike = {"EnvironmentDifference", "Judgement", "MeasuredRows", "Noise"}
    assert kinds.keys() - alike <= made.keys()
    assert views.DOCUMENTS.keys() <= made.keys()


def test_a_claim_that_was_measured_says_so():
    """The measurements that reports/claims holds."""
    run = Path(__file__).parents[2] / "reports" / "claims"
    (claim,) = cnnbench.verify(["reduction-computation"], run=run).claims
    assert f"Measured: {claim.measured}. It " in claim._repr_markdown_()


def test_an_empty_list_is_a_page_too():
    assert "[]" in Records()._repr_markdown_()
    assert "[]" in Records()._repr_html_()


def test_a_list_is_a_list():
    found = cnnbench.conventions(NAME)
    assert found == tool_counts(cnnbench.trace(NAME))
    assert isinstance(found, list)


def test_what_nobody_prints_has_no_page(monkeypatch):
    monkeypatch.setattr(records, "_printers", [])
    assert Record()._repr_html_() is Record()._repr_markdown_() is None


def test_a_page_of_paper_numbers_needs_no_framework_and_draws_nothing():
    code = (
        "import cnnbench, sys; cnnbench.analyze('vgg_block')._repr_html_();"
        "print({'tensorflow', 'keras', 'matplotlib', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
