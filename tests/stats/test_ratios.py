"""Ratios of runs, of duets and to a reference; what a ratio says."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
import scipy.stats

from cnnbench import stats
from cnnbench.stats import Doubt, Estimate, RatioVerdict

SLOW, SLOWER = [9.0, 5.0], [30.0, 12.0]
WANDERING = [1.0, 1.2, 0.8, 3.0, 1.1, 0.7]
"""The machine's mood, burst by burst."""


def bursts(factor: float, first: list[float]) -> list[list[float]]:
    """A launch whose first burst is warm-up and whose others take `factor` times the mood."""
    return [first, *([0.9 * mood * factor, mood * factor, 9 * mood * factor] for mood in WANDERING)]


def test_separate_runs_have_an_interval_with_the_smaller_degrees_of_freedom() -> None:
    random = Random(1)
    base = [random.lognormvariate(0, 0.05) for _ in range(4)]
    new = [random.lognormvariate(0.1, 0.2) for _ in range(9)]
    found = stats.separate(base, new)
    one, other = np.log(base), np.log(new)
    error = math.hypot(scipy.stats.sem(one), scipy.stats.sem(other))
    oracle = scipy.stats.t(df=3, loc=other.mean() - one.mean(), scale=error).interval(0.95)
    assert found is not None
    assert found.value == pytest.approx(scipy.stats.gmean(new) / scipy.stats.gmean(base))
    assert (found.low, found.high) == pytest.approx((math.exp(oracle[0]), math.exp(oracle[1])))
    assert found.n == 4


def test_one_launch_on_either_side_leaves_no_interval() -> None:
    alone = Estimate(pytest.approx(2.0), None, None, 1, (Doubt.SINGLE,))
    assert stats.separate([1.0], [2.0, 2.0, 2.0]) == alone
    assert stats.separate([1.0, 1.0], [2.0]) == alone
    assert stats.separate([], [2.0]) is None
    assert stats.separate([2.0], []) is None


def test_launches_that_agree_exactly_have_an_interval_without_width() -> None:
    two = pytest.approx(2.0)
    assert stats.separate([1.0, 1.0], [2.0, 2.0]) == Estimate(two, two, two, 2, (Doubt.FEW,))
    # One side varies; 2 degrees of freedom.
    found = stats.separate([1.0, 1.0, 1.0], [1.0, math.e, math.e**2])
    assert found is not None
    # Logs 0, 1, 2: mean 1, deviation 1, error 1 / sqrt 3.
    assert math.log(found.high or 0) == pytest.approx(1 + 4.302653 / math.sqrt(3), rel=1e-6)
    assert found.doubts == (Doubt.SPREAD,)


def test_a_drift_between_two_runs_widens_what_their_launches_show() -> None:
    # Both agree exactly, and the drift is known: 1.959964 times it, however few there are.
    found = stats.separate([1.0, 1.0], [2.0, 2.0], beyond=0.01)
    assert found is not None
    ends = (2 * math.exp(-0.01959964), 2 * math.exp(0.01959964))
    assert (found.low, found.high) == pytest.approx(ends)


def test_what_no_launch_shows_comes_on_top_of_what_they_show() -> None:
    factors = (1.1, 1.2, 1.4, 1.15)
    base = {i: bursts(1.0, SLOW) for i in range(4)}
    new = {i: bursts(factor, SLOW) for i, factor in enumerate(factors)}
    before, after = ({i: [f] * 9 for i, f in enumerate(side)} for side in ((1.0,) * 4, factors))
    for plain, wider in (
        (stats.duet(base, new), stats.duet(base, new, beyond=0.05)),
        (stats.ratio(before, after), stats.ratio(before, after, beyond=0.05)),
        (stats.geometric(factors), stats.geometric(factors, beyond=0.05)),
    ):
        assert plain is not None
        assert wider is not None
        assert wider.value == plain.value
        shown, whole = (math.log(e.high or 0) - math.log(e.value) for e in (plain, wider))
        assert whole == pytest.approx(math.hypot(shown, 1.959964 * 0.05))


def test_the_noisier_side_raises_the_doubt() -> None:
    even, uneven = [1.0, 1.01, 1.02], [1.0, 1.2, 1.4]
    for sides, doubts in (
        ((even, even), ()),
        ((even, uneven), (Doubt.SPREAD,)),
        ((uneven, even), (Doubt.SPREAD,)),
        ((even, even[:2]), (Doubt.FEW,)),
    ):
        found = stats.separate(*sides)
        assert found is not None
        assert found.doubts == doubts


def test_runs_without_common_rounds_are_compared_by_their_medians() -> None:
    base = {0: [9.0, 1.0, 1.0], 1: [9.0, 1.1, 1.1], 2: [9.0, 0.9, 0.9]}
    new = {7: [9.0, 2.0, 2.0], 8: [9.0, 2.1, 2.1], 9: [1.0]}
    found = stats.unpaired(base, new)
    plain = stats.separate([1.0, 1.1, 0.9], [2.0, 2.1])
    assert found is not None
    assert plain is not None
    assert (found.value, found.low, found.high) == (plain.value, plain.low, plain.high)
    assert found.doubts == (*plain.doubts, Doubt.SEPARATE)
    assert stats.unpaired(base, {0: [1.0]}) is None


def test_what_both_of_a_duet_meet_cancels() -> None:
    base = {i: bursts(1.0, SLOW) for i in range(3)}
    new = {i: bursts(1.25, SLOW) for i in range(3)}
    exact = pytest.approx(1.25)
    assert stats.duet(base, new) == Estimate(exact, exact, exact, 3)


def test_a_duet_has_the_interval_of_a_t_test_over_launches() -> None:
    factors = (1.1, 1.2, 1.4, 1.15)
    base = {i: bursts(1.0, SLOW) for i in range(4)}
    new = {i: bursts(factor, SLOW) for i, factor in enumerate(factors)}
    found = stats.duet(base, new)
    oracle = scipy.stats.ttest_1samp(np.log(factors), 0).confidence_interval(0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((math.exp(oracle.low), math.exp(oracle.high)))


def test_the_first_bursts_of_a_process_that_warms_up_do_not_move_a_duet() -> None:
    steady = [[1.0, 1.0]] * 5
    warming = [[10.0, 10.0], [10.0, 10.0], [2.0, 2.0], [2.0, 2.0], [2.0, 2.0]]
    forth, back = stats.duet({0: steady}, {0: warming}), stats.duet({0: warming}, {0: steady})
    assert forth is not None
    assert back is not None
    assert (forth.value, back.value) == (pytest.approx(2.0), pytest.approx(0.5))


def test_a_turn_without_its_partner_does_not_count() -> None:
    base = {0: [[1.0], [1.0], [1.0]]}
    found = stats.duet(base, {0: [[2.0], [2.0], [2.0], [50.0], [50.0]]})
    assert found is not None
    assert found.value == pytest.approx(2.0)


def test_launches_of_a_duet_without_a_partner_or_a_burst_are_left_out() -> None:
    full = bursts(1.0, SLOW)
    both = (Doubt.SINGLE, Doubt.UNPAIRED)
    for base, new in (
        ({0: full, 1: full}, {0: full}),
        ({0: full}, {0: full, 4: full}),
        ({0: full, 1: []}, {0: full, 1: []}),
        ({0: full, 1: []}, {0: full, 1: full}),
    ):
        found = stats.duet(base, new)
        assert found is not None
        assert found.doubts == both
    assert stats.duet({0: full}, {1: full}) is None
    assert stats.duet({}, {}) is None


def test_calls_are_related_to_the_reference_beside_them() -> None:
    launch = bursts(3.0, SLOWER)
    # The burst of the warm-up took 21 times its reference; the others 3, whatever the mood.
    assert stats.relative([[1.0], *([x] for x in WANDERING)], launch) == pytest.approx(3.0)
    # Ratios 21, 3, 3, 3, 3, 6: the median is 3, the mean 6.5.
    reference = [1.0, *WANDERING[:4], WANDERING[4] / 2]
    assert stats.relative([[x] for x in reference], launch[:6]) == pytest.approx(3.0)
    assert stats.relative([], []) is None


def test_a_pace_is_relative_to_all_references_and_says_how_fast_they_were() -> None:
    one, other = [10.0 * x for x in WANDERING], [40.0 * x for x in WANDERING]
    found = stats.pace([[60.0 * x, 60.0 * x] for x in WANDERING], [one, other])
    assert found is not None
    # Their geometric mean is 20. The second took 4 times as long as the first.
    assert found.value == pytest.approx(3.0)
    typical = float(np.median(WANDERING))
    assert found.controls == pytest.approx((math.log(4), math.log(20 * typical)), abs=0.2)
    assert stats.pace([[1.0]], []) is None
    assert stats.pace([], [[], []]) is None


def paces(random: np.random.Generator, count: int, change: float = 0.0) -> list[stats.Pace]:
    """Of a network that suffers a quarter more than its references, and more as one of them."""
    mood, kind = random.normal(0, 0.1, (2, count))
    logs = change + 0.25 * mood - 0.5 * kind + random.normal(0, 0.01, count)
    rows = zip(np.exp(logs), kind, mood, strict=True)
    return [stats.Pace(float(value), (float(k), float(m))) for value, k, m in rows]


def test_what_controls_explain_is_taken_out_as_least_squares_do() -> None:
    random = np.random.default_rng(1)
    base, new = paces(random, 9), paces(random, 9, 0.03)
    # The oracle: all launches in one regression, the second side a column of its own.
    table = [[1.0, side, *pace.controls] for side, row in enumerate((base, new)) for pace in row]
    logs = np.log([pace.value for pace in (*base, *new)])
    (_, change, *_), squares, *_ = np.linalg.lstsq(np.array(table), logs, rcond=None)
    columns = np.array(table)
    variance = np.linalg.inv(columns.T @ columns)[1, 1] * float(squares[0]) / (18 - 4)
    found = stats.separate_paces(base, new)
    assert found is not None
    assert found.low is not None
    assert math.log(found.value) == pytest.approx(change)
    # Two variances of nearly equal sides are those of one; 9 - 1 - 2 degrees of freedom are left.
    half = scipy.stats.t.ppf(0.975, 6) * math.sqrt(variance)
    assert math.log(found.value / found.low) == pytest.approx(half, rel=0.02)


@pytest.mark.parametrize("method", [stats.separate_paces, stats.paces_in_turn])
def test_paces_with_controls_find_what_those_without_do_not(
    method: Callable[[list[stats.Pace], list[stats.Pace]], Estimate],
) -> None:
    random = np.random.default_rng(2)
    covered, found, found_without = 0, 0, 0
    for _ in range(300):
        base, new = paces(random, 8), paces(random, 8, math.log(1.05))
        plain = [[stats.Pace(pace.value, ()) for pace in side] for side in (base, new)]
        ratio, without = method(base, new), method(*plain)
        assert ratio.low is not None
        assert ratio.high is not None
        covered += ratio.low <= 1.05 <= ratio.high
        found, found_without = found + ratio.decided, found_without + without.decided
    assert covered >= 0.95 * 300 - 3 * math.sqrt(300 * 0.95 * 0.05)
    assert found > 0.95 * 300 > 2 * found_without


def test_a_mood_that_both_of_a_pair_share_is_no_doubt() -> None:
    mood = np.exp(np.linspace(0, 1, 5))
    base = [stats.Pace(float(x), ()) for x in mood]
    new = [stats.Pace(2 * float(x), ()) for x in mood]
    found = stats.paces_in_turn(base, new)
    assert found is not None
    assert (found.value, found.doubts) == (pytest.approx(2.0), ())
    apart = stats.separate_paces(base, new)
    assert apart is not None
    assert apart.doubts == (Doubt.SPREAD,)


def test_few_launches_leave_no_room_for_controls() -> None:
    random = np.random.default_rng(3)
    base, new = paces(random, 6), paces(random, 6)
    expected = stats.separate([p.value for p in base], [p.value for p in new])
    assert stats.separate_paces(base, new) == expected
    one = stats.paces_in_turn(base[:1], new[:1])
    assert one is not None
    assert (one.value, one.low) == (pytest.approx(new[0].value / base[0].value), None)
    assert stats.paces_in_turn([], []) is None


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.90, 0.99, RatioVerdict.FASTER),
        (1.01, 1.50, RatioVerdict.SLOWER),
        (1.001, 1.002, RatioVerdict.SLOWER),  # by little, but surely
        (0.96, 1.04, RatioVerdict.SAME),
        (1.0, 1.05, RatioVerdict.SAME),
        (1.0, 1.0, RatioVerdict.SAME),
        (1 / 1.05, 1.0, RatioVerdict.SAME),
        (0.95, 1.0, RatioVerdict.UNCLEAR),  # 1 / 1.05 is 0.952
        (0.99, 1.06, RatioVerdict.UNCLEAR),
        (0.5, 2.0, RatioVerdict.UNCLEAR),
        (None, None, RatioVerdict.UNCLEAR),
    ],
)
def test_a_verdict_needs_evidence_also_for_the_same(
    low: float | None, high: float | None, expected: RatioVerdict
) -> None:
    assert stats.verdict(Estimate(1.0, low, high, 5)) is expected


def test_the_margin_of_a_verdict_can_be_chosen() -> None:
    estimate = Estimate(1.0, 0.96, 1.04, 5)
    assert stats.verdict(estimate, margin=0.03) is RatioVerdict.UNCLEAR
    assert stats.verdict(estimate, margin=0.0) is RatioVerdict.UNCLEAR
    assert stats.verdict(Estimate(1.0, 0.6, 1.9, 5), margin=1.0) is RatioVerdict.SAME


def test_the_excess_is_what_values_within_groups_do_not_explain() -> None:
    assert stats.excess([[0, 0], [2, 2]]) == pytest.approx(math.sqrt(2))
    # The means differ with variance 8; values within a group, that are two, explain 2 / 2 of it.
    assert stats.excess([[0, 2], [4, 6]]) == pytest.approx(math.sqrt(7))
    assert stats.excess([[0, 2], [0, 2], [0.5, 1.5]]) == 0


def test_the_excess_finds_the_spread_of_groups_below_larger_noise() -> None:
    random = Random(3)
    groups = [
        [level + random.gauss(0, 2) for _ in range(30)]
        for level in (random.gauss(0, 1) for _ in range(300))
    ]
    assert stats.excess(groups) == pytest.approx(1, abs=0.1)
