"""The argument about one claim: what is said, of which networks, and the evidence."""

from __future__ import annotations

from collections.abc import Sequence

from cnnbench import units
from cnnbench.claims.entry import Claim
from cnnbench.claims.evidence import MeasuredValue
from cnnbench.claims.judged import JudgedClaim
from cnnbench.claims.on_paper import ClaimVerdict
from cnnbench.reporting.claims.words import SHOW, holds_where, interval, machine, place, shown
from cnnbench.reporting.document import Document
from cnnbench.reporting.tables import MISSING, Table
from cnnbench.runs.store import Run

_UNMEASURED = "was not measured at"


def argue(page: Document, judged: JudgedClaim, run: Run | None) -> None:
    """Add everything about one claim to a page."""
    claim = judged.claim
    said = claim.statement if claim.paraphrase else f'"{claim.statement}"'
    page.text(f"{said} ({claim.source})", claim.note)
    page.table(_networks(claim))
    if judged.on_paper:
        page.table(_on_paper(judged))
        page.text(f"On paper: {judged.on_paper}. {_flips(judged)}".rstrip())
    if judged.measurements:
        page.table(_measured(claim, [value for value in judged.measurements if value.estimate]))
        verdict = judged.measured
        page.text(_places(judged, verdict, run) if run and verdict else "Measured: not yet.")


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


def _on_paper(judged: JudgedClaim) -> Table:
    claim = judged.claim
    headers = ["on paper", claim.variable.means if claim.variable else "", "base", "new"]
    rows = []
    for tested in judged.tested:
        test, show = tested.test, SHOW[tested.test.quantity]
        for value in tested.values:
            base = MISSING if value.base is None else show(float(value.base))
            numbers = [base, show(float(value.new)), shown(test.says, value.value)]
            holds = "yes" if value.holds else "no"
            rows.append([test.label, place(claim, value.at), *numbers, test.says.text, holds])
    return _without_empty([*headers, "found", "said", "holds"], rows)


def _measured(claim: Claim, values: Sequence[MeasuredValue]) -> Table:
    headers = ["measured", claim.variable.means if claim.variable else "", "found"]
    holds = {True: "yes", False: "no", None: "open"}
    rows = [
        [
            value.test.label,
            place(claim, value.at),
            interval(value),
            value.test.says.text,
            holds[value.holds],
            str(value.estimate.n if value.estimate else 0),
        ]
        for value in values
    ]
    return _without_empty([*headers, "said", "holds", "launches"], rows)


def _without_empty(headers: list[str], rows: list[list[str]]) -> Table:
    """A table without its second column where nothing is varied."""
    if headers[1]:
        return headers, rows
    return [headers[0], *headers[2:]], [[row[0], *row[2:]] for row in rows]


def _flips(judged: JudgedClaim) -> str:
    """Where the whole claim holds, and where each of its tests flips."""
    variable = judged.claim.variable
    if variable is None:
        return ""
    span = f"{variable.name} from {variable.range[0]} to {variable.range[1]}"
    if whole := holds_where(judged.claim, judged.segments):
        return f"For {span} it {whole}, by bisection on the rules."
    sentence = f"It holds at {'every' if judged.segments[0].holds else 'no'} {span}."
    alone = [(t.test.label, holds_where(judged.claim, t.segments)) for t in judged.tested]
    parts = [f"{label} {part}" for label, part in alone if part]
    return f"{sentence} By itself, {'; '.join(parts)}." if parts else sentence


def _places(judged: JudgedClaim, verdict: ClaimVerdict, run: Run) -> str:
    """The measured verdict, and the values of the variable at which the claim holds."""
    words = {True: "holds at", False: "does not hold at", None: "is open at"}
    by_word: dict[str, list[str]] = {word: [] for word in (*words.values(), _UNMEASURED)}
    for value in judged.measurements:
        if value.at is not None:
            word = words[value.holds] if value.estimate else _UNMEASURED
            by_word[word].append(place(judged.claim, value.at))
    parts = "; ".join(
        f"{word} {', '.join(dict.fromkeys(places))}" for word, places in by_word.items() if places
    )
    return f"Measured {machine(run)}: {verdict}." + (f" It {parts}." if parts else "")
