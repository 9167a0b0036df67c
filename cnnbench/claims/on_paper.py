"""Verdicts on paper: what the rules say of a claim, and every number at which that flips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cache
from itertools import groupby, pairwise
from math import prod
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.claims.entry import Claim, ClaimTest, Side
from cnnbench.claims.said import Exact
from cnnbench.cost import Cost, LayerCost, cost
from cnnbench.errors import ClaimError, CnnbenchError
from cnnbench.graph import Graph
from cnnbench.records import Record


class ClaimVerdict(StrEnum):
    """Whether a claim is true."""

    confirmed = "confirmed"
    refuted = "refuted"
    depends = "depends"
    inconclusive = "inconclusive"


@dataclass(frozen=True, slots=True)
class PaperValue:
    """A test at one value of the variable; `value` is new / base, or new where there is no base.

    Values of networks are in counts, bytes or seconds.
    """

    at: int | None
    new: Exact
    base: Exact | None
    value: Exact
    holds: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        base = None if self.base is None else float(self.base)
        return asdict(self) | {"new": float(self.new), "base": base, "value": float(self.value)}


@dataclass(frozen=True, slots=True)
class Segment(Record):
    """From `first` to `last` a test holds, or does not hold; None where nothing is varied."""

    first: int | None
    last: int | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Tested:
    """One test on paper: at the values that the claim names, and over the whole range."""

    test: ClaimTest
    values: tuple[PaperValue, ...]
    segments: tuple[Segment, ...]

    @property
    def verdict(self) -> ClaimVerdict:
        """The verdict on this test alone."""
        return verdict_of(segment.holds for segment in self.segments)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return self.test.to_json() | {
            "verdict": self.verdict,
            "found": [value.to_json() for value in self.values],
            "holds": [segment.to_json() for segment in self.segments],
        }


@dataclass(slots=True)
class PaperJudge:
    """Judges a claim by the rules."""

    claim: Claim
    _costs: dict[str, tuple[Graph, Cost]] = field(default_factory=dict, repr=False)

    def value(self, test: ClaimTest, at: int | None) -> PaperValue:
        """A test at one value of the variable; a ClaimError if a side cannot be analysed there."""
        new = self._quantity(test, test.new, at) * test.times
        base = self._quantity(test, test.base, at) if test.base else None
        if base == 0:
            raise ClaimError(f"{self.claim.name}: {test.base!r} has no {test.quantity}")
        value = Fraction(new, base) if base else Fraction(new)
        return PaperValue(at, new, base, value, test.says.side(value) == 0)

    def judge(self) -> tuple[Tested, ...]:
        """Every test that the rules can judge."""
        return tuple(self._tested(test) for test in self.claim.tests if not test.measured)

    def _tested(self, test: ClaimTest) -> Tested:
        variable = self.claim.variable
        if variable is None:
            only = self.value(test, None)
            return Tested(test, (only,), (Segment(None, None, only.holds),))

        @cache
        def side(at: int) -> int:
            return test.says.side(self.value(test, at).value)

        values = tuple(self.value(test, at) for at in variable.at)
        first, last = variable.range
        doubled = [2**power for power in range(last.bit_length()) if first < 2**power < last]
        starts = [first, *_flips(side, [first, *doubled, last])]
        return Tested(test, values, tuple(_segments(starts, last, lambda at: side(at) == 0)))

    def _quantity(self, test: ClaimTest, name: str, at: int | None) -> int:
        side = self.claim.sides[name]
        try:
            graph, whole = self._cost(self.claim.case(name, at))
        except (CnnbenchError, TypeError) as error:
            raise ClaimError(f"{self.claim.name}: {name!r}: {error}") from None
        chosen = [place for place, layer in enumerate(whole.layers) if _belongs(layer, side)]
        if not chosen:
            raise ClaimError(f"{self.claim.name}: {name!r} has no such layers")
        if test.quantity == "peak":
            return whole.peak_activation_bytes
        if test.quantity == "weights":
            return sum(
                prod(weight.shape)
                for place in chosen
                for weight in graph.nodes[place].rule.weights
                if len(weight.shape) > 1
            )
        return sum(_OF_A_LAYER[test.quantity](whole.layers[place]) for place in chosen)

    def _cost(self, case: Case) -> tuple[Graph, Cost]:
        if case.id not in self._costs:
            graph = case.graph()
            self._costs[case.id] = graph, cost(graph)
        return self._costs[case.id]


_OF_A_LAYER: dict[str, Callable[[LayerCost], int]] = {
    "parameters": lambda layer: layer.params,
    "trainable": lambda layer: layer.trainable_params,
    "MACs": lambda layer: layer.macs,
    "FLOPs": lambda layer: layer.flops,
    "activations": lambda layer: layer.activation_bytes,
    # As papers count memory access: inputs, weights and outputs, each once.
    "traffic": lambda layer: (
        (layer.input_bytes + layer.weight_bytes + layer.activation_bytes)
        * (layer.op != "InputLayer")
    ),
}


def _belongs(layer: LayerCost, side: Side) -> bool:
    inside = not side.parts or {*side.parts} & {*layer.scope.split("/"), layer.name}
    return bool(inside) and (not side.layers or layer.op in side.layers)


def _flips(side: Callable[[int], int], points: Sequence[int]) -> list[int]:
    """The whole numbers at which `side` differs from the number before, by bisection.

    Between two neighbouring points `side` must only rise or only fall.
    """
    flips: list[int] = []
    for low, high in pairwise(points):
        if side(low) != side(high):
            alone = high - low == 1
            flips += [high] if alone else _flips(side, [low, (low + high) // 2, high])
    return flips


def _segments(starts: Sequence[int], last: int, holds: Callable[[int], bool]) -> list[Segment]:
    """Pieces of a range by their first numbers; neighbours that agree are joined into one."""
    ends = [start - 1 for start in starts[1:]] + [last]
    segments: list[Segment] = []
    for alike, group in groupby(zip(starts, ends, strict=True), lambda piece: holds(piece[0])):
        pieces = list(group)
        segments.append(Segment(pieces[0][0], pieces[-1][1], alike))
    return segments


def together(tested: Sequence[Tested]) -> list[Segment]:
    """Where several tests all hold at once."""
    every = [segment for each in tested for segment in each.segments]
    spans = [(s.first, s.last) for s in every if s.first is not None and s.last is not None]
    if not spans:
        return [Segment(None, None, all(s.holds for s in every))] if every else []
    wrong = [span for span, s in zip(spans, every, strict=True) if not s.holds]

    def hold(at: int) -> bool:
        return not any(first <= at <= last for first, last in wrong)

    return _segments(sorted({first for first, _ in spans}), max(spans)[1], hold)


def verdict_of(holds: Iterable[bool | None]) -> ClaimVerdict:
    """Confirmed where a claim holds everywhere, refuted where nowhere; None leaves a place open.

    Where some places are open, two others that disagree still show that it depends.
    """
    found = set(holds)
    if {True, False} <= found:
        return ClaimVerdict.depends
    if None in found:
        return ClaimVerdict.inconclusive
    return ClaimVerdict.confirmed if found == {True} else ClaimVerdict.refuted
