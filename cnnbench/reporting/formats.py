"""A document in the format that somebody asked for, and as a page in a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from html import escape, unescape
from pathlib import Path

from cnnbench.errors import StoreError, unknown
from cnnbench.paths import replace_file
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
    opens_page,
    plain,
    seen,
    shortened,
)
from cnnbench.reporting.tables import csv_text, text_table

PAGE = "index.html"
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_TARGET = re.compile(r"\]\(([^)]*)")
_DEFINED = re.compile(r"^([\s>*+\d.-]*\[[^\]\n]*\]):", re.MULTILINE)
"""What Markdown takes for an element, for where a link goes, and for a link that is defined."""
_BLANK = re.compile(r"\n\s*\n")
_TICKS = re.compile(r"`+")
_BRACKET, _ESCAPED = re.compile(r"[][]"), r"\\\g<0>"
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
        printers["csv"] = lambda: csv_text(rows)
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
        earlier = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for name, content in (beside or {}).items():
            replace_file(folder / name, content)
        for picture in pictures:
            png, svg = images(picture.draw, (".png", ".svg"), words=True)
            replace_file(folder / picture.name, png)
            drawn[picture.name] = svg.decode()
            if also:  # again, for the SVG of the page has its letters from the reader's machine
                contents = images(picture.draw, also, words=False)
                for suffix, content in zip(also, contents, strict=True):
                    replace_file((folder / picture.name).with_suffix(suffix), content)
        replace_file(path, markdown(document).encode())
        replace_file(folder / PAGE, _page(document, drawn).encode())
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
    blocks = document.blocks if rows is None else shortened(document.blocks, rows)
    return seen(_markdowns(blocks)) + "\n"


def text(document: Document) -> str:
    """A document as plain text for a terminal; figures are left out."""
    return seen(_texts(document.blocks)) + "\n"


def _page(document: Document, drawn: Mapping[str, str] | None = None) -> str:
    from cnnbench.reporting.html.page import page  # here: a table need not wait for it

    return seen(page(document, drawn))


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
            return f"{'#' * level} {_marked(_joined(words))}"
        case str():
            return _marked(_BLANK.sub("\n", block))
        case Bullets(lines):
            return "\n".join(f"- {_marked(_joined(line))}" for line in lines)
        case Grid(headers, rows):
            cells = [[*map(_marked, row)] for row in (headers, *rows)]
            return text_table(cells[0], cells[1:], "pipe")
        case Code(words, language):
            longest = max(map(len, _TICKS.findall(words)), default=0)
            fence = "`" * max(longest + 1, 3)
            return f"{fence}{language}\n{words}\n{fence}"
        case Picture(name, alt):
            return f"![{_BRACKET.sub(_ESCAPED, _marked(_joined(alt)))}]({name})"
        case Tiles(tiles):
            return "\n".join(f"- {_marked(_joined(Tiles((tile,)).words))}" for tile in tiles)
        case Badges():
            return _marked(_joined(block.words))
        case Live(_, _, blocks):
            return _markdowns(blocks)
        case Folded(summary, blocks):
            opened = f"<details>\n<summary>{escape(plain(_joined(summary)), quote=False)}</summary>"
            return f"{opened}\n\n{_markdowns(blocks)}\n\n</details>"


def _joined(text: str) -> str:
    """A text as one line."""
    return " ".join(text.split())


def _marked(text: str) -> str:
    """A text for Markdown, in which no name is an element of HTML or a link that runs something."""

    def target(found: re.Match[str]) -> str:
        return found[0] if opens_page(unescape(found[1])) else f"]\\({found[1]}"

    return _TAG.sub("&lt;", _DEFINED.sub(r"\1\\:", _TARGET.sub(target, text)))


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
