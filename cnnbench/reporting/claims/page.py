"""The verdicts on all claims as a page with figures, written beside the run behind them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from cnnbench.claims.judged import JudgedClaim
from cnnbench.cost import CONVENTION
from cnnbench.errors import StoreError
from cnnbench.reporting import markdown
from cnnbench.reporting.claims import figure
from cnnbench.reporting.claims.argument import argue
from cnnbench.reporting.claims.verdicts import summary, table
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.machine import machine_rows
from cnnbench.runs.store import Run

_RULES = (
    "No verdict here is written by hand. A claim is data: who says what about which networks. Its "
    "verdict on paper follows from the rules, its measured verdict from the intervals of a run.",
    "confirmed: true wherever it was checked; refuted: true nowhere; depends: true in some places, "
    "which are named; inconclusive: the intervals leave it open. A number is true if the value "
    "gives the printed digits when it is rounded or cut off. A claim that says several things is "
    "true only where all of them are.",
)


def write(claims: Sequence[JudgedClaim], run: Run | None, folder: Path) -> Path:
    """Write README.md and its figures into a folder; returns the path of README.md.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return markdown.write(document(claims, run), folder)
    except OSError as error:
        raise StoreError(f"cannot write the report to {folder}: {error.strerror}") from None


def document(claims: Sequence[JudgedClaim], run: Run | None) -> Document:
    """All verdicts in a table, then the argument about each claim with its figure."""
    page = Document()
    page.heading("What is said about convolutional networks, and what is true", 1)
    page.text(f"{summary(claims)}.", *_RULES)
    headers, rows = table(claims)
    page.table((headers, [[f"[{name}](#{name})", *cells] for name, *cells in rows]))
    if run:
        page.table(machine_rows(run))
    page.text(f"Convention: {CONVENTION}. Intervals are of 95 %.")
    for judged in claims:
        name, title = judged.claim.name, judged.claim.title
        page.heading(name)
        page.text(f"**{title}**")
        argue(page, judged, run)
        if figure.worth_drawing(judged):
            page.picture(f"{name}.png", title, partial(figure.draw, judged))
    return page
