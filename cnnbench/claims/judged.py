"""JUDGED: a claim with its verdicts, on paper and by measurement, and the evidence for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cnnbench import stats
from cnnbench.cases.case import Case
from cnnbench.claims.entry import Claim, ClaimTest
from cnnbench.claims.on_paper import ClaimVerdict, PaperJudge, Segment, Tested, together, verdict_of
from cnnbench.records import one_line
from cnnbench.runs.result import Result, ratio, results
from cnnbench.runs.store import Run
from cnnbench.stats import Estimate

USUAL = "tensorflow"
"""The runtime that the cases of a claim name; a run of any other judges it too."""


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """A test that only a run can judge, at one value of the variable.

    `estimate` is new / base, or the value itself in seconds or bytes; None where a side was not
    measured. `holds` is None where the interval leaves it open.
    """

    test: ClaimTest
    at: int | None
    estimate: Estimate | None
    holds: bool | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        estimate = self.estimate
        return self.test.to_json() | {
            "at": self.at,
            "value": estimate and estimate.value,
            "low": estimate and estimate.low,
            "high": estimate and estimate.high,
            "launches": estimate and estimate.n,
            "holds": self.holds,
        }


@dataclass(frozen=True, slots=True)
class JudgedClaim:
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
        return verdict_of(s.holds for s in self.segments) if self.tested else None

    @property
    def measured(self) -> ClaimVerdict | None:
        """By a run; None where there is no run, or where the claim needs none."""
        if not any(value.estimate for value in self.measurements):
            return None
        by_place: dict[int | None, list[bool | None]] = {}
        for value in self.measurements:
            by_place.setdefault(value.at, []).append(value.holds)
        return verdict_of(
            False if False in each else None if None in each else True for each in by_place.values()
        )

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
    if estimate is None or estimate.low is None or estimate.high is None:
        return MeasuredValue(test, at, estimate, None)
    return MeasuredValue(test, at, estimate, test.says.decides(estimate.low, estimate.high))


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
