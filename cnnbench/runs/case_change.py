"""CASE CHANGE: one case in two recordings: its ratio with an interval, and what that says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnnbench import stats
from cnnbench.runs import result
from cnnbench.runs.recording import Series
from cnnbench.stats import Estimate, RatioVerdict

UNITS = {"time": "seconds", "memory": "bytes", "params": "parameters", "flops": "FLOPs"}
"""The unit of each metric's values."""
METRICS = tuple(UNITS)
"""What can be compared; of all of them less is better."""

IN_TURN = 3
"""From this number of runs on each side, runs are compared in pairs; the interval of two pairs
would be too wide to say anything."""


@dataclass(frozen=True, slots=True)
class CaseChange:
    """One case on both sides.

    Args:
        key: what identifies the case in any recording.
        name: what people call it.
        metric: what was compared, one of METRICS.
        base: the value before, in the unit of the metric.
        new: the value after.
        ratio: new over base; where both are exact, the interval is the value itself.
        verdict: what the ratio says.
        reason: why there is no ratio.
        broke: the base has a value, and the new side should have one but does not.
    """

    key: str
    name: str
    metric: str
    base: float | None
    new: float | None
    ratio: Estimate | None
    verdict: RatioVerdict | None
    reason: str = ""
    broke: bool = False

    @property
    def word(self) -> str:
        """The verdict in a word for this metric, as slower or more; empty if there is none."""
        if self.verdict is None:
            return ""
        more_or_less = {RatioVerdict.SLOWER: "more", RatioVerdict.FASTER: "less"}
        words = {} if self.metric == "time" else more_or_less
        return words.get(self.verdict, self.verdict.value)

    def record(self) -> dict[str, Any]:
        """One flat row of plain values."""
        ratio = self.ratio
        return {
            "key": self.key,
            "name": self.name,
            "base": self.base,
            "new": self.new,
            "ratio": ratio.value if ratio else None,
            "low": ratio.low if ratio else None,
            "high": ratio.high if ratio else None,
            "verdict": self.word,
            "reason": self.reason,
            "broke": self.broke,
            "doubts": "; ".join(ratio.doubts) if ratio else "",
        }


def case_change(
    base: Series, new: Series, metric: str, paired: bool, parts: Sequence[Sequence[int]]
) -> CaseChange:
    """Compare one case; `parts` has, of both sides, the number of the first launch of each run."""
    if metric in ("params", "flops"):
        return _exact(base, new, metric)
    sides = (base, new)
    launches = [s.samples if metric == "time" else _peaks(s) for s in sides]
    found = [stats.location(samples.values()) for samples in launches]
    before, after = (estimate.value if estimate else None for estimate in found)
    reasons = [
        f"{where}: {_why_missing(side, metric)}"
        for where, side, value in zip(("base", "new"), sides, (before, after), strict=True)
        if value is None
    ]
    ratio = None if reasons else _ratio(base, new, launches, metric, paired, parts)
    verdict = stats.verdict(ratio) if ratio else None
    reason = "; ".join(reasons) or ("" if ratio else "no round in common")
    # A peak can be missing because the system does not report it; a time cannot.
    reported = metric == "time" or new.outcome != "ok"
    broke = before is not None and after is None and reported
    return CaseChange(base.key, base.name, metric, before, after, ratio, verdict, reason, broke)


def _ratio(
    base: Series,
    new: Series,
    launches: Sequence[Mapping[int, Sequence[float]]],
    metric: str,
    paired: bool,
    parts: Sequence[Sequence[int]],
) -> Estimate | None:
    # Results know the reference that ran beside them, and who took turns with whom.
    if metric == "time" and base.result and new.result:
        if paired:
            return result.ratio(base.result, new.result)
        if len(parts[0]) == len(parts[1]) >= IN_TURN:
            return result.ratio_in_turn(base.result, new.result, *parts)
        return result.ratio_between_runs(base.result, new.result)
    before, after = launches
    return (stats.ratio if paired else stats.unpaired)(before, after)


def _peaks(series: Series) -> dict[int, Sequence[float]]:
    """The peaks in the form in which the statistics take launches: two calls, the first ignored.

    Empty where the peak of one launch did not rise, because a rise of 0 bytes has no ratio.
    """
    peaks = series.peaks
    return {n: (peak, peak) for n, peak in peaks.items()} if all(peaks.values()) else {}


def _why_missing(series: Series, metric: str) -> str:
    """Why a series has no value of a metric that is measured."""
    if series.outcome != "ok":
        return series.outcome
    if metric == "time":
        return "no call after the first"
    return "a launch whose peak rose by 0 bytes" if series.peaks else "no peak was measured"


def _exact(base: Series, new: Series, metric: str) -> CaseChange:
    """A change in what is counted, not measured."""
    before, after = getattr(base, metric), getattr(new, metric)
    if before is None or after is None:
        reason = f"{'base' if before is None else 'new'}: {UNITS[metric]} not recorded"
        return CaseChange(base.key, base.name, metric, before, after, None, None, reason)
    value = after / before if before else math.inf if after else 1.0
    ratio = Estimate(value, value, value, 1)
    verdict = stats.verdict(ratio)
    return CaseChange(base.key, base.name, metric, before, after, ratio, verdict)
