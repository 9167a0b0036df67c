"""Order and time slices of a run."""

import pytest

from cnnbench.cases.case import Case
from cnnbench.runner.schedule import (
    FIRST_OVERHEAD_S,
    MAX_SLICE_S,
    MIN_SLICE_S,
    RESERVE,
    Launch,
    Slices,
    a_round,
    groups,
)

CASES = [Case("vgg_block", (size, size, 3)) for size in (8, 16, 32, 64)]
ALONE = [(case,) for case in CASES]
REFERENCE = Case("vgg_block", (4, 4, 3))


def test_cases_that_are_compared_are_launched_together():
    one, two, three, four = CASES
    assert groups(CASES, ()) == ALONE
    assert groups(CASES, [(two.id, four.id)]) == [(one,), (two, four), (three,)]


def test_rows_that_share_a_case_are_one_group_and_a_case_beside_itself_is_one():
    one, two, three, four = CASES
    assert groups(CASES, [(one.id, two.id), (two.id, three.id)]) == [(one, two, three), (four,)]
    assert groups(CASES, [(one.id, one.id), (two.id, "of another device")]) == ALONE


def test_every_group_is_launched_once_a_round():
    launches = a_round([(CASES[0], CASES[1]), (CASES[2],)], 3, seed=1, reference=REFERENCE)
    assert {launch.number for launch in launches} == {3}
    by_size = sorted(launches, key=lambda launch: len(launch.cases))
    assert [launch.cases for launch in by_size] == [(CASES[2],), (CASES[0], CASES[1])]
    assert by_size[1].members == (CASES[0], CASES[1], REFERENCE)


def test_the_order_of_a_round_depends_on_its_number_and_the_seed_alone():
    def order(number, seed):
        return tuple(launch.cases[0].id for launch in a_round(ALONE, number, seed))

    assert order(0, 1) == order(0, 1)
    assert len({order(number, 1) for number in range(40)}) > 10
    assert len({order(0, seed) for seed in range(40)}) > 10


def queue(count, members=1):
    return [Launch(tuple(CASES[:members]), number) for number in range(count)]


def test_a_slice_is_the_share_of_what_is_left_less_the_overhead():
    slices = Slices(20.0)
    left = 20 - RESERVE * 20
    assert slices.next(queue(20)) == pytest.approx(left / 20 - FIRST_OVERHEAD_S)


def test_cases_that_take_turns_share_the_slice():
    slices = Slices(20.0)
    left = 20 - RESERVE * 20
    assert slices.next(queue(10, 2)) == pytest.approx((left - 10 * FIRST_OVERHEAD_S) / 20)


def test_slices_have_bounds_and_end_with_the_budget():
    assert Slices(1e6).next(queue(1)) == MAX_SLICE_S
    slices = Slices(1.0)
    assert slices.next(queue(100)) == MIN_SLICE_S
    slices.spent(queue(1)[0], wall_s=1.0, sampled_s=0.1)
    assert slices.next(queue(99)) == 0.0
    assert slices.left(queue(99)) == 0.0


def test_the_overhead_of_each_group_is_learnt_and_guessed_for_the_others():
    first, second, third = (Launch((case,), 0) for case in CASES[:3])
    slices = Slices(100.0)
    slices.spent(first, wall_s=5.0, sampled_s=1.0)
    slices.spent(second, wall_s=3.0, sampled_s=1.0)
    # 92 s left, 2 of them kept back; another launch needs 4 s of the first, 2 s of the
    # second, and of the third, which has not run, the 3 s between.
    assert slices.next([first, second, third] * 30) == MIN_SLICE_S
    assert slices.next([first] * 20) == pytest.approx(90 / 20 - 4)
    assert slices.next([third] * 28) == pytest.approx(90 / 28 - 3)


def test_of_launches_at_once_each_has_more_time_and_costs_less():
    one, two = Slices(20.0), Slices(20.0)
    left = 20 - RESERVE * 20
    assert two.next(queue(40), at_once=2) == pytest.approx(2 * left / 40 - FIRST_OVERHEAD_S)
    one.spent(queue(1)[0], wall_s=2.0, sampled_s=1.0)
    two.spent(queue(1)[0], wall_s=4.0, sampled_s=3.0, at_once=2)
    assert one.next(queue(30)) == two.next(queue(30))
    assert two.left(queue(8), at_once=2) == pytest.approx(one.left(queue(8)) / 2)
