"""Order and time slices of a run."""

from collections import Counter

import pytest

from cnnbench.case import Case
from cnnbench.runner.schedule import (
    FIRST_OVERHEAD_S,
    MAX_SLICE_S,
    MIN_SLICE_S,
    RESERVE,
    Slices,
    schedule,
)

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


def queue(count):
    return schedule(CASES[:1], count, seed=0)


def test_a_slice_is_the_share_of_what_is_left_less_the_overhead():
    slices = Slices(30.0)
    left = 30 - RESERVE * 30
    assert slices.next(queue(10)) == pytest.approx(left / 10 - FIRST_OVERHEAD_S)


def test_slices_have_bounds_and_end_with_the_budget():
    assert Slices(1e6).next(queue(1)) == MAX_SLICE_S
    slices = Slices(1.0)
    assert slices.next(queue(100)) == MIN_SLICE_S
    slices.spent(queue(1)[0], wall_s=1.0, sampled_s=0.1)
    assert slices.next(queue(99)) == 0.0
    assert slices.left() == 0.0


def test_the_overhead_of_each_case_is_learnt_and_guessed_for_the_others():
    first, second, third = schedule(CASES[:3], 1, seed=0)
    slices = Slices(100.0)
    slices.spent(first, wall_s=5.0, sampled_s=1.0)
    slices.spent(second, wall_s=3.0, sampled_s=1.0)
    # 92 s left, 2 of them kept back; another launch needs 4 s of the first, 2 s of the
    # second, and of the third, which has not run, the 3 s between.
    assert slices.next([first, second, third] * 30) == MIN_SLICE_S
    assert slices.next([first] * 20) == pytest.approx(90 / 20 - 4)
    assert slices.next([third] * 20) == pytest.approx(90 / 20 - 3)
