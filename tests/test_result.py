"""What launches give together, with hand-made measurements."""

import math
from pathlib import Path

import pytest

from cnnbench import result
from cnnbench.case import Case
from cnnbench.measurement import Measurement
from cnnbench.store import Plan, Run

A = Case("vgg_block", (8, 8, 3), {"n_filters": 4})
B = Case("vgg_block", (8, 8, 3), {"n_filters": 8})


def launch(case, number, ns, beside=(), reference_ns=None, **environment):
    """Eight calls of `ns` in four turns, after a first one of ten times that."""
    return Measurement(
        case,
        number,
        "ok",
        started=float(number),
        samples_ns=(10 * ns, *[ns] * 8),
        bursts=(2, 2, 2, 2),
        beside=beside,
        reference="reference" if reference_ns else "",
        reference_ns=(float(reference_ns),) * 4 if reference_ns else (),
        environment=environment,
    )


def run_of(*measurements):
    cases = tuple({m.case.id: m.case for m in measurements}.values())
    return Run(Path("r"), Plan("s", "", cases), measurements)


def test_a_slow_minute_of_the_machine_cancels_in_the_time():
    # The second launch ran when the reference took twice its time: 3 and 6 us beside 1 and 2.
    measured = launch(A, 0, 3000, reference_ns=1000), launch(A, 1, 6000, reference_ns=2000)
    (found,), _ = result.results(run_of(*measured))
    # Three times the reference in both, and that is sqrt(1 * 2) us over the run.
    assert found.time.value == pytest.approx(3 * math.sqrt(2) * 1e-6)
    assert found.time.low == pytest.approx(found.time.high)


def test_a_launch_that_two_cases_share_counts_once_for_the_speed_of_the_run():
    shared = launch(A, 0, 3000, reference_ns=1000), launch(B, 0, 5000, reference_ns=1000)
    (found, _), _ = result.results(run_of(*shared, launch(A, 8, 12000, reference_ns=4000)))
    # The reference took 1 and 4 us: sqrt(4) = 2; with the first counted twice, 4^(1/3) = 1.59.
    assert found.time.value == pytest.approx(3 * 2e-6)


def test_where_one_launch_has_no_reference_all_count_by_their_calls():
    measured = launch(A, 0, 2000, reference_ns=1000), launch(A, 1, 8000)
    (found,), _ = result.results(run_of(*measured))
    assert found.time.value == pytest.approx(4e-6)  # sqrt(2 * 8)


def test_cases_that_took_turns_are_compared_turn_by_turn():
    def bursts(case, other, *turns):
        calls = tuple(ns for turn in turns for ns in turn)
        sizes = tuple(map(len, turns))
        return Measurement(case, 0, "ok", samples_ns=(9, *calls), bursts=sizes, beside=(other.id,))

    # Three times as long in each turn, while the machine slows down by 100.
    a = bursts(A, B, (10, 10), (10, 10), (1000, 1000), (1000, 1000))
    b = bursts(B, A, (30, 30, 30, 30), (30,), (3000,), (3000,))
    one, other = (result.result(m.case, [m]) for m in (a, b))
    assert result.ratio(one, other).value == pytest.approx(3)
    apart = [result.result(m.case, [launch(m.case, 0, ns)]) for m, ns in ((a, 10), (b, 50))]
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
    base = result.result(A, [launch(A, 0, 2000, reference_ns=1000, **MACHINE)])
    machine = {**MACHINE, **changed}
    new = result.result(A, [launch(A, 0, 12000, reference_ns=4000, **machine)])
    assert result.ratio_between_runs(base, new).value == pytest.approx(expected)


def test_without_a_reference_on_both_sides_two_runs_are_compared_by_the_clock():
    base = result.result(A, [launch(A, 0, 2000, **MACHINE)])
    new = result.result(A, [launch(A, 0, 12000, reference_ns=4000, **MACHINE)])
    assert result.ratio_between_runs(base, new).value == pytest.approx(6)
