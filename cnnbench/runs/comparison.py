"""COMPARISON: two recordings, case by case: ratios with intervals, and what they say.

Cases are matched by their id, benchmarks by their full name; gpu is the same as gpu:0. Nothing is
dropped: cases of one side only are listed, and a case that worked in the base but not in the new
side is named.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cnnbench import stats
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.records import Record, finite, one_line, plain
from cnnbench.runs import result
from cnnbench.runs.gate import CHANGE, Gate, Measured, Most, judge
from cnnbench.runs.recording import UNITS, Recording, Series, word
from cnnbench.stats import Estimate, RatioVerdict

IN_TURN = 3
"""From this number of runs on each side, runs are compared in pairs; the interval of two pairs
would be too wide to say anything."""

EXPECTED = ("commit", "project_commit")
"""Keys of the environment that are expected to differ between two runs."""

ROUNDING = 0.001
"""A corrected value that differs by less from the measured one is not worth a column."""

BESIDE = (
    "corrected is what new would have taken on the machine as it was for base, as told by calls "
    "that took turns with each other, or by a reference beside both; the ratio is of that and base"
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
    def corrected(self) -> float | None:
        """The new value without what changed in the machine: the ratio times the base."""
        return self.base * self.ratio.value if self.base and self.ratio else self.new

    @property
    def moved(self) -> bool:
        """Whether that is another value than the new one."""
        if self.corrected is None or self.new is None:
            return False
        return not math.isclose(self.corrected, self.new, rel_tol=ROUNDING)

    @property
    def word(self) -> str:
        """The verdict in a word for this metric, as slower or more; empty if there is none."""
        return word(self.verdict, self.metric) if self.verdict else ""

    def record(self) -> dict[str, Any]:
        """One flat row of plain values."""
        ratio = self.ratio
        return {
            "key": self.key,
            "name": self.name,
            "base": self.base,
            "new": self.new,
            "corrected": self.corrected,
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
        series: all cases of the new side, for limits that need no base.
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
    series: tuple[Series, ...] = ()

    def __repr__(self) -> str:
        return one_line(self, f"{self.metric} of {self.new} against {self.base}", self.summary)

    @property
    def summary(self) -> str:
        """How many cases have which verdict: 3 slower, 12 same."""
        words = Counter(change.word or "without a ratio" for change in self.changes)
        return ", ".join(f"{count} {word}" for word, count in words.items())

    @property
    def mean(self) -> Estimate | None:
        """The geometric mean of the ratios that have an interval; see `stats.together`."""
        return stats.together([change.ratio for change in self.changes if change.ratio])

    @property
    def by_chance(self) -> float | None:
        """How many ratios chance alone would call different, on average, if nothing had changed.

        None for what is counted, in which there is no chance.
        """
        intervals = sum(bool(change.ratio and change.ratio.low) for change in self.changes)
        return (1 - stats.LEVEL) * intervals if self.metric in ("time", "memory") else None

    def gate(
        self,
        fail_above: Most = None,
        *,
        max_time: Most = None,
        max_memory: Most = None,
        max_params: Most = None,
        max_flops: Most = None,
    ) -> Gate:
        """Whether no case became worse by more than a limit, or has more than one.

        A measured case is above a limit only if its whole interval is, so that noise does not fail;
        if the limit lies inside the interval it is not decided, which does not fail either. A case
        that should have a value but does not fails.

        Args:
            fail_above: the share by which a case may become worse: 0.05 or "5%". Or several by the
                cases that they are for, `{"*": "5%", "resnet50 *": "10%"}`, where keys are shell
                patterns of whole names, and of those that match a case the last counts.
            max_time: the most seconds of a call on the new side, or as text: 20ms; or several as
                above. Cases that the base does not have are judged too. So for the next three.
            max_memory: the most bytes by which the first call raises the peak memory.
            max_params: the most parameters.
            max_flops: the most FLOPs of a call.

        Raises:
            CnnbenchError: there is no limit, or it is none, or its pattern matches no case.
        """
        absolute = {"time": max_time, "memory": max_memory}
        absolute |= {"params": max_params, "flops": max_flops}
        changes = [Measured(c.key, c.name, c.ratio, c.reason, c.broke) for c in self.changes]
        others = (*self.only_base, *self.only_new)
        return judge({CHANGE: fail_above, **absolute}, changes, self.series, others)

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
            "mean": plain(self.mean),
            "by_chance": self.by_chance,
            "cases": [{key: finite(x) for key, x in row.items()} for row in self.records()],
            **{name: plain(getattr(self, name)) for name in others},
        }


def compare(
    base: Recording, new: Recording, metric: str = "time", *, paired: bool = False
) -> RunComparison:
    """Match two recordings and compare the cases that both have; refused if there are none.

    Launches of the same number ran in the same round if `paired` is true, as within one run.
    """
    if metric not in UNITS:
        raise unknown("metric", metric, UNITS)
    left, right = ({s.key: s for s in side.series} for side in (base, new))
    first = {_with_place(key): key for key in right}
    found = {key: key if key in right else first.get(_with_place(key)) for key in left}
    common = [(left[key], right[other]) for key, other in found.items() if other]
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
    beside = [BESIDE] if any(change.moved for change in changes) else []
    beside += _room(common, paired) if metric == "time" else []
    return RunComparison(
        base=base.name,
        new=new.name,
        metric=metric,
        changes=changes,
        only_base=tuple(s.name for key, s in left.items() if not found[key]),
        only_new=tuple(s.name for key, s in right.items() if key not in found.values()),
        networks=() if paired else tuple(_networks(common)),
        differences=() if paired else tuple(_environments(base, new)),
        notes=tuple(dict.fromkeys((*_notes(base), *_notes(new), *beside))),
        series=new.series,
    )


def _room(common: Sequence[tuple[Series, Series]], paired: bool) -> list[str]:
    """That intervals are wider than usual, because of what was measured where the runs were."""
    name: Literal["drift", "layout"] = "layout" if paired else "drift"
    known = [(one.result, other.result) for one, other in common if one.result and other.result]
    most = max((result.allowance(name, *pair) for pair in known), default=0.0)
    if most <= (usual := result.USUAL_ALLOWANCES[name]):
        return []
    return [
        f"intervals have room for {100 * most:.1f} % ({name}), as `doctor --calibrate` measured "
        f"there, in place of the usual {100 * usual:.1f} %"
    ]


def _with_place(key: str) -> str:
    """The key of a case in which gpu alone, as in old stored runs, is called the first of them."""
    return re.sub(r"(?<= )gpu(?= |$)", "gpu:0", key)


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
