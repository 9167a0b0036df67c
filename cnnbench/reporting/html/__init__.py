"""A document as HTML that needs nothing else: a style of its own, no script.

Every text is escaped, for a name may come from a user's file; of its marks only **bold**, `code`
and links to pages become elements. Colours follow the page around it, light or dark.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from html import escape, unescape
from importlib.resources import files
from typing import Literal

from cnnbench.reporting.document import (
    MARKED,
    ROWS,
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
    shortened,
)
from cnnbench.reporting.tables import numeric


@cache
def asset(name: str) -> str:
    """A style or a script that pages hold."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


Figures = Literal["svg", "png"]
Draw = Callable[[Picture], str]
"""A figure as an element."""
STYLE = asset("fragment.css").strip()
"""It touches nothing outside an element of class `cnnbench`."""
_NUMBER, _LONG = ' class="number"', ' class="long"'

_ID = re.compile(r'(?<=\bid=")|(?<=\bhref="#)|(?<=url\(#)')
"""Before each name in an SVG, where it is given and where it is used."""
_SHEET = re.compile(r"<(style|metadata).*?</\1>|<!--.*?-->", re.DOTALL)
_SPARE = re.compile(r'(?<=<g) id="[^"]*"| transform="rotate\(-0 [^"]*"|(?<=\n) +')
"""What nothing refers to, turns nothing, or says nothing: a third of a figure."""
_PLACES = re.compile(r' (d|x|y|transform|points)="[^"]*"')
_FINE = re.compile(r"(\.\d\d)\d+")
"""More digits of a place than anybody sees; a figure has thousands of them."""
_STYLED = re.compile(r' style="([^"]*)"')


def fragment(document: Document, *, figures: Figures | None = None, rows: int | None = ROWS) -> str:
    """A document as one `<div>` with its style.

    Args:
        document: what to print.
        figures: draw them, as inline SVG or as PNG in the text; they are left out if None.
        rows: of a table that are shown; the others are folded below them. None shows all.
    """
    content = body(document.blocks, draw=figures and partial(picture, figures=figures), rows=rows)
    return f'<div class="cnnbench">\n<style>\n{STYLE}\n</style>\n{content}\n</div>\n'


def body(blocks: Iterable[Block], *, draw: Draw | None = None, rows: int | None = ROWS) -> str:
    """Blocks without the element and the style around them; what is live stands still."""
    shown = blocks if rows is None else shortened(blocks, rows)
    return "\n".join(filter(None, (_block(block, draw) for block in shown)))


def _block(block: Block, draw: Draw | None) -> str:
    match block:
        case Heading():
            return heading(block)
        case str():
            return paragraph(block)
        case Bullets():
            return bullets(block)
        case Grid():
            return grid(block)
        case Code():
            return code(block)
        case Picture():
            return draw(block) if draw else ""
        case Tiles():
            return _tiles(block)
        case Badges():
            return _badges(block)
        case Folded():
            return folded(block, draw)
        case Live():
            return body(block.blocks, draw=draw, rows=None)


def _tiles(block: Tiles) -> str:
    items = (
        f"<li><b>{escape(value)}</b> <span>{escape(ends)}</span> <small>{words(what)}</small></li>"
        for value, ends, what in block.tiles
    )
    return '<ul class="tiles">\n' + "\n".join(items) + "\n</ul>"


def _badges(block: Badges) -> str:
    kinds = {True: ' class="good"', False: ' class="bad"', None: ""}
    items = (f"<li{kinds[good]}>{escape(text)}</li>" for text, good in block.badges)
    return '<ul class="badges">\n' + "\n".join(items) + "\n</ul>"


def heading(block: Heading) -> str:
    """A heading, with the name that GitHub gives it for links to it."""
    return f'<h{block.level} id="{anchor(block)}">{words(block.text)}</h{block.level}>'


def anchor(block: Heading) -> str:
    """The name of a heading for links to it, as GitHub gives it."""
    return re.sub(r"[^\w -]", "", block.text.lower()).replace(" ", "-")


def paragraph(text: str) -> str:
    """A paragraph with its line feeds."""
    return "<p>" + words(text).replace("\n", "<br/>\n") + "</p>"


def bullets(block: Bullets) -> str:
    """A list."""
    return "<ul>\n" + "\n".join(f"<li>{words(line)}</li>" for line in block.lines) + "\n</ul>"


def grid(block: Grid) -> str:
    """A table with numbers at the right."""
    numbers = numeric(block.headers, block.rows)
    longest = [max(map(len, cells)) for cells in zip(block.headers, *block.rows, strict=True)]
    # What a row is about stands in its first column, unless that is a number too.
    first = ("td", "") if numbers[0] else ("th", ' scope="row"')
    kinds = [first, *[("td", "")] * (len(numbers) - 1)]

    def row(cells: Sequence[str], kinds: Iterable[tuple[str, str]]) -> str:
        texts = (
            f"<{tag}{kind}{_NUMBER * number}>{words(text)}</{tag}>"
            for text, (tag, kind), number in zip(cells, kinds, numbers, strict=True)
        )
        return f"<tr>{''.join(texts)}</tr>"

    long = (
        _LONG * (not number and size > 30) for number, size in zip(numbers, longest, strict=True)
    )
    head = row(block.headers, [("th", f' scope="col"{kind}') for kind in long])
    lines = "\n".join(row(cells, kinds) for cells in block.rows)
    return (
        f'<div class="scroll"><table>\n<thead>\n{head}\n</thead>\n'
        f"<tbody>\n{lines}\n</tbody>\n</table></div>"
    )


def folded(block: Folded, draw: Draw | None = None) -> str:
    """Blocks that a reader opens."""
    content = body(block.blocks, draw=draw, rows=None)
    return f"<details>\n<summary>{words(block.summary)}</summary>\n{content}\n</details>"


def code(block: Code) -> str:
    """Lines as they are."""
    kind = f' class="language-{escape(block.language)}"' if block.language else ""
    return f"<pre><code{kind}>{escape(block.text)}</code></pre>"


def picture(block: Picture, figures: Figures = "svg") -> str:
    """A figure, drawn now."""
    from cnnbench.reporting.style import image  # here: it imports matplotlib

    drawn = image(block.draw, f".{figures}", words=figures == "svg")
    if figures == "svg":
        return inline(block, drawn.decode())
    data = base64.b64encode(drawn).decode()
    return _figure(f'<img alt="{escape(block.alt)}" src="data:image/png;base64,{data}"/>')


def inline(block: Picture, drawn: str) -> str:
    """A drawn SVG as a part of a page, with names of its own: those of figures may be equal.

    Its styles become attributes, which a strict content policy leaves alone.
    """
    text = _SHEET.sub("", drawn[drawn.index("<svg") :].strip())
    text = _SPARE.sub("", _PLACES.sub(lambda found: _FINE.sub(r"\1", found[0]), text))
    text = _ID.sub(re.sub(r"\W", "-", block.name) + "-", _STYLED.sub(_attributes, text))
    joins = 'stroke-linejoin="round" stroke-linecap="butt" font-family="sans-serif"'
    return _figure(
        text.replace("<svg", f'<svg role="img" aria-label="{escape(block.alt)}" {joins}', 1)
    )


def _attributes(found: re.Match[str]) -> str:
    pairs = (pair.partition(":") for pair in found[1].split(";") if pair.strip())
    kept = {name.strip(): value.strip() for name, _, value in pairs}
    kept.pop("font-family", None)  # that of the page
    return "".join(f' {name}="{value}"' for name, value in kept.items())


def _figure(content: str) -> str:
    return f"<figure>\n{content}\n</figure>"


def words(text: str) -> str:
    """A text, escaped, with its marks as elements."""
    return MARKED.sub(_element, escape(text))


def _element(found: re.Match[str]) -> str:
    bold, code, label, address = found.group("bold", "code", "label", "address")
    if code is not None:
        return f"<code>{code}</code>"
    if bold is not None:
        return f"<strong>{MARKED.sub(_element, bold)}</strong>"
    # Once as we escaped it, and once as its author may have.
    if not opens_page(unescape(unescape(address))):
        return found[0]
    return f'<a href="{address}">{MARKED.sub(_element, label)}</a>'
