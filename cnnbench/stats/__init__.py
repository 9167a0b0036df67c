"""Statistics of repeated timings: launches (processes) of many calls each.

Knows numbers only. Each function states what it assumes; what it doubts comes back with
the estimate, as values.
"""

from cnnbench.stats.curves import Crossing, crossings, exponent
from cnnbench.stats.estimate import (
    FEW,
    LEVEL,
    NOISY,
    Doubt,
    Estimate,
    Verdict,
    geometric,
    verdict,
)
from cnnbench.stats.launches import Spread, location, medians, spread, steady, warmup
from cnnbench.stats.ratios import duet, ratio, relative, separate, unpaired

__all__ = [
    "FEW",
    "LEVEL",
    "NOISY",
    "Crossing",
    "Doubt",
    "Estimate",
    "Spread",
    "Verdict",
    "crossings",
    "duet",
    "exponent",
    "geometric",
    "location",
    "medians",
    "ratio",
    "relative",
    "separate",
    "spread",
    "steady",
    "unpaired",
    "verdict",
    "warmup",
]
