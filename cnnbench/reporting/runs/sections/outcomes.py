"""Outcomes: what failed, what was not reached, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable

from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data, grouped
from cnnbench.reporting.tables import MISSING, Table
from cnnbench.runs import store
from cnnbench.runs.result import Result
from cnnbench.runs.store import Measurement, Run
from cnnbench.stats import Stop

ORDER = 66


def add(document: Document, data: Data) -> None:
    """Every failure and every gap; one sentence if there is none."""
    table = rows(data.run)
    ends = {m.case.id: m for m in data.run.measurements if not m.ok and _full(data.run, m)}
    lines = [*map(_end, ends.values()), *unreached(data.run, data.results), *data.problems]
    document.section("Can I trust it?")
    if not table[1] and not lines:
        document.text("Every case was measured in every launch.")
    document.table(table)
    document.bullets(lines)


def _full(run: Run, m: Measurement) -> bool:
    return run.stops.get(m.case.id) == Stop.FULL


def _end(m: Measurement) -> str:
    why = f"{m.outcome}: {m.detail}" if m.detail else m.outcome
    return f"**Memory is full** at {m.case.id} ({why}). Larger batches were not started, as asked."


def rows(run: Run) -> Table:
    """Every launch that failed; launches of a case that failed for one reason share a row."""
    failed = [m for m in run.measurements if not m.ok and not _full(run, m)]
    groups = grouped(failed, lambda m: (m.case.id, m.outcome, m.detail))
    return ["case", "launches", "outcome", "reason"], [
        [case, ", ".join(str(m.launch) for m in launches), outcome, detail or MISSING]
        for (case, outcome, detail), launches in groups.items()
    ]


def unreached(run: Run, results: Iterable[Result]) -> list[str]:
    """What was planned but not measured, and the lines of the file that could not be read."""
    never = [r.name for r in results if not r.launches]
    fewer = [r.name for r in results if 0 < len({m.launch for m in r.launches}) < run.plan.launches]
    lines = []
    if never:
        lines.append(
            f"{len(never)} of {len(run.plan.cases)} cases were not reached before the run ended: "
            f"{', '.join(never)}. To do: continue with --resume, or give a longer --time-budget."
        )
    if fewer:
        lines.append(
            f"{len(fewer)} cases have fewer launches than the {run.plan.launches} planned. "
            "To do: continue the run with --resume."
        )
    if run.bad_lines:
        lines.append(f"Lines of {store.FILE} that could not be read: {len(run.bad_lines)}.")
        lines += run.bad_lines
    return lines
