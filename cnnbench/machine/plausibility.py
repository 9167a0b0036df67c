"""Whether a time is possible under a ceiling.

There are two thresholds. A time that needs more than the peak, for the arithmetic as the layers
define it, is *suspicious*: only an algorithm that multiplies less could reach it. Such algorithms
exist for convolutions; `analysis.demand` says how much they save. A time that is too short even
for them, or too short to move the weights, the input and the output through memory, is
*impossible*. Every other time is *plausible*, which does not prove it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cnnbench.analysis.demand import Demand
from cnnbench.graph import ITEMSIZE
from cnnbench.host.ceiling import Ceiling
from cnnbench.records import Record

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
