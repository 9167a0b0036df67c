"""Numbers and tables as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from cnnbench import units
from cnnbench.reporting.document import Rows as Rows
from cnnbench.reporting.document import Table as Table

if TYPE_CHECKING:
    from cnnbench.stats import Estimate  # only a name here: it would import SciPy

T = TypeVar("T")
Columns = Mapping[str, Callable[[T], str]]
"""By header, the text of an item in that column."""

MISSING = "-"
UNKNOWN = "?"
LEAST = ">= "
_NUMBER = re.compile(rf"(\*\*)?({LEAST})?[+-]?\d")
WHOLE = "whole"
"""The receptive field of a layer that sees all of the input."""
SHOW: dict[str, Callable[[float], str]] = {
    **dict.fromkeys(("parameters", "params", "trainable", "weights"), "{:,.0f}".format),
    **dict.fromkeys(("MACs", "FLOPs", "flops"), units.count),
    **dict.fromkeys(("activations", "peak", "traffic", "memory"), units.binary),
    **dict.fromkeys(("activation memory", "peak memory, on paper"), units.binary),
    "time": units.seconds,
    "time per FLOP": lambda value: f"{units.seconds(1e9 * value)} a GFLOP",
}
"""How the values of each quantity are written."""
MOST = 60
"""The most rows that are shown to somebody who did not ask for all of them."""


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV, the header first; lines end with a line feed on every system."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def of_items(items: Iterable[T], columns: Columns[T]) -> Table:
    """A table with one row for each item."""
    return list(columns), [[show(item) for show in columns.values()] for item in items]


def known(table: Table) -> Table:
    """A table without the columns in which nothing is known."""
    headers, rows = table
    kept = [i for i, cells in enumerate(zip(*rows, strict=True)) if {*cells} != {MISSING}]
    return [headers[i] for i in kept], [[row[i] for i in kept] for row in rows]


def text_table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], style: str, wrap: int | None = None
) -> str:
    """A table of texts; columns of numbers are aligned to the right.

    `style` is simple for a terminal and pipe for Markdown; `wrap` is the most characters of a
    line of the last column.
    """
    from tabulate import tabulate  # here: a window and a shell that completes need none

    heads, body = list(headers), [[" ".join(cell.split()) for cell in row] for row in rows]
    if style == "pipe":
        heads = [" ".join(head.split()) for head in heads]
        heads, *body = ([cell.replace("|", "\\|") for cell in row] for row in (heads, *body))
    align = ["right" if number else "left" for number in numeric(headers, body)]
    widths = [*[None] * (len(align) - 1), wrap] if wrap and body else None
    return tabulate(
        body,
        heads,
        tablefmt=style,
        colalign=align,
        disable_numparse=True,
        maxcolwidths=widths,
    )


def numeric(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[bool]:
    """Which columns hold numbers only."""
    columns = list(zip(*rows, strict=True)) or [()] * len(headers)
    return [bool(column) and all(map(_numeric, column)) for column in columns]


def _numeric(value: str) -> bool:
    return value in (MISSING, UNKNOWN, WHOLE) or bool(_NUMBER.match(value))


def number(value: float) -> str:
    """A plain number with three significant digits and no exponent: 0.42, 19.8, 1,234."""
    size = abs(value)
    if size >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 9.995 else f"{value:.2f}" if size >= 0.0995 else f"{value:.2g}"


def interval(estimate: Estimate | None, show: Callable[[float], str]) -> str:
    """12.3 ms [11.9 ms, 12.8 ms]; the value alone where there is no interval."""
    if estimate is None:
        return MISSING
    if estimate.low is None or estimate.high is None:
        return show(estimate.value)
    return f"{show(estimate.value)} [{show(estimate.low)}, {show(estimate.high)}]"


def optional(value: float | None, show: Callable[[float], str]) -> str:
    """The value as text, or a dash where there is none."""
    return MISSING if value is None else show(value)


def percent(value: float) -> str:
    """0.053 as 5.3 %."""
    return f"{100 * value:.1f} %"
