"""The answer: what the run says, in a few sentences computed from it."""

from __future__ import annotations

from collections.abc import Sequence

from cnnbench import units
from cnnbench.reporting.runs.compared_blocks import (
    ComparedBlocks,
    Pair,
    Swap,
    over_runtimes,
    swaps,
    time_swap,
)
from cnnbench.reporting.tables import number
from cnnbench.runs.result import Result, flops_rate, timed
from cnnbench.stats import Estimate

_ASKED = ("parameters", "FLOPs", "activation memory")


def answer(results: Sequence[Result], comparisons: Sequence[ComparedBlocks]) -> list[str]:
    """One paragraph for each comparison; without a comparison, the fastest and slowest case.

    Of a comparison on several runtimes the first speaks: what is on paper is equal on all.
    """
    paragraphs = [_comparison(first) for first, *_ in over_runtimes(comparisons)]
    measured = timed(results)
    if not measured:
        paragraphs.insert(0, "**Nothing was measured:** what follows is on paper only.")
    elif not paragraphs:
        paragraphs.append(_extremes(measured))
    return paragraphs


def payoff(group: Sequence[ComparedBlocks]) -> str:
    """Which of two blocks is faster from how many channels on, in one sentence.

    Args:
        group: the comparison, on each of the runtimes.
    """
    known = [(blocks.comparison.runtime, where) for blocks in group if (where := faster(blocks))]
    if len(group) == 1 or not known:
        return _payoff(group[0])
    of = group[0].comparison
    places = "; ".join(f"on {runtime} {where}" for runtime, where in known)
    return f"**At how many input channels {of.new} is faster than {of.base}**: {places}."


def faster(blocks: ComparedBlocks) -> str:
    """At which numbers of channels the new block is faster, in a few words; empty if unknown."""
    swap = time_swap(blocks)
    if swap is None:
        return ""
    if swap.crossings:
        return " and ".join(
            f"{'from' if crossing.a_first else 'up to'} about {crossing.at:.0f} "
            f"[{crossing.below:.0f}, {crossing.above:.0f}]"
            for crossing in swap.crossings
        )
    first, last = swap.span
    if not all(pair.ratio and pair.ratio.decided for pair in blocks.timed):
        return f"not decided from {first} to {last}"
    return f"{'always' if swap.better == blocks.comparison.new else 'never'} from {first} to {last}"


def _payoff(blocks: ComparedBlocks) -> str:
    swap = time_swap(blocks)
    base, new = blocks.comparison.base, blocks.comparison.new
    if swap is None:
        return f"{new} and {base} were not both timed at two sizes."
    if swap.crossings:
        crossing = swap.crossings[0]
        winner, loser = (new, base) if crossing.a_first else (base, new)
        return (
            f"**From about {crossing.at:.0f} input channels on, {winner} is faster than {loser}**, "
            f"with fewer it is slower ({blocks.where}; the times cross between "
            f"{crossing.below:.0f} and {crossing.above:.0f} channels)."
        )
    first, last = swap.span
    if all(pair.ratio and pair.ratio.decided for pair in blocks.timed):
        return f"**{swap.better} is faster at every C from {first} to {last}** ({blocks.where})."
    return (
        f"At some C from {first} to {last} the intervals do not decide whether {new} or {base} is "
        f"faster ({blocks.where})."
    )


def _comparison(blocks: ComparedBlocks) -> str:
    first, last = blocks.shown[0], blocks.shown[-1]
    subject = f"**{blocks.comparison.new}** has"
    sentences = [_at(first, subject, f" of **{blocks.comparison.base}**")]
    if last is not first:
        sentences.append(_at(last, "it has", ""))
    return f"{' '.join(sentences)} {_crossings(blocks)} ({blocks.where}.)"


def _at(pair: Pair, subject: str, base: str) -> str:
    new, old = pair.new.cost.params, pair.base.cost.params
    has = f"{number(new / old)} times the parameters" if old else f"{new:,} parameters against none"
    return f"At {pair.channels} input channels {subject} {has}{base} and {_times(pair.ratio)}."


def _times(ratio: Estimate | None) -> str:
    if ratio is None:
        return "its time was not compared"
    if ratio.low is None or ratio.high is None:
        return f"takes {number(ratio.value)} times as long (one launch, so no interval)"
    text = f"takes {number(ratio.value)} times as long [{number(ratio.low)}, {number(ratio.high)}]"
    return text if ratio.decided else f"{text}, so that it is open which one is faster"


def _crossings(blocks: ComparedBlocks) -> str:
    if not blocks.comparison.channels:
        return ""
    known = {swap.quantity: swap for swap in swaps(blocks)}
    first, second, third = (_paper(known[name]) for name in _ASKED)
    time = _time(known["time"]) if "time" in known else ""
    return f"On paper the two swap order {first}, {second} and {third}{time}."


def _paper(swap: Swap) -> str:
    if not swap.crossings:
        return f"never between C = {swap.span[0]} and {swap.span[1]} for {swap.quantity}"
    channels = " and ".join(swap.place(crossing) for crossing in swap.crossings)
    return f"at C = {channels} for {swap.quantity}"


def _time(swap: Swap) -> str:
    if swap.crossings:
        bounds = [f"{c.below:.0f} and {c.above:.0f} (about {c.at:.0f})" for c in swap.crossings]
        return f"; the measured times cross between C = {' and between C = '.join(bounds)}"
    if swap.undecided is not None:
        return f"; the measured times may cross near C = {swap.undecided:.0f}"
    return f"; the measured times do not cross between C = {swap.span[0]} and {swap.span[1]}"


def _extremes(measured: Sequence[tuple[Result, Estimate]]) -> str:
    ordered = sorted(measured, key=lambda pair: pair[1].value)
    (fast, fast_time), (slow, slow_time) = ordered[0], ordered[-1]
    if len(ordered) == 1:
        return f"One case was timed: {fast.name} takes {units.seconds(fast_time.value)} per call."
    speeds = sorted((r.speed or 0.0, r.name) for r, _ in measured)
    return (
        f"Of {len(ordered)} timed cases the fastest is {fast.name} "
        f"({units.seconds(fast_time.value)} per call). The slowest is {slow.name} "
        f"({units.seconds(slow_time.value)}). The highest speed is "
        f"{flops_rate(speeds[-1][0])} ({speeds[-1][1]}), the lowest {flops_rate(speeds[0][0])} "
        f"({speeds[0][1]})."
    )
