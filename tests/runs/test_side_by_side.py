"""Several runs beside each other: a column each, ratios to the first, changes of rank and why."""

import csv
import math
import re
from dataclasses import replace

import pytest
import scipy.stats

import cnnbench
from cnnbench.cases.plan import Plan
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError, StoreError
from cnnbench.host.ceiling import Ceiling
from cnnbench.runs import store
from cnnbench.runs.side_by_side import side_by_side
from cnnbench.stats import DRIFT
from tests.support import stored
from tests.support.stored import MACHINE, case, launch, timed

HERE, THERE = MACHINE, MACHINE | {"host": "there", "cpu": "Other CPU", "cores": 8, "threads": 8}
A, B = case("narrow", 4), case("wide", 8)


def beside(*folders):
    return side_by_side([str(folder) for folder in folders])


def two(tmp_path, here, there, machine=THERE):
    """Two runs: pairs of a case and its microseconds in each launch."""
    return timed(tmp_path / "a", *here), timed(tmp_path / "b", *there, machine=machine)


def around(microseconds):
    """Three launches, 1 % apart."""
    return [factor * microseconds for factor in (0.99, 1.0, 1.01)]


def page(tmp_path, *folders):
    return cnnbench.report(*folders, out=tmp_path / "page").read_text()


def test_each_run_is_a_column_that_no_other_changes(tmp_path):
    both = beside(*two(tmp_path, [(A, [100, 104, 97])], [(A, [200, 230])]))
    (row,) = both.rows
    here, there = (r.time for r in row.results)
    assert (here.n, there.n) == (3, 2)
    assert here.value == pytest.approx((100e-6 * 104e-6 * 97e-6) ** (1 / 3))
    assert there.value == pytest.approx((200e-6 * 230e-6) ** (1 / 2))


def test_the_interval_is_that_of_unpaired_launches_with_room_for_drift(tmp_path):
    before, after = [100, 104, 97, 101], [210, 203, 218]
    (row,) = beside(*two(tmp_path, [(A, before)], [(A, after)])).rows
    logs = [[math.log(t) for t in side] for side in (before, after)]
    middle = sum(logs[1]) / 3 - sum(logs[0]) / 4
    error = math.hypot(*(scipy.stats.sem(side) for side in logs))
    half = math.hypot(scipy.stats.t(df=2).ppf(0.975) * error, scipy.stats.norm.ppf(0.975) * DRIFT)
    first, ratio = row.times
    assert first is None
    assert ratio.value == pytest.approx(math.exp(middle))
    assert (ratio.low, ratio.high) == pytest.approx(
        (math.exp(middle - half), math.exp(middle + half))
    )


@pytest.mark.parametrize(
    ("machine", "names"),
    [
        (THERE, ["here", "there"]),  # threads are the cores
        (THERE | {"threads": 2}, ["here", "there"]),  # and here no other number
        (THERE | {"threads": 4}, ["here, 2 threads", "there, 4 threads"]),
        (HERE | {"cpu": "Other CPU"}, ["Fake CPU", "Other CPU"]),
        (
            HERE | {"versions": {"tensorflow": "2.21", "keras": "3.15"}},
            ["tensorflow 2.20", "tensorflow 2.21"],
        ),
        (HERE | {"commit": "bbbb"}, ["a", "b"]),
        (HERE, ["a", "b"]),
    ],
)
def test_columns_are_named_by_what_differs(tmp_path, machine, names):
    both = beside(*two(tmp_path, [(A, [1, 1])], [(A, [1, 1])], machine))
    assert [column.name for column in both.columns] == names


def test_what_is_the_same_is_in_no_name_and_folders_tell_equal_runs_apart(tmp_path):
    folders = [timed(tmp_path / name / "run", (A, [1, 1])) for name in "abc"]
    assert [column.name for column in beside(*folders).columns] == ["a/run", "b/run", "c/run"]


def test_a_runtime_that_differs_between_runs_belongs_to_the_column(tmp_path):
    other = replace(A, runtime="onnxruntime", mode="infer")
    both = beside(*two(tmp_path, [(A, [100, 100])], [(other, [50, 50])], HERE))
    assert [c.name for c in both.columns] == ["tensorflow, graph", "onnxruntime, infer"]
    (row,) = both.rows
    assert row.name == "narrow 8x8x3"
    assert row.times[1].value == pytest.approx(0.5)


def test_runtimes_that_are_in_every_run_tell_cases_apart(tmp_path):
    other = replace(A, runtime="onnxruntime", mode="infer")
    here, there = [(A, [100, 100]), (other, [50, 50])], [(A, [10, 10]), (other, [50, 50])]
    both = beside(*two(tmp_path, here, there))
    assert [row.name for row in both.rows] == ["narrow 8x8x3", "narrow 8x8x3 onnxruntime"]
    assert [row.times[1].value for row in both.rows] == pytest.approx([0.1, 1.0])


def test_runs_of_several_runtimes_are_not_named_by_them(tmp_path):
    other = replace(A, runtime="onnxruntime", mode="infer")
    a, b = two(tmp_path, [(A, [100, 100])], [(A, [50, 50]), (other, [9, 9])], HERE)
    assert [column.name for column in beside(a, b).columns] == ["a", "b"]
    words = page(tmp_path, a, b)
    assert words.startswith("# How fast is narrow in 2 runs?")
    assert "**In b a call takes 0.50 [0.49, 0.51] times as long as in a.**" in words


def test_a_gpu_is_a_column_beside_a_cpu(tmp_path):
    machine = THERE | {"devices": {"cpu": ["cpu"], "gpu": ["H200"]}}
    both = beside(*two(tmp_path, [(A, [9, 9])], [(replace(A, device="gpu"), [3, 3])], machine))
    assert [column.name for column in both.columns] == ["here, cpu", "there, gpu:0"]
    assert both.columns[1].facts["GPU"] == ("H200",)
    assert both.rows[0].times[1].value == pytest.approx(1 / 3)


def test_networks_change_rank_where_both_intervals_say_so(tmp_path):
    here = [(A, around(100)), (B, around(120))]
    there = [(A, around(60)), (B, around(50))]
    both = beside(*two(tmp_path, here, there))
    (change,) = both.changes
    assert (change.first.name, change.second.name) == ("narrow 8x8x3", "wide 8x8x3")
    assert [ratio.value for ratio in change.ratios] == pytest.approx([100 / 120, 60 / 50])
    assert both.pairs == 1


@pytest.mark.parametrize(
    "there",
    [
        [(A, [50, 55, 45]), (B, [47, 45, 53])],  # another order, within the noise
        [(A, around(50)), (B, around(60))],  # the same order
        [(A, [60]), (B, [50])],  # another order, of single launches
    ],
)
def test_an_order_within_the_noise_is_no_change(tmp_path, there):
    both = beside(*two(tmp_path, [(A, around(100)), (B, around(120))], there))
    assert both.changes == ()


def test_networks_with_other_inputs_have_no_order_unless_they_took_turns(tmp_path):
    large = replace(B, inputs=((16, 16, 3),))
    times = ([(A, around(100)), (large, around(120))], [(A, around(60)), (large, around(50))])
    assert beside(*two(tmp_path, *times)).pairs == 0
    together = ((A.id, large.id),)
    folders = []
    for name, rows, machine in zip("cd", times, (HERE, THERE), strict=True):
        plan = Plan("mine", "", (A, large), together=together)
        with store.create(tmp_path / name, plan) as file:
            for one, microseconds in rows:
                for number, us in enumerate(microseconds):
                    file.append("launch", launch(one, number, us, machine=machine).to_json())
        folders.append(tmp_path / name)
    assert len(beside(*folders).changes) == 1


def roof(folder, flops, bandwidth):
    """Store a roofline with a run."""
    ceiling = Ceiling("x", "cpu", "float32", flops, bandwidth)
    with store.resume(folder) as file:
        file.append("ceilings", ceiling.to_json())


def least(folder, target, kind):
    """What all layers of a network compute, or move, by the sums of its columns."""
    cost = next(
        r for r in beside(folder, folder.parent / "b").columns[0].results if r.case == target
    )
    layers = cost.cost.layers
    if kind == "compute":
        return sum(layer.flops for layer in layers)
    moved = (layer.input_bytes + layer.weight_bytes + layer.activation_bytes for layer in layers)
    return sum(size for layer, size in zip(layers, moved, strict=True) if layer.input_bytes)


def test_why_is_said_by_the_roofline_of_each_machine(tmp_path):
    # Fewer parameters, but a larger map: more bytes and fewer operations than the other.
    few, many = case("few", 2), case("many", 9)
    here = [(few, around(100)), (many, around(120))]
    there = [(few, around(60)), (many, around(50))]
    a, b = two(tmp_path, here, there)
    roof(a, 1.0, 1e18)  # arithmetic takes forever, memory no time
    roof(b, 1e18, 1.0)
    words = page(tmp_path, a, b)
    ratios = [least(a, few, kind) / least(a, many, kind) for kind in ("compute", "memory")]
    said = re.search(r"The rooflines do not explain it: ([\d.]+) and ([\d.]+); (.*)", words)
    assert [float(x) for x in said.groups()[:2]] == pytest.approx(ratios, rel=0.05)
    assert "few is compute bound on here and memory bound on there" in said[3]
    assert "not stored" not in words


def test_a_roofline_that_is_not_stored_is_said(tmp_path):
    a, b = two(tmp_path, [(A, around(100)), (B, around(120))], [(A, around(60)), (B, around(50))])
    roof(a, 1e9, 1e9)
    words = page(tmp_path, a, b)
    assert words.count("there: the roofline of this machine is not stored.") == 2
    assert "| there | 1.20 [1.19, 1.21] | the roofline of this machine is not stored" in re.sub(
        " +", " ", words
    )


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("there", [A, B])
def test_a_run_without_one_of_two_networks_says_that_of_their_rank(tmp_path, there):
    a, b = two(tmp_path, [(A, around(100)), (B, around(120))], [(A, around(60)), (B, around(50))])
    third = timed(tmp_path / "c", (there, around(10)), machine=MACHINE | {"host": "third"})
    roof(third, 1e9, 1e9)
    words = re.sub(" +", " ", page(tmp_path, a, b, third))
    assert "| narrow 8x8x3 / wide 8x8x3 | third | - | not in this run | - | - |" in words


def test_cases_that_some_runs_lack_are_marked(tmp_path):
    c = case("third", 16)
    here, there = [(A, [100] * 3), (B, [100] * 3)], [(A, [50] * 3), (c, [9] * 3)]
    a, b = two(tmp_path, here, there)
    third = timed(tmp_path / "c", (A, [25] * 3), (B, [20] * 3), machine=MACHINE | {"host": "third"})
    words = re.sub(" +", " ", page(tmp_path, a, b, third))
    assert "| narrow 8x8x3 | 100 us" in words
    assert "| wide 8x8x3 * | 100 us [100 us, 100 us] | - | 20.0 us" in words
    assert "`*`: not in every run: wide 8x8x3." in words
    assert "Note: only there has third 8x8x3." in words
    with (tmp_path / "page" / "machines.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["case"], row["run"], row["outcome"]) for row in rows if "wide" in row["case"]] == [
        ("wide 8x8x3", "here", "ok"),
        ("wide 8x8x3", "there", "not in this run"),
        ("wide 8x8x3", "third", "ok"),
    ]
    ratio = next(row for row in rows if row["run"] == "third" and row["case"] == "wide 8x8x3")
    assert float(ratio["ratio_to_first"]) == pytest.approx(0.2)


def test_what_failed_says_how(tmp_path):
    a = timed(tmp_path / "a", (A, [1, 1]), (B, [1, 1]))
    failed = [launch(B, n, 1, outcome="killed", machine=THERE) for n in (0, 1)]
    good = [launch(A, n, 2, machine=THERE) for n in (0, 1)]
    b = stored.write(tmp_path / "b", [A, B], [*failed, *good])
    words = re.sub(" +", " ", page(tmp_path, a, b))
    assert "| wide 8x8x3 | 1.00 us [1.00 us, 1.00 us] | killed | - |" in words
    assert "1 without a time" in words


def test_memory_is_compared_likewise(tmp_path):
    folders = [
        stored.write(
            tmp_path / name, [A], [launch(A, n, 1, peak=p, machine=m) for n, p in enumerate(peaks)]
        )
        for name, peaks, m in (("a", (1000, 1100), HERE), ("b", (2000, 2200), THERE))
    ]
    (row,) = beside(*folders).rows
    assert row.peaks[1].value == pytest.approx(2)
    assert row.peaks[1].low < 2 < row.peaks[1].high
    assert "| narrow 8x8x3 | 1.03 KiB | 2.05 KiB | 2.00 [" in re.sub(
        " +", " ", page(tmp_path, *folders)
    )


def test_another_network_of_the_same_name_is_not_compared(tmp_path):
    papers = {A.paper_key: replace(A.paper(), digest="another")}
    b = stored.write(
        tmp_path / "b", [A, B], [launch(c, 0, 5, machine=THERE) for c in (A, B)], papers
    )
    both = beside(timed(tmp_path / "a", (A, [1, 1]), (B, [1, 1])), b)
    assert [row.name for row in both.rows] == ["wide 8x8x3"]
    assert "narrow 8x8x3: the network itself is another one in there" in both.notes


def test_launches_of_one_run_on_unlike_machines_are_not_put_together(tmp_path):
    mixed = stored.write(
        tmp_path / "mixed",
        [A, B],
        [launch(A, 0, 1), launch(A, 1, 2, machine=THERE), launch(B, 0, 1), launch(B, 1, 1)],
    )
    both = beside(mixed, timed(tmp_path / "b", (A, [1, 1]), (B, [1, 1])))
    assert [row.name for row in both.rows] == ["wide 8x8x3"]
    assert any("narrow 8x8x3: measured on several machines" in note for note in both.notes)


def test_the_answer_comes_first(tmp_path):
    a, b = two(tmp_path, [(A, around(100)), (B, around(120))], [(A, around(50)), (B, around(60))])
    head, *_ = page(tmp_path, a, b).split("## 1. Answer")
    assert head.startswith("# How fast are the same 2 networks on 2 machines?\n")
    assert "**On there a call takes 0.50 [0.4" in head
    assert "(geometric mean of 2 cases: 2 faster, 0 slower, 0 not decided)" in head
    assert "None of 1 pairs of networks changes rank" in head


@pytest.mark.usefixtures("undrawn")
def test_cases_are_counted_by_what_their_ratios_say(tmp_path):
    cases = [case(f"n{filters}", filters) for filters in range(2, 8)]
    there = [*map(around, (50, 60, 70, 150, 160)), [60, 100, 170]]
    a, b = two(tmp_path, [(c, around(100)) for c in cases], list(zip(cases, there, strict=True)))
    assert "of 6 cases: 3 faster, 2 slower, 1 not decided)" in page(tmp_path, a, b)


@pytest.mark.usefixtures("undrawn")
def test_of_many_changes_of_rank_the_largest_have_a_line(tmp_path):
    cases = [case(f"n{filters}", filters) for filters in range(2, 8)]
    times = [around(100 * 1.2**step) for step in range(6)]
    here, there = (list(zip(cases, order, strict=True)) for order in (times, times[::-1]))
    words = page(tmp_path, *two(tmp_path, here, there))
    # The order of all six is turned round: 6 * 5 / 2 pairs.
    assert "**15 of 15 pairs of networks change rank.**" in words
    assert len(re.findall(r"^- \*\*n\d 8x8x3\*\* over ", words, re.MULTILINE)) == 12
    assert "3 more are only in the table; these are the largest changes." in words


def test_the_room_for_drift_is_what_was_measured_there(tmp_path):
    a, b = two(tmp_path, [(A, around(100))], [(A, around(50))], THERE | {"drift": 0.25})
    assert "from one run to the next (25.0 %)" in page(tmp_path, a, b)
    (row,) = beside(a, b).rows
    assert row.times[1].high / row.times[1].value > math.exp(1.96 * 0.25)
    assert "from one run to the next (1.5 %)" in page(
        tmp_path, a, timed(tmp_path / "c", (A, [1, 1]))
    )


def test_a_folder_of_runs_is_its_runs_and_holds_their_page(tmp_path, monkeypatch, capsys):
    two(tmp_path / "lab", [(A, [100] * 2)], [(A, [50] * 2)])
    monkeypatch.chdir(tmp_path)
    assert main(["report", "lab", "--figures", "svg"]) == 0
    assert capsys.readouterr().out == "report: lab/README.md\n"
    names = {path.name for path in (tmp_path / "lab").iterdir() if path.is_file()}
    assert names == {"README.md", "index.html", "machines.csv", "machines.png", "machines.svg"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "b"], "got 2 runs to put side by side; name a folder for their page with --out"),
        (["a", "b", "--out", ""], "--out must name a folder"),
        (["a", "b", "--out", "b"], "b holds a run, whose page would be lost"),
        (["a", "b", "--out", "sub/../a"], "holds a run, whose page would be lost"),
        (["a", "b", "--out", "other"], "other holds a run"),
        (["a", "--out", "new"], "expected two runs or more to put side by side; got 1: a"),
        (["a", "a", "--out", "new"], "expected two runs or more to put side by side; got 1: a"),
        (["a", "other", "--out", "new"], "a and other have no timed case in common"),
        (["a", "nothing", "--out", "new"], "'nothing' is not the folder of a run"),
        (["a", "x.json", "--out", "new"], "x.json holds results of pytest-benchmark"),
    ],
)
def test_what_is_senseless_is_refused_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, arguments, message
):
    two(tmp_path, [(A, [1, 1])], [(A, [1, 1])])
    timed(tmp_path / "other", (B, [1, 1]))
    (tmp_path / "x.json").write_text("{}")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["report", *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_in_python_it_is_the_same(tmp_path):
    a, b = two(tmp_path, [(A, [1, 1])], [(A, [1, 1])])
    assert cnnbench.report(a, b, out=tmp_path / "page") == tmp_path / "page" / "README.md"
    with pytest.raises(CnnbenchError, match="got none"):
        cnnbench.report()
    with pytest.raises(StoreError, match="holds a run"):
        cnnbench.report(a, b, out=a)
