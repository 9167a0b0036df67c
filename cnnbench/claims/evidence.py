"""Verdicts by measurement: the cases that claims need, and what a run says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cnnbench import stats
from cnnbench.cases.case import Case
from cnnbench.claims.entry import Claim, ClaimTest
from cnnbench.claims.on_paper import ClaimVerdict, Tested, together
from cnnbench.runs.result import Result, ratio
from cnnbench.stats import Estimate


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


def where(claim: Claim, tested: Sequence[Tested]) -> Sequence[int | None]:
    """The values to measure at: those of the claim, and half, once and twice each flip."""
    variable = claim.variable
    if variable is None:
        return [None]
    low, high = variable.range
    flips = [s.first for s in together(tested)[1:] if s.first is not None]
    near = {at for flip in flips for at in (flip // 2, flip, 2 * flip) if low <= at <= high}
    return sorted(near | set(variable.at))


def groups(claim: Claim, tested: Sequence[Tested]) -> list[list[Case]]:
    """The cases that the claim's measured tests need; the cases of one group are compared."""
    tests = [test for test in claim.tests if test.measured]
    return [
        [claim.case(side, at) for side in (test.base, test.new) if side]
        for at in (where(claim, tested) if tests else ())
        for test in tests
    ]


def values(
    claim: Claim, tested: Sequence[Tested], measured: Mapping[str, Result]
) -> tuple[MeasuredValue, ...]:
    """What a run says, test by test.

    Args:
        claim: to be judged.
        tested: the claim on paper, which says where to look.
        measured: results by the id of their case.
    """
    tests = [test for test in claim.tests if test.measured]
    return tuple(_value(claim, test, at, measured) for at in where(claim, tested) for test in tests)


def _value(
    claim: Claim, test: ClaimTest, at: int | None, measured: Mapping[str, Result]
) -> MeasuredValue:
    new = measured.get(claim.case(test.new, at).id)
    base = measured.get(claim.case(test.base, at).id) if test.base else None
    estimate = None
    if new and base:
        estimate = _ratio(test, base, new)
    elif new and not test.base:
        estimate = _alone(test, new)
    if estimate is None or estimate.low is None or estimate.high is None:
        return MeasuredValue(test, at, estimate, None)
    return MeasuredValue(test, at, estimate, test.says.decides(estimate.low, estimate.high))


def _ratio(test: ClaimTest, base: Result, new: Result) -> Estimate | None:
    if test.quantity == "memory":
        peaks = base.peaks, new.peaks
        return stats.separate(*peaks) if all(map(all, peaks)) else None
    estimate = ratio(base, new)
    if estimate and test.quantity == "time per FLOP":
        return _times(estimate, base.flops / new.flops)
    return estimate


def _alone(test: ClaimTest, new: Result) -> Estimate | None:
    if test.quantity == "memory":
        return stats.geometric(new.peaks) if new.peaks and all(new.peaks) else None
    return new.time and _times(new.time, test.times)


def _times(estimate: Estimate, factor: float) -> Estimate:
    low, high = (None if end is None else end * factor for end in (estimate.low, estimate.high))
    return replace(estimate, value=estimate.value * factor, low=low, high=high)


def verdict(values: Sequence[MeasuredValue]) -> ClaimVerdict | None:
    """The verdict of all measured tests together; None where nothing was measured.

    Where the intervals leave some values of the variable open, two others that disagree still
    show that it depends.
    """
    if not any(value.estimate for value in values):
        return None
    by_place: dict[int | None, list[bool | None]] = {}
    for value in values:
        by_place.setdefault(value.at, []).append(value.holds)
    holds = {
        False if False in each else None if None in each else True for each in by_place.values()
    }
    if {True, False} <= holds:
        return ClaimVerdict.depends
    if None in holds:
        return ClaimVerdict.inconclusive
    return ClaimVerdict.confirmed if holds == {True} else ClaimVerdict.refuted
