"""The checks of runs over several runtimes: what they record, count by hand, and say."""

import math
from dataclasses import replace

import pytest

from benchmarks.calibration.record import Recording
from benchmarks.runtimes import page, pairs, peers, rows, soak
from benchmarks.runtimes.peers import Round
from benchmarks.runtimes.soak import LOST, Ended
from cnnbench.cases.case import Case
from cnnbench.runner import launching
from cnnbench.runs import store
from cnnbench.stats import Estimate
from tests.reporting.test_calibration_report import pair
from tests.support import ROOT

COMMITTED = ROOT / "reports" / "runtimes-cpu"


def rounds(*ratios, network="N"):
    return [
        Round("openvino", network, i, "ours", 0.01 * ratio, 0.01, 2, "a CPU", "1.0")
        for i, ratio in enumerate(ratios)
    ]


@pytest.mark.skipif(not (COMMITTED / page.PAGE).exists(), reason="not measured yet")
def test_the_committed_page_comes_from_what_is_recorded():
    assert page.text(COMMITTED) == (COMMITTED / page.PAGE).read_text()


def test_a_round_is_read_as_it_was_written(tmp_path):
    first, second = rounds(1.1, 0.9)
    rows.append(tmp_path / "a.csv", [])
    rows.append(tmp_path / "a.csv", [first])
    rows.append(tmp_path / "a.csv", [second])
    assert rows.read(tmp_path / "a.csv", Round) == [first, second]


def test_the_time_that_benchmark_app_prints():
    said = """\
[ INFO ] First inference took 12.84 ms
[ INFO ] Latency:
[ INFO ]    Median:        7.72 ms
[ INFO ]    Average:       7.77 ms
"""
    assert peers.latency(said) == pytest.approx(7.72e-3)


def test_the_ratio_is_the_median_with_an_interval_of_order_statistics():
    # Of nine rounds the second smallest and largest: 1 - 2 * 10 / 2^9 = 96 % (binomial).
    found = peers.ratio(rounds(0.5, 0.98, 0.99, 1.0, 1.01, 1.02, 1.02, 1.03, 7))
    assert (found.low, found.value, found.high) == pytest.approx((0.98, 1.01, 1.03))
    assert math.isnan(peers.ratio(rounds(1.0, 1.0, 1.0, 1.0, 1.0)).low)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.98, 1.02, "yes"),
        (1.01, 1.02, "yes"),
        (0.96, 1.01, "open"),
        (1.01, 1.04, "open"),
        (1.04, 1.06, "**no**"),
        (0.92, 0.95, "**no**"),
        (math.nan, math.nan, "open"),
    ],
)
def test_equal_are_times_whose_whole_interval_is_near_one(low, high, said):
    assert peers.equal(Estimate(1.0, low, high, 9)) == said


def test_the_page_shows_each_network_beside_its_peer():
    text = page.of_peers([*rounds(*[1.01] * 6), *rounds(*[1.2] * 6, network="M")])
    assert "| N         | openvino  | benchmark_app | 6        | 10.1 ms | 10.0 ms" in text
    assert "1.010 [1.010, 1.010] | yes" in text
    assert "1.200 [1.200, 1.200] | **no**" in text


def test_a_soak_records_every_launch_and_misses_what_is_not_in_the_store(tmp_path):
    soak.record(tmp_path, 1, launches=6, names=["fake"])
    ended = rows.read(tmp_path / soak.FILE, Ended)
    assert len(ended) == 10  # two rounds of five cases are the first to reach six
    assert {e.outcome for e in ended} == {"ok"}
    assert min(e.parent_bytes for e in ended) > 10 * 2**20
    run = store.read(tmp_path / soak.RUN)
    first, *others = run.measurements
    assert soak.lost(run.plan, others) == [Ended(first.case.id, "fake", first.launch, LOST)]
    soak.record(tmp_path, 1, launches=6, names=["fake"])
    assert rows.read(tmp_path / soak.FILE, Ended) == ended


def test_the_page_counts_launches_that_failed_or_are_lost():
    good = [Ended("a", "jax", i, "ok", "", 2**20 * (i + 1), 9) for i in range(3)]
    assert "3 launches of 1 cases on jax:\n3 ended well" in page.of_soak(good)
    assert "the last 3.00 MiB and 9 open files" in page.of_soak(good)
    bad = [*good, replace(good[0], launch=3, outcome="crashed"), Ended("a", "jax", 4, LOST)]
    text = page.of_soak(bad)
    assert "5 launches of 1 cases on jax:\n3 ended well" in text
    assert "launch 3: crashed" in text
    assert "launch 4: lost" in text


def test_the_page_says_on_which_runtime_equals_are_called_different():
    # Ratios of 1.02 and 0.98 in turn are open; of 1.10 and 1.12 decided.
    even, odd = (1.02, 0.98, 1.02, 0.98, 1.02), (1.10, 1.12, 1.10, 1.12, 1.10)
    one, other = pairs.CASES
    found = [*pair(0, even, one), *pair(1, even, one), *pair(0, even, other), *pair(1, odd, other)]
    where = {"cores": 2, "cpu": "a CPU"}
    text = page.of_pairs([replace(m, environment=where) for m in found])
    assert "2 pairs of a small network (`residual_module`, 28x28x64)" in text
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    told = {tuple(row[1:3]): row[3:5] for row in rows if len(row) > 5}
    assert told["openvino", "one run, taking turns"] == ["0% of 2 [0, 84]", "kept"]
    assert told["onnxruntime", "one run, taking turns"] == ["50% of 2 [1, 99]", "missed"]


def test_a_recording_that_was_stopped_goes_on_where_it_ended(tmp_path, monkeypatch):
    recording = Recording(
        tmp_path, "", (Case("vgg_block", (8, 8, 3), runtime="fake"),), 1, 2, slice_s=0.001
    )
    measure, calls = launching.measure, []

    def stopped(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(*args, **kwargs)

    monkeypatch.setattr(launching, "measure", stopped)
    with pytest.raises(KeyboardInterrupt):
        recording.record(1)
    assert [m.launch for m in recording.read()] == [0, 0]
    recording.record(0)
    assert len(recording.read()) == 2
    recording.record(1)
    assert [m.launch for m in recording.read()] == [0, 0, 1, 1]
    assert list(tmp_path.iterdir()) == [recording.file]
