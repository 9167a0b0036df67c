"""Statistics of repeated timings: launches (processes) of many calls each.

This package knows numbers only. Each function states what it assumes; its doubts come back as
values with the estimate.
"""

from cnnbench.stats.changepoints import Shift, levels, shifts
from cnnbench.stats.curves import Crossing, crossings, exponent
from cnnbench.stats.estimate import (
    FEW,
    LEVEL,
    NOISY,
    Doubt,
    Estimate,
    RatioVerdict,
    geometric,
    inverse,
    together,
    verdict,
)
from cnnbench.stats.launches import (
    BEYOND,
    Spread,
    location,
    medians,
    percentile,
    spread,
    steady,
    warmup,
)
from cnnbench.stats.ratios import (
    DRIFT,
    LAYOUT,
    Pace,
    duet,
    excess,
    pace,
    paces_in_turn,
    ratio,
    relative,
    separate,
    separate_paces,
    unpaired,
)
from cnnbench.stats.stopping import TARGET, Stop, enough

__all__ = [
    "BEYOND", "DRIFT", "FEW", "LAYOUT", "LEVEL", "NOISY", "TARGET",
    "Crossing", "Doubt", "Estimate", "Pace", "RatioVerdict", "Shift", "Spread", "Stop",
    "crossings", "duet", "enough", "excess", "exponent", "geometric", "inverse", "levels",
    "location", "medians", "pace", "paces_in_turn", "percentile", "ratio", "relative", "separate",
    "separate_paces", "shifts", "spread", "steady", "together", "unpaired", "verdict", "warmup",
]  # fmt: skip
