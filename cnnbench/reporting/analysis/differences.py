"""What other tools print for a network, and why they differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from cnnbench import units
from cnnbench.analysis.conventions import PRESETS, Count, Difference, Preset, count, differences
from cnnbench.errors import unknown
from cnnbench.graph import Graph
from cnnbench.reporting.tables import MISSING, percent, text_table

FORMATS = {"table": "simple", "markdown": "github"}

_PRODUCTS = ("convolution", "dense")
_ORDER = ("convolution", "dense", "bias", "batch norm", "activation", "pooling", "addition")
_MOST = 6
"""Parts that fit on a line; the smaller ones are summed."""


def render(graph: Graph, target: str, format: str) -> str:
    """What every tool prints for a network, part by part, and what makes them differ.

    Args:
        graph: of the network.
        target: what it is, for the first line.
        format: one of FORMATS, or json.

    Raises:
        UnknownNameError: another format.
    """
    found = differences(graph)
    if format == "json":
        tools = [_document(f.preset, f.count) | {"ratio": f.ratio} for f in found]
        return json.dumps({"target": target, "tools": tools}, indent=2) + "\n"
    _check(format)
    blocks = [f"{target}, input {_sizes(graph)}, {graph.dtype}", _counts(found, FORMATS[format])]
    ignored = [[f.preset.name, ", ".join(f.count.ignored)] for f in found if f.count.ignored]
    if ignored:
        blocks.append(text_table(["tool", "counts nothing for"], ignored, FORMATS[format]))
    return "\n\n".join([*blocks, *_sentences(found)]) + "\n"


def render_as(graph: Graph, target: str, tool: str, format: str) -> str:
    """What one tool prints for a network, and what that is made of (`--as`).

    Args:
        graph: of the network.
        target: what it is, for the first line.
        tool: one of PRESETS.
        format: one of FORMATS, or json.

    Raises:
        UnknownNameError: no such tool, or another format.
    """
    found, preset = count(graph, tool), PRESETS[tool]
    if format == "json":
        return json.dumps({"target": target} | _document(preset, found), indent=2) + "\n"
    _check(format)
    parts = sorted(found.parts.items(), key=lambda part: -part[1])
    rows = [[name, f"{value:,}"] for name, value in parts if value]
    rows.append(["total", f"{found.total:,}"])
    blocks = [
        f"{target}, input {_sizes(graph)}, {graph.dtype}, as {tool} counts",
        text_table(["part", preset.unit], rows, FORMATS[format]),
        f"counts nothing for {', '.join(found.ignored)}" if found.ignored else "",
        preset.summary,
        f"source: {preset.source}",
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _check(format: str) -> None:
    if format not in FORMATS:
        raise unknown("format", format, (*FORMATS, "json"))


def _document(preset: Preset, found: Count) -> dict[str, Any]:
    return {
        "tool": preset.name,
        "unit": preset.unit,
        "total": found.total,
        "parts": found.parts,
        "ignored": found.ignored,
        "source": preset.source,
    }


def _sizes(graph: Graph) -> str:
    return ", ".join(units.shape(graph.nodes[i].rule.shape) for i in graph.inputs)


def _counts(found: Sequence[Difference], style: str) -> str:
    shown = _shown(found)
    rows = []
    for f in found:
        parts = [f.count.parts.get(part, 0) for part in shown]
        rest = f.count.total - sum(parts)
        cells = [units.count(value) if value else MISSING for value in (*parts, rest)]
        rows.append([f.preset.name, f"{f.count.total:,}", f.preset.unit, f"{f.ratio:.2f}", *cells])
    return text_table(["tool", "prints", "unit", "ratio", *shown, "all else"], rows, style)


def _shown(found: Sequence[Difference]) -> list[str]:
    """The parts that are largest anywhere, those that all networks have first."""
    largest: dict[str, int] = {}
    for f in found:
        for part, value in f.count.parts.items():
            largest[part] = max(value, largest.get(part, 0))
    kept = sorted(filter(largest.get, largest), key=lambda part: -largest[part])[:_MOST]
    return sorted(kept, key=lambda part: (*_ORDER, part).index(part))


def _sentences(found: Sequence[Difference]) -> list[str]:
    products = _products(found[0])
    return [*(_scale(found, products) if products else ()), *_others(found)]


def _products(f: Difference) -> int:
    """Multiply-adds of convolutions and dense layers."""
    return sum(f.count.parts.get(part, 0) for part in _PRODUCTS) // f.preset.mac


def _scale(found: Sequence[Difference], products: int) -> list[str]:
    once, twice = (_names(f for f in found if f.preset.mac == mac) for mac in (1, 2))
    different = [
        f"{f.preset.name} counts {percent(abs(_products(f) / products - 1))} "
        f"{'more' if _products(f) > products else 'fewer'} ({', '.join(f.count.reasons)})"
        for f in found
        if _products(f) != products
    ]
    rest = f"Of these products {'; '.join(different)}." if different else "All count all of them."
    return [
        f"One multiply-add counts once in {once}, twice in {twice}: the {units.count(products)} "
        f"of convolutions and dense layers are {units.count(products)} or "
        f"{units.count(2 * products)}.",
        rest,
    ]


def _others(found: Sequence[Difference]) -> list[str]:
    """The part apart from products in which the tools are furthest apart."""
    parts = {part for f in found for part in f.count.parts if part not in _PRODUCTS}

    def bounds(part: str) -> tuple[int, int]:
        values = [f.count.parts.get(part, 0) for f in found]
        return min(values), max(values)

    apart = max(sorted(parts), key=lambda p: bounds(p)[1] - bounds(p)[0], default="")
    low, high = bounds(apart)
    if low == high:
        return []
    least, most = (
        _names(f for f in found if f.count.parts.get(apart, 0) == bound) for bound in (low, high)
    )
    return [
        f"Apart from products they differ most in {apart}: "
        f"{units.count(low) if low else 'nothing'} in {least}, {units.count(high)} in {most}."
    ]


def _names(found: Iterable[Difference]) -> str:
    *others, last = (f.preset.name for f in found)
    return f"{', '.join(others)} and {last}" if others else last
