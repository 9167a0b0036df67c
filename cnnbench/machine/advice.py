"""What would make a network faster here: changes that were tried and measured, never only advised.

Every change took turns with the network as it is, so each has a ratio with an interval, and how far
its outputs are from those before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cnnbench import stats, units
from cnnbench.cases.case import Case
from cnnbench.records import Record, one_line
from cnnbench.runs.result import Result, ratio, results
from cnnbench.runs.store import Run
from cnnbench.stats import Estimate, RatioVerdict

UNTIMED = "the network as it is was not timed beside it"


@dataclass(frozen=True, slots=True)
class Change(Record):
    """One change, and what it brought.

    Args:
        what: in words.
        result: the case with the change.
        ratio: of the time of a sample to that without the change; None where nothing was timed.
        apart: the largest difference of an output to that before, relative to the largest output;
            None where it is not known.
        problem: why it was not timed.
    """

    what: str
    result: Result | None
    ratio: Estimate | None = None
    apart: float | None = None
    problem: str = ""

    def __repr__(self) -> str:
        times = f"{self.ratio.value:.3g} times as it is" if self.ratio else self.problem
        return one_line(self, self.what, times, self.verdict.value)

    @property
    def verdict(self) -> RatioVerdict:
        """Faster, slower, the same, or unclear."""
        return stats.verdict(self.ratio) if self.ratio else RatioVerdict.UNCLEAR

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        time = self.result.time if self.result else None
        return {
            "change": self.what,
            "time_s": time.value if time else None,
            "ratio": self.ratio.value if self.ratio else None,
            "ratio_low": self.ratio.low if self.ratio else None,
            "ratio_high": self.ratio.high if self.ratio else None,
            "verdict": self.verdict.value,
            "apart": self.apart,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class Advice(Record):
    """A network as it is, and the changes that were tried, the most useful first."""

    base: Result
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    ended: str = "done"

    def __repr__(self) -> str:
        faster = sum(change.verdict is RatioVerdict.FASTER for change in self.changes)
        tried = f"{faster} of {len(self.changes)} changes are faster"
        time = self.base.time
        return one_line(self, self.base.name, units.seconds(time.value) if time else "", tried)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        time = self.base.time
        return {
            "network": self.base.name,
            "runtime": self.base.case.runtime,
            "time_s": time.value if time else None,
            "changes": [change.to_json() for change in self.changes],
            "notes": list(self.notes),
            "ended": self.ended,
        }


def of_runs(
    runs: Sequence[Run], original: Case, apart: Mapping[str, float], ended: str
) -> Advice | None:
    """What runs tell that have the network as it is and some changes each; None if nothing.

    Args:
        runs: each with the network as it is first.
        original: the case of the first.
        apart: by the label of a rewritten network how far its outputs are from those before.
        ended: why the last run ended.
    """
    changes: list[Change] = []
    base: Result | None = None
    notes: list[str] = []
    for run in runs:
        found, problems = results(run)
        notes += problems
        mine, others = _apart_from(found, original)
        base = base or mine
        changes += [_change(mine, other, apart) for other in others]
    if base is None:
        return None
    first = replace(base, case=replace(base.case, label=original.name))
    best = sorted(changes, key=lambda change: change.ratio.value if change.ratio else float("inf"))
    return Advice(first, tuple(best), tuple(dict.fromkeys(notes)), ended)


def _apart_from(found: Iterable[Result], original: Case) -> tuple[Result | None, list[Result]]:
    """The network as it is, and the others: of the same runtime, type, batch and threads."""
    mine, others = None, []
    for r in found:
        same = ("runtime", "mode", "dtype", "batch_size", "clients")
        alike = all(getattr(r.case, name) == getattr(original, name) for name in same)
        if mine is None and alike:
            mine = r
        else:
            others.append(r)
    return mine, others


def _change(base: Result | None, other: Result, apart: Mapping[str, float]) -> Change:
    case = other.case
    if not other.time:
        problem = next((m.detail for m in other.launches if m.detail), other.outcome)
        return Change(_words(base, case), other, problem=problem)
    if base is None or not base.time:
        return Change(_words(base, case), other, problem=UNTIMED)
    times = ratio(base, other)
    if times and case.batch_size != base.case.batch_size:
        scale = base.case.batch_size / case.batch_size  # from a call to a sample
        low, high = (end and end * scale for end in (times.low, times.high))
        times = Estimate(times.value * scale, low, high, times.n, times.doubts)
    return Change(_words(base, case), other, times, apart.get(case.label, _own_apart(base, other)))


def _own_apart(base: Result, other: Result) -> float | None:
    """How far outputs are from TensorFlow's in float32; nothing where they must be equal."""
    case = other.case
    if (case.runtime, case.dtype) == (base.case.runtime, base.case.dtype):
        return 0.0
    return other.difference


def _words(base: Result | None, case: Case) -> str:
    """What is different in a case."""
    if base is None:
        return case.name
    before = base.case
    if case.label != before.label:
        return case.label
    said = []
    if (case.runtime, case.mode) != (before.runtime, before.mode):
        said.append(case.runtime)
    if case.dtype != before.dtype:
        said.append(case.dtype)
    if case.threads != before.threads and case.threads:
        said.append(f"{case.threads} thread{'s' * (case.threads > 1)}")
    if case.batch_size != before.batch_size:
        said.append(f"batch {case.batch_size}")
    return ", ".join(said) or case.name
