"""FINDING: a claim with its verdicts and the evidence for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cnnbench.cases.case import Case
from cnnbench.claims import evidence, judge
from cnnbench.claims.entry import Claim
from cnnbench.claims.evidence import Point
from cnnbench.claims.judge import Segment, Tested, Verdict
from cnnbench.runs.result import results
from cnnbench.runs.store import Run


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a claim: on paper, and measured if a run has its cases."""

    claim: Claim
    tested: tuple[Tested, ...]
    points: tuple[Point, ...]

    @property
    def segments(self) -> list[Segment]:
        """Where all that the rules can judge holds at once."""
        return judge.together(self.tested)

    @property
    def on_paper(self) -> Verdict | None:
        """By the rules; None where the claim is about what only a run can show."""
        return judge.of_segments(self.segments) if self.tested else None

    @property
    def measured(self) -> Verdict | None:
        """By a run; None where there is none, or nothing in the claim needs one."""
        return evidence.verdict(self.points)


def judged(claims: Iterable[Claim], run: Run | None = None) -> list[Finding]:
    """Judge claims on paper, and by a run if there is one.

    Raises:
        ClaimError: a network of a claim cannot be analysed.
    """
    measured = {r.case.id: r for r in results(run)[0]} if run else {}
    found = []
    for claim in claims:
        tested = judge.Paper(claim).judge()
        found.append(Finding(claim, tested, evidence.points(claim, tested, measured)))
    return found


def groups(found: Iterable[Finding]) -> list[list[Case]]:
    """The cases that a run needs to judge all of these; those of one row are compared."""
    return [group for f in found for group in evidence.groups(f.claim, f.tested)]
