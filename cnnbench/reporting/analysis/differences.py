"""What other tools print for a network, why they differ, and what agrees with Keras."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cnnbench import units
from cnnbench.analysis.conventions import ToolCount, tool_counts
from cnnbench.graph import Graph
from cnnbench.reporting.document import Document, Rows, Table
from cnnbench.reporting.tables import MISSING, percent

if TYPE_CHECKING:
    from cnnbench.crosscheck.pairing import Agreement

_PRODUCTS = ("convolution", "dense")
_ORDER = ("convolution", "dense", "bias", "batch norm", "activation", "pooling", "addition")
_MOST = 6
"""Parts that fit on a line; the smaller ones are summed."""


def document(graph: Graph) -> Document:
    """What every tool prints for a network, part by part, and what makes them differ."""
    return tools_document(tool_counts(graph), graph)


def tools_document(tools: Sequence[ToolCount], graph: Graph | None = None) -> Document:
    """The same of tools that were asked before, ours first; the graph is named if it is known."""
    page = Document(data={"tools": [tool.to_json() for tool in tools]})
    if graph:
        page.data = {"target": graph.name} | page.data
        page.text(f"{graph.name}, input {_sizes(graph)}, {graph.dtype}")
    shown = _shown(tools)
    headers = ["tool", "prints", "unit", "ratio", *shown, "all else"]
    page.table((headers, _counts(tools, shown)))
    ignored = [[t.preset.name, ", ".join(t.count.ignored)] for t in tools if t.count.ignored]
    page.table((["tool", "counts nothing for"], ignored))
    products = _products(tools[0])
    if len(tools) > 1:
        page.text(*(_scale(tools, products) if products else ()), *_others(tools))
    return page


def tool_document(graph: Graph, tool: str) -> Document:
    """What one of `conventions.PRESETS` prints for a network, and what that is made of (`--as`)."""
    (counted,) = tool_counts(graph, tool)
    preset, count = counted.preset, counted.count
    page = Document(data={"target": graph.name} | counted.to_json())
    page.text(f"{graph.name}, input {_sizes(graph)}, {graph.dtype}, as {tool} counts")
    parts = sorted(count.parts.items(), key=lambda part: -part[1])
    rows = [[name, f"{value:,}"] for name, value in parts if value]
    page.table((["part", preset.unit], [*rows, ["total", f"{count.total:,}"]]))
    page.text(
        f"counts nothing for {', '.join(count.ignored)}" if count.ignored else "",
        preset.summary,
        f"source: {preset.source}",
    )
    return page


def checked(rows: Sequence[Agreement]) -> Table:
    """What agrees with Keras and TensorFlow's profiler (`--check`).

    The totals, then what cannot be compared, then each difference.
    """
    answers = {True: "equal", False: "DIFFERENT", None: "not counted there"}
    return ["checked", "cnnbench", "there", ""], [
        [row.what, _checked(row.ours), _checked(row.theirs), answers[row.equal]] for row in rows
    ]


def _checked(value: object) -> str:
    return MISSING if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _sizes(graph: Graph) -> str:
    return ", ".join(map(units.shape, graph.input_shapes()))


def _counts(tools: Sequence[ToolCount], shown: Sequence[str]) -> Rows:
    rows = []
    for tool in tools:
        total, parts = tool.count.total, [tool.count.parts.get(part, 0) for part in shown]
        cells = [units.count(n) if n else MISSING for n in (*parts, total - sum(parts))]
        preset = tool.preset
        rows.append([preset.name, f"{total:,}", preset.unit, f"{tool.ratio:.2f}", *cells])
    return rows


def _shown(tools: Sequence[ToolCount]) -> list[str]:
    """The parts that are largest anywhere, those that all networks have first."""
    names = dict.fromkeys(part for tool in tools for part in tool.count.parts)
    largest = {name: max(_amounts(tools, name)) for name in names}
    top = sorted(filter(largest.get, largest), key=lambda part: -largest[part])[:_MOST]
    return sorted(top, key=lambda part: (*_ORDER, part).index(part))


def _amounts(tools: Sequence[ToolCount], part: str) -> list[int]:
    return [tool.count.parts.get(part, 0) for tool in tools]


def _products(tool: ToolCount) -> int:
    """Multiply-adds of convolutions and dense layers."""
    return sum(tool.count.parts.get(part, 0) for part in _PRODUCTS) // tool.preset.mac


def _scale(tools: Sequence[ToolCount], products: int) -> list[str]:
    once, twice = (_names(tool for tool in tools if tool.preset.mac == mac) for mac in (1, 2))
    different = [
        f"{tool.preset.name} counts {percent(abs(_products(tool) / products - 1))} "
        f"{'more' if _products(tool) > products else 'fewer'} ({', '.join(tool.count.reasons)})"
        for tool in tools
        if _products(tool) != products
    ]
    rest = f"Of these products {'; '.join(different)}." if different else "All count all of them."
    return [
        f"One multiply-add counts once in {once}, twice in {twice}: the {units.count(products)} "
        f"of convolutions and dense layers are {units.count(products)} or "
        f"{units.count(2 * products)}.",
        rest,
    ]


def _others(tools: Sequence[ToolCount]) -> list[str]:
    """The part apart from products in which the tools are furthest apart."""
    parts = {part for tool in tools for part in tool.count.parts if part not in _PRODUCTS}
    spans = {part: max(_amounts(tools, part)) - min(_amounts(tools, part)) for part in parts}
    apart = max(sorted(spans), key=spans.__getitem__, default="")
    if not spans.get(apart):
        return []
    amounts = _amounts(tools, apart)
    low, high = min(amounts), max(amounts)
    least, most = (
        _names(tool for tool, n in zip(tools, amounts, strict=True) if n == bound)
        for bound in (low, high)
    )
    return [
        f"Apart from products they differ most in {apart}: "
        f"{units.count(low) if low else 'nothing'} in {least}, {units.count(high)} in {most}."
    ]


def _names(tools: Iterable[ToolCount]) -> str:
    *others, last = (tool.preset.name for tool in tools)
    return f"{', '.join(others)} and {last}" if others else last
