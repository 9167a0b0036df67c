"""A network under the ceilings of a device: the least time of each layer, verdicts on a time.

A layer computes and moves its data at the same time, so it takes at least the longer of the
two. Layers follow one another, so their times add up. This is a bound for a runtime that writes
every activation to memory and reads it back; a runtime that fuses layers, or that finds the data
in a cache, can be faster.

A time is judged by two bounds that no runtime can beat. One that needs more than the peak, for the
arithmetic as the layers define it, is *suspicious*: only an algorithm that multiplies less could
reach it. Such algorithms exist for convolutions; `analysis.demand` says how much they save. A time
that is too short even for them, or too short to move the weights, the input and the output through
memory, is *impossible*. Every other time is *plausible*, which does not prove it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from cnnbench import units
from cnnbench.analysis.demand import Demand, demand
from cnnbench.cost import Cost, LayerCost, cost
from cnnbench.errors import unknown
from cnnbench.graph import ITEMSIZE, Graph
from cnnbench.host.ceiling import Ceiling
from cnnbench.records import Record, one_line


@dataclass(frozen=True, slots=True)
class Bound(Record):
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
        Bound(layer, layer.flops / ceiling.flops_per_s, ceiling.moving_s(moved_bytes(layer)))
        for layer in cost.layers
    ]


def moved_bytes(layer: LayerCost) -> int:
    """Bytes of input and weights that are read, and of output that is written, each once.

    Nothing for the input of the network, which is there already, and for views.
    """
    if not layer.input_bytes or not layer.activation_bytes:
        return 0
    return layer.input_bytes + layer.weight_bytes + layer.activation_bytes


READING = 1.5
"""How much faster than the measured bandwidth memory may be read.

The probe copies. To copy, a processor also reads the lines that it is about to write: three
transfers, of which we count two. Weights are only read.
"""


class Plausibility(StrEnum):
    """Whether a time is possible."""

    PLAUSIBLE = "plausible"
    SUSPICIOUS = "suspicious"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Judgement(Record):
    """What a ceiling says of a time, and the numbers that it follows from.

    Args:
        verdict: see the head of this file.
        seconds: the time that is judged.
        rate: the FLOP/s that the time implies; each multiply-add is two FLOPs.
        share: that rate over the peak.
        direct_s: the least time of the multiply-adds as the layers define them.
        least_s: the least time with fast convolutions, or that of the memory if it is longer.
    """

    verdict: Plausibility
    seconds: float
    rate: float
    share: float
    direct_s: float
    least_s: float


def judge(
    wanted: Demand, ceiling: Ceiling, seconds: float, longest: float | None = None
) -> Judgement:
    """Judge the time of one forward pass.

    With `longest`, the upper end of its interval, it is impossible only if even that is too short.
    """
    peak = ceiling.flops_per_s * ceiling.tolerance
    direct = wanted.flops / peak
    through = 0.0
    if ceiling.cache_bytes is not None:  # a cache of unknown size might hold all data
        # Arithmetic on narrower values than the network's reads those narrower values.
        narrower = min(1.0, ITEMSIZE[ceiling.dtype] / ITEMSIZE[wanted.dtype])
        outside = max(wanted.compulsory_bytes * narrower - ceiling.cache_bytes, 0)
        copied = READING if ceiling.probes else 1.0
        through = ceiling.moving_s(outside) / (ceiling.tolerance * copied)
    least = max(wanted.least_flops / peak, through)
    if (longest or seconds) < least:
        verdict = Plausibility.IMPOSSIBLE
    elif seconds < max(direct, least):
        verdict = Plausibility.SUSPICIOUS
    else:
        verdict = Plausibility.PLAUSIBLE
    rate = wanted.flops / seconds
    return Judgement(verdict, seconds, rate, rate / ceiling.flops_per_s, direct, least)


@dataclass(frozen=True, slots=True)
class Roofline(Record):
    """A device, and a network on it if one was named.

    Args:
        ceilings: of the device, by the kind of arithmetic.
        ceiling: the one behind the bounds: the fastest one for the network's data type.
        cost: of the network.
        bounds: the least time of each of its layers.
        judged: for each ceiling, whether the time that was given is possible.
        note: what the user should know about how the ceilings were measured.
    """

    ceilings: Mapping[str, Ceiling]
    ceiling: Ceiling
    cost: Cost | None = None
    bounds: tuple[Bound, ...] = ()
    judged: Mapping[str, Judgement] = field(default_factory=dict)
    note: str = ""

    def __repr__(self) -> str:
        least = [f"{units.seconds(self.least_s)} or more"] if self.cost else []
        return one_line(self, self.target or "no network", *least, self.ceiling.name)

    @property
    def target(self) -> str:
        """The network with its parameters; empty where there is none."""
        return self.cost.name if self.cost else ""

    @property
    def least_s(self) -> float:
        """The least time of the network, in seconds."""
        return sum(bound.seconds for bound in self.bounds)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        values: dict[str, Any] = {
            "ceilings": {kind: ceiling.to_json() for kind, ceiling in self.ceilings.items()},
            "note": self.note,
        }
        if self.cost is not None:
            values |= {
                "target": self.target,
                "input_shapes": self.cost.input_shapes,
                "dtype": self.cost.dtype,
                "least_s": self.least_s,
                "layers": [bound.to_json() for bound in self.bounds],
                "uncounted": [layer.name for layer in self.cost.uncounted],
                "judged": {kind: judged.to_json() for kind, judged in self.judged.items()},
            }
        return values


def roofline(
    ceilings: Mapping[str, Ceiling],
    graph: Graph | None = None,
    seconds: float | None = None,
    note: str = "",
) -> Roofline:
    """A network, and a time of one forward pass if one is given, under the ceilings of a device."""
    if graph is None:
        return Roofline(ceilings, [*ceilings.values()][-1], note=note)
    costs = cost(graph)
    width = ITEMSIZE[graph.dtype]
    usable = [c for c in ceilings.values() if ITEMSIZE[c.dtype] == width]
    ceiling = max(usable or ceilings.values(), key=lambda c: c.flops_per_s)
    wanted = demand(graph, costs)
    judged = {} if seconds is None else {k: judge(wanted, c, seconds) for k, c in ceilings.items()}
    layers = tuple(bounds(costs, ceiling))
    return Roofline(ceilings, ceiling, costs, layers, judged, note)


def given(peak: float, bandwidth: float | None, dtype: str) -> dict[str, Ceiling]:
    """A ceiling that the user gives; without a bandwidth, memory is not a limit."""
    return {"given": Ceiling("the given peak", "any", dtype, peak, bandwidth)}


@cache
def devices() -> dict[str, dict[str, Ceiling]]:
    """A ceiling for each kind of arithmetic of each known device, the slowest first."""
    text = (files("cnnbench.machine") / "data" / "devices.toml").read_text(encoding="utf-8")
    return {
        known: {
            kind: Ceiling(
                name=f"{row['name']}, {kind}",
                device="gpu",
                dtype="float16" if kind.startswith("FP16") else "float32",
                flops_per_s=peak * 1e12,
                bytes_per_s=row["gigabytes_per_s"] * 1e9,
                cache_bytes=row["cache_bytes"],
                source=row["source"],
            )
            for kind, peak in row["peaks"].items()
        }
        for known, row in tomllib.loads(text).items()
    }


def device(name: str) -> dict[str, Ceiling]:
    """The ceilings of a device by its name, in any case."""
    names = {known.lower(): known for known in devices()}
    if name.lower() not in names:
        raise unknown("device", name, devices())
    return devices()[names[name.lower()]]
