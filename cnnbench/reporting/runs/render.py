"""The page of a stored run: its answer, every section in order, and the files beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from cnnbench.cost import CONVENTION
from cnnbench.reporting import markdown
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs import machine, sections
from cnnbench.reporting.runs.answer import answer
from cnnbench.reporting.runs.compared_blocks import compared_blocks
from cnnbench.reporting.runs.frame import csv_bytes, rows
from cnnbench.reporting.runs.page import Data
from cnnbench.reporting.style import saved
from cnnbench.runs import store
from cnnbench.runs.result import results
from cnnbench.runs.store import Run


def write(folder: Path) -> Path:
    """Render a stored run into its own folder; see `cnnbench.reporting.write`."""
    page = document(store.read(folder))
    path = folder / "README.md"
    earlier = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    (folder / "results.csv").write_bytes(csv_bytes(pd.DataFrame(map(dict, page.rows or ()))))
    markdown.write(page, folder)
    _delete_stale(page, folder, earlier)
    return path


def document(run: Run) -> Document:
    """The page of a run; its `rows` are those of results.csv."""
    data = _data(run)
    page = Document(rows=rows(data.results))
    page.heading(f"Report: suite {run.plan.suite}", 1)
    page.text(run.plan.description, *answer(data.results, data.comparisons))
    page.table(machine.machine_rows(run))
    page.bullets(machine.varied(run))
    page.text(
        f"Convention: {CONVENTION}. Times are per call, for the whole batch. Brackets and bars are "
        "95 % intervals; if a bar is cut off by the edge of a figure, the table has its ends."
    )
    for section in sections.load():
        section.add(page, data)
    return page


def _data(run: Run) -> Data:
    joined, problems = results(run)
    comparisons = (blocks for blocks in compared_blocks(run.plan, joined) if blocks.shown)
    return Data(run, tuple(joined), tuple(comparisons), tuple(problems))


def _delete_stale(page: Document, folder: Path, earlier: str) -> None:
    """Delete figures that we drew for an earlier page of this folder and that this one lacks."""
    shown = {picture.name for picture in page.pictures}
    for name in set(re.findall(r"\]\(([^()/\\]+\.png)\)", earlier)) - shown:
        if saved(folder / name):
            (folder / name).unlink()
