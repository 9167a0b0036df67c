"""Where a value that is measured again and again changed its level."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from cnnbench import stats
from cnnbench.stats import changepoints as module
from cnnbench.stats.changepoints import levels, shifts


def noisy(count, spread=0.02, seed=0):
    return np.exp(np.random.default_rng(seed).normal(0, spread, count))


def test_a_step_is_found_at_its_place_with_its_size():
    (found,) = shifts([1.0] * 10 + [1.2] * 15)
    assert found.at == found.earliest == found.latest == 10
    assert found.ratio.value == pytest.approx(1.2)
    assert found.ratio.low < 1.2 < found.ratio.high
    assert found.ratio.n == 10


def test_the_interval_is_students_on_the_residuals_with_room_for_the_layout():
    values = [1.0] * 10 + [1.2] * 15
    (found,) = shifts(values)
    # No residuals: what remains is the drift between runs, of which DRIFT is that of a difference.
    error = stats.DRIFT / math.sqrt(2) * math.sqrt(1 / 10 + 1 / 15)
    half = math.hypot(2.0687 * error, 1.96 * stats.LAYOUT)  # t of 23 degrees of freedom
    assert found.ratio.high == pytest.approx(1.2 * math.exp(half), rel=1e-4)
    assert found.ratio.low == pytest.approx(1.2 / math.exp(half), rel=1e-4)


def test_there_and_back_are_two_shifts():
    there, back = shifts([1.0] * 8 + [0.8] * 8 + [1.0] * 8)
    assert (there.at, back.at) == (8, 16)
    assert there.ratio.value == pytest.approx(0.8)
    assert back.ratio.value == pytest.approx(1.25)


@pytest.mark.parametrize("place", [0, 1, 9, 18, 19])
def test_a_single_value_is_never_a_shift(place):
    values = [1.0] * 20
    values[place] = 2.0
    assert shifts(values) == ()


@pytest.mark.parametrize(("first", "place"), [(0, 2), (18, 18)])
def test_two_values_in_a_row_are_a_shift_at_either_end(first, place):
    values = [1.0] * 20
    values[first : first + 2] = [1.2, 1.2]
    (found,) = shifts(values)
    assert found.at == place


@pytest.mark.parametrize("count", range(4))
def test_fewer_than_four_values_show_nothing(count):
    assert shifts([1.0, 2.0, 3.0][:count]) == ()


def test_a_change_that_drift_and_layout_explain_is_none():
    assert shifts([1.0] * 25 + [1.005] * 25) == ()


def test_errors_of_the_values_count():
    values = [1.0] * 5 + [1.06] * 5
    assert shifts(values)
    assert shifts(values, [0.05] * 10) == ()


def test_of_one_shift_the_place_is_that_of_the_least_squares():
    for seed in range(20):
        values = noisy(24, seed=seed)
        values[9:] *= 1.08
        logs = np.log(values)
        found = shifts(values)
        if len(found) == 1:
            squares = [
                sum(((part - part.mean()) ** 2).sum() for part in (logs[:i], logs[i:]))
                for i in range(2, 23)
            ]
            assert found[0].at == 2 + int(np.argmin(squares))
            assert found[0].earliest <= found[0].at <= found[0].latest


def test_the_number_of_shifts_is_that_of_the_best_penalised_fit():
    """Against every way to cut nine values, from the definition."""
    for seed in range(30):
        values = noisy(9, 0.03, seed)
        values[4:] *= 1.25
        logs = np.log(values)
        spread = module._spread(logs, (), stats.DRIFT)
        logs = module._without_outliers(logs, spread)

        def cost(cuts, logs=logs, spread=spread):
            parts = np.split(logs, cuts)
            squares = sum(((part - part.mean()) ** 2).sum() for part in parts)
            return squares / spread**2 + len(cuts) * 3 * math.log(50)

        cuts = (c for n in range(4) for c in itertools.combinations(range(2, 8), n))
        best = min((c for c in cuts if all(len(p) > 1 for p in np.split(logs, c))), key=cost)
        assert [found.at for found in shifts(values)] == [*best]


def test_few_histories_without_a_change_show_one():
    """4 % in the calibration report; here 200 histories, of which 5 % and three deviations."""
    false = sum(bool(shifts(noisy(50, seed=seed))) for seed in range(200))
    assert false <= 200 * 0.05 + 3 * math.sqrt(200 * 0.05 * 0.95)


def test_a_slow_down_of_five_percent_is_found_between_the_right_values():
    found = located = 0
    for seed in range(100):
        values = noisy(50, seed=seed)
        values[25:] *= 1.05
        right = [s for s in shifts(values) if abs(s.at - 25) <= 2 and s.ratio.low > 1]
        found += bool(right)
        located += any(s.earliest <= 25 <= s.latest for s in right)
    assert found >= 95
    assert located >= 90


def test_levels_are_the_means_between_shifts():
    values = [1.0, 4.0, 1.0, 4.0, 9.0, 9.0]
    step = module.Shift(4, 4, 4, stats.Estimate(4.5, None, None, 2))
    assert levels(values, [step]) == pytest.approx([2, 2, 2, 2, 9, 9])
    assert levels([], []) == []


def test_only_shifts_import_the_library():
    program = "import sys, cnnbench.stats; assert 'ruptures' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
