"""Limits of cases: by pattern, of a change or of a value, with a base or without; on a page."""

import dataclasses
import json
import math
import re
import shlex

import pytest
import scipy.stats

import cnnbench
from cnnbench.cli import main, options
from cnnbench.errors import CnnbenchError
from cnnbench.reporting.formats import markdown
from cnnbench.reporting.runs.compared_runs import COMMENT, pull_request
from cnnbench.runs.gate import Limit
from tests.support import stored
from tests.support.stored import case, launch, timed

A, B, C = case("narrow", 4), case("wide", 8), case("widest[a]", 9)
TIMES = (100, 102, 98)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`base`; `new`, where narrow is a fifth slower, wide the same, and widest was added."""
    made = tmp_path_factory.mktemp("runs")
    timed(made / "base", (A, TIMES), (B, TIMES))
    timed(made / "new", (A, [1.2 * t for t in TIMES]), (B, TIMES), (C, [4 * t for t in TIMES]))
    timed(made / "one", (A, [100]))
    crashed = launch(A, 0, 0, outcome="crashed")
    stored.write(made / "crashed", [A, B], [crashed, *(launch(B, n, 100) for n in (0, 1))])
    return made


@pytest.fixture
def compared(folder):
    return cnnbench.compare(folder / "base", folder / "new")


def verdicts(gate):
    return {case.name.split()[0]: case.verdict.value for case in gate.cases}


def test_the_last_pattern_that_matches_a_case_has_its_limit(compared):
    # The interval of narrow is [1.119, 1.287]; that of wide, [0.932, 1.073], contains 5 %.
    assert verdicts(compared.gate({"*": "30%"})) == {"narrow": "within", "wide": "within"}
    found = verdicts(compared.gate({"*": "30%", "narrow *": 0.1}))
    assert found == {"narrow": "above", "wide": "within"}
    found = verdicts(compared.gate({"narrow *": "10%", "*": "30%"}))
    assert found == {"narrow": "within", "wide": "within"}
    # Without a limit for all, the others are not held against any.
    assert verdicts(compared.gate({"wide *": "5%"})) == {"wide": "not decided"}


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["5%"], {"*": "5%"}),
        (["5%", "7%"], {"*": "7%"}),
        (["resnet50 *: 10%", "5%"], {"*": "5%", "resnet50 *": "10%"}),
        (["a*:1%", "ab: 2%", "a*: 3%"], {"ab": "2%", "a*": "3%"}),
        (["my.module:net *: 20ms"], {"my.module:net *": "20ms"}),
        (None, None),
    ],
)
def test_limits_as_they_are_typed(texts, found):
    read = options.by_pattern("--fail-above", texts)
    assert (read and list(read.items())) == (found and list(found.items()))


def test_a_name_with_brackets_is_a_pattern_of_itself(folder):
    gate = cnnbench.gate(folder / "new", max_time={"widest[a] 8x8x3": "300us"})
    assert verdicts(gate) == {"widest[a]": "above"}
    assert Limit("time", 1, "test[ab]").is_for("testa")


def test_a_pattern_without_a_case_is_named_with_what_is_near(compared, folder):
    with pytest.raises(CnnbenchError, match=r"unknown case 'wide'; did you mean .*wide 8x8x3"):
        compared.gate({"wide": "5%"})
    with pytest.raises(CnnbenchError, match="whole names, as 'resnet50 "):
        cnnbench.gate(folder / "new", max_params={"*": "1M", "x*": "1M"})
    # A case that one side alone has is no mistake; there is nothing to compare it with.
    assert compared.gate({"widest*": "5%"}).word == "nothing judged"


def test_a_time_is_above_a_limit_if_its_interval_is(folder):
    # Student's interval of the mean of the logs, from the definition.
    logs = [math.log(t) for t in TIMES]
    ends = scipy.stats.t(df=2, loc=sum(logs) / 3, scale=scipy.stats.sem(logs)).interval(0.95)
    low, high = (math.exp(end) * 1e-6 for end in ends)
    for most, word in ((0.999 * low, "above"), (1.001 * low, "not decided"), (1e-4, "not decided")):
        assert verdicts(cnnbench.gate(folder / "base", max_time=most))["wide"] == word
    gate = cnnbench.gate(folder / "base", max_time=1.001 * high)
    assert verdicts(gate) == {"narrow": "within", "wide": "within"}
    # What is not decided does not fail.
    assert cnnbench.gate(folder / "base", max_time="100us").passed


def test_all_cases_of_the_new_side_keep_the_limits_of_a_value(compared):
    # 9 * 3 * n + 9 * n * n weights and 2 * n biases for n filters
    params = [9 * 3 * n + 9 * n * n + 2 * n for n in (4, 8, 9)]
    gate = compared.gate(max_params=params[1], max_time="1ms")
    of = {(c.limit.of, c.name.split()[0]): c.verdict.value for c in gate.cases}
    assert [of["params", n] for n in ("narrow", "wide", "widest[a]")] == [
        *("within", "within", "above")
    ]
    assert {of["time", n] for n in ("narrow", "wide", "widest[a]")} == {"within"}
    assert (gate.word, gate.judged) == ("failed", 6)
    assert gate.at == "1.00 ms, 808 parameters"


def test_peaks_and_flops_have_limits_too(tmp_path):
    peaks = stored.write(tmp_path / "r", [A], [launch(A, n, 1, peak=2**20) for n in (0, 1)])
    assert cnnbench.gate(peaks, max_memory="1MiB").passed
    assert cnnbench.gate(peaks, max_memory="1MB").word == "failed"
    # 2 * 64 * 252 of the products, 4 * 64 * 4 of biases and ReLU, 3 * 16 * 4 of the pool
    flops = 2 * 64 * 252 + 4 * 64 * 4 + 3 * 16 * 4
    assert cnnbench.gate(peaks, max_flops=flops).passed
    assert cnnbench.gate(peaks, max_flops=flops - 1).failed


def test_a_case_without_the_value_that_it_should_have_fails(folder):
    gate = cnnbench.gate(folder / "crashed", max_time="1s", max_params="1M")
    assert [(c.limit.of, c.reason) for c in gate.broke] == [("time", "crashed")]
    assert gate.failed


def test_a_kind_of_limit_that_could_judge_nothing_does_not_pass(folder):
    gate = cnnbench.gate(folder / "one", max_time="1s", max_params="1M")
    assert (gate.word, gate.judged, gate.failed) == ("nothing judged", 1, False)
    assert cnnbench.gate(folder / "one", max_params="1M").passed


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, "a gate needs a limit"),
        ({"max_time": -1.0}, r"must be 0 or more, as a number or a text with its unit; got -1.0"),
        ({"max_time": {"*": math.nan}}, "must be 0 or more"),
        ({"max_time": "20"}, "a time must look like 4.16ms"),
        ({"max_params": "many"}, "a count must look like 100M"),
    ],
)
def test_what_is_no_limit_is_refused(folder, limits, said):
    with pytest.raises(CnnbenchError, match=said):
        cnnbench.gate(folder / "one", **limits)


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("new --max-time 1ms", 0, "Gate at 1.00 ms: passed."),
        (
            "new --max-time 1ms --max-time 'wide 8*:50us'",
            1,
            "Above 50.0 us for wide 8*: wide 8x8x3",
        ),
        ("new --max-params 1M --max-flops 1", 1, "Gate at 1.00 M parameters, 1 FLOPs: failed."),
        ("new --max-time 120us", 1, "not decided, because the limit lies inside the interval: nar"),
        ("one --max-time 1ms", 3, "Gate at 1.00 ms: nothing judged."),
        ("base new --fail-above 5% --fail-above 'narrow *: 30%'", 0, "Gate at 5 %, 30 % for narr"),
        ("base new --fail-above 30% --max-time 1us", 1, "Above 1.00 us: widest[a] 8x8x3, 400 us ["),
        ("base --blocks narrow wide --max-time 1ms", 0, "Gate at 1.00 ms: passed."),
        ("new", 2, "one run alone can be held against a limit, as --max-time 20ms"),
        ("new --fail-above 5%", 2, "compare takes two runs"),
        ("new --max-time 1ms --fail-above 5%", 2, "--fail-above and --metric compare two runs"),
        ("new --max-time 1ms --metric memory", 2, "--fail-above and --metric compare two runs"),
        ("base new --fail-above abc%", 2, "a share must look like 5% or 2.5%; got 'abc%'"),
        ("base new --fail-above ':5%'", 2, "--fail-above must name cases before the colon"),
        ("base new --fail-above 'none*: 5%'", 2, "unknown case 'none*'"),
        ("new --max-memory -1", 2, "a memory must look like 8GiB"),
    ],
)
def test_limits_on_the_command_line(folder, monkeypatch, capsys, line, status, said):
    monkeypatch.chdir(folder)
    assert main(["compare", *shlex.split(line)]) == status
    out, err = capsys.readouterr()
    assert said in (err if status == 2 else out)


def test_one_run_as_json_and_csv(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["compare", "new", "--max-time", "300us", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [row["verdict"] for row in found["cases"]] == ["within", "within", "above"]
    assert main(["compare", "new", "--max-time", "300us", "--format", "csv"]) == 1
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 + 3
    assert err.splitlines()[-1] == "Gate at 300 us: failed."


# --- all cases together ----------------------------------------------------------------


def test_the_mean_of_all_ratios_is_no_surer_than_they_are(compared):
    ratios = [change.ratio for change in compared.changes]
    mean = compared.mean
    assert mean.value == pytest.approx(math.sqrt(ratios[0].value * ratios[1].value))
    assert mean.low == pytest.approx(math.sqrt(ratios[0].low * ratios[1].low))
    assert mean.high == pytest.approx(math.sqrt(ratios[0].high * ratios[1].high))
    assert compared.by_chance == pytest.approx(2 / 20)  # one of 20 intervals misses
    assert compared.to_json()["mean"]["value"] == mean.value


def test_what_is_counted_has_no_chance_and_what_has_no_interval_no_mean(folder):
    counted = cnnbench.compare(folder / "base", folder / "new", metric="params")
    assert counted.by_chance is None
    assert (counted.mean.low, counted.mean.value, counted.mean.high) == (1, 1, 1)
    assert cnnbench.compare(folder / "one", folder / "new").mean is None


def test_the_mean_and_chance_are_said(folder, capsys):
    assert main(["compare", str(folder / "base"), str(folder / "new")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "geometric mean of 2 ratios: 1.095 [1.021, 1.175]; if nothing had changed, chance alone "
        "would call 0.1 of them slower or faster (5 %)"
    ) in said


# --- the page for a pull request -------------------------------------------------------


def test_a_pull_request_sees_the_verdict_first_and_what_did_not_change_folded(folder, capsys):
    argv = ["compare", str(folder / "base"), str(folder / "new"), "--format", "markdown"]
    assert main([*argv, "--fail-above", "10%", "--max-time", "wide*: 300us"]) == 1
    page = capsys.readouterr().out
    first, rest = page.split("\n", 1)
    assert first == "**Gate at 10 %, 300 us for `wide*`: failed.** 2 within, 2 above."
    seen, folded = rest.split("<details>", 1)
    assert "time of new against base, less is better: 1 slower, 1 unclear." in seen
    assert "- Above 300 us for `wide*`: widest[a] 8x8x3, 400 us [" in seen
    (row,) = re.findall(r"^\| (?:narrow|wide) .*", seen, re.MULTILINE)
    assert row.split(" | ")[-1].rstrip(" |") == "above: 10 %"
    assert "1 case without a difference" in folded
    assert re.search(r"^\| wide 8x8x3 ", folded, re.MULTILINE)
    assert "- Only in new: widest[a] 8x8x3." in folded
    assert str(folder) not in page
    assert page.count("<details>") == page.count("</details>") == 2


def test_a_pull_request_without_a_base_and_without_a_gate(folder, capsys):
    assert main(["compare", str(folder / "new"), "--max-time", "300us", "--format=markdown"]) == 1
    first, rest = capsys.readouterr().out.split("\n", 1)
    assert first == "**Gate at 300 us: failed.** 2 within, 1 above."
    seen, folded = rest.split("<details>", 1)
    assert "widest" in seen
    assert "narrow" not in seen
    assert "narrow" in folded
    assert main(["compare", *[str(folder / "base")] * 2, "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("time of base against base, less is better: 2 ")


def test_two_paths_that_end_alike_are_told_apart(folder, compared):
    other = dataclasses.replace(
        compared,
        base="/home/me/old/run",
        new="/home/me/new/run",
        notes=("/home/me/old/run: left out: line 3", "see /tmp/x/log.txt or 5 GFLOP/s"),
    )
    page = markdown(pull_request(other, None))
    assert "time of new/run against old/run" in page
    assert "- Note: old/run: left out: line 3." in page
    assert "see log.txt or 5 GFLOP/s" in page
    assert "/home" not in page


@pytest.mark.parametrize(("count", "length"), [(900, 20), (200, 5000)])
def test_the_page_keeps_the_limit_of_a_comment_and_says_what_is_left_out(compared, count, length):
    (slow, same) = compared.changes
    changes = tuple(
        dataclasses.replace(change, key=f"{n}", name=f"{n} {length * 'x'}")
        for n in range(count)
        for change in (slow, same)
    )
    many = dataclasses.replace(compared, changes=changes, only_new=tuple(map(str, range(3000))))
    page = markdown(pull_request(many, many.gate(0.05)))
    assert COMMENT / 4 < len(page) <= 65_536
    # What is shown and what is said to be left out is all there is.
    shown = [
        len(re.findall(p, page, re.MULTILINE)) for p in (r"^\| +\d.*slower", r"^\| +\d.*unclear")
    ]
    left = [int(n) for n in re.findall(r"^(\d+) more left out, because", page, re.MULTILINE)]
    assert [shown[0] + left[0], shown[1] + left[1]] == [count, count]
    notes = re.search(r"<summary>Notes: (\d+)<", page)[1]
    assert page.count("\n- Only in") + page.count("\n- Note") + left[2] == int(notes)
    assert page.startswith(f"**Gate at 5 %: failed.** {count} above, {count} not decided.")
    assert page.count("<details>") == page.count("</details>")
