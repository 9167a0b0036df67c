"""Which of several networks to take: limits, order, and those that none beats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnbench.analysis.candidates import KEYS, Candidate, Choice, choose, parse_axes
from cnnbench.errors import CnnbenchError, UnknownNameError

SMALL = Candidate("small", params=10, macs=3, flops=7, peak_bytes=100, top1_percent=60.0)
LARGE = Candidate("large", params=30, macs=5, flops=12, peak_bytes=400, top1_percent=80.0)
WORSE = Candidate("worse", params=40, macs=6, flops=14, peak_bytes=300, top1_percent=70.0)
OWN = Candidate("own", params=20, macs=4, flops=9, peak_bytes=200, time_s=0.01)
BROKEN = Candidate("broken", reason="there is no file broken")


def names(candidates):
    return [candidate.name for candidate in candidates]


def test_all_are_chosen_in_the_order_given_where_nothing_is_asked():
    choice = choose([LARGE, BROKEN, SMALL])
    assert names(choice.chosen) == ["large", "small"]
    assert choice.failed == (BROKEN,)
    assert choice.beaten == choice.excluded == ()


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("params", ["small", "own", "large", "worse"]),
        ("macs", ["small", "own", "large", "worse"]),
        ("flops", ["small", "own", "large", "worse"]),
        ("memory", ["small", "own", "worse", "large"]),
        # The most accurate first; what is not known last.
        ("top1", ["large", "worse", "small", "own"]),
        ("time", ["own", "small", "large", "worse"]),
    ],
)
def test_the_best_comes_first(key, order):
    assert names(choose([SMALL, LARGE, WORSE, OWN], sort=key).chosen) == order


def test_what_is_over_a_limit_is_left_out_and_says_by_what():
    choice = choose([SMALL, LARGE, WORSE], limits={"params": 30, "memory": 399})
    assert names(choice.chosen) == ["small"]
    assert {c.name: c.reason for c in choice.excluded} == {
        "large": "400 B memory, more than 399 B",
        "worse": "40 params, more than 30",
    }


def test_what_is_not_known_cannot_be_within_a_limit_or_on_a_front():
    choice = choose([SMALL, OWN], limits={"time": 0.02})
    assert names(choice.chosen) == ["own"]
    assert choice.excluded[0].reason == "no time is known of it"
    choice = choose([SMALL, OWN], pareto=("flops", "top1"))
    assert names(choice.chosen) == ["small"]
    assert choice.excluded[0].reason == "no top1 is known of it"


def test_the_front_is_what_no_other_beats():
    choice = choose([SMALL, LARGE, WORSE, BROKEN], pareto=("top1", "flops"))
    assert names(choice.chosen) == ["small", "large"]
    assert choice.beaten[0].name == "worse"
    assert choice.beaten[0].reason == "beaten by large"
    # Of both memory and accuracy it is between the two.
    assert len(choose([SMALL, LARGE, WORSE], pareto=("top1", "memory")).chosen) == 3


def test_what_is_over_a_limit_beats_nothing():
    choice = choose([LARGE, WORSE], limits={"memory": 350}, pareto=("top1", "flops"))
    assert names(choice.chosen) == ["worse"]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_a_front_by_its_definition(pairs):
    candidates = [
        Candidate(str(place), params=params, top1_percent=float(top1))
        for place, (params, top1) in enumerate(pairs)
    ]
    choice = choose(candidates, pareto=("top1", "params"))

    def beats(a, b):
        better = a.params < b.params or a.top1_percent > b.top1_percent
        return better and a.params <= b.params and a.top1_percent >= b.top1_percent

    front = [c for c in candidates if not any(beats(other, c) for other in candidates)]
    assert sorted(names(choice.chosen)) == sorted(names(front))
    assert len(choice.chosen) + len(choice.beaten) == len(candidates)
    assert [c.params for c in choice.chosen] == sorted(c.params for c in front)


def test_what_is_asked_for_wrongly_is_refused_in_one_line():
    with pytest.raises(UnknownNameError, match="unknown column 'parameters'; did you mean param"):
        choose([SMALL], sort="parameters")
    with pytest.raises(UnknownNameError, match="unknown column 'speed'"):
        choose([SMALL], pareto=parse_axes("top1:speed"))
    with pytest.raises(CnnbenchError, match="two different columns; got time twice"):
        choose([SMALL], pareto=parse_axes("time:time"))
    with pytest.raises(CnnbenchError, match="needs two columns, as top1:time; got 'top1'"):
        parse_axes("top1")


def test_a_bound_says_so():
    bound = Candidate("x", params=1000, flops=2000, peak_bytes=2048, lower_bound=True)
    assert [bound.shown(key) for key in ("params", "flops", "memory", "top1")] == [
        *("1.00 k", ">= 2.00 k", ">= 2.00 KiB", "?")
    ]
    assert repr(bound) == "Candidate(x: 1.00 k params, >= 2.00 k flops, >= 2.00 KiB memory)"


def test_a_choice_is_one_line_and_plain():
    choice = choose([SMALL, LARGE, WORSE, BROKEN], pareto=("top1", "flops"))
    assert repr(choice) == "Choice(2 of 4: small, large)"
    assert repr(Choice(())) == "Choice(0 of 0: none)"
    values = choice.to_json()
    assert values["pareto"] == ["top1", "flops"]
    assert values["failed"][0]["reason"] == "there is no file broken"
    assert set(KEYS.values()) < set(values["chosen"][0])
