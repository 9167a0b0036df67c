"""A document in a window: tables as wide as it is, verdicts in colour.

A table that is too wide wraps its texts of several words, then loses the columns that its `Grid`
can spare, then the middle of the names in its first column, and only then other columns. A line
below names the columns that are left out. Nothing is coloured if NO_COLOR is set.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from cnnbench.reporting.document import (
    MARKED,
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
)
from cnnbench.reporting.tables import numeric

_ANY = 10**5
NARROWEST = 80
"""The characters of a line in the narrowest window that is respected."""
_GAP = 2
_WORDS = 20
"""The narrowest column of texts that wrap; without a space in them they do not."""
_NAME = 16
"""The fewest characters of a name that is shortened."""
_COLOURS = {
    "green": "confirmed faster less ok plausible passed equal yes",
    "red": "refuted slower more failed impossible DIFFERENT no",
    "yellow": "nearly depends inconclusive unclear unknown warn suspicious open",
}
_STYLES = {word: colour for colour, words in _COLOURS.items() for word in words.split()}
_JUDGING = {"verdict", "on paper", "measured", "holds", "fits", "outcome", ""}
"""The headers of columns with verdicts."""
_SAID = "confirmed|refuted|nearly|depends|inconclusive|faster|slower|passed|failed"
_VERDICT = re.compile(rf"(?:(?<=: )|(?<=\d ))({_SAID})\b")
"""On paper: refuted. Or: 3 slower, 12 same."""
_MARKS = {"bold": "bold", "code": "cyan", "label": "underline"}


def text(document: Document, columns: int, *, wide: bool = False) -> str:
    """A document for a window, with the colours that the standard output can show.

    Args:
        document: what to print; figures are left out.
        columns: the characters of a line, of which at least `NARROWEST` are used.
        wide: show all columns of every table, however long the lines become.
    """
    columns = max(columns, NARROWEST)
    console = Console(file=sys.stdout, width=_ANY if wide else columns, height=50, highlight=False)
    with console.capture() as captured:
        for number, block in enumerate(_blocks(document.blocks, columns, wide)):
            console.print(*([""] if number else []), block, sep="\n")
    return captured.get()


def _blocks(blocks: Iterable[Block], columns: int, wide: bool) -> Iterator[RenderableType]:
    """What to print for each block."""
    for block in blocks:
        match block:
            case Heading(words):
                yield Constrain(_words(words, "bold"), columns)
            case str(words):
                yield Constrain(_words(words), columns)
            case Bullets(lines):
                yield Constrain(Group(*map(_words, lines)), columns)
            case Grid():
                yield _grid(block, _ANY if wide else columns)
            case Code(code):
                yield Text("\n".join(_hung(line, columns) for line in code.splitlines()))
            case Folded(summary, inside):
                yield Constrain(_words(summary, "bold"), columns)
                yield from _blocks(inside, columns, wide)
            case Live(_, _, inside):
                yield from _blocks(inside, columns, wide)
            case Tiles() | Badges():
                yield Constrain(_words(block.words), columns)
            case Picture():
                pass


def _words(words: str, style: str = "") -> Text:
    """A text with its marks and its verdicts as colours."""
    shown, end = Text(style=style), 0
    for found in MARKED.finditer(words):
        kind = next(kind for kind in _MARKS if found[kind])
        shown.append(words[end : found.start()]).append(found[kind], _MARKS[kind])
        end = found.end()
    shown.append(words[end:])
    for found in _VERDICT.finditer(shown.plain):
        shown.stylize(_STYLES[found[1]], *found.span(1))
    return shown


def _hung(line: str, columns: int) -> str:
    """A line to be copied, its rest below its second column: a name, two spaces, a formula."""
    indent = re.match(r"(\S+ )*\S+ {2,}|", line)
    rest = " " * (indent.end() if indent else 0)
    return textwrap.fill(line, columns, subsequent_indent=rest, break_on_hyphens=False)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a table and its width, which may become less down to `least`."""

    header: str
    cells: list[str]
    number: bool
    width: int
    least: int


def _column(header: str, cells: list[str], number: bool, narrow: bool) -> _Column:
    header = header.replace(" ", "\n", 1) if narrow else header
    longest = max(map(len, cells))
    tokens = [token for cell in cells for token in cell.split()]
    wraps = not number and any(" " in cell for cell in cells)
    least = min(longest, max(_WORDS, *map(len, tokens))) if wraps and tokens else longest
    return _Column(
        header,
        cells,
        number,
        width=max(longest, *map(len, header.split("\n"))),
        least=max(least, *map(len, header.split())) if header else least,
    )


def _grid(grid: Grid, room: int) -> RenderableType:
    """A table in so many characters, and the names of the columns that it has lost."""
    rows = [[" ".join(_words(cell).plain.split()) for cell in row] for row in grid.rows]
    columns = [
        _column(header, list(cells), number, grid.narrow)
        for header, cells, number in zip(
            grid.headers, zip(*rows, strict=True), numeric(grid.headers, rows), strict=True
        )
    ]
    places = _fitting(grid, columns, room)
    kept = _shrunk([columns[i] for i in places], room)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    for column in kept:
        side: Literal["right", "left"] = "right" if column.number else "left"
        table.add_column(column.header, width=column.width, justify=side, overflow="fold")
    styles = [_STYLES if grid.headers[place] in _JUDGING else {} for place in places]
    for cells in zip(*(column.cells for column in kept), strict=True):
        coloured = zip(cells, styles, strict=True)
        table.add_row(*(Text(cell, style=known.get(cell, "")) for cell, known in coloured))
    lost = ", ".join(name for i, name in enumerate(grid.headers) if i not in places)
    return Group(table, Text(f"left out: {lost} (--wide shows all)", "dim")) if lost else table


def _fitting(grid: Grid, columns: list[_Column], room: int) -> list[int]:
    """The columns that there is room for."""
    places = list(range(len(columns)))
    spare = [grid.headers.index(name) for name in grid.spare or () if name in grid.headers[1:]]
    others = [place for place in places[:1:-1] if place not in spare]  # never the first two
    least = [column.least for column in columns]
    if grid.spare is None:
        spare, others = others, []
    for leave, name in ((spare, least[0]), (others, min(least[0], _NAME))):
        while leave and _over([name, *(least[i] for i in places[1:])]) > room:
            places.remove(leave.pop(0))
    return places


def _over(widths: Iterable[int]) -> int:
    """The width of a table, with its gaps."""
    known = list(widths)
    return sum(known) + _GAP * (len(known) - 1)


def _shrunk(columns: list[_Column], room: int) -> list[_Column]:
    """The columns in so much room: the widest texts wrap first; then names become shorter."""
    widths = [column.width for column in columns]
    while _over(widths) > room:
        spare = [i for i, column in enumerate(columns) if widths[i] > column.least]
        if not spare:
            break
        widths[max(spare, key=widths.__getitem__)] -= 1
    if (over := _over(widths) - room) > 0:
        widths[0] = max(_NAME, widths[0] - over)
    names = [_shortened(cell, widths[0]) for cell in columns[0].cells]
    if any(" " in cell for cell in columns[0].cells):
        names = columns[0].cells  # which wrap
    columns = [replace(columns[0], cells=names), *columns[1:]]
    return [replace(c, width=width) for c, width in zip(columns, widths, strict=True)]


def _shortened(name: str, width: int) -> str:
    """A name without its middle: layers differ at the end, and begin with where they are."""
    if len(name) <= width:
        return name
    start = (width - 1) // 2
    return f"{name[:start]}\N{HORIZONTAL ELLIPSIS}{name[start + 1 - width :]}"
