"""What would make a network faster: the changes that were tried, the most useful first."""

from __future__ import annotations

from cnnbench import units
from cnnbench.machine.advice import Advice, Change
from cnnbench.reporting.document import Document
from cnnbench.reporting.tables import MISSING, Columns, interval, of_items, optional
from cnnbench.stats import RatioVerdict

COLUMNS: Columns[Change] = {
    "change": lambda change: change.what,
    "time": lambda change: (
        interval(change.result.time, units.seconds) if change.result else MISSING
    ),
    "times as it is": lambda change: interval(change.ratio, "{:.3g}".format),
    "verdict": lambda change: "failed" if change.problem else change.verdict.value,
    "outputs move by": lambda change: optional(change.apart, "{:.1g}".format),
}

METHOD = (
    "times as it is: the time of a sample over that without the change, which took turns with it; "
    "below 1 is faster. outputs move by: the largest difference, relative to the largest output"
)


def document(advice: Advice) -> Document:
    """In a sentence, and as a table."""
    page = Document(data=advice.to_json)
    page.rows = [change.to_json() for change in advice.changes]
    base = advice.base
    faster = [change for change in advice.changes if change.verdict is RatioVerdict.FASTER]
    page.text(
        f"**{base.label}** takes {interval(base.time, units.seconds)} a call on "
        f"{base.case.runtime}. {_said(faster, len(advice.changes))}"
    )
    page.table(of_items(advice.changes, COLUMNS), spare=["time"])
    page.text(METHOD)
    page.bullets([*(f"{c.what}: {c.problem}" for c in advice.changes if c.problem), *advice.notes])
    return page


def _said(faster: list[Change], tried: int) -> str:
    if not faster:
        return f"None of {tried} changes that were tried is faster for sure."
    named = [f"{change.what} ({interval(change.ratio, '{:.3g}'.format)})" for change in faster[:3]]
    more = f" and {len(faster) - 3} more" if len(faster) > 3 else ""
    return f"Of {tried} changes that were tried, faster for sure are {', '.join(named)}{more}."
