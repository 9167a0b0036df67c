"""A document as plain text, as a terminal shows it."""

from __future__ import annotations

import re

from cnnbench.reporting.document import Block, Bullets, Code, Document, Grid, Heading, Paragraph
from cnnbench.reporting.tables import text_table

_MARKED = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`|\[([^]]+)\]\([^)]*\)")


def text(document: Document) -> str:
    """The blocks of a document; figures are left out."""
    return "\n\n".join(filter(None, map(_block, document.blocks))) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(words, _) | Paragraph(words):
            return _plain(words)
        case Bullets(lines):
            return "\n".join(map(_plain, lines))
        case Grid():
            return _grid(block)
        case Code(words, _):
            return words
        case _:
            return ""


def _plain(words: str) -> str:
    """Words without the marks of Markdown."""
    return _MARKED.sub(lambda found: next(filter(None, found.groups())), words)


def _grid(grid: Grid) -> str:
    headers = [name.replace(" ", "\n", 1) if grid.narrow else name for name in grid.headers]
    return text_table(headers, grid.rows, "simple", grid.wrap)
