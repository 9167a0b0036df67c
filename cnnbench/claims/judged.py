"""JUDGED: a claim with its verdicts, on paper and by measurement, and the evidence for them.

On paper means by the rules, with every number at which the verdict flips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from functools import cache
from itertools import groupby, pairwise
from math import prod
from typing import Any

from cnnbench import stats
from cnnbench.cases.case import Case
from cnnbench.claims.entry import Claim, ClaimTest, Side
from cnnbench.claims.said import NEARLY, Exact
from cnnbench.cost import Cost, LayerCost, cost
from cnnbench.errors import ClaimError, CnnbenchError
from cnnbench.graph import Graph
from cnnbench.records import Record, one_line
from cnnbench.runs.result import Result, ratio, results
from cnnbench.runs.store import Run
from cnnbench.stats import Estimate

USUAL = "tensorflow"
"""The runtime that the cases of a claim name; a run of any other judges it too."""


class ClaimVerdict(StrEnum):
    """Whether a claim is true."""

    confirmed = "confirmed"
    nearly = "nearly"
    refuted = "refuted"
    depends = "depends"
    inconclusive = "inconclusive"


@dataclass(frozen=True, slots=True)
class PaperValue:
    """A test at one value of the variable; `value` is new / base, or new where there is no base.

    Values of networks are in counts, bytes or seconds. `deviation` is that of `Said`.
    """

    at: int | None
    new: Exact
    base: Exact | None
    value: Exact
    holds: bool
    deviation: float | None

    @property
    def answer(self) -> str:
        """Whether the test holds here: yes, nearly or no."""
        near = self.deviation is not None and abs(self.deviation) <= NEARLY
        return "yes" if self.holds else "nearly" if near else "no"

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
    """One test on paper: at the values that the claim names, and over the whole range.

    `near` says that it is within 1 % of the printed number wherever it does not hold.
    """

    test: ClaimTest
    values: tuple[PaperValue, ...]
    segments: tuple[Segment, ...]
    near: bool

    @property
    def verdict(self) -> ClaimVerdict:
        """The verdict on this test alone."""
        return verdict_of((segment.holds for segment in self.segments), self.near)

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
        holds = test.says.side(value) == 0
        return PaperValue(at, new, base, value, holds, test.says.deviation(value))

    def judge(self) -> tuple[Tested, ...]:
        """Every test that the rules can judge."""
        return tuple(self._tested(test) for test in self.claim.tests if not test.measured)

    def _tested(self, test: ClaimTest) -> Tested:
        variable = self.claim.variable
        if variable is None:
            only = self.value(test, None)
            whole = (Segment(None, None, only.holds),)
            return Tested(test, (only,), whole, only.answer != "no")

        @cache
        def side(at: int) -> int:
            return test.says.side(self.value(test, at).value)

        @cache
        def near(at: int) -> int:
            return test.says.near(self.value(test, at).value)

        values = tuple(self.value(test, at) for at in variable.at)
        first, last = variable.range
        doubled = [2**power for power in range(last.bit_length()) if first < 2**power < last]
        points = [first, *doubled, last]
        starts = [first, *_flips(side, points)]
        every = {*starts, *_flips(near, points)}
        return Tested(
            test,
            values,
            tuple(_segments(starts, last, lambda at: side(at) == 0)),
            all(0 in (side(at), near(at)) for at in every),
        )

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


def verdict_of(holds: Iterable[bool | None], near: bool) -> ClaimVerdict:
    """Confirmed where a claim holds everywhere, refuted where nowhere; None leaves a place open.

    Where some places are open, two others that disagree still show that it depends. `near` says
    that the claim is within 1 % of the printed number wherever it does not hold.
    """
    found = set(holds)
    if near and False in found and None not in found:
        return ClaimVerdict.nearly
    if {True, False} <= found:
        return ClaimVerdict.depends
    if None in found:
        return ClaimVerdict.inconclusive
    return ClaimVerdict.confirmed if found == {True} else ClaimVerdict.refuted


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """A test that only a run can judge, at one value of the variable.

    `estimate` is new / base, or the value itself in seconds or bytes; None where a side was not
    measured. `holds` is None where the interval leaves it open. `base` is the base alone, in
    seconds or bytes; None where there is none, or no value of it.
    """

    test: ClaimTest
    at: int | None
    estimate: Estimate | None
    holds: bool | None
    base: float | None = None

    @property
    def deviation(self) -> float | None:
        """How far the value lies from the printed number; see `Said.deviation`."""
        return self.test.says.deviation(self.estimate.value) if self.estimate else None

    @property
    def answer(self) -> str:
        """Whether the test holds here: yes, no, open, or nearly, if the whole interval is near."""
        if self.holds is None or self.estimate is None:
            return "open"
        ends = (self.estimate.low, self.estimate.high)
        near = all(end is not None and self.test.says.near(end) == 0 for end in ends)
        return "yes" if self.holds else "nearly" if near else "no"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        estimate = self.estimate
        return self.test.to_json() | {
            "at": self.at,
            "base": self.base,
            "value": estimate and estimate.value,
            "deviation": self.deviation,
            "low": estimate and estimate.low,
            "high": estimate and estimate.high,
            "launches": estimate and estimate.n,
            "holds": self.holds,
        }


@dataclass(frozen=True, slots=True)
class JudgedClaim(Record):
    """A claim, judged on paper, and by measurement if a run has its cases."""

    claim: Claim
    tested: tuple[Tested, ...]
    measurements: tuple[MeasuredValue, ...]

    def __repr__(self) -> str:
        paper, measured = f"on paper {self.on_paper or '-'}", f"measured {self.measured or '-'}"
        return one_line(self, self.claim.name, paper, measured)

    @property
    def segments(self) -> list[Segment]:
        """Where everything that the rules can judge holds at once."""
        return together(self.tested)

    @property
    def on_paper(self) -> ClaimVerdict | None:
        """By the rules; None where only a run can judge the claim."""
        if not self.tested:
            return None
        return verdict_of((s.holds for s in self.segments), all(t.near for t in self.tested))

    @property
    def measured(self) -> ClaimVerdict | None:
        """By a run; None where there is no run, or where the claim needs none."""
        if not any(value.estimate for value in self.measurements):
            return None
        by_place: dict[int | None, list[bool | None]] = {}
        for value in self.measurements:
            by_place.setdefault(value.at, []).append(value.holds)
        holds = (
            False if False in each else None if None in each else True for each in by_place.values()
        )
        return verdict_of(holds, all(v.answer != "no" for v in self.measurements))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        said = self.claim.model_dump(include={"title", "statement", "paraphrase", "source"})
        return {
            "claim": self.claim.name,
            **said,
            "on_paper": self.on_paper,
            "measured": self.measured,
            "holds": [segment.to_json() for segment in self.segments],
            "tests": [tested.to_json() for tested in self.tested],
            "measurements": [value.to_json() for value in self.measurements],
        }


def judge(claims: Iterable[Claim], run: Run | None = None) -> list[JudgedClaim]:
    """Judge claims on paper, and by a run if there is one."""
    measured = {replace(r.case, runtime=USUAL).id: r for r in results(run)[0]} if run else {}
    judged = []
    for claim in claims:
        tested = PaperJudge(claim).judge()
        tests = [test for test in claim.tests if test.measured]
        places = where(claim, tested)
        values = (_measured(claim, test, at, measured) for at in places for test in tests)
        judged.append(JudgedClaim(claim, tested, tuple(values)))
    return judged


def groups(claims: Iterable[JudgedClaim]) -> list[list[Case]]:
    """The cases that a run needs to judge these claims; the cases of one group are compared."""
    return [
        [judged.claim.case(side, value.at) for side in (value.test.base, value.test.new) if side]
        for judged in claims
        for value in judged.measurements
    ]


def where(claim: Claim, tested: Sequence[Tested]) -> Sequence[int | None]:
    """The values to measure at: those of the claim, and half, once and twice each flip."""
    variable = claim.variable
    if variable is None:
        return [None]
    low, high = variable.range
    flips = [s.first for s in together(tested)[1:] if s.first is not None]
    near = {at for flip in flips for at in (flip // 2, flip, 2 * flip) if low <= at <= high}
    return sorted(near | set(variable.at))


def _measured(
    claim: Claim, test: ClaimTest, at: int | None, measured: Mapping[str, Result]
) -> MeasuredValue:
    """What a run says of a test; its results are by the id of their case."""
    sides = [measured.get(claim.case(side, at).id) for side in (test.base, test.new) if side]
    known = [result for result in sides if result]
    estimate = _estimate(test, known) if len(known) == len(sides) else None
    holds = None
    if estimate and estimate.low is not None and estimate.high is not None:
        holds = test.says.decides(estimate.low, estimate.high)
    base = _alone(test, sides[0]) if test.base and sides[0] else None
    return MeasuredValue(test, at, estimate, holds, base)


def _alone(test: ClaimTest, side: Result) -> float | None:
    """The value of one side: bytes, seconds, or seconds a FLOP."""
    if test.quantity == "memory":
        return side.peak_bytes
    count = side.flops if test.quantity == "time per FLOP" else 1
    return side.time.value / count if side.time else None


def _estimate(test: ClaimTest, sides: Sequence[Result]) -> Estimate | None:
    """New / base, or the value of the only side."""
    *bases, new = sides
    if test.quantity == "memory":
        peaks = [side.peaks for side in sides]
        if not all(map(all, peaks)):
            return None
        return stats.separate(peaks[0], peaks[1]) if bases else stats.geometric(peaks[0])
    if not bases:
        return new.time and _times(new.time, test.times)
    estimate = ratio(bases[0], new)
    if estimate and test.quantity == "time per FLOP":
        return _times(estimate, bases[0].flops / new.flops)
    return estimate


def _times(estimate: Estimate, factor: float) -> Estimate:
    low, high = (None if end is None else end * factor for end in (estimate.low, estimate.high))
    return replace(estimate, value=estimate.value * factor, low=low, high=high)
