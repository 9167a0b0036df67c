"""The least time of each layer under a ceiling: the roofline, layer by layer.

A layer computes and moves its data at the same time, so it takes at least the longer of the
two. Layers follow one another, so their times add up. This is a bound for a runtime that writes
every activation to memory and reads it back; a runtime that fuses layers, or that finds the data
in a cache, can be faster. The bounds that no runtime can beat are in `plausibility`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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
        """What the layer waits for: compute or memory; empty where it does nothing."""
        if not self.seconds:
            return ""
        return "compute" if self.compute_s >= self.memory_s else "memory"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "layer": self.layer.name,
            "type": self.layer.op,
            "flops": self.layer.flops,
            "moved_bytes": moved_bytes(self.layer),
            "compute_s": self.compute_s,
            "memory_s": self.memory_s,
            "least_s": self.seconds,
            "limit": self.limit,
        }


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
    """Bytes of input and weights that are read, and of output that is written, each once.

    Nothing for the input of the network, which is there already, and for views.
    """
    if not layer.input_bytes or not layer.activation_bytes:
        return 0
    return layer.input_bytes + layer.weight_bytes + layer.activation_bytes
