"""A document in the format that somebody asked for."""

from __future__ import annotations

import json
from typing import Any

from cnnbench.errors import unknown
from cnnbench.reporting.document import Document
from cnnbench.reporting.markdown import markdown
from cnnbench.reporting.tables import csv_text
from cnnbench.reporting.text import text


def show(document: Document, format: str) -> str:
    """A document as table (plain text), markdown, csv or json.

    Raises:
        UnknownNameError: another format, or one that this document does not have.
    """
    printers = {"table": lambda: text(document), "markdown": lambda: markdown(document)}
    if (rows := document.rows) is not None:
        headers = list(rows[0]) if rows else []
        printers["csv"] = lambda: csv_text([headers, *(row.values() for row in rows)])
    if (data := document.data) is not None:
        printers["json"] = lambda: _json(data() if callable(data) else data)
    if format not in printers:
        raise unknown("format", format, printers)
    return printers[format]()


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, allow_nan=False) + "\n"
