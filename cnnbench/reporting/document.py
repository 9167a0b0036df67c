"""DOCUMENT: what a report says, before anybody decides how it is printed.

Headings, paragraphs, lists, tables and pictures in order, and beside them the same as plain
values: `rows` for CSV, `data` for JSON. `formats` prints them.

Text may mark words as Markdown does: **bold**, `code` and [a link](address).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cnnbench import units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = list[list[str]]
Table = tuple[list[str], Rows]
"""Headers, and the texts of every row."""
ROWS = 20
"""The most rows of a table that are shown where the others can be folded."""
MARKED = re.compile(
    r"\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`|\[(?P<label>[^]]+)\]\((?P<address>[^)]*)\)"
)
"""Marked words in a text."""


# An address without a scheme, or with one that opens a page: never `javascript:`.
_PAGE = re.compile(r"(https?:|mailto:|#)[^\s]*|[\w./%?=&;#~+-]*")
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What moves a cursor, turns the direction of a text, or is half a letter."""


def opens_page(address: str) -> bool:
    """Whether a link to it can do no more than open a page."""
    return bool(_PAGE.fullmatch(address))


def seen(text: str) -> str:
    """A text in which nothing acts on a terminal or hides: such characters by their numbers."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def plain(text: str) -> str:
    """A text without the marks."""
    return MARKED.sub(lambda found: next(filter(None, found.groups())), text)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the title of the document."""

    text: str
    level: int


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of lines."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts, one for each column in a row.

    In text, headers of a narrow one break after their first word, and lines of the last column have
    at most `wrap` characters. In a window that has no room for all columns, those that `spare`
    names go first, in this order; if it is None, the last ones.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    narrow: bool = False
    wrap: int | None = None
    spare: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be copied as they are; `language` says of what."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure: the name of its file, what it shows in words, and how to draw it."""

    name: str
    alt: str
    draw: Callable[[], Figure]


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks of which a reader sees only the summary until they open it; plain text shows all."""

    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Tiles:
    """The few numbers that answer a question: each with its interval as text, and of what it is."""

    tiles: tuple[tuple[str, str, str], ...]

    @property
    def words(self) -> str:
        """The same as lines."""
        return "\n".join(f"{what}: **{value}** {ends}".rstrip() for value, ends, what in self.tiles)


@dataclass(frozen=True, slots=True)
class Badges:
    """Short facts in a row; each with whether it is good, or None where it is neither."""

    badges: tuple[tuple[str, bool | None], ...]

    @property
    def words(self) -> str:
        """The same as a line."""
        return ", ".join(words for words, _ in self.badges)


@dataclass(frozen=True, slots=True)
class Live:
    """What a page with scripts makes of plain data; everywhere else the blocks stand for it.

    `kind` says what is made: a name in `KINDS` of html/page.js.
    """

    kind: str
    data: Any
    blocks: tuple[Block, ...]


Block = str | Heading | Bullets | Grid | Code | Picture | Tiles | Badges | Folded | Live
"""A string is a paragraph; a line feed inside stays one."""


def shortened(blocks: Iterable[Block], rows: int = ROWS) -> Iterator[Block]:
    """Blocks whose tables show some rows; the others are folded below them."""
    for block in blocks:
        match block:
            case Grid(_, texts) if len(texts) > rows:
                rest = replace(block, rows=texts[rows:])
                count = units.counted(len(rest.rows), "more row")
                yield from (replace(block, rows=texts[:rows]), Folded(count, (rest,)))
            case Folded(blocks=inside) | Live(blocks=inside):
                yield replace(block, blocks=tuple(shortened(inside, rows)))
            case _:
                yield block


@dataclass(slots=True)
class Document:
    """Blocks in order, which the methods append, and the same as plain values.

    For CSV, `rows` has one mapping a row, all of the same keys. For JSON, `data` has plain values,
    or a function that gives them. Either is None where there is nothing of the kind. Of tables with
    more than `longest` rows the others are left out.
    """

    blocks: list[Block] = field(default_factory=list)
    rows: Sequence[Mapping[str, Any]] | None = None
    data: Any = None
    longest: int | None = None
    _sections: list[str] = field(default_factory=list)

    def heading(self, text: str, level: int = 2) -> None:
        """Add a heading."""
        self.blocks.append(Heading(text, level))

    def section(self, title: str) -> None:
        """Start a numbered section, or go on with it if it is the one that was started last."""
        if self._sections[-1:] != [title]:
            self._sections.append(title)
            self.heading(f"{len(self._sections)}. {title}")

    def text(self, *paragraphs: str) -> None:
        """Add paragraphs; empty ones vanish."""
        self.blocks += filter(None, paragraphs)

    def bullets(self, lines: Iterable[str]) -> None:
        """Add a list, if it has lines."""
        if found := tuple(lines):
            self.blocks.append(Bullets(found))

    def table(
        self,
        table: Table,
        *,
        narrow: bool = False,
        wrap: int | None = None,
        spare: Iterable[str] | None = None,
    ) -> None:
        """Add a table, if it has rows; the options are those of `Grid`."""
        headers, rows = table
        if rows:
            last = None if spare is None else tuple(spare)
            shown = tuple(map(tuple, rows[: self.longest]))
            self.blocks.append(Grid(tuple(headers), shown, narrow, wrap, last))
            if left := len(rows) - len(shown):
                self.text(f"Left out: {units.counted(left, 'more row')}.")

    def code(self, text: str, language: str = "") -> None:
        """Add lines to be copied as they are."""
        self.blocks.append(Code(text, language))

    def picture(self, name: str, alt: str, draw: Callable[[], Figure]) -> None:
        """Add a figure."""
        self.blocks.append(Picture(name, alt, draw))

    def tiles(self, tiles: Iterable[tuple[str, str, str]]) -> None:
        """Add numbers that answer the question, if there are any."""
        if found := tuple(tiles):
            self.blocks.append(Tiles(found))

    def badges(self, badges: Iterable[tuple[str, bool | None]]) -> None:
        """Add short facts."""
        self.blocks.append(Badges(tuple(badges)))

    @contextmanager
    def live(self, kind: str, data: Any) -> Iterator[None]:
        """What is added inside stands for the data where no script makes something of them."""
        with self._gathered(lambda blocks: Live(kind, data, blocks)):
            yield

    @contextmanager
    def folded(self, summary: str) -> Iterator[None]:
        """Fold all that is added inside `with page.folded("details"):`; nothing stays nothing."""
        with self._gathered(lambda blocks: Folded(summary, blocks)):
            yield

    @contextmanager
    def _gathered(self, into: Callable[[tuple[Block, ...]], Block]) -> Iterator[None]:
        before, self.blocks = self.blocks, []
        yield
        inside, self.blocks = self.blocks, before
        if inside:
            self.blocks.append(into(tuple(inside)))
