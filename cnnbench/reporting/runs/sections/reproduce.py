"""Reproduce: how to make this run and this page again."""

from __future__ import annotations

from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.page import Data
from cnnbench.runs import store

ORDER = 100


def add(document: Document, data: Data) -> None:
    """The command of the run, and the one that renders it."""
    document.section("How to reproduce")
    if data.run.plan.command:
        document.code(data.run.plan.command)
    document.text(
        "`cnnbench report FOLDER` renders this page again from "
        f"`{store.FILE}`; [results.csv](results.csv) has one row per case, in base units."
    )
