"""The least time of each layer under a ceiling: the roofline, layer by layer.

A layer computes and moves its data at the same time, so that it takes at least the longer of
the two; layers follow one another, so that their times add up. This is a bound for a runtime
that writes every activation to memory and reads it back; one that fuses layers, or finds the
data in a cache, can be faster. What nothing can beat is in `plausibility`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cnnbench.cost import Cost, LayerCost
from cnnbench.host.ceiling import Ceiling


@dataclass(frozen=True, slots=True)
class Bound:
    """What one layer needs at least: seconds of arithmetic and seconds of memory traffic."""

    layer: LayerCost
    compute_s: float
    memory_s: float

    @property
    def seconds(self) -> float:
        """The longer of the two."""
        return max(self.compute_s, self.memory_s)

    @property
    def limit(self) -> str:
        """What it waits for: compute, memory or, where nothing is done, nothing."""
        if not self.seconds:
            return ""
        return "compute" if self.compute_s >= self.memory_s else "memory"


def bounds(cost: Cost, ceiling: Ceiling) -> list[Bound]:
    """The bound of every layer, in order."""
    return [
        Bound(
            layer,
            layer.flops / ceiling.flops_per_s,
            ceiling.moving_s(moved_bytes(layer)),
        )
        for layer in cost.layers
    ]


def least_seconds(bounds: Iterable[Bound]) -> float:
    """The least time of the whole network."""
    return sum(bound.seconds for bound in bounds)


def moved_bytes(layer: LayerCost) -> int:
    """Bytes of input and weights read and of output written, each once.

    None for the input itself, which is there, and for views, which move nothing.
    """
    if not layer.input_bytes or not layer.activation_bytes:
        return 0
    return layer.input_bytes + layer.weight_bytes + layer.activation_bytes
