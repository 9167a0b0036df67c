"""Several numbers of threads in one run, on the runtime that computes its times."""

import pandas as pd
import pytest

import cnnbench
from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError
from cnnbench.reporting.runs.sections.compared import against
from cnnbench.reporting.runs.sections.threads import speedups
from cnnbench.runner import launching, server
from cnnbench.runs.result import results

pytestmark = pytest.mark.usefixtures("undrawn")


def run(folder, *names, **given):
    given = {"runtime": "fake", "ceilings": False, "input_shape": (8, 8, 3), **given}
    return cnnbench.run(*names or ["vgg_block"], out=folder / "r", **given)


def test_each_number_of_threads_is_a_case_and_all_take_turns(tmp_path):
    run_ = run(tmp_path, threads=(1, 2, 1), launches=1).run
    assert [case.id.rpartition(" ")[2] for case in run_.plan.cases] == ["threads=1", "threads=2"]
    assert run_.plan.together == (tuple(case.id for case in run_.plan.cases),)
    assert [m.environment["threads"] for m in run_.measurements] == [1, 2]
    assert [r.name for r in results(run_)[0]] == [
        "vgg_block 8x8x3 1 thread",
        "vgg_block 8x8x3 2 threads",
    ]


def test_one_number_is_that_of_the_run_whose_cases_keep_their_ids(tmp_path):
    run_ = run(tmp_path, threads=3, launches=1).run
    (case,) = run_.plan.cases
    assert (case.threads, run_.plan.threads) == (None, 3)
    assert case.id.endswith("cpu fake/graph")
    assert run_.measurements[0].environment["threads"] == 3


def test_the_speed_up_is_over_the_fewest_threads_and_has_an_interval(tmp_path):
    finished = run(tmp_path, threads=(1, 2, 4))
    one, two, four = speedups(results(finished.run)[0])
    # A tenth of a call is serial: 1 / (0.1 + 0.9 / 2) and 1 / (0.1 + 0.9 / 4).
    assert (one.ratio.value, one.efficiency) == (1, 1)
    assert two.ratio.value == pytest.approx(1.818, rel=0.08)
    assert four.ratio.value == pytest.approx(3.077, rel=0.08)
    assert two.ratio.low < two.ratio.value < two.ratio.high
    assert four.efficiency == pytest.approx(four.ratio.value / 4)
    assert list(pd.read_csv(finished.folder / "results.csv").threads) == [1, 2, 4]
    page = finished.page.read_text()
    assert "### With the number of threads" in page
    assert "(threads.png)" in page
    assert "differ in threads" not in page  # which was asked for


def test_a_network_is_compared_with_the_base_on_as_many_threads(tmp_path):
    run_ = run(tmp_path, "vgg_block", "residual_module", threads=(1, 2), launches=2).run
    found = against(run_, results(run_)[0])
    assert [[r.case.threads for r, _ in (*place.others, (place.base, 0))] for place in found] == [
        [1, 1],
        [2, 2],
    ]


def test_a_suite_has_its_own_numbers_unless_others_are_given(tmp_path):
    suite = tmp_path / "s.toml"
    blocks = "".join(
        f'[[block]]\nname = "{n}"\ntarget = "{n}"\n' for n in ("vgg_block", "conv_layers")
    )
    pair = 'title = "t"\nbase = "vgg_block"\nnew = "conv_layers"\nsize = "8x8"\nchannels = [3]\n'
    suite.write_text(f"threads = [1, 2]\n{blocks}[[compare]]\n{pair}range = [1, 4]\n")
    plan = run(tmp_path, suite, input_shape=None, launches=1).run.plan
    assert [case.threads for case in plan.cases] == [1, 1, 2, 2]
    assert [comparison.threads for comparison in plan.comparisons] == [1, 2]
    plan = cnnbench.run(suite, runtime="fake", out=tmp_path / "o", launches=1, threads=4).run.plan
    assert (plan.threads, {case.threads for case in plan.cases}) == (4, {None})


def test_more_threads_than_cores_are_measured_and_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "cores", lambda: 2)
    finished = run(tmp_path, threads=(2, 3), launches=1)
    (note,) = finished.run.plan.notes
    assert note == "3 threads take turns on 2 cores: no speed-up can be seen"
    assert note in finished.page.read_text()


def test_several_runtimes_get_as_many_threads_as_there_are_cores(monkeypatch):
    monkeypatch.setattr(launching, "cores", lambda: 6)
    case = Case("vgg_block", (8, 8, 3))
    other = Case("vgg_block", (8, 8, 3), runtime="litert", mode="infer")
    assert launching.threads(Plan("s", "", (case,)), case) is None
    assert launching.threads(Plan("s", "", (case, other)), case) == 6
    assert launching.threads(Plan("s", "", (case, other), threads=2), other) == 2
    some = Case("vgg_block", (8, 8, 3), threads=1)
    assert launching.threads(Plan("s", "", (some, other), threads=2), some) == 1


@pytest.mark.parametrize("threads", [0, [1, 0], [1.5], [True]])
def test_what_is_no_number_of_threads_is_refused(tmp_path, threads):
    with pytest.raises(CnnbenchError, match="threads must be a whole number of at least 1; got"):
        run(tmp_path, threads=threads)


def test_the_command_takes_a_list(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = ("--runtime", "fake", "--launches", "1", "--no-ceilings", "--out", "r")
    assert main(["run", "vgg_block", "--threads", "1,2", *given]) == 0
    assert "vgg_block 256x256x3 2 threads" in capsys.readouterr().out
    assert main(["run", "vgg_block", "--threads", "two", *given]) == 2
    assert "--threads must look like 8 or 1,8,32; got 'two'" in capsys.readouterr().err
