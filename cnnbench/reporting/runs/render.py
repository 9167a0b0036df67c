"""A stored run as a page: what was found, every section in order, and the files beside it."""

from __future__ import annotations

import re
from pathlib import Path

from cnnbench.cost import CONVENTION
from cnnbench.reporting.runs import machine, sections
from cnnbench.reporting.runs.answer import answer
from cnnbench.reporting.runs.frame import write_csv
from cnnbench.reporting.runs.page import Data, Page
from cnnbench.reporting.runs.versus import versus
from cnnbench.reporting.style import saved
from cnnbench.runs import store
from cnnbench.runs.result import results


def write(folder: Path) -> Path:
    """Render a stored run; see `cnnbench.reporting.write`."""
    data = _data(folder)
    page = Page(folder)
    _head(page, data)
    for section in sections.load():
        section.add(page, data)
    write_csv(data.found, folder / "results.csv")
    path = folder / "README.md"
    earlier = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    path.write_text("\n\n".join(page.blocks) + "\n", encoding="utf-8")
    _delete_stale(page, earlier)
    return path


def _data(folder: Path) -> Data:
    run = store.read(folder)
    found, problems = results(run)
    compared = (v for v in versus(run.plan, found) if v.shown)
    return Data(run, tuple(found), tuple(compared), tuple(problems))


def _head(page: Page, data: Data) -> None:
    """The title, the answer, the machine and the convention."""
    page.text(f"# Report: suite {data.run.plan.suite}", data.run.plan.description)
    page.text(*answer(data.found, data.compared))
    page.table(machine.machine_rows(data.run))
    page.bullets(machine.varied(data.run))
    page.text(
        f"Convention: {CONVENTION}. Times are of one call on the whole batch, with 95 % "
        "intervals in brackets and as bars; where a bar leaves a figure, the table has its ends."
    )


def _delete_stale(page: Page, earlier: str) -> None:
    """Delete figures that we drew for an earlier page of this folder and not for this one."""
    for name in set(re.findall(r"\]\(([^()/\\]+\.png)\)", earlier)) - set(page.figures):
        if saved(page.folder / name):
            (page.folder / name).unlink()
