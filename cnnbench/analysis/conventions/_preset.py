"""What a preset is: the rules of one tool, by kind of arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cnnbench.analysis.conventions._steps import Step, steps
from cnnbench.graph import Node
from cnnbench.rule import Shape

Rule = Callable[[Step], int]


@dataclass(frozen=True, slots=True)
class Count:
    """What a tool counts, in its own weighting.

    Args:
        parts: by kind of arithmetic; what it has a rule for may still be 0.
        ignored: types of the layers that do arithmetic and count nothing, or have no rule here.
        reasons: why its products with weights are not all that there are.
    """

    parts: dict[str, int]
    ignored: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """The number that the tool prints."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Preset:
    """The rules of one tool.

    Args:
        name: of the tool.
        unit: what it calls the number that it prints.
        mac: what one multiply-accumulate counts there: 1 or 2.
        summary: what it counts and what it leaves out.
        source: where the tool implements this, and the version that was measured.
        rules: by kind of step; a kind without a rule counts nothing.
        products: by kind of step, how it may count another number of products than there are.
        pads: its pooling pads by itself, so that it reads what was before a padding layer.
    """

    name: str
    unit: str
    mac: int
    summary: str
    source: str
    rules: Mapping[str, Rule] = field(repr=False)
    products: Mapping[str, str] = field(default_factory=dict, repr=False)
    pads: bool = False

    def count(self, node: Node, shapes: Sequence[Shape]) -> Count:
        """What the tool counts for one layer.

        Args:
            node: the layer.
            shapes: of its inputs.
        """
        parts: Counter[str] = Counter()
        ignored = [node.op] if node.uncounted else []
        reasons = []
        for step in steps(node, shapes):
            rule = self.rules.get(step.kind)
            counted = rule(step) if rule else 0
            if rule:
                parts[step.part] += counted
            if step.work and step.label and not counted:
                ignored.append(step.label)
            if step.kind in self.products and counted != self.mac * step.macs:
                reasons.append(self.products[step.kind])
        return Count(dict(parts), tuple(ignored), tuple(reasons))


def _nothing(step: Step) -> int:
    return 0


def macs(weight: int = 1) -> dict[str, Rule]:
    """Every product of a convolution or dense layer, `weight` operations each."""

    def rule(step: Step) -> int:
        return weight * step.macs

    kinds = ("convolution", "grouped convolution", "transposed convolution", "dense")
    return dict.fromkeys(kinds, rule)


def per_input(operations: int) -> Rule:
    """So many operations for each value that the layer reads."""
    return lambda step: operations * step.inputs


def per_output(operations: int) -> Rule:
    """So many operations for each value that the layer writes."""
    return lambda step: operations * step.outputs


def work(step: Step) -> int:
    """As many as cnnbench counts itself."""
    return step.work


def per_activation(operations: Mapping[str, int], others: Rule = _nothing) -> Rule:
    """So many operations for each value, by the name of the activation."""

    def rule(step: Step) -> int:
        if step.name in operations:
            return operations[step.name] * step.inputs
        return others(step)

    return rule
