"""The page of a stored run: its answer, every section in order, and how to make it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cnnbench.cost import CONVENTION
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs import headline, machine, sections
from cnnbench.reporting.runs.answer import answer
from cnnbench.reporting.runs.compared_blocks import compared_blocks
from cnnbench.reporting.runs.data import LISTED, Data
from cnnbench.reporting.runs.exported import csv_bytes, row
from cnnbench.reporting.runs.sections import runtimes
from cnnbench.reporting.runs.sections.compared import against
from cnnbench.reporting.runs.sections.roofline import below_ceilings, flagged
from cnnbench.runs import store
from cnnbench.runs.result import results
from cnnbench.runs.store import Run


def write(folder: Path, also: Sequence[str] = ()) -> Path:
    """Render the run stored in a folder into the same folder; returns its README.md.

    `also` are the endings of figures beside .png: .svg, .pdf.
    """
    page = document(store.read(folder))
    table = pd.DataFrame(map(dict, page.rows or ()))
    return formats.write(page, folder, {"results.csv": csv_bytes(table)}, also)


def document(run: Run) -> Document:
    """The page of a run; its `rows` are those of results.csv."""
    joined, problems = results(run)
    comparisons = compared_blocks(run.plan, joined)
    data = Data(run, tuple(joined), tuple(comparisons), tuple(problems))
    page = Document(rows=[row(r) for r in joined], longest=LISTED)
    _answer(page, data)
    for section in sections.load():
        section.add(page, data)
    page.section("Method and machine")
    page.bullets(machine.varied(run))
    with page.folded("How it was measured, where, and how to make this page again"):
        page.text(
            f"Convention: {CONVENTION}. Times are per call, for the whole batch. Brackets and bars "
            "are 95 % intervals; if a bar is cut off by the edge of a figure, the table has its "
            "ends."
        )
        if run.plan.command:
            page.code(run.plan.command)
        page.text(
            "`cnnbench report FOLDER` renders this page again from "
            f"`{store.FILE}`; [results.csv](results.csv) has one row per case, in base units."
        )
        page.table(machine.machine_rows(run))
    return page


def _answer(page: Document, data: Data) -> None:
    """The question, one sentence, two numbers, how far to trust them, and where it was."""
    run, results, comparisons = data.run, data.results, data.comparisons
    ratios = [(r, x) for place in against(run, results) for r, x in place.others if x]
    placed = below_ceilings(data)
    page.heading(headline.question(run, results, comparisons), 1)
    places = [] if comparisons or ratios else runtimes.ranked(results)
    sentence = headline.sentence(run.plan.base, results, comparisons, ratios)
    page.text(runtimes.headline(places) if places else sentence)
    page.tiles(headline.tiles(run.plan.base, results, comparisons, ratios))
    page.badges(headline.badges(results, len(flagged(placed)) if placed else None))
    page.text(machine.line(run), run.plan.description)
    page.section("Answer")
    if comparisons or not (ratios or places):
        page.text(*answer(results, comparisons))
