"""COMPARISON: two recordings, case by case: ratios with intervals, and what they say.

Cases are matched by their id, benchmarks by their full name. Nothing is dropped: cases of one
side only are listed, and a case that worked in the base but not in the new side is named.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cnnbench.errors import CnnbenchError, unknown
from cnnbench.records import Record, one_line
from cnnbench.runs.case_change import METRICS, CaseChange, case_change
from cnnbench.runs.gate import Gate, gate
from cnnbench.runs.network_change import NetworkChange, network_changes
from cnnbench.runs.recording import Recording, Series

EXPECTED = ("commit",)
"""Keys of the environment in which two runs that one compares will differ."""

ROUNDING = 0.001
"""A ratio may differ by this share from the ratio of the values beside it without a note."""

BESIDE = (
    "a ratio compares calls that took turns with each other, or with a reference beside both, so "
    "that a machine that became slower cancels; it need not be new over base"
)


@dataclass(frozen=True, slots=True)
class EnvironmentDifference:
    """Something other than the code in which the two sides differ."""

    key: str
    base: str
    new: str


@dataclass(frozen=True, slots=True, repr=False)
class RunComparison(Record):
    """Two recordings beside each other.

    Args:
        base: the name of what is compared with.
        new: the name of what is compared.
        metric: what was compared, one of METRICS.
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
        """Whether no case became worse by more than a limit, 0.05 for 5 %; see `gate.gate`."""
        return gate(self.changes, limit)

    def records(self) -> list[dict[str, Any]]:
        """One flat row a case, as `pandas.DataFrame` takes them."""
        return [change.record() for change in self.changes]

    def to_json(self) -> dict[str, Any]:
        """Plain values; a ratio to nothing, which is infinite, is None."""
        cases = [{key: _finite(value) for key, value in row.items()} for row in self.records()]
        return {
            "base": self.base,
            "new": self.new,
            "metric": self.metric,
            "cases": cases,
            "only_base": list(self.only_base),
            "only_new": list(self.only_new),
            "networks": [asdict(network) for network in self.networks],
            "differences": [asdict(difference) for difference in self.differences],
            "notes": list(self.notes),
        }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def compare(
    base: Recording, new: Recording, metric: str = "time", *, paired: bool = False
) -> RunComparison:
    """Match two recordings and compare the cases that both have.

    Args:
        base: what is compared with.
        new: what is compared.
        metric: one of METRICS.
        paired: whether launches of the same number ran in the same round, as within one run.

    Raises:
        UnknownNameError: another metric.
        CnnbenchError: the two have no case in common, or neither has the metric.
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
    changes = tuple(case_change(left[key], right[key], metric, paired, parts) for key in common)
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
        networks=() if paired else network_changes(left, right),
        differences=() if paired else tuple(_environments(base, new)),
        notes=tuple(dict.fromkeys((*_notes(base), *_notes(new), *_beside(changes)))),
    )


def _some(series: Mapping[str, Series]) -> str:
    first, *others = series.values() or [None]
    if first is None:
        return "no cases"
    return first.name + (f" and {len(others)} more" if others else "")


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
    notes = [f"{side.name}: {note}" for note in side.notes]
    for key, values in side.environment.items():
        if len(values) > 1 and key != "mode":
            notes.append(f"{side.name}: its launches differ in {key}: {', '.join(values)}")
    failed = [
        f"{s.name} ({', '.join(f'{count} {outcome}' for outcome, count in s.failures.items())})"
        for s in side.series
        if s.failures
    ]
    if failed:
        notes.append(f"{side.name}: launches without a result: {', '.join(failed)}")
    return notes
