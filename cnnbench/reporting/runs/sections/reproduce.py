"""Reproduce: how to get this page, and this run, again."""

from __future__ import annotations

from cnnbench.reporting.runs.page import Data, Page
from cnnbench.runs import store

ORDER = 100


def add(page: Page, data: Data) -> None:
    """The command of the run, and the one that renders it."""
    page.section("How to reproduce")
    if data.run.plan.command:
        page.text(f"```\n{data.run.plan.command}\n```")
    page.text(
        "`cnnbench report FOLDER` renders this page again from "
        f"`{store.FILE}`; [results.csv](results.csv) has one row a case, in base units."
    )
