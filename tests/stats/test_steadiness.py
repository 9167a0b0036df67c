"""Doubts about the level: against scipy's tests, on made noise and on made faults."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from cnnbench import stats
from cnnbench.reporting.runs.notes import ADVICE
from cnnbench.stats import Doubt
from cnnbench.stats import launches as steadiness

LEVEL = {Doubt.UNSETTLED, Doubt.DRIFT, Doubt.TWO_SPEEDS}


def doubts(launches: NDArray[np.float64]) -> set[Doubt]:
    """What is doubted of the level of launches whose logs are given, a row each."""
    estimate = stats.location(np.exp(launches).tolist())
    assert estimate is not None
    return LEVEL & set(estimate.doubts)


def autocorrelated(random: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    noise = random.normal(0, 0.15, shape)
    for i in range(1, shape[1]):
        noise[:, i] = 0.8 * noise[:, i - 1] + 0.6 * noise[:, i]
    return noise


@pytest.mark.parametrize("kind", ["normal", "heavy", "autocorrelated", "bursts"])
def test_noise_about_one_level_raises_no_doubt(kind: str) -> None:
    random = np.random.default_rng(7)
    shape = (6, 80)
    found = []
    for _ in range(150):
        noise = {
            "normal": lambda: random.normal(0, 0.2, shape),
            "heavy": lambda: 0.1 * random.standard_t(2, shape),
            "autocorrelated": lambda: autocorrelated(random, shape),
            "bursts": lambda: (
                np.repeat(random.normal(0, 0.15, (6, 4)), 20, axis=1)
                + random.normal(0, 0.08, shape)
            ),
        }[kind]()
        found.append(doubts(noise + random.normal(0, 0.15, (6, 1))))
    # Each is a test at 1 %: of 150, 1.5 expected; more than 7 come once in 3000.
    for doubt in LEVEL:
        assert sum(doubt in each for each in found) <= 7, doubt


def test_calls_that_go_on_becoming_faster_are_doubted() -> None:
    random = np.random.default_rng(8)
    noise = random.normal(0, 0.02, (5, 100))
    later = np.where(np.arange(100) < 45, 0.0, -0.08)  # half at most is taken for warm-up
    assert stats.warmup(np.exp(noise + later)[0].tolist()) >= 40  # MSER takes it all
    # A level that returns: nothing to cut, but the second half is lower in every launch.
    steps = np.where(np.arange(100) % 50 < 25, 0.0, -0.08)
    assert doubts(noise + steps) == set()
    rising = random.normal(0, 0.01, (5, 100)) + np.where(np.arange(100) < 75, 0.0, 0.06)
    assert doubts(rising) == {Doubt.UNSETTLED}
    assert doubts(rising * [[1], [-1], [1], [-1], [1]]) == set()  # they disagree


@pytest.mark.parametrize("count", [2, 3, 8])
def test_unsettled_is_a_t_test_at_one_percent(count: int) -> None:
    random = np.random.default_rng(count)
    seen = set()
    for _ in range(200):
        change = random.normal(0.1, 0.1 if count > 2 else 0.001, count)
        launches = [[1.0, 1.0, 1.0, *[np.exp(rise)] * 3] for rise in change]
        test = scipy.stats.ttest_1samp(change, 0)
        expected = bool(test.pvalue < 0.01 and abs(change.mean()) > np.log(1.02))
        assert steadiness.unsettled(launches) == expected
        seen.add(expected)
    assert seen == {True, False}


def test_a_small_change_within_launches_does_not_matter() -> None:
    # All launches agree exactly, so only the size decides: 2 %.
    assert not steadiness.unsettled([[1.0, 1.019]] * 5)
    assert steadiness.unsettled([[1.0, 1.021]] * 5)
    assert steadiness.unsettled([[1.021, 1.0]] * 5)
    assert not steadiness.unsettled([[1.0, 9.0]])  # one launch cannot agree with others
    assert not steadiness.unsettled([[1.0], [2.0]])  # nor one call with itself


def test_of_an_odd_number_of_calls_the_middle_one_is_in_neither_half() -> None:
    assert steadiness.unsettled([[1.0, 9.0, 1.1]] * 3)
    assert not steadiness.unsettled([[1.0, 9.0, 1.0]] * 3)


def test_drift_is_a_regression_at_one_percent() -> None:
    random = np.random.default_rng(9)
    seen = set()
    numbers = [0, 1, 2, 4, 5, 9]
    for _ in range(200):
        logs = 0.04 * np.array(numbers) + random.normal(0, 0.08, 6)
        fit = scipy.stats.linregress(numbers, logs)
        expected = bool(fit.pvalue < 0.01 and abs(fit.slope * 9) > np.log(1.05))
        assert steadiness.drift(numbers, np.exp(logs).tolist()) == expected
        seen.add(expected)
    assert seen == {True, False}


def test_a_drift_needs_five_launches_and_five_percent() -> None:
    assert steadiness.drift(range(5), [1.0, 1.013, 1.026, 1.039, 1.052])
    assert steadiness.drift(range(5), [1.052, 1.039, 1.026, 1.013, 1.0])
    assert not steadiness.drift(range(5), [1.0, 1.012, 1.024, 1.036, 1.048])
    assert not steadiness.drift(range(4), [1.0, 1.1, 1.2, 1.3])
    assert not steadiness.drift(range(5), [1.0] * 5)


def test_the_order_of_a_drift_is_that_of_the_launch_numbers() -> None:
    values = {3: 1.3, 0: 1.0, 4: 1.4, 1: 1.1, 2: 1.2, 5: 1.5}
    launches = {number: [9.0, value, value] for number, value in values.items()}
    numbered, listed = stats.location(launches), stats.location(launches.values())
    assert numbered is not None
    assert listed is not None
    assert Doubt.DRIFT in numbered.doubts
    assert Doubt.DRIFT not in listed.doubts
    assert numbered.value == pytest.approx(listed.value)


def test_two_speeds_are_seen_where_they_lie_apart() -> None:
    random = np.random.default_rng(10)
    noise = random.normal(0, 0.02, (4, 60))
    slow = random.random((4, 60)) < 0.4
    assert doubts(noise + np.log(1.2) * slow) == {Doubt.TWO_SPEEDS}
    assert doubts(noise + np.log(1.05) * slow) == set()
    assert doubts(0.001 * noise + np.log(1.09) * slow) == set()  # clear, but within 10 %
    assert doubts(0.001 * noise + np.log(1.11) * slow) == {Doubt.TWO_SPEEDS}


def test_a_few_slow_calls_are_no_second_speed() -> None:
    for slow, expected in ((14, False), (15, True), (50, True), (85, True), (86, False)):
        calls = [2.0] * slow + [1.0] * (100 - slow)
        assert steadiness.two_speeds([calls] * 3) == expected, slow


def test_two_speeds_need_most_launches_and_twenty_calls() -> None:
    split, even = [1.0, 2.0] * 10, [1.0] * 20
    assert steadiness.two_speeds([split])
    assert steadiness.two_speeds([split, split, even])
    assert not steadiness.two_speeds([split, even])
    assert not steadiness.two_speeds([split[:19]] * 3)
    assert not steadiness.two_speeds([])


def test_the_split_is_the_one_that_an_exhaustive_search_finds() -> None:
    random = np.random.default_rng(11)
    seen = set()
    for _ in range(100):
        apart = random.uniform(0.1, 0.25)
        logs = np.sort(random.normal(0, 0.03, 40) + apart * (random.random(40) < 0.3))
        within = [logs[:k].var() * k + logs[k:].var() * (40 - k) for k in range(1, 40)]
        k = 1 + int(np.argmin(within))
        expected = bool(
            1 - min(within) / (40 * logs.var()) >= 0.85
            and 6 <= k <= 34
            and logs[k:].mean() - logs[:k].mean() > np.log(1.1)
        )
        assert steadiness.two_speeds([np.exp(random.permutation(logs)).tolist()]) == expected
        seen.add(expected)
    assert seen == {True, False}


def test_there_is_advice_about_every_doubt() -> None:
    assert set(ADVICE) == set(Doubt)
