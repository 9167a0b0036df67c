"""SEEN: what a history keeps of each run: numbers, not launches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cnnbench import stats
from cnnbench.errors import CnnbenchError, StoreError, unknown
from cnnbench.records import Record
from cnnbench.runs import baselines, pytest_benchmark, recording, store
from cnnbench.runs.result import Result, allowance, results


@dataclass(frozen=True, slots=True)
class HistoryRun(Record):
    """One run of a history.

    Args:
        name: of its folder, or of the baseline.
        started: when its first launch began, seconds since the epoch; None if that is not known.
        commit: of the project in whose folder it was made, with "+" if files differed; empty
            outside of git, and in runs that did not record it.
    """

    name: str
    started: float | None
    commit: str = ""

    @property
    def date(self) -> str:
        """2026-11-30 14:05 in UTC; empty if it is not known."""
        if self.started is None:
            return ""
        return f"{datetime.fromtimestamp(self.started, UTC):%Y-%m-%d %H:%M}"

    @property
    def label(self) -> str:
        """The commit, or else the name."""
        return self.commit or self.name


@dataclass(frozen=True, slots=True)
class Measured:
    """What remains of a case when its run has been read: numbers, not launches.

    `paces` are times by that of the references; `values` are times, or peaks. `drift` and `layout`
    are what the machine's runs differ by beyond their launches.
    """

    key: str
    name: str
    machine: str
    facts: Mapping[str, str]
    digest: str
    paces: tuple[float, ...]
    values: tuple[float, ...]
    drift: float = stats.DRIFT
    layout: float = stats.LAYOUT


@dataclass(frozen=True, slots=True)
class Seen:
    """A run, what remains of its cases, and what to know of it."""

    run: HistoryRun
    cases: tuple[Measured, ...]
    notes: tuple[str, ...]


def every(names: Sequence[str], metric: str) -> tuple[list[Seen], list[str]]:
    """All runs of some names in the order of time, and why some are left out.

    Raises:
        CnnbenchError: there is no run of a name, or none that can be read.
    """
    found: list[Seen] = []
    notes: list[str] = []
    for name, place in _named(_places(names)):
        try:
            found.append(_read(name, place, metric))
        except StoreError as error:
            notes.append(f"left out: {error}")
    if not found:
        raise StoreError(notes[0] if notes else "there are no runs")
    return sorted(found, key=lambda one: (one.run.started or 0, one.run.name)), notes


def since(text: str, runs: Sequence[Seen], now: datetime) -> list[Seen]:
    """The runs since a date, a number of days or a commit."""
    if first := _date(text, now):
        kept = [one for one in runs if (one.run.started or 0) >= first.timestamp()]
        if not kept:
            newest = runs[-1].run
            raise CnnbenchError(
                f"no run since {text}; the newest, {newest.name}, is from "
                f"{newest.date or 'an unknown date'}"
            )
        return kept
    if not re.fullmatch(r"[0-9a-f]{4,40}", text):
        raise CnnbenchError(
            "--since must be a date as 2026-11-30, so many days as 30d, or a commit of at least 4 "
            f"letters; got {text!r}"
        )
    commits = [one.run.commit.rstrip("+") for one in runs]
    for place, commit in enumerate(commits):
        if commit and (commit.startswith(text) or text.startswith(commit)):
            return [*runs[place:]]
    raise unknown("commit", text, {*commits} - {""}, "those of the runs")


def _date(text: str, now: datetime) -> datetime | None:
    if days := re.fullmatch(r"(\d{1,5}) ?d", text):
        return now - timedelta(days=int(days[1]))
    if not re.match(r"\d{4}-", text):
        return None
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _places(names: Sequence[str]) -> list[Path]:
    """The folders of all runs, and the files of pytest-benchmark, each once."""
    if not names:
        names = baselines.names()
        if not names:
            raise CnnbenchError(
                "there is no baseline; name a folder of runs, or keep some with "
                "cnnbench baseline save NAME RUN"
            )
    found: list[Path] = []
    for name in names:
        if recording.benchmarks(name):
            found += sorted(Path(name).glob("*.json")) if Path(name).is_dir() else [Path(name)]
        else:
            found += recording.folders(name)
    return list({place.resolve(): place for place in found}.values())


def _named(places: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """A name for each place: its last part, or all of it where that is not the only one."""
    last = [place.resolve().name.removesuffix(".json") for place in places]
    for name, place in zip(last, places, strict=True):
        yield (name if last.count(name) == 1 else str(place)), place


def _read(name: str, place: Path, metric: str) -> Seen:
    if place.suffix == ".json" and place.is_file():
        return _benchmarks(name, place, metric)
    run = store.read(place)
    joined, problems = results(run)
    launches = [m for m in run.measurements if m.ok]
    commits = dict.fromkeys(str(m.environment.get("project_commit") or "") for m in launches)
    said = [f"{name}: left out: {line}" for line in (*problems, *run.bad_lines)]
    if len(commits) > 1:
        said.append(f"{name}: its launches are of several commits, {', '.join(commits)}")
    started = min((m.started for m in launches if m.started), default=None)
    cases = []
    for r in joined:
        if len(r.machines) > 1:
            said.append(f"{name}: left out: {r.name}: measured on several machines")
        elif r.samples if metric == "time" else all(r.peaks) and r.peaks:
            cases.append(_measured(r, metric))
        else:
            why = "no peak that rose" if metric == "memory" and r.samples else r.outcome
            said.append(f"{name}: no {metric} of {r.name}: {why}")
    return Seen(HistoryRun(name, started, next(iter(commits), "")), tuple(cases), tuple(said))


def _measured(r: Result, metric: str) -> Measured:
    first = next(m for m in r.launches if m.ok)
    versions = first.environment.get("versions")
    facts = {"reference": ", ".join(r.references)}
    facts |= versions if isinstance(versions, dict) else {}
    paces: tuple[float, ...] = ()
    values = tuple(map(float, r.peaks))
    if metric == "time":
        # With every launch beside the references, or with none.
        found = r.paces(r.references)
        paces = tuple(p.value for p in found.values()) if r.samples.keys() <= found.keys() else ()
        values = tuple(stats.medians(r.samples.values()))
    return Measured(
        r.case.id,
        r.name,
        r.machines[0],
        facts,
        r.paper.digest,
        paces,
        values,
        allowance("drift", r),
        allowance("layout", r),
    )


def _benchmarks(name: str, file: Path, metric: str) -> Seen:
    """The benchmarks of a file of pytest-benchmark, of which each is a case."""
    found = pytest_benchmark.read(file)
    known = found.environment
    said = []
    several = [key for key in ("cpu", "cores", "threads") if len(known.get(key, ())) > 1]
    if several:
        raise StoreError(f"{file} was measured on several machines: they differ in {several[0]}")
    counts = [f"{known[key][0]} {key}" for key in ("cores", "threads") if key in known]
    machine = ", ".join([*known.get("cpu", ("unknown processor",)), *counts])
    facts = {
        key.removeprefix("versions."): ", ".join(values)
        for key, values in known.items()
        if key.startswith("versions.")
    }
    cases = []
    for one in found.series:
        values = stats.medians(list(one.launches(metric).values()))
        if values:
            cases.append(Measured(one.key, one.name, machine, facts, "", (), tuple(values)))
        else:
            said.append(f"{name}: no {metric} of {one.name}: {one.why_missing(metric)}")
    commit = next(iter(known.get("project_commit", ())), "")
    return Seen(HistoryRun(name, found.started, commit), tuple(cases), tuple(said))
