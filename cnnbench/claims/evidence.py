"""Verdicts by measurement: the cases that claims need, and what a run says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cnnbench import stats
from cnnbench.cases.case import Case
from cnnbench.claims.entry import Claim, ClaimTest
from cnnbench.claims.judge import Tested, Verdict, together
from cnnbench.runs.result import Result, ratio
from cnnbench.stats import Estimate


@dataclass(frozen=True, slots=True)
class Point:
    """A test that was measured at one value of the variable.

    `estimate` is of new / base, or of the value in seconds or bytes; None where a side was not
    measured. `holds` is None where the interval leaves it open.
    """

    test: ClaimTest
    at: int | None
    estimate: Estimate | None
    holds: bool | None


def places(claim: Claim, tested: Sequence[Tested]) -> Sequence[int | None]:
    """Where to measure: where the claim is made, and at half, once and twice each flip."""
    variable = claim.variable
    if variable is None:
        return [None]
    low, high = variable.range
    flips = [s.first for s in together(tested)[1:] if s.first is not None]
    near = {at for flip in flips for at in (flip // 2, flip, 2 * flip) if low <= at <= high}
    return sorted(near | set(variable.at))


def groups(claim: Claim, tested: Sequence[Tested]) -> list[list[Case]]:
    """The cases that the claim's measured tests need; those of one row are compared."""
    tests = [test for test in claim.tests if test.measured]
    return [
        [claim.case(side, at) for side in (test.base, test.new) if side]
        for at in (places(claim, tested) if tests else ())
        for test in tests
    ]


def points(
    claim: Claim, tested: Sequence[Tested], measured: Mapping[str, Result]
) -> tuple[Point, ...]:
    """What a run says, test by test.

    Args:
        claim: to be judged.
        tested: the claim on paper, which says where to look.
        measured: results by the id of their case.
    """
    tests = [test for test in claim.tests if test.measured]
    return tuple(
        _point(claim, test, at, measured) for at in places(claim, tested) for test in tests
    )


def _point(claim: Claim, test: ClaimTest, at: int | None, measured: Mapping[str, Result]) -> Point:
    new = measured.get(claim.case(test.new, at).id)
    base = measured.get(claim.case(test.base, at).id) if test.base else None
    found = None
    if new and base:
        found = _ratio(test, base, new)
    elif new and not test.base:
        found = _value(test, new)
    if found is None or found.low is None or found.high is None:
        return Point(test, at, found, None)
    return Point(test, at, found, test.says.decides(found.low, found.high))


def _ratio(test: ClaimTest, base: Result, new: Result) -> Estimate | None:
    if test.quantity == "memory":
        peaks = base.peaks, new.peaks
        return stats.separate(*peaks) if all(map(all, peaks)) else None
    found = ratio(base, new)
    if found and test.quantity == "time per FLOP":
        return _times(found, base.flops / new.flops)
    return found


def _value(test: ClaimTest, new: Result) -> Estimate | None:
    if test.quantity == "memory":
        return stats.geometric(new.peaks) if new.peaks and all(new.peaks) else None
    return new.time and _times(new.time, test.times)


def _times(found: Estimate, factor: float) -> Estimate:
    low, high = (None if end is None else end * factor for end in (found.low, found.high))
    return replace(found, value=found.value * factor, low=low, high=high)


def verdict(found: Sequence[Point]) -> Verdict | None:
    """Of all measured tests together; None where nothing was measured.

    Where the intervals leave some places open, others that disagree still show that it depends.
    """
    if not any(point.estimate for point in found):
        return None
    by_place: dict[int | None, list[bool | None]] = {}
    for point in found:
        by_place.setdefault(point.at, []).append(point.holds)
    holds = {
        False if False in each else None if None in each else True for each in by_place.values()
    }
    if {True, False} <= holds:
        return Verdict.depends
    if None in holds:
        return Verdict.inconclusive
    return Verdict.confirmed if holds == {True} else Verdict.refuted
