"""Verdicts on claims as text: all of them as a table, and the argument about one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tabulate import tabulate

from cnnbench.claims.finding import Finding
from cnnbench.claims.judge import Segment, Tested, Verdict
from cnnbench.errors import unknown
from cnnbench.reporting.claims.argument import argument
from cnnbench.reporting.claims.words import NOT_MEASURED, at_points, measured_at, name, where
from cnnbench.reporting.tables import MISSING, text_table
from cnnbench.runs.store import Run

FORMATS = {"table": "simple", "markdown": "github"}
_WIDTH = 64
_SHOWN = 3
"""Tests that do not hold and are named in the table of all claims; the rest are counted."""


def render(found: Sequence[Finding], run: Run | None, format: str, arguments: bool) -> str:
    """Verdicts for a terminal, a page or a program.

    Args:
        found: the judged claims.
        run: what they were measured by, if they were.
        format: one of FORMATS, or json.
        arguments: each claim with its whole evidence, instead of a row of a table.

    Raises:
        UnknownNameError: another format.
    """
    if format == "json":
        return json.dumps([document(f) for f in found], indent=2) + "\n"
    if format not in FORMATS:
        raise unknown("format", format, [*FORMATS, "json"])
    style = FORMATS[format]
    if arguments:
        return "\n\n\n".join("\n\n".join(argument(f, run, style)) for f in found) + "\n"
    headers, rows = table(found)
    if style == "simple":
        text = tabulate(rows, headers, tablefmt=style, maxcolwidths=[None, None, None, _WIDTH])
    else:
        text = text_table(headers, rows, style)
    return f"{text}\n\n{summary(found)}\n"


def table(found: Iterable[Finding]) -> tuple[list[str], list[list[str]]]:
    """A row a claim: both verdicts and the numbers behind them."""
    headers = ["claim", "on paper", "measured", "evidence"]
    return headers, [[f.claim.name, *verdicts(f), "; ".join(evidence(f))] for f in found]


def verdicts(f: Finding) -> tuple[str, str]:
    """On paper and measured, in a word each."""
    measured = f.measured or (NOT_MEASURED if f.points else MISSING)
    return f.on_paper or MISSING, measured


def summary(found: Sequence[Finding]) -> str:
    """How many claims have which verdict."""
    parts = []
    for what, given in (
        ("on paper", [f.on_paper for f in found if f.on_paper]),
        ("measured", [f.measured for f in found if f.measured]),
    ):
        counts = [f"{given.count(v)} {v}" for v in Verdict if v in given]
        parts += [f"{what} {', '.join(counts)}"] if counts else []
    waiting = sum(bool(f.points) and not f.measured for f in found)
    parts += [f"{waiting} {NOT_MEASURED}: --measure, or --run FOLDER"] if waiting else []
    return f"{len(found)} claim{'s' * (len(found) != 1)}: {'; '.join(parts)}"


def evidence(f: Finding) -> list[str]:
    """The numbers behind both verdicts, as short as they can be."""
    holding = [t for t in f.tested if t.verdict is Verdict.confirmed]
    if len(f.tested) > 2:
        missing = [t for t in f.tested if t not in holding]
        lines = [f"{len(holding)} of {len(f.tested)} hold"]
        lines += [_on_paper(f, t) for t in missing[:_SHOWN]]
        lines += [f"and {len(missing) - _SHOWN} more"] if len(missing) > _SHOWN else []
    else:
        lines = [_on_paper(f, t) for t in f.tested]
    for test in dict.fromkeys(point.test for point in f.points if point.estimate):
        points = [point for point in f.points if point.test == test]
        lines.append(f"{name(test)}: {', '.join(measured_at(f.claim, point) for point in points)}")
    return lines


def _on_paper(f: Finding, tested: Tested) -> str:
    said = tested.test.says
    missed = said.printed and tested.verdict is Verdict.refuted
    parts = (
        f"{name(tested.test)}: {at_points(f.claim, tested)}",
        f"not {said.text}" if missed else "",
        where(f.claim, tested),
    )
    return ", ".join(filter(None, parts))


def document(f: Finding) -> dict[str, Any]:
    """A finding as plain values."""
    claim = f.claim
    return {
        "claim": claim.name,
        "title": claim.title,
        "statement": claim.statement,
        "paraphrase": claim.paraphrase,
        "source": claim.source,
        "on_paper": f.on_paper,
        "measured": f.measured,
        "holds": [_span(s) for s in f.segments],
        "tests": [
            {
                "name": name(t.test),
                "quantity": t.test.quantity,
                "new": t.test.new,
                "base": t.test.base or None,
                "says": t.test.says.text,
                "verdict": t.verdict,
                "found": [
                    {
                        "at": row.at,
                        "new": float(row.new),
                        "base": None if row.base is None else float(row.base),
                        "value": float(row.value),
                        "holds": row.holds,
                    }
                    for row in t.rows
                ],
                "holds": [_span(s) for s in t.segments],
            }
            for t in f.tested
        ],
        "measurements": [
            {
                "name": name(p.test),
                "quantity": p.test.quantity,
                "new": p.test.new,
                "base": p.test.base or None,
                "says": p.test.says.text,
                "at": p.at,
                "value": p.estimate and p.estimate.value,
                "low": p.estimate and p.estimate.low,
                "high": p.estimate and p.estimate.high,
                "launches": p.estimate and p.estimate.n,
                "holds": p.holds,
            }
            for p in f.points
        ],
    }


def _span(s: Segment) -> dict[str, Any]:
    return {"first": s.first, "last": s.last, "holds": s.holds}
