"""Verdicts on all claims as a page with figures, written beside the run that it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from cnnbench.claims.finding import Finding
from cnnbench.cost import CONVENTION
from cnnbench.errors import StoreError
from cnnbench.reporting.claims import figure
from cnnbench.reporting.claims.argument import argument
from cnnbench.reporting.claims.verdicts import summary, table
from cnnbench.reporting.runs.machine import machine_rows
from cnnbench.reporting.runs.page import Page
from cnnbench.runs.store import Run

_RULES = (
    "Nothing here is written by hand: a claim is data (who says what of which networks), its "
    "verdict on paper follows from the rules, the measured one from the intervals of a run.",
    "confirmed: it is as said, wherever it is looked at; refuted: nowhere; depends: in some "
    "places, which are named; inconclusive: the intervals leave it open. A number holds if "
    "what is found gives the printed digits, rounded or cut off. Where several things are "
    "said at once, all must hold.",
)


def write(found: Sequence[Finding], run: Run | None, folder: Path) -> Path:
    """Write README.md and its figures; returns its path.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write(found, run, folder)
    except OSError as error:
        raise StoreError(f"cannot write the report to {folder}: {error.strerror}") from None


def _write(found: Sequence[Finding], run: Run | None, folder: Path) -> Path:
    page = Page(folder)
    page.text("# What is said of convolutional networks, and what is so", f"{summary(found)}.")
    page.text(*_RULES)
    headers, rows = table(found)
    page.table((headers, [[f"[{row[0]}](#{row[0]})", *row[1:]] for row in rows]))
    if run:
        page.table(machine_rows(run))
    page.text(f"Convention: {CONVENTION}. Intervals are of 95 %.")
    for f in found:
        page.text(f"## {f.claim.name}", f"**{f.claim.title}**")
        page.text(*argument(f, run, "github"))
        if figure.worth_drawing(f):
            page.figure(f"{f.claim.name}.png", f.claim.title, partial(figure.draw, f))
    path = folder / "README.md"
    path.write_text("\n\n".join(page.blocks) + "\n", encoding="utf-8")
    return path
