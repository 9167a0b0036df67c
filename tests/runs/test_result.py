"""What launches give together, with hand-made measurements."""

import math
from dataclasses import replace

import pytest

from cnnbench.cases.case import Case
from cnnbench.runs import result
from cnnbench.runs.store import Measurement
from tests.support.stored import ROOM

A = Case("vgg_block", (8, 8, 3), {"n_filters": 4})
B = Case("vgg_block", (8, 8, 3), {"n_filters": 8})


def launch(case, number, ns, beside=(), reference_ns=None, **environment):
    """Eight calls of `ns` in four turns, after a first one of ten times that."""
    return Measurement(
        case,
        number,
        outcome="ok",
        started=float(number),
        samples_ns=(10 * ns, *[ns] * 8),
        bursts=(2, 2, 2, 2),
        beside=beside,
        references={"reference": (float(reference_ns),) * 4} if reference_ns else {},
        environment=environment,
    )


def test_cases_that_took_turns_are_compared_turn_by_turn():
    def bursts(case, other, *turns):
        calls = tuple(ns for turn in turns for ns in turn)
        sizes = tuple(map(len, turns))
        return Measurement(
            case, 0, outcome="ok", samples_ns=(9, *calls), bursts=sizes, beside=(other.id,)
        )

    # Three times as long in each turn, while the machine slows down by 100.
    a = bursts(A, B, (10, 10), (10, 10), (1000, 1000), (1000, 1000))
    b = bursts(B, A, (30, 30, 30, 30), (30,), (3000,), (3000,))
    one, other = (result.result(m.case, m.case.paper(), [m]) for m in (a, b))
    assert result.ratio(one, other).value == pytest.approx(3)
    apart = [
        result.result(m.case, m.case.paper(), [launch(m.case, 0, ns)])
        for m, ns in ((a, 10), (b, 50))
    ]
    assert result.ratio(*apart).value == pytest.approx(5)


MACHINE = {"cpu": "x", "cores": 2, "threads": 2, "versions": {"keras": "3"}}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 1.5),
        ({"host": "another of the kind"}, 1.5),
        ({"cpu": "y"}, 6.0),
        ({"threads": 1}, 6.0),
        ({"versions": {"keras": "4"}}, 6.0),
    ],
)
def test_two_runs_are_compared_by_the_reference_on_the_same_kind_of_machine(changed, expected):
    # 2 us beside 1 us, then 12 us beside 4: 3 / 2 = 1.5 by the reference, 6 by the clock.
    base = result.result(A, A.paper(), [launch(A, 0, 2000, reference_ns=1000, **MACHINE)])
    machine = {**MACHINE, **changed}
    new = result.result(A, A.paper(), [launch(A, 0, 12000, reference_ns=4000, **machine)])
    assert result.ratio_between_runs(base, new).value == pytest.approx(expected)


def test_the_interval_of_two_runs_has_room_for_a_drift_between_them():
    base, new = (
        result.result(
            A, A.paper(), [launch(A, n, ns, reference_ns=1000, **MACHINE) for n in range(3)]
        )
        for ns in (2000, 4000)
    )
    found = result.ratio_between_runs(base, new)
    # The launches agree exactly, so 1.5 % times 1.959964.
    assert found.high == pytest.approx(2 * math.exp(0.015 * 1.959964))


@pytest.mark.parametrize(
    ("drift", "room"),
    [(0.04, 0.04), (0.001, 0.015), ("0.04", 0.015), (math.nan, 0.015), (math.inf, 0.015)],
)
def test_a_drift_that_was_measured_there_counts_if_it_is_larger(drift, room):
    sides = (
        [launch(A, n, ns, reference_ns=1000, **MACHINE, **more) for n in range(3)]
        for ns, more in ((2000, {}), (4000, {"drift": drift}))
    )
    found = result.ratio_between_runs(*(result.result(A, A.paper(), side) for side in sides))
    assert found.high == pytest.approx(2 * math.exp(room * 1.959964))


def test_without_a_reference_on_both_sides_two_runs_are_compared_by_the_clock():
    base = result.result(A, A.paper(), [launch(A, 0, 2000, **MACHINE)])
    new = result.result(A, A.paper(), [launch(A, 0, 12000, reference_ns=4000, **MACHINE)])
    assert result.ratio_between_runs(base, new).value == pytest.approx(6)


def test_versions_measured_in_turn_are_compared_run_by_run():
    # Three runs of two launches each; the machine takes twice as long from run to run.
    def side(factor):
        return result.result(
            A,
            A.paper(),
            [
                launch(
                    A, n, 1000 * factor * 2 ** (n // 2), reference_ns=500 * 2 ** (n // 2), **MACHINE
                )
                for n in range(6)
            ],
        )

    found = result.ratio_in_turn(side(1), side(1.5), (0, 2, 4), (0, 2, 4))
    assert (found.value, found.n) == (pytest.approx(1.5), 3)
    assert (found.low, found.high) == pytest.approx((1.5 / ROOM, 1.5 * ROOM))


def test_runs_in_turn_pair_by_their_place_whatever_their_launches():
    # The base's runs have one launch each, of 1, 2 and 4 us; the new one's two, of 3, 6 and 12.
    base = result.result(A, A.paper(), [launch(A, n, 1000 * 2**n) for n in range(3)])
    new = result.result(A, A.paper(), [launch(A, n, 3000 * 2 ** (n // 2)) for n in range(6)])
    found = result.ratio_in_turn(base, new, (0, 1, 2), (0, 2, 4))
    assert (found.value, found.n) == (pytest.approx(3.0), 3)
    assert found.low == pytest.approx(3.0 / ROOM)
    assert result.ratio_in_turn(base, result.result(A, A.paper(), []), (0, 1, 2), (0, 2, 4)) is None


# Memory from call to call


MIB = 2**20


def remembering(number, *after_bursts, calls=10):
    """A launch of so many bursts, and the memory after its first call and after each of them."""
    bursts = (calls,) * (len(after_bursts) - 1)
    return Measurement(
        A,
        number,
        outcome="ok",
        samples_ns=(1000,) * (1 + sum(bursts)),
        bursts=bursts,
        resident_bytes=tuple(round(MIB * size) for size in after_bursts),
    )


STEADY = (100,) * 11
GROWING = tuple(100 + n for n in range(11))  # a MiB each burst of ten calls
POOLS = (100, 104, 108, 112, 114, 115, *(115,) * 5)
SLOWLY = tuple(100 + n / 100 for n in range(11))  # 0.1 MiB in all


def of(*launches):
    return result.result(A, A.paper(), launches)


def test_growth_in_every_launch_is_a_leak_of_so_much_a_call():
    found = of(*(remembering(n, *GROWING) for n in range(3)))
    assert found.growth_bytes == found.leak_bytes == pytest.approx(MIB / 10)


@pytest.mark.parametrize(
    "launches",
    [
        (STEADY, STEADY, STEADY),
        (GROWING, STEADY, GROWING),  # in one launch it did not
        (POOLS, POOLS, POOLS),  # in the first half only
        (SLOWLY, SLOWLY, SLOWLY),
        (tuple(reversed(GROWING)),) * 3,
        (GROWING,),  # of one launch nothing can be said
        (),
    ],
)
def test_what_is_no_leak(launches):
    found = of(*(remembering(n, *sizes) for n, sizes in enumerate(launches)))
    assert found.leak_bytes is None


def test_growth_is_that_of_the_second_half():
    late = (*(100,) * 6, 101, 102, 103, 104, 105)
    assert of(remembering(0, *late)).growth_bytes == pytest.approx(MIB / 10)
    assert of(remembering(0, *POOLS)).growth_bytes == 0
    assert of(remembering(0, 100, 101, 102)).growth_bytes is None  # too short to tell
    assert of(launch(A, 0, 1000)).growth_bytes is None  # of a run that did not measure it


def test_a_launch_that_failed_does_not_hide_a_leak_nor_make_one():
    failed = Measurement(A, 0, outcome="crashed", detail="SIGSEGV")
    leaking = [remembering(n, *GROWING) for n in (1, 2)]
    assert of(failed, *leaking).leak_bytes == pytest.approx(MIB / 10)
    # A tenth of a MiB a launch is no leak, whatever a longer launch of no memory made.
    slowly = [remembering(n, *SLOWLY) for n in (1, 2)]
    long = replace(remembering(0, *SLOWLY), resident_bytes=(), bursts=(10_000,))
    assert of(long, *slowly).leak_bytes is None


def test_a_leak_is_seen_over_a_whole_launch_and_not_by_the_size_of_a_call():
    few = [remembering(n, *GROWING, calls=1) for n in range(3)]
    many = [remembering(n, *GROWING, calls=1000) for n in range(3)]
    assert of(*few).leak_bytes == pytest.approx(MIB)
    assert of(*many).leak_bytes == pytest.approx(MIB / 1000)
