"""The timing loop on a clock that moves only when told to."""

import gc

from cnnbench.runner.sampling import peak_of, sample


class Clock:
    """Reads cost 1 ns each; a step moves it by the next of `durations`."""

    def __init__(self, durations):
        self.now = 0
        self.durations = iter(durations)

    def __call__(self):
        self.now += 1
        return self.now

    def step(self):
        self.now += next(self.durations)


def test_each_call_is_one_sample_in_order():
    clock = Clock([30, 20, 10])
    # One read of the clock (1 ns) lies between the two that bound a step.
    assert sample(clock.step, clock, 10**9, min_calls=1, max_calls=3) == [31, 21, 11]


def test_sampling_stops_when_the_budget_is_spent():
    clock = Clock([100] * 50)
    # begin at 1; call k ends at 1 + 102 k: past 1 + 500 first at k = 5.
    assert len(sample(clock.step, clock, 500, min_calls=1, max_calls=50)) == 5


def test_a_slow_step_still_gets_the_fewest_calls():
    clock = Clock([10**9] * 9)
    assert len(sample(clock.step, clock, 1, min_calls=4, max_calls=9)) == 4


def test_the_collector_rests_meanwhile_and_runs_again_after_an_error():
    states = []
    clock = Clock([1])
    sample(lambda: states.append(gc.isenabled()), clock, 1, min_calls=1, max_calls=1)
    assert states == [False]
    try:
        sample(lambda: 1 / 0, clock, 1, min_calls=1, max_calls=1)
    except ZeroDivisionError:
        assert gc.isenabled()


def test_the_peak_of_a_call_is_what_it_touched():
    size = 200 * 2**20
    peak, source = peak_of(lambda: bytearray(b"x") * size)
    assert source == "VmHWM" or "coarse" in source
    assert 0.95 * size < peak < 1.2 * size


def test_a_call_that_allocates_nothing_has_no_peak():
    peak_of(lambda: None)
    peak, _ = peak_of(lambda: None)
    assert peak < 2**20
