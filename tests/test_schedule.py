"""Order and time slices of a run."""

from collections import Counter

import pytest

from cnnbench.case import Case
from cnnbench.runner.schedule import MAX_SLICE_S, MIN_SLICE_S, Slices, schedule

CASES = [Case("vgg_block", (size, size, 3)) for size in (8, 16, 32, 64)]


def test_every_case_is_launched_once_a_round():
    order = schedule(CASES, launches=3, seed=1)
    rounds = [order[i : i + 4] for i in range(0, 12, 4)]
    for number, launches in enumerate(rounds):
        assert {launch.number for launch in launches} == {number}
        assert Counter(launch.case.id for launch in launches) == Counter(c.id for c in CASES)


def test_the_order_is_random_and_depends_on_the_seed_alone():
    assert schedule(CASES, 5, seed=1) == schedule(CASES, 5, seed=1)
    assert schedule(CASES, 5, seed=1) != schedule(CASES, 5, seed=2)
    rounds = {tuple(x.case.id for x in schedule(CASES, 1, seed=s)) for s in range(40)}
    assert len(rounds) > 10


def test_a_continued_run_keeps_the_order_of_what_is_left():
    whole = schedule(CASES, 3, seed=7)
    done = {(launch.case.id, launch.number) for launch in whole[:5]}
    assert schedule(CASES, 3, seed=7, done=done) == whole[5:]


def test_a_slice_is_the_share_of_what_is_left_less_the_overhead():
    slices = Slices(30.0)
    assert slices.next(launches_left=10) == pytest.approx(30 / 10 - 1.0)


def test_slices_have_bounds_and_end_with_the_budget():
    assert Slices(1e6).next(1) == MAX_SLICE_S
    slices = Slices(1.0)
    assert slices.next(100) == MIN_SLICE_S
    slices.spent(wall_s=1.0, sampled_s=0.1)
    assert slices.next(99) == 0.0


def test_the_overhead_is_learnt():
    slices = Slices(1000.0)
    for _ in range(60):
        slices.spent(wall_s=0.5, sampled_s=0.2)
    # 970 s left for 500 launches, each with 0.3 s of overhead.
    assert slices.next(500) == pytest.approx(970 / 500 - 0.3, abs=1e-3)
