"""JUDGED: a claim with its verdicts and the evidence for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.claims import evidence, on_paper
from cnnbench.claims.entry import Claim
from cnnbench.claims.evidence import MeasuredValue
from cnnbench.claims.on_paper import ClaimVerdict, Segment, Tested
from cnnbench.records import one_line
from cnnbench.runs.result import results
from cnnbench.runs.store import Run

USUAL = "tensorflow"
"""The runtime that the cases of a claim name; a run of any other judges it too."""


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
        return on_paper.together(self.tested)

    @property
    def on_paper(self) -> ClaimVerdict | None:
        """By the rules; None where only a run can judge the claim."""
        return on_paper.of_segments(self.segments) if self.tested else None

    @property
    def measured(self) -> ClaimVerdict | None:
        """By a run; None where there is no run, or where the claim needs none."""
        return evidence.verdict(self.measurements)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        claim = self.claim
        return {
            "claim": claim.name,
            "title": claim.title,
            "statement": claim.statement,
            "paraphrase": claim.paraphrase,
            "source": claim.source,
            "on_paper": self.on_paper,
            "measured": self.measured,
            "holds": [segment.to_json() for segment in self.segments],
            "tests": [tested.to_json() for tested in self.tested],
            "measurements": [value.to_json() for value in self.measurements],
        }


def judge(claims: Iterable[Claim], run: Run | None = None) -> list[JudgedClaim]:
    """Judge claims on paper, and by a run if there is one.

    Raises:
        ClaimError: a network of a claim cannot be analysed.
    """
    measured = {replace(r.case, runtime=USUAL).id: r for r in results(run)[0]} if run else {}
    judged = []
    for claim in claims:
        tested = on_paper.PaperJudge(claim).judge()
        judged.append(JudgedClaim(claim, tested, evidence.values(claim, tested, measured)))
    return judged


def groups(claims: Iterable[JudgedClaim]) -> list[list[Case]]:
    """The cases that a run needs to judge these claims; the cases of one group are compared."""
    return [group for c in claims for group in evidence.groups(c.claim, c.tested)]
