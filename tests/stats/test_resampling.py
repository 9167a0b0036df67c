"""The hierarchical bootstrap beside scipy's and the variance by hand; percentiles."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np
import pytest
import scipy.stats

from benchmarks.calibration import resampling
from cnnbench import stats
from cnnbench.cases.case import Case
from cnnbench.reporting.runs.sections import spread
from cnnbench.runs.result import result
from cnnbench.runs.store import Measurement
from cnnbench.stats import Doubt


def flat(launches: list[list[float]], values: list[float]) -> None:
    """The interval of the mean is that of scipy's bootstrap of the values."""
    low, high = resampling.bootstrap(launches, np.mean, resamples=20_000)
    oracle = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    # The tail's quantile of 20,000 draws is uncertain by about 2 % of the distance.
    width = oracle.high - oracle.low
    assert (low, high) == pytest.approx((oracle.low, oracle.high), abs=0.03 * width)


def test_launches_of_one_call_are_an_ordinary_bootstrap() -> None:
    random = Random(1)
    values = [random.lognormvariate(0, 0.5) for _ in range(12)]
    flat([[value] for value in values], values)


def test_one_launch_is_an_ordinary_bootstrap_of_its_calls() -> None:
    random = Random(2)
    values = [random.lognormvariate(0, 0.5) for _ in range(40)]
    flat([values], values)


def test_both_levels_are_drawn_again() -> None:
    random = np.random.default_rng(3)
    launches = random.normal(10, 0.1, (20, 1)) + random.normal(0, 1.5, (20, 25))
    low, high = resampling.bootstrap(launches.tolist(), np.mean, resamples=20_000)
    # Variance of a resample's mean: that of the launches' means over 20 launches, and the
    # mean variance within launches over 500 calls; both of what is drawn from, so over n.
    between, within = launches.mean(axis=1).var() / 20, launches.var(axis=1).mean() / 500
    assert within > 0.5 * between  # so that neither can be missing unseen
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(between + within), rel=0.04)
    assert (low + high) / 2 == pytest.approx(launches.mean(), abs=0.02)


def test_every_launch_weighs_the_same() -> None:
    # Means 1 and 3 with 300 and 100 calls: of the launches 2, of the calls 1.5.
    launches = [[1.0] * 300, [3.0] * 100] * 20
    low, high = resampling.bootstrap(launches, np.mean)
    assert (low + high) / 2 == pytest.approx(2.0, abs=0.05)


def test_the_statistic_sees_launches_and_calls_of_every_resample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resampling, "_BLOCK", 100)
    shapes: list[tuple[int, ...]] = []

    def highest(values: Any, axis: tuple[int, int]) -> Any:
        shapes.append(values.shape)
        return values.max(axis=axis)

    # 3 launches of 4 calls on average: 8 resamples hold 96 numbers, so 20 take three blocks.
    low, high = resampling.bootstrap([[1.0, 2.0], [1.0] * 4, [2.0] * 6], highest, resamples=20)
    assert shapes == [(8, 3, 4), (8, 3, 4), (4, 3, 4)]
    assert 1 <= low <= high == 2


@pytest.mark.parametrize("calls", [7, 8])
def test_the_faster_median_is_that_of_numpy(calls: int) -> None:
    values = np.random.default_rng(0).lognormal(size=(40, 3, calls))
    expected = np.median(values, axis=(-2, -1))
    assert resampling.median(values.copy(), axis=(-2, -1)).tolist() == expected.tolist()


def test_one_seed_gives_one_interval() -> None:
    random = Random(4)
    launches = [[random.random() for _ in range(9)] for _ in range(5)]
    first = resampling.bootstrap(launches, np.mean)
    assert resampling.bootstrap(launches, np.mean) == first
    assert resampling.bootstrap(launches, np.mean, seed=1) != first


def test_three_launches_do_not_cover_their_median() -> None:
    # At most 1 - 2^(1-3) = 75 % as it is said; of 300 the standard error is 2.5 %.
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(300):
        launches = np.exp(random.normal(0, 0.15, (3, 1)) + random.normal(0, 0.1, (3, 20)))
        low, high = resampling.bootstrap(launches.tolist(), np.median, resamples=300)
        hits += low <= 1 <= high
    assert 0.6 < hits / 300 < 0.8


def warm(calls: list[float]) -> list[float]:
    """A launch with these steady calls: the first is warm-up."""
    return [100.0, *calls]


def test_a_percentile_is_the_geometric_mean_over_launches() -> None:
    # Of 1 to 199 by Hyndman and Fan's type 8: 1/3 + 0.95 (199 + 1/3) = 189.7.
    calls = sorted(map(float, range(1, 200)), key=lambda x: abs(x - 100))  # no start to cut
    launches = [warm([factor * call for call in calls]) for factor in (1.0, 2.0, 4.0)]
    assert [stats.warmup(launch) for launch in launches] == [1, 1, 1]
    found = stats.percentile(launches, 95)
    assert found is not None
    assert found.value == pytest.approx(2 * 189.7)
    half = 4.302653 * math.log(2) / math.sqrt(3)  # as in the location of 1, 2 and 4
    assert math.log(found.high or 0) == pytest.approx(math.log(found.value) + half, rel=1e-6)
    assert (found.n, found.doubts) == (3, (Doubt.SPREAD,))


def test_the_median_is_a_percentile_too() -> None:
    random = Random(7)
    launches = [warm([random.lognormvariate(0, 0.2) for _ in range(31)]) for _ in range(5)]
    median, location = stats.percentile(launches, 50), stats.location(launches)
    assert median is not None
    assert location is not None
    assert (median.value, median.low, median.high) == pytest.approx(
        (location.value, location.low, location.high)
    )


def test_a_percentile_is_given_only_where_calls_lie_beyond() -> None:
    # 5 % of 100 calls are 5; of 99 they are fewer.
    enough, short = warm([1.0] * 100), warm([1.0] * 99)
    assert stats.percentile([enough] * 3, 95) is not None
    assert stats.percentile([enough] * 3, 5) is not None
    assert stats.percentile([enough] * 3, 96) is None
    assert stats.percentile([enough] * 3, 4) is None
    assert stats.percentile([enough, enough, short], 95) is None
    assert stats.percentile([enough] * 2, 95) is None
    assert stats.percentile([enough, enough, [1.0]], 95) is None
    assert stats.percentile([enough] * 3, 100) is None
    assert stats.percentile([], 50) is None


def test_the_interval_of_a_percentile_covers_it() -> None:
    # The 90th percentile of a log-normal launch: e^(1.281552 deviation). 1000 repetitions:
    # 0.95 with a standard error of 0.007.
    random = np.random.default_rng(8)
    hits = 0
    for _ in range(1000):
        logs = random.normal(0, 0.15, (4, 1)) + random.normal(0, 0.1, (4, 120))
        found = stats.percentile(np.exp(logs).tolist(), 90)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= math.exp(0.1281552) <= found.high
    assert abs(hits / 1000 - 0.95) < 0.03


def test_the_report_gives_a_percentile_or_a_dash() -> None:
    case = Case("vgg_block", (8, 8, 3))

    def last_cell(calls: int) -> str:
        launches = [
            Measurement(case, i, outcome="ok", samples_ns=(1_000_000,) * calls) for i in range(3)
        ]
        return spread.COLUMNS["95th percentile of calls"](result(case, case.paper(), launches))

    assert last_cell(101) == "1.00 ms [1.00 ms, 1.00 ms]"  # the first call is warm-up
    assert last_cell(100) == "-"
