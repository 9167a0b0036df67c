"""Every configuration of a block at once: each costs what it costs by itself, the best are kept."""

import csv
import io
import json
import random
from fractions import Fraction
from math import ceil
from types import SimpleNamespace

import numpy as np
import pytest

import cnnbench
from cnnbench import blocks, design_space
from cnnbench.cli.sweeps import values
from cnnbench.cost import cost
from cnnbench.design_space.column import Column, SplitError, larger
from cnnbench.design_space.front import Best, Front
from cnnbench.design_space.grid import LABELS, METRICS, SIZES
from cnnbench.design_space.rows import MeasuredRows, _correlation
from cnnbench.errors import CnnbenchError, ShapeError, UnknownNameError
from cnnbench.reporting.design_space import plane
from cnnbench.runs import store
from tests.support.fuzz import Command, check, elsewhere, run

__all__ = ["elsewhere"]


def column(*numbers):
    return Column(np.array(numbers))


# Columns


def test_arithmetic_on_a_column_is_that_on_each_number():
    a, b = (7, -7, 9), (2, 3, -4)
    x, y = column(*a), column(*b)
    for operate in (
        lambda p, q: p + q,
        lambda p, q: p - q,
        lambda p, q: p * q,
        lambda p, q: p // q,
        lambda p, q: p % q,
        lambda p, q: 5 - p,
        lambda p, q: 5 * p + 0 * q,
        lambda p, q: -(-p // 1),
        lambda p, q: 100 // q,
        lambda p, q: 100 % q,
    ):
        found, expected = operate(x, y), list(map(operate, a, b))
        assert found.values.tolist() == expected
        assert found.low <= min(expected)
        assert found.high >= max(expected)


def test_a_question_with_two_answers_splits_a_column_where_they_change():
    with pytest.raises(SplitError) as split:
        assert column(1, 5, 2, 7) > 2
    assert [part.tolist() for part in split.value.parts] == [[1, 3], [0, 2]]
    with pytest.raises(SplitError) as split:
        assert column(1, 5, 2, 7) == column(1, 6, 2, 7)
    assert [part.tolist() for part in split.value.parts] == [[0, 2, 3], [1]]


def test_a_question_with_one_answer_does_not():
    x = column(3, 5)
    assert x > 2
    assert not x <= 2
    assert x != 4
    assert x == column(3, 5)
    assert x
    assert isinstance(x, int)
    assert x not in ("A", "B")


@pytest.mark.parametrize(
    "use", [range, float, hash, round, ceil, lambda x: x * 0.5, lambda x: x / 2, lambda x: 2**x,
            lambda x: x**2, lambda x: Fraction(1, x), lambda x: [0] * x, lambda x: x < 2.5]
)  # fmt: skip
def test_what_takes_a_plain_number_gets_one(use):
    assert use(column(4, 4)) == use(4)
    with pytest.raises(SplitError) as split:
        use(column(4, 3, 4))
    assert [part.tolist() for part in split.value.parts] == [[1], [0, 2]]


def test_the_larger_of_two_columns_is_that_of_each_number():
    assert larger(column(1, 8), column(5, 2)).values.tolist() == [5, 8]
    assert larger(column(1, 2), 3) == 3
    assert larger(4, column(1, 2)) == 4
    assert larger(1, 2) == 2


def test_a_number_that_no_array_holds_is_refused_not_wrapped():
    half = 2**62
    assert (column(half, 1) + column(half - 1, 1)).high == 2**63 - 1
    with pytest.raises(CnnbenchError, match="narrow the ranges"):
        column(half, 1) + column(half, 1)
    # The bounds are too wide for this one, the numbers are not.
    difference = column(half, half) - column(half, half - 3)
    assert (difference * 10).values.tolist() == [0, 30]


# Every configuration costs what it costs by itself


def some_values(name, default, rng):
    """A few values for a parameter, some of which its block may refuse."""
    if isinstance(default, bool):
        return [True, False]
    if type(default) is int:
        return [default, *rng.sample([0, 1, 2, 3, 4, 6, 8, 16, 64], 3)]
    return [default]


@pytest.mark.parametrize("name", [e.name for e in blocks.catalogue().values()])
def test_each_configuration_costs_what_it_costs_by_itself(name):
    entry, rng = blocks.get(name), random.Random(name)
    grid = {key: some_values(key, value, rng) for key, value in entry.params.items()}
    *_, side, _, channels = entry.input_shape
    grid |= {"input_size": [1, 7, side, 33], "input_channels": [1, channels, 8, 16]}
    grid["batch"] = [1, 3]
    few = 20 if entry.kind == "model" else 100
    found = cnnbench.sweep(name, grid, top=0, sample=few)
    assert found.within_limits == len(found.numbers)
    assert found.tried - found.refused == found.within_limits
    for row, record in zip(found.numbers, found.records(), strict=True):
        total = cost(found.grid.case(int(row)).graph())
        assert [record[metric] for metric in METRICS] == [
            *(total.params, total.macs, total.flops, total.activation_bytes),
            *(total.peak_activation_bytes, total.peak_bytes, total.output_shape[-1]),
        ]
        at = found.grid.at(int(row))
        assert total.input_shape[0] == at["batch"]
        assert total.input_shape[-3:] == (*[at["input_size"]] * 2, at["input_channels"])


@pytest.mark.parametrize("name", ["residual_module", "resnet_basic", "vgg_block"])
def test_what_is_refused_by_itself_is_refused_and_counted(name):
    options = {"shortcut": ["A", "B"]} if name != "vgg_block" else {"n_conv": [0, 1, 2]}
    key = next(k for k in blocks.get(name).params if k in ("filters", "n_filters"))
    grid = {**options, key: [0, 2, 4], "input_channels": [2, 3, 4], "input_size": [1, 8]}
    found = cnnbench.sweep(name, grid, top=0)

    def refused(number):
        try:
            found.grid.case(number).graph()
        except ShapeError:
            return True
        return False

    expected = list(filter(refused, range(found.grid.size)))
    assert found.refused == len(expected) > 0
    assert sorted(found.numbers) == sorted({*range(found.grid.size)} - {*expected})
    values = ", ".join(f"{k}={v!r}" for k, v in found.grid.at(expected[0]).items())
    assert found.refusal.startswith(values)


def test_a_small_block_is_counted_by_hand():
    grid = {"n_filters": range(2, 4), "n_conv": 1}
    found = cnnbench.sweep("vgg_block", grid, (4, 4, 1), minimize=["flops"], top=0)
    # f filters: 9f weights and f biases; 16 positions of 9f products; a bias and a comparison
    # on each of 16f, 3 comparisons on each of 4f. In float32 the input has 64 bytes, the
    # convolution 64f, the pooling 16f, and all three are alive at the end.
    assert found.values == {"n_filters": [2, 3]}
    assert found.costs == {
        "params": [20, 30],
        "macs": [288, 432],
        "flops": [2 * 288 + 88, 2 * 432 + 132],
        "activation": [64 + 160, 64 + 240],
        "peak": [64 + 160, 64 + 240],
        "memory": [64 + 160 + 80, 64 + 240 + 120],
        "channels": [2, 3],
    }


def test_a_probe_of_numbers_in_a_row_is_counted_by_hand(elsewhere):
    grid = {"units": [8, 16], "input_channels": [4, 5], "plain": True}
    found = cnnbench.sweep("dense_layers", grid, (3,), minimize=["params"], maximize=[], top=0)
    # Plain, without biases: units * channels.
    assert found.values == {"units": [8, 8, 16, 16], "input_channels": [4, 5, 4, 5]}
    assert found.costs["params"] == [32, 40, 64, 80]
    with pytest.raises(ShapeError, match="dense_layers takes no image, so that it has no"):
        cnnbench.sweep("dense_layers", {"input_size": [8, 16]})
    command = ("sweep", "dense_layers", "-p", "units=8,16")
    assert [run((*command, *more))[0] for more in ((), ("--input", "256"))] == [0, 0]


def test_costs_that_no_array_holds_are_refused():
    with pytest.raises(CnnbenchError, match="narrow the ranges"):
        cnnbench.sweep("vgg_block", {"n_filters": [1, 10**12]}, (10**4, 10**4, 3))
    with pytest.raises(CnnbenchError, match="narrow the ranges"):
        cnnbench.sweep("vgg_block", {"n_filters": 10**12, "n_conv": [1, 2]}, (10**4, 10**4, 3))


# The front and the best


def beaten(points, i):
    """Whether another point is as good everywhere and better somewhere, or equal and earlier."""
    p = points[i]
    return any(
        ((q <= p).all() and (q < p).any()) or ((q == p).all() and j < i)
        for j, q in enumerate(points)
    )


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_front_is_what_the_definition_says_chunk_by_chunk(objectives):
    rng = np.random.default_rng(objectives)
    for _ in range(100):
        count = int(rng.integers(1, 50))
        points = rng.integers(0, rng.integers(2, 9), (count, objectives))
        rows = np.column_stack([points, np.arange(count)])
        front = Front(objectives + 1)
        for chunk in np.array_split(np.arange(count), rng.integers(1, 6)):
            front.add(rows[chunk])
        kept = front.rows[:, -1]
        assert sorted(kept) == [i for i in range(count) if not beaten(points, i)]
        assert (front.rows == rows[kept]).all()


def test_the_best_are_the_first_of_all_in_order():
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.integers(0, 5, (40, 2)), np.arange(40)])
    best = Best(3, 7)
    for chunk in np.array_split(rows, 4):
        best.add(chunk)
    assert best.rows.tolist() == sorted(rows.tolist())[:7]


def test_a_front_of_three_that_holds_nearly_everything_is_refused(monkeypatch):
    monkeypatch.setattr("cnnbench.design_space.front.MOST", 10)
    x = np.arange(11)
    with pytest.raises(CnnbenchError, match="more than 10 configurations are on the front"):
        Front(4).add(np.stack([x, -x, 0 * x, x], axis=1))


RESIDUAL = {"shortcut": ["B", "C"], "n_filters": range(1, 20), "input_channels": range(1, 20)}


@pytest.mark.parametrize("pareto", [True, False])
def test_how_the_grid_is_cut_into_chunks_changes_nothing(monkeypatch, pareto):
    options = {"pareto": pareto, "top": 0, "at_most": {"params": 3000}}
    whole = cnnbench.sweep("residual_module", RESIDUAL, (8, 8, 1), **options)
    monkeypatch.setattr(design_space, "CHUNK", 7)
    parts = cnnbench.sweep("residual_module", RESIDUAL, (8, 8, 1), **options)
    assert parts.records() == whole.records()
    assert parts.within_limits == whole.within_limits
    assert whole.grid.size == 2 * 19 * 19


def test_limits_and_order_are_those_of_a_plain_loop():
    found = cnnbench.sweep(
        "residual_module",
        RESIDUAL,
        (8, 8, 1),
        at_most={"params": 3000, "peak": 9000},
        at_least={"channels": 5},
        top=10,
    )
    rows = []
    for number in range(found.grid.size):
        total = cost(found.grid.case(number).graph())
        channels = total.output_shape[-1]
        if total.params <= 3000 and total.peak_activation_bytes <= 9000 and channels >= 5:
            rows.append((-channels, total.flops, number))
    assert found.within_limits == len(rows)
    assert found.numbers.tolist() == [number for *_, number in sorted(rows)[:10]]


def test_a_limit_may_be_reached():
    # f filters in one convolution of one channel have 10 f parameters.
    grid = {"n_filters": range(1, 6), "n_conv": 1}
    limits = {"at_most": {"params": 40}, "at_least": {"params": 20}}
    found = cnnbench.sweep("vgg_block", grid, (4, 4, 1), top=0, **limits)
    assert found.values["n_filters"] == [4, 3, 2]


def test_what_is_asked_for_comes_first():
    def order(**asked):
        return [
            o.metric for o in cnnbench.sweep("vgg_block", {"n_conv": [1, 2]}, **asked).objectives
        ]

    assert order() == ["channels", "flops"]
    assert order(minimize=["peak"]) == ["peak", "channels"]
    assert order(maximize=["params"]) == ["params", "flops"]
    assert order(maximize=[], minimize=["macs", "peak"]) == ["macs", "peak"]
    assert order(pareto=True) == ["flops", "channels"]


def test_of_a_long_front_rows_are_taken_evenly_with_both_ends():
    grid = {"n_filters": range(1, 101)}  # all on the front: more channels, more FLOPs
    found = cnnbench.sweep("vgg_block", grid, pareto=True, top=4)
    assert found.candidates == 100
    assert found.values["n_filters"] == [1, 34, 67, 100]
    assert len(found.line) == 100


# The grid


def test_a_sample_is_one_of_each_stretch_and_follows_from_the_seed():
    grid = {"f1": range(1, 1001), "f2_in": range(1, 1001)}

    def numbers(seed, sample=1000):
        found = cnnbench.sweep("inception_module", grid, (8, 8, 3), top=0, sample=sample, seed=seed)
        return sorted(found.numbers)

    drawn = numbers(1)
    assert [number // 1000 for number in drawn] == list(range(1000))
    assert drawn == numbers(1) != numbers(2)
    # 10^6 = 142857 * 7 + 1: the first stretch is one longer.
    begin, starts = numbers(1, 7), [0, *(1 + 142857 * k for k in range(1, 7)), 10**6]
    assert all(a <= n < b for n, a, b in zip(begin, starts, starts[1:], strict=False))


def test_a_sample_may_hold_any_configuration():
    grid, drawn = {"n_filters": range(1, 4)}, set()  # stretches of two and of one
    for seed in range(20):
        drawn |= {*cnnbench.sweep("vgg_block", grid, top=0, sample=2, seed=seed).numbers.tolist()}
    assert drawn == {0, 1, 2}


def test_a_sample_that_is_no_smaller_than_the_grid_is_the_grid():
    found = cnnbench.sweep("vgg_block", {"n_filters": range(1, 9)}, top=0, sample=50)
    assert found.tried == found.grid.size == 8
    assert sorted(found.values["n_filters"]) == list(range(1, 9))


def test_a_grid_that_is_too_large_is_refused_before_anything_is_tried():
    wide = {f"f{k}_out": range(1, 10**6) for k in (2, 3, 4)}
    with pytest.raises(CnnbenchError, match="ask for a sample"):
        cnnbench.sweep("inception_module", {"f1": range(1, 10**9 + 2)})
    with pytest.raises(CnnbenchError, match="too many to number"):
        cnnbench.sweep("inception_module", wide | {"f1": range(1, 100)}, sample=5)
    # Just under 2^63 they can be numbered.
    assert cnnbench.sweep("inception_module", wide, sample=5).tried == 5


def test_values_that_are_the_same_are_tried_once():
    found = cnnbench.sweep("resnet_basic", {"filters": [8, 4, 8], "use_bias": [True, False, True]})
    assert found.grid.size == 4


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"n_filter": [1]}, "did you mean n_filters"),
        ({"n_filters": []}, "at least one value"),
        ({"n_filters": [10**19, 1]}, "at most 1e"),
        ({"batch": [0, 1]}, "batch must be a whole number of at least 1; got 0"),
        ({"input_size": ["A"]}, "input_size must be a whole number"),
        ({"input_channels": range(-3, 3)}, "input_channels must be a whole number"),
    ],
)
def test_a_grid_that_is_none_is_refused(grid, message):
    with pytest.raises(CnnbenchError, match=message):
        cnnbench.sweep("vgg_block", grid)


def test_a_yes_or_no_takes_no_number():
    with pytest.raises(ShapeError, match="use_bias must be True or False"):
        cnnbench.sweep("resnet_basic", {"use_bias": [0, 1]})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minimize": ["time"]}, "unknown metric 'time'"),
        ({"at_most": {"flop": 1}}, "did you mean flops"),
        ({"minimize": ["flops"], "maximize": ["flops"]}, "named twice"),
        ({"minimize": [], "maximize": []}, "expected an objective"),
        ({"minimize": [], "pareto": True}, "two or three objectives; got 1"),
        ({"minimize": ["flops", "peak", "params"], "pareto": True}, "two or three"),
        ({"top": -1}, "top must be at least 1"),
        ({"sample": 0}, "a sample must be at least 1"),
        ({"measure": -1}, "at least 1 configuration must be measured"),
        ({"at_most": {"params": 3}}, "none of 2 configurations is within the limits"),
        ({"input_shape": (8, 8)}, "takes an input like 256x256x3; got 8x8"),
    ],
)
def test_an_option_that_is_none_is_refused(options, message):
    with pytest.raises(CnnbenchError, match=message):
        cnnbench.sweep("vgg_block", {"n_filters": [1, 2]}, **options)


def test_a_single_configuration_beyond_the_limits_says_how_to_vary_it():
    with pytest.raises(CnnbenchError) as raised:
        cnnbench.sweep("vgg_block", {}, at_most={"params": 3})
    assert str(raised.value) == (
        "the configuration is not within the limits; loosen them, or vary a parameter, as -p "
        "NAME=16:256"
    )


def test_a_grid_of_which_nothing_can_be_built_says_why():
    with pytest.raises(
        CnnbenchError, match="none of 2 configurations can be built; n_conv=0: n_conv"
    ):
        cnnbench.sweep("vgg_block", {"n_conv": [0, -1]})


# The command


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16:256", range(16, 257)),
        ("16:256:16", range(16, 257, 16)),
        ("16:40:16", range(16, 41, 16)),
        ("7:7", range(7, 8)),
        ("16:256:x2", [16, 32, 64, 128, 256]),
        ("3:100:x3", [3, 9, 27, 81]),
        ("1:3,8,16:32:16", [1, 2, 3, 8, 16, 32]),
        ("A,B", ["A", "B"]),
        ("True,False", [True, False]),
        ("64", 64),
        ("(64,64,256)", (64, 64, 256)),
        ("(1,2),(3,4)", [(1, 2), (3, 4)]),
        ("v1, v1.5", ["v1", "v1.5"]),
    ],
)
def test_values_are_read(text, expected):
    found = values("f", text)
    assert (type(found), list(found) if isinstance(found, range) else found) == (
        type(expected),
        list(expected) if isinstance(expected, range) else expected,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("256:16", "must ascend, as 16:256"),
        ("1:9:0", "step of f must be at least 1"),
        ("1:9:-1", "must look like"),
        ("1:9:x1", "by x2 or more"),
        ("0:9:x2", "from 1 on"),
        ("1:", "must look like"),
        ("1:2:3:4", "must look like"),
        ("a:b", "must look like"),
        ("1.5:3", "must look like"),
        ("", "must be like 16:256"),
        ("1,,2", "must be like 16:256"),
        ("1:" + "9" * 30, "must look like"),
        ("1:2000000,3", "lists more than 1,000,000"),
    ],
)
def test_values_that_are_none_are_refused(text, message):
    with pytest.raises(CnnbenchError, match=message):
        values("f", text)


VGG = ("sweep", "vgg_block", "-p", "n_filters=2:6:2", "--input", "8x8x3")


def test_the_table_says_what_was_tried_and_what_was_kept():
    status, out, err = run((*VGG, "-p", "n_conv=0,1", "--max-params", "150", "--dtype", "float16"))
    assert (status, err) == (0, "")
    head, counts, choice, table, _ = out.split("\n\n")
    assert head == "vgg_block(), input 1x8x8x3, float16"
    # 28 f parameters: 56, 112, 168.
    assert counts.splitlines() == [
        "6 configurations of n_filters=2:6:2 x n_conv=0,1",
        "3 cannot be built (n_filters=2, n_conv=0: n_conv must be a whole number of at least 1; "
        "got 0)",
        "2 with at most 150 parameters",
    ]
    assert choice == "first 2 of 2 by most output channels, then least FLOPs"
    rows = [line.split() for line in table.splitlines()[3:]]
    assert [row[:3] for row in rows] == [["4", "1", "112"], ["2", "1", "56"]]


def test_json_and_csv_hold_the_same_rows():
    _, text, _ = run((*VGG, "--format", "json", "--pareto"))
    _, table, _ = run((*VGG, "--format", "csv", "--pareto"))
    document = json.loads(text)
    sweep = cnnbench.sweep("vgg_block", {"n_filters": range(2, 7, 2)}, (8, 8, 3), pareto=True)
    assert document == json.loads(json.dumps(sweep.to_json()))
    assert repr(sweep) == "Sweep(vgg_block: 3 rows of 3 configurations, least flops, most channels)"
    assert document["grid"] == {"n_filters": "2:6:2"}
    assert (document["configurations"], document["found"]) == (3, 3)
    assert document["objectives"] == [
        {"metric": "flops", "goal": "minimize"},
        {"metric": "output_channels", "goal": "maximize"},
    ]
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["n_filters"] for row in rows] == ["2", "4", "6"]
    for row, record in zip(rows, document["rows"], strict=True):
        found = {**record["values"], **record["costs"]}
        assert [int(value) for value in row.values()] == list(found.values())
    assert set(rows[0]) == {"n_filters", *LABELS.values()}


def test_rows_are_measured_and_kept(tmp_path):
    folder = tmp_path / "run"
    options = ("--pareto", "--measure", "2", "--runtime", "fake", "--launches", "2")
    status, out, err = run((*VGG, *options, "--out", str(folder), "--time-budget", "20s"))
    assert (status, err) == (0, "")
    kept = store.read(folder)
    assert [case.params for case in kept.plan.cases] == [{"n_filters": 2}, {"n_filters": 6}]
    assert [case.label for case in kept.plan.cases] == ["n_filters=2", "n_filters=6"]
    assert kept.plan.launches == 2
    table = next(part for part in out.split("\n\n") if "time a call" in part)
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["2", "6"]
    assert "rank correlation" not in out  # of two
    status, _, err = run((*VGG, *options, "--out", str(folder)))
    assert status == 2
    assert "already holds a run" in err


def test_what_was_measured_is_in_csv_and_json():
    options = ("--measure", "3", "--runtime", "fake", "--launches", "1", "--time-budget", "20s")
    _, text, _ = run((*VGG, *options, "--format", "json", "--top", "3"))
    document = json.loads(text)
    assert -1 <= document["rank_correlation"] <= 1
    assert all(row["measured"]["time_s"] > 0 for row in document["rows"])
    _, text, _ = run((*VGG, *options[:1], "1", *options[2:], "--format", "csv"))
    first, *others = csv.DictReader(io.StringIO(text))
    assert float(first["time_s"]) > 0
    assert {row["time_s"] for row in others} == {""}


def result(flops, seconds):
    time = None if seconds is None else SimpleNamespace(value=seconds)
    return SimpleNamespace(cost=SimpleNamespace(flops=flops), time=time)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        # Ranks differ by 0, 1, 1, 0: 1 - 6 * 2 / (4 * 15).
        ([(10, 0.1), (20, 0.3), (30, 0.2), (99, 0.4), (5, None)], 0.8),
        ([(1, 3.0), (2, 2.0), (3, 1.0)], -1.0),
        ([(1, 3.0), (2, 2.0)], None),
        ([(1, 3.0), (1, 2.0), (1, 1.0)], None),
    ],
)
def test_the_rank_correlation_is_spearmans(pairs, expected):
    results = [result(*pair) for pair in pairs]
    found = _correlation(results)
    assert found == (None if expected is None else pytest.approx(expected))
    rows = MeasuredRows(tuple(range(len(pairs))), tuple(results), found)
    rho = "-" if expected is None else f"{expected:.2f}"
    assert repr(rows) == f"MeasuredRows({len(pairs)} rows: rank correlation {rho})"


def test_the_figure_shows_the_front_above_all_configurations(tmp_path):
    grid = {"n_filters": range(1, 5), "n_conv": [1, 2]}
    found = cnnbench.sweep("vgg_block", grid, (8, 8, 3), pareto=True, at_most={"params": 200})
    drawing = plane.draw(found)
    (axes,) = drawing.axes
    # One convolution has 28 f parameters, two have 28 f + 9 f^2 + f: 28, 56, 84, 112; 38, 94, 168.
    assert sorted(axes.collections[0].get_offsets()[:, 1]) == [1, 1, 2, 2, 3, 3, 4]
    (front,) = axes.lines
    assert list(front.get_ydata()) == [1, 2, 3, 4]
    # 64 f positions of 27 products, bias and ReLU; 16 f of pooling with 3 comparisons.
    assert list(front.get_xdata()) == [(2 * 64 * 27 + 2 * 64 + 48) * f for f in (1, 2, 3, 4)]
    # For less than the next one takes there is nothing better than the one before.
    assert front.get_drawstyle() == "steps-post"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("FLOPs", "output channels")
    plane.plane(found, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    alone = cnnbench.sweep("vgg_block", grid, (8, 8, 3), maximize=[])
    with pytest.raises(CnnbenchError, match="two objectives"):
        plane.plane(alone, tmp_path / "b.png")


LONG = "9" * 5000
SILLY = (
    *((), ("vgg_blok",), ("vgg_block", "x"), ("ResNet50",), ("vgg_block", "-p"), ("",)),
    *(("vgg_block", "-p", p) for p in ("n_filters", "=1:2", "n_filters=", "n_filters=1:", "x=1:2")),
    *(("vgg_block", "-p", f"n_filters={v}") for v in ("9:1", "1:9:0", "0", "-5:-1", "nan", LONG)),
    *(("vgg_block", "-p", f"n_filters=1:{v}") for v in (LONG, "9" * 18, "1e3", "1.5")),
    *(("vgg_block", "-p", "n_filters=1:2", "-p", "n_filters=3"),),
    *(("vgg_block", "--input", v) for v in ("", "8", "8x8", "0x8x3", "8x8x3x3", "x")),
    *(("vgg_block", name, v) for name in ("--input-size", "--input-channels", "--batch")
      for v in ("", "0", "-1", "nan", "1:", "2:1", "A", LONG)),
    *(("vgg_block", name, v) for name in ("--max-flops", "--min-params", "--max-channels")
      for v in ("", "-1", "nan", "1e6", "x", "10Q", LONG)),
    *(("vgg_block", "--max-peak", v) for v in ("", "0", "-1GB", "nan", "5X")),
    *(("vgg_block", name, v) for name in ("--minimize", "--maximize")
      for v in ("", "time", "flops,flops", "flops,", LONG)),
    *(("vgg_block", "--top", v) for v in ("-1", "x", "")),
    *(("vgg_block", "--sample", v) for v in ("0", "-1", "x", "1.5")),
    *(("vgg_block", "--seed", v) for v in ("-1", "x")),
    *(("vgg_block", "--measure", v) for v in ("-1", "x", "")),
    *(("vgg_block", "--measure", "2", "--runtime", v) for v in ("", "x")),
    *(("vgg_block", "--measure", "2", "--out", v) for v in ("", "file", "file/run")),
    *(("vgg_block", "--measure", "2", "--launches", v) for v in ("0", "-1", "x")),
    *(("vgg_block", "--measure", "2", "--time-budget", v) for v in ("", "0", "-1s", "soon")),
    ("vgg_block", "--out", "run"),
    *(("vgg_block", "--figure", v) for v in ("", "x", "x.gif", "none/x.png", "file/x.png")),
    *(("vgg_block", "--format", v) for v in ("", "mermaid", "TABLE")),
    *(("vgg_block", "--dtype", v) for v in ("", "int8", "Float32")),
    ("vgg_block", "--max-params", "1"),
    ("vgg_block", "--pareto", "--maximize", "none"),
)  # fmt: skip


def test_what_is_wrong_is_said_in_one_line(elsewhere, tmp_path):
    (tmp_path / "file").write_text("")
    check(Command(("sweep", *argv)) for argv in SILLY)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_unknown_targets_are_named():
    with pytest.raises(UnknownNameError, match="did you mean vgg_block"):
        cnnbench.sweep("vgg_blok", {})
    assert set(SIZES) == {"input_size", "input_channels", "batch"}


def test_the_sample_for_a_figure_is_uniform_over_chunks(monkeypatch):
    monkeypatch.setattr(design_space, "CHUNK", 250)
    monkeypatch.setattr(design_space, "CLOUD", 100)
    counts = np.zeros(4)
    for seed in range(50):
        found = cnnbench.sweep(
            "conv_layers",
            {"filters": range(1, 1001)},
            minimize=["channels"],
            maximize=[],
            seed=seed,
        )
        counts += np.bincount((found.cloud[:, 0] - 1) // 250, minlength=4)
    # 5000 draws, 1250 expected of each chunk, standard deviation about 29.
    assert counts.sum() == 5000
    assert abs(counts - 1250).max() < 150
