"""Statistics against hand arithmetic and against scipy.stats."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
import scipy.stats

from cnnbench import stats
from cnnbench.stats import Crossing, Doubt


def launch(value: float) -> list[float]:
    """A launch whose steady calls all take `value`, after two slow ones."""
    return [10 * value, 2 * value, *[value] * 8]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([1.0], 1),
        ([5.0, 1.0], 1),
        ([5.0, 1.0, 1.0], 1),
        ([1.0] * 10, 1),  # nothing to cut, but the first call always initialises
        ([10.0, 9.0, 1.0, 1.0], 2),  # the fewest of which more than one can be cut
        ([10.0, 2.0, *[1.0] * 8], 2),
        ([10.0, 9.0, 8.0, 7.0, *[1.0] * 16], 4),
        ([10.0, 2.0, *[1.0] * 8, 50.0], 2),  # a spike at the very end
        ([10.0, 2.0, *[1.0] * 8, 50.0, *[1.0] * 4], 2),  # and before it
        ([10.0, *[1.0] * 5, 50.0, *[1.0] * 9], 1),  # an early one is no warm-up either
        ([float(10 - i) for i in range(10)], 5),  # never settles: half at most
    ],
)
def test_warmup_is_what_comes_before_the_steady_level(samples: list[float], expected: int) -> None:
    assert stats.warmup(samples) == expected


@pytest.mark.parametrize("seed", range(20))
def test_warmup_agrees_with_the_definition_of_mser(seed: int) -> None:
    random = Random(seed)
    count = random.randint(12, 60)
    slow, settles = random.uniform(0.1, 5), random.uniform(0.3, 0.9)
    samples = [(1 + slow * settles**i) * random.lognormvariate(0, 0.1) for i in range(count)]
    logs = np.log(samples)
    smooth = [logs[0], *(np.median(logs[i - 1 : i + 2]) for i in range(1, count - 1))]
    smooth.append(smooth[-1])
    # MSER(d) = sum of squared deviations of what remains / (n - d)^2
    mser = [
        np.sum((smooth[d:] - np.mean(smooth[d:])) ** 2) / (count - d) ** 2
        for d in range(count // 2 + 1)
    ]
    assert stats.warmup(samples) == max(1, int(np.argmin(mser)))


def test_launches_are_summed_up_by_the_geometric_mean_of_their_medians() -> None:
    estimate = stats.location([launch(1.0), launch(2.0), launch(4.0)])
    assert estimate is not None
    assert estimate.value == pytest.approx(2.0)  # (1 * 2 * 4)^(1/3)
    # The logs are 0, ln 2, 2 ln 2: standard deviation ln 2, error ln 2 / sqrt 3; Student's
    # quantile with 2 degrees of freedom is 4.302653.
    half = 4.302653 * math.log(2) / math.sqrt(3)
    assert estimate.low == pytest.approx(2 * math.exp(-half), rel=1e-6)
    assert estimate.high == pytest.approx(2 * math.exp(half), rel=1e-6)
    assert estimate.n == 3


def test_the_interval_is_the_one_of_a_t_test() -> None:
    random = Random(2)
    values = [random.lognormvariate(0, 0.05) for _ in range(5)]
    estimate = stats.location([launch(value) for value in values])
    oracle = scipy.stats.ttest_1samp(np.log(values), 0).confidence_interval(0.95)
    assert estimate is not None
    assert (estimate.low, estimate.high) == pytest.approx(
        (math.exp(oracle.low), math.exp(oracle.high))
    )


def test_the_interval_covers_the_truth_95_times_in_100() -> None:
    # 2000 repetitions: 0.95 with a standard error of 0.005, so five of these are 0.025.
    random = Random(3)
    hits = 0
    for _ in range(2000):
        estimate = stats.location([[9.0, random.lognormvariate(0, 0.05)] for _ in range(5)])
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        hits += estimate.low <= 1 <= estimate.high
    assert abs(hits / 2000 - 0.95) < 0.025


def test_one_launch_has_no_interval_and_says_so() -> None:
    estimate = stats.location([launch(3.0)])
    assert estimate == stats.Estimate(pytest.approx(3.0), None, None, 1, (Doubt.SINGLE,))
    assert not estimate.decided


def test_doubts_come_with_the_estimate() -> None:
    def doubts(*values: float) -> tuple[Doubt, ...]:
        estimate = stats.location([launch(value) for value in values])
        assert estimate is not None
        return estimate.doubts

    assert doubts(1.0, 1.01) == (Doubt.FEW,)
    assert doubts(1.0, 1.01, 1.02) == ()
    assert doubts(1.0, 1.2, 1.4) == (Doubt.SPREAD,)  # mean 1.2, deviation 0.2: 17 %
    only_first = stats.location([[5.0], launch(1.0)])
    assert only_first is not None
    assert only_first.doubts == (Doubt.SINGLE, Doubt.ONLY_FIRST)


def test_nothing_steady_is_no_estimate() -> None:
    assert stats.location([]) is None
    assert stats.location([[1.0]]) is None
    assert stats.ratio({}, {0: launch(1.0)}) is None
    assert stats.spread([[1.0]]) is None


def test_a_ratio_is_paired_by_round() -> None:
    # The machine slows down from round to round, by the same factor for both.
    base = {0: launch(1.0), 1: launch(2.0), 2: launch(4.0)}
    new = {0: launch(3.0), 1: launch(6.3), 2: launch(11.9)}
    estimate = stats.ratio(base, new)
    oracle = scipy.stats.ttest_rel(
        np.log([3.0, 6.3, 11.9]), np.log([1.0, 2.0, 4.0])
    ).confidence_interval(0.95)
    assert estimate is not None
    assert estimate.value == pytest.approx((3.0 * 3.15 * 2.975) ** (1 / 3))
    assert estimate.low == pytest.approx(math.exp(oracle.low))
    assert estimate.high == pytest.approx(math.exp(oracle.high))
    assert estimate.decided


def test_the_ratio_is_the_ratio_of_the_locations() -> None:
    base = {i: launch(v) for i, v in enumerate((1.0, 1.3, 0.9))}
    new = {i: launch(v) for i, v in enumerate((2.0, 2.2, 2.5))}
    ratio, over, under = (
        stats.ratio(base, new),
        stats.location(new.values()),
        stats.location(base.values()),
    )
    assert ratio is not None
    assert over is not None
    assert under is not None
    assert ratio.value == pytest.approx(over.value / under.value)


def test_launches_without_a_partner_are_left_out() -> None:
    estimate = stats.ratio({0: launch(1.0), 1: launch(9.0)}, {0: launch(2.0), 2: launch(7.0)})
    assert estimate is not None
    assert estimate.value == pytest.approx(2.0)
    assert estimate.doubts == (Doubt.SINGLE, Doubt.UNPAIRED)


@pytest.mark.parametrize("calls", [([5.0], launch(9.0)), (launch(9.0), [5.0])])
def test_launches_of_a_single_call_are_no_partners(calls: tuple[list[float], list[float]]) -> None:
    estimate = stats.ratio({0: launch(1.0), 1: calls[0]}, {0: launch(2.0), 1: calls[1]})
    assert estimate is not None
    assert (estimate.value, estimate.n) == (pytest.approx(2.0), 1)
    assert estimate.doubts == (Doubt.SINGLE, Doubt.UNPAIRED)


def test_a_ratio_around_one_is_undecided() -> None:
    base = {i: launch(v) for i, v in enumerate((1.0, 1.0, 1.0))}
    new = {i: launch(v) for i, v in enumerate((0.9, 1.0, 1.1))}
    estimate = stats.ratio(base, new)
    assert estimate is not None
    assert not estimate.decided


def test_the_exponent_is_the_slope_of_a_log_log_regression() -> None:
    random = Random(4)
    x = [16.0, 32.0, 64.0] * 3
    y = [value**1.7 * random.lognormvariate(0, 0.1) for value in x]
    estimate = stats.exponent(x, y)
    oracle = scipy.stats.linregress(np.log(x), np.log(y))
    half = oracle.stderr * scipy.stats.t.ppf(0.975, len(x) - 2)
    assert estimate is not None
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(
        (oracle.slope, oracle.slope - half, oracle.slope + half)
    )


def test_two_sizes_with_several_launches_give_an_interval_from_the_residuals() -> None:
    # Logs to base 2: x 1, 1, 2, 2; y 1, 3, 4, 4. Means 2 and 4, so the slope is 2; residuals
    # -1, 1, 0, 0; sum of squares of centred x 4 * 0.25 = 1; error sqrt(2 / 2 / 1) = 1;
    # Student's quantile with 2 degrees of freedom is 4.302653.
    estimate = stats.exponent([2.0, 2.0, 4.0, 4.0], [2.0, 8.0, 16.0, 16.0])
    assert estimate is not None
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == pytest.approx(
        (2.0, 2 - 4.302653, 2 + 4.302653, 4), rel=1e-6
    )
    three = stats.exponent([2.0, 2.0, 4.0], [3.0, 4.0, 12.0])
    oracle = scipy.stats.linregress(np.log([2.0, 2.0, 4.0]), np.log([3.0, 4.0, 12.0]))
    assert three is not None
    assert three.low == pytest.approx(oracle.slope - oracle.stderr * scipy.stats.t.ppf(0.975, 1))


def test_two_points_give_an_exponent_without_interval_and_one_size_gives_none() -> None:
    assert stats.exponent([2.0, 4.0], [3.0, 12.0]) == stats.Estimate(
        pytest.approx(2.0), None, None, 2
    )
    assert stats.exponent([2.0, 2.0], [3.0, 4.0]) is None
    assert stats.exponent([2.0, 2.0, 2.0], [3.0, 4.0, 5.0]) is None
    assert stats.exponent([], []) is None


def test_spread_between_and_within() -> None:
    # Steady calls 1, 2, 3, 4, 5: quartiles 2 and 4 over 3. Medians 3 and 6: mean 4.5,
    # deviation 3 / sqrt 2.
    first = [9.0, 3.0, 1.0, 5.0, 2.0, 4.0]
    second = [2 * value for value in first]
    assert stats.warmup(first) == 1
    spread = stats.spread([first, second])
    assert spread is not None
    assert spread.within == pytest.approx(2 / 3)
    assert spread.between == pytest.approx(3 / math.sqrt(2) / 4.5)
    alone = stats.spread([first])
    assert alone is not None
    assert alone.between is None


def test_a_crossing_lies_where_the_interpolated_ratio_is_one() -> None:
    # a / b is 1/2 at 4 and 2 at 16: on log scale half-way, at 8.
    assert stats.crossings([1, 4, 16, 64], [1, 1, 2, 2], [2, 2, 1, 1]) == [
        Crossing(pytest.approx(8.0), 4, 16, a_first=True)
    ]


def test_on_integers_a_crossing_names_the_first_that_has_flipped() -> None:
    x = range(1, 101)
    (only,) = stats.crossings(x, [10 * c for c in x], [7 * c + 100 for c in x])
    assert (only.below, only.above) == (33, 34)  # 3c > 100 from c = 34


def test_ties_belong_to_neither_side() -> None:
    (only,) = stats.crossings([1, 2, 3], [1, 5, 9], [2, 5, 8])
    assert (only.below, only.above) == (1, 3)
    assert stats.crossings([1, 2, 3], [1, 5, 1], [2, 5, 2]) == []
    assert stats.crossings([1, 2], [1, 1], [1, 1]) == []
    assert stats.crossings([], [], []) == []


def test_series_may_cross_more_than_once() -> None:
    found = stats.crossings([1, 2, 3], [1, 3, 1], [2, 2, 2])
    assert [(c.below, c.above, c.a_first) for c in found] == [(1, 2, True), (2, 3, False)]
