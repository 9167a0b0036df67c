"""Verdicts on claims: in a table, with the argument about each, and as a page with figures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from cnnbench import units
from cnnbench.claims.entry import Claim
from cnnbench.claims.judged import ClaimVerdict, JudgedClaim, MeasuredValue, Segment, Tested
from cnnbench.claims.said import Exact, Said
from cnnbench.cost import CONVENTION
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.runs.machine import machine_rows
from cnnbench.reporting.tables import MISSING, SHOW, number, optional
from cnnbench.runs.store import Run

_NOT_MEASURED = "not measured"
_UNMEASURED = "was not measured at"
_OPPOSITE = {"% more": "% less", "% less": "% more"}
_INVERSE = {"times more": "times less", "times less": "times more"}
_WIDTH = 64
_SHOWN = 3
"""Tests that do not hold and are named in the table of all claims; the others are counted."""
_RULES = (
    "No verdict here is written by hand. A claim is data: who says what about which networks. Its "
    "verdict on paper follows from the rules, its measured verdict from the intervals of a run.",
    "confirmed: true wherever it was checked; nearly: wherever it is not true, the value is within "
    "1 % of the printed number; refuted: true nowhere; depends: true in some places, which are "
    "named; inconclusive: the intervals leave it open. A number is true if the value gives the "
    "printed digits when it is rounded or cut off; so 3.57 is a 3, and the deviation from it, "
    "which is always given, is +19.0 %. A claim that says several things is true only where all "
    "of them are.",
)


def document(claims: Sequence[JudgedClaim], run: Run | None, arguments: bool) -> Document:
    """The verdicts on some claims, for a terminal.

    One row of a table each or, with `arguments`, the whole evidence. The run is what they were
    measured by, if they were.
    """
    page = Document(data=[judged.to_json() for judged in claims])
    if arguments:
        for judged in claims:
            page.heading(f"{judged.claim.name}: {judged.claim.title}")
            _argue(page, judged, run)
    else:
        page.table(_table(claims), wrap=_WIDTH)
        page.text(_summary(claims))
    return page


def write(claims: Sequence[JudgedClaim], run: Run | None, folder: Path) -> Path:
    """Write README.md, with the argument about each claim and its figure, into a folder."""
    from cnnbench.reporting.claims import figure  # here: it imports matplotlib

    page = Document()
    page.heading("What is said about convolutional networks, and what is true", 1)
    page.text(f"{_summary(claims)}.", *_RULES)
    verdicts = [(judged, judged.measured or judged.on_paper) for judged in claims]
    for verdict in (*ClaimVerdict, None):
        alike = [judged for judged, given in verdicts if given == verdict]
        if alike:
            page.heading(f"{verdict or _NOT_MEASURED}".capitalize())
        for judged in alike:
            name, title = judged.claim.name, judged.claim.title
            with page.folded(title):
                page.heading(name, 3)
                _argue(page, judged, run)
                if figure.worth_drawing(judged):
                    page.picture(f"{name}.png", title, partial(figure.draw, judged))
    page.heading("All claims in one table")
    headers, rows = _table(claims)
    page.table((headers, [[f"[{name}](#{name})", *cells] for name, *cells in rows]))
    page.heading("Method and machine")
    page.text(f"Convention: {CONVENTION}. Intervals are of 95 %.")
    if run:
        page.table(machine_rows(run))
    return formats.write(page, folder)


def _table(claims: Sequence[JudgedClaim]) -> Table:
    """One row a claim: both verdicts and the numbers behind them."""
    headers = ["claim", "on paper", "measured", "evidence"]
    return headers, [
        [
            judged.claim.name,
            judged.on_paper or MISSING,
            judged.measured or (_NOT_MEASURED if judged.measurements else MISSING),
            "; ".join(_evidence(judged)),
        ]
        for judged in claims
    ]


def _summary(claims: Sequence[JudgedClaim]) -> str:
    """How many claims have which verdict."""
    parts = []
    for what, given in (
        ("on paper", [judged.on_paper for judged in claims if judged.on_paper]),
        ("measured", [judged.measured for judged in claims if judged.measured]),
    ):
        counts = [f"{given.count(v)} {v}" for v in ClaimVerdict if v in given]
        parts += [f"{what} {', '.join(counts)}"] if counts else []
    waiting = sum(bool(judged.measurements) and not judged.measured for judged in claims)
    parts += [f"{waiting} {_NOT_MEASURED}: --measure, or --run FOLDER"] if waiting else []
    return f"{len(claims)} claim{'s' * (len(claims) != 1)}: {'; '.join(parts)}"


def _evidence(judged: JudgedClaim) -> list[str]:
    """The numbers behind both verdicts, as short as possible."""
    if len(judged.tested) > 2:
        missing = [t for t in judged.tested if t.verdict is not ClaimVerdict.confirmed]
        lines = [f"{len(judged.tested) - len(missing)} of {len(judged.tested)} hold"]
        lines += [_row_of_paper(judged, t) for t in missing[:_SHOWN]]
        lines += [f"and {len(missing) - _SHOWN} more"] if len(missing) > _SHOWN else []
    else:
        lines = [_row_of_paper(judged, t) for t in judged.tested]
    for test in dict.fromkeys(value.test for value in judged.measurements if value.estimate):
        values = [value for value in judged.measurements if value.test == test]
        texts = [
            " at ".join([f"{interval(v)}{off(v.deviation)}", *_place(judged.claim, v.at)])
            for v in values
        ]
        lines.append(f"{test.label}: {', '.join(texts)}")
    return lines


def _row_of_paper(judged: JudgedClaim, tested: Tested) -> str:
    said, values = tested.test.says, tested.values
    texts = [f"{shown(said, value.value)}{off(value.deviation)}" for value in values]
    found = texts[:1]
    if len(set(texts)) > 1:
        places = (_place(judged.claim, value.at) for value in values)
        found = [" at ".join([text, *at]) for text, at in zip(texts, places, strict=True)]
    missed = said.printed and tested.verdict in (ClaimVerdict.refuted, ClaimVerdict.nearly)
    parts = (
        f"{tested.test.label}: {', '.join(found)}",
        f"not {said.text}" if missed else "",
        _holds_where(judged.claim, tested.segments),
    )
    return ", ".join(filter(None, parts))


def _argue(page: Document, judged: JudgedClaim, run: Run | None) -> None:
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
        page.text(_places(judged, verdict, run) if verdict else "Measured: not yet.")


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
    means = [claim.variable.means] if claim.variable else []
    rows = []
    for tested in judged.tested:
        test, show = tested.test, SHOW[tested.test.quantity]
        for value in tested.values:
            base = MISSING if value.base is None else show(float(value.base))
            numbers = [base, show(float(value.new)), shown(test.says, value.value)]
            said = [test.says.text, optional(value.deviation, deviation)]
            rows.append([test.label, *_place(claim, value.at), *numbers, *said, value.answer])
    return ["on paper", *means, "base", "new", "found", "said", "deviation", "holds"], rows


def _measured(claim: Claim, values: Sequence[MeasuredValue]) -> Table:
    means = [claim.variable.means] if claim.variable else []
    headers = ["base", "found", "said", "deviation", "holds", "launches"]
    return ["measured", *means, *headers], [
        [
            value.test.label,
            *_place(claim, value.at),
            optional(value.base, SHOW[value.test.quantity]),
            interval(value),
            value.test.says.text,
            optional(value.deviation, deviation),
            value.answer,
            str(value.estimate.n if value.estimate else 0),
        ]
        for value in values
    ]


def _flips(judged: JudgedClaim) -> str:
    """Where the whole claim holds, and where each of its tests flips."""
    variable = judged.claim.variable
    if variable is None:
        return ""
    span = f"{variable.name} from {variable.range[0]} to {variable.range[1]}"
    if whole := _holds_where(judged.claim, judged.segments):
        return f"For {span} it {whole}, by bisection on the rules."
    sentence = f"It holds at {'every' if judged.segments[0].holds else 'no'} {span}."
    alone = [(t.test.label, _holds_where(judged.claim, t.segments)) for t in judged.tested]
    parts = [f"{label} {part}" for label, part in alone if part]
    return f"{sentence} By itself, {'; '.join(parts)}." if parts else sentence


def _places(judged: JudgedClaim, verdict: ClaimVerdict, run: Run | None) -> str:
    """The measured verdict, and the values of the variable at which the claim holds."""
    found = {True: "holds at", False: "does not hold at", None: "is open at"}
    by_word: dict[str, list[str]] = {word: [] for word in (*found.values(), _UNMEASURED)}
    for value in judged.measurements:
        word = found[value.holds] if value.estimate else _UNMEASURED
        by_word[word] += _place(judged.claim, value.at)
    parts = "; ".join(
        f"{word} {', '.join(dict.fromkeys(places))}" for word, places in by_word.items() if places
    )
    where = f" {_machine(run)}" if run else ""
    return f"Measured{where}: {verdict}." + (f" It {parts}." if parts else "")


def shown(said: Said, value: Exact, *ends: Exact) -> str:
    """A value and its interval as the source would write it: 19.8 times, 81.5 % more, 9.19 Ki.

    With one digit more than the source prints; with three digits where it prints none.
    """
    reading, numbers = said.reading, [said.read(each) for each in (value, *ends)]
    # The value is less where the source says more, or more where it says less.
    if reading in _OPPOSITE and numbers[0] < 0:
        reading, numbers = _OPPOSITE[reading], [-each for each in numbers]
    digits = said.decimals
    if reading in _INVERSE and 0 < numbers[0] < 1 and all(numbers):
        reading, numbers, digits = _INVERSE[reading], [1 / each for each in numbers], None
    show = number if digits is None else f"{{:,.{digits + 1}f}}".format
    text = f"{show(numbers[0])} {reading}".rstrip()
    return f"{text} [{', '.join(map(show, sorted(numbers[1:])))}]" if ends else text


def deviation(value: float) -> str:
    """How far a value lies from the printed number: 0.0003 as +0.03 %."""
    percents = 100 * value
    digits = 2 if abs(percents) < 0.995 else 1 if abs(percents) < 99.5 else 0
    return f"{percents:+,.{digits}f} %" if value else "0 %"


def off(value: float | None) -> str:
    """How far a value is off, to be put behind it; nothing where it is not."""
    return f" (off by {deviation(abs(value))[1:]})" if value else ""


def _holds_where(claim: Claim, segments: Sequence[Segment]) -> str:
    """In which part of the range a test holds; empty where it holds everywhere or nowhere."""
    variable = claim.variable
    if variable is None or len(segments) < 2:
        return ""
    parts = []
    for first, last in ((s.first, s.last) for s in segments if s.holds):
        if first == variable.range[0]:
            parts.append(f"up to {variable.name} = {last}")
        else:
            end = "on" if last == variable.range[1] else f"to {last}"
            parts.append(f"from {variable.name} = {first} {end}")
    return f"holds {' and '.join(parts)}"


def _place(claim: Claim, at: int | None) -> list[str]:
    """C = 3, as a cell of a table; no cell where nothing is varied."""
    return [f"{claim.variable.name} = {at}"] if claim.variable else []


def interval(value: MeasuredValue) -> str:
    """A measured value with its interval, as the source would write it."""
    said, estimate = value.test.says, value.estimate
    if estimate is None:
        return _NOT_MEASURED
    if estimate.low is None or estimate.high is None:
        return shown(said, estimate.value)
    return shown(said, estimate.value, estimate.low, estimate.high)


def _machine(run: Run) -> str:
    """The machine and the framework of a run, in a few words."""
    first = next((m.environment for m in run.measurements), {})
    words = [f"on {first['cpu']}" if first.get("cpu") else "on this machine"]
    words += [f"{first['cores']} cores"] if first.get("cores") else []
    words += [f"{key} {value}" for key, value in (first.get("versions") or {}).items()]
    return ", ".join(words)
