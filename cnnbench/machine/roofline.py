"""A network under the ceilings of a device: the least time of each layer, a claim's verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cnnbench.analysis.demand import demand
from cnnbench.cost import Cost, cost
from cnnbench.graph import ITEMSIZE, Graph
from cnnbench.host.ceiling import Ceiling
from cnnbench.machine.bounds import Bound, bounds, least_seconds
from cnnbench.machine.plausibility import Judgement, judge


@dataclass(frozen=True, slots=True)
class Roofline:
    """A device, and a network on it if one was asked for.

    Args:
        ceilings: of the device, by the kind of arithmetic.
        ceiling: the one that the bounds are of: the fastest for the network's data type.
        cost: of the network.
        bounds: the least time of each of its layers.
        judged: what each ceiling says of the time that was asked about.
        note: what the user should know of how the ceilings were found.
    """

    ceilings: Mapping[str, Ceiling]
    ceiling: Ceiling
    cost: Cost | None = None
    bounds: tuple[Bound, ...] = ()
    judged: Mapping[str, Judgement] = field(default_factory=dict)
    note: str = ""

    @property
    def least_s(self) -> float:
        """The least time of the network."""
        return least_seconds(self.bounds)


def roofline(
    ceilings: Mapping[str, Ceiling],
    graph: Graph | None = None,
    seconds: float | None = None,
    note: str = "",
) -> Roofline:
    """A network, and the time of one forward pass of it, under the ceilings of a device."""
    if graph is None:
        return Roofline(ceilings, [*ceilings.values()][-1], note=note)
    costs = cost(graph)
    width = ITEMSIZE[graph.dtype]
    usable = [c for c in ceilings.values() if ITEMSIZE[c.dtype] == width]
    ceiling = max(usable or ceilings.values(), key=lambda c: c.flops_per_s)
    wanted = demand(graph, costs)
    judged = {} if seconds is None else {k: judge(wanted, c, seconds) for k, c in ceilings.items()}
    return Roofline(ceilings, ceiling, costs, tuple(bounds(costs, ceiling)), judged, note)


def given(peak: float, bandwidth: float | None, dtype: str) -> dict[str, Ceiling]:
    """A ceiling that the user names; without a bandwidth memory is no limit."""
    return {"given": Ceiling("the given peak", "any", dtype, peak, bandwidth)}
