"""HISTORY: how the time or the memory of each case went over many runs, and where it changed.

The time of a case counts by how many times as long as the references beside it a call took. Runs on
unlike machines are never one series. Where the runs of a series have no reference in common, or
other versions, their times are taken, which say less. Memory is the measured rise of the peak. A
file of pytest-benchmark is a run, whose times are taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import stdev
from typing import Any

from cnnbench import stats
from cnnbench.errors import unknown
from cnnbench.records import Record, one_line
from cnnbench.runs import recording, seen
from cnnbench.runs.seen import HistoryRun, Measured
from cnnbench.stats import Estimate, RatioVerdict

FEWEST = 4
"""So many runs of a case can show a change: two before and two after."""

PACE = "times the reference"
SECONDS = "seconds"
BYTES = "bytes"
METRICS = ("time", "memory")


@dataclass(frozen=True, slots=True, repr=False)
class HistoryPoint(Record):
    """A case in one run: its value, and the mean of all values on the same level."""

    run: HistoryRun
    value: Estimate
    level: float

    def __repr__(self) -> str:
        return one_line(self, self.run.label, f"{self.value.value:.3g}", f"level {self.level:.3g}")


@dataclass(frozen=True, slots=True, repr=False)
class LevelChange(Record):
    """A case became slower or faster, from one run to another.

    Args:
        before: the last run on the old level.
        after: the first run on the new level.
        earliest: with the interval of the place: the change is not before this run,
        latest: and not after this one.
        ratio: the new level over the old one, with the interval for this place of the change.
        metric: of what, time or memory.
    """

    before: HistoryRun
    after: HistoryRun
    earliest: HistoryRun
    latest: HistoryRun
    ratio: Estimate
    metric: str = "time"

    def __repr__(self) -> str:
        times = f"{self.ratio.value:.3g} times as {'long' if self.metric == 'time' else 'much'}"
        return one_line(self, f"{self.before.label} to {self.after.label}", times, self.word)

    @property
    def verdict(self) -> RatioVerdict:
        """Slower or faster, which is more or less memory."""
        return RatioVerdict.SLOWER if self.ratio.value > 1 else RatioVerdict.FASTER

    @property
    def word(self) -> str:
        """The verdict in a word for the metric: slower, or more."""
        return recording.word(self.verdict, self.metric)


@dataclass(frozen=True, slots=True, repr=False)
class CaseHistory(Record):
    """One case on one kind of machine.

    Args:
        key: what identifies the case in any run.
        name: what people call it.
        machine: processor, cores and threads.
        unit: of the values, PACE, SECONDS or BYTES.
        points: one for each run that has the case, in the order of time.
        changes: where the level changed, in that order.
    """

    key: str
    name: str
    machine: str
    unit: str
    points: tuple[HistoryPoint, ...]
    changes: tuple[LevelChange, ...]

    def __repr__(self) -> str:
        words = [f"{c.word} from {c.after.label} on" for c in self.changes[-1:]]
        runs = f"{len(self.points)} runs"
        return one_line(self, self.name, runs, f"{len(self.changes)} changes", *words)

    @property
    def judged(self) -> bool:
        """Whether there are runs enough to show a change."""
        return len(self.points) >= FEWEST

    @property
    def ratio(self) -> float:
        """The last level over the first one."""
        return self.points[-1].level / self.points[0].level


@dataclass(frozen=True, slots=True, repr=False)
class History(Record):
    """Runs in the order of time, every case over them, and what to know of it."""

    runs: tuple[HistoryRun, ...]
    cases: tuple[CaseHistory, ...]
    notes: tuple[str, ...] = ()
    metric: str = "time"

    def __repr__(self) -> str:
        facts = f"{len(self.cases)} cases", f"{len(self.changed)} changed"
        worse = f"{len(self.slower)} {recording.word(RatioVerdict.SLOWER, self.metric)}"
        return one_line(self, f"{self.metric} over {len(self.runs)} runs", *facts, worse)

    @property
    def changed(self) -> tuple[CaseHistory, ...]:
        """The cases whose level changed."""
        return tuple(case for case in self.cases if case.changes)

    @property
    def slower(self) -> tuple[CaseHistory, ...]:
        """The cases that became slower somewhere, or took more, also if that was undone later."""
        slower = RatioVerdict.SLOWER
        return tuple(c for c in self.cases if any(x.verdict == slower for x in c.changes))

    @property
    def judged(self) -> tuple[CaseHistory, ...]:
        """The cases with runs enough to show a change."""
        return tuple(case for case in self.cases if case.judged)

    def records(self) -> list[dict[str, Any]]:
        """One flat row for each case and run, as `pandas.DataFrame` takes them."""
        return [row for case in self.cases for row in _rows(case)]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "metric": self.metric,
            "runs": [run.to_json() for run in self.runs],
            "cases": [
                {
                    "key": case.key,
                    "name": case.name,
                    "machine": case.machine,
                    "unit": case.unit,
                    "judged": case.judged,
                    "points": [_point(point) for point in case.points],
                    "changes": [change.to_json() for change in case.changes],
                }
                for case in self.cases
            ],
            "notes": list(self.notes),
        }


def _point(point: HistoryPoint) -> dict[str, Any]:
    value = point.value
    run = {"run": point.run.name, "date": point.run.date, "commit": point.run.commit}
    return run | {"value": value.value, "low": value.low, "high": value.high, "level": point.level}


def _rows(case: CaseHistory) -> Iterator[dict[str, Any]]:
    changes = {change.after.name: change for change in case.changes}
    for point in case.points:
        change = changes.get(point.run.name)
        ratio = change.ratio if change else None
        yield {
            "case": case.name,
            "key": case.key,
            "machine": case.machine,
            **_point(point),
            "unit": case.unit,
            "change": change.word if change else "",
            "ratio": ratio.value if ratio else None,
            "ratio_low": ratio.low if ratio else None,
            "ratio_high": ratio.high if ratio else None,
        }


def history(
    names: Sequence[str] = (),
    since: str = "",
    now: datetime | None = None,
    metric: str = "time",
) -> History:
    """Every case over the runs of some names, in the order of time.

    Args:
        names: folders of runs, runs, baselines or files of pytest-benchmark; all baselines if
            there are none.
        since: a date, so many days as 30d, or the first commit that counts; all runs if empty.
        now: from when days are counted back.
        metric: time or memory.

    Raises:
        CnnbenchError: there is no run of a name, or none since then; or no such metric.
    """
    if metric not in METRICS:
        raise unknown("metric of a history", metric, METRICS)
    made, notes = seen.every(names, metric)
    if since:
        made = seen.since(since.strip(), made, now or datetime.now(UTC))
    series: dict[tuple[str, str], list[tuple[HistoryRun, Measured]]] = {}
    for one in made:
        notes += one.notes
        for measured in one.cases:
            series.setdefault((measured.key, measured.machine), []).append((one.run, measured))
    cases = []
    for found in series.values():
        case, said = _case(found, metric)
        cases.append(case)
        notes += said
    runs = tuple(one.run for one in made)
    return History(runs, tuple(cases), tuple(dict.fromkeys(notes)), metric)


def _case(
    found: Sequence[tuple[HistoryRun, Measured]], metric: str
) -> tuple[CaseHistory, list[str]]:
    """One series, and what to know of it."""
    said = []
    name = found[-1][1].name
    differ = _differences([one.facts for _, one in found])
    paced = not differ and all(one.paces for _, one in found)
    if not paced and any(one.paces for _, one in found):
        why = f"the runs differ in {', '.join(differ)}" if differ else "not all have a reference"
        said.append(f"{name}: times alone, because {why}; with --since it begins later")
    launches = [one.paces if paced else one.values for _, one in found]
    kept = [(run, values) for (run, _), values in zip(found, launches, strict=True) if values]
    runs = [run for run, _ in kept]
    values = [estimate for _, some in kept if (estimate := stats.geometric(some))]
    centres = [estimate.value for estimate in values]
    shifts = stats.shifts(
        centres,
        [_error(some) for _, some in kept if len(some) > 1],
        max(one.drift for _, one in found),
        max(one.layout for _, one in found),
    )
    levels = stats.levels(centres, shifts)
    points = tuple(map(HistoryPoint, runs, values, levels))
    changes = tuple(
        LevelChange(
            runs[s.at - 1], runs[s.at], runs[s.earliest - 1], runs[s.latest], s.ratio, metric
        )
        for s in shifts
    )
    for (_, before), (run, after) in pairwise(found):
        if before.digest and after.digest and before.digest != after.digest:
            said.append(f"{name}: the network itself is another one from {run.name} on")
    _, last = found[-1]
    unit = PACE if paced else SECONDS if metric == "time" else BYTES
    return CaseHistory(last.key, last.name, last.machine, unit, points, changes), said


def _differences(facts: Sequence[Mapping[str, str]]) -> list[str]:
    """In what runs differ: tensorflow (2.20, 2.21)."""
    found = []
    for key in dict.fromkeys(key for known in facts for key in known):
        values = dict.fromkeys(str(known.get(key) or "none") for known in facts)
        if len(values) > 1:
            found.append(f"{key} ({', '.join(values)})")
    return found


def _error(values: Sequence[float]) -> float:
    """The standard error of the logarithm of their geometric mean."""
    return stdev(map(math.log, values)) / math.sqrt(len(values))
