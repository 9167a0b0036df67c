"""The baselines that there are (`cnnbench baseline list`)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from cnnbench.reporting.document import Document
from cnnbench.runs.baselines import Baseline
from cnnbench.runs.store import Run


def document(baselines: Iterable[Baseline]) -> Document:
    """One line a baseline; one that cannot be read says why."""
    rows = [[b.name, *(_row(b.run) if b.run else ("", "", "", "", b.problem))] for b in baselines]
    page = Document()
    page.table((["baseline", "suite", "cases", "launches", "host", "measured (UTC)"], rows))
    if not rows:
        page.text("no baselines; `cnnbench baseline save NAME RUN` keeps one")
    return page


def _row(run: Run) -> tuple[str, ...]:
    found = run.measurements
    hosts = dict.fromkeys(str(m.environment.get("host", "")) for m in found)
    started = min((m.started for m in found if m.started), default=None)
    return (
        run.plan.suite,
        str(len(run.plan.cases)),
        str(len(found)),
        ", ".join(hosts),
        f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d %H:%M}" if started else "nothing yet",
    )
