"""Verdicts on claims: all of them in a table, or the argument about each."""

from __future__ import annotations

from collections.abc import Sequence

from cnnbench.claims.judged import JudgedClaim
from cnnbench.claims.on_paper import ClaimVerdict, Tested
from cnnbench.reporting.claims.argument import argue
from cnnbench.reporting.claims.words import NOT_MEASURED, at_points, holds_where, measured_at
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.tables import MISSING
from cnnbench.runs.store import Run

_WIDTH = 64
_SHOWN = 3
"""Tests that do not hold and are named in the table of all claims; the others are counted."""


def document(claims: Sequence[JudgedClaim], run: Run | None, arguments: bool) -> Document:
    """The verdicts on some claims.

    Args:
        claims: which were judged.
        run: what they were measured by; None if they were not.
        arguments: the whole evidence for each claim, instead of one row of a table.
    """
    page = Document(data=[judged.to_json() for judged in claims])
    if arguments:
        for judged in claims:
            page.heading(f"{judged.claim.name}: {judged.claim.title}")
            argue(page, judged, run)
    else:
        page.table(table(claims), wrap=_WIDTH)
        page.text(summary(claims))
    return page


def table(claims: Sequence[JudgedClaim]) -> Table:
    """One row a claim: both verdicts and the numbers behind them."""
    headers = ["claim", "on paper", "measured", "evidence"]
    return headers, [
        [
            judged.claim.name,
            judged.on_paper or MISSING,
            judged.measured or (NOT_MEASURED if judged.measurements else MISSING),
            "; ".join(_evidence(judged)),
        ]
        for judged in claims
    ]


def summary(claims: Sequence[JudgedClaim]) -> str:
    """How many claims have which verdict."""
    parts = []
    for what, given in (
        ("on paper", [judged.on_paper for judged in claims if judged.on_paper]),
        ("measured", [judged.measured for judged in claims if judged.measured]),
    ):
        counts = [f"{given.count(v)} {v}" for v in ClaimVerdict if v in given]
        parts += [f"{what} {', '.join(counts)}"] if counts else []
    waiting = sum(bool(judged.measurements) and not judged.measured for judged in claims)
    parts += [f"{waiting} {NOT_MEASURED}: --measure, or --run FOLDER"] if waiting else []
    return f"{len(claims)} claim{'s' * (len(claims) != 1)}: {'; '.join(parts)}"


def _evidence(judged: JudgedClaim) -> list[str]:
    """The numbers behind both verdicts, as short as possible."""
    if len(judged.tested) > 2:
        missing = [t for t in judged.tested if t.verdict is not ClaimVerdict.confirmed]
        lines = [f"{len(judged.tested) - len(missing)} of {len(judged.tested)} hold"]
        lines += [_on_paper(judged, t) for t in missing[:_SHOWN]]
        lines += [f"and {len(missing) - _SHOWN} more"] if len(missing) > _SHOWN else []
    else:
        lines = [_on_paper(judged, t) for t in judged.tested]
    for test in dict.fromkeys(value.test for value in judged.measurements if value.estimate):
        values = [value for value in judged.measurements if value.test == test]
        texts = [measured_at(judged.claim, value) for value in values]
        lines.append(f"{test.label}: {', '.join(texts)}")
    return lines


def _on_paper(judged: JudgedClaim, tested: Tested) -> str:
    said = tested.test.says
    missed = said.printed and tested.verdict is ClaimVerdict.refuted
    parts = (
        f"{tested.test.label}: {at_points(judged.claim, tested)}",
        f"not {said.text}" if missed else "",
        holds_where(judged.claim, tested.segments),
    )
    return ", ".join(filter(None, parts))
