"""Order and time slices of a run."""

from random import Random

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
    launches = a_round([(CASES[0], CASES[1]), (CASES[2],)], 3, seed=1, references=(REFERENCE,))
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


def shared(budget_s, launches):
    slices = Slices(budget_s)
    slices.expect(launches)
    return slices


def spent(slices, launch, **how):
    slices.begin(launch)
    slices.spent(launch, **how)


def test_a_slice_is_the_share_of_what_is_left_less_the_overhead():
    left = 20 - RESERVE * 20
    assert shared(20.0, queue(20)).next() == pytest.approx(left / 20 - FIRST_OVERHEAD_S)


def test_cases_that_take_turns_share_the_slice():
    slices = shared(20.0, queue(10, 2))
    left = 20 - RESERVE * 20
    assert slices.next() == pytest.approx((left - 10 * FIRST_OVERHEAD_S) / 20)


def test_slices_have_bounds_and_end_with_the_budget():
    assert shared(1e6, queue(1)).next() == MAX_SLICE_S
    slices = shared(1.0, queue(100))
    assert slices.next() == MIN_SLICE_S
    spent(slices, queue(1)[0], wall_s=1.0, sampled_s=0.1)
    slices.expect(queue(99))
    assert slices.next() == 0.0
    assert slices.left() == 0.0


def test_the_overhead_of_each_group_is_learnt_and_guessed_for_the_others():
    first, second, third = (Launch((case,), 0) for case in CASES[:3])
    slices = Slices(100.0)
    spent(slices, first, wall_s=5.0, sampled_s=1.0)
    spent(slices, second, wall_s=3.0, sampled_s=1.0)
    # 92 s left, 2 of them kept back; another launch needs 4 s of the first, 2 s of the
    # second, and of the third, which has not run, the 3 s between.
    slices.expect([first, second, third] * 30)
    assert slices.next() == MIN_SLICE_S
    slices.expect([first] * 20)
    assert slices.next() == pytest.approx(90 / 20 - 4)
    slices.expect([third] * 28)
    assert slices.next() == pytest.approx(90 / 28 - 3)


def test_of_launches_at_once_each_has_more_time_and_costs_less():
    one, two = shared(20.0, queue(40)), shared(20.0, queue(40))
    left = 20 - RESERVE * 20
    assert two.next(at_once=2) == pytest.approx(2 * left / 40 - FIRST_OVERHEAD_S)
    spent(one, queue(1)[0], wall_s=2.0, sampled_s=1.0)
    spent(two, queue(1)[0], wall_s=4.0, sampled_s=3.0, at_once=2)
    for slices in (one, two):
        slices.expect(queue(30))
    assert one.next() == two.next()
    for slices in (one, two):
        slices.expect(queue(8))
    assert two.left(at_once=2) == pytest.approx(one.left() / 2)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_kept_up_to_date_is_what_adding_up_would_give(seed):
    """Over a run in a random order, in which what a launch takes changes all the time."""
    random = Random(seed)
    waiting = [
        Launch((random.choice(CASES),), n, random.choice([(), (REFERENCE,)])) for n in range(60)
    ]
    slices, running, left_s = shared(500.0, waiting), [], 500.0
    known: dict[str, float] = {}

    def besides(launches):
        typical = sum(known.values()) / len(known) if known else FIRST_OVERHEAD_S
        return sum(known.get(launch.cases[0].id, typical) for launch in launches)

    def slice_of(launches):
        samplers = sum(len(launch.members) for launch in launches)
        share = (2 * (left_s - RESERVE * 500) - besides(launches)) / samplers
        return min(max(share, MIN_SLICE_S), MAX_SLICE_S)

    while waiting or running:
        if waiting and (len(running) < 2 or random.random() < 0.3):
            launch = waiting.pop(random.randrange(len(waiting)))
            slices.drop(launch)
            slices.begin(launch)
            running.append(launch)
        else:
            launch = running.pop(random.randrange(len(running)))
            wall_s = random.uniform(0.1, 5)
            slices.spent(launch, wall_s, 0.05, at_once=2)
            left_s -= wall_s / 2
            known[launch.cases[0].id] = wall_s - 0.05
        if waiting:
            assert slices.next(2) == pytest.approx(slice_of(waiting))
        if rest := [*waiting, *running]:
            assert slices.any_left
            samplers = sum(len(launch.members) for launch in rest)
            seconds = (besides(rest) + samplers * slice_of(rest)) / 2
            assert slices.left(2) == pytest.approx(min(left_s, seconds))
    assert not slices.any_left
