"""What other tools print for a graph, by their own rules, so that one sees why they differ.

    _rules       a layer taken apart (products, bias, activation, ...), and what a preset is
    torch_tools  fvcore, ptflops, thop, torchinfo, torch, deepspeed
    keras_tools  tf-profiler, xla

Each rule was read in the tool's source and compared with what the tool prints
(`tests/data/tools.csv`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnnbench.analysis.conventions import keras_tools, torch_tools
from cnnbench.analysis.conventions._rules import KINDS, Count, Preset, macs, work
from cnnbench.errors import unknown
from cnnbench.graph import Graph
from cnnbench.records import Record, one_line

PAPER = Preset(
    name="paper",
    unit="mult-adds",
    mac=1,
    summary=(
        "Multiply-adds of convolutions, dense layers and all other products, which papers often "
        "call FLOPs; nothing else."
    ),
    source="He et al., arXiv 1512.03385, Table 1: 3.8 x 10^9 FLOPs (multiply-adds) for ResNet-50",
    rules={**macs(), "other": lambda step: step.macs},
)

PRESETS = {p.name: p for p in (PAPER, *torch_tools.PRESETS, *keras_tools.PRESETS)}
"""Every tool by name: first those that count a multiply-add once."""

OURS = Preset(
    name="cnnbench",
    unit="FLOPs",
    mac=2,
    summary="Twice the multiply-adds, and every operation on an element.",
    source="cnnbench.cost.CONVENTION",
    rules=dict.fromkeys(KINDS, work),
)


@dataclass(frozen=True, slots=True)
class ToolCount(Record):
    """What one tool prints for a network, part by part, and its ratio to the FLOPs of cnnbench."""

    preset: Preset
    count: Count
    ratio: float

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the rules of the tool."""
        return {
            "tool": self.preset.name,
            "unit": self.preset.unit,
            "total": self.count.total,
            "parts": self.count.parts,
            "ignored": list(self.count.ignored),
            "source": self.preset.source,
            "ratio": self.ratio,
        }

    def __repr__(self) -> str:
        total = f"{self.count.total:,} {self.preset.unit}"
        return one_line(self, self.preset.name, total, f"{self.ratio:.2f} of our FLOPs")


def tool_counts(graph: Graph, tool: str | None = None) -> list[ToolCount]:
    """What every tool prints for a graph, after what cnnbench counts itself; or one tool alone."""
    if tool is not None and tool not in PRESETS:
        raise unknown("preset", tool, PRESETS)
    ours = OURS.count(graph)
    counts = [(OURS, ours)] if tool is None else []
    counts += [(p, p.count(graph)) for name, p in PRESETS.items() if tool in (None, name)]
    return [ToolCount(preset, c, c.total / (ours.total or 1)) for preset, c in counts]
