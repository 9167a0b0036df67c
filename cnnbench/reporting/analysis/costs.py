"""What a network costs: its layers, or what they are part of, and the totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnbench import units
from cnnbench.analysis.receptive_field import ReceptiveField, receptive_field
from cnnbench.analysis.views import KEYS, Part, folded, most_expensive, tree
from cnnbench.cost import CONVENTION, Cost, cost
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.graph import Graph
from cnnbench.reporting.analysis.columns import (
    HEADERS,
    Column,
    of_layers,
    of_parts,
    of_types,
    plain,
    records,
    summary,
    totals,
)
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.tables import LEAST, MISSING, MOST, UNKNOWN, number, percent

NESTED = "\u00b7 "  # not spaces, which tabulate and Markdown take away
WIDTH = 120
"""Characters of a line that most windows show."""
VIEWS = ("layers", "tree", "types")
SORT_KEYS = tuple(KEYS)

# What text shows, in this order, and what of it is left out first where a line has no room.
_SHOWN = (
    *("part", "layer", "type", "block", "layers", "output shape", "parameters", "MACs", "FLOPs"),
    *("share of FLOPs", "activation bytes", "receptive field"),
)
_SPARE = ("block", "type", "receptive field", "share of FLOPs", "MACs")


def document(
    graph: Graph,
    *,
    view: str | None = None,
    depth: int | None = None,
    sort: str | None = None,
    top: int | None = None,
    width: int = WIDTH,
) -> Document:
    """The costs of a network: of its layers, or of what they are part of, and in total.

    JSON holds all views, CSV all columns of one; the text shows the columns that fit a line.

    Args:
        graph: of the network.
        view: one of VIEWS. If None, the layers if `sort` or `top` is given, the tree if
            `depth` is; else the layers in CSV and where there are few, and what sums them up
            where there are many.
        depth: of the tree; all of it if None.
        sort: what layers are ordered by, one of `views.KEYS`; by FLOPs if only `top` is given,
            in the order of the network if neither is.
        top: how many layers; all if None.
        width: of a line.

    Raises:
        UnknownNameError: the view or the key is not known.
        CnnbenchError: options that do not go together.
    """
    asked = _asked(view, depth, sort, top)
    total, seen = cost(graph), receptive_field(graph)
    layers = list(enumerate(total.layers))
    if sort or top:
        layers = most_expensive(total, sort or "flops", top)

    def columns(view: str, depth: int | None) -> list[Column]:
        if view == "layers":
            return of_layers(total, layers, seen)
        return of_parts(total, tree(total, depth), seen) if view == "tree" else of_types(total)

    page = Document(
        rows=plain(columns(asked or "layers", depth)),
        data=lambda: summary(total, seen) | {name: records(columns(name, depth)) for name in VIEWS},
    )
    page.text(
        f"{graph.name}, input {', '.join(map(units.shape, total.input_shapes))}, {total.dtype}"
    )
    shown, parts, note = (asked, None, "") if asked else _summary(total)
    table = of_parts(total, parts, seen) if parts else columns(shown, depth)
    page.table(_fitting(table, HEADERS[KEYS[sort]] if sort else "", width), narrow=True)
    page.text(note, _without_rule(total))
    page.table((["total", ""], [_total(column) for column in totals(total)]))
    page.text(_sight(seen), CONVENTION)
    return page


def _asked(view: str | None, depth: int | None, sort: str | None, top: int | None) -> str | None:
    """The view that the options name, if any."""
    for kind, name, known in (("view", view, VIEWS), ("column to sort by", sort, KEYS)):
        if name is not None and name not in known:
            raise unknown(kind, name, known)
    for what, given in (("depth", depth), ("top", top)):
        if given is not None and given < 1:
            raise CnnbenchError(f"{what} must be at least 1; got {given}")
    asked = {view, "tree" if depth else None, "layers" if sort or top else None} - {None}
    if len(asked) > 1:
        raise CnnbenchError("depth is for the tree, sort and top are for the layers; choose one")
    return asked.pop() if asked else None


def _summary(cost: Cost) -> tuple[str, Sequence[Part] | None, str]:
    """A view that one can read at a glance, its parts, and what to do to see every layer."""
    count = len(cost.layers)
    if count <= MOST:
        return "layers", None, ""
    note = f"{count} layers: --view layers shows each, --top 10 those with the most FLOPs"
    parts = folded(cost, MOST)
    return ("tree" if parts else "types"), parts, note


def _fitting(columns: Sequence[Column], needed: str, width: int) -> Table:
    """A table of what text shows, without the columns that a line has no room for.

    The column `needed` stays in any case.
    """
    known = {column.header: column for column in columns}
    if "block" in known and len({scope for scope in known["block"].values if scope}) < 2:
        del known["block"]
    if "depth" in known:
        rows = zip(known["depth"].values, known["name"].values, strict=True)
        known["part"] = Column("part", "text", [NESTED * (d - 1) + name for d, name in rows])
    texts = {name: _texts(known[name]) for name in (*_SHOWN, needed) if name in known}
    for name in _SPARE:
        if sum(_width(*column) for column in texts.values()) > width and name != needed:
            texts.pop(name, None)
    cells = zip(*(cells for _, cells in texts.values()), strict=True)
    return [header for header, _ in texts.values()], list(map(list, cells))


def _texts(column: Column) -> tuple[str, list[str]]:
    """The header of a column and its values; bytes in one unit, which the header names."""
    header, step = column.header, 1
    if column.kind == "bytes":
        step, unit = units.binary_step(max(column.values))
        header = header.replace("bytes", f"({unit})")
    cells = [_text(column.kind, value, step) for value in column.values]
    if column.least:
        cells = [LEAST * low + cell for low, cell in zip(column.least, cells, strict=True)]
    return header, cells


def _text(kind: str, value: Any, step: int) -> str:
    if value is None:
        return UNKNOWN
    if kind == "shape":
        return value if isinstance(value, str) else units.shape(value) or MISSING
    if kind == "share":
        return percent(value)
    if kind == "count" or (kind == "bytes" and step == 1):
        return f"{value:,}"
    return str(value) if kind == "text" else number(value / step)


def _width(header: str, cells: Sequence[str]) -> int:
    # As tabulate sets them: two spaces more than the header, and two between columns.
    return max(max(map(len, header.split(" ", 1))) + 2, *map(len, cells)) + 2


def _total(column: Column) -> list[str]:
    (value,) = column.values
    least = LEAST * any(column.least)
    if column.kind == "bytes":  # each in the prefix that suits it
        return [column.header.replace("bytes", "memory"), least + units.binary(value)]
    return [column.header, least + _text(column.kind, value, 1)]


def _without_rule(cost: Cost) -> str:
    if not cost.uncounted:
        return ""
    missing, count = len(cost.uncounted), len(cost.layers)
    names = ", ".join(f"{layer.name} ({layer.op})" for layer in cost.uncounted)
    return (
        f"{missing} of {count} layers ({percent(missing / count)}) "
        f"{'has' if missing == 1 else 'have'} no rule: {names}; "
        "totals are lower bounds, shares are of what the others do"
        + "".join(f"\n  {reason}: {', '.join(layers)}" for reason, layers in _reasons(cost))
    )


def _reasons(cost: Cost) -> list[tuple[str, list[str]]]:
    """Why layers have no rule, and which."""
    layers: dict[str, list[str]] = {}
    for layer in cost.uncounted:
        layers.setdefault(layer.uncounted, []).append(layer.name)
    return list(layers.items())


def _sight(seen: ReceptiveField) -> str:
    """What the output sees of the input, in a sentence."""
    if seen.local.size == ():
        return ""
    size = f"{LEAST * seen.local.least}{units.shape(seen.local.size or ())}"
    if seen.exceeds:
        size += f", more than the input's {units.shape(seen.input)}"
    if not seen.whole_from:
        return f"receptive field: {size}"
    before = f"; before it {size}" if seen.local.size else ""
    return f"receptive field: the whole input from {seen.whole_from} on{before}"
