"""The report, from a synthetic stored run: rows by hand arithmetic, then the whole page."""

from __future__ import annotations

import math
import re
import sys
import textwrap
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import cnnbench
from cnnbench import blocks, units
from cnnbench.cases.answer import Check
from cnnbench.cases.paper import rise_on_paper
from cnnbench.cases.plan import BlockComparison, Plan
from cnnbench.cost import CONVENTION, Cost, cost
from cnnbench.errors import UnknownNameError
from cnnbench.reporting import formats, series, style, tables
from cnnbench.reporting.document import Document, Live
from cnnbench.reporting.runs import data, live, machine, sections
from cnnbench.reporting.runs import page as page_module
from cnnbench.reporting.runs.answer import answer, payoff
from cnnbench.reporting.runs.compared_blocks import (
    ComparedBlocks,
    compared_blocks,
    swaps,
    time_swap,
)
from cnnbench.reporting.runs.data import Data
from cnnbench.reporting.runs.exported import row as exported_row
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.runs.page import document, write
from cnnbench.reporting.runs.sections import cases as section_cases
from cnnbench.reporting.runs.sections import (
    check,
    crossover,
    memory,
    modes,
    scaling,
    side_by_side,
    speed,
    spread,
)
from cnnbench.reporting.runs.sections import compared as section_compared
from cnnbench.reporting.runs.sections.scaling import scalings
from cnnbench.reporting.series import Series, exact
from cnnbench.runs import store
from cnnbench.runs.result import Result, result, results
from cnnbench.runs.store import Measurement, PredictedRise, Run
from cnnbench.stats import Doubt, Estimate
from tests.support import stored, synthetic


def trace(name: str, *shape: int) -> Cost:
    return cost(blocks.get(name).trace(shape or None))


@pytest.fixture(scope="module")
def run() -> Run:
    plan = synthetic.plan(launches=3)
    return Run(Path(), plan, tuple(synthetic.measurements(plan)))


@pytest.fixture(scope="module")
def found(run: Run) -> list[Result]:
    cases, problems = results(run)
    assert problems == []
    return cases


@pytest.fixture(scope="module")
def compared(run: Run, found: list[Result]) -> ComparedBlocks:
    (only,) = compared_blocks(run.plan, found)
    return only


def shortened(comparison: BlockComparison, most: int) -> BlockComparison:
    """The same with its costs up to so many channels only."""
    base, new = (
        {name: values[:most] for name, values in costs.items()}
        for costs in (comparison.base_costs, comparison.new_costs)
    )
    channels = comparison.channels[:most]
    return replace(comparison, range=(1, most), channels=channels, base_costs=base, new_costs=new)


def small(launches: int = 2, devices: tuple[str, ...] = ("cpu",)) -> Plan:
    """Few cases: one block at two sizes, and the comparison at two channel counts."""
    plan = synthetic.plan(launches, devices=devices)
    cases = tuple(
        case
        for case in plan.cases
        if case.label == "VGG block" or case.input_shape in ((28, 28, 3), (28, 28, 192))
    )
    comparisons = tuple(
        replace(shortened(c, 100), pairs=tuple(pair for pair in c.pairs if pair[0] in (3, 192)))
        for c in plan.comparisons
    )
    return replace(plan, cases=cases, comparisons=comparisons)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], str]:
    """Writes a report, figures built but not rendered, which is what takes the time."""

    def nothing(_: Figure, out: BinaryIO, **__: object) -> None:
        out.write(b"<svg/>")

    monkeypatch.setattr(Figure, "savefig", nothing)
    return lambda folder: write(folder).read_text(encoding="utf-8")


Page = Callable[[Path], str]


# --- the comparison --------------------------------------------------------------------


def test_the_rules_cross_where_arithmetic_says(compared: ComparedBlocks) -> None:
    # Parameters, naive: 64C + 64 + 9*128C + 128 + 25*32C + 32 = 2016C + 224. Reduced:
    # (64 + 96 + 16 + 32)C + 64 + 96 + 9*96*128 + 128 + 16 + 25*16*32 + 32 + 32
    # = 208C + 123760. 1808C > 123536 from C = 69 (68.3).
    # MACs are the weights without biases, at every position: naive 2016C; reduced
    # 208C + 9*96*128 + 25*16*32 = 208C + 123392. 1808C > 123392 from C = 69 (68.2).
    # FLOPs a position: 2 MACs; bias and ReLU, one each per channel of a convolution,
    # 2 * 224 against 2 * (64 + 96 + 128 + 16 + 32 + 32) = 736; 9C for the pool in both, less
    # or more by the same. 3616C > 246784 + 288 from C = 69 (68.3).
    # Outputs a position: naive C + 64 + 128 + 32 + C + (224 + C); reduced
    # C + 64 + 96 + 128 + 16 + 32 + C + 32 + 256. 3C + 448 > 2C + 624 from C = 177.
    # Peak without the input: the concatenation and all that goes into it. Naive
    # 2(224 + C); reduced 512: 2C + 448 > 512 from C = 33. (Reduced never has more alive.)
    exact = {s.quantity: [c.above for c in s.crossings] for s in swaps(compared) if not s.measured}
    assert exact == {
        "parameters": [69],
        "MACs": [69],
        "FLOPs": [69],
        "activation memory": [177],
        "peak memory, on paper": [33],
    }


def test_a_stored_plan_with_the_earlier_name_of_a_cost_is_read(run: Run) -> None:
    earlier = replace(run.plan.comparisons[0], base_costs={"peak memory, predicted": (7,)})
    assert earlier.base_costs == {"peak memory, on paper": (7,)}


def test_each_side_of_a_crossing_names_who_has_less(run: Run, found: list[Result]) -> None:
    names = ["naive inception", "reduced inception"]
    pair = run.plan.comparisons[0]
    turned = replace(
        pair,
        base=pair.new,
        new=pair.base,
        pairs=tuple((channels, new, base) for channels, base, new in pair.pairs),
        base_costs=pair.new_costs,
        new_costs=pair.base_costs,
    )
    for comparison in (pair, turned):
        (v,) = compared_blocks(replace(run.plan, comparisons=(comparison,)), found)
        rows = {row[0]: row for row in crossover.rows(v)[1]}
        assert rows["parameters"][2:] == ["69", *names]
        assert rows["time"][3:] == names


def test_side_by_side_has_both_blocks_and_their_ratio(compared: ComparedBlocks) -> None:
    headers, rows = side_by_side.rows(compared)
    table = {row[0]: dict(zip(headers, row, strict=True)) for row in rows}
    parameters = table["parameters"]
    assert parameters["naive inception, C = 3"] == "6,272"
    assert parameters["reduced inception, C = 3"] == "124,384"
    assert parameters["ratio, C = 3"] == "19.8"  # 124384 / 6272 = 19.83
    assert parameters["ratio, C = 192"] == "0.42"  # 163696 / 387296 = 0.4227
    assert re.fullmatch(r"1\d\.\d \[1\d\.\d, \d+\.\d\]", table["time per call"]["ratio, C = 3"])
    assert table["peak memory, measured"]["ratio, C = 3"] != tables.MISSING


def test_the_time_crosses_between_measured_points(compared: ComparedBlocks) -> None:
    # The fake takes 464 132 against 7 902 117 ns at C = 3, 16.3 against 9.6 ms at C = 128.
    swap = time_swap(compared)
    assert swap is not None
    (crossing,) = swap.crossings
    assert crossing.a_first
    assert crossing.below in (32, 64)
    assert crossing.above == 128
    assert crossing.below < crossing.at < crossing.above


def test_an_undecided_pair_does_not_bound_the_crossing(compared: ComparedBlocks) -> None:
    def pairs(middle: tuple[float, float]) -> ComparedBlocks:
        changed = [
            replace(pair, ratio=Estimate(1.1, *middle, 3)) if pair.channels == 64 else pair
            for pair in compared.pairs
        ]
        return replace(compared, pairs=tuple(changed))

    undecided, decided = (time_swap(pairs(m)) for m in ((0.9, 1.2), (1.05, 1.2)))
    assert undecided is not None
    assert decided is not None
    assert [(c.below, c.above) for c in undecided.crossings] == [(32, 128)]
    assert [(c.below, c.above) for c in decided.crossings] == [(64, 128)]


def test_a_crossing_that_no_interval_supports_is_not_claimed(compared: ComparedBlocks) -> None:
    changed = [
        replace(pair, ratio=pair.ratio and replace(pair.ratio, low=0.01, high=99.0))
        for pair in compared.pairs
    ]
    vague = replace(compared, pairs=tuple(changed))
    swap = time_swap(vague)
    assert swap is not None
    assert swap.crossings == ()
    assert 64 < (swap.undecided or 0) < 128
    row = next(row for row in crossover.rows(vague)[1] if row[0] == "time")
    assert "the intervals allow both orders" in row[2]
    assert "may cross" in answer([], [vague])[1]


def test_what_never_crosses_says_over_which_range(compared: ComparedBlocks) -> None:
    short = replace(compared, comparison=shortened(compared.comparison, 50))
    row = next(row for row in crossover.rows(short)[1] if row[0] == "parameters")
    assert row[2:] == ["does not cross between 1 and 50", *["naive inception"] * 2]
    assert "never between C = 1 and 50 for parameters" in answer([], [short])[1]


def test_the_answer_states_the_contradiction(found: list[Result], compared: ComparedBlocks) -> None:
    (text,) = answer(found, [compared])
    assert "At 3 input channels **reduced inception** has 19.8 times the parameters" in text
    assert "At 192 input channels it has 0.42 times the parameters" in text
    assert "at C = 69 for parameters, at C = 69 for FLOPs and at C = 177 for" in text
    assert re.search(r"takes 1\d\.\d times as long \[1\d\.\d, \d+\.\d\]", text)
    assert re.search(r"the measured times cross between C = \d+ and 128 \(about \d+\)", text)


def test_the_faster_block_is_named_only_where_the_intervals_decide(
    compared: ComparedBlocks,
) -> None:
    # The crossing of the fake runtime is between 64 and 128 channels.
    assert "input channels on, reduced inception is faster than naive inception**" in payoff(
        [compared]
    )
    few = tuple(pair for pair in compared.pairs if pair.channels < 64)
    text = payoff([replace(compared, pairs=few)])
    assert text.startswith("**naive inception is faster at every C from 3 to 32**")
    vague = tuple(replace(pair, ratio=Estimate(1, 0.1, 9.0, 3)) for pair in few)
    assert "do not decide" in payoff([replace(compared, pairs=(few[0], *vague[1:]))])
    assert "not both timed" in payoff([replace(compared, pairs=few[:1])])


def test_without_a_comparison_the_answer_names_the_extremes(found: list[Result]) -> None:
    (text,) = answer(found, [])
    assert "the fastest is naive inception 32x32x3" in text
    assert "The slowest is reduced inception 256x256x3" in text
    (one,) = answer(found[:1], [])
    assert one.startswith("One case was timed: VGG block 32x32x3 takes")


def test_a_compared_block_is_found_where_the_suite_measured_it_under_another_name(
    tmp_path: Path,
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        """
[[block]]
name = "first name"
target = "naive_inception_module"
inputs = ["28x28x3"]

[[block]]
name = "second name"
target = "naive_inception_module"

[[block]]
name = "reduced"
target = "inception_module"

[[compare]]
title = "by what is measured"
base = "second name"
new = "reduced"
size = "28x28"
channels = [3]
range = [1, 10]
"""
    )
    plan = synthetic.plan(3, str(file))
    assert [case.label for case in plan.cases] == ["first name", "reduced"]  # equal ones once
    cases, _ = results(Run(tmp_path, plan, tuple(synthetic.measurements(plan))))
    (v,) = compared_blocks(plan, cases)
    (pair,) = v.timed
    assert pair.base is cases[0]
    assert pair.ratio is not None
    assert side_by_side.rows(v)[0][1] == "second name, C = 3"  # as the comparison calls it


# --- scaling, memory, modes, checks -----------------------------------------------------


def test_a_block_at_several_sizes_is_fitted_and_one_at_a_single_size_is_not(
    found: list[Result],
) -> None:
    headers, rows = tables.of_items(scalings(found), scaling.COLUMNS)
    table = {row[0]: dict(zip(headers, row, strict=True)) for row in rows}
    vgg = table["VGG block, 3 channels"]
    # Everything in the block is per pixel, so that FLOPs and memory go with side^2.
    assert vgg["expected from FLOPs"] == "2.00"
    assert vgg["expected on paper"] == "2.00"
    assert vgg["exponent of peak memory"].startswith("2.00")
    assert vgg["sides"] == "32, 64, 128"
    # Batch 4 at 28x28 is measured at one size for each number of channels.
    assert not any("batch 4" in name for name in table)
    assert not any("execution modes" in name for name in table)


def test_an_exponent_of_nothing_has_no_sign(found: list[Result]) -> None:
    one = replace(scalings(found)[0], memory=Estimate(0.001, -0.001, 0.003, 6))
    assert tables.of_items([one], scaling.COLUMNS)[1][0][4] == "0.00 [0.00, 0.00]"


def test_sizes_with_different_channels_are_not_one_line() -> None:
    case = synthetic.plan().cases[0]
    cases = [replace(case, inputs=(shape,)) for shape in ((8, 8, 3), (16, 16, 3), (32, 32, 4))]
    (only,) = scalings(result(c, c.paper(), [synthetic.measure(c, 0)]) for c in cases)
    assert [r.side for r in only.results] == [8, 16]


def test_the_peak_on_paper_leaves_out_what_was_there_before_the_call() -> None:
    # 2x2x1 input into a 1x1 convolution of 64, 128 and 32: the concatenation of 225
    # channels beside its sources, 4 positions of 4 bytes; neither the input nor weights.
    network = trace("naive_inception_module", 2, 2, 1)
    assert rise_on_paper(network) == 2 * 225 * 4 * 4


def test_the_error_is_of_the_prediction_or_else_of_the_number_on_paper(run: Run) -> None:
    case = run.plan.cases[0]
    paper = case.paper()
    rise = rise_on_paper(paper.cost)
    measured = [replace(m, peak_bytes=2 * rise) for m in run.measurements if m.case == case]
    one = result(case, paper, measured)
    assert (one.predicted_peak_bytes, one.peak_on_paper_bytes, one.peak_error) == (None, rise, -0.5)
    assert tables.percent(one.peak_error) == "-50.0 %"
    assert "the number on paper is off by 50.0 % (median)" in memory.summary([one])
    assert memory.summary([one], by_model=True) == ""
    known = replace(one, predicted=PredictedRise(case.id, 2.2 * rise, 2 * rise, 3 * rise))
    assert (known.peak_on_paper_bytes, known.peak_error) == (rise, pytest.approx(0.1))
    assert "the prediction is off by 10.0 % (median)" in memory.summary([known], by_model=True)
    assert exported_row(known)["predicted_peak_bytes"] == 2.2 * rise


def test_what_was_predicted_is_read_from_the_run_and_stands_beside_the_number_on_paper(
    run: Run, tmp_path: Path
) -> None:
    case, *_ = run.plan.cases
    with store.create(tmp_path, replace(run.plan, cases=(case,), comparisons=())) as file:
        rise = PredictedRise(case.id, 3.0 * 2**20, 2.0 * 2**20, 4.0 * 2**20)
        file.append("predicted", asdict(rise))
        launch = next(m for m in run.measurements if m.case == case)
        file.append("launch", replace(launch, peak_bytes=4 * 2**20).to_json())
    stored_run = store.read(tmp_path)
    assert (stored_run.bad_lines, stored_run.predicted) == ((), {case.id: rise})
    page, cases = Document(), results(stored_run)[0]
    memory.add(page, Data(stored_run, tuple(cases), (), ()))
    # 3 MiB of 4: a quarter too few.
    row = dict(zip(*(cells[-2:] for cells in _table(page)), strict=True))
    assert row == {"predicted": "3.00 MiB", "predicted off by": "-25.0 %"}
    # Without it the same page has the number on paper alone.
    page, without = Document(), replace(stored_run, predicted={})
    memory.add(page, Data(without, tuple(results(without)[0]), (), ()))
    assert _table(page)[0] == ["case", "on paper", "measured", "on paper off by"]


def _table(page: Document) -> tuple[list[str], list[str]]:
    """The header and the first row of the only table."""
    lines = [line for line in formats.show(page, "markdown").splitlines() if line.startswith("|")]
    header, _, row = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:3]]
    return header, row


def test_modes_of_one_network_are_compared_with_graph(found: list[Result]) -> None:
    _, rows = modes.rows(found)
    assert [row[1] for row in rows] == ["graph", "eager", "xla", "predict"]
    assert len({row[0] for row in rows}) == 1
    assert rows[0][3] == "1"
    assert re.fullmatch(r"[01]\.\d+ \[.*\]", rows[1][3])


def test_a_layer_that_differs_from_keras_is_named(found: list[Result]) -> None:
    first = found[0]
    verdict = Check(4, 1, ("layer conv2d: expected 1792 parameters, Keras has 1728",))
    wrong = result(first.case, first.paper, [replace(m, check=verdict) for m in first.launches])
    _, rows = check.rows([wrong, *found[1:3]])
    assert [row[-1] for row in rows] == [verdict.differences[0], "equal in all 4 layers"]
    assert check.summary([wrong, *found[1:3]]).startswith("2 of 3 cases")
    assert check.summary([]) == "No case was compared with Keras."


def test_networks_of_one_name_are_told_apart_by_their_input_channels(found: list[Result]) -> None:
    headers, rows = check.rows(found)
    table = [dict(zip(headers, row, strict=True)) for row in rows]
    channels = {
        row["network"]: [r["input channels"] for r in table if r["network"] == row["network"]]
        for row in table
    }
    assert channels["residual_module()"] == ["3", "64"]
    assert channels["inception_module()"] == ["3, 32, 64, 128, 192"]


def test_doubts_are_grouped_with_what_to_do() -> None:
    single = Estimate(1, None, None, 1, (Doubt.SINGLE,))
    (note,) = notes([("a", single), ("b", single), ("c", None)])
    assert note.startswith("Note: one launch only, so there is no interval: a, b. To do: run")
    (many,) = notes((str(i), single) for i in range(9))
    assert "all cases" in many


def test_what_changed_during_the_run_is_named(run: Run) -> None:
    assert machine.varied(run) == []
    last = run.measurements[-1]
    elsewhere = {**last.environment, "pinned": False, "devices": {"gpu": ["Tesla T4"]}}
    on_gpu = replace(last, case=replace(last.case, device="gpu:0"), environment=elsewhere)
    assert machine.varied(replace(run, measurements=(*run.measurements, on_gpu))) == []
    versions = {**last.environment["versions"], "keras": "9"}
    other = replace(last, environment={**last.environment, "threads": 7, "versions": versions})
    (note,) = machine.varied(replace(run, measurements=(*run.measurements, other)))
    assert "differ in threads, keras" in note


def test_a_pause_between_sessions_is_not_wall_time(run: Run) -> None:
    first = replace(run.measurements[0], started=1000.0, wall_s=2.0, samples_ns=(10**9,))
    second = replace(first, started=1003.0)  # a second later
    third = replace(first, started=9000.0)  # hours later
    rows = dict(machine.machine_rows(replace(run, measurements=(first, second, third)))[1])
    # 2 + 1 + 2 + 2 s, of which 3 s in calls
    assert rows["wall time"] == "7.00 s, of which 42.9 % in timed calls"


def test_cases_that_took_turns_share_one_wall_time(run: Run) -> None:
    one = replace(run.measurements[0], started=1000.0, wall_s=4.0, samples_ns=(10**9,))
    rows = dict(machine.machine_rows(replace(run, measurements=(one, one)))[1])
    # One launch of 4 s, of which 1 s in the calls of each
    assert rows["wall time"] == "4.00 s, of which 50.0 % in timed calls"


def test_calls_of_references_are_timed_calls_too(run: Run) -> None:
    one = replace(
        run.measurements[0], started=1000.0, wall_s=4.0, sampled_s=3.0, samples_ns=(10**9,)
    )
    one = replace(one, references={"small": (1.0,)})
    alone = replace(one, references={}, sampled_s=1.0)
    share = "4.00 s, of which 75.0 % in timed calls (50.0 % of references)"
    for launch, said in ((one, share), (alone, "4.00 s, of which 25.0 % in timed calls")):
        rows = dict(machine.machine_rows(replace(run, measurements=(launch,)))[1])
        assert rows["wall time"] == said


def test_why_and_beside_what_cases_were_launched_is_said(run: Run) -> None:
    beside = replace(run.measurements[0], references={"vgg_block() 8x8x3": (1.0,)})
    plan = replace(run.plan, precision=0.02)
    asked = replace(
        run, plan=plan, measurements=(beside,), stops={"a": "enough", "b": "late", "c": "late"}
    )
    rows = dict(machine.machine_rows(asked)[1])
    assert rows["cases, launches each"].endswith("or more, until an interval is within 2.0 %")
    assert rows["launched no more because"] == "late (2 cases); enough (1 case)"
    assert rows["references beside them"] == "vgg_block() 8x8x3"


# --- figures ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def looks(run: Run, found: list[Result], compared: ComparedBlocks) -> dict[str, style.Look]:
    return Data(run, tuple(found), (compared,), ()).looks


Looks = dict[str, style.Look]


def panels(drawing: Figure) -> dict[str, style.Axes]:
    """The panels that are seen, by their titles."""
    return {axes.get_title(loc="left"): axes for axes in drawing.axes if axes.get_visible()}


def own(axes: style.Axes) -> set[tuple[float, float]]:
    """The points of the networks that a panel is about."""
    return {point for c in axes.containers for point in zip(*c[0].get_data(), strict=True)}


def test_only_compared_blocks_have_a_colour_among_more_than_six(looks: Looks) -> None:
    assert len(looks) == 11
    coloured = [name for name, look in looks.items() if look != style.PLAIN]
    assert coloured == ["naive inception", "reduced inception"]
    few = style.looks("abcdef")
    assert len({look["color"] for look in few.values()}) == 6
    assert style.looks("abcdef", "f")["f"] == few["a"]


def test_a_network_has_one_colour_in_all_figures(
    found: list[Result], compared: ComparedBlocks, looks: Looks
) -> None:
    blue = style.COLOURS[0]
    curves = crossover.draw(compared, looks).axes
    assert {axes.lines[0].get_color() for axes in curves} == {blue}
    for drawing in (speed.draw(found, looks), memory.draw(found, looks)):
        (points,) = panels(drawing)["naive inception"].containers
        assert points[0].get_color() == blue
    rows = [
        (label.get_text(), to_hex(dots.get_facecolor()[0]).upper())
        for axes in spread.draw(found, looks).axes
        for label, dots in zip(axes.get_yticklabels(), axes.collections[1::2], strict=True)
    ]
    assert {colour for name, colour in rows if name.startswith("naive inception")} == {blue}
    assert blue not in {colour for name, colour in rows if not name.startswith("naive inception")}


def test_both_networks_are_drawn_as_they_were_stored(compared: ComparedBlocks) -> None:
    naive, reduced = side_by_side.architectures(compared)
    assert (naive.name, reduced.name) == ("naive inception", "reduced inception")
    assert naive.cost.input_shape == (4, 28, 28, 192)
    old = [
        replace(pair, base=replace(pair.base, paper=replace(pair.base.paper, wiring=None)))
        for pair in compared.pairs
    ]
    assert len(side_by_side.architectures(replace(compared, pairs=tuple(old)))) == 1


def test_the_bars_are_the_ratios_in_the_colour_of_who_needs_less(
    compared: ComparedBlocks, looks: Looks
) -> None:
    axes = side_by_side.draw(compared, looks).axes[0]
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    expected = [e.value for pair in compared.shown for _, e in side_by_side.ratios(pair)]
    assert ends == pytest.approx(expected)
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == "time, measured"
    naive, reduced = style.COLOURS[:2]
    assert [to_hex(bar.get_facecolor()).upper() for bar in axes.patches] == [
        naive if ratio >= 1 else reduced for ratio in expected
    ]
    assert axes.texts[0].get_text() == "19.8 at C = 3"


def test_the_crossover_panels_draw_rules_times_and_crossings(
    compared: ComparedBlocks, looks: Looks
) -> None:
    panels = crossover.draw(compared, looks).axes
    assert [axes.get_title() for axes in panels] == [
        "parameters",
        "FLOPs",
        "activation memory",
        "time per call, measured",
    ]
    naive = panels[0].lines[0]
    assert list(naive.get_ydata()) == [2016 * c + 224 for c in range(1, 513)]
    assert [axes.texts[0].get_text() for axes in panels[:3]] == ["C = 69", "C = 69", "C = 177"]
    assert panels[3].texts[0].get_text().startswith("C ≈ ")
    named = [text.get_text() for text in panels[0].texts[1:]]
    assert named == ["naive inception", "reduced inception"]
    times = [pair.base.time.value for pair in compared.pairs if pair.base.time]
    assert list(panels[3].lines[0].get_ydata()) == times


def test_without_times_the_fourth_panel_is_the_peak_on_paper(run: Run, looks: Looks) -> None:
    nothing = replace(run, measurements=())
    cases, _ = results(nothing)
    (unmeasured,) = compared_blocks(nothing.plan, cases)
    assert crossover.draw(unmeasured, looks).axes[3].get_title() == "peak memory, on paper"


def test_scatters_hold_every_case_in_the_panel_of_its_network(
    found: list[Result], looks: Looks
) -> None:
    for title, axes in panels(speed.draw(found, looks)).items():
        mine = {(r.cost.flops, r.time.value) for r in found if r.time and r.label == title}
        assert own(axes) == mine
        assert len(axes.lines[0].get_xdata()) > len(found) - len(mine)  # the others, in grey
    peaks = panels(memory.draw(found, looks))
    assert set.union(*map(own, peaks.values())) == {
        (r.peak_on_paper_bytes, r.peak_bytes) for r in found
    }


def test_few_networks_share_a_panel_with_their_names_beside_them(found: list[Result]) -> None:
    few = [r for r in found if r.label in ("VGG block", "bottleneck", "residual, identity")]
    drawing = speed.draw(few, style.looks(r.label for r in few))
    (axes,) = drawing.axes
    assert own(axes) == {(r.cost.flops, r.time.value) for r in few if r.time}
    names = [text for text in axes.texts if "FLOP/s" not in text.get_text()]
    assert [text.get_text() for text in names] == list(dict.fromkeys(r.label for r in few))
    assert [text.get_color() for text in names] == list(map(style.dark, style.COLOURS[:3]))
    assert axes.get_legend() is None
    assert drawing.legends == []


def test_of_more_networks_than_panels_the_last_are_only_grey() -> None:
    many = [Series(str(k), str(k), [(1 + k, exact(1 + k))]) for k in range(15)]
    drawing = series.draw(many, style.looks(map(str, range(15))), lambda *_: None, "x", "y")
    assert list(panels(drawing)) == [str(k) for k in range(12)]
    assert drawing.get_supxlabel() == "x (grey: the others, 3 of them only so)"


def test_the_spread_has_a_dot_for_every_launch(found: list[Result], looks: Looks) -> None:
    columns = spread.draw(found, looks).axes
    dots = [dots for axes in columns for dots in axes.collections[1::2]]
    assert sum(len(one.get_offsets()) for one in dots) == 3 * len(found)
    names = [label.get_text() for axes in columns for label in axes.get_yticklabels()]
    assert names == [r.name for r in found]


def test_of_too_many_cases_the_spread_shows_the_widest(
    found: list[Result], looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "MOST_ROWS", 5)
    drawing = spread.draw(found, looks)
    names = {label.get_text() for axes in drawing.axes for label in axes.get_yticklabels()}
    widest = sorted(found, key=lambda r: -(r.spread.between or 0) if r.spread else 0)[:10]
    assert names == {r.name for r in widest}
    assert drawing.get_supxlabel().endswith("the 10 widest of 44 cases)")


def scaling_of_time(found: list[Result], looks: Looks) -> Figure:
    return scaling.draw(scalings(found), looks, lambda r: r.time, units.seconds, "time")


def test_scaling_has_a_panel_a_block_with_its_line(found: list[Result], looks: Looks) -> None:
    drawn = panels(scaling_of_time(found, looks))
    scaled = scalings(found)
    assert list(drawn) == [s.results[0].label for s in scaled]
    for s, axes in zip(scaled, drawn.values(), strict=True):
        assert own(axes) == {(r.side, r.time.value) for r in s.results if r.time}
    values = [r.time.value for s in scaled for r in s.results if r.time]
    for axes in drawn.values():
        assert axes.get_ylim() == pytest.approx((min(values) / 1.6, max(values) * 1.6))


def test_scaling_has_a_guide_of_slope_2_from_the_first_point(
    found: list[Result], looks: Looks
) -> None:
    for axes in panels(scaling_of_time(found, looks)).values():
        (guide,) = (line for line in axes.lines if line.get_linestyle() == ":")
        (x0, x1), (y0, y1) = guide.get_data()
        assert math.log(y1 / y0) / math.log(x1 / x0) == pytest.approx(2)
        assert (x0, y0) == min(own(axes))


def test_lines_of_constant_speed_have_round_names_in_the_first_panel(
    found: list[Result], looks: Looks
) -> None:
    first, *others = panels(speed.draw(found, looks)).values()
    texts = [text.get_text().strip() for text in first.texts]
    assert texts
    assert all(re.fullmatch(r"10{0,2} [MGT]FLOP/s", text) for text in texts), texts
    assert not any(axes.texts for axes in others)


def test_networks_beside_the_base_are_rows_and_an_open_ratio_is_hollow(
    found: list[Result],
) -> None:
    base, one, other = (next(r for r in found if r.label == label) for label in BESIDE)
    ratios = Estimate(0.5, 0.4, 0.6, 3), Estimate(1.1, 0.9, 1.3, 3)
    place = section_compared.Against(base, ((other, ratios[1]), (one, ratios[0])))
    drawing = section_compared.draw([place], style.looks(BESIDE))
    (axes,) = drawing.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(BESIDE[1:])
    points = [line for line in axes.lines if line.get_marker() not in ("None", None)]
    assert [line.get_xdata()[0] for line in points] == [0.5, 1.1]
    assert [line.get_markerfacecolor() for line in points] == [style.COLOURS[1], "white"]


BESIDE = ("VGG block", "bottleneck", "three VGG blocks")


# --- the page --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = synthetic.write(tmp_path_factory.mktemp("run") / "full", synthetic.plan(3))
    return write(folder)


def test_the_page_embeds_every_figure_that_it_writes(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    embedded = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert sorted(embedded) == sorted(p.name for p in written.parent.glob("*.png"))
    assert embedded == [
        "architecture.png",
        "compare.png",
        "crossover.png",
        "flops.png",
        "memory.png",
        "scaling.png",
        "scaling-memory.png",
        "spread.png",
    ]
    assert CONVENTION in text
    assert "44 of 44 cases have, layer by layer" in text
    assert "Every case was measured in every launch." in text
    titles = re.findall(r"^## (\d+)\. (.+)$", text, re.M)
    assert [name for _, name in titles] == [
        "Answer",
        "Crossover",
        "All cases",
        "Explore",
        "Scaling",
        "Can I trust it?",
        "Method and machine",
    ]
    assert [int(number) for number, _ in titles] == list(range(1, 8))


def test_the_page_begins_with_the_question_and_its_answer(written: Path) -> None:
    question, said, tiles, badges, *_ = written.read_text(encoding="utf-8").split("\n\n")
    assert (
        question == "# From how many channels on is reduced inception faster than naive inception?"
    )
    assert re.match(r"\*\*From about \d+ input channels on, reduced inception is faster", said)
    form = r"- time of reduced inception / naive inception, (\d+) channels: \*\*[\d.]+\*\* \[.*\]"
    assert re.findall(form, tiles) == ["3", "192"]
    assert "44 cases, no failures, noise: launches vary by " in badges
    assert "44 of 44 equal to Keras" in badges


def test_what_is_not_folded_has_less_than_120_lines_and_ten_cases(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    visible = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert len(visible.splitlines()) < 120
    table = visible.split("## 3. All cases")[1].split("## 4.")[0]
    assert table.count("\n| ") == 1 + 10
    folded = re.search(r"<summary>All 44 cases</summary>(.*?)</details>", text, re.DOTALL)
    assert folded
    assert folded[1].count("\n| ") == 1 + 44


def test_the_data_of_the_page_are_the_results(run: Run, found: list[Result]) -> None:
    blocks = [block for block in document(run).blocks if isinstance(block, Live)]
    kinds = [block.kind for block in blocks]
    assert kinds == ["lines", "cases", "explore", "explore", "multiples"]
    table = blocks[1].data
    columns = {column["name"]: column for column in table["columns"]}
    assert columns["FLOPs"]["values"] == [r.flops for r in found]
    times = [r.time.value for r in found if r.time]
    assert columns["time per call"]["values"] == pytest.approx(times, rel=1e-4)
    assert table["tags"]["network"] == [r.label for r in found]
    for case, launches in zip(found, table["launches"], strict=True):
        calls = [[call * each["median"] / 1000 for call in each["calls"]] for each in launches]
        for shown, measured in zip(calls, case.samples.values(), strict=True):
            assert shown == pytest.approx(measured, rel=1e-3)
    (parameters,) = (tab for tab in blocks[0].data["tabs"] if tab["name"] == "parameters")
    naive, _ = parameters["series"]
    assert naive["y"] == [2016 * c + 224 for c in naive["x"]]
    assert [mark["text"] for mark in parameters["marks"]] == ["C = 69"]


def test_a_page_lists_no_more_cases_than_a_browser_can_show(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "The rows as CSV" in formats.show(document(run), "html")
    for module in (data, section_cases, page_module):
        monkeypatch.setattr(module, "LISTED", 20)
    page = document(run)
    assert "The rows as CSV" not in formats.show(page, "html")
    assert page.rows
    assert len(page.rows) == 44
    blocks = {block.kind: block for block in page.blocks if isinstance(block, Live)}
    table = blocks["cases"].data
    lengths = {len(texts) for texts in (*table["tags"].values(), table["launches"])}
    assert lengths | {len(column["texts"]) for column in table["columns"]} == {20}
    tabs = [tab for kind in ("lines", "multiples") for tab in blocks[kind].data["tabs"]]
    lines = [line for tab in tabs for line in tab.get("series", tab.get("panels"))]
    marked = {row for line in lines for rows in line["cases"].values() for row in rows}
    assert marked == {*range(20)}
    text = formats.markdown(page)
    said = "Listed are the first 20 of 44 cases, which a browser can show; [results.csv]"
    (folded,) = re.findall(r"<summary>20 cases</summary>(.*?)</details>", text, re.DOTALL)
    assert (text.count(said), folded.count("\n| ")) == (1, 1 + 20)
    assert text.count("\nLeft out: 24 more rows.\n") == 2  # of phases and of the spread


def test_a_chart_has_no_more_panels_than_a_browser_can_draw(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PANELS", 1)
    (of,) = (b.data for b in document(run).blocks if isinstance(b, Live) and b.kind == "multiples")
    time = of["tabs"][0]
    assert re.fullmatch(r"time per call, the first 1 of \d+", time["name"])
    assert len(time["panels"]) == 1


def test_every_table_of_the_page_is_rectangular(written: Path) -> None:
    for block in written.read_text(encoding="utf-8").split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_results_csv_has_a_row_a_case(written: Path, found: list[Result]) -> None:
    table = pd.read_csv(written.parent / "results.csv")
    assert len(table) == 44
    first = table.iloc[0]
    assert (first["label"], first["parameters"], first["outcome"]) == ("VGG block", 38720, "ok")
    assert (first["launches_ok"], first["launches_failed"], first["calls"]) == (3, 0, 90)
    assert found[0].time is not None
    assert first["time_s"] == pytest.approx(found[0].time.value)
    assert first["gflops_per_s"] == pytest.approx(first["flops"] / first["time_s"] / 1e9)


def test_the_same_data_give_the_same_bytes(tmp_path: Path, page: Page) -> None:
    one = synthetic.write(tmp_path / "one", small())
    two = synthetic.write(tmp_path / "elsewhere", small())
    assert page(one) == page(two)
    assert (one / "results.csv").read_bytes() == (two / "results.csv").read_bytes()


def test_a_run_without_measurements_is_a_report_on_paper(tmp_path: Path, page: Page) -> None:
    text = page(synthetic.write(tmp_path / "run", small(), lambda m: None))
    assert "**Nothing was measured:**" in text
    assert "has 19.8 times the parameters" in text
    assert "its time was not compared" in text
    assert "7 of 7 cases were not reached" in text
    assert sorted(p.name for p in (tmp_path / "run").glob("*.png")) == [
        "architecture.png",
        "compare.png",
        "crossover.png",
    ]


def test_a_section_with_a_figure_is_one_new_file(
    tmp_path: Path, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = re.findall(r"^    .*$|^$", sections.__doc__ or "", re.M)
    added = tmp_path / "added"
    added.mkdir()
    (added / "parameters.py").write_text(textwrap.dedent("\n".join(example)))
    monkeypatch.setattr(sections, "__path__", [*sections.__path__, str(added)])
    try:
        text = page(synthetic.write(tmp_path / "run", small()))
    finally:
        sys.modules.pop(f"{sections.__name__}.parameters", None)
    titles = re.findall(r"^## (\d+)\. (.+)$", text, re.M)
    assert titles[2:5] == [
        ("3", "All cases"),
        ("4", "Parameters"),  # ORDER 45, between 42 and 48
        ("5", "Explore"),
    ]
    assert re.search(r"\| VGG block 32x32x3 +\| +38,720 \|", text)
    assert "![parameters of every case](parameters.png)" in text
    assert (tmp_path / "run" / "parameters.png").exists()


def test_figures_of_an_earlier_page_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    plan = small()
    plan = replace(plan, cases=plan.cases[:1], comparisons=())
    folder = synthetic.write(tmp_path / "run", plan)
    readme = write(folder)
    kept = sorted(path.name for path in folder.glob("*.png"))
    assert kept == ["flops.png", "memory.png", "spread.png"]
    for name in ("gone.png", "gone.svg", "gone.pdf"):
        style.save(lambda: style.figure(1, 1), folder / name)
    (folder / "a photo.svg").write_text("<svg>of the user</svg>")
    style.save(lambda: style.figure(1, 1), folder / "a copy.png")
    style.save(lambda: style.figure(1, 1), tmp_path / "elsewhere.png")
    (folder / "a photo.png").write_bytes(b"\x89PNG of the user")
    names = ("gone.png", "a photo.png", "../elsewhere.png", "never there.png")
    embedded = "".join(f"\n![x]({name})\n" for name in names)
    readme.write_text(readme.read_text() + embedded)
    write(folder)
    left = sorted(path.name for ending in STARS for path in folder.glob(ending))
    assert left == ["a copy.png", "a photo.png", "a photo.svg", *kept]
    assert (tmp_path / "elsewhere.png").exists()


STARS = ("*.png", "*.svg", "*.pdf")


def test_figures_are_also_written_as_svg_and_pdf(tmp_path: Path) -> None:
    plan = small()
    folder = synthetic.write(tmp_path / "run", replace(plan, cases=plan.cases[:1], comparisons=()))
    cnnbench.report(folder, figures=("svg", "pdf", "png"))
    for ending in STARS:
        assert {path.stem for path in folder.glob(ending)} == {"flops", "memory", "spread"}
    # For a paper: letters are shapes, which need no font.
    drawing = ElementTree.parse(folder / "flops.svg").getroot()
    assert drawing.get("width") == "720pt"
    assert not [node for node in drawing.iter() if node.tag.endswith("}text")]
    assert (folder / "flops.pdf").read_bytes().startswith(b"%PDF-")
    with pytest.raises(UnknownNameError, match="unknown format of a figure 'gif'; known: pdf, png"):
        cnnbench.report(folder, figures=["gif"])


def failing(outcome: str) -> Callable[[Measurement], Measurement]:
    def change(m: Measurement) -> Measurement:
        return replace(
            m, outcome=outcome, detail="120 s | over", samples_ns=(), peak_bytes=None, check=None
        )

    return change


def test_a_run_in_which_everything_failed_says_why(tmp_path: Path, page: Page) -> None:
    text = page(synthetic.write(tmp_path / "run", small(), failing("timeout")))
    assert "**Nothing was measured:**" in text
    assert re.search(r"\| vgg_block\(\) 32x32x3 .* \| +0, 1 \| timeout +\| 120 s \\\| over", text)
    assert "No case was compared with Keras." in text
    table = pd.read_csv(tmp_path / "run" / "results.csv")
    assert set(table["outcome"]) == {"timeout"}
    assert set(table["launches_failed"]) == {2}


def test_a_run_cut_short_reports_what_it_has(tmp_path: Path, page: Page) -> None:
    def cut(m: Measurement) -> Measurement | None:
        return m if m.launch == 0 and m.case.label == "VGG block" else None

    folder = synthetic.write(tmp_path / "run", small(), cut)
    with open(folder / store.FILE, "ab") as file:
        file.write(b'{"schema": 1, "type": "lau')
    text = page(folder)
    assert "4 of 7 cases were not reached" in text
    assert "3 cases have fewer launches than the 2 planned" in text
    assert "one launch only, so there is no interval" in text
    assert "Lines of measurements.jsonl that could not be read: 1." in text
    # After the plan, the costs of 7 cases and 3 launches.
    assert "measurements.jsonl:12: not a record" in text
    assert "its time was not compared" in text


def test_memory_that_does_not_rise_is_tabled_and_not_drawn(tmp_path: Path, page: Page) -> None:
    text = page(synthetic.write(tmp_path / "run", small(), lambda m: replace(m, peak_bytes=0)))
    assert re.search(r"\| +0 B \|", text)
    assert "memory.png" not in text
    assert "scaling.png" in text


def test_a_suite_without_comparisons_and_with_one_size(tmp_path: Path, page: Page) -> None:
    plan = small()
    plan = replace(plan, cases=plan.cases[:1], comparisons=())
    text = page(synthetic.write(tmp_path / "run", plan))
    assert "One case was timed: VGG block 32x32x3" in text
    assert "Crossover" not in text
    assert "Scaling" not in text


def test_a_case_whose_costs_are_lost_is_named_and_left_out(tmp_path: Path, page: Page) -> None:
    plan = small()
    folder = synthetic.write(tmp_path / "run", plan)
    first = plan.cases[0]
    assert f"{first.id}: its costs were not stored" not in page(folder)
    stored.lose_costs(folder, first)
    text = page(folder)
    assert f"{first.id}: its costs were not stored" in text
    assert "One case was timed" not in text


def test_two_devices_have_a_comparison_each(tmp_path: Path, page: Page) -> None:
    text = page(synthetic.write(tmp_path / "run", small(devices=("cpu", "gpu"))))
    assert "(28x28, batch 4, cpu.)" in text
    assert "(28x28, batch 4, gpu.)" in text
    assert {"compare-2.png", "crossover-2.png", "scaling-2.png"} <= {
        p.name for p in (tmp_path / "run").iterdir()
    }


def test_whole_numbers_stay_whole_and_missing_ones_are_empty(found: list[Result]) -> None:
    missing = result(found[0].case, found[0].paper, [])
    table = pd.DataFrame(map(exported_row, [found[1], missing]))
    assert str(table["flops"].dtype) == "int64"
    assert list(table["time_s"].isna()) == [False, True]
    assert list(table["outcome"]) == ["ok", "not reached"]
