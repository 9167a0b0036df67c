"""Runs beside each other and beside limits (`cnnbench compare`), and the baselines for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from cnnbench import paths, stats, units
from cnnbench.errors import one_line
from cnnbench.reporting.document import Document
from cnnbench.reporting.formats import markdown
from cnnbench.reporting.runs.notes import listed, notes
from cnnbench.reporting.tables import SHOW, Columns, interval, number, of_items, optional
from cnnbench.runs.baselines import Baseline
from cnnbench.runs.comparison import CaseChange, NetworkChange, RunComparison
from cnnbench.runs.gate import CHANGE, Gate, LimitedCase, LimitVerdict
from cnnbench.stats import Estimate

T = TypeVar("T")

COMMENT = 65_536
"""The most characters of a comment on GitHub; the summary of a job may have 1 MiB, so more."""


def document(comparison: RunComparison, gate: Gate | None = None) -> Document:
    """A comparison as a table and remarks, with its gate if it has one; as CSV only the cases."""
    data = comparison.to_json()
    data["notes"] += _doubts(comparison)
    if gate:
        data["gate"] = gate.to_json()
    page = Document(rows=comparison.records(), data=data)
    if comparison.networks:
        page.text(f"{_networks(comparison)}:")
        page.table(of_items(comparison.networks, _NETWORK))
    page.text(f"{comparison.metric} of {comparison.new} against {comparison.base}; less is better")
    spare = ["new", "corrected", "base"]
    page.table(of_items(comparison.changes, _columns(comparison)), spare=spare)
    page.text(comparison.summary, _together(comparison))
    page.bullets(remarks(comparison, gate))
    return page


def limits(gate: Gate) -> Document:
    """The cases of a run beside its limits; as CSV only these."""
    page = Document(rows=gate.records(), data=gate.to_json())
    page.table(of_items(gate.cases, _LIMITED))
    page.bullets([*notes((case.name, case.value) for case in gate.cases), *judged(gate)])
    return page


def pull_request(comparison: RunComparison | None, gate: Gate | None) -> Document:
    """The same to be read on a pull request: the verdict, what changed, and the rest folded.

    Its Markdown has at most COMMENT characters: where that is too few, lists end with a line that
    says how much is left out. Of absolute paths only the last names are shown.
    """
    most = COMMENT // 32  # rows, none of which is shorter
    while len(markdown(page := _pull_request(comparison, gate, most))) > COMMENT and most > 1:
        most //= 2
    return page


def _pull_request(comparison: RunComparison | None, gate: Gate | None, most: int) -> Document:
    page = Document()
    if gate:
        counts = [f"{len(found)} {v}" for v in LimitVerdict if (found := gate.having(v))]
        page.text(f"**Gate at {gate.at}: {gate.word}.** {', '.join(counts)}.")
    if comparison is None:
        if gate:
            within, *others = LimitVerdict
            _cut(page, gate.having(*others), _LIMITED, most)
            with page.folded(f"{len(gate.having(within))} {within}"):
                _cut(page, gate.having(within), _LIMITED, most)
        return page
    comparison = _named_shortly(comparison)
    about = f"{comparison.metric} of {comparison.new} against {comparison.base}, less is better"
    page.text(f"{about}: {comparison.summary}.", _together(comparison))
    warnings = list(_warnings(comparison))
    if gate:
        warnings += [*_failures(gate, (CHANGE,)), *_open(gate)]
    _cut_lines(page, warnings, most)
    same: list[CaseChange] = []
    different: list[CaseChange] = []
    for change in comparison.changes:
        changed = change.broke or (change.ratio and change.ratio.decided)
        (different if changed else same).append(change)
    different.sort(key=lambda change: -change.ratio.value if change.ratio else 0)
    columns = _columns(comparison, gate)
    _cut(page, different, columns, most)
    cases = "case" if len(same) == 1 else "cases"
    with page.folded(f"{len(same)} {cases} without a difference"):
        _cut(page, same, columns, most)
    with page.folded(_networks(comparison)):
        _cut(page, comparison.networks, _NETWORK, most)
    known = [*_one_side(comparison), *_notes(comparison)]
    with page.folded(f"Notes: {len(known)}"):
        _cut_lines(page, known, most)
    return page


def _cut(page: Document, items: Sequence[T], columns: Columns[T], most: int) -> None:
    headers, rows = of_items(items[:most], columns)
    page.table((headers, [list(map(_shortly, row)) for row in rows]))
    _left_out(page, len(items) - most)


def _cut_lines(page: Document, lines: Sequence[str], most: int) -> None:
    page.bullets(map(_shortly, lines[:most]))
    _left_out(page, len(lines) - most)


def _left_out(page: Document, count: int) -> None:
    if count > 0:
        page.text(
            f"{count} more left out, because a comment on GitHub has at most {COMMENT:,} "
            "characters; `--format json` has all."
        )


def _shortly(text: str) -> str:
    """A text for a page that others read: no folders of this machine, and no more than a line."""
    return one_line(paths.without_folders(text))


def _named_shortly(comparison: RunComparison) -> RunComparison:
    """The same, of whose sides absolute paths are cut to the names by which they differ."""
    sides = comparison.base, comparison.new
    if not any(Path(side).is_absolute() for side in sides):
        return comparison
    one, other = (Path(side).parts for side in sides)
    lengths = range(1, 1 + max(len(one), len(other)))
    count = next((n for n in lengths if one[-n:] != other[-n:]), 1)
    base, new = ("/".join(parts[-count:]).lstrip("/") for parts in (one, other))
    told = [note.replace(sides[0], base).replace(sides[1], new) for note in comparison.notes]
    return replace(comparison, base=base, new=new, notes=tuple(told))


def _networks(comparison: RunComparison) -> str:
    count = len(comparison.networks)
    return f"The network itself changed in {count} of {len(comparison.changes)} cases"


def _columns(comparison: RunComparison, gate: Gate | None = None) -> Columns[CaseChange]:
    """A row for each case, from whose numbers the ratio can be followed."""
    show = SHOW[comparison.metric]
    limited = {c.key: c for c in gate.cases if c.limit.of == CHANGE} if gate else {}
    columns: dict[str, Callable[[CaseChange], str]] = {
        "case": lambda change: change.name,
        "base": lambda change: optional(change.base, show),
        "new": lambda change: optional(change.new, show),
    }
    if any(change.moved for change in comparison.changes):
        columns["corrected"] = lambda change: optional(change.corrected, show)
        columns["corrected / base"] = ratio
    else:
        columns["new / base"] = ratio
    columns["verdict"] = lambda change: change.word or change.reason
    if limited:
        columns["limit"] = lambda change: _beside_limit(limited.get(change.key))
    return columns


def _beside_limit(case: LimitedCase | None) -> str:
    return f"{case.verdict}: {case.limit}" if case else ""


def _together(comparison: RunComparison) -> str:
    """The mean of all ratios, and how many verdicts chance would give."""
    mean = comparison.mean
    if not mean:
        return ""
    found = f"geometric mean of {mean.n} ratios: {_ratio(mean)}"
    if comparison.by_chance is None:
        return found
    words = "slower or faster" if comparison.metric == "time" else "more or less"
    chance = f"{comparison.by_chance:.2g} of them {words} ({100 * (1 - stats.LEVEL):.0f} %)"
    return f"{found}; if nothing had changed, chance alone would call {chance}"


def remarks(comparison: RunComparison, gate: Gate | None = None) -> list[str]:
    """What the table of cases does not say, one line each; the result of the gate is last."""
    found = [*_one_side(comparison), *_warnings(comparison), *_notes(comparison)]
    return [*found, *(judged(gate) if gate else ())]


def _one_side(comparison: RunComparison) -> Iterable[str]:
    yield from (f"Only in {comparison.base}: {name}." for name in comparison.only_base)
    yield from (f"Only in {comparison.new}: {name}." for name in comparison.only_new)


def _warnings(comparison: RunComparison) -> Iterable[str]:
    return (f"Warning: {d.key}: {d.base} against {d.new}." for d in comparison.differences)


def _notes(comparison: RunComparison) -> list[str]:
    return [*(f"Note: {note}." for note in comparison.notes), *_doubts(comparison)]


def _doubts(comparison: RunComparison) -> list[str]:
    return notes((change.name, change.ratio) for change in comparison.changes)


def judged(gate: Gate) -> list[str]:
    """What a gate says, one line each; its result is last."""
    return [*_failures(gate), *_open(gate), f"Gate at {gate.at}: {gate.word}."]


def _failures(gate: Gate, but: Sequence[str] = ()) -> Iterable[str]:
    """What is above a limit or broke, but not for some kinds of limits."""
    for case in gate.above:
        if case.limit.of not in but:
            yield f"Above {case.limit}: {case.name}, {_value(case)}."
    for case in gate.broke:
        if case.limit.of not in but:
            yield f"Broke: {case.name}, {case.reason}."


def _open(gate: Gate) -> Iterable[str]:
    """The cases of which a gate cannot say anything."""
    for why, cases in (
        ("not decided, because the limit lies inside the interval", gate.undecided),
        ("not judged, because a case without an interval cannot fail", gate.unjudged),
    ):
        if cases:
            names = list(dict.fromkeys(case.name for case in cases))
            yield f"Warning: {why}: {listed(names, len({case.key for case in gate.cases}))}."


def _value(case: LimitedCase) -> str:
    """What a limit is for, with its interval."""
    if case.limit.of == CHANGE:
        return _ratio(case.value)
    return _alone(case.value, SHOW[case.limit.of])


_LIMITED: Columns[LimitedCase] = {
    "case": lambda case: case.name,
    "limit": lambda case: str(case.limit),
    "found": _value,
    "verdict": lambda case: ": ".join(filter(None, (case.verdict, case.reason))),
}


def _both(values: Sequence[Any], show: Callable[[Any], str] = str) -> str:
    """What something was and is; what is equal stands once."""
    was, now = (optional(value, show) for value in values)
    return was if values[0] == values[1] else f"{was} -> {now}"


_NETWORK: Columns[NetworkChange] = {
    "case": lambda change: change.case,
    "graph": lambda change: _both(change.digest),
    "parameters": lambda change: _both(change.params, "{:,}".format),
    "MACs": lambda change: _both(change.macs, units.count),
    "FLOPs": lambda change: _both(change.flops, units.count),
}


def ratio(change: CaseChange) -> str:
    """The ratio with its interval, with three decimals near 1."""
    return _ratio(change.ratio)


def _ratio(estimate: Estimate | None) -> str:
    return _alone(estimate, _three_decimals)


def _alone(estimate: Estimate | None, show: Callable[[float], str]) -> str:
    """A value with its interval; what is exact has none."""
    if estimate and estimate.low == estimate.high is not None:
        return show(estimate.value)
    return interval(estimate, show)


def _three_decimals(value: float) -> str:
    return f"{value:.3f}" if 0.1 <= value < 10 else number(value)


def baselines(known: Sequence[Baseline]) -> Document:
    """One line a baseline; for one that cannot be read, the reason."""
    page = Document(data=[baseline.to_json() for baseline in known])
    headers = ["baseline", "suite", "cases", "launches", "host", "measured (UTC)"]
    page.table((headers, [_baseline(baseline) for baseline in known]), spare=["host", "launches"])
    if not known:
        page.text("no baselines; `cnnbench baseline save NAME RUN` makes one")
    return page


def _baseline(baseline: Baseline) -> list[str]:
    if baseline.run is None:
        return [baseline.name, "", "", "", "", baseline.problem]
    facts = baseline.to_json()
    counts = [str(facts["cases"]), str(facts["launches"])]
    measured = facts["measured"] or "nothing yet"
    return [baseline.name, facts["suite"], *counts, ", ".join(facts["hosts"]), measured]
