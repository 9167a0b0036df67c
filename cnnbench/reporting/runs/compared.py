"""Two recordings beside each other (`cnnbench compare`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from math import isfinite
from typing import Any

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.tables import Table, interval, number, optional
from cnnbench.runs.comparison import Change, Compared, word
from cnnbench.runs.gate import Gate

SHOW: dict[str, Callable[[float], str]] = {
    "time": units.seconds,
    "memory": units.binary,
    "params": "{:,.0f}".format,
    "flops": units.count,
}


def document(compared: Compared, gate: Gate | None = None) -> Document:
    """What was compared; as CSV there are the cases only, and `remarks` has the rest.

    Args:
        compared: two recordings.
        gate: what was asked of them, if anything was.
    """
    page = Document(rows=compared.records(), data=_data(compared, gate))
    page.text(f"{compared.metric} of {compared.new} against {compared.base}; less is better")
    page.table(_table(compared))
    page.text(_count(compared))
    page.bullets(remarks(compared, gate))
    return page


def remarks(compared: Compared, gate: Gate | None = None) -> list[str]:
    """What a table of cases does not say, one line each; the gate's answer last."""
    return [
        *(f"Only in {compared.base}: {name}." for name in compared.only_base),
        *(f"Only in {compared.new}: {name}." for name in compared.only_new),
        *(f"Warning: {d.key}: {d.base} against {d.new}." for d in compared.differences),
        *(f"Note: {note}." for note in compared.notes),
        *notes((change.name, change.ratio) for change in compared.changes),
        *(_judged(gate) if gate else ()),
    ]


def _judged(gate: Gate) -> list[str]:
    limit = f"{100 * gate.limit:g} %"
    lines = [f"Above {limit}: {change.name}, {ratio(change)}." for change in gate.above]
    lines += [f"Broke: {change.name}, {change.reason}." for change in gate.broke]
    if gate.unjudged:
        names = ", ".join(change.name for change in gate.unjudged)
        lines.append(f"Warning: not judged, for without an interval nothing can fail: {names}.")
    return [*lines, f"Gate at {limit}: {'passed' if gate.passed else 'failed'}."]


def _table(compared: Compared) -> Table:
    show = SHOW[compared.metric]
    rows = [
        [
            change.name,
            optional(change.base, show),
            optional(change.new, show),
            ratio(change),
            word(compared.metric, change.verdict) or change.reason,
        ]
        for change in compared.changes
    ]
    return ["case", "base", "new", "new / base", "verdict"], rows


def ratio(change: Change) -> str:
    """The ratio with its interval, three decimals near 1; the value alone if it is exact."""
    found = change.ratio
    if found and found.low == found.high is not None:
        return _three(found.value)
    return interval(found, _three)


def _three(value: float) -> str:
    return f"{value:.3f}" if 0.1 <= value < 10 else number(value)


def _count(compared: Compared) -> str:
    """3 slower, 12 same."""
    words = Counter(
        word(compared.metric, change.verdict) or "without a ratio" for change in compared.changes
    )
    return ", ".join(f"{count} {name}" for name, count in words.items())


def _data(compared: Compared, gate: Gate | None) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and not isfinite(value) else value

    rows = [{key: plain(value) for key, value in row.items()} for row in compared.records()]
    data: dict[str, Any] = {
        "base": compared.base,
        "new": compared.new,
        "metric": compared.metric,
        "cases": rows,
        "only_base": compared.only_base,
        "only_new": compared.only_new,
        "differences": [asdict(difference) for difference in compared.differences],
        "notes": [*compared.notes, *notes((c.name, c.ratio) for c in compared.changes)],
    }
    if gate:
        sides = {"above": gate.above, "broke": gate.broke, "unjudged": gate.unjudged}
        keys = {side: [change.key for change in found] for side, found in sides.items()}
        data["gate"] = {"limit": gate.limit, "passed": gate.passed, **keys}
    return data
