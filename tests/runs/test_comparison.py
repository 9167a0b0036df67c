"""Two stored runs whose times are known, compared."""

import dataclasses
import json
import math

import pandas as pd
import pytest
import scipy.stats

from cnnbench import api
from cnnbench.cases.plan import Plan
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError, UnknownNameError
from cnnbench.runs import store
from cnnbench.runs.comparison import compare
from cnnbench.runs.recording import of_run
from cnnbench.runs.store import Run
from tests.support import stored, synthetic
from tests.support.stored import MACHINE, ROOM, case, launch, timed

A, B = case("narrow", 4), case("wide", 8)


def runs(tmp_path, base, new, machine=MACHINE):
    """Two folders of runs: pairs of a case and its microseconds, the second on a machine."""
    return (
        timed(tmp_path / "base", *base),
        timed(tmp_path / "new", *new, machine=machine),
    )


def only(compared):
    (change,) = compared.changes
    return change


def keys(cases):
    return [case.key for case in cases]


def test_every_sample_times_1_2_is_slower_by_1_2(tmp_path):
    times = [100, 102, 98]
    base, new = runs(tmp_path, [(A, times)], [(A, [1.2 * t for t in times])])
    change = only(api.compare(base, new))
    assert change.ratio.value == pytest.approx(1.2)
    assert change.verdict == "slower"
    # The geometric means of the medians of each launch, in seconds.
    assert change.base == pytest.approx((100e-6 * 102e-6 * 98e-6) ** (1 / 3))
    assert change.new == pytest.approx(1.2 * change.base)
    back = only(api.compare(new, base))
    assert back.ratio.value == pytest.approx(1 / 1.2)
    assert back.verdict == "faster"


@pytest.mark.parametrize("back", [False, True])
def test_a_gpu_of_an_old_run_is_the_first_of_a_new_one(tmp_path, back):
    old, numbered, second = (
        [(case(*block, device=device), [us, us]) for block in (("narrow", 4), ("wide", 8))]
        for device, us in (("gpu", 100), ("gpu:0", 200), ("gpu:1", 400))
    )
    before, after = timed(tmp_path / "old", *old), timed(tmp_path / "new", *numbered, *second)
    compared = api.compare(after, before) if back else api.compare(before, after)
    assert [c.ratio.value for c in compared.changes] == pytest.approx([0.5 if back else 2] * 2)
    sides = compared.only_base, compared.only_new
    alone, none = sides if back else sides[::-1]
    assert list(alone) == [f"{label} 8x8x3 gpu:1" for label in ("narrow", "wide")]
    assert none == ()
    assert compared.gate("10%").passed is back


def test_where_both_are_there_each_is_compared_with_itself(tmp_path):
    times = [(case("narrow", device=device), [us]) for device, us in (("gpu", 1), ("gpu:0", 3))]
    same = [timed(tmp_path / name, *times) for name in "ab"]
    assert [c.ratio.value for c in api.compare(*same).changes] == pytest.approx([1, 1])


def test_blocks_of_an_old_run_and_a_new_one_are_matched_by_place(tmp_path):
    old = timed(tmp_path / "old", (case("narrow", device="gpu"), [100]))
    new = timed(tmp_path / "new", (case("wide", device="gpu:0"), [300]))
    sides = (
        of_run(store.read(folder)).of_block(label)
        for folder, label in ((old, "narrow"), (new, "wide"))
    )
    assert only(compare(*sides)).ratio.value == pytest.approx(3)


def test_the_interval_has_the_smaller_degrees_of_freedom(tmp_path):
    before, after = [100, 104, 97, 101], [110, 103, 118]
    base, new = runs(tmp_path, [(A, before)], [(A, after)])
    logs = [[math.log(t) for t in side] for side in (after, before)]
    error = math.hypot(*(scipy.stats.sem(side) for side in logs))
    middle = sum(logs[0]) / 3 - sum(logs[1]) / 4
    low, high = scipy.stats.t(df=2, loc=middle, scale=error).interval(0.95)
    ratio = only(api.compare(base, new)).ratio
    assert (ratio.low, ratio.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_equal_launches_are_the_same_and_scattered_ones_unclear(tmp_path):
    calm, wild = [100, 101, 99], [60, 100, 170]
    base, new = runs(tmp_path, [(A, calm), (B, wild)], [(A, calm[::-1]), (B, wild[::-1])])
    assert [c.verdict for c in api.compare(base, new).changes] == ["same", "unclear"]


def test_the_same_thing_measured_twice_is_rarely_called_different():
    """The fake differs by some percent from launch to launch, and by nothing else."""
    plan = synthetic.plan()

    def run(seeds):
        found = [
            dataclasses.replace(synthetic.measure(c, seed), launch=number)
            for c in plan.cases
            for number, seed in enumerate(seeds)
        ]
        return of_run(Run("run", plan, tuple(found)))

    compared = compare(run(range(5)), run(range(5, 10)))
    different = [c.name for c in compared.changes if c.verdict in ("slower", "faster")]
    assert len(compared.changes) == len(plan.cases)
    assert len(plan.cases) > 20
    # At 5 % each, six or more of 30 would come by chance once in 300 times.
    assert len(different) < 6, different


def test_one_launch_has_a_ratio_but_no_interval_and_no_verdict_other_than_unclear(tmp_path):
    compared = api.compare(*runs(tmp_path, [(A, [100])], [(A, [200])]))
    change = only(compared)
    assert change.ratio.value == pytest.approx(2)
    assert (change.ratio.low, change.verdict) == (None, "unclear")
    assert keys(compared.gate(0.05).unjudged) == [change.key]


@pytest.mark.parametrize(("limit", "passed"), [(0.05, False), (0.11, False), (0.12, True)])
def test_the_gate_fails_only_if_the_interval_excludes_the_limit(tmp_path, limit, passed):
    # Slower by 1.2; the interval's low end is at 1.2 * exp(-t(2) * sqrt(2/3) * sd), where
    # sd = 0.0200 is that of the logs of 100, 102, 98: 1.2 * exp(-4.303 * 0.01633) = 1.1186.
    base, new = runs(tmp_path, [(A, [100, 102, 98])], [(A, [120, 122.4, 117.6])])
    judged = api.compare(base, new).gate(limit)
    assert judged.passed is passed
    assert [c.name for c in judged.above] == ([] if passed else ["narrow 8x8x3"])


@pytest.mark.parametrize("outcome", ["crashed", "timeout", "out-of-memory", "skipped"])
def test_what_worked_before_and_has_no_result_now_does_not_pass(tmp_path, outcome):
    base = timed(tmp_path / "base", (A, [100, 101]), (B, [50, 51]))
    new = stored.write(
        tmp_path / "new",
        [A, B],
        [*(launch(A, n, 100 + n) for n in (0, 1)), launch(B, 0, 0, outcome=outcome)],
    )
    compared = api.compare(base, new)
    narrow, wide = compared.changes
    assert (narrow.broke, wide.broke) == (False, True)
    assert wide.reason == f"new: {outcome}"
    judged = compared.gate(10.0)
    assert not judged.passed
    assert keys(judged.broke) == [wide.key]
    assert any(f"wide 8x8x3 (1 {outcome})" in note for note in compared.notes)
    # The other way round it was repaired, which is no reason to fail.
    assert api.compare(new, base).gate(10.0).passed


def test_a_case_that_the_time_did_not_reach_does_not_pass(tmp_path):
    base = timed(tmp_path / "base", (A, [100, 101]), (B, [50, 51]))
    new = stored.write(tmp_path / "new", [A, B], [launch(A, n, 100 + n) for n in (0, 1)])
    assert [c.reason for c in api.compare(base, new).gate(1).broke] == ["new: not reached"]


def test_a_case_so_slow_that_no_call_followed_the_first_does_not_pass(tmp_path):
    base = timed(tmp_path / "base", (A, [100, 101]))
    slow = dataclasses.replace(launch(A, 0, 1), samples_ns=(10**11,))
    new = stored.write(tmp_path / "new", [A], [slow])
    assert [c.reason for c in api.compare(base, new).gate(1).broke] == [
        "new: no call after the first"
    ]


def test_a_launch_that_was_made_good_later_is_no_failure(tmp_path):
    new = stored.write(
        tmp_path / "new",
        [A],
        [launch(A, 0, 0, outcome="killed"), launch(A, 0, 100), launch(A, 1, 101)],
    )
    base = timed(tmp_path / "base", (A, [100, 101]))
    assert api.compare(base, new).notes == ()


def test_cases_of_one_side_are_listed(tmp_path):
    base, new = runs(tmp_path, [(A, [1, 1]), (B, [1, 1])], [(A, [1, 1]), (case("new", 9), [1, 1])])
    compared = api.compare(base, new)
    assert [c.name for c in compared.changes] == ["narrow 8x8x3"]
    assert compared.only_base == ("wide 8x8x3",)
    assert compared.only_new == ("new 8x8x3",)


def test_nothing_in_common_is_refused_with_an_example_of_each(tmp_path):
    base, new = runs(tmp_path, [(A, [1])], [(B, [1])])
    with pytest.raises(CnnbenchError, match=r"nothing in common: .*narrow 8x8x3.*wide 8x8x3"):
        api.compare(base, new)


def test_what_else_differs_is_named_by_its_key(tmp_path):
    other = MACHINE | {
        "host": "there",
        "threads": 1,
        "memory_bytes": 8 * 2**30 + 4096,  # the same to three digits
        "commit": "bbbb",  # what one compares
        "versions": {"tensorflow": "2.21", "keras": "3.15"},
    }
    base, new = runs(
        tmp_path,
        [(A, [1, 1])],
        [(A, [1, 1]), (case("narrow", mode="eager"), [1, 1])],
        other,
    )
    found = [(d.key, d.base, d.new) for d in api.compare(base, new).differences]
    assert found == [
        ("host", "here", "there"),
        ("threads", "2", "1"),
        ("versions.tensorflow", "2.20", "2.21"),
        ("mode", "graph", "eager, graph"),
    ]
    assert api.compare(base, base).differences == ()


def test_a_network_that_changed_is_said_first_with_what_it_was_and_is(tmp_path, capsys):
    base = stored.write(tmp_path / "base", [A], [launch(A, n, 100) for n in (0, 1)])
    # The same id, but of a network with another convolution: as if the block had been changed.
    other = dataclasses.replace(A, params={"n_filters": 5})
    new = stored.write(
        tmp_path / "new", [A], [launch(A, n, 100) for n in (0, 1)], {A.paper_key: other.paper()}
    )
    (change,) = api.compare(base, new).networks
    assert change.digest[0] != change.digest[1]
    # 3x3 from 3 to 4 or 5 channels and on to as many: (27 + 36) * 4 and (27 + 45) * 5 weights,
    # each used at 64 places; and 8 or 10 biases.
    assert change.params == (252 + 8, 360 + 10)
    assert change.macs == (64 * 252, 64 * 360)
    assert main(["compare", str(base), str(new)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("The network itself changed in 1 of 1 cases:\n")
    assert "260 -> 370" in said
    assert said.index("260 -> 370") < said.index("less is better")
    assert api.compare(base, base).networks == ()
    assert "changed" not in str(api.compare(base, base).notes)


def test_an_id_that_stands_for_another_network_is_named(tmp_path):
    base, new = (
        stored.write(tmp_path / name, [A], [launch(A, n, 100, params=p) for n in (0, 1)])
        for name, p in (("base", 1000), ("new", 1040))
    )
    (change,) = api.compare(base, new).networks
    assert (change.case, change.params) == ("narrow 8x8x3", (1000, 1040))
    assert change.digest[0] == change.digest[1]  # Keras counted otherwise; the graph is the same
    change = only(api.compare(base, new, metric="params"))
    assert (change.base, change.new, change.ratio.low, change.ratio.high) == (
        *(1000, 1040),
        *(1.04, 1.04),
    )
    assert change.verdict == "slower"
    assert keys(api.compare(base, new, metric="params").gate(0.03).above) == [change.key]
    assert api.compare(base, new, metric="params").gate(0.05).passed


def test_launches_that_differ_within_a_run_are_named(tmp_path):
    new = stored.write(
        tmp_path / "new",
        [A],
        [launch(A, 0, 1), launch(A, 1, 1, machine=MACHINE | {"host": "there"})],
    )
    assert f"{new}: its launches differ in host: here, there" in api.compare(new, new).notes


def test_peaks_are_compared_over_launches(tmp_path):
    base, new = (
        stored.write(tmp_path / name, [A], [launch(A, n, 1, peak=p) for n, p in enumerate(peaks)])
        for name, peaks in (("base", [1000, 1000]), ("new", [2000, 2000]))
    )
    change = only(api.compare(base, new, metric="memory"))
    assert (change.base, change.new) == pytest.approx((1000, 2000))
    assert (change.ratio.low, change.ratio.value, change.ratio.high) == pytest.approx((2, 2, 2))


@pytest.mark.parametrize(
    ("peaks", "reason"),
    [([None, None], "new: no peak was measured"), ([0, 10], "new: a launch whose peak rose by 0")],
)
def test_peaks_that_were_not_measured_or_are_zero_have_no_ratio(tmp_path, peaks, reason):
    base, new = (
        stored.write(
            tmp_path / name,
            [A, B],
            [launch(A, n, 1, peak=p) for n, p in enumerate(found)]
            + [launch(B, n, 1) for n in (0, 1)],
        )
        for name, found in (("base", [10, 10]), ("new", peaks))
    )
    compared = api.compare(base, new, metric="memory")
    narrow, wide = compared.changes
    assert narrow.reason.startswith(reason)
    assert (narrow.ratio, narrow.broke, wide.ratio.value) == (None, False, 1)
    assert keys(compared.gate(0.05).unjudged) == [narrow.key]


def test_a_metric_that_nobody_measured_is_refused(tmp_path):
    run = stored.write(tmp_path / "run", [A], [launch(A, n, 1, peak=None) for n in (0, 1)])
    with pytest.raises(CnnbenchError, match=r"no memory to compare.*no peak was measured"):
        api.compare(run, run, metric="memory")


def test_flops_of_one_network_against_none_are_infinitely_more(tmp_path):
    plan = Plan("mine", "", (A,), papers={A.paper_key: A.paper()})
    found = of_run(Run("a", plan, (launch(A, 0, 1),)))
    (series,) = found.series
    # 8*8*4*9*3 and 8*8*4*9*4 multiply-adds twice; 4*64*4 bias and ReLU; 3 * 16 * 4 of the pool
    assert series.flops == 2 * (8 * 8 * 4 * 27 + 8 * 8 * 4 * 36) + 4 * 64 * 4 + 3 * 16 * 4
    none = dataclasses.replace(found, series=(dataclasses.replace(series, flops=0),))
    change = only(compare(none, found, "flops"))
    assert change.ratio.value == math.inf
    assert keys(compare(none, found, "flops").gate(1e6).above) == [change.key]
    assert only(compare(none, none, "flops")).verdict == "same"


def test_two_blocks_of_a_run_are_paired_round_by_round(tmp_path):
    # Rounds in which the machine is up to twice as slow; the ratio is 1.5 in each.
    rounds = [100, 200, 120]
    run = timed(tmp_path / "run", (A, rounds), (B, [1.5 * t for t in rounds]))
    compared = api.compare(run, blocks=("narrow", "wide"))
    change = only(compared)
    assert change.name == "8x8x3"
    assert compared.differences == ()  # that they are other networks is what one compares
    ratio = change.ratio
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((1.5 / ROOM, 1.5, 1.5 * ROOM))
    assert only(api.compare(run, blocks=("wide", "narrow"))).verdict == "faster"
    with pytest.raises(UnknownNameError, match=r"block of .*run 'wid'; did you mean wide"):
        api.compare(run, blocks=("narrow", "wid"))


def test_two_runs_or_two_blocks_not_both_and_not_neither(tmp_path):
    base, new = runs(tmp_path, [(A, [1])], [(A, [1])])
    for arguments in ({}, {"new": new, "blocks": ("narrow", "wide")}):
        with pytest.raises(CnnbenchError, match="two runs, or one run and two of its blocks"):
            api.compare(base, **arguments)
    with pytest.raises(UnknownNameError, match="unknown metric 'speed'"):
        api.compare(base, new, metric="speed")


def test_the_records_make_a_frame(tmp_path):
    base, new = runs(tmp_path, [(A, [100, 100])], [(A, [150, 150])])
    frame = pd.DataFrame(api.compare(base, new).records())
    assert list(frame.columns) == [
        *("key", "name", "base", "new", "corrected", "ratio", "low", "high"),
        *("verdict", "reason", "broke", "doubts"),
    ]
    assert frame.ratio.tolist() == pytest.approx([1.5])
    assert frame.verdict.tolist() == ["slower"]


def test_a_comparison_and_its_gate_have_plain_values_and_short_names(tmp_path):
    base = timed(tmp_path / "base", (A, [100, 101]), (B, [50, 51]))
    slow = [launch(A, n, 200 + n) for n in (0, 1)]
    new = stored.write(tmp_path / "new", [A, B], [*slow, launch(B, 0, 0, outcome="crashed")])
    compared = api.compare(base, new)
    assert repr(compared).endswith("/base: 1 slower, 1 without a ratio)")
    values = json.loads(json.dumps(compared.to_json(), allow_nan=False))
    assert (values["base"], values["new"], values["metric"]) == (str(base), str(new), "time")
    assert [(row["key"], row["verdict"]) for row in values["cases"]] == [
        (A.id, "slower"),
        (B.id, ""),
    ]
    assert "wide 8x8x3 (1 crashed)" in values["notes"][-1]
    judged = compared.gate(0.05)
    assert repr(judged) == "Gate(5 %: failed, 1 above, 1 broke, 0 not judged)"
    told = json.loads(json.dumps(judged.to_json(), allow_nan=False))
    assert (told["passed"], told["judged"]) == (False, 2)
    limits = {(row["of"], row["most"], row["pattern"]) for row in told["cases"]}
    assert limits == {("change", 0.05, "*")}
    found = [(row["key"], row["verdict"], row["reason"]) for row in told["cases"]]
    assert found == [(A.id, "above", ""), (B.id, "broke", "new: crashed")]
    assert told["cases"][0]["value"] == pytest.approx(math.sqrt(2 * 201 / 101))


@pytest.mark.parametrize("limit", [-0.01, math.nan])
def test_a_limit_that_no_interval_could_pass_or_fail_is_refused(tmp_path, limit):
    run = timed(tmp_path / "run", (A, [100, 101]))
    with pytest.raises(CnnbenchError, match=r"limit must be 0 or more, as 0\.05 for 5 %; got"):
        api.compare(run, run).gate(limit)


@pytest.mark.parametrize(
    ("peaks", "word"),
    [
        ([2000, 2000], "more"),
        ([500, 500], "less"),
        ([1000, 1000], "same"),
        ([600, 1000, 1700], "unclear"),
    ],
)
def test_memory_is_more_or_less_not_slower_or_faster(tmp_path, peaks, word):
    base, new = (
        stored.write(tmp_path / name, [A], [launch(A, n, 1, peak=p) for n, p in enumerate(side)])
        for name, side in (("base", [1000, 1000]), ("new", peaks))
    )
    (row,) = api.compare(base, new, metric="memory").records()
    assert row["verdict"] == word


def test_a_case_whose_costs_are_lost_is_named(tmp_path):
    run = timed(tmp_path / "run", (A, [1, 1]), (B, [1, 1]))
    stored.lose_costs(run, B)
    compared = api.compare(run, run)
    assert [change.key for change in compared.changes] == [A.id]
    assert compared.notes == (f"{run}: left out: {B.id}: its costs were not stored",)


def test_a_folder_of_runs_has_the_cases_and_costs_of_all(tmp_path):
    timed(tmp_path / "both" / "0", (A, [1, 1]))
    timed(tmp_path / "both" / "1", (B, [1, 1]))
    compared = api.compare(tmp_path / "both", tmp_path / "both")
    assert [change.key for change in compared.changes] == [A.id, B.id]
    assert compared.notes == ()


def test_a_folder_of_runs_is_one_with_the_launches_of_all(tmp_path):
    """As where two versions are measured in turn, each with one launch a round."""
    for number, (before, after) in enumerate([(100, 120), (102, 122.4), (98, 117.6)]):
        timed(tmp_path / "base" / str(number), (A, [before]), (B, [before]))
        timed(tmp_path / "new" / str(number), (A, [after]), (B, [2 * after]))
    once = timed(tmp_path / "once", (A, [100, 102, 98]))
    compared = api.compare(tmp_path / "base", tmp_path / "new")
    assert [c.ratio.n for c in compared.changes] == [3, 3]
    # In each pair of runs the new one takes 1.2 times as long, whatever the machine did.
    in_turn = compared.changes[0].ratio
    assert (in_turn.low, in_turn.value, in_turn.high) == pytest.approx(
        (1.2 / ROOM, 1.2, 1.2 * ROOM)
    )
    # One run against a folder is compared by its launches, which differ by 2 %.
    alone = only(api.compare(once, tmp_path / "new")).ratio
    assert (alone.value, alone.n) == (pytest.approx(1.2), 3)
    assert alone.low < 1.15 < 1.25 < alone.high
    # Launches of one number stay together: the ratio within each round is 2.
    blocks = only(api.compare(tmp_path / "new", blocks=("narrow", "wide"))).ratio
    assert (blocks.low, blocks.value, blocks.high) == pytest.approx((2 / ROOM, 2, 2 * ROOM))
    assert api.export(tmp_path / "base", per="launch").data.count(b"\n") == 1 + 3 * 2


def test_what_failed_in_one_run_of_a_folder_is_kept(tmp_path):
    timed(tmp_path / "new" / "0", (A, [100, 100]), (B, [100, 100]))
    crashed = [launch(A, 0, 100), launch(B, 0, 0, outcome="crashed")]
    stored.write(tmp_path / "new" / "1", [A, B], crashed)
    compared = api.compare(tmp_path / "new", tmp_path / "new")
    assert [c.ratio.n for c in compared.changes] == [3, 2]
    (note,) = compared.notes
    assert note.endswith("new: launches without a result: wide 8x8x3 (1 crashed)")


def paced(case, number, microseconds, reference, beside=()):
    """A launch of four turns of three calls, beside a reference of so many microseconds."""
    found = launch(case, number, microseconds)
    ns = found.samples_ns[1]
    return dataclasses.replace(
        found,
        samples_ns=(10 * ns, *(12 * [ns])),
        bursts=(3, 3, 3, 3),
        beside=beside,
        references={"the reference": 4 * (1000.0 * reference,)},
    )


def test_a_machine_that_became_slower_cancels_where_a_reference_ran_beside(tmp_path, capsys):
    # The second run met a machine 1.5 times as slow; what it measures takes 1.2 times as long.
    base = [paced(A, n, t, t / 2) for n, t in enumerate((100, 110, 90))]
    new = [paced(A, n, 1.8 * t, 1.5 * t / 2) for n, t in enumerate((100, 110, 90))]
    sides = [stored.write(tmp_path / n, [A], x) for n, x in (("base", base), ("new", new))]
    compared = api.compare(*sides)
    change = only(compared)
    assert change.new / change.base == pytest.approx(1.8)
    assert change.ratio.value == pytest.approx(1.2)
    # 1.2 times the base is what the row shows: how long it had taken on the first machine.
    assert change.corrected == pytest.approx(1.2 * change.base)
    assert main(["compare", *map(str, sides)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "base new corrected corrected / base verdict" in said
    assert "99.7 us 179 us 120 us 1.200" in said  # 99.7 is the geometric mean of 100, 110, 90
    assert said.count("corrected is what new would have taken") == 1


def test_room_for_more_than_the_usual_drift_is_named(tmp_path, capsys):
    def side(name, **more):
        made = [paced(A, n, 100, 50) for n in range(3)]
        kept = [dataclasses.replace(m, environment={**m.environment, **more}) for m in made]
        return str(stored.write(tmp_path / name, [A], kept))

    usual, more = side("usual"), side("more", drift=0.031)
    assert main(["compare", usual, more]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "room for 3.1 % (drift), as doctor --calibrate measured there" in said
    assert main(["compare", usual, usual]) == 0
    assert "room for" not in capsys.readouterr().out


def test_blocks_that_took_turns_are_compared_turn_by_turn(tmp_path):
    # In the launches of the second block the machine is up to 3 times as slow in two turns.
    slow = [100_000, 300_000, 100_000, 300_000]
    first = dataclasses.replace(
        paced(A, 0, 100, 50, (B.id,)), samples_ns=(10**6, *(ns for ns in slow for _ in range(3)))
    )
    second = dataclasses.replace(
        paced(B, 0, 100, 50, (A.id,)),
        samples_ns=(10**6, *(ns * 5 // 4 for ns in slow for _ in range(3))),
    )
    both = [dataclasses.replace(m, launch=n) for n in (0, 1) for m in (first, second)]
    run = stored.write(tmp_path / "run", [A, B], both)
    ratio = only(api.compare(run, blocks=("narrow", "wide"))).ratio
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((1.25 / ROOM, 1.25, 1.25 * ROOM))


def test_a_gate_that_judged_nothing_says_so_and_has_a_status_of_its_own(tmp_path, capsys):
    base = timed(tmp_path / "base", (A, [100]))  # one launch has no interval
    new = timed(tmp_path / "new", (A, [150]))
    gate = api.compare(base, new).gate(0.05)
    assert (gate.judged, gate.passed, gate.word) == (0, False, "nothing judged")
    assert main(["compare", str(base), str(new), "--fail-above", "5%"]) == 3
    assert capsys.readouterr().out.endswith("Gate at 5 %: nothing judged.\n")
