"""A document in the format that somebody asked for, and as plain text for a terminal."""

from __future__ import annotations

import json
import re
from typing import Any

from cnnbench.errors import unknown
from cnnbench.reporting.document import Block, Bullets, Code, Document, Grid, Heading
from cnnbench.reporting.markdown import markdown
from cnnbench.reporting.tables import csv_text, text_table

_MARKED = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`|\[([^]]+)\]\([^)]*\)")


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


def text(document: Document) -> str:
    """A document as plain text; figures are left out."""
    return "\n\n".join(filter(None, map(_block, document.blocks))) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(words) | str(words):
            return _plain(words)
        case Bullets(lines):
            return "\n".join(map(_plain, lines))
        case Grid(headers, rows, narrow, wrap):
            heads = [name.replace(" ", "\n", 1) if narrow else name for name in headers]
            return text_table(heads, rows, "simple", wrap)
        case Code(words):
            return words
        case _:
            return ""


def _plain(words: str) -> str:
    """Words without the marks of Markdown."""
    return _MARKED.sub(lambda found: next(filter(None, found.groups())), words)
