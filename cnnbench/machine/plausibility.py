"""Whether a time is possible under a ceiling.

Two thresholds. Above the peak of the arithmetic as the layers define it, a time is
*suspicious*: it needs an algorithm that multiplies less. Those exist for convolutions; below
the time that even they need, and below the time that the weights, the input and the output
take through memory, it is *impossible*. Everything else is *plausible*, which is not proven.

How much less is in `analysis.demand`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cnnbench.analysis.demand import Demand
from cnnbench.graph import ITEMSIZE
from cnnbench.host.ceiling import Ceiling

READING = 1.5
"""How much faster than a measured bandwidth memory may be read.

The probe is a copy, and of a copy a processor reads the lines that it is about to write, too:
three transfers for the two that we count. Weights are read alone.
"""


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
        # Arithmetic on narrower values than the network's is fed with those.
        narrower = min(1.0, ITEMSIZE[ceiling.dtype] / ITEMSIZE[wanted.dtype])
        outside = max(wanted.compulsory_bytes * narrower - ceiling.cache_bytes, 0)
        copied = READING if ceiling.probes else 1.0
        through = ceiling.moving_s(outside) / (ceiling.tolerance * copied)
    least = max(wanted.least_flops / peak, through)
    if (longest or seconds) < least:
        verdict = Verdict.IMPOSSIBLE
    elif seconds < max(direct, least):
        verdict = Verdict.SUSPICIOUS
    else:
        verdict = Verdict.PLAUSIBLE
    rate = wanted.flops / seconds
    return Judgement(verdict, seconds, rate, rate / ceiling.flops_per_s, direct, least)
