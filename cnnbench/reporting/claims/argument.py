"""The argument about one claim: what is said, of what, and what was found."""

from __future__ import annotations

from collections.abc import Sequence

from cnnbench import units
from cnnbench.claims.entry import Claim
from cnnbench.claims.evidence import Point
from cnnbench.claims.finding import Finding
from cnnbench.claims.judge import Verdict
from cnnbench.reporting.claims.words import (
    SHOW,
    holds_where,
    interval,
    machine,
    name,
    place,
    shown,
    where,
)
from cnnbench.reporting.tables import MISSING, Table, text_table
from cnnbench.runs.store import Run

_UNMEASURED = "was not measured at"


def argument(f: Finding, run: Run | None, style: str) -> list[str]:
    """Everything about one claim, as paragraphs and tables."""
    claim = f.claim
    parts = [f"{claim.name}: {claim.title}"] if style == "simple" else []
    said = claim.statement if claim.paraphrase else f'"{claim.statement}"'
    parts.append(f"{said} ({claim.source})")
    parts.append(claim.note)
    parts.append(text_table(*_networks(claim), style))
    if f.tested:
        parts += [text_table(*_on_paper(f), style), _said(f, f.on_paper, _flips(f))]
    if f.points:
        measured = [point for point in f.points if point.estimate]
        parts.append(text_table(*_measured(f, measured), style) if measured else "")
        parts.append(_said(f, f.measured, "", run) if f.measured else "Measured: not yet.")
    return [part for part in parts if part]


def _networks(claim: Claim) -> Table:
    headers = ["", "network", "input", "batch", "mode"]
    rows = []
    for label, side in claim.sides.items():
        given = ", ".join(f"{key}={value}" for key, value in side.params.items())
        only = ", ".join((*side.parts, *side.layers))
        size = side.input or units.shape(claim.case(label, None).input_shape)
        network = f"{side.target}({given})" + (f", only {only}" if only else "")
        rows.append([label, network, size, str(side.batch), side.mode])
    return headers, rows


def _on_paper(f: Finding) -> Table:
    headers = ["on paper", f.claim.variable.means if f.claim.variable else "", "base", "new"]
    rows = []
    for t in f.tested:
        show = SHOW[t.test.quantity]
        for row in t.rows:
            base = MISSING if row.base is None else show(float(row.base))
            found = [base, show(float(row.new)), shown(t.test.says, row.value)]
            holds = "yes" if row.holds else "no"
            rows.append([name(t.test), place(f.claim, row.at), *found, t.test.says.text, holds])
    return _without_empty([*headers, "found", "said", "holds"], rows)


def _measured(f: Finding, points: Sequence[Point]) -> Table:
    headers = ["measured", f.claim.variable.means if f.claim.variable else "", "found"]
    holds = {True: "yes", False: "no", None: "open"}
    rows = [
        [
            name(p.test),
            place(f.claim, p.at),
            interval(p),
            p.test.says.text,
            holds[p.holds],
            str(p.estimate.n if p.estimate else 0),
        ]
        for p in points
    ]
    return _without_empty([*headers, "said", "holds", "launches"], rows)


def _without_empty(headers: list[str], rows: list[list[str]]) -> Table:
    """A table without its second column where nothing is varied."""
    if headers[1]:
        return headers, rows
    return [headers[0], *headers[2:]], [[row[0], *row[2:]] for row in rows]


def _flips(f: Finding) -> str:
    """Where the whole claim holds, and where each of its tests flips."""
    variable = f.claim.variable
    if variable is None:
        return ""
    span = f"{variable.name} from {variable.range[0]} to {variable.range[1]}"
    if whole := holds_where(f.claim, f.segments):
        return f"Of {span} it {whole}: by bisection on the rules."
    sentence = f"It holds at {'every' if f.segments[0].holds else 'no'} {span}."
    parts = [f"{name(t.test)} {found}" for t in f.tested if (found := where(f.claim, t))]
    return f"{sentence} By itself, {'; '.join(parts)}." if parts else sentence


def _said(f: Finding, verdict: Verdict | None, more: str, run: Run | None = None) -> str:
    if run is None:
        return f"On paper: {verdict}. {more}".rstrip()
    words = {True: "holds at", False: "does not at", None: "is open at"}
    by_holds: dict[str, list[str]] = {word: [] for word in (*words.values(), _UNMEASURED)}
    for p in f.points:
        if p.at is not None:
            word = words[p.holds] if p.estimate else _UNMEASURED
            by_holds[word].append(place(f.claim, p.at))
    spoken = "; ".join(
        f"{word} {', '.join(dict.fromkeys(places))}" for word, places in by_holds.items() if places
    )
    return f"Measured {machine(run)}: {verdict}." + (f" It {spoken}." if spoken else "")
