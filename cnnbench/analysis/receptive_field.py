"""What each layer of a network sees of its input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from cnnbench.graph import Graph
from cnnbench.rule import Window

Axes = tuple[tuple[int | Fraction, int | Fraction], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """What one output position of a layer depends on.

    Args:
        axes: for each spatial axis, the size of the field and the distance between the fields
            of two neighbouring positions, both in positions of the input. The size may exceed
            that of the input. Fractions come from upsampling. None is the whole input.
        least: whether there is a layer without a rule in it, so that it may be larger.
    """

    axes: Axes | None
    least: bool = False

    @property
    def size(self) -> tuple[int, ...] | None:
        """Whole positions of the input on each spatial axis; None for all of it."""
        return None if self.axes is None else tuple(ceil(size) for size, _ in self.axes)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What each layer of a graph sees of its input.

    Args:
        fields: one for each node.
        output: that of all outputs together.
        whole_from: the first layer that sees the whole input; empty if none does.
        local: the field before that layer, or of the output where no layer sees it all.
        input: spatial sizes of the first input.
    """

    fields: tuple[Field, ...]
    output: Field
    whole_from: str
    local: Field
    input: tuple[int, ...]

    @property
    def exceeds(self) -> bool:
        """Whether the local field is larger than the input on some axis."""
        return any(a > b for a, b in zip(self.local.size or (), self.input, strict=False))


def receptive_field(graph: Graph) -> ReceptiveField:
    """The receptive field of every layer, from the windows of the rules.

    Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks",
    Distill 2019: size + (reach - 1) * stride and stride * step; where paths meet, the
    largest size, as if all were centred on one position.
    """
    fields: list[Field] = []
    for node in graph.nodes:
        sources = [fields[index] for index in node.inputs]
        met = _meet(sources) if sources else Field(((1, 1),) * (len(node.rule.shape) - 2))
        axes = _through(met.axes, node.rule.window)
        fields.append(Field(axes, met.least or bool(node.uncounted)))
    output = _meet([fields[index] for index in graph.outputs or (-1,)])
    whole = next((i for i, seen in enumerate(fields) if seen.axes is None), None)
    if output.axes is not None or whole is None:
        return ReceptiveField(tuple(fields), output, "", output, _spatial(graph))
    node = graph.nodes[whole]
    local = _meet([fields[index] for index in node.inputs])
    return ReceptiveField(tuple(fields), output, node.name, local, _spatial(graph))


def _meet(fields: Sequence[Field]) -> Field:
    if len(fields) == 1:
        return fields[0]
    least = any(seen.least for seen in fields)
    known = [seen.axes for seen in fields if seen.axes is not None]
    # Paths with other axes, as after a reshape, may bring anything from anywhere.
    if len(known) < len(fields) or len({len(axes) for axes in known}) > 1:
        return Field(None, least)
    axes = tuple(
        (max(size for size, _ in axis), min(stride for _, stride in axis))
        for axis in zip(*known, strict=True)
    )
    return Field(axes, least)


def _through(axes: Axes | None, window: Window | None) -> Axes | None:
    if axes is None or window is None or (window and len(window) != len(axes)):
        return None
    if not window:
        return axes
    return tuple(
        (size + (reach - 1) * stride, stride * step)
        for (size, stride), (reach, step) in zip(axes, window, strict=True)
    )


def _spatial(graph: Graph) -> tuple[int, ...]:
    shape = graph.nodes[graph.inputs[0]].rule.shape
    first = any(
        node.rule.window and node.attrs.get("data_format") == "channels_first"
        for node in graph.nodes
    )
    return shape[2:] if first else shape[1:-1]
