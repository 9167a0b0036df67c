"""pytest-benchmark's JSON, written for its own tools and read from them."""

import io
import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cnnbench import api
from cnnbench.errors import StoreError, UnknownNameError
from cnnbench.reporting.runs import benchmarks, exported
from cnnbench.runs import pytest_benchmark, store
from tests.support import stored
from tests.support.stored import MACHINE, case, launch

A, B = case("narrow", 4), case("wide", 8)


def benchmark(fullname, *data, median=None, extra=None):
    """One benchmark as pytest-benchmark writes it; without rounds if none are given."""
    found = {"median": statistics.median(data) if data else median}
    return {
        "name": fullname.split("::")[-1],
        "fullname": fullname,
        "extra_info": extra or {},
        "stats": found | ({"data": list(data)} if data else {}),
    }


def written(path, *benchmarks, node="here", **other):
    document = {
        "machine_info": {"node": node, "cpu": {"brand_raw": "Fake CPU"}, "python_version": "3.12"},
        "commit_info": {"id": "aaaa"},
        "benchmarks": list(benchmarks),
        "version": "5.3.1",
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document | other))
    return path


@pytest.fixture
def run(tmp_path):
    """Two launches of two cases, and a third case that crashed."""
    broken = case("broken", 16)
    return stored.write(
        tmp_path / "run",
        [A, B, broken],
        [
            *(launch(A, n, t, params=408) for n, t in enumerate((100, 110))),
            *(launch(B, n, t, peak=2000 + n) for n, t in enumerate((200, 240))),
            launch(broken, 0, 0, outcome="crashed"),
        ],
    )


# Theirs


def test_a_file_is_one_launch_and_a_folder_has_one_a_file(tmp_path):
    for number, scale in enumerate((1.0, 1.1, 0.9)):
        written(
            tmp_path / "many" / f"{number}.json",
            benchmark("b.py::test_x", *(scale * t for t in (0.010, 0.012, 0.011))),
        )
    (one,) = pytest_benchmark.read(tmp_path / "many" / "0.json").series
    assert one.time.value == pytest.approx(0.011)
    assert (one.time.low, one.key, one.name) == (None, "b.py::test_x", "test_x")
    (all_,) = pytest_benchmark.read(tmp_path / "many").series
    # The geometric mean of the three medians.
    assert all_.time.value == pytest.approx(0.011 * (1.0 * 1.1 * 0.9) ** (1 / 3))
    assert all_.time.low < all_.time.value < all_.time.high


def test_files_are_launches_in_the_order_of_their_names(tmp_path):
    for number in (3, 0, 4, 1, 2):
        written(tmp_path / "many" / f"{number}.json", benchmark("b.py::test_x", 1.0 + number))
    (series,) = pytest_benchmark.read(tmp_path / "many").series
    assert [calls[1] for calls in series.samples.values()] == [1, 2, 3, 4, 5]


def test_a_median_alone_is_enough_and_so_is_one_round(tmp_path):
    for kind in (benchmark("b.py::test_x", median=0.5), benchmark("b.py::test_x", 0.5)):
        (series,) = pytest_benchmark.read(written(tmp_path / "x.json", kind)).series
        assert series.time.value == pytest.approx(0.5)


def test_what_took_no_time_by_its_clock_has_no_time(tmp_path):
    file = written(tmp_path / "x.json", benchmark("b.py::test_x", 0.0, 0.0))
    (series,) = pytest_benchmark.read(file).series
    assert (series.time, series.outcome) == (None, "took 0 seconds")


def test_two_files_have_a_ratio_and_two_folders_an_interval(tmp_path):
    def side(name, *medians):
        for number, seconds in enumerate(medians):
            written(tmp_path / name / f"{number}.json", benchmark("b.py::test_x", seconds, seconds))
        return tmp_path / name

    base, new = side("base", 1.0, 1.01, 0.99), side("new", 2.0, 2.02, 1.98)
    compared = api.compare(base / "0.json", new / "0.json")
    assert compared.changes[0].ratio.value == pytest.approx(2.0)
    assert compared.changes[0].ratio.low is None
    assert [note.partition(": ")[2] for note in compared.notes] == [pytest_benchmark.ALONE] * 2
    (change,) = api.compare(base, new).changes
    assert change.verdict == "slower"
    assert change.ratio.low > 1.9


def test_what_a_file_says_of_the_machine_is_compared(tmp_path):
    base = written(tmp_path / "a.json", benchmark("b.py::test_x", 1.0))
    new = written(tmp_path / "b.json", benchmark("b.py::test_x", 1.0), node="there", version="6")
    assert [(d.key, d.base, d.new) for d in api.compare(base, new).differences] == [
        ("host", "here", "there"),
        ("versions.pytest-benchmark", "5.3.1", "6"),
    ]


def test_two_tests_of_one_case_keep_their_own_names(tmp_path):
    extra = {"cnnbench": {"case": "some case"}}
    file = written(
        tmp_path / "x.json",
        benchmark("b.py::test_x", 1.0, extra=extra),
        benchmark("b.py::test_y", 1.0, extra=extra),
        benchmark("c.py::test_y", 1.0),
    )
    found = pytest_benchmark.read(file).series
    assert [s.key for s in found] == ["b.py::test_x", "b.py::test_y", "c.py::test_y"]
    assert [s.name for s in found] == ["test_x", "b.py::test_y", "c.py::test_y"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "not a benchmark file"),
        ("{}", "benchmarks: Field required"),
        ('{"benchmarks": []}', "holds no benchmark"),
        ('{"benchmarks": [{"name": "x"}]}', "benchmarks: 0: fullname: Field required"),
        ('{"benchmarks": [{"name": "x", "fullname": "x", "stats": {}}]}', "median: Field required"),
        (
            '{"benchmarks": [{"name": "x", "fullname": "x", "stats": {"median": NaN}}]}',
            "finite number",
        ),
        (
            '{"benchmarks": [{"name": "x", "fullname": "x", "stats": {"median": -1}}]}',
            "greater than or equal to 0",
        ),
        (
            '{"benchmarks": [{"name": "x", "fullname": "x", "stats": {"median": 1},'
            ' "extra_info": {"cnnbench": 3}}]}',
            "not a case info",
        ),
    ],
)
def test_what_is_none_of_theirs_is_refused_by_its_name(tmp_path, text, reason):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(StoreError, match=rf"x\.json.*{reason}"):
        pytest_benchmark.read(tmp_path / "x.json")


def test_two_benchmarks_of_one_name_are_refused(tmp_path):
    file = written(tmp_path / "x.json", *[benchmark("b.py::test_x", 1.0)] * 2)
    with pytest.raises(StoreError, match=r"two benchmarks are called b\.py::test_x"):
        pytest_benchmark.read(file)


# Ours


def test_a_run_comes_back_from_its_export_as_it_was(run, tmp_path):
    text, lost = pytest_benchmark.write(store.read(run))
    assert lost == ["broken 8x8x3 (crashed)"]
    (tmp_path / "x.json").write_text(text)
    found = pytest_benchmark.read(tmp_path / "x.json")
    narrow, wide = found.series
    # (100 * 110) ** 0.5 and (200 * 240) ** 0.5 microseconds
    assert narrow.time.value == pytest.approx(104.8809e-6)
    assert wide.time.value == pytest.approx(219.0890e-6)
    assert narrow.time.n == 2
    assert (narrow.key, narrow.name, narrow.place) == (A.id, "narrow 8x8x3", "8x8x3")
    assert (narrow.params, wide.peaks) == (408, {0: 2000, 1: 2001})
    assert found.environment["versions.tensorflow"] == ("2.20",)
    compared = api.compare(run, tmp_path / "x.json")
    assert [c.ratio.value for c in compared.changes] == pytest.approx([1, 1])
    assert compared.only_base == ("broken 8x8x3",)
    assert compared.differences == ()
    assert api.compare(tmp_path / "x.json", blocks=("narrow", "wide")).changes[0].ratio.n == 2


def test_a_launch_without_a_time_leaves_its_number_free(tmp_path):
    extra = {"cnnbench": {"case": "x", "calls": [5, 5], "peaks": [100, 200]}}
    file = written(
        tmp_path / "zero.json", benchmark("b.py::x", *[0.0] * 5, *[0.01] * 5, extra=extra)
    )
    (series,) = pytest_benchmark.read(file).series
    assert (set(series.samples), series.peaks) == ({1}, {0: 100, 1: 200})


def test_an_export_has_the_statistics_of_the_steady_calls(run):
    document = json.loads(pytest_benchmark.write(store.read(run))[0])
    stats = document["benchmarks"][0]["stats"]
    # Five steady calls a launch at the most, of which the warm-up may take the first ones.
    calls = document["benchmarks"][0]["extra_info"]["cnnbench"]["calls"]
    assert stats["data"] == pytest.approx(calls[0] * [100e-6] + calls[1] * [110e-6])
    assert stats["rounds"] == sum(calls) == len(stats["data"])
    for name, function in (("mean", np.mean), ("median", np.median), ("max", max), ("min", min)):
        assert stats[name] == pytest.approx(function(stats["data"]))
    assert document["commit_info"] == {"id": "aaaa", "dirty": False}
    # The last launch started a second after the epoch of the helper, and took half of one.
    assert document["datetime"] == "2025-06-15T15:06:41.500000+00:00"


def test_a_commit_with_changed_files_is_dirty(tmp_path):
    changed = MACHINE | {"commit": "aaaa+"}
    run = stored.timed(tmp_path / "run", (A, [1, 1]), machine=changed)
    document = json.loads(pytest_benchmark.write(store.read(run))[0])
    assert document["commit_info"] == {"id": "aaaa", "dirty": True}


def test_pytest_benchmark_itself_compares_two_exports(run, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(pytest_benchmark.write(store.read(run))[0])
    program = "from pytest_benchmark.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "compare", "a.json", "b.json", "--columns=median,rounds"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("narrow")]
    assert len(lines) == 2
    # Median of as many calls of 100 us as of 110 us, and how many times the least it is.
    assert lines[0][3:5] == ["105.0000", "(1.0)"]


def test_a_run_without_a_time_has_nothing_to_export(tmp_path):
    run = stored.write(tmp_path / "run", [A], [launch(A, 0, 0, outcome="killed")])
    with pytest.raises(StoreError, match="no timed case to export"):
        pytest_benchmark.write(store.read(run))


# Rows


def test_rows_of_cases_launches_and_calls(run):
    cases, launches, calls = (
        pd.read_csv(io.BytesIO(api.export(run, per=per).data)) for per in ("case", "launch", "call")
    )
    assert cases.label.tolist() == ["narrow", "wide", "broken"]
    assert cases.time_s[0] == pytest.approx(104.8809e-6)
    assert launches.median_s.tolist()[:4] == pytest.approx([100e-6, 110e-6, 200e-6, 240e-6])
    assert launches.outcome.tolist() == [*4 * ["ok"], "crashed"]
    assert np.isnan(launches.median_s[4])
    assert len(calls) == 4 * 6
    assert calls.ns[:3].tolist() == [1_000_000, 100_000, 100_000]
    assert calls.warmup[:2].tolist()[0] is True
    assert calls.call[:7].tolist() == [0, 1, 2, 3, 4, 5, 0]


def test_parquet_has_the_rows_of_csv_with_their_types(run, tmp_path):
    file = tmp_path / "x.parquet"
    result = api.export(run, "parquet", per="call", out=file)
    found = pd.read_parquet(file)
    assert result.to_json() == {
        "format": "parquet",
        "bytes": file.stat().st_size,
        "path": str(file),
        "left_out": [],
    }
    assert repr(result).startswith("Exported(format parquet: bytes ")
    assert found.ns.dtype == "int64"
    assert found.warmup.dtype == "bool"
    assert found.ns.sum() == 15 * (100_000 + 110_000 + 200_000 + 240_000)


def test_without_pyarrow_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(exported.CnnbenchError, match=r"pip install 'cnnbench\[parquet\]'"):
        api.export(run, "parquet")


def test_wrong_formats_and_rows_are_refused_and_a_run_is_never_written_over(run, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown format 'xml'; known: csv, parquet"):
        api.export(run, "xml")
    with pytest.raises(UnknownNameError, match="unknown row 'cases'; did you mean case"):
        api.export(run, per="cases")
    before = (run / store.FILE).read_bytes()
    with pytest.raises(StoreError, match="is the file of a run"):
        api.export(run, out=run / store.FILE)
    assert (run / store.FILE).read_bytes() == before
    with pytest.raises(StoreError, match="cannot write to"):
        api.export(run, out=tmp_path / "none" / "x.csv")
    empty = stored.write(tmp_path / "empty", [A], [])
    with pytest.raises(StoreError, match="no launch"):
        api.export(empty)


# The page


def test_the_page_of_a_folder_has_every_benchmark_and_a_figure(tmp_path):
    for number, scale in enumerate((1.0, 1.1)):
        written(
            tmp_path / "many" / f"{number}.json",
            benchmark("b.py::test_x", *(scale * t for t in (0.010, 0.012, 0.011))),
            benchmark("b.py::test_zero", 0.0),
        )
    page = api.report(tmp_path / "many")
    assert page == tmp_path / "many-report" / "README.md"
    text = page.read_text()
    # (11 * 12.1) ** 0.5 = 11.537
    assert "| test_x | 11.5 ms [" in " ".join(text.split())
    assert "took 0 seconds" in text
    assert "| host | here |" in " ".join(text.split())
    assert "fewer than 3 launches" in text
    assert (page.parent / "times.png").stat().st_size > 5000


def test_the_figure_has_the_slowest_and_their_names(tmp_path, monkeypatch):
    file = written(
        tmp_path / "x.json",
        *(benchmark(f"b.py::test_{n}", n / 1000, n / 900) for n in range(1, 51)),
    )
    drawn, draw = [], benchmarks.draw
    monkeypatch.setattr(benchmarks, "draw", lambda timed: drawn.append(timed) or draw(timed[:2]))
    assert "The figure has only the 40 slowest of 50." in api.report(file).read_text()
    assert [series.name for series, _ in drawn[0]] == [f"test_{n}" for n in range(50, 10, -1)]
    monkeypatch.undo()
    timed = [(s, s.time) for s in pytest_benchmark.read(file).series][:3]
    (axes,) = benchmarks.draw(timed).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["test_1", "test_2", "test_3"]
    x, y = axes.containers[0].lines[0].get_data()
    # Medians of 1 and 1.11 ms and so on, the first on top.
    assert list(x) == pytest.approx([n * (1 / 1000 + 1 / 900) / 2 for n in (1, 2, 3)])
    assert list(y) == [2, 1, 0]


def test_a_page_that_cannot_be_written_is_one_line(tmp_path):
    file = written(tmp_path / "x.json", benchmark("b.py::test_x", 1.0))
    Path(tmp_path / "x-report").write_text("")
    with pytest.raises(StoreError, match="cannot write the report"):
        api.report(file)


@pytest.mark.parametrize("order", [(0.0, 0.5), (0.5, 0.0)])
def test_a_benchmark_that_only_one_file_could_time_has_that_time(tmp_path, order):
    for number, seconds in enumerate(order):
        written(tmp_path / "many" / f"{number}.json", benchmark("b.py::test_x", seconds))
    (series,) = pytest_benchmark.read(tmp_path / "many").series
    assert (series.outcome, series.time.value, series.time.n) == ("ok", pytest.approx(0.5), 1)
