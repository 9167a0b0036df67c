"""GATE: limits that a run must keep, and the cases that do not.

Noise alone does not fail: a measured case is above a limit if its whole interval is. If the limit
lies inside the interval, the case is not decided, which does not fail either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from cnnbench import units
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.records import Record, finite, one_line
from cnnbench.runs.recording import Series
from cnnbench.stats import Estimate

EVERY = "*"
CHANGE = "change"
"""What is limited besides the metrics: the change from a base, as a share of it."""

Most = float | str | Mapping[str, float | str] | None
"""A limit, as a number or as text like 5% or 20ms; or several, each by the cases that it is for.

Those are shell patterns of whole names, as `resnet50 *`. Of those that match, the last counts.
"""

_KINDS: dict[str, tuple[Callable[[str], float], Callable[[float], str]]] = {
    CHANGE: (units.parse_percent, lambda share: f"{100 * share:g} %"),
    "time": (lambda text: units.parse_quantity(text, *units.TIME), units.seconds),
    "memory": (units.parse_bytes, units.binary),
    "params": (units.parse_count, lambda count: f"{units.count(count)} parameters"),
    "flops": (units.parse_count, lambda count: units.count(count, "FLOPs")),
}
"""How the limits of each kind are read and written."""


class LimitVerdict(StrEnum):
    """What a case is beside a limit."""

    WITHIN = "within"
    ABOVE = "above"
    BROKE = "broke"
    UNDECIDED = "not decided"
    UNJUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Limit(Record):
    """The most that a case may have.

    Args:
        of: what is limited: CHANGE or a metric.
        most: the share by which a case may become worse, 0.05 for 5 %; else in the metric's unit.
        pattern: the cases for which it holds, a shell pattern of their whole names.
    """

    of: str
    most: float
    pattern: str = EVERY

    def __str__(self) -> str:
        """5 %, 20.0 ms, 10 % for `resnet50 *`."""
        most = _KINDS[self.of][1](self.most)
        return most if self.pattern == EVERY else f"{most} for `{self.pattern}`"

    def is_for(self, name: str) -> bool:
        """Whether it holds for a case; a name with brackets is a pattern of itself too."""
        return name == self.pattern or fnmatchcase(name, self.pattern)


class Measured(NamedTuple):
    """A case, and what of it is limited: None, with a reason, where there is nothing."""

    key: str
    name: str
    value: Estimate | None
    reason: str
    broke: bool


@dataclass(frozen=True, slots=True, repr=False)
class LimitedCase(Record):
    """A case beside the limit that holds for it.

    Args:
        key: what identifies the case in any recording.
        name: what people call it.
        limit: the limit.
        value: the ratio new / base for a limit of a change, else the value of the metric.
        reason: why there is no value.
        broke: it should have a value.
    """

    key: str
    name: str
    limit: Limit
    value: Estimate | None
    reason: str
    broke: bool

    def __repr__(self) -> str:
        return one_line(self, self.name, f"{self.verdict} at {self.limit}")

    @property
    def verdict(self) -> LimitVerdict:
        """What it is beside the limit; without an interval it is not judged."""
        if self.broke:
            return LimitVerdict.BROKE
        if self.value is None or self.value.low is None or self.value.high is None:
            return LimitVerdict.UNJUDGED
        most = self.limit.most + (self.limit.of == CHANGE)
        if self.value.low > most:
            return LimitVerdict.ABOVE
        return LimitVerdict.WITHIN if self.value.high <= most else LimitVerdict.UNDECIDED

    def record(self) -> dict[str, Any]:
        """One flat row of plain values; an infinite one is None."""
        value = self.value
        row = {
            "key": self.key,
            "name": self.name,
            "of": self.limit.of,
            "most": self.limit.most,
            "pattern": self.limit.pattern,
            "value": value.value if value else None,
            "low": value.low if value else None,
            "high": value.high if value else None,
            "verdict": self.verdict.value,
            "reason": self.reason,
        }
        return {key: finite(part) for key, part in row.items()}


@dataclass(frozen=True, slots=True, repr=False)
class Gate(Record):
    """Limits, and every case beside the one of each kind that holds for it."""

    limits: tuple[Limit, ...]
    cases: tuple[LimitedCase, ...]

    def __repr__(self) -> str:
        failed = f"{len(self.above)} above", f"{len(self.broke)} broke"
        return one_line(self, self.at, self.word, *failed, f"{len(self.unjudged)} not judged")

    @property
    def at(self) -> str:
        """All limits in words."""
        return ", ".join(map(str, self.limits))

    def having(self, *verdicts: LimitVerdict) -> tuple[LimitedCase, ...]:
        """The cases with one of these verdicts."""
        return tuple(case for case in self.cases if case.verdict in verdicts)

    @property
    def above(self) -> tuple[LimitedCase, ...]:
        """The cases whose whole interval is above the limit."""
        return self.having(LimitVerdict.ABOVE)

    @property
    def broke(self) -> tuple[LimitedCase, ...]:
        """The cases without a value that should have one."""
        return self.having(LimitVerdict.BROKE)

    @property
    def undecided(self) -> tuple[LimitedCase, ...]:
        """The cases in whose interval the limit lies; these do not fail."""
        return self.having(LimitVerdict.UNDECIDED)

    @property
    def unjudged(self) -> tuple[LimitedCase, ...]:
        """The cases without an interval or a base value; these do not fail."""
        return self.having(LimitVerdict.UNJUDGED)

    @property
    def judged(self) -> int:
        """How many cases have an interval, or broke; a case counts for each kind of limit."""
        return len(self.cases) - len(self.unjudged)

    @property
    def failed(self) -> bool:
        """Whether a case is above its limit, or broke."""
        return bool(self.above or self.broke)

    @property
    def passed(self) -> bool:
        """Whether each kind of limit judged a case, and none failed."""
        judged = {case.limit.of for case in self.cases if case.verdict != LimitVerdict.UNJUDGED}
        return not self.failed and judged >= {limit.of for limit in self.limits}

    @property
    def word(self) -> str:
        """Passed, failed or, where a kind of limit could judge no case, nothing judged."""
        return "failed" if self.failed else "passed" if self.passed else "nothing judged"

    def records(self) -> list[dict[str, Any]]:
        """One flat row a case, as `pandas.DataFrame` takes them."""
        return [case.record() for case in self.cases]

    def to_json(self) -> dict[str, Any]:
        """Plain values; a ratio to nothing, which is infinite, is None."""
        return {"passed": self.passed, "judged": self.judged, "cases": self.records()}


def of_series(series: Sequence[Series], most: Mapping[str, Most]) -> Gate:
    """Judge one side alone; `most` has the limits by metric."""
    return judge(most, (), series)


def judge(
    most: Mapping[str, Most],
    changes: Sequence[Measured],
    series: Sequence[Series],
    others: Iterable[str] = (),
) -> Gate:
    """Hold cases against limits, by metric or CHANGE.

    Args:
        most: the limits.
        changes: the ratios of the cases that a base has too.
        series: all cases of the side that is judged.
        others: the names of what else there is, so that a pattern for it is no mistake.

    Raises:
        CnnbenchError: there is no limit, or it is none, or its pattern matches no case.
    """
    by_kind = {of: list(_limits(of, given)) for of, given in most.items() if given is not None}
    if not any(by_kind.values()):
        raise CnnbenchError("a gate needs a limit, as 5% for a change or 20ms for a time")
    names = {*(case.name for case in changes), *(one.name for one in series), *others}
    cases: list[LimitedCase] = []
    for of, limits in by_kind.items():
        for limit in limits:
            if limit.pattern != EVERY and not any(map(limit.is_for, names)):
                see = "a pattern is for whole names, as 'resnet50 *'"
                raise unknown("case", limit.pattern, names, see)
        found = changes if of == CHANGE else [_measured(one, of) for one in series]
        cases += _beside(limits, found)
    return Gate(tuple(limit for limits in by_kind.values() for limit in limits), tuple(cases))


def _measured(series: Series, metric: str) -> Measured:
    value = series.value(metric)
    reason = "" if value else series.why_missing(metric)
    return Measured(series.key, series.name, value, reason, not value and series.failed(metric))


def _beside(limits: Sequence[Limit], cases: Iterable[Measured]) -> Iterator[LimitedCase]:
    """Each case beside the last limit that is for it, if any is."""
    for case in cases:
        if matching := [limit for limit in limits if limit.is_for(case.name)]:
            found = case.value, case.reason, case.broke
            yield LimitedCase(case.key, case.name, matching[-1], *found)


def _limits(of: str, given: Most) -> Iterator[Limit]:
    by_pattern = given if isinstance(given, Mapping) else {EVERY: given}
    for pattern, most in by_pattern.items():
        limit = _KINDS[of][0](most) if isinstance(most, str) else most
        if limit is None or not limit >= 0:  # also for NaN
            example = "0.05 for 5 %" if of == CHANGE else "a number or a text with its unit"
            raise CnnbenchError(f"a gate's limit must be 0 or more, as {example}; got {most!r}")
        yield Limit(of, limit, pattern)
