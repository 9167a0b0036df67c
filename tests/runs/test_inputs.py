"""compare, baseline, export and report as a person types them."""

import csv
import io
import json
from pathlib import Path

import pytest

from cnnbench.cli import main
from cnnbench.runs import pytest_benchmark, store
from tests.support import fuzz, stored
from tests.support.fuzz import WORDS, Command, check
from tests.support.stored import MACHINE, case, launch, timed

A, B = case("narrow | one", 4), case("wide", 8)
TIMES = (100, 102, 98)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """`base`; `same`, its equal; `slow`, a fifth slower on another host, where wide crashed."""
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    timed(Path("base"), (A, TIMES), (B, TIMES))
    timed(Path("same"), (A, TIMES[::-1]), (B, TIMES[::-1]))
    there = MACHINE | {"host": "there"}
    slow = [launch(A, n, 1.2 * t, machine=there) for n, t in enumerate(TIMES)]
    stored.write(Path("slow"), [A, B], [*slow, launch(B, 0, 0, outcome="crashed", machine=there)])


def said(capsys, *argv, status=0):
    assert main(argv) == status
    captured = capsys.readouterr()
    return " ".join(captured.out.split()), captured.err


def test_the_table_has_ratio_interval_and_verdict_and_warns_of_what_differs(capsys):
    out, err = said(capsys, "compare", "base", "slow")
    assert err == ""
    # The arithmetic of the low end is in test_comparison.
    assert "narrow | one 8x8x3 100 us 120 us 1.200 [1.119, 1.287] slower" in out
    assert "wide 8x8x3 100 us - - new: crashed" in out
    assert "1 slower, 1 without a ratio" in out
    assert "Warning: host: here against there." in out
    assert "slow: launches without a result: wide 8x8x3 (1 crashed)" in out


def test_the_gate_names_what_it_fails_for_and_exits_with_1(capsys):
    out, _ = said(capsys, "compare", "base", "slow", "--fail-above", "5%", status=1)
    assert "Above 5 %: narrow | one 8x8x3, 1.200 [1.119, 1.287]." in out
    assert "Broke: wide 8x8x3, new: crashed." in out
    assert out.endswith("Gate at 5 %: failed.")
    out, _ = said(capsys, "compare", "base", "same", "--fail-above", "5%")
    # Three launches that differ by 2 % leave more than 5 % open, which is no reason to fail.
    assert out.endswith("Gate at 5 %: passed.")
    assert "2 unclear" in out


def test_without_an_interval_the_gate_judges_nothing_and_says_so(capsys):
    timed(Path("one"), (A, [500]), (B, [100]))
    assert main(["compare", "base", "one", "--fail-above", "5%"]) == 3
    out = capsys.readouterr().out
    assert "not judged, because a case without an interval cannot fail: narrow | one 8x8x3" in out
    assert "To do: run with two or more --launches." in out


def test_json_is_one_document_also_where_a_ratio_is_infinite(capsys):
    assert main(["compare", "base", "slow", "--format", "json", "--fail-above", "5%"]) == 1
    found = json.loads(capsys.readouterr().out)
    narrow, wide = found["cases"]
    assert (narrow["key"], narrow["verdict"]) == (A.id, "slower")
    assert narrow["ratio"] == pytest.approx(1.2)
    assert (wide["ratio"], wide["reason"], wide["broke"]) == (None, "new: crashed", True)
    assert found["differences"] == [{"key": "host", "base": "here", "new": "there"}]
    gate = found["gate"]
    assert (gate["passed"], gate["judged"]) == (False, 2)
    told = [(row["key"], row["verdict"]) for row in gate["cases"]]
    assert told == [(A.id, "above"), (B.id, "broke")]
    for name, flops in (("a", 0), ("b", 5)):
        facts = {"cnnbench": {"case": "x", "flops": flops}}
        one = {"name": "x", "fullname": "x", "stats": {"median": 1}, "extra_info": facts}
        Path(f"{name}.json").write_text(json.dumps({"benchmarks": [one]}))
    argv = ["compare", "a.json", "b.json", "--metric", "flops", "--format", "json"]
    assert main([*argv, "--fail-above", "5%"]) == 1
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    assert (case["ratio"], case["verdict"]) == (None, "more")


def test_csv_has_the_cases_and_the_rest_goes_to_the_standard_error(capsys):
    assert main(["compare", "base", "slow", "--format", "csv", "--fail-above", "5%"]) == 1
    captured = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(captured.out)))
    assert [row["name"] for row in rows] == ["narrow | one 8x8x3", "wide 8x8x3"]
    assert float(rows[0]["ratio"]) == pytest.approx(1.2)
    assert captured.err.splitlines()[0] == "Warning: host: here against there."
    assert captured.err.splitlines()[-1] == "Gate at 5 %: failed."


def test_blocks_of_one_run(capsys):
    out, _ = said(capsys, "compare", "base", "--blocks", "narrow | one", "wide")
    assert "time of wide against narrow | one; less is better" in out
    assert "8x8x3 100 us 100 us 1.000 [0.990, 1.010] same" in out


def test_baselines_are_saved_compared_listed_and_removed(capsys):
    assert said(capsys, "baseline", "save", "main", "base")[0].startswith("baseline main: ")
    assert "main mine 2 6 here" in said(capsys, "baseline", "list")[0]
    (values,) = json.loads(said(capsys, "baseline", "list", "--format", "json")[0])
    assert (values["name"], values["cases"], values["launches"]) == ("main", 2, 6)
    assert "1 slower" in said(capsys, "compare", "main", "slow")[0]
    assert said(capsys, "baseline", "remove", "main")[0] == "removed baseline main"
    assert "no baselines" in said(capsys, "baseline", "list")[0]
    assert said(capsys, "baseline", "list", "--format", "json")[0] == "[]"


def test_an_export_is_printed_or_written_and_says_what_it_left_out(capsys):
    out, err = said(capsys, "export", "slow", "--format", "pytest-benchmark")
    assert [b["fullname"] for b in json.loads(out)["benchmarks"]] == [A.id]
    assert err == "left out: wide 8x8x3 (crashed)\n"
    out, _ = said(capsys, "export", "slow", "--out", "slow.csv")
    assert out == "csv: slow.csv"
    assert Path("slow.csv").read_text().count("\n") == 3
    said(capsys, "export", "base", "--format", "pytest-benchmark", "--out", "base.json")
    assert len(pytest_benchmark.read(Path("base.json")).series) == 2
    assert "base-report" in said(capsys, "report", "base.json")[0]


def test_a_run_with_json_beside_it_is_a_run(capsys):
    Path("base/notes.json").write_text("{}")
    assert said(capsys, "report", "base")[0] == "report: base/README.md"
    assert "2 unclear" in said(capsys, "compare", "base", "same")[0]


def test_no_name_is_not_the_folder_that_we_are_in(monkeypatch, capsys):
    monkeypatch.chdir("base")
    assert main(["compare", "", "../same"]) == 2
    assert "'' is not the folder of a run" in capsys.readouterr().err


LONG = "x" * 5000
REFUSED = (
    *("compare", "compare base", "compare base same slow", "compare base none"),
    *("compare none base", "compare base same --metric speed", "compare base same --format xml"),
    *("compare base same --fail-above 5", "compare base same --fail-above -1%"),
    *("compare base same --blocks a b", "compare base --blocks wide", "compare base --blocks a b"),
    *("compare base --blocks wide none", "compare base base/measurements.jsonl"),
    *("compare file base", "compare empty base", "compare base same --fail-above"),
    *("baseline", "baseline none", "baseline save", "baseline save x", "baseline save x none"),
    *("baseline save .. base", "baseline save a/b base", f"baseline save {LONG} base"),
    *("baseline remove", "baseline remove none", "baseline list x", "baseline save x file"),
    *("export", "export none", "export file", "export empty", "export base --format xml"),
    *("export base --format parquet", "export base --per row", "export base --out none/x.csv"),
    *("export base --format pytest-benchmark --per call", "export base --out empty"),
    *("export base --out same/measurements.jsonl", f"export base --out {LONG}"),
    *("report file", "report empty", "report base/measurements.jsonl"),
)


def test_silly_input_is_one_line_and_leaves_everything_as_it_was():
    Path("file").write_text("")
    Path("empty").mkdir()
    before = sorted(Path().rglob("*"))
    runs = {p: p.read_bytes() for p in before if p.name == store.FILE}
    check(Command(tuple(line.split())) for line in REFUSED)
    words = [word for word in WORDS if word != "."]  # which is a folder of runs here
    check(Command(("compare", word, "base")) for word in words)
    check(Command(("compare", "base", word)) for word in (*words, LONG))
    check(Command(("compare", "base", "same", "--fail-above", word)) for word in (*WORDS, LONG))
    check(Command(("baseline", "remove", word)) for word in WORDS)
    check(Command(("export", word)) for word in words)
    check(Command(("baseline", "save", word, "none")) for word in WORDS)
    assert sorted(Path().rglob("*")) == before
    assert {p: p.read_bytes() for p in runs} == runs


def test_damaged_json_is_one_line():
    import random

    assert main(["export", "base", "--format", "pytest-benchmark", "--out", "x.json"]) == 0
    text = Path("x.json").read_text()

    def damaged():
        for number in range(150):
            rng = random.Random(f"benchmarks {number}")
            changed, note = fuzz.changed(rng, text)
            Path(f"{number}.json").write_text(changed)
            yield Command(("compare", f"{number}.json", f"{number}.json"), None, "", note)

    check(damaged())
