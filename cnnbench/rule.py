"""RULE: what one layer produces, owns and computes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, TypeVar, dataclass_transform

T = TypeVar("T")

Shape = tuple[int, ...]
"""Sizes of an array, the batch first: (n, h, w, c), unless a layer has channels first."""

Window = tuple[tuple[int, int | Fraction], ...]
"""(reach, stride) on each spatial axis; a stride of 1/2 doubles the size."""

WHOLE: None = None
"""The window of a layer whose every output depends on the whole input."""


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """A dataclass that is frozen for mypy only.

    Creating one that is frozen at run time takes twice as long: a third of the time of an analysis.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


@record
class Weight:
    """One array that a layer owns; `dtype` is its type, where the layer's others have another."""

    name: str
    shape: Shape
    trainable: bool = True
    dtype: str | None = None


@record
class Rule:
    """What one layer produces, owns and computes, from its input shapes alone.

    Args:
        shape: of the output, batch first; of the first output, if there are several.
        weights: every array that the layer owns.
        macs: multiply-accumulate operations; taps on padded positions count.
        elementwise: single additions, multiplications, comparisons or transcendental
            functions on one element, outside the multiply-accumulates.
        view: the output is the input's own memory, in the same or another shape.
        inside: those of `macs` whose tap lies inside the input; None if all do. Only counted
            for plain numbers.
        others: shapes of the outputs after the first.
        scratch: number of intermediate values inside the layer, alive while it runs.
        products: those of `macs` whose factors both depend on the input (attention scores, a
            recurrent state) and so both need a gradient; the others have a weight as a factor.
        training: `elementwise` of a forward pass in training, where that differs.
        backward: elementwise operations of the backward pass.
        saves: which of its tensors the backward pass reads.
        kept: number of values inside the layer that it reads too; as `scratch` if None.
        window: what one output position depends on; () is the same position, WHOLE all.
    """

    shape: Shape
    weights: tuple[Weight, ...] = ()
    macs: int = 0
    elementwise: int = 0
    view: bool = False
    inside: int | None = None
    others: tuple[Shape, ...] = ()
    scratch: int = 0
    products: int = 0
    training: int | None = None
    backward: int = 0
    saves: Literal["", "input", "output", "both"] = "both"
    kept: int | None = None
    window: Window | None = ()

    def times(self, n: int) -> Rule:
        """The rule with the work of `n` calls, which may be an array or a symbol too."""
        return replace(
            self,
            macs=n * self.macs,
            elementwise=n * self.elementwise,
            inside=None if self.inside is None else n * self.inside,
            products=n * self.products,
            training=None if self.training is None else n * self.training,
            backward=n * self.backward,
        )
