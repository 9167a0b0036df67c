"""Whether a time is possible under a ceiling.

Two thresholds. Above the peak of the arithmetic as the layers define it, a time is
*suspicious*: it needs an algorithm that multiplies less. Those exist for convolutions; below
the time that even they need, and below the time that the weights, the input and the output
take through memory, it is *impossible*. Everything else is *plausible*, which is not proven.

Fewer multiplications: m outputs of an r-tap filter take m + r - 1 instead of m * r on each axis
(Winograd; Lavin and Gray, "Fast algorithms for convolutional neural networks", arXiv
1509.09308, section 4). They measure m = 2 and 4: 2.25 and 4 times fewer for 3x3. The largest
tile in use is m = 6 (NNPACK), 5.06 times; that is what we allow. A strided convolution gains
less; it is allowed the same. Matrix products are allowed nothing: no library that we know
computes them with Strassen's algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import prod

from cnnbench.ceilings import Ceiling
from cnnbench.cost import Cost, cost
from cnnbench.graph import Graph, Node

TILE = 6
"""Outputs of a fast convolution's tile on each axis."""


class Verdict(StrEnum):
    """What a ceiling says of a time."""

    PLAUSIBLE = "plausible"
    SUSPICIOUS = "suspicious"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a ceiling says of a time, and the numbers that it follows from.

    Args:
        verdict: see the head of this file.
        seconds: the time that is judged.
        rate: FLOP/s of the multiply-adds, each two, that the time implies.
        share: that over the peak.
        direct_s: the least time of the multiply-adds as the layers define them.
        least_s: the least time with fast convolutions, or of the memory if that is longer.
    """

    verdict: Verdict
    seconds: float
    rate: float
    share: float
    direct_s: float
    least_s: float


@dataclass(frozen=True, slots=True)
class Demand:
    """What a network demands of any device, from its layers alone; see `demand`."""

    flops: int
    least_flops: float
    compulsory_bytes: int


def demand(graph: Graph, costs: Cost | None = None) -> Demand:
    """The multiply-adds of a forward pass, the fewest, and the bytes that must move.

    `flops` are two a multiply-add. `least_flops` leave out taps on padding and what fast
    convolutions save. `compulsory_bytes` are the weights, the input and the output: all
    between may be fused. Elementwise operations can be fused into what they follow, or folded
    away, and count nothing. Layers without a rule count nothing: all are lower bounds.
    """
    costs = costs or cost(graph)
    outputs = sum(costs.layers[i].activation_bytes for i in {*graph.inputs, *graph.outputs})
    return Demand(
        2 * costs.macs,
        sum(
            2 * layer.inside_macs / _saving(node)
            for node, layer in zip(graph.nodes, costs.layers, strict=True)
        ),
        costs.weight_bytes + outputs,
    )


def judge(
    wanted: Demand, ceiling: Ceiling, seconds: float, longest: float | None = None
) -> Judgement:
    """Judge the time of one forward pass.

    Args:
        wanted: what the network demands.
        ceiling: of the device.
        seconds: the time, as measured or claimed.
        longest: the upper end of its interval; impossible is only what even that is too
            short for.
    """
    peak = ceiling.flops_per_s * ceiling.tolerance
    direct = wanted.flops / peak
    through = 0.0
    if ceiling.cache_bytes is not None:  # a cache of unknown size might hold everything
        outside = max(wanted.compulsory_bytes - ceiling.cache_bytes, 0)
        through = ceiling.moving_s(outside) / ceiling.tolerance
    least = max(wanted.least_flops / peak, through)
    if (longest or seconds) < least:
        verdict = Verdict.IMPOSSIBLE
    elif seconds < max(direct, least):
        verdict = Verdict.SUSPICIOUS
    else:
        verdict = Verdict.PLAUSIBLE
    rate = wanted.flops / seconds
    return Judgement(verdict, seconds, rate, rate / ceiling.flops_per_s, direct, least)


def _saving(node: Node) -> float:
    """How many times fewer multiplications a fast algorithm takes for a layer."""
    if "Conv" not in node.op:
        return 1.0
    kernels = [weight.shape[:-2] for weight in (*node.rule.weights, *node.shared)]
    # An operation whose kernel is an input, not a weight, has none that we see.
    return max((_of_kernel(kernel) for kernel in kernels if kernel), default=float("inf"))


def _of_kernel(kernel: tuple[int, ...]) -> float:
    return prod(TILE * taps / (TILE + taps - 1) for taps in kernel)
