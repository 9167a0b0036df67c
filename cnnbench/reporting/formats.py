"""A document in the format that somebody asked for, and as a page in a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path

from cnnbench.errors import StoreError, unknown
from cnnbench.reporting.document import (
    Badges,
    Block,
    Bullets,
    Code,
    Document,
    Folded,
    Grid,
    Heading,
    Live,
    Picture,
    Tiles,
    plain,
    shortened,
)
from cnnbench.reporting.tables import csv_text, text_table

PAGE = "index.html"
_SHOWN = re.compile(r"\]\(([^()/\\]+\.png)\)")
"""A figure in a page."""


def show(document: Document, format: str) -> str:
    """A document as table (plain text), markdown, html, csv or json.

    Raises:
        UnknownNameError: another format, or one that this document does not have.
    """
    printers = {
        "table": lambda: text(document),
        "markdown": lambda: markdown(document),
        "html": lambda: _page(document),
    }
    if (rows := document.rows) is not None:
        headers = list(rows[0]) if rows else []
        printers["csv"] = lambda: csv_text([headers, *(row.values() for row in rows)])
    if (data := document.data) is not None:
        dump = partial(json.dumps, indent=2, allow_nan=False)
        printers["json"] = lambda: dump(data() if callable(data) else data) + "\n"
    if format not in printers:
        raise unknown("format", format, printers)
    return printers[format]()


def write(
    document: Document,
    folder: Path,
    beside: Mapping[str, bytes] | None = None,
    also: Sequence[str] = (),
) -> Path:
    """Write README.md, its figures, index.html and what is `beside` it; returns README.md.

    Figures are PNG, as README.md shows them, and files with the endings of `also`: .svg, .pdf.
    Those that we drew for an earlier page there, and that this one lacks, are removed.
    """
    from cnnbench.reporting.style import images, saved  # here: it imports matplotlib

    path, drawn = folder / "README.md", {}
    pictures = [block for block in _unfolded(document.blocks) if isinstance(block, Picture)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        for name, content in (beside or {}).items():
            (folder / name).write_bytes(content)
        for picture in pictures:
            png, svg = images(picture.draw, (".png", ".svg"), words=True)
            (folder / picture.name).write_bytes(png)
            drawn[picture.name] = svg.decode()
            if also:  # again, for the SVG of the page has its letters from the reader's machine
                contents = images(picture.draw, also, words=False)
                for suffix, content in zip(also, contents, strict=True):
                    (folder / picture.name).with_suffix(suffix).write_bytes(content)
        path.write_text(markdown(document), encoding="utf-8")
        (folder / PAGE).write_text(_page(document, drawn), encoding="utf-8")
        for name in {*_SHOWN.findall(earlier)} - {picture.name for picture in pictures}:
            for file in map((folder / name).with_suffix, (".png", ".svg", ".pdf")):
                if saved(file):
                    file.unlink()
    except OSError as error:
        raise StoreError(f"cannot write the report to {folder}: {error.strerror}") from None
    return path


def markdown(document: Document, rows: int | None = None) -> str:
    """A document as Markdown, as GitHub prints it; its figures are named, not drawn.

    Of each table so many rows are shown and the others folded; all are shown if None.
    """
    return _markdowns(document.blocks if rows is None else shortened(document.blocks, rows)) + "\n"


def text(document: Document) -> str:
    """A document as plain text for a terminal; figures are left out."""
    return _texts(document.blocks) + "\n"


def _page(document: Document, drawn: Mapping[str, str] | None = None) -> str:
    from cnnbench.reporting.html.page import page  # here: a table need not wait for it

    return page(document, drawn)


def _unfolded(blocks: Iterable[Block]) -> Iterator[Block]:
    """All blocks, what is folded or live too."""
    for block in blocks:
        yield from _unfolded(block.blocks) if isinstance(block, Folded | Live) else (block,)


def _markdowns(blocks: Iterable[Block]) -> str:
    return "\n\n".join(map(_markdown, blocks))


def _texts(blocks: Iterable[Block]) -> str:
    return "\n\n".join(filter(None, map(_text, blocks)))


def _markdown(block: Block) -> str:
    match block:
        case Heading(words, level):
            return f"{'#' * level} {words}"
        case str():
            return block
        case Bullets(lines):
            return "\n".join(f"- {line}" for line in lines)
        case Grid(headers, rows):
            return text_table(headers, rows, "pipe")
        case Code(words, language):
            return f"```{language}\n{words}\n```"
        case Picture(name, alt):
            return f"![{alt}]({name})"
        case Tiles():
            return "\n".join(f"- {line}" for line in block.words.splitlines())
        case Badges():
            return block.words
        case Live(_, _, blocks):
            return _markdowns(blocks)
        case Folded(summary, blocks):
            opened = f"<details>\n<summary>{escape(plain(summary), quote=False)}</summary>"
            return f"{opened}\n\n{_markdowns(blocks)}\n\n</details>"


def _text(block: Block) -> str:
    match block:
        case Heading(words) | str(words):
            return plain(words)
        case Bullets(lines):
            return "\n".join(map(plain, lines))
        case Grid(headers, rows, narrow, wrap):
            heads = [name.replace(" ", "\n", 1) if narrow else name for name in headers]
            return text_table(heads, rows, "simple", wrap)
        case Code(words):
            return words
        case Tiles() | Badges():
            return plain(block.words)
        case Live(_, _, blocks):
            return _texts(blocks)
        case Folded(summary, blocks):
            return f"{plain(summary)}\n\n{_texts(blocks)}"
        case _:
            return ""
