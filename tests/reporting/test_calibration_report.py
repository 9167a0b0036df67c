"""The committed report on calibration is what its recording gives; and what it counts, by hand."""

import math
from dataclasses import replace

import pytest

from benchmarks.calibration import histories, judge, record, report
from benchmarks.calibration.judge import Rate
from cnnbench.cases.case import Case
from cnnbench.runs.store import Measurement
from tests.support import words

A, B = Case("vgg_block", (8, 8, 3)), Case("vgg_block", (8, 8, 4))


def side(case, label, launch, ns, reference_ns=1000.0, started=0.0):
    """Eight calls in four turns, beside references."""
    return Measurement(
        replace(case, label=label),
        launch,
        outcome="ok",
        started=started,
        samples_ns=(9 * ns, *[ns] * 8),
        bursts=(2, 2, 2, 2),
        references={"reference": (reference_ns,) * 4},
    )


def pair(number, ratios, case=A):
    """Launches in which the new side takes so many times as long as the base."""
    return [
        side(case, f"{name} {number}", launch, ns, started=float(launch))
        for launch, ratio in enumerate(ratios)
        for name, ns in (("base", 1000), ("new", round(1000 * ratio)))
    ]


def test_the_report_comes_from_its_recording(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    report.report()
    committed = record.FOLDER / "README.md"
    assert (tmp_path / "README.md").read_bytes() == committed.read_bytes()
    assert words(tmp_path) == words(record.FOLDER)
    assert (tmp_path / "power.png").stat().st_size > 10_000


def test_the_recording_has_a_hundred_pairs_and_every_launch_of_both_sides():
    recording = record.RECORDING.read()
    pairs = {(m.case.id, m.case.label.split()[1]) for m in recording}
    assert len(pairs) >= 100
    assert len(recording) == 2 * len(pairs) * record.RECORDING.rounds
    assert len({m.case.id for m in recording}) == 5


def test_a_pair_is_different_where_its_interval_excludes_one():
    # Ratios of 1.02 and 0.98 in turn are open; of 1.10 and 1.12 decided.
    recording = [
        *pair(0, (1.02, 0.98, 1.02, 0.98, 1.02)),
        *pair(1, (1.10, 1.12, 1.10, 1.12, 1.10)),
    ]
    found = judge.by_interval(recording, "one run, taking turns", 5)
    assert found.different == Rate(1, 2)
    # The first has s = 0.0219 in log and so a half-width of 2.78 * 0.0219 / sqrt(5) = 2.7 %
    # about 1.004: 2 % slower stays open, 5 % is found.
    assert [rate.count for rate in found.found] == [1, 2, 2, 2]


def test_of_two_runs_each_launch_counts_once_and_the_slow_half_cancels():
    # In the second half of the recording everything takes twice as long, the reference too.
    recording = [
        side(A, f"{name} {n}", n, 1000 * slow, 1000.0 * slow, started=float(100 * slow + n))
        for slow in (1, 2)
        for n in range(4)
        for name in ("base", "new")
    ]
    pairs = list(judge.in_two_runs(recording, 4))
    assert [[len(one), len(other)] for one, other in pairs] == [[4, 4], [4, 4]]
    assert {m.started < 200 for one, _ in pairs for m in one} == {True}
    assert {m.started < 200 for _, other in pairs for m in other} == {False}
    beside = judge.by_interval(recording, "two runs, beside references", 4)
    alone = judge.by_interval(recording, "two runs, times alone", 4)
    assert (beside.different, alone.different) == (Rate(0, 2), Rate(2, 2))


def test_the_threshold_fails_above_five_percent_of_either_side():
    def run(second):
        return [
            side(A, "base 0", 0, 1000, started=0.0),
            side(A, "new 0", 0, 1000, started=0.0),
            side(A, "base 0", 1, second, started=1.0),
            side(A, "new 0", 1, second, started=1.0),
        ]

    def judged(second, field, launches=1):
        return judge.by_gate(run(second), f"pytest-benchmark, {field}:5%", launches)

    assert judged(1040, "median").different == Rate(0, 2)
    slower, faster = judged(1060, "median"), judged(940, "mean")
    # Both are different; the second run fails only where it is the slower one.
    assert (slower.different, slower.slower) == (Rate(2, 2), Rate(2, 2))
    assert (faster.different, faster.slower) == (Rate(2, 2), Rate(0, 2))
    # 4 % slower already, and 2 % more: 1.04 * 1.02 = 1.0608.
    assert [r.count for r in judged(1040, "mean").found] == [2, 2, 2, 2]
    assert [r.count for r in judged(1000, "mean").found] == [0, 0, 2, 2]


@pytest.mark.parametrize(
    ("field", "counts"),
    # Of 1000, 1000 and 1210 ns the mean is 1070, 7 % slower, and the median 1000.
    [("mean", [2, 2, 2, 2]), ("median", [0, 0, 2, 2])],
)
def test_of_several_launches_theirs_is_the_average_of_their_averages(field, counts):
    recording = [
        side(A, f"{name} 0", n, ns, started=float(n))
        for n, ns in enumerate((1000, 1000, 1000, 1000, 1000, 1210))
        for name in ("base", "new")
    ]
    found = judge.by_gate(recording, f"pytest-benchmark, {field}:5%", 3)
    assert [rate.count for rate in found.found] == counts


def test_ours_is_put_through_the_same_gate_by_its_ratio_alone():
    # Turn by turn 4 % and 6 % slower in one launch each; a launch is a comparison of its own.
    recording = pair(0, (1.04, 1.06))
    found = judge.by_gate(recording, "one run, taking turns, gate of 5%", 1)
    assert (found.slower, found.half_width) == (Rate(1, 2), None)
    # A reference that slows down as much shows that nothing did.
    slow = [
        side(A, f"{name} 0", n, 1000 * k, 1000.0 * k, started=float(n))
        for n, k in enumerate((1, 2))
        for name in ("base", "new")
    ]
    beside = judge.by_gate(slow, "two runs, beside references, gate of 5%", 1)
    alone = judge.by_gate(slow, "pytest-benchmark, mean:5%", 1)
    assert (beside.slower, alone.slower) == (Rate(0, 2), Rate(2, 2))


def test_an_interval_covers_the_median_of_all_launches_or_not():
    # Launch medians 1.0 to 1.4 ms: the median over the recording is 1.2 ms.
    recording = [
        side(A, f"{name} 0", n, 1_000_000 + 100_000 * n, started=float(n))
        for n in range(5)
        for name in ("base", "new")
    ]
    rows = {row.method: row for row in judge.coverage(recording)}
    assert rows["Student's, spread over the run"].covered == Rate(2, 2)
    # Eleven more of 10 ms are the majority.
    far = [side(A, "base 1", n, 10_000_000, started=9.0 + n) for n in range(11)]
    assert judge._truths([*recording, *far])[A.id] == pytest.approx(10e-3)


def test_a_rate_has_the_interval_of_clopper_and_pearson():
    # Of none in ten: 1 - 0.025^(1/10) = 0.3085.
    low, high = Rate(0, 10).interval
    assert (low, high) == (0.0, pytest.approx(1 - math.pow(0.025, 0.1)))


def test_a_promise_that_is_broken_is_called_so():
    found = judge.by_interval(pair(0, (1.1, 1.12, 1.1, 1.12, 1.1)), "one run, taking turns", 5)
    assert "5 % or fewer: **missed**" in report.verdict([found])
    calm = judge.by_interval(pair(0, (1.02, 0.98, 1.02, 0.98, 1.02)), "one run, taking turns", 5)
    text = report.verdict([calm])
    assert "5 % or fewer: **kept**" in text
    assert "90 %: **kept**" in text


def in_turn(pairs, launches):
    """What each comparison has on its two sides: the last call of every launch."""
    recording = [m for number in range(pairs) for m in pair(number, (1 + number, 5 + number))]
    return [
        [[m.samples_ns[-1] for m in side] for side in sides]
        for sides in judge.in_turn(recording, launches)
    ]


def test_versions_in_turn_are_compared_with_another_pair_of_the_same_round():
    # Pair 0's base (always 1000) with what pair 1 calls new, and so on; the last with the first.
    assert in_turn(pairs=3, launches=2) == [
        [[1000, 1000], [2000, 6000]],
        [[1000, 1000], [3000, 7000]],
        [[1000, 1000], [1000, 5000]],
    ]


def test_where_rounds_are_too_few_several_pairs_count_as_more():
    assert in_turn(pairs=4, launches=4) == [
        [[1000] * 4, [3000, 7000, 4000, 8000]],
        [[1000] * 4, [1000, 5000, 2000, 6000]],
    ]


STEADY = [[1.0, 1.01] * 40]
"""The values of one case, which hardly differ."""


def test_equal_runs_that_hardly_differ_show_no_change_and_every_slow_down():
    found = histories.judged("", STEADY, 0.0, runs=20, later=10, each=10)
    assert found.changed == Rate(0, 10)
    assert found.found == (Rate(10, 10), Rate(10, 10))
    assert found.placed == found.covered == Rate(10, 10)


def test_runs_that_drift_by_more_than_is_allowed_show_changes_that_are_none():
    found = histories.judged("", [[1.0, 1.5] * 40, [1.0] * 40 + [1.5] * 40], 0.0, 20, 2, 10)
    assert found.found[0].count < found.found[0].of
    assert 0 < found.found[1].of == 20


def test_a_slow_down_of_the_last_run_alone_is_not_found():
    found = histories.judged("", STEADY, 0.0, runs=20, later=1, each=10)
    assert [rate.count for rate in found.found] == [0, 0]


def test_whether_few_of_fifty_equal_runs_change_is_said():
    few, many = (
        histories.Judged("x", 50, 25, Rate(count, 100), (), Rate(1, 1), Rate(1, 1))
        for count in (5, 6)
    )
    assert "**kept**" in report.promised([few])
    assert "**missed**" in report.promised([many])
