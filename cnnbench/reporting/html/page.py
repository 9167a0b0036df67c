"""A document as a page of its own: one file that asks nobody for anything.

Every figure is inline, as is the style; a script makes charts and tables of what is live. A policy
in the page allows that script and that style and nothing else, whatever a name contains.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from html import escape

from cnnbench.reporting.document import Block, Document, Heading, Live, Picture, plain
from cnnbench.reporting.html import Draw, anchor, asset, body, inline, picture
from cnnbench.reporting.tables import csv_text


def page(document: Document, drawn: Mapping[str, str] | None = None, csv: str = "rows.csv") -> str:
    """A document as a whole page.

    Args:
        document: what to print.
        drawn: the SVG of each figure by the figure's name; what is not there is drawn now.
        csv: what the file with the document's rows is called, where a reader saves it.
    """
    known = drawn or {}

    def draw(block: Picture) -> str:
        return inline(block, known[block.name]) if block.name in known else picture(block)

    style, script = asset("page.css"), asset("page.js")
    sources = {"default": "'none'", "img": "data:"}
    sources |= {"script": f"'{_digest(script)}'", "style": f"'{_digest(style)}'"}
    policy = "; ".join(f"{kind}-src {source}" for kind, source in sources.items())
    heads = [block for block in document.blocks if isinstance(block, Heading)]
    contents = [_link(head) for head in heads if head.level == 2]
    name = title(document)
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="generator" content="cnnbench">\n<link rel="icon" href="data:,">',
            f"<title>{escape(name)}</title>\n<style>{style}</style>\n</head>\n<body>",
            '<a class="skip" href="#main">To the content</a>\n<header class="top"><b>cnnbench</b>',
            f'<nav aria-label="Sections">{"".join(contents)}</nav></header>',
            '<main id="main">',
            "" if any(head.level == 1 for head in heads) else f"<h1>{escape(name)}</h1>",
            *_sections(document.blocks, draw),
            *_download(document, csv),
            f"</main>\n<script>{script}</script>\n</body>\n</html>\n",
        ]
    )


def title(document: Document) -> str:
    """The text of the first heading, or the first line of a document without one."""
    headings = [block.text for block in document.blocks if isinstance(block, Heading)]
    texts = [block for block in document.blocks if isinstance(block, str)]
    first = next(iter([*headings[:1], *texts]), "cnnbench")
    return plain(first.partition("\n")[0])


def _link(block: Heading) -> str:
    return f'<a href="#{anchor(block)}">{escape(plain(block.text))}</a>\n'


def _sections(blocks: Iterable[Block], draw: Draw) -> Iterator[str]:
    """What is above the first heading of level 2, then an element for each with what is below."""
    end = ""
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            yield f'{end}<section aria-labelledby="{anchor(block)}">'
            end = "</section>"
        content = body([block], draw=draw, rows=None)
        yield _live(block, content) if isinstance(block, Live) else content
    yield end


def _live(block: Live, content: str) -> str:
    # In a script `<` may end it, or begin a comment.
    data = json.dumps(block.data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        f'<div class="live" data-kind="{escape(block.kind)}">\n'
        f'<script type="application/json">{data}</script>\n'
        f'<div class="given">\n{content}\n</div>\n</div>'
    )


def _download(document: Document, name: str) -> Iterator[str]:
    rows = document.rows or ()
    if rows and len(rows) <= (document.longest or len(rows)):
        data = b64encode(csv_text(rows).encode()).decode()
        yield (
            f'<footer><a download="{escape(name)}" href="data:text/csv;base64,{data}">'
            "The rows as CSV</a></footer>"
        )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
