"""An analysis as text, CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cnnbench import units
from cnnbench.analysis.receptive_field import ReceptiveField, receptive_field
from cnnbench.analysis.views import KEYS, dearest, folded, tree
from cnnbench.cost import CONVENTION, Cost
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.graph import Graph
from cnnbench.reporting.analysis.columns import (
    HEADERS,
    Column,
    document,
    of_layers,
    of_parts,
    of_types,
    plain,
    records,
    totals,
)
from cnnbench.reporting.tables import (
    FORMATS,
    LEAST,
    MISSING,
    MOST,
    UNKNOWN,
    csv_text,
    number,
    percent,
    text_table,
)

NESTED = "\u00b7 "  # not spaces, which tabulate and Markdown take away
WIDTH = 120
"""Characters of a line that most windows show."""
VIEWS = ("layers", "tree", "types")

# What text shows, in this order, and what of it is left out first where a line has no room.
_SHOWN = (
    *("part", "layer", "type", "block", "layers", "output shape", "parameters", "MACs", "FLOPs"),
    *("share of FLOPs", "activation bytes", "receptive field"),
)
_SPARE = ("block", "type", "receptive field", "share of FLOPs", "MACs")


def render(
    cost: Cost,
    target: str,
    format: str,
    graph: Graph | None = None,
    *,
    view: str | None = None,
    depth: int | None = None,
    sort: str | None = None,
    top: int | None = None,
    width: int = WIDTH,
) -> str:
    """The costs of a network: of its layers, or of what they are part of, and in total.

    JSON holds all views, CSV all columns of one, the other formats what fits a line.

    Args:
        cost: of the network.
        target: what it is, for the first line.
        format: one of FORMATS.
        graph: of the network; its receptive fields are shown if it is given.
        view: one of VIEWS. If None, the layers if `sort` or `top` is given, the tree if
            `depth` is; else the layers in CSV and where there are few, and what sums them up
            where there are many.
        depth: of the tree; all of it if None.
        sort: what layers are ordered by, one of `views.KEYS`; by FLOPs if only `top` is given,
            in the order of the network if neither is.
        top: how many layers; all if None.
        width: of a line.

    Raises:
        UnknownNameError: the format, the view or the key is not known.
        CnnbenchError: options that do not go together.
    """
    view = _asked(format, view, depth, sort, top)
    seen = receptive_field(graph) if graph else None
    ordered = sort or top
    rows = dearest(cost, sort or "flops", top) if ordered else list(enumerate(cost.layers))

    def columns(view: str, depth: int | None) -> list[Column]:
        if view == "layers":
            return of_layers(cost, rows, seen)
        return of_parts(cost, tree(cost, depth), seen) if view == "tree" else of_types(cost)

    if format == "json":
        views = {name: records(columns(name, depth)) for name in VIEWS}
        return json.dumps(document(cost, target, seen) | views, indent=2) + "\n"
    note = ""
    if view is None:
        view, depth, note = _summary(cost) if format != "csv" else ("layers", None, "")
    if format == "csv":
        return csv_text(plain(columns(view, depth)))
    style = "simple" if format == "table" else "github"
    parts = (
        f"{target}, input {', '.join(map(units.shape, cost.input_shapes))}, {cost.dtype}",
        _fitting(columns(view, depth), HEADERS[KEYS[sort]] if sort else "", width, style),
        note,
        _without_rule(cost),
        text_table(["total", ""], [_total(column) for column in totals(cost)], style),
        _sight(seen),
        CONVENTION,
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def _asked(
    format: str, view: str | None, depth: int | None, sort: str | None, top: int | None
) -> str | None:
    """The view that the options name, if any."""
    for kind, name, known in (
        ("format", format, FORMATS),
        ("view", view, VIEWS),
        ("column to sort by", sort, KEYS),
    ):
        if name is not None and name not in known:
            raise unknown(kind, name, known)
    for what, given in (("depth", depth), ("top", top)):
        if given is not None and given < 1:
            raise CnnbenchError(f"{what} must be at least 1; got {given}")
    asked = {view, "tree" if depth else None, "layers" if sort or top else None} - {None}
    if len(asked) > 1:
        raise CnnbenchError("depth is for the tree, sort and top are for the layers; choose one")
    return asked.pop() if asked else None


def _summary(cost: Cost) -> tuple[str, int | None, str]:
    """A view that one can read at a glance, its depth, and what to do to see every layer."""
    count = len(cost.layers)
    if count <= MOST:
        return "layers", None, ""
    note = f"{count} layers: --view layers shows each, --top 10 those with the most FLOPs"
    parts = folded(cost, MOST)
    return ("tree", max(part.depth for part in parts), note) if parts else ("types", None, note)


def _fitting(columns: Sequence[Column], kept: str, width: int, style: str) -> str:
    """A table of what text shows, without the columns that a line has no room for."""
    found = {column.header: column for column in columns}
    if "block" in found and len({scope for scope in found["block"].values if scope}) < 2:
        del found["block"]
    if "depth" in found:
        rows = zip(found["depth"].values, found["name"].values, strict=True)
        found["part"] = Column("part", "text", [NESTED * (d - 1) + name for d, name in rows])
    texts = {name: _texts(found[name]) for name in (*_SHOWN, kept) if name in found}
    for name in _SPARE:
        if sum(_width(*column) for column in texts.values()) > width and name != kept:
            texts.pop(name, None)
    headers, cells = zip(*texts.values(), strict=True)
    if style == "simple":
        headers = tuple(header.replace(" ", "\n", 1) for header in headers)
    return text_table(headers, zip(*cells, strict=True), style)


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


def _total(column: Column) -> tuple[str, str]:
    (value,) = column.values
    least = LEAST * any(column.least)
    if column.kind == "bytes":  # each in the prefix that suits it
        return column.header.replace("bytes", "memory"), least + units.binary(value)
    return column.header, least + _text(column.kind, value, 1)


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
    found: dict[str, list[str]] = {}
    for layer in cost.uncounted:
        found.setdefault(layer.uncounted, []).append(layer.name)
    return list(found.items())


def _sight(seen: ReceptiveField | None) -> str:
    """What the output sees of the input, in a sentence."""
    if seen is None or seen.local.size == ():
        return ""
    size = f"{LEAST * seen.local.least}{units.shape(seen.local.size or ())}"
    if seen.exceeds:
        size += f", more than the input's {units.shape(seen.input)}"
    if not seen.whole_from:
        return f"receptive field: {size}"
    before = f"; before it {size}" if seen.local.size else ""
    return f"receptive field: the whole input from {seen.whole_from} on{before}"
