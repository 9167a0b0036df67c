"""What a report says of the GPU: clocks, heat, launches in which it was throttled, no peak."""

from dataclasses import replace

import pytest

from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs import machine
from cnnbench.reporting.runs.data import Data
from cnnbench.reporting.runs.exported import export
from cnnbench.reporting.runs.sections import trust
from cnnbench.runs import store
from cnnbench.runs.result import results
from tests.support import synthetic

GPU = {"name": "A", "sm_mhz": 1400, "memory_mhz": 1215, "watts": 300.0, "celsius": 60}
SEEN = [
    {**GPU, "throttled": []},
    {**GPU, "sm_mhz": 1200, "celsius": 85, "throttled": ["power cap", "heat"]},
    {**GPU, "sm_mhz": 1300, "throttled": ["heat"]},
]


@pytest.fixture
def run(tmp_path):
    def run(seen, **known):
        case = Case("vgg_block", (8, 8, 3), device="gpu:1", runtime="fake", label="block")
        plan = Plan("mine", "", (case,), launches=len(seen), papers={case.paper_key: case.paper()})
        with store.create(tmp_path / "run", plan) as file:
            for launch, gpu in enumerate(seen):
                measured = synthetic.measure(case, launch)
                environment = {**measured.environment, "gpu": gpu}
                file.append("launch", replace(measured, environment=environment, **known).to_json())
        return store.read(tmp_path / "run")

    return run


def said(run):
    document = Document()
    trust.add(document, Data(run, tuple(results(run)[0]), (), ()))
    return formats.show(document, "markdown")


def test_a_throttled_launch_is_flagged(run):
    text = said(run(SEEN))
    expected = "gpu:1 lowered its clock in 2 of 3 launches (power cap, heat): block."
    assert f"**Throttled**: {expected} To do: cool it" in text


def test_a_launch_at_full_clock_is_not_flagged(run):
    assert "Throttled" not in said(run(SEEN[:1]))


def test_the_machine_has_median_clocks_and_the_highest_heat(run):
    rows = dict(machine.machine_rows(run(SEEN))[1])
    assert rows["gpu:1 meanwhile"] == "A, 1,300 MHz, memory 1,215 MHz, 300 W, at most 85 °C"


def test_what_is_not_known_of_a_gpu_is_said(run):
    rows = dict(machine.machine_rows(run([{"unknown": "no driver"}]))[1])
    assert rows["gpu:1 meanwhile"] == "not known: no driver, throttling not known"


def test_an_export_has_the_gpu_of_each_launch(run):
    header, *rows = export(run(SEEN), "csv", "launch").decode().splitlines()
    launches = [dict(zip(header.split(","), row.split(","), strict=False)) for row in rows]
    assert [launch["gpu_sm_mhz"] for launch in launches] == ["1400", "1200", "1300"]
    assert rows[1].endswith('"power cap, heat"')
    assert launches[0]["gpu_throttled"] == ""


def test_why_there_is_no_peak_is_said(run):
    text = said(run(SEEN[:1], peak_bytes=None, peak_source="it cannot be reset"))
    assert "**No peak memory** of block: it cannot be reset." in text
