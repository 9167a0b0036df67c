"""The time of each case over many runs, and where it changed its level."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import cnnbench
from cnnbench.errors import CnnbenchError, StoreError
from cnnbench.runs import baselines
from cnnbench.runs.history import BYTES, PACE, SECONDS, history
from cnnbench.runs.store import FILE
from tests.support import stored

STEADY = [200.0] * 8
STEP = [100.0] * 4 + [120.0] * 4
CASE = stored.case("small")
FIRST = datetime.fromtimestamp(1_750_000_000, UTC)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Eight runs, in which one of two cases became slower."""
    return stored.history(tmp_path_factory.mktemp("h"), {"step": STEP, "steady": STEADY})


def found(folder, since="", now=None):
    return history([str(folder)], since, now)


def test_a_change_is_between_two_commits(runs):
    step, steady = found(runs).cases
    (change,) = step.changes
    assert (change.before.commit, change.after.commit) == ("c0de03", "c0de04")
    assert (change.before.name, change.after.name) == ("run-03", "run-04")
    assert (change.earliest.name, change.latest.name) == ("run-03", "run-04")
    assert change.ratio.value == pytest.approx(1.2)
    assert change.ratio.low < 1.2 < change.ratio.high
    assert change.verdict == "slower"
    assert steady.changes == ()


def test_a_change_that_was_undone_counts_and_the_last_one_is_told(tmp_path):
    times = {"back": [100.0] * 4 + [120.0] * 4 + [90.0] * 4, "faster": [100.0] * 4 + [80.0] * 8}
    over = found(stored.history(tmp_path, times))
    back, faster = over.cases
    assert over.slower == (back,)
    assert over.changed == (back, faster)
    assert repr(back) == "CaseHistory(back 8x8x3: 12 runs, 2 changes, faster from c0de08 on)"
    assert repr(back.changes[0]) == ("LevelChange(c0de03 to c0de04: 1.2 times as long, slower)")
    alone = found(stored.history(tmp_path / "one", {"one": [100.0]})).cases[0]
    assert alone.ratio == 1


def test_a_value_is_how_many_times_the_reference_a_call_took(runs):
    step, _ = found(runs).cases
    assert step.unit == PACE
    first, last = step.points[0], step.points[-1]
    assert first.value.value == pytest.approx(100 / 50, rel=1e-3)
    assert first.value.low < 2 < first.value.high
    assert last.level == pytest.approx(120 / 50, rel=1e-3)
    assert step.ratio == pytest.approx(1.2)


def test_a_machine_that_became_slower_is_no_change(tmp_path):
    for name, factor in (("a", 1.0), ("b", 1.5)):
        times = {"steady": [factor * time for time in STEADY]}
        stored.history(tmp_path / name, times, reference=50 * factor)
    before, after = (sorted((tmp_path / name).iterdir()) for name in "ab")
    (case,) = history([str(folder) for folder in (*before[:4], *after[4:])]).cases
    assert [round(point.value.value, 3) for point in case.points] == [4.0] * 8
    assert case.changes == ()


def test_without_a_common_reference_times_are_taken_and_that_is_said(tmp_path):
    stored.history(tmp_path / "old", {"step": STEP}, reference=0)
    (case,) = found(tmp_path / "old").cases
    assert case.unit == SECONDS
    assert case.points[0].value.value == pytest.approx(100e-6, rel=1e-3)
    assert len(case.changes) == 1
    assert found(tmp_path / "old").notes == ()

    other = stored.MACHINE | {"versions": {"tensorflow": "2.21", "keras": "3.15"}}
    stored.history(tmp_path / "mixed", {"step": STEP})
    stored.history(tmp_path / "newer", {"step": STEP}, machine=other)
    shutil.rmtree(tmp_path / "mixed" / "run-07")
    shutil.move(tmp_path / "newer" / "run-07", tmp_path / "mixed")
    mixed = found(tmp_path / "mixed")
    assert mixed.cases[0].unit == SECONDS
    (note,) = mixed.notes
    assert "times alone" in note
    assert "tensorflow (2.20, 2.21)" in note


def test_unlike_machines_are_never_one_series(tmp_path):
    big = stored.MACHINE | {"cores": 64, "threads": 64}
    here = stored.history(tmp_path / "here", {"step": [100.0] * 4})
    there = stored.history(tmp_path / "there", {"step": [120.0] * 4}, machine=big)
    both = history([str(here), str(there)])
    assert [len(case.points) for case in both.cases] == [4, 4]
    assert [case.changes for case in both.cases] == [(), ()]
    assert [case.machine for case in both.cases] == [
        "Fake CPU, 2 cores, 2 threads",
        "Fake CPU, 64 cores, 64 threads",
    ]
    assert len({run.name for run in both.runs}) == 8  # the last part is not enough


def test_runs_are_in_the_order_of_time_whatever_they_are_called(tmp_path):
    stored.history(tmp_path, {"step": STEP})
    (tmp_path / "run-00").rename(tmp_path / "zzz")
    assert [run.name for run in found(tmp_path).runs][:2] == ["zzz", "run-01"]


@pytest.mark.parametrize(
    ("since", "count"),
    [
        ("c0de02", 6),
        ("c0de02ffff", 6),  # longer than what is stored
        ("2025-06-18", 5),  # from midnight in UTC on; they are from 15:06
        ("2025-06-18T15:00:00+00:00", 5),
        ("2025-06-18T18:00", 4),
        ("3d", 3),
        ("3 d", 3),
    ],
)
def test_since_a_date_a_commit_or_days(runs, since, count):
    # The last run is seven days after the first one.
    now = datetime.fromtimestamp(1_750_000_000 + 7.5 * 86400, UTC)
    assert len(found(runs, since, now).runs) == count


@pytest.mark.parametrize(
    ("since", "message"),
    [
        ("ffffff", "unknown commit 'ffffff'"),
        ("2030-01-01", "no run since 2030-01-01; the newest, run-07"),
        ("2030-13-01", "must be a date"),
        ("yesterday", "must be a date"),
        ("-3d", "must be a date"),
        ("abc", "at least 4"),
    ],
)
def test_a_senseless_beginning_is_refused(runs, since, message):
    with pytest.raises(CnnbenchError, match=message):
        found(runs, since)


def test_runs_without_a_commit_are_called_by_their_names(tmp_path):
    stored.history(tmp_path, {"step": STEP})
    for file in tmp_path.glob(f"*/{FILE}"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            line.get("environment", {}).pop("project_commit", None)
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (case,) = found(tmp_path).cases
    assert case.changes[0].after.label == "run-04"


def test_baselines_are_the_runs_if_none_are_named(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path))
    with pytest.raises(CnnbenchError, match="there is no baseline"):
        history()
    for number in range(3):
        baselines.save(f"v{number}", runs / f"run-{number:02}")
    assert [run.name for run in history().runs] == ["v0", "v1", "v2"]
    assert not history().judged


def test_a_run_that_cannot_be_read_is_named_and_left_out(tmp_path):
    stored.history(tmp_path, {"step": STEP})
    (tmp_path / "run-02" / FILE).write_text("no run\n")
    assert len(found(tmp_path).runs) == 7
    assert "run-02" in found(tmp_path).notes[0]


def test_where_there_is_no_run_at_all(tmp_path):
    with pytest.raises(StoreError, match="not the folder of a run"):
        found(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / FILE).write_text("no run\n")
    with pytest.raises(StoreError, match="no plan"):
        found(tmp_path)


def test_a_run_named_twice_counts_once(runs):
    assert len(history([str(runs), str(runs / "run-00")]).runs) == 8


def test_records_and_json_have_every_run(runs):
    both = cnnbench.history(runs)
    rows = both.records()
    assert len(rows) == 16
    assert [row["run"] for row in rows if row["change"]] == ["run-04"]
    values = json.loads(json.dumps(both.to_json(), allow_nan=False))
    step = values["cases"][0]
    assert step["name"] == "step 8x8x3"
    assert len(step["points"]) == 8
    assert step["changes"][0]["before"]["commit"] == "c0de03"
    assert step["changes"][0]["verdict"] == "slower"


def of_memory(folder, peaks):
    """A folder of runs, one a day, with the bytes of the peak in each."""
    for number, peak in enumerate(peaks):
        launches = [
            replace(
                stored.launch(CASE, turn, 100, peak=peak and peak + turn),
                started=1_750_000_000.0 + 86400 * number,
            )
            for turn in range(3)
        ]
        stored.write(folder / f"run-{number:02}", [CASE], launches)
    return folder


def test_memory_has_changes_of_its_own(tmp_path):
    folder = of_memory(tmp_path, [10**6] * 4 + [1_300_000] * 4)
    (case,) = history([str(folder)], metric="memory").cases
    assert case.unit == BYTES
    # The geometric mean of three peaks, each a byte more than the one before.
    assert case.points[0].value.value == pytest.approx(10**6 + 1)
    (change,) = case.changes
    assert (change.before.name, change.after.name) == ("run-03", "run-04")
    assert change.ratio.value == pytest.approx(1.3, rel=1e-4)
    assert (change.word, change.verdict) == ("more", "slower")
    assert found(folder).cases[0].changes == ()  # their times are equal
    rows = cnnbench.history(folder, metric="memory").records()
    assert [row["run"] for row in rows if row["change"] == "more"] == ["run-04"]


def test_two_launches_that_differ_more_than_the_levels_show_no_change(tmp_path):
    for number, peak in enumerate([10**6] * 4 + [1_300_000] * 4):
        # Half of it and twice as much, so that their mean is the peak.
        both = [stored.launch(CASE, turn, 100, peak=peak * 4**turn // 2) for turn in (0, 1)]
        day = 1_750_000_000.0 + 86400 * number
        stored.write(tmp_path / f"run-{number}", [CASE], [replace(m, started=day) for m in both])
    (case,) = history([str(tmp_path)], metric="memory").cases
    assert case.points[-1].value.value == pytest.approx(1_300_000)
    assert case.changes == ()


def test_a_peak_that_did_not_rise_is_named(tmp_path):
    over = history([str(of_memory(tmp_path, [10**6] * 4 + [None] * 4))], metric="memory")
    assert [len(case.points) for case in over.cases] == [4]
    assert "run-07: no memory of small 8x8x3: no peak that rose" in over.notes


def test_another_metric_is_refused(runs):
    with pytest.raises(CnnbenchError, match="unknown metric of a history 'params'"):
        history([str(runs)], metric="params")


def theirs(folder, medians, **more):
    """Files of pytest-benchmark, one a day, as `--benchmark-autosave` names them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seconds in enumerate(medians, start=1):
        file = {
            "benchmarks": [
                {
                    "name": "test_x",
                    "fullname": "b.py::test_x",
                    "stats": {"median": seconds, "data": [seconds] * 3},
                }
            ],
            "machine_info": {"node": "here", "cpu": {"brand_raw": "Fake CPU"}},
            "commit_info": {"id": f"{number:02}" + 38 * "a", "dirty": number == 1},
            "datetime": f"2026-11-{number:02}T12:00:00.000000+00:00",
            "version": "5.1.0",
            **more,
        }
        (folder / f"{number:04}_c0de.json").write_text(json.dumps(file))
    return folder


def test_each_file_of_pytest_benchmark_is_a_run(tmp_path):
    folder = theirs(tmp_path / "b", [0.010] * 4 + [0.013] * 4)
    over = found(folder)
    assert [run.name for run in over.runs] == [f"{n:04}_c0de" for n in range(1, 9)]
    assert [run.date for run in over.runs][:2] == ["2026-11-01 12:00", "2026-11-02 12:00"]
    assert [run.commit for run in over.runs][:2] == ["01aaaaaaaaaa+", "02aaaaaaaaaa"]
    (case,) = over.cases
    assert (case.name, case.unit, case.machine) == ("test_x", SECONDS, "Fake CPU")
    assert [point.value.value for point in case.points] == pytest.approx([0.010] * 4 + [0.013] * 4)
    (change,) = case.changes
    assert (change.before.name, change.after.name) == ("0004_c0de", "0005_c0de")
    assert change.ratio.value == pytest.approx(1.3)
    assert len(found(folder, since="2026-11-05").runs) == 4
    assert len(history([str(folder / "0002_c0de.json"), str(folder)]).runs) == 8


def test_files_from_unlike_machines_are_not_one_series(tmp_path):
    one = theirs(tmp_path / "a", [0.010] * 4)
    other = theirs(tmp_path / "b", [0.013] * 4, machine_info={"cpu": {"brand_raw": "Other CPU"}})
    over = history([str(one), str(other)])
    assert [(case.machine, len(case.points)) for case in over.cases] == [
        ("Fake CPU", 4),
        ("Other CPU", 4),
    ]


def test_an_exported_run_continues_the_history_of_the_others(tmp_path):
    stored.history(tmp_path / "runs", {"step": STEP}, reference=0)
    for number in (6, 7):
        folder = tmp_path / "runs" / f"run-{number:02}"
        exported = cnnbench.export(folder, "pytest-benchmark", out=tmp_path / f"{number}.json")
        assert exported.left_out == ()
        shutil.rmtree(folder)
    (case,) = history([str(tmp_path / name) for name in ("runs", "6.json", "7.json")]).cases
    assert [point.run.commit for point in case.points][-2:] == ["c0de06", "c0de07"]
    assert [round(point.value.value * 1e6) for point in case.points] == STEP
    assert case.points[-1].value.low is not None  # it has three launches


@pytest.mark.parametrize(
    "date", ["2026-11-05T12:00:00", "2026-11-05 12:00:00+00:00", "2026-11-05T14:00:00+02:00"]
)
def test_a_date_without_a_zone_is_in_utc(tmp_path, date):
    (run,) = found(theirs(tmp_path, [0.01], datetime=date)).runs
    assert run.date == "2026-11-05 12:00"


def test_a_file_without_a_date_or_that_cannot_be_read_is_no_end(tmp_path):
    folder = theirs(tmp_path, [0.01, 0.02], datetime="yesterday", commit_info={})
    (folder / "0003.json").write_text("{}")
    over = found(folder)
    assert [(run.date, run.commit) for run in over.runs] == [("", ""), ("", "")]
    (note,) = over.notes
    assert note.startswith("left out: ")
    assert "is not pytest-benchmark's JSON" in note


@pytest.mark.parametrize("name", ["drift", "layout"])
def test_what_runs_of_this_machine_differ_by_is_no_change(tmp_path, name):
    stored.history(tmp_path, {"step": STEP}, machine=stored.MACHINE | {name: 0.2})
    (case,) = found(tmp_path).cases
    assert case.changes == ()
