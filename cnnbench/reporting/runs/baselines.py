"""The baselines that there are (`cnnbench baseline list`)."""

from __future__ import annotations

from collections.abc import Sequence

from cnnbench.reporting.document import Document
from cnnbench.runs.baselines import Baseline


def document(baselines: Sequence[Baseline]) -> Document:
    """One line a baseline; for one that cannot be read, the reason."""
    page = Document(data=[baseline.to_json() for baseline in baselines])
    headers = ["baseline", "suite", "cases", "launches", "host", "measured (UTC)"]
    page.table((headers, [_row(baseline) for baseline in baselines]))
    if not baselines:
        page.text("no baselines; `cnnbench baseline save NAME RUN` makes one")
    return page


def _row(baseline: Baseline) -> list[str]:
    if baseline.run is None:
        return [baseline.name, "", "", "", "", baseline.problem]
    facts = baseline.to_json()
    return [
        baseline.name,
        facts["suite"],
        str(facts["cases"]),
        str(facts["launches"]),
        ", ".join(facts["hosts"]),
        facts["measured"] or "nothing yet",
    ]
