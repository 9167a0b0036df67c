"""Several clients at once, on the runtime that computes its times."""

import pandas as pd
import pytest

import cnnbench
from cnnbench import stats
from cnnbench.cases.case import Case
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError, SuiteError
from cnnbench.reporting.runs.sections.under_load import loaded
from cnnbench.runner.clients import Clients, rate
from cnnbench.runner.launching import too_large
from cnnbench.runner.server import BURST_S
from cnnbench.runs.result import results
from cnnbench.runtimes import Order, fake

pytestmark = pytest.mark.usefixtures("undrawn")


def run(folder, *names, **given):
    given = {"runtime": "fake", "ceilings": False, "input_shape": (64, 64, 3), **given}
    return cnnbench.run(*names or ["inception_module"], out=folder / "r", **given)


def test_a_rate_counts_calls_while_all_clients_are_at_work():
    # The first ends after 20 ns with 2 calls; by then the second has made 2 and a half.
    assert rate([[10, 10], [8, 8, 8]]) == pytest.approx(4.5 / 20e-9)
    assert rate([[5], [5], [5], [5]]) == pytest.approx(4 / 5e-9)
    assert rate([[4], [16, 1]]) == pytest.approx(1.25 / 4e-9)


def test_every_client_calls_back_to_back_until_the_time_is_over():
    case = Case("vgg_block", (8, 8, 3), clients=3)
    ready = fake.prepare(Order(case))
    clients = Clients(ready, 3)
    clients.sample(0, 2, 2)  # the first two calls of each are slow
    base = fake.call_ns(case, case.paper())
    made = clients.sample(20 * base, 1, 1000)
    assert len(made) == 3
    for calls in made:
        # Launches differ by 3 %, calls by 1 %.
        assert len(calls) == pytest.approx(20, abs=3)
        assert sum(calls) - calls[-1] < 20 * base <= sum(calls)
    assert len({tuple(calls) for calls in made}) == 3  # each with steps of its own
    assert [len(calls) for calls in clients.sample(10**12, 1, 7)] == [7, 7, 7]


def test_clients_are_cases_that_take_turns_with_one_client(tmp_path):
    finished = run(tmp_path, clients=(1, 4), batch_size=2)
    run_ = finished.run
    assert [case.clients for case in run_.plan.cases] == [1, 4]
    assert run_.plan.cases[0].id + " clients=4" == run_.plan.cases[1].id
    assert run_.plan.together == (tuple(case.id for case in run_.plan.cases),)
    for m in run_.measurements:
        assert len(m.rates) == (len(m.bursts) if m.case.clients == 4 else 0)
        assert len(m.samples_ns) == 1 + sum(m.bursts)
    alone, four = loaded(results(run_)[0])
    # Each waits for nine tenths of the calls of three others: 1 + 3 * 0.9 = 3.7 times as long.
    assert four.result.time.value / alone.result.time.value == pytest.approx(3.7, rel=0.08)
    assert four.gain.value == pytest.approx(4 / 3.7, rel=0.08)
    assert four.gain.low < four.gain.value < four.gain.high
    assert alone.throughput.value == pytest.approx(2 / alone.result.time.value)
    assert four.throughput.value == pytest.approx(8 / four.result.time.value, rel=0.02)
    page = finished.page.read_text()
    assert "### Under load" in page
    assert "inception_module 64x64x3 batch 2 4 clients" in page
    table = pd.read_csv(finished.folder / "results.csv")
    assert list(table.clients) == [1, 4]
    assert table.samples_per_s[1] == pytest.approx(four.throughput.value)


def test_percentiles_are_given_where_the_sample_supports_them(tmp_path):
    finished = run(tmp_path, "vgg_block", input_shape=(8, 8, 3), clients=(1, 4), launches=3)
    table = pd.read_csv(finished.folder / "results.csv")
    one, four = results(finished.run)[0]
    # With 5 calls beyond it in every launch: 100 calls for the 95th, 500 for the 99th.
    for row, r in zip(table.itertuples(), (one, four), strict=True):
        calls = min(len(stats.steady(launch)) for launch in r.samples.values())
        assert (row.p95_s > 0) == (calls >= 100)
        assert (row.p99_s > 0) == (calls >= 500)
    assert table.p95_s[1] > table.time_s[1]


def test_what_several_threads_may_not_call_has_one_client(tmp_path):
    run_ = run(tmp_path, clients=(1, 2), mode=["graph", "train"], launches=1).run
    assert [(case.mode, case.clients) for case in run_.plan.cases] == [
        ("graph", 1),
        ("graph", 2),
        ("train", 1),
    ]
    assert run_.plan.notes == (
        "fake has one client in mode train on cpu: a step changes the weights",
    )
    with pytest.raises(SuiteError, match="nothing to measure on cpu; fake has one client in mode"):
        run(tmp_path / "another", clients=2, mode="train")


def test_two_blocks_are_compared_without_others_beside_them(tmp_path):
    suite = tmp_path / "s.toml"
    blocks = "".join(
        f'[[block]]\nname = "{n}"\ntarget = "{n}"\n' for n in ("vgg_block", "residual_module")
    )
    pair = 'title = "t"\nbase = "vgg_block"\nnew = "residual_module"\nsize = "8x8"\n'
    alone = '[[block]]\nname = "alone"\ntarget = "inception_module"\ninputs = ["8x8x3"]\n'
    suite.write_text(
        f"clients = [1, 4]\n{blocks}{alone}[[compare]]\n{pair}channels = [64]\nrange = [64, 65]\n"
    )
    plan = run(tmp_path, suite, input_shape=None, launches=1).run.plan
    assert [(case.label, case.clients) for case in plan.cases] == [
        ("alone", 1),
        ("alone", 4),
        ("vgg_block", 1),
        ("residual_module", 1),
    ]
    assert len(plan.comparisons) == 1


def test_clients_share_the_weights_and_not_the_activations():
    one, four = (Case("vgg_block", (64, 64, 3), clients=clients) for clients in (1, 4))
    paper = one.paper()
    needed = paper.peak_bytes + 3 * paper.cost.peak_activation_bytes
    assert too_large(four, paper, needed) == ""
    assert "needs" in too_large(four, paper, needed - 1)
    assert too_large(one, paper, paper.peak_bytes) == ""


def test_a_burst_of_several_clients_is_as_long_for_each(tmp_path):
    run_ = run(tmp_path, clients=3, launches=1).run
    (m,) = run_.measurements
    assert m.references  # so that it takes turns
    share = min(sum(turn) for turn in m.turns) / 3
    assert share >= 3 * BURST_S * 1e9


def test_the_command_takes_a_list(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = ("--runtime", "fake", "--launches", "1", "--no-ceilings", "--out", "r")
    assert main(["run", "vgg_block", "--clients", "1,2", *given]) == 0
    assert "vgg_block 256x256x3 2 clients" in capsys.readouterr().out
    assert main(["run", "vgg_block", "--clients", "two", *given]) == 2
    assert "--clients must look like 8 or 1,8,32; got 'two'" in capsys.readouterr().err


def test_no_client_at_all_is_refused(tmp_path):
    with pytest.raises(CnnbenchError, match="clients must be a whole number of at least 1; got 0"):
        run(tmp_path, clients=[1, 0])
