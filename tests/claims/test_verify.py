"""`cnnbench verify`: verdicts by measurement, the command, its page and its figures."""

import json
import shutil
from pathlib import Path

import pytest

from cnnbench import api, claims
from cnnbench.cases.plan import Plan
from cnnbench.claims.entry import ClaimTest
from cnnbench.claims.judged import (
    ClaimVerdict,
    JudgedClaim,
    MeasuredValue,
    PaperJudge,
    groups,
    judge,
    where,
)
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError
from cnnbench.reporting.claims import figure
from cnnbench.reporting.claims.verdicts import interval
from cnnbench.runs import store
from cnnbench.runs.store import Measurement, Run
from cnnbench.stats import Estimate
from tests.support.fuzz import Command, check, elsewhere

__all__ = ["elsewhere"]
pytestmark = pytest.mark.usefixtures("elsewhere")


def a_run(name, seconds, launches=5, peak=None):
    """A run in which a case of a claim takes so many seconds, by side and value; 1 % apart."""
    found = judge(claims.load([name]))
    cases = {case.id: case for group in groups(found) for case in group}
    measured = []
    for case in cases.values():
        for launch in range(launches):
            # Base and new differ in their noise, or their ratios would have no spread.
            noise = 1 + 0.01 * ((launch + len(case.label)) % 3 - 1)
            ns = int(seconds(case) * noise * 1e9)
            bytes_ = None if peak is None else int(peak(case) * noise)
            measured.append(
                Measurement(
                    case,
                    launch,
                    outcome="ok",
                    samples_ns=(9 * ns, *[ns] * 6),
                    peak_bytes=bytes_,
                    environment={"cpu": "Fake CPU", "cores": 2, "versions": {"fake": "1"}},
                )
            )
    papers = {case.paper_key: case.paper() for case in cases.values()}
    plan = Plan("claims", "", tuple(cases.values()), papers=papers)
    return Run(Path(), plan, tuple(measured))


def finding(name, seconds, **options):
    return judge(claims.load([name]), a_run(name, seconds, **options))[0]


# Where and what to measure


def test_a_claim_is_measured_where_it_is_made_and_around_its_flip():
    claim = claims.load(["reduction-computation"])[0]
    # 3 and 192 of the claim; 69 // 2, 69 and 2 * 69 of the flip.
    assert where(claim, PaperJudge(claim).judge()) == [3, 34, 69, 138, 192]
    found = groups(judge([claim]))
    assert [len(group) for group in found] == [2] * 5
    assert {case.input_shape for group in found for case in group} == {
        (28, 28, channels) for channels in (3, 34, 69, 138, 192)
    }
    assert [case.label for case in found[0]] == ["naive", "reduced"]


def test_a_claim_on_paper_alone_needs_no_run():
    assert groups(judge(claims.load(["vgg-params"]))) == []


def test_the_hour_is_of_680_training_steps_at_batch_32():
    # 20 epochs of ceil(1080 / 32) = 34 steps
    claim = claims.load(["hour-on-a-cpu"])[0]
    assert claim.tests[0].times == 20 * -(-1080 // 32)
    ((case,),) = groups(judge([claim]))
    assert (case.mode, case.batch_size, case.input_shape) == ("train", 32, (64, 64, 3))
    # An hour is 5.294 s a step.
    assert finding("hour-on-a-cpu", lambda case: 5.5).measured is ClaimVerdict.confirmed
    assert finding("hour-on-a-cpu", lambda case: 1.5).measured is ClaimVerdict.refuted
    assert finding("hour-on-a-cpu", lambda case: 5.294).measured is ClaimVerdict.inconclusive
    (hours,) = finding("hour-on-a-cpu", lambda case: 5.5).measurements
    assert hours.estimate.value == pytest.approx(680 * 5.5, rel=0.02)


# What a run says


def naive_is_slower_above(channels):
    def seconds(case):
        wide = case.input_shape[-1] > channels
        return 0.02 if (case.label == "naive") == wide else 0.01

    return seconds


def test_a_run_that_flips_depends_and_says_where():
    f = finding("reduction-computation", naive_is_slower_above(100))
    assert [(p.at, p.holds) for p in f.measurements] == [
        (3, False), (34, False), (69, False), (138, True), (192, True),
    ]  # fmt: skip
    assert f.measured is ClaimVerdict.depends
    assert f.measurements[0].estimate.value == pytest.approx(2, rel=0.01)
    assert f.measurements[-1].estimate.value == pytest.approx(0.5, rel=0.01)


def test_a_run_on_one_side_confirms_or_refutes():
    assert finding("reduction-computation", naive_is_slower_above(0)).measured == "confirmed"
    assert finding("reduction-computation", naive_is_slower_above(999)).measured == "refuted"
    assert finding("reduction-computation", lambda case: 0.01).measured == "inconclusive"


def test_a_single_launch_has_no_interval_and_decides_nothing():
    f = finding("reduction-computation", naive_is_slower_above(0), launches=1)
    assert {p.holds for p in f.measurements} == {None}
    assert f.measured is ClaimVerdict.inconclusive


def test_memory_is_compared_by_the_measured_peaks():
    def peak(case):
        return 3e6 if case.label == "reduced" else 2e6

    f = finding("reduction-memory", lambda case: 0.01, peak=peak)
    assert f.measurements[0].estimate.value == pytest.approx(1.5, rel=0.01)
    assert f.measured is ClaimVerdict.confirmed
    assert finding("reduction-memory", lambda case: 0.01).measured is None


def test_time_per_flop_is_time_over_the_work():
    # Each takes a nanosecond a FLOP, so that all are equally fast.
    f = finding("ops-predict-time", lambda case: case.paper().flops * 1e-9)
    assert [p.estimate.value for p in f.measurements] == pytest.approx([1, 1], rel=0.01)
    assert f.measured is ClaimVerdict.confirmed
    f = finding("ops-predict-time", lambda case: 0.1)  # VGG-16 has four times the FLOPs
    assert f.measured is ClaimVerdict.refuted


MANY = [
    ({1: [True], 2: [True]}, ClaimVerdict.confirmed),
    ({1: [False], 2: [False]}, ClaimVerdict.refuted),
    ({1: [True], 2: [False]}, ClaimVerdict.depends),
    ({1: [True], 2: [None]}, ClaimVerdict.inconclusive),
    ({1: [True], 2: [None], 3: [False]}, ClaimVerdict.depends),
    ({1: [True, False], 2: [False, True]}, ClaimVerdict.refuted),
    ({1: [True, None], 2: [False, None]}, ClaimVerdict.inconclusive),
    ({None: [None, False]}, ClaimVerdict.refuted),
]


@pytest.mark.parametrize(("places", "verdict"), MANY)
def test_tests_hold_together_place_by_place(places, verdict):
    claim = claims.load(["reduction-computation"])[0]
    test = claim.tests[1]
    some = Estimate(1.0, 0.9, 1.1, 5)
    values = [MeasuredValue(test, at, some, holds) for at, all_ in places.items() for holds in all_]
    assert JudgedClaim(claim, (), tuple(values)).measured is verdict


def test_a_measurement_is_nearly_so_if_its_whole_interval_is():
    claim = claims.load(["flops-indirect"])[0]
    # Printed with two digits 1.995 to 2.01 is a 2.00; 1 % around it is 1.98 to 2.02.
    test = ClaimTest(quantity="time", new="a", base="b", says="2.00 times")
    for low, high, verdict in ((1.982, 1.992, "nearly"), (1.97, 1.992, "refuted")):
        value = MeasuredValue(test, 1, Estimate(1.985, low, high, 5), False)
        assert JudgedClaim(claim, (), (value,)).measured == verdict
        assert value.to_json()["deviation"] == pytest.approx(-0.0075)


def test_nothing_measured_is_no_verdict():
    f = judge(claims.load(["reduction-computation"]))[0]
    assert f.measured is None
    assert f.measurements


# The command


def test_all_claims_are_judged_at_once(capsys):
    assert main(["verify"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{name} " in out for name in claims.names())
    # 60,965,224 / 6,998,552 = 8.711
    assert "parameters: 8.7 times less (off by 27.4 %), not 12 times less" in " ".join(out.split())
    assert "4,867.3 M (off by 0.03 %), not 4866 M" in " ".join(out.split())
    assert "holds from C = 69 on" in " ".join(out.split())
    assert out.splitlines()[-1].startswith(f"{len(claims.names())} claims: on paper ")


def test_a_claim_is_argued_and_drawn(capsys):
    name = "less-compute-more-weights"
    assert main(["verify", name, "--figure", "one.png"]) == 0
    out = capsys.readouterr().out
    row = "parameters C = 3 6,272 124,384 19.8 times more - yes"
    assert row in " ".join(out.split())
    assert "On paper: refuted. It holds at no C from 1 to 832." in out
    assert "FLOPs holds from C = 69 on; parameters holds up to C = 68." in out
    assert out.endswith("figure: one.png\n")
    assert Path("one.png").read_bytes().startswith(b"\x89PNG")
    assert main(["verify", name, "--figure", "one.svg"]) == 0
    assert "<svg" in Path("one.svg").read_text()


def test_as_markdown_and_json(capsys):
    assert main(["verify", "--format", "markdown"]) == 0
    assert "| twelve-times-alexnet " in capsys.readouterr().out
    assert main(["verify", "twelve-times-alexnet", "vgg-params", "--format", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == api.verify(["twelve-times-alexnet", "vgg-params"]).to_json()
    first, second = printed
    assert (first["on_paper"], second["on_paper"]) == ("refuted", "confirmed")
    assert first["tests"][0]["found"][0]["new"] == 6_998_552
    assert first["measured"] is None


def test_in_a_notebook_a_verdict_is_one_short_line():
    verified = api.verify(["twelve-times-alexnet"])
    (claim,) = verified.claims
    assert repr(verified) == "Verified(1 claim: on paper)"
    assert repr(claim) == "JudgedClaim(twelve-times-alexnet: on paper refuted, measured -)"


SMALL = ("verify", "reduction-computation", "hour-on-a-cpu", "--runtime", "fake", "--measure")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A run of two claims on the fake runtime."""
    folder = tmp_path_factory.mktemp("claims") / "run"
    api.verify(
        ["reduction-computation", "hour-on-a-cpu"],
        measure=True,
        runtime="fake",
        out=folder,
        launches=3,
        time_budget=30,
    )
    return folder


def test_measuring_stores_a_run_and_writes_its_page(measured):
    run = store.read(measured)
    assert run.plan.suite == "claims"
    assert {m.outcome for m in run.measurements} == {"ok"}
    # Ten of one claim and one of the other, three launches each.
    assert len(run.measurements) == 11 * 3
    page = (measured / "README.md").read_text()
    assert "### reduction-computation" in page
    assert page.index("## All claims in one table") > page.index("### reduction-computation")
    assert "![" in page
    assert (measured / "reduction-computation.png").exists()


def test_a_stored_run_gives_the_same_page_again(measured, capsys):
    names = ["reduction-computation", "hour-on-a-cpu"]
    assert main(["verify", *names, "--run", str(measured), "--report", "again"]) == 0
    assert "report: again/README.md" in capsys.readouterr().out
    for path in measured.iterdir():
        if path.name != store.FILE:
            assert (Path("again") / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_run_that_was_stopped_is_continued(measured, capsys):
    folder = Path("half")
    folder.mkdir()
    lines = (measured / store.FILE).read_text().splitlines(keepends=True)
    (folder / store.FILE).write_text("".join(lines[:5]))
    options = ("verify", "reduction-computation", "hour-on-a-cpu", "--measure", "--resume")
    assert main([*options, "--out", "half"]) == 0
    assert "report: half/README.md" in capsys.readouterr().out
    run = store.read(folder)
    assert len({(m.case.id, m.launch) for m in run.measurements}) == 33
    assert (folder / store.FILE).read_text().startswith("".join(lines[:5]))


def test_ctrl_c_keeps_what_was_measured_and_ends_with_130(monkeypatch, capsys):
    from cnnbench.runner.loop import Progress

    ended = []

    class Impatient(Progress):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def ended(self, *args, **kwargs):
            ended.append(args)
            if len(ended) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr("cnnbench.runner.progress.watcher", lambda **_: Impatient())
    assert main([*SMALL, "--out", "stopped"]) == 130
    captured = capsys.readouterr()
    assert "continue with --measure --resume --out stopped" in captured.err
    assert store.read(Path("stopped")).measurements
    assert "report: stopped/README.md" in captured.out


def test_every_claim_with_more_than_a_number_can_be_drawn():
    drawn = [f for f in judge(claims.load()) if figure.worth_drawing(f)]
    assert len(drawn) > 20
    for f in drawn:
        figure.draw(f)


def test_a_figure_shows_what_is_said_and_what_was_found():
    f = finding("reduction-computation", naive_is_slower_above(100))
    (axes,) = figure.draw(f).axes
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["time, measured", "C = 69", "FLOPs"]
    time = axes.containers[0].lines[0]
    assert list(time.get_xdata()) == [3, 34, 69, 138, 192]
    assert list(time.get_ydata()) == pytest.approx([2, 2, 2, 0.5, 0.5], rel=0.02)
    table = judge(claims.load(["googlenet-table1"]))[0]
    said, found = figure.draw(table).axes
    assert said.get_yticklabels()[0].get_text() == "conv 7x7, params: 2.7 Ki"
    # 9.1875 / 2.7 = 3.403; 379.0 / 380 = 0.9974, which is nearly so
    texts = [text.get_text() for text in found.get_yticklabels()]
    assert (texts[0], texts[6]) == ("9.19 Ki (+240 %)", "379.0 Ki (-0.26 %)")
    points = [line for line in said.lines if len(line.get_xdata()) == 1]
    assert [points[i].get_marker() for i in (0, 2, 6)] == [">", "o", "s"]
    assert points[6].get_xdata()[0] == pytest.approx(-0.26, abs=0.005)


def test_what_is_the_same_everywhere_shows_both_networks_and_what_is_said():
    f = finding("two-3x3-for-5x5", lambda case: 0.02 if case.label == "one 5x5" else 0.015)
    drawing = figure.draw(f)
    macs, _, time = drawing.axes
    assert [text.get_text() for text in macs.texts] == ["80.3 M", "57.8 M, 28.0 % less"]
    assert macs.get_title(loc="left") == "MACs; said: 28 % less"
    band, base, new = [bar.get_width() for bar in macs.patches]
    # 28 is printed of 27.5 to 29: 0.71 to 0.725 of the base
    assert (base, new, band) == (1, pytest.approx(0.72), pytest.approx(0.015))
    assert time.texts[0].get_text() == "20.0 ms"
    assert time.patches[2].get_width() == pytest.approx(0.75, rel=0.02)
    assert time.get_title(loc="right") == "holds"
    assert "at every C from 1 to 512" in drawing.get_supxlabel()
    # Before it is measured MACs and weights are two numbers, and one of them is one sentence.
    assert figure.worth_drawing(judge(claims.load(["two-3x3-for-5x5"]))[0])
    assert not figure.worth_drawing(judge(claims.load(["three-3x3-for-7x7"]))[0])


def test_curves_that_coincide_are_one_line_with_both_names():
    (axes,) = figure.draw(judge(claims.load(["less-compute-more-weights"]))[0]).axes
    assert axes.texts[-1].get_text() == "FLOPs and parameters"


@pytest.mark.parametrize(
    ("says", "estimate", "expected"),
    [
        ("1.8 % more", (1.03, 1.01, 1.05), "3.00 % more [1.00, 5.00]"),
        # 5 % less to 1 % more, counted in what is said first
        ("1.8 % more", (0.97, 0.95, 1.01), "3.00 % less [-1.00, 5.00]"),
        ("1.8 % less", (1.03, 0.99, 1.05), "3.00 % more [-1.00, 5.00]"),
        ("1.8 % less", (0.97, 0.95, 1.01), "3.00 % less [-1.00, 5.00]"),
        ("2 times less", (0.5, 0.4, 0.8), "2.0 times less [1.2, 2.5]"),
        # 0.8 times less is 1.25 times more, its interval too; and the other way round
        ("8 to 9 times less", (1.25, 1.22, 1.28), "1.25 times more [1.22, 1.28]"),
        ("2 times more", (0.8, 0.75, 1.1), "1.25 times less [0.91, 1.33]"),
    ],
)
def test_an_interval_is_in_the_words_of_its_value(says, estimate, expected):
    test = ClaimTest(quantity="time", new="a", base="b", says=says)
    assert interval(MeasuredValue(test, None, Estimate(*estimate, n=5), None)) == expected


def test_only_the_words_of_the_source_stand_in_quotation_marks(capsys):
    assert main(["verify", "vgg-params", "three-3x3-for-7x7"]) == 0
    out = capsys.readouterr().out
    assert "\nthe table counts 138 million parameters for network D" in out
    assert '81% more" (Simonyan' in out
    assert main(["verify", "vgg-params", "vgg-flops", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [claim["paraphrase"] for claim in told] == [True, False]


def test_an_axis_of_tests_with_different_sides_names_neither():
    (claim,) = claims.load(["reduction-computation"])
    assert figure.draw(judge([claim])[0]).axes[0].get_ylabel() == "reduced / naive"
    swapped = claim.tests[0].model_copy(update={"new": "naive", "base": "reduced"})
    claim = claim.model_copy(update={"tests": [*claim.tests, swapped]})
    assert figure.draw(judge([claim])[0]).axes[0].get_ylabel() == "new / base"


@pytest.mark.parametrize("name", ["none/x.png", "x.gif"])
def test_a_figure_that_cannot_be_is_refused_before_anything_is_measured(name):
    with pytest.raises(CnnbenchError, match=r"figure"):
        api.verify(["hour-on-a-cpu"], measure=True, out="o", runtime="fake", figure=name)
    assert not Path("o").exists()


def test_wrong_commands_end_with_2_and_one_line(measured):
    shutil.copytree(measured, "run")
    Path("file").write_text("")
    long = "x" * 5000
    check(
        Command(("verify", *words))
        for words in (
            *(("x",), ("",), (long,), ("vgg-param",), ("vgg-params", "x"), ("a\nb",), ("../..",)),
            *(("--format", "csv"), ("--format", ""), ("--run", ""), ("--run", "none")),
            *(("--run", "file"), ("--run", long), ("--run", "run", "--measure"), ("--report", "")),
            *(("--report", "file"), ("--report", "file/x"), ("--report", long)),
            *(("--out", "o"), ("--resume",), ("--launches", "3"), ("--time-budget", "1m")),
            *(("--threads", "1"), ("--runtime", "fake")),
            *(
                ("--figure", "x.png"),
                ("vgg-params", "--figure", ""),
                ("vgg-params", "--figure", "x"),
            ),
            *(("hour-on-a-cpu", "--figure", "x.png"),),
            *(("vgg-params", "--figure", "none/x.png"), ("vgg-params", "--figure", "x.gif")),
            *(("vgg-params", "vgg-flops", "--figure", "x.png"), ("vgg-params", "--measure")),
            *((*SMALL[1:], "--out", name) for name in ("", "file", "run", long)),
            *((*SMALL[1:], "--out", "o", "--launches", n) for n in ("0", "-1", "x", "", "nan")),
            *((*SMALL[1:], "--out", "o", "--time-budget", t) for t in ("0", "", "soon", "nan")),
            *((*SMALL[1:], "--out", "o", "--threads", n) for n in ("0", "-1", "x")),
            *((*SMALL[1:], "--out", "none", "--resume"), (*SMALL[1:], "--resume")),
            *((*SMALL[1:-2], "tensorflw", "--measure"), (*SMALL[1:], "--figure", "x.png")),
        )
    )
    assert not Path("o").exists()
