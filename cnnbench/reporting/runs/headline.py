"""The head of a run's page: its question, a sentence, two numbers, and how far to trust them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeVar

from cnnbench import units
from cnnbench.cases.case import named_runtime
from cnnbench.reporting.runs.answer import payoff
from cnnbench.reporting.runs.compared_blocks import ComparedBlocks, over_runtimes
from cnnbench.reporting.tables import number, percent
from cnnbench.runs.result import Result, timed
from cnnbench.runs.store import Run
from cnnbench.stats import NOISY, Estimate

T = TypeVar("T")
Ratios = Sequence[tuple[Result, Estimate]]
"""Results beside the base of a run, each with how many times as long it takes."""
Tile = tuple[str, str, str]


def question(run: Run, results: Sequence[Result], comparisons: Sequence[ComparedBlocks]) -> str:
    """What the run asks, for its title."""
    if comparisons:
        pair = comparisons[0].comparison
        if len(comparisons[0].pairs) > 1:
            return f"From how many channels on is {pair.new} faster than {pair.base}?"
        return f"Is {pair.new} faster than {pair.base}?"
    if len(run.plan.runtimes) > 1 and not run.plan.base:
        labels = list(dict.fromkeys(r.label for r in results))
        what = labels[0] if len(labels) == 1 else f"each of {len(labels)} networks"
        return f"On which runtime is {what} the fastest?"
    others = list(dict.fromkeys(r.label for r in results if r.label != run.plan.base))
    if run.plan.base and len(others) == 1:
        return f"Is {others[0]} faster than {run.plan.base}?"
    if run.plan.base:
        return f"Which of {len(others)} networks are faster than {run.plan.base}?"
    if len(results) == 1:
        return f"How fast is {results[0].name}?"
    return f"How fast are the {len(results)} cases of {run.plan.suite}?"


def sentence(
    base: str, results: Sequence[Result], comparisons: Sequence[ComparedBlocks], ratios: Ratios
) -> str:
    """The answer in one sentence with bold words."""
    measured = timed(results)
    if not measured:
        return "**Nothing was measured:** what follows is on paper only."
    if comparisons:
        return payoff(over_runtimes(comparisons)[0])
    decided = [(ratio, r) for r, ratio in ratios if ratio.decided]
    if ratios and not decided:
        return f"**Nothing differs from {base}** by more than the intervals allow."
    if ratios:
        faster = sum(ratio.value < 1 for ratio, _ in decided)
        ratio, best = min(decided, key=lambda one: one[0].value)
        if not faster:
            return f"**Nothing is faster than {base}**; {best.name} comes nearest."
        times = number(1 / ratio.value)
        of = f"{faster} of {len(ratios)} comparisons are won against {base}"
        return f"**{of}; {best.name} is {times} times as fast.**"
    (fast, time), *_ = sorted(measured, key=lambda pair: pair[1].value)
    if len(measured) == 1:
        return f"**{fast.name} takes {units.seconds(time.value)} per call.**"
    return (
        f"**The fastest of {len(measured)} is {fast.name}: {units.seconds(time.value)} per call.**"
    )


def tiles(
    base: str, results: Sequence[Result], comparisons: Sequence[ComparedBlocks], ratios: Ratios
) -> list[Tile]:
    """The two numbers that say most: ratios where anything is compared, else times."""
    if comparisons:
        of = comparisons[0].comparison
        on = "".join(f", {runtime}" for runtime in named_runtime(of.runtime))
        pairs = [(pair, pair.ratio) for pair in comparisons[0].shown if pair.ratio]
        return [
            _tile(ratio, number, f"time of {of.new} / {of.base}, {pair.channels} channels{on}")
            for pair, ratio in _ends(pairs)
        ]
    if ratios:
        ordered = sorted(ratios, key=lambda one: one[1].value)
        return [_tile(ratio, number, f"time of {r.name} / {base}") for r, ratio in _ends(ordered)]
    times = sorted(timed(results), key=lambda one: one[1].value)
    return [_tile(time, units.seconds, f"a call of {r.name}") for r, time in _ends(times)]


def _ends(found: Sequence[T]) -> list[T]:
    """The first and the last."""
    return [found[0], *found[1:][-1:]] if found else []


def _tile(estimate: Estimate, show: Callable[[float], str], what: str) -> Tile:
    ends = (estimate.low, estimate.high)
    text = f"[{', '.join(show(end) for end in ends if end is not None)}]"
    return show(estimate.value), "" if None in ends else text, what


def badges(results: Sequence[Result], suspects: int | None) -> list[tuple[str, bool | None]]:
    """How many cases, failures, noisy cases and differences from Keras there are.

    `suspects` counts times that are too short to be true, where that could be judged.
    """
    count = len(results)
    failed = sum(r.outcome not in ("ok", "not reached") for r in results)
    missing = sum(r.outcome == "not reached" for r in results)
    found: list[tuple[str, bool | None]] = [
        (f"{count} case{'s' * (count != 1)}", None),
        (f"{failed} failed" if failed else "no failures", not failed),
    ]
    if missing:
        found.append((f"{missing} not reached", False))
    spreads = [r.spread.between for r in results if r.spread and r.spread.between is not None]
    if spreads:
        typical = median(spreads)
        found.append((f"noise: launches vary by {percent(typical)}", typical <= NOISY))
    if checked := [r.equal for r in results if r.equal is not None]:
        text = f"{sum(checked)} of {len(checked)} equal to Keras"
        found.append((text, all(checked)))
    if suspects is not None:
        text = f"{suspects} implausible times" if suspects else "every time is plausible"
        found.append((text, not suspects))
    return found
