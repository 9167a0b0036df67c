"""Two runs, or two blocks of one run, beside each other (`cnnbench compare`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.tables import Table, interval, number, optional
from cnnbench.runs.case_change import CaseChange
from cnnbench.runs.comparison import RunComparison
from cnnbench.runs.gate import Gate

SHOW: dict[str, Callable[[float], str]] = {
    "time": units.seconds,
    "memory": units.binary,
    "params": "{:,.0f}".format,
    "flops": units.count,
}
"""How the values of each metric are written."""


def document(comparison: RunComparison, gate: Gate | None = None) -> Document:
    """A comparison as a table and remarks; as CSV there are only the cases.

    Args:
        comparison: of two recordings.
        gate: of the same comparison, if a limit was given.
    """
    doubts = _doubts(comparison)
    data = comparison.to_json()
    data["notes"] += doubts
    if gate:
        data["gate"] = gate.to_json()
    page = Document(rows=comparison.records(), data=data)
    if comparison.networks:
        count = len(comparison.networks)
        page.text(f"The network itself changed in {count} of {len(comparison.changes)} cases:")
        page.table(_networks(comparison))
    page.text(f"{comparison.metric} of {comparison.new} against {comparison.base}; less is better")
    page.table(_table(comparison))
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


def _table(comparison: RunComparison) -> Table:
    show = SHOW[comparison.metric]
    return ["case", "base", "new", "new / base", "verdict"], [
        [
            change.name,
            optional(change.base, show),
            optional(change.new, show),
            ratio(change),
            change.word or change.reason,
        ]
        for change in comparison.changes
    ]


def _networks(comparison: RunComparison) -> Table:
    """What each changed network was and is; a count that is equal stands once."""

    def both(values: Sequence[object], show: Callable[[Any], str] = str) -> str:
        shown = [optional(value, show) for value in values]  # type: ignore[arg-type]
        return shown[0] if values[0] == values[1] else " -> ".join(shown)

    return ["case", "graph", "parameters", "MACs", "FLOPs"], [
        [
            change.case,
            both(change.digest),
            both(change.params, "{:,}".format),
            both(change.macs, units.count),
            both(change.flops, units.count),
        ]
        for change in comparison.networks
    ]


def ratio(change: CaseChange) -> str:
    """The ratio with its interval, with three decimals near 1; an exact ratio has no interval."""
    estimate = change.ratio
    if estimate and estimate.low == estimate.high is not None:
        return _three_decimals(estimate.value)
    return interval(estimate, _three_decimals)


def _three_decimals(value: float) -> str:
    return f"{value:.3f}" if 0.1 <= value < 10 else number(value)
