"""The answer: what the run found, in three sentences computed from it."""

from __future__ import annotations

from collections.abc import Sequence

from cnnbench import units
from cnnbench.reporting.runs.versus import Pair, Swap, Versus, crossing_text, swaps, time_swap
from cnnbench.reporting.tables import number
from cnnbench.runs.result import Result, flops_rate, timed
from cnnbench.stats import Estimate

_ASKED = ("parameters", "FLOPs", "activation memory")


def answer(found: Sequence[Result], compared: Sequence[Versus]) -> list[str]:
    """One paragraph a comparison; without one, the extremes of what was timed."""
    paragraphs = [_comparison(v) for v in compared]
    measured = timed(found)
    if not measured:
        paragraphs.insert(0, "**Nothing was measured:** what follows is on paper only.")
    elif not paragraphs:
        paragraphs.append(_extremes(measured))
    return paragraphs


def payoff(v: Versus) -> str:
    """From how many channels on which of two blocks is faster, in one sentence."""
    swap = time_swap(v)
    base, new = v.comparison.base, v.comparison.new
    if swap is None:
        return f"{new} and {base} were not both timed at two sizes."
    if not swap.crossings:
        first, last = swap.span
        if swap.undecided is not None:
            return f"Whether {new} or {base} is faster, the intervals leave open ({v.where})."
        return f"**{swap.better} is faster at every C from {first} to {last}** ({v.where})."
    crossing = swap.crossings[0]
    winner, loser = (new, base) if crossing.a_first else (base, new)
    return (
        f"**From about {crossing.at:.0f} input channels on, {winner} is faster than {loser}**; "
        f"below, it is slower ({v.where}; between {crossing.below:.0f} and {crossing.above:.0f})."
    )


def _comparison(v: Versus) -> str:
    first, last = v.shown[0], v.shown[-1]
    subject = f"**{v.comparison.new}** has"
    sentences = [_at(first, subject, f" of **{v.comparison.base}**")]
    if last is not first:
        sentences.append(_at(last, "it has", ""))
    return f"{' '.join(sentences)} {_crossings(v)} ({v.where}.)"


def _at(pair: Pair, subject: str, base: str) -> str:
    parameters = (
        f"{number(pair.new.cost.params / pair.base.cost.params)} times the parameters"
        if pair.base.cost.params
        else f"{pair.new.cost.params:,} parameters against none"
    )
    return (
        f"At {pair.channels} input channels {subject} {parameters}{base} and {_times(pair.ratio)}."
    )


def _times(ratio: Estimate | None) -> str:
    if ratio is None:
        return "its time was not compared"
    if ratio.low is None or ratio.high is None:
        return f"takes {number(ratio.value)} times the time (one launch, so no interval)"
    text = f"takes {number(ratio.value)} times [{number(ratio.low)}, {number(ratio.high)}] the time"
    return text if ratio.decided else f"{text}, which leaves open which is faster"


def _crossings(v: Versus) -> str:
    found = swaps(v)
    on_paper = [_paper(swap) for swap in found if swap.quantity in _ASKED]
    time = next((_time(swap) for swap in found if swap.quantity == "time"), "")
    lead = "By the rules the two swap order "
    return f"{lead}{', '.join(on_paper[:-1])} and {on_paper[-1]}{time}." if on_paper else ""


def _paper(swap: Swap) -> str:
    if not swap.crossings:
        return f"never between C = {swap.span[0]} and {swap.span[1]} for {swap.quantity}"
    places = " and ".join(crossing_text(swap, crossing) for crossing in swap.crossings)
    return f"at C = {places} for {swap.quantity}"


def _time(swap: Swap) -> str:
    if swap.crossings:
        between = " and ".join(
            f"between C = {c.below:.0f} and {c.above:.0f} (about {c.at:.0f})"
            for c in swap.crossings
        )
        return f"; the measured time crosses {between}"
    if swap.undecided is not None:
        return f"; the measured time may cross about C = {swap.undecided:.0f}"
    return f"; the measured time does not cross between C = {swap.span[0]} and {swap.span[1]}"


def _extremes(measured: Sequence[tuple[Result, Estimate]]) -> str:
    ordered = sorted(measured, key=lambda pair: pair[1].value)
    (fast, fast_time), (slow, slow_time) = ordered[0], ordered[-1]
    if len(ordered) == 1:
        return f"One case was timed: {fast.name} takes {units.seconds(fast_time.value)} a call."
    speeds = sorted((r.speed or 0.0, r.name) for r, _ in measured)
    return (
        f"Of {len(ordered)} timed cases the fastest is {fast.name} "
        f"({units.seconds(fast_time.value)} a call). The slowest is {slow.name} "
        f"({units.seconds(slow_time.value)}). The highest speed is "
        f"{flops_rate(speeds[-1][0])} ({speeds[-1][1]}), the lowest {flops_rate(speeds[0][0])} "
        f"({speeds[0][1]})."
    )
