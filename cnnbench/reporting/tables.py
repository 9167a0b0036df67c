"""Text tables, and the costs of one network as one. Imports no pandas and no matplotlib."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from cnnbench import units
from cnnbench.cost import CONVENTION, Cost, LayerCost
from cnnbench.errors import unknown

if TYPE_CHECKING:
    from cnnbench.stats import Estimate  # only a name here: it would import SciPy

FORMATS = ("table", "markdown", "csv", "json")
MISSING = "-"

Rows = list[list[str]]
Table = tuple[list[str], Rows]


def text_table(headers: Sequence[str], rows: Iterable[Sequence[str]], style: str) -> str:
    """A table of texts; columns of numbers are aligned to the right."""
    body = [[_cell(cell, style) for cell in row] for row in rows]
    columns = list(zip(*body, strict=True)) if body else [()] * len(headers)
    align = ["right" if column and all(map(_numeric, column)) else "left" for column in columns]
    return tabulate(body, list(headers), tablefmt=style, colalign=align, disable_numparse=True)


def markdown(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A GitHub table."""
    return text_table(headers, rows, "github")


def _cell(value: str, style: str) -> str:
    value = " ".join(value.split())
    return value.replace("|", "\\|") if style == "github" else value


def _numeric(value: str) -> bool:
    return value == MISSING or value.removeprefix("**").removeprefix("-")[:1].isdigit()


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


_COLUMNS: tuple[tuple[str, Callable[[LayerCost], Any], Callable[[Any], str]], ...] = (
    ("layer", lambda x: x.name, str),
    ("type", lambda x: x.op, str),
    ("block", lambda x: x.scope, str),
    ("output shape", lambda x: x.output_shape, units.shape),
    ("parameters", lambda x: x.params, "{:,}".format),
    ("MACs", lambda x: x.macs, "{:,}".format),
    ("elementwise", lambda x: x.elementwise, "{:,}".format),
    ("FLOPs", lambda x: x.flops, "{:,}".format),
    ("weight bytes", lambda x: x.weight_bytes, units.binary),
    ("activation bytes", lambda x: x.activation_bytes, units.binary),
    ("live bytes", lambda x: x.live_bytes, units.binary),
)


def analysis_rows(cost: Cost) -> tuple[list[str], list[list[Any]]]:
    """One row a layer with raw values; the block's column only where blocks differ."""
    columns = _columns(cost)
    headers = [header for header, _, _ in columns]
    return headers, [[value(layer) for _, value, _ in columns] for layer in cost.layers]


def _columns(
    cost: Cost,
) -> list[tuple[str, Callable[[LayerCost], Any], Callable[[Any], str]]]:
    several = len({layer.scope for layer in cost.layers if layer.scope}) > 1
    return [column for column in _COLUMNS if several or column[0] != "block"]


def totals(cost: Cost) -> dict[str, int]:
    """What the table adds up to; memory in bytes."""
    return {
        "parameters": cost.params,
        "trainable": cost.trainable_params,
        "not trainable": cost.params - cost.trainable_params,
        "MACs": cost.macs,
        "elementwise": cost.elementwise,
        "FLOPs": cost.flops,
        "weight bytes": cost.weight_bytes,
        "activation bytes": cost.activation_bytes,
        "peak activation bytes": cost.peak_activation_bytes,
        "peak bytes with weights": cost.peak_bytes,
    }


def render(cost: Cost, target: str, format: str) -> str:
    """The costs of a network, layer by layer and in total.

    Raises:
        UnknownNameError: the format is not one of FORMATS.
    """
    headers, rows = analysis_rows(cost)
    if format == "csv":
        out = io.StringIO()
        plain = [[units.shape(v) if isinstance(v, tuple) else v for v in row] for row in rows]
        csv.writer(out, lineterminator="\n").writerows([headers, *plain])
        return out.getvalue()
    if format == "json":
        return json.dumps(_document(cost, target, headers, rows), indent=2) + "\n"
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    style = "simple" if format == "table" else "github"
    shows = [show for _, _, show in _columns(cost)]
    body = [[show(v) for show, v in zip(shows, row, strict=True)] for row in rows]
    given = f"{target}, input {units.shape(cost.input_shape)}, {cost.dtype}"
    table = text_table([_words(header) for header in headers], body, style)
    sums = text_table(["total", ""], _total_rows(cost), style)
    return f"{given}\n\n{table}\n\n{sums}\n\n{CONVENTION}\n"


def _total_rows(cost: Cost) -> Rows:
    return [
        [_words(name), units.binary(value)] if "bytes" in name else [name, f"{value:,}"]
        for name, value in totals(cost).items()
    ]


def _words(name: str) -> str:
    # The cells of a text table carry their unit.
    return name.replace(" bytes", " memory")


def _document(cost: Cost, target: str, headers: list[str], rows: list[list[Any]]) -> dict[str, Any]:
    return {
        "target": target,
        "convention": CONVENTION,
        "input_shape": list(cost.input_shape[1:]),
        "batch_size": cost.input_shape[0],
        "dtype": cost.dtype,
        "totals": _keys(totals(cost)),
        "layers": [_keys(dict(zip(headers, row, strict=True))) for row in rows],
    }


def _keys(values: dict[str, Any]) -> dict[str, Any]:
    return {name.lower().replace(" ", "_"): value for name, value in values.items()}
