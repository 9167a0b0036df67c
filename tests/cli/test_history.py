"""`cnnbench history`: its formats, its page, its exit status, and what it refuses."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from cnnbench.cli import main
from tests.support import stored


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Eight runs, in which one of two cases became slower."""
    step = [100.0] * 4 + [120.0] * 4
    times = {"<b>step</b>": step, "steady": [200.0] * 8}
    return str(stored.history(tmp_path_factory.mktemp("h"), times))


def said(capsys, *arguments):
    status = main(["history", *arguments])
    return status, capsys.readouterr()


def test_the_table_names_the_commits_around_a_change(runs, capsys):
    status, printed = said(capsys, runs)
    assert status == 0
    assert "1 of 2 cases became slower" in printed.out
    assert "c0de03 (run-03)" in printed.out
    assert "c0de04 (run-04)" in printed.out


def test_the_other_formats(runs, capsys):
    _, printed = said(capsys, runs, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    assert [row["commit"] for row in rows if row["change"] == "slower"] == ["c0de04"]
    _, printed = said(capsys, runs, "--format", "json")
    assert len(json.loads(printed.out)["runs"]) == 8
    _, printed = said(capsys, runs, "--format", "html")
    assert "<b>step" not in printed.out
    assert "&lt;b&gt;step" in printed.out


def test_a_change_fails_only_if_asked_and_only_if_slower(runs, tmp_path, capsys):
    assert said(capsys, runs, "--fail-on-change")[0] == 1
    assert said(capsys, runs, "--fail-on-change", "--since", "c0de04")[0] == 0
    faster = stored.history(tmp_path, {"step": [120.0] * 4 + [100.0] * 4})
    assert said(capsys, str(faster), "--fail-on-change")[0] == 0


def test_memory_is_followed_where_one_asks(tmp_path, capsys):
    case = stored.case("small")
    for number, peak in enumerate([2**20] * 4 + [2**21] * 4):
        launches = [stored.launch(case, turn, 100, peak=peak) for turn in range(3)]
        dated = [replace(one, started=one.started + 86400 * number) for one in launches]
        stored.write(tmp_path / "runs" / f"run-{number}", [case], dated)
    folder, page = str(tmp_path / "runs"), tmp_path / "page"
    given = ("--metric", "memory", "--fail-on-change", "--report", str(page))
    status, printed = said(capsys, folder, *given)
    assert status == 1
    assert "1 of 1 case needed more, 0 only less." in printed.out
    assert re.search(r"small 8x8x3 +more +2\.000 \[", printed.out)
    assert re.search(r"small 8x8x3 +8 +1\.00 MiB \[.*\] +2\.00 MiB", printed.out)
    assert (page / "README.md").read_text().startswith("# The memory of 1 case over 8 runs\n")
    assert said(capsys, folder, "--fail-on-change")[0] == 0  # in the same time
    _, printed = said(capsys, folder, "--metric", "memory", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    assert {row["unit"] for row in rows} == {"bytes"}


def test_with_too_few_runs_nothing_is_judged(runs, capsys):
    status, printed = said(capsys, runs, "--fail-on-change", "--since", "c0de05")
    assert status == 3
    assert "2 of 2 cases have fewer than 4 runs" in printed.out


def test_the_report_has_a_page_a_figure_and_the_rows(runs, tmp_path, capsys):
    figure = tmp_path / "alone.svg"
    _, printed = said(capsys, runs, "--report", str(tmp_path / "r"), "--figure", str(figure))
    assert f"report: {tmp_path / 'r' / 'README.md'}" in printed.out
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert names == {"README.md", "index.html", "history.png", "history.csv"}
    assert "<b>step" not in (tmp_path / "r" / "index.html").read_text()
    assert figure.read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "'nowhere' is not the folder of a run"),
        (["RUNS", "--since", "tomorrow"], "--since must be a date"),
        (["RUNS", "--report", ""], "must name a folder"),
        (["RUNS", "--figure", "a.gif"], "a figure must end in"),
        (["RUNS", "--report", "/proc/nothing"], "cannot write the report"),
    ],
)
def test_what_is_senseless_is_refused_in_one_line(runs, arguments, message, capsys):
    status, printed = said(capsys, *(runs if word == "RUNS" else word for word in arguments))
    assert status == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1
