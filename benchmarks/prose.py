"""Not a benchmark: a page that is written as text, with tables in it, for the reports beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import dedent
from typing import Any

from cnnbench.reporting.document import Document, Table


def add(page: Document, text: str, tables: Mapping[str, Table], **values: Any) -> None:
    """Add a text to a page: its headings, lists, paragraphs, and lines that are indented.

    Args:
        page: where it is added.
        text: the parts with empty lines between them. A part that is `{name}` alone is a table.
        tables: those by name.
        values: what else stands in braces.
    """
    for part in text.strip().split("\n\n"):
        if part[1:-1] in tables:
            page.table(tables[part[1:-1]])
            continue
        said = part.format(**values)
        if said.startswith("#"):
            marks, _, words = said.partition(" ")
            page.heading(words, len(marks))
        elif said.startswith("- "):
            page.bullets(" ".join(item.split()) for item in said[2:].split("\n- "))
        elif said.startswith("    "):
            page.code(dedent(said))
        else:
            page.text(" ".join(said.split()))


def cells(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> Table:
    """A table of texts; numbers are written with commas."""
    return list(head), [[x if isinstance(x, str) else f"{x:,}" for x in row] for row in rows]
