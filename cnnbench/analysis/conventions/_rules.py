"""A layer taken apart into steps, and the rules by which a tool counts them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from math import prod
from typing import Any

from cnnbench.graph import RULES, Graph, Node
from cnnbench.layers._sizes import axes_of, channels_first
from cnnbench.layers.activation import activated, is_linear
from cnnbench.rule import Shape

_CLASSES = {
    "convolution": "Conv DepthwiseConv SeparableConv",
    "transposed convolution": "ConvTranspose",
    "dense": "Dense",
    "batch norm": "BatchNormalization",
    "layer norm": "LayerNormalization",
    "group norm": "GroupNormalization",
    "activation": "Activation ReLU LeakyReLU PReLU ELU Softmax",
    "max pooling": "MaxPooling",
    "average pooling": "AveragePooling",
    "global max pooling": "GlobalMaxPooling",
    "global average pooling": "GlobalAveragePooling",
    "addition": "Average",
    "rescaling": "Rescaling",
    "standardisation": "Normalization",
    "padding": "ZeroPadding",
    "upsampling": "UpSampling",
}
_KINDS = {name: kind for kind, names in _CLASSES.items() for name in names.split()}
"""By the class of a layer without its dimensions; all others are "other"."""

_OPERATORS = {
    "Add": "addition",
    "Subtract": "addition",
    "Multiply": "multiplication",
    "Maximum": "comparison",
    "Minimum": "comparison",
}
"""By the class of a layer or of an operation of `keras.ops`."""

CONVOLUTIONS = ("convolution", "grouped convolution", "transposed convolution")
POOLINGS = ("max pooling", "average pooling", "global max pooling", "global average pooling")
KINDS = {*_CLASSES, *_OPERATORS.values(), *CONVOLUTIONS, "bias", "other"}

_PARTS = {
    **dict.fromkeys(CONVOLUTIONS, "convolution"),
    **dict.fromkeys(POOLINGS, "pooling"),
    "standardisation": "rescaling",
}
"""Under which name a kind is summed, where that is another."""


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of arithmetic inside a layer.

    Args:
        kind: what the tools' rules are kept under.
        label: the layer type, said of what a tool ignores; "" for a bias.
        x: shape of the input, the first if there are several.
        out: shape of the output.
        arguments: of the layer, with its defaults.
        macs: taps on padding count.
        inside: those whose tap is inside the input.
        work: FLOPs by cnnbench's own convention.
        name: of an activation.
        fused: it is an argument of a layer, not a layer.
    """

    kind: str
    label: str
    x: Shape
    out: Shape
    arguments: Mapping[str, Any]
    macs: int = 0
    inside: int = 0
    work: int = 0
    name: str = ""
    fused: bool = False

    @property
    def inputs(self) -> int:
        """Values of the input."""
        return prod(self.x)

    @property
    def outputs(self) -> int:
        """Values of the output."""
        return prod(self.out)

    @property
    def rows(self) -> int:
        """Groups of values that a normalisation or softmax works on together."""
        if self.kind == "group norm":
            groups = self.arguments["groups"]
            return self.x[0] * (self.channels if groups == -1 else groups)
        return self.inputs // self.channels

    @property
    def channels(self) -> int:
        """Values along the axes that the layer is told to work on; the last, if none."""
        axes = axes_of(self.arguments.get("axis", -1), len(self.x))
        return prod(self.x[axis] for axis in axes)

    def positions(self, shape: Shape) -> int:
        """Values of each channel of a shape, those of all samples."""
        return prod(shape) // shape[1 if channels_first(self.arguments["data_format"]) else -1]

    @property
    def affine(self) -> bool:
        """Whether a normalisation has a scale or a shift; PyTorch has both or none."""
        return bool(self.arguments["scale"] or self.arguments["center"])


def _steps(node: Node, shapes: Sequence[Shape]) -> Iterator[Step]:
    """What a layer does to inputs of some shapes: the layer itself, its bias, its activation."""
    if node.uncounted and not node.attrs:
        return
    rule, arguments = node.rule, _defaults(node.op) | node.attrs
    kind = _KINDS.get(re.sub("[123]D", "", node.op), "other")
    kind = _OPERATORS.get(node.op.removeprefix("ops."), kind)
    x = shapes[0] if shapes else rule.shape
    if kind == "activation":
        name = _activation(node.op, arguments)
        label = f"{node.op}({name})" if node.op == "Activation" else node.op
        if not is_linear(name):
            yield Step(kind, label, x, rule.shape, arguments, work=rule.elementwise, name=name)
        return
    if not rule.macs or kind == "other":
        work = 2 * rule.macs + rule.elementwise
        if work or kind != "other":
            yield Step(kind, node.op, x, rule.shape, arguments, rule.macs, rule.macs, work)
        return
    activation = arguments.get("activation") or "linear"
    # Half of what a gated linear unit reads comes out of it.
    out = (*rule.shape[:-1], 2 * rule.shape[-1]) if activation == "glu" else rule.shape
    if arguments.get("padding") == "causal":  # Keras pads it in a step of its own
        yield Step("padding", "", x, x, arguments)
    yield from _products(node, kind, x, out, arguments)
    if arguments["use_bias"]:
        yield Step("bias", "", x, out, arguments, work=prod(out), name=kind)
    if not is_linear(activation):
        _, work, _ = activated(activation, out)
        label = f"Activation({activation})"
        yield Step(
            "activation", label, out, rule.shape, arguments, work=work, name=activation, fused=True
        )


def _products(
    node: Node, kind: str, x: Shape, out: Shape, arguments: Mapping[str, Any]
) -> Iterator[Step]:
    macs, label = node.rule.macs, node.op
    inside = macs if node.rule.inside is None else node.rule.inside
    if node.op.startswith("Separable"):
        # The 1x1 convolution after the depthwise one, which has neither stride nor dilation.
        first = channels_first(arguments["data_format"])
        between = x[1 if first else -1] * arguments["depth_multiplier"]
        second = prod(out) * between
        plain = dict(arguments, dilation_rate=1)
        yield Step(kind, label, out, out, plain, second, second, 2 * second)
        macs, inside = macs - second, inside - second
    elif arguments.get("groups", 1) != 1:
        kind, label = "grouped convolution", f"{node.op}(groups)"
    yield Step(kind, label, x, out, arguments, macs, inside, 2 * macs)


def _activation(op: str, arguments: Mapping[str, Any]) -> str:
    """The name of the activation that a layer is."""
    if op == "ReLU":
        if arguments["negative_slope"]:
            return "leaky_relu"
        return "relu6" if arguments["max_value"] == 6 else "relu"
    names = {"LeakyReLU": "leaky_relu", "PReLU": "prelu", "ELU": "elu", "Softmax": "softmax"}
    name: str = names.get(op) or arguments["activation"]
    return name


@cache
def _defaults(op: str) -> dict[str, Any]:
    """The arguments of a layer's rule that have a default."""
    parameters = signature(RULES[op]).parameters.values() if op in RULES else ()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


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

    def count(self, graph: Graph) -> Count:
        """What the tool prints for one forward pass of a graph."""
        parts: Counter[str] = Counter()
        ignored = {node.op for node in graph.nodes if node.uncounted}
        reasons = set()
        for node in graph.nodes:
            for step in _steps(node, self._shapes(graph, node)):
                rule = self.rules.get(step.kind)
                counted = rule(step) if rule else 0
                if rule:
                    parts[_PARTS.get(step.kind, step.kind)] += counted
                if step.work and step.label and not counted:
                    ignored.add(step.label)
                if step.kind in self.products and counted != self.mac * step.macs:
                    reasons.add(self.products[step.kind])
        return Count(dict(parts), tuple(sorted(ignored)), tuple(sorted(reasons)))

    def _shapes(self, graph: Graph, node: Node) -> list[Shape]:
        sources = [graph.nodes[i] for i in node.inputs]
        if self.pads and "Pooling" in node.op and sources[0].op.startswith("ZeroPadding"):
            sources = [graph.nodes[sources[0].inputs[0]]]
        return [source.rule.shape for source in sources]


def macs(weight: int = 1) -> dict[str, Rule]:
    """Every product of a convolution or dense layer, `weight` operations each."""
    return dict.fromkeys((*CONVOLUTIONS, "dense"), lambda step: weight * step.macs)


def per_input(operations: int) -> Rule:
    """So many operations for each value that the layer reads."""
    return lambda step: operations * step.inputs


def per_output(operations: int) -> Rule:
    """So many operations for each value that the layer writes."""
    return lambda step: operations * step.outputs


def work(step: Step) -> int:
    """As many as cnnbench counts itself."""
    return step.work


def per_activation(operations: Mapping[str, int], others: Rule = lambda step: 0) -> Rule:
    """So many operations for each value, by the name of the activation."""
    return lambda step: (
        operations[step.name] * step.inputs if step.name in operations else others(step)
    )
