"""COMPARISON: two recordings, case by case: ratios with intervals, and verdicts.

Cases are matched by their id, benchmarks by their full name. Nothing is dropped: what one side
alone has is listed, and what worked in the base and does not in the new one is called so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from cnnbench import stats
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.runs import result
from cnnbench.runs.recording import Recording, Series
from cnnbench.stats import Estimate, Verdict

Metric = Literal["time", "memory", "params", "flops"]
METRICS: tuple[str, ...] = get_args(Metric)
UNITS = {"time": "seconds", "memory": "bytes", "params": "parameters", "flops": "FLOPs"}
"""Of a metric's values; of all of them less is better."""

EXPECTED = ("commit",)
"""Keys of the environment in which two runs that one compares will differ."""

IN_TURN = 3
"""Runs of each side that are compared pair by pair; of two the interval would say nothing."""

Parts = tuple[Sequence[int], Sequence[int]]
"""The first launch of each run, of both sides."""

ROUNDING = 0.001
BESIDE = (
    "ratios are of calls that took turns with each other or with the reference beside both, "
    "so that a machine that became slower cancels; they need not be new over base"
)


@dataclass(frozen=True, slots=True)
class Change:
    """One case on both sides; the values are in the unit of the metric.

    `ratio` is new over base, with the value itself as interval where it is exact on paper.
    `reason` says why there is none; `broke` that the base has a value and the new one should.
    """

    key: str
    name: str
    base: float | None
    new: float | None
    ratio: Estimate | None
    verdict: Verdict | None
    reason: str = ""
    broke: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """Something other than the code in which the two sides differ."""

    key: str
    base: str
    new: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Two recordings beside each other: what both have, what one has, and what else differs."""

    base: str
    new: str
    metric: str
    changes: tuple[Change, ...]
    only_base: tuple[str, ...]
    only_new: tuple[str, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    def records(self) -> list[dict[str, Any]]:
        """One flat row a case, as `pandas.DataFrame` takes them."""
        return [_record(change, self.metric) for change in self.changes]


def compare(
    base: Recording, new: Recording, metric: str = "time", *, paired: bool = False
) -> Compared:
    """Match two recordings and compare what both have.

    Args:
        base: what is compared with.
        new: what is compared.
        metric: one of METRICS.
        paired: launches of one number ran in the same round, as they do within one run.

    Raises:
        UnknownNameError: another metric.
        CnnbenchError: the two have nothing in common, or neither has the metric.
    """
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    left, right = ({s.key: s for s in side.series} for side in (base, new))
    common = [key for key in left if key in right]
    if not common:
        raise CnnbenchError(
            f"{base.name} and {new.name} have nothing in common: the first has {_some(left)}, "
            f"the second {_some(right)}; compare runs of the same suite"
        )
    parts = base.parts, new.parts
    changes = tuple(_change(left[key], right[key], metric, paired, parts) for key in common)
    if not any(change.ratio or change.broke for change in changes):
        raise CnnbenchError(
            f"there is no {metric} to compare in {base.name} and {new.name}: "
            f"{changes[0].name}: {changes[0].reason}"
        )
    return Compared(
        base=base.name,
        new=new.name,
        metric=metric,
        changes=changes,
        only_base=tuple(s.name for key, s in left.items() if key not in right),
        only_new=tuple(s.name for key, s in right.items() if key not in left),
        differences=() if paired else (*_environments(base, new), *_counts(left, right, metric)),
        notes=tuple(dict.fromkeys((*_notes(base), *_notes(new), *_beside(changes)))),
    )


def _some(series: Mapping[str, Series]) -> str:
    first, *others = series.values() or [None]
    if first is None:
        return "no cases"
    return first.name + (f" and {len(others)} more" if others else "")


def _change(base: Series, new: Series, metric: str, paired: bool, parts: Parts) -> Change:
    if metric in ("params", "flops"):
        return _on_paper(base, new, metric)
    sides = (base, new)
    launches = [s.samples if metric == "time" else _peaks(s) for s in sides]
    before, after = (stats.location(found.values()) for found in launches)
    reasons = [
        f"{where}: {_why(side, metric)}"
        for where, side, value in zip(("base", "new"), sides, (before, after), strict=True)
        if value is None
    ]
    ratio = None if reasons else _ratio(base, new, launches, metric, paired, parts)
    return Change(
        base.key,
        base.name,
        before.value if before else None,
        after.value if after else None,
        ratio,
        verdict=stats.verdict(ratio) if ratio else None,
        reason="; ".join(reasons) or ("" if ratio else "no round in common"),
        # A peak can be missing because the system does not report it; a time cannot.
        broke=bool(before and not after and (metric == "time" or new.outcome != "ok")),
    )


def _ratio(
    base: Series,
    new: Series,
    launches: Sequence[Mapping[int, Sequence[float]]],
    metric: str,
    paired: bool,
    parts: Parts,
) -> Estimate | None:
    if metric == "time" and base.result and new.result:  # which know the reference and the turns
        if paired:
            return result.ratio(base.result, new.result)
        if len(parts[0]) == len(parts[1]) >= IN_TURN:
            return result.ratio_in_turn(base.result, new.result, *parts)
        return result.ratio_between_runs(base.result, new.result)
    before, after = launches
    return (stats.ratio if paired else stats.unpaired)(before, after)


def _peaks(series: Series) -> dict[int, Sequence[float]]:
    """The peaks as the statistics take launches: two calls, of which the first is left out.

    None where a launch found room in what the process had: a rise of 0 has no ratio.
    """
    peaks = series.peaks
    return {n: (peak, peak) for n, peak in peaks.items()} if all(peaks.values()) else {}


def _why(series: Series, metric: str) -> str:
    """Why a series has no value of a metric that is measured."""
    if series.outcome != "ok":
        return series.outcome
    if metric == "time":
        return "no call after the first"
    return "a launch whose peak rose by 0 bytes" if series.peaks else "no peak was measured"


def _on_paper(base: Series, new: Series, metric: str) -> Change:
    before, after = getattr(base, metric), getattr(new, metric)
    if before is None or after is None:
        reason = f"{'base' if before is None else 'new'}: {UNITS[metric]} not recorded"
        return Change(base.key, base.name, before, after, None, None, reason)
    value = after / before if before else math.inf if after else 1.0
    ratio = Estimate(value, value, value, 1)
    return Change(base.key, base.name, before, after, ratio, stats.verdict(ratio))


def _environments(base: Recording, new: Recording) -> list[Difference]:
    """The keys that both recorded with other values."""
    left, right = base.environment, new.environment
    return [
        Difference(key, ", ".join(left[key]), ", ".join(right[key]))
        for key in left
        if key in right and key not in EXPECTED and set(left[key]) != set(right[key])
    ]


def _counts(
    left: Mapping[str, Series], right: Mapping[str, Series], metric: str
) -> list[Difference]:
    """The cases that are other networks than they were, though they have the same id."""
    if metric == "params":
        return []
    return [
        Difference(f"parameters of {base.name}", f"{base.params:,}", f"{new.params:,}")
        for key, base in left.items()
        if (new := right.get(key))
        and base.params != new.params
        and None not in (base.params, new.params)
    ]


def _beside(changes: Sequence[Change]) -> list[str]:
    """What to say where a ratio is not that of the two values next to it."""
    off = (
        abs(math.log(c.ratio.value * c.base / c.new)) > ROUNDING
        for c in changes
        if c.ratio and c.base and c.new
    )
    return [BESIDE] if any(off) else []


def _notes(side: Recording) -> list[str]:
    """What is wrong with one side."""
    found = [f"{side.name}: {note}" for note in side.notes]
    for key, values in side.environment.items():
        if len(values) > 1 and key != "mode":
            found.append(f"{side.name}: its launches differ in {key}: {', '.join(values)}")
    failed = [
        f"{s.name} ({', '.join(f'{count} {outcome}' for outcome, count in s.failures.items())})"
        for s in side.series
        if s.failures
    ]
    if failed:
        found.append(f"{side.name}: launches without a result: {', '.join(failed)}")
    return found


def word(metric: str, verdict: Verdict | None) -> str:
    """A verdict as it is said of a metric: slower, but more memory; empty if there is none."""
    if verdict is None:
        return ""
    other: dict[Verdict, str] = (
        {} if metric == "time" else {Verdict.SLOWER: "more", Verdict.FASTER: "less"}
    )
    return other.get(verdict, verdict.value)


def _record(change: Change, metric: str) -> dict[str, Any]:
    row = asdict(change)
    ratio = row.pop("ratio") or dict.fromkeys(("value", "low", "high", "doubts"))
    return {
        **{key: row[key] for key in ("key", "name", "base", "new")},
        "ratio": ratio["value"],
        "low": ratio["low"],
        "high": ratio["high"],
        "verdict": word(metric, change.verdict),
        "reason": row["reason"],
        "broke": row["broke"],
        "doubts": "; ".join(ratio["doubts"] or ()),
    }
