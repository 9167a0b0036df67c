"""Runs beside each other (`cnnbench compare`), and the baselines that there are for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.tables import SHOW, Columns, interval, number, of_items, optional
from cnnbench.runs.baselines import Baseline
from cnnbench.runs.comparison import CaseChange, Gate, NetworkChange, RunComparison


def document(comparison: RunComparison, gate: Gate | None = None) -> Document:
    """A comparison as a table and remarks, with its gate if it has one; as CSV only the cases."""
    doubts = _doubts(comparison)
    data = comparison.to_json()
    data["notes"] += doubts
    if gate:
        data["gate"] = gate.to_json()
    page = Document(rows=comparison.records(), data=data)
    if comparison.networks:
        count = len(comparison.networks)
        page.text(f"The network itself changed in {count} of {len(comparison.changes)} cases:")
        page.table(of_items(comparison.networks, _NETWORK))
    page.text(f"{comparison.metric} of {comparison.new} against {comparison.base}; less is better")
    show = SHOW[comparison.metric]
    columns: Columns[CaseChange] = {
        "case": lambda change: change.name,
        "base": lambda change: optional(change.base, show),
        "new": lambda change: optional(change.new, show),
        "new / base": ratio,
        "verdict": lambda change: change.word or change.reason,
    }
    page.table(of_items(comparison.changes, columns), spare=["new", "base"])
    page.text(comparison.summary)
    page.bullets(remarks(comparison, gate))
    return page


def remarks(comparison: RunComparison, gate: Gate | None = None) -> list[str]:
    """What the table of cases does not say, one line each; the result of the gate is last."""
    return [
        *(f"Only in {comparison.base}: {name}." for name in comparison.only_base),
        *(f"Only in {comparison.new}: {name}." for name in comparison.only_new),
        *(f"Warning: {d.key}: {d.base} against {d.new}." for d in comparison.differences),
        *(f"Note: {note}." for note in comparison.notes),
        *_doubts(comparison),
        *(_judged(gate) if gate else ()),
    ]


def _doubts(comparison: RunComparison) -> list[str]:
    return notes((change.name, change.ratio) for change in comparison.changes)


def _judged(gate: Gate) -> list[str]:
    limit = f"{100 * gate.limit:g} %"
    lines = [f"Above {limit}: {change.name}, {ratio(change)}." for change in gate.above]
    lines += [f"Broke: {change.name}, {change.reason}." for change in gate.broke]
    if gate.unjudged:
        names = ", ".join(change.name for change in gate.unjudged)
        lines.append(
            f"Warning: not judged, because a case without an interval cannot fail: {names}."
        )
    return [*lines, f"Gate at {limit}: {gate.word}."]


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
    """The ratio with its interval, with three decimals near 1; an exact ratio has no interval."""
    estimate = change.ratio
    if estimate and estimate.low == estimate.high is not None:
        return _three_decimals(estimate.value)
    return interval(estimate, _three_decimals)


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
