"""One analysis as columns of plain values for CSV and JSON; `costs` makes text of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from cnnbench import units
from cnnbench.analysis.receptive_field import ReceptiveField
from cnnbench.analysis.views import Part, by_type, intensity
from cnnbench.cost import CONVENTION, Cost, LayerCost
from cnnbench.reporting.tables import WHOLE

Kind = Literal["text", "shape", "count", "bytes", "share", "ratio"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Args:
        header: with the unit, unless it is a plain count.
        kind: of its values.
        values: None where one is not known.
        least: where a value is a lower bound; nowhere if empty.
    """

    header: str
    kind: Kind
    values: list[Any]
    least: Sequence[bool] = ()


_OF_A_LAYER: tuple[tuple[str, str, Kind, bool], ...] = (
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
"""Header, attribute of `LayerCost`, kind, and whether it needs the layer's rule."""

HEADERS = {attribute: header for header, attribute, _, _ in _OF_A_LAYER}
"""The column that holds an attribute of `LayerCost`."""


def of_layers(
    cost: Cost, rows: Sequence[tuple[int, LayerCost]], seen: ReceptiveField
) -> list[Column]:
    """Layers with their places in the network; the work of one without a rule is not known."""
    layers = [layer for _, layer in rows]
    total = cost.flops or 1  # without any work every share is 0

    def column(header: str, kind: Kind, value: Callable[[LayerCost], Any], work: bool) -> Column:
        values = [None if work and layer.uncounted else value(layer) for layer in layers]
        return Column(header, kind, values)

    return [
        Column("layer", "text", [layer.name for layer in layers]),
        Column("type", "text", [layer.op for layer in layers]),
        Column("block", "text", [layer.scope for layer in layers]),
        Column("output shape", "shape", [layer.output_shape for layer in layers]),
        *(column(h, kind, attrgetter(name), work) for h, name, kind, work in _OF_A_LAYER),
        column("share of FLOPs", "share", lambda layer: layer.flops / total, True),
        *_fields(seen, [place for place, _ in rows]),
        Column("uncounted", "text", [layer.uncounted for layer in layers]),
    ]


def of_parts(cost: Cost, parts: Sequence[Part], seen: ReceptiveField) -> list[Column]:
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


def of_types(cost: Cost) -> list[Column]:
    """Layer types, most FLOPs first."""
    parts = by_type(cost)
    return [
        Column("type", "text", [part.path for part in parts]),
        *_sums(parts),
        Column("uncounted", "count", [part.uncounted for part in parts]),
    ]


def _sums(parts: Sequence[Part]) -> list[Column]:
    # Without a rule for any layer nothing is known; for some, what the others do.
    unknown = [part.uncounted == len(part.members) for part in parts]
    least = [0 < part.uncounted < len(part.members) for part in parts]

    def known(values: Iterable[Any]) -> list[Any]:
        return [None if none else value for none, value in zip(unknown, values, strict=True)]

    return [
        Column("layers", "count", [len(part.members) for part in parts]),
        Column("parameters", "count", [part.params for part in parts]),
        Column("MACs", "count", known(part.macs for part in parts), least),
        Column("FLOPs", "count", known(part.flops for part in parts), least),
        Column("share of FLOPs", "share", known(part.share for part in parts)),
        Column("activation bytes", "bytes", [part.activation_bytes for part in parts]),
    ]


def _fields(seen: ReceptiveField, places: Sequence[int]) -> list[Column]:
    fields = [seen.fields[place] for place in places]
    values = [WHOLE if field.size is None else field.size for field in fields]
    return [Column("receptive field", "shape", values, [field.least for field in fields])]


def totals(cost: Cost) -> list[Column]:
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


def plain(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Rows as CSV has them: a shape as 1x8x8x3, what is not known as nothing."""
    values = [[units.shape(v) if isinstance(v, tuple) else v for v in c.values] for c in columns]
    return _rows([column.header for column in columns], values)


def records(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Rows as JSON has them: null where a value is not known."""
    return _rows([_key(column) for column in columns], [column.values for column in columns])


def _rows(keys: Sequence[str], values: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(keys, row, strict=True)) for row in zip(*values, strict=True)]


def summary(cost: Cost, seen: ReceptiveField) -> dict[str, Any]:
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
        "totals": {_key(column): column.values[0] for column in totals(cost)},
        "receptive_field": {
            "output": WHOLE if seen.output.size is None else seen.output.size,
            "whole_from": seen.whole_from or None,
            "before_the_whole": seen.local.size if seen.whole_from else None,
            "exceeds_input": seen.exceeds,
            "lower_bound": seen.output.least,
        },
    }


def _key(column: Column) -> str:
    return column.header.lower().replace(" ", "_")
