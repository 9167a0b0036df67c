"""COMPARISON: two recordings, case by case: ratios with intervals, and what they say.

Cases are matched by their id, benchmarks by their full name. Nothing is dropped: cases of one
side only are listed, and a case that worked in the base but not in the new side is named.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnnbench import stats
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.records import Record, one_line, plain
from cnnbench.runs import result
from cnnbench.runs.recording import UNITS, Recording, Series
from cnnbench.stats import Estimate, RatioVerdict

IN_TURN = 3
"""From this number of runs on each side, runs are compared in pairs; the interval of two pairs
would be too wide to say anything."""

EXPECTED = ("commit",)
"""Keys of the environment that are expected to differ between two runs."""

ROUNDING = 0.001
"""A ratio may differ by this share from the ratio of the values beside it without a note."""

BESIDE = (
    "a ratio compares calls that took turns with each other, or with a reference beside both, so "
    "that a machine that became slower cancels; it need not be new over base"
)


@dataclass(frozen=True, slots=True)
class CaseChange(Record):
    """One case on both sides.

    Args:
        key: what identifies the case in any recording.
        name: what people call it.
        metric: what was compared, one of UNITS.
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

    def __repr__(self) -> str:
        times = [f"{self.ratio.value:.3g} times"] if self.ratio else []
        return one_line(self, self.name, *times, self.word or self.reason)

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


@dataclass(frozen=True, slots=True)
class EnvironmentDifference(Record):
    """Something other than the code in which the two sides differ."""

    key: str
    base: str
    new: str


@dataclass(frozen=True, slots=True)
class NetworkChange:
    """A case whose network is another one now, though its id is equal: before and after.

    A value is None where a recording does not have it. `digest` is that of the graph. If it
    differs and no count does, another operation, order or shape costs the same.
    """

    case: str
    digest: tuple[str | None, str | None]
    params: tuple[int | None, int | None]
    macs: tuple[int | None, int | None]
    flops: tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, repr=False)
class Gate(Record):
    """The cases that speak against the new side.

    Args:
        limit: the share by which a case may become slower (or larger): 0.05 is 5 %.
        above: the cases whose whole interval is above the limit.
        broke: the cases that have a value in the base but none in the new side.
        unjudged: the cases without an interval or a base value; these neither pass nor fail.
        judged: how many cases have an interval, or broke.
    """

    limit: float
    above: tuple[CaseChange, ...]
    broke: tuple[CaseChange, ...]
    unjudged: tuple[CaseChange, ...]
    judged: int

    def __repr__(self) -> str:
        failed = f"{len(self.above)} above", f"{len(self.broke)} broke"
        unjudged = f"{len(self.unjudged)} not judged"
        return one_line(self, f"{100 * self.limit:g} %", self.word, *failed, unjudged)

    @property
    def passed(self) -> bool:
        """Whether a case was judged, none is above the limit and none broke."""
        return bool(self.judged) and not self.above and not self.broke

    @property
    def word(self) -> str:
        """Passed, failed or, where no case could be compared, nothing judged."""
        return "passed" if self.passed else "failed" if self.judged else "nothing judged"

    def to_json(self) -> dict[str, Any]:
        """Plain values; cases by their keys."""
        sides = {"above": self.above, "broke": self.broke, "unjudged": self.unjudged}
        keys = {side: [change.key for change in changes] for side, changes in sides.items()}
        return {"limit": self.limit, "passed": self.passed, "judged": self.judged, **keys}


@dataclass(frozen=True, slots=True, repr=False)
class RunComparison(Record):
    """Two recordings beside each other.

    Args:
        base: the name of what is compared with.
        new: the name of what is compared.
        metric: what was compared, one of UNITS.
        changes: the cases that both sides have.
        only_base: the names of cases that only the base has.
        only_new: the names of cases that only the new side has.
        networks: the cases whose network itself is another one now.
        differences: what else differs between the two sides.
        notes: what a reader has to know of either side.
    """

    base: str
    new: str
    metric: str
    changes: tuple[CaseChange, ...]
    only_base: tuple[str, ...]
    only_new: tuple[str, ...]
    networks: tuple[NetworkChange, ...]
    differences: tuple[EnvironmentDifference, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return one_line(self, f"{self.metric} of {self.new} against {self.base}", self.summary)

    @property
    def summary(self) -> str:
        """How many cases have which verdict: 3 slower, 12 same."""
        words = Counter(change.word or "without a ratio" for change in self.changes)
        return ", ".join(f"{count} {word}" for word, count in words.items())

    def gate(self, limit: float) -> Gate:
        """Whether no case became worse by more than a limit, 0.05 for 5 %.

        A case is above the limit only if its whole interval is, so that noise does not fail.

        Raises:
            CnnbenchError: the limit is not a number of at least 0.
        """
        if not limit >= 0:  # also for NaN
            raise CnnbenchError(f"a gate's limit must be 0 or more, as 0.05 for 5 %; got {limit!r}")
        lows = [(change, change.ratio.low if change.ratio else None) for change in self.changes]
        return Gate(
            limit,
            above=tuple(c for c, low in lows if low is not None and low > 1 + limit),
            broke=tuple(c for c in self.changes if c.broke),
            unjudged=tuple(c for c, low in lows if low is None and not c.broke),
            judged=sum(low is not None or c.broke for c, low in lows),
        )

    def records(self) -> list[dict[str, Any]]:
        """One flat row a case, as `pandas.DataFrame` takes them."""
        return [change.record() for change in self.changes]

    def to_json(self) -> dict[str, Any]:
        """Plain values; a ratio to nothing, which is infinite, is None."""
        others = ("only_base", "only_new", "networks", "differences", "notes")
        return {
            "base": self.base,
            "new": self.new,
            "metric": self.metric,
            "cases": [{key: _finite(x) for key, x in row.items()} for row in self.records()],
            **{name: plain(getattr(self, name)) for name in others},
        }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def compare(
    base: Recording, new: Recording, metric: str = "time", *, paired: bool = False
) -> RunComparison:
    """Match two recordings and compare the cases that both have; refused if there are none.

    Launches of the same number ran in the same round if `paired` is true, as within one run.
    """
    if metric not in UNITS:
        raise unknown("metric", metric, UNITS)
    left, right = ({s.key: s for s in side.series} for side in (base, new))
    common = [(series, right[key]) for key, series in left.items() if key in right]
    if not common:
        raise CnnbenchError(
            f"{base.name} and {new.name} have nothing in common: the first has {_some(left)}, "
            f"the second {_some(right)}; compare runs of the same suite"
        )
    parts = base.parts, new.parts
    changes = tuple(_change(*sides, metric, paired, parts) for sides in common)
    if not any(change.ratio or change.broke for change in changes):
        raise CnnbenchError(
            f"there is no {metric} to compare in {base.name} and {new.name}: "
            f"{changes[0].name}: {changes[0].reason}"
        )
    return RunComparison(
        base=base.name,
        new=new.name,
        metric=metric,
        changes=changes,
        only_base=tuple(s.name for key, s in left.items() if key not in right),
        only_new=tuple(s.name for key, s in right.items() if key not in left),
        networks=() if paired else tuple(_networks(common)),
        differences=() if paired else tuple(_environments(base, new)),
        notes=tuple(dict.fromkeys((*_notes(base), *_notes(new), *_beside(changes)))),
    )


def _change(
    base: Series, new: Series, metric: str, paired: bool, parts: Sequence[Sequence[int]]
) -> CaseChange:
    """Compare one case; `parts` has, of both sides, the number of the first launch of each run."""
    sides = (base, new)
    before, after = (side.value(metric) for side in sides)
    missing = [
        f"{where}: {side.why_missing(metric)}"
        for where, side, value in zip(("base", "new"), sides, (before, after), strict=True)
        if value is None
    ]
    ratio = None
    if before and after:
        measured = metric in ("time", "memory")
        ratio = _ratio(*sides, metric, paired, parts) if measured else _exact(before, after)
    return CaseChange(
        base.key,
        base.name,
        metric,
        before.value if before else None,
        after.value if after else None,
        ratio,
        verdict=stats.verdict(ratio) if ratio else None,
        reason="; ".join(missing) or ("" if ratio else "no round in common"),
        broke=bool(before and not after and new.failed(metric)),
    )


def _ratio(
    base: Series,
    new: Series,
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
    compared = stats.ratio if paired else stats.unpaired
    return compared(base.launches(metric), new.launches(metric))


def _exact(before: Estimate, after: Estimate) -> Estimate:
    """The ratio of what is counted, not measured."""
    base, new = before.value, after.value
    value = new / base if base else math.inf if new else 1.0
    return Estimate(value, value, value, 1)


def _some(series: Mapping[str, Series]) -> str:
    first, *others = series.values() or [None]
    if first is None:
        return "no cases"
    return first.name + (f" and {len(others)} more" if others else "")


def _networks(common: Sequence[tuple[Series, Series]]) -> list[NetworkChange]:
    """The cases whose digests differ, or whose counts do."""
    found = []
    for before, after in common:
        facts = list(zip(_facts(before), _facts(after), strict=True))
        if any(None not in sides and sides[0] != sides[1] for sides in facts):
            found.append(NetworkChange(before.name, *facts))
    return found


def _facts(series: Series) -> tuple[Any, ...]:
    """The digest of a network, its parameters, MACs and FLOPs; None for what is not known."""
    r = series.result
    digest, macs = (r.paper.digest or None, r.cost.macs) if r else (None, None)
    return digest, series.params, macs, series.flops


def _environments(base: Recording, new: Recording) -> list[EnvironmentDifference]:
    """The keys that both sides recorded, with different values."""
    left, right = base.environment, new.environment
    return [
        EnvironmentDifference(key, ", ".join(left[key]), ", ".join(right[key]))
        for key in left
        if key in right and key not in EXPECTED and set(left[key]) != set(right[key])
    ]


def _beside(changes: Sequence[CaseChange]) -> list[str]:
    """What to say where a ratio is not that of the two values next to it."""
    off = (
        abs(math.log(c.ratio.value * c.base / c.new)) > ROUNDING
        for c in changes
        if c.ratio and c.base and c.new
    )
    return [BESIDE] if any(off) else []


def _notes(side: Recording) -> list[str]:
    """What is wrong with one side."""
    notes = list(side.notes)
    for key, values in side.environment.items():
        if len(values) > 1 and key != "mode":
            notes.append(f"its launches differ in {key}: {', '.join(values)}")
    failed = [
        f"{s.name} ({', '.join(f'{count} {outcome}' for outcome, count in s.failures.items())})"
        for s in side.series
        if s.failures
    ]
    if failed:
        notes.append(f"launches without a result: {', '.join(failed)}")
    return [f"{side.name}: {note}" for note in notes]
