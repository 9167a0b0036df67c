"""Two blocks over a range of input channels: measured pairs, costs, and where the order changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

from cnnbench import stats, units
from cnnbench.cases.case import named_runtime, named_threads
from cnnbench.cases.paper import QUANTITIES
from cnnbench.cases.plan import BlockComparison, Plan
from cnnbench.runs.result import Result, ratio
from cnnbench.stats import Crossing, Estimate

Curves = tuple[Sequence[int], Sequence[float], Sequence[float]]
"""Channels, and a quantity of the base and of the new block at each."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Both blocks at one number of input channels; `ratio` is of their times, new / base."""

    channels: int
    base: Result
    new: Result
    ratio: Estimate | None


@dataclass(frozen=True, slots=True)
class ComparedBlocks:
    """Two blocks that a suite compares on one device, and what was measured of them."""

    comparison: BlockComparison
    pairs: tuple[Pair, ...]

    def curves(self, quantity: str) -> Curves:
        """A quantity by the rules."""
        of = self.comparison
        return of.channels, of.base_costs[quantity], of.new_costs[quantity]

    @property
    def shown(self) -> list[Pair]:
        """The pairs that the suite wants side by side; all where it does not say."""
        show = self.comparison.show
        return [pair for pair in self.pairs if pair.channels in show or not show]

    @property
    def timed(self) -> list[Pair]:
        """The pairs of which both were measured."""
        return [pair for pair in self.pairs if pair.base.time and pair.new.time]

    @property
    def where(self) -> str:
        """The size, batch, device, runtime and threads at which both were compared."""
        of = self.comparison
        place = [of.device, *named_runtime(of.runtime), *named_threads(of.threads)]
        return ", ".join([units.shape(of.size), f"batch {of.batch_size}", *place])

    @property
    def title(self) -> str:
        """The comparison's own title, and where both were compared."""
        return f"{self.comparison.title} ({self.where})"


@dataclass(frozen=True, slots=True)
class Swap:
    """Where two blocks swap their order in one quantity, measured or computed from the rules.

    `better` is the block with the lower value at the low end of the range, `span` the lowest and
    the highest number of channels, and `undecided` where the values cross if the intervals do not
    decide that they do.
    """

    quantity: str
    measured: bool
    crossings: tuple[Crossing, ...]
    better: str
    span: tuple[int, int]
    undecided: float | None = None

    def place(self, crossing: Crossing) -> str:
        """The first C at which the order has flipped, or the measured bounds around it."""
        if not self.measured:
            return f"{crossing.above:.0f}"
        return f"{crossing.below:.0f} to {crossing.above:.0f} (about {crossing.at:.0f})"


def compared_blocks(plan: Plan, results: Sequence[Result]) -> list[ComparedBlocks]:
    """Every comparison of a plan that has a pair to show of which both costs are known."""
    known = {r.case.id: r for r in results}
    found = []
    for comparison in plan.comparisons:
        pairs = [
            Pair(channels, known[base], known[new], ratio(known[base], known[new]))
            for channels, base, new in comparison.pairs
            if base in known and new in known
        ]
        found.append(ComparedBlocks(comparison, tuple(pairs)))
    return [blocks for blocks in found if blocks.shown]


def over_runtimes(comparisons: Sequence[ComparedBlocks]) -> list[list[ComparedBlocks]]:
    """The comparisons in groups that are alike but for the runtime; costs are equal in each."""
    groups: dict[str, list[ComparedBlocks]] = {}
    for blocks in comparisons:
        of = blocks.comparison
        key = repr((of.title, of.base, of.new, of.size, of.batch_size, of.device, of.threads))
        groups.setdefault(key, []).append(blocks)
    return list(groups.values())


def swaps(blocks: ComparedBlocks) -> list[Swap]:
    """Where the blocks swap their order in each quantity.

    What the rules give is exact; a measured quantity crosses between two measured points.
    """
    on_paper = QUANTITIES if blocks.comparison.channels else ()
    known = [_swap(blocks, name, False, blocks.curves(name)) for name in on_paper]
    if times := time_swap(blocks):
        known.append(times)
    peaks = [
        (p.channels, p.base.peak_bytes, p.new.peak_bytes)
        for p in blocks.pairs
        if p.base.peak_bytes and p.new.peak_bytes
    ]
    if len(peaks) > 1:
        x, base, new = zip(*peaks, strict=True)
        known.append(_swap(blocks, "peak memory, measured", True, (x, base, new)))
    return known


def time_swap(blocks: ComparedBlocks) -> Swap | None:
    """Where the measured times swap their order; None with fewer than two measured pairs.

    A pair whose interval contains 1 has no order, so it cannot bound a crossing. Its values still
    help to place the crossing between the neighbours that do. A pair without an interval, because
    there was only one launch, counts in the order of its values.
    """
    pairs = [(pair.channels, pair.ratio) for pair in blocks.pairs if pair.ratio]
    if len(pairs) < 2:
        return None
    # The ratios, not the two times: they were taken in turn, so what slowed one slowed both.
    curves = [x for x, _ in pairs], [1.0] * len(pairs), [ratio.value for _, ratio in pairs]
    plain = _swap(blocks, "time", True, curves)
    sure = [ratio.decided or ratio.low is None for _, ratio in pairs]
    crossings = []
    for bound in stats.crossings(*(list(compress(values, sure)) for values in curves)):
        inside = [c.at for c in plain.crossings if bound.below <= c.at <= bound.above]
        # Several crossings within one bound are noise around a single one: take the middle one.
        at = inside[len(inside) // 2] if inside else bound.at
        crossings.append(Crossing(at, bound.below, bound.above, bound.a_first))
    undecided = plain.crossings[0].at if plain.crossings and not crossings else None
    return Swap("time", True, tuple(crossings), plain.better, plain.span, undecided)


def _swap(blocks: ComparedBlocks, quantity: str, measured: bool, curves: Curves) -> Swap:
    x, base, new = curves
    crossings = tuple(stats.crossings(x, base, new))
    first = next(((a, b) for a, b in zip(base, new, strict=True) if a != b), None)
    pair = blocks.comparison
    better = (pair.base if first[0] < first[1] else pair.new) if first else ""
    return Swap(quantity, measured, crossings, better, (x[0], x[-1]))
