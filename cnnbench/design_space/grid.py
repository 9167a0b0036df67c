"""A grid of configurations of one block, and the cost of many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from math import prod
from operator import attrgetter
from typing import Any

import numpy as np

from cnnbench.blocks import Entry
from cnnbench.cases.case import Case
from cnnbench.cost import Cost, cost
from cnnbench.design_space.column import Column, Ints, SplitError, larger
from cnnbench.errors import CnnbenchError, ShapeError, unknown
from cnnbench.graph import LARGEST, Graph, Node, checked, follow
from cnnbench.rule import Shape

SIZES = ("input_size", "input_channels", "batch")
"""What can vary beside the parameters: the side of a square input, its channels, the batch."""


def _peak(total: Cost) -> Any:
    return reduce(larger, (layer.live_bytes for layer in total.layers))


_METRICS: dict[str, tuple[str, Callable[[Cost], Any]]] = {
    "params": ("parameters", attrgetter("params")),
    "macs": ("MACs", attrgetter("macs")),
    "flops": ("FLOPs", attrgetter("flops")),
    "activation": ("activation bytes", attrgetter("activation_bytes")),
    "peak": ("peak activation bytes", _peak),
    "memory": ("peak bytes with weights", lambda total: total.weight_bytes + _peak(total)),
    "channels": ("output channels", lambda total: total.output_shape[-1]),
}
METRICS = {name: of for name, (_, of) in _METRICS.items()}
"""What each metric of a configuration is."""

LABELS = {name: label for name, (label, _) in _METRICS.items()}
"""What users read for each metric. Metrics that say so are in bytes, all others are counts."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The values of one parameter or size; `numeric` if all of them are whole numbers."""

    name: str
    values: range | tuple[Any, ...]
    numeric: bool

    def take(self, places: Ints) -> Ints:
        """The numbers at some places; the places themselves if the values are not numbers."""
        if isinstance(self.values, range):
            return self.values.start + self.values.step * places
        return np.asarray(self.values, np.int64)[places] if self.numeric else places

    def __str__(self) -> str:
        """The values as the command line takes them; only the first ones if there are many."""
        if isinstance(self.values, range):
            first, last, step = self.values[0], self.values[-1], self.values.step
            return f"{first}:{last}" + (f":{step}" if step > 1 else "")
        shown = ",".join(map(str, self.values[:8]))
        return f"{shown},..." if len(self.values) > 8 else shown


@dataclass(slots=True)
class _Checked(Graph):
    """A graph that refuses an impossible size in the layer that makes it, also in a column."""

    def append(self, node: Node) -> Any:
        if any(size < 1 for shape in (node.rule.shape, *node.rule.others) for size in shape):
            raise ShapeError("a size below 1")
        return Graph.append(self, node)


@dataclass(frozen=True, slots=True)
class Grid:
    """Every combination of the values of some parameters and sizes of a block.

    Args:
        entry: the block, from the catalogue.
        shape: of one sample, where no size varies.
        dtype: float32, float16 or bfloat16.
        axes: the parameters and sizes that vary; the last one varies fastest.
        fixed: the other parameters and sizes that were given.
    """

    entry: Entry
    shape: Shape
    dtype: str
    axes: tuple[Axis, ...]
    fixed: dict[str, Any]

    @property
    def size(self) -> int:
        """How many configurations there are."""
        return prod(len(axis.values) for axis in self.axes)

    def at(self, number: int) -> dict[str, Any]:
        """The values of one configuration, by axis."""
        return {name: value for name, (value,) in self.values(np.array([number])).items()}

    def values(self, numbers: Ints) -> dict[str, list[Any]]:
        """The values of some configurations, by axis: a list with one entry a configuration."""
        return {
            axis.name: [axis.values[place] for place in places.tolist()]
            for axis, places in self._places(numbers)
        }

    def _places(self, numbers: Ints) -> Iterator[tuple[Axis, Ints]]:
        """Each axis, with the places of the values that some configurations have on it."""
        lengths = (len(axis.values) for axis in self.axes)
        _, *places = np.unravel_index(numbers, (1, *lengths))  # a grid without axes has one, too
        return zip(self.axes, places, strict=True)

    def case(self, number: int) -> Case:
        """One configuration as a case."""
        batch, shape, params = self.arguments(self.at(number))
        return Case(self.entry.name, (shape,), params, batch, self.dtype)

    def costs(self, numbers: Ints) -> Iterator[tuple[Ints, Cost | None]]:
        """The costs of many configurations, in parts that are built from the same layers.

        A part is the numbers of its configurations and their cost, in which columns stand for
        the values that differ; the cost is None if the block refuses these configurations.
        """
        waiting = [numbers]
        while waiting:
            part = waiting.pop()
            try:
                yield part, self._cost(part)
            except SplitError as split:
                waiting += [part[places] for places in split.parts]
            except ShapeError:
                yield part, None

    def _cost(self, numbers: Ints) -> Cost:
        values = {}
        for axis, places in self._places(numbers):
            column = Column(axis.take(places))
            values[axis.name] = column if axis.numeric else axis.values[column]
        batch, shape, params = self.arguments(values)
        return cost(follow(_Checked(self.dtype), self.entry.function, (batch, *shape), params))

    def arguments(self, values: Mapping[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """The batch, the shape of one sample and the parameters, for some values of the axes."""
        params = {**self.fixed, **values}
        *outer, channels = self.shape
        batch = params.pop("batch", 1)
        channels = params.pop("input_channels", channels)
        if "input_size" in params:
            outer[-2:] = [params.pop("input_size")] * 2
        return batch, (*outer, channels), params


def grid(entry: Entry, values: Mapping[str, Any], shape: Shape | None, dtype: str) -> Grid:
    """Every combination of values of parameters and of SIZES, as `cnnbench.sweep` takes them.

    In the order of the grid, axes that are not numbers come first.
    """
    shape = entry.input_shape if shape is None else shape
    if len(shape) != len(entry.input_shape):
        raise ShapeError(
            f"{entry.name} takes an input like {'x'.join(map(str, entry.input_shape))}; "
            f"got {'x'.join(map(str, shape))}"
        )
    checked(shape, 1, dtype)
    axes, fixed = [], {}
    for name, given in values.items():
        if name not in SIZES and name not in entry.params:
            raise unknown(f"parameter of {entry.name}", name, (*entry.params, *SIZES))
        if name == "input_size" and len(entry.input_shape) < 3:
            raise ShapeError(f"{entry.name} takes no image, so that it has no input_size")
        axis = _axis(name, given)
        if name in SIZES:
            # Of an ascending range the first is the least.
            for value in axis.values[:1] if isinstance(axis.values, range) else axis.values:
                if type(value) is not int or value < 1:
                    raise ShapeError(f"{name} must be a whole number of at least 1; got {value!r}")
        else:
            for value in axis.values[:: max(len(axis.values) - 1, 1)]:
                entry.check({name: value})
        if len(axis.values) == 1:
            fixed[name] = axis.values[0]
        else:
            axes.append(axis)
    return Grid(entry, shape, dtype, tuple(sorted(axes, key=lambda axis: axis.numeric)), fixed)


def _axis(name: str, given: Any) -> Axis:
    if isinstance(given, range):
        values: range | tuple[Any, ...] = given if given.step > 0 else given[::-1]
    elif isinstance(given, list):
        # 1 and True are equal, but not the same.
        values = tuple({(type(value), repr(value)): value for value in given}.values())
    else:
        values = (given,)
    if not values:
        raise CnnbenchError(f"{name} must have at least one value; got none")
    numeric = isinstance(values, range) or all(type(value) is int for value in values)
    ends = (values[0], values[-1]) if isinstance(values, range) else values if numeric else ()
    if any(abs(number) > LARGEST for number in ends):
        raise CnnbenchError(f"{name} must be at most {LARGEST:.0e}; got a larger number")
    return Axis(name, values, numeric)
