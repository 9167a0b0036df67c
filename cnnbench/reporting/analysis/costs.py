"""What a network costs: its layers, or what they are part of, and the totals.

Columns of plain values are what CSV and JSON hold; text is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cnnbench import units
from cnnbench.analysis.receptive_field import ReceptiveField, receptive_field
from cnnbench.analysis.views import KEYS, Part, by_type, folded, intensity, most_expensive, tree
from cnnbench.cost import CONVENTION, Cost, LayerCost, cost
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.graph import Graph
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.tables import LEAST, MISSING, MOST, UNKNOWN, WHOLE, number, percent

NESTED = "\u00b7 "  # not spaces, which tabulate and Markdown take away
VIEWS = ("layers", "tree", "types")
SORT_KEYS = tuple(KEYS)

# What text shows, in this order, and what of it is left out first where a window has no room.
_SHOWN = (
    *("part", "layer", "type", "block", "layers", "output shape", "parameters", "MACs", "FLOPs"),
    *("share of FLOPs", "activation bytes", "receptive field"),
)
_SPARE = ("block", "type", "receptive field", "share of FLOPs", "MACs")

Kind = Literal["text", "shape", "count", "bytes", "share", "ratio"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, of plain values: None where one is not known.

    The header has the unit, unless it is a plain count. `least` says where a value is a lower
    bound; nowhere if empty.
    """

    header: str
    kind: Kind
    values: list[Any]
    least: Sequence[bool] = ()


Attributes = tuple[tuple[str, str, Kind, bool], ...]
"""Columns: header, attribute, kind, and whether it needs the rule of every layer."""
_OF_A_LAYER: Attributes = (
    ("layer", "name", "text", False),
    ("type", "op", "text", False),
    ("block", "scope", "text", False),
    ("output shape", "output_shape", "shape", False),
    ("parameters", "params", "count", False),
    ("MACs", "macs", "count", True),
    ("MACs inside the input", "inside_macs", "count", True),
    ("elementwise", "elementwise", "count", True),
    ("FLOPs", "flops", "count", True),
    ("FLOPs per byte", "intensity", "ratio", True),
    ("weight bytes", "weight_bytes", "bytes", False),
    ("activation bytes", "activation_bytes", "bytes", False),
    ("live bytes", "live_bytes", "bytes", False),
)
_OF_A_PART: Attributes = (
    ("parameters", "params", "count", False),
    ("MACs", "macs", "count", True),
    ("FLOPs", "flops", "count", True),
    ("share of FLOPs", "share", "share", True),
    ("activation bytes", "activation_bytes", "bytes", False),
)


def document(
    network: Graph | Cost,
    *,
    view: str | None = None,
    depth: int | None = None,
    sort: str | None = None,
    top: int | None = None,
) -> Document:
    """The costs of a network: of its layers, or of what they are part of, and in total.

    A cost alone does not say how layers are connected, and so not what the output sees.

    JSON holds all views; CSV all columns of one, the layers if none is asked for; the text the
    usual columns, and what sums up the layers where they are many. Layers are ordered by a key of
    `views.KEYS`, which is FLOPs if only `top` is given. An UnknownNameError for another view or
    key; a CnnbenchError for options that do not go together.
    """
    asked = _asked(view, depth, sort, top)
    total, seen = (
        (network, None) if isinstance(network, Cost) else (cost(network), receptive_field(network))
    )
    layers = list(enumerate(total.layers))
    if sort or top:
        layers = most_expensive(total, sort or "flops", top)

    def columns(view: str, depth: int | None) -> list[Column]:
        if view == "layers":
            return _of_layers(total, layers, seen)
        return _of_parts(total, tree(total, depth), seen) if view == "tree" else _of_types(total)

    page = Document(
        rows=_plain(columns(asked or "layers", depth)),
        data=lambda: _of_all(total, seen) | {v: _rows(columns(v, depth), _key) for v in VIEWS},
    )
    sizes = ", ".join(map(units.shape, total.input_shapes))
    page.text(f"{total.name}, input {sizes}, {total.dtype}")
    shown, parts, note = (asked, None, "") if asked else _summary(total)
    table = _of_parts(total, parts, seen) if parts else columns(shown, depth)
    needed = next((header for header, name, *_ in _OF_A_LAYER if sort and name == KEYS[sort]), "")
    spare = [name for name in _SPARE if name != needed]
    page.table(_table(table, needed), narrow=True, spare=spare)
    page.text(note, _without_rule(total))
    page.table((["total", ""], [_total(column) for column in _totals(total)]))
    page.text(_sight(seen) if seen else "", CONVENTION)
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


def _of_layers(
    cost: Cost, rows: Sequence[tuple[int, LayerCost]], seen: ReceptiveField | None
) -> list[Column]:
    """Layers with their places in the network; the work of one without a rule is not known."""
    layers = [layer for _, layer in rows]
    columns = _columns(_OF_A_LAYER, layers, [bool(layer.uncounted) for layer in layers])
    total = cost.flops or 1  # without any work every share is 0
    shares = [None if layer.uncounted else layer.flops / total for layer in layers]
    return [
        *columns,
        Column("share of FLOPs", "share", shares),
        *_fields(seen, [place for place, _ in rows]),
        Column("uncounted", "text", [layer.uncounted for layer in layers]),
    ]


def _of_parts(cost: Cost, parts: Sequence[Part], seen: ReceptiveField | None) -> list[Column]:
    """Parts of the tree; shape and receptive field are those of the last layer in each."""
    last = [part.members[-1] for part in parts]
    return [
        Column("part", "text", [part.path for part in parts]),
        Column("name", "text", [part.name for part in parts]),
        Column("depth", "count", [part.depth for part in parts]),
        *_sums(parts),
        Column("output shape", "shape", [cost.layers[place].output_shape for place in last]),
        *_fields(seen, last),
        Column("uncounted", "count", [part.uncounted for part in parts]),
    ]


def _of_types(cost: Cost) -> list[Column]:
    """Layer types, most FLOPs first."""
    parts = by_type(cost)
    uncounted = Column("uncounted", "count", [part.uncounted for part in parts])
    return [Column("type", "text", [part.path for part in parts]), *_sums(parts), uncounted]


def _sums(parts: Sequence[Part]) -> list[Column]:
    # Without a rule for any layer nothing is known; for some, what the others do.
    unknown = [part.uncounted == len(part.members) for part in parts]
    least = [0 < part.uncounted < len(part.members) for part in parts]
    layers = Column("layers", "count", [len(part.members) for part in parts])
    return [layers, *_columns(_OF_A_PART, parts, unknown, least)]


def _columns(
    table: Attributes, items: Sequence[Any], unknown: Sequence[bool], least: Sequence[bool] = ()
) -> list[Column]:
    """Attributes of layers or parts; None for work that is not known."""
    columns = []
    for header, name, kind, work in table:
        values = [getattr(item, name) for item in items]
        if work:
            values = [None if no else v for no, v in zip(unknown, values, strict=True)]
        columns.append(Column(header, kind, values, least if work and kind != "share" else ()))
    return columns


def _fields(seen: ReceptiveField | None, places: Sequence[int]) -> list[Column]:
    if seen is None:
        return []
    fields = [seen.fields[place] for place in places]
    values = [WHOLE if field.size is None else field.size for field in fields]
    return [Column("receptive field", "shape", values, [field.least for field in fields])]


def _totals(cost: Cost) -> list[Column]:
    """What the layers add up to: one value each, some lower bounds where a rule is missing."""
    least = [bool(cost.uncounted)]
    return [
        Column("layers", "count", [len(cost.layers)]),
        Column("parameters", "count", [cost.params]),
        Column("trainable", "count", [cost.trainable_params]),
        Column("not trainable", "count", [cost.params - cost.trainable_params]),
        Column("MACs", "count", [cost.macs], least),
        Column("MACs inside the input", "count", [cost.inside_macs], least),
        Column("elementwise", "count", [cost.elementwise], least),
        Column("FLOPs", "count", [cost.flops], least),
        Column("FLOPs per byte", "ratio", [intensity(cost)], least),
        Column("weight bytes", "bytes", [cost.weight_bytes]),
        Column("activation bytes", "bytes", [cost.activation_bytes], least),
        Column("peak activation bytes", "bytes", [cost.peak_activation_bytes], least),
        Column("peak bytes with weights", "bytes", [cost.peak_bytes], least),
    ]


def _plain(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Rows as CSV has them: a shape as 1x8x8x3, what is not known as nothing."""
    return [
        {name: units.shape(v) if isinstance(v, tuple) else v for name, v in row.items()}
        for row in _rows(columns, lambda column: column.header)
    ]


def _rows(columns: Sequence[Column], name: Callable[[Column], str]) -> list[dict[str, Any]]:
    keys = list(map(name, columns))
    values = zip(*(column.values for column in columns), strict=True)
    return [dict(zip(keys, row, strict=True)) for row in values]


def _of_all(cost: Cost, seen: ReceptiveField | None) -> dict[str, Any]:
    """What there is to say of a network as a whole."""
    return {
        "target": cost.name,
        "convention": CONVENTION,
        "input_shape": cost.input_shape[1:],
        "batch_size": cost.input_shape[0],
        "input_shapes": cost.input_shapes,
        "output_shapes": cost.output_shapes,
        "dtype": cost.dtype,
        "lower_bound": bool(cost.uncounted),
        "uncounted": [
            {"layer": layer.name, "type": layer.op, "reason": layer.uncounted}
            for layer in cost.uncounted
        ],
        "totals": {_key(column): column.values[0] for column in _totals(cost)},
        "receptive_field": seen
        and {
            "output": WHOLE if seen.output.size is None else seen.output.size,
            "whole_from": seen.whole_from or None,
            "before_the_whole": seen.local.size if seen.whole_from else None,
            "exceeds_input": seen.exceeds,
            "lower_bound": seen.output.least,
        },
    }


def _key(column: Column) -> str:
    return column.header.lower().replace(" ", "_")


def _table(columns: Sequence[Column], needed: str) -> Table:
    """A table of what text shows, and the column `needed`."""
    known = {column.header: column for column in columns}
    if "block" in known and len({scope for scope in known["block"].values if scope}) < 2:
        del known["block"]
    if "depth" in known:
        rows = zip(known["depth"].values, known["name"].values, strict=True)
        known["part"] = Column("part", "text", [NESTED * (d - 1) + name for d, name in rows])
    names = dict.fromkeys((*_SHOWN, needed))
    headers, cells = zip(*(_texts(known[name]) for name in names if name in known), strict=True)
    return list(headers), list(map(list, zip(*cells, strict=True)))


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
    reasons: dict[str, list[str]] = {}
    for layer in cost.uncounted:
        reasons.setdefault(layer.uncounted, []).append(layer.name)
    return (
        f"{missing} of {count} layers ({percent(missing / count)}) "
        f"{'has' if missing == 1 else 'have'} no rule: {names}; "
        "totals are lower bounds, shares are of what the others do"
        + "".join(f"\n  {reason}: {', '.join(layers)}" for reason, layers in reasons.items())
    )


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
