"""SIDE BY SIDE: the same cases in several runs, of which each is a column.

Launches of two runs are never put together, and nothing pairs them. Cases are the same where they
agree in all but what tells the runs apart: if one run is on one runtime and another on another, the
runtime belongs to the column and not to the case. So for the device, the mode and the threads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

from cnnbench import stats
from cnnbench.cases.case import Case, sizes
from cnnbench.errors import CnnbenchError, StoreError
from cnnbench.runs import recording, store
from cnnbench.runs.recording import Environment
from cnnbench.runs.result import Result, allowance, ratio, results
from cnnbench.runs.store import Run
from cnnbench.stats import Estimate

Key = tuple[str, ...]

_OF_A_RUN = ("device", "runtime", "mode", "threads")
"""What belongs to the column where each run has one, and they differ; else it tells cases apart."""

_ALWAYS = ("host", *_OF_A_RUN)
_IF_NEEDED = ("cpu", "GPU", "cores")
"""What columns are named by: the former where it differs, of the latter what is needed to tell one
from another; after these the versions."""

_UNNAMED = ("memory", "platform", "pinned", "commit", "project_commit")
"""What may differ without being worth a place in a name."""


@dataclass(frozen=True)
class Column:
    """A run: its name, every value that is known of its machine and method, and its cases.

    `problems` says what is left out of it, and why.
    """

    name: str
    run: Run
    facts: Environment
    results: tuple[Result, ...]
    problems: tuple[str, ...]

    @cached_property
    def turns(self) -> dict[str, set[int]]:
        """The groups of cases that took turns, by the id of a case."""
        found: dict[str, set[int]] = {}
        for number, group in enumerate(self.run.plan.together):
            for key in group:
                found.setdefault(key, set()).add(number)
        return found


@dataclass(frozen=True, slots=True)
class Row:
    """A case in every column; None where a run does not have it.

    `times` and `peaks` are the ratios to the first column, of the time of a call and of the rise of
    the peak memory; None for that column, and where one of the two was not measured.
    """

    name: str
    setting: Key
    results: tuple[Result | None, ...]
    times: tuple[Estimate | None, ...]
    peaks: tuple[Estimate | None, ...]

    @property
    def everywhere(self) -> bool:
        """Whether all runs have it."""
        return None not in self.results


@dataclass(frozen=True, slots=True)
class RankChange:
    """Two networks of which one is faster in a run and the other in another, by the intervals.

    `ratios` has the time of the first over that of the second in every column.
    """

    first: Row
    second: Row
    ratios: tuple[Estimate | None, ...]

    @property
    def ends(self) -> tuple[int, int]:
        """The columns of the least and of the largest ratio whose interval excludes 1."""
        sure = {n: found.value for n, found in enumerate(self.ratios) if found and found.decided}
        return min(sure, key=lambda n: sure[n]), max(sure, key=lambda n: sure[n])

    @property
    def reach(self) -> float:
        """The largest of these ratios over the least."""
        low, high = (found.value for n in self.ends if (found := self.ratios[n]))
        return high / low


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Several runs beside each other.

    Args:
        columns: the runs.
        differing: the facts in which they differ.
        named_by: those of them that names have.
        rows: the cases that two runs or more have.
        pairs: how many pairs of networks have a ratio with an interval in two columns or more.
        changes: those of them that change rank, the largest changes first.
        notes: what a reader has to know.
    """

    columns: tuple[Column, ...]
    differing: tuple[str, ...]
    named_by: tuple[str, ...]
    rows: tuple[Row, ...]
    pairs: int
    changes: tuple[RankChange, ...]
    notes: tuple[str, ...]

    @property
    def shared(self) -> list[str]:
        """The facts that are equal in all runs."""
        known = dict.fromkeys(key for column in self.columns for key in column.facts)
        return [key for key in known if key not in self.differing]


def side_by_side(names: Sequence[str]) -> SideBySide:
    """The runs of some names: folders of runs, runs or baselines; each run is a column.

    Raises:
        StoreError: there is no run of a name, or it cannot be read.
        CnnbenchError: there are fewer than two runs, or no case is in two of them.
    """
    found = [folder for name in names for folder in recording.folders(name)]
    folders = [*{folder.resolve(): folder for folder in found}.values()]
    if len(folders) < 2:
        raise CnnbenchError(
            f"expected two runs or more to put side by side; got {len(folders)}: {folders[0]}"
        )
    columns, differing, named_by = _columns([store.read(folder) for folder in folders])
    rows, notes = _rows(columns)
    if not any(r and r.time for row in rows for r in row.results):
        raise CnnbenchError(
            f"{' and '.join(map(str, folders))} have no timed case in common; measure the same "
            "networks at the same sizes"
        )
    pairs, changes = _changes(columns, rows)
    return SideBySide(columns, differing, named_by, rows, pairs, changes, notes)


def check_apart(out: Path, names: Iterable[str]) -> None:
    """Refuse a folder for the page that holds a run, whose own page it would replace."""
    runs = {folder.resolve() for name in names for folder in recording.folders(name)}
    if out.resolve() in runs or (out / store.FILE).exists():
        raise StoreError(
            f"{out} holds a run, whose page would be lost; choose another folder with --out"
        )


def _columns(
    runs: Sequence[Run],
) -> tuple[tuple[Column, ...], tuple[str, ...], tuple[str, ...]]:
    """The runs with names that tell them apart, the facts that differ, and those in the names."""
    facts = [_facts(run) for run in runs]
    versions = dict.fromkeys(key for known in facts for key in known if key.startswith("versions."))
    differing = [
        key
        for key in (*_ALWAYS, *_IF_NEEDED, *versions, *_UNNAMED)
        if len({known.get(key, ()) for known in facts}) > 1
    ]
    all_cores = all(known.get("threads") == known.get("cores") for known in facts)
    usual = {"threads"} if all_cores else set()
    # What a run has in several ways tells its cases apart, not the runs.
    single = (*_OF_A_RUN, *versions)
    usual |= {key for key in single if any(len(known.get(key, ())) != 1 for known in facts)}
    named = [""] * len(runs)
    named_by: list[str] = []
    for key in differing:
        longer = [_joined(name, key, of) for name, of in zip(named, facts, strict=True)]
        more = len(set(longer)) > len(set(named))
        if key not in (*usual, *_UNNAMED) and (key in _ALWAYS or more):
            named, named_by = longer, [*named_by, key]
    folders = [run.folder.resolve() for run in runs]
    count = next((n for n in range(1, 99) if len({f.parts[-n:] for f in folders}) == len(runs)), 99)
    if len(set(named)) < len(runs):
        named = [
            ", ".join(filter(None, (name, "/".join(folder.parts[-count:]))))
            for name, folder in zip(named, folders, strict=True)
        ]
    columns = []
    for name, run, known in zip(named, runs, facts, strict=True):
        cases, problems = results(run)
        several = [r for r in cases if len(r.machines) > 1]
        problems += [f"{r.name}: measured on several machines" for r in several]
        kept = tuple(r for r in cases if r not in several)
        columns.append(Column(name, run, known, kept, (*problems, *run.bad_lines)))
    return tuple(columns), tuple(differing), tuple(named_by)


def _facts(run: Run) -> Environment:
    """Every value that is known of the machine and the method, by its key."""
    known = recording.environment(run)
    gpus = [("GPU", name) for m in run.measurements for name in m.gpu_names]
    devices = [("device", _device(case)) for case in run.plan.cases]
    return known | recording.distinct_values([*gpus, *devices])


def _device(case: Case) -> str:
    """The device of a case; gpu alone, as in old stored runs, is the first."""
    return case.device if case.kind == "cpu" else f"gpu:{case.index}"


def _joined(name: str, key: str, known: Environment) -> str:
    """A name with one fact more."""
    values = list(known.get(key, ()))
    if len(values) > 2:
        values = [values[0], f"{len(values) - 1} more"]
    said = " and ".join(values)
    if key.startswith("versions."):
        said = f"{key.removeprefix('versions.')} {said}"
    elif key in ("cores", "threads") and said:
        said = f"{said} {key if said != '1' else key.removesuffix('s')}"
    return ", ".join(filter(None, (name, said)))


def _rows(columns: Sequence[Column]) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The cases that two columns or more have, and what to know of them."""
    own = _own(columns)
    cells: dict[Key, list[Result | None]] = {}
    for place, column in enumerate(columns):
        for r in column.results:
            cells.setdefault(_key(r.case, own), [None] * len(columns))[place] = r
    notes = [f"{c.name}: left out: {problem}" for c in columns for problem in c.problems]
    for place, column in enumerate(columns):
        lonely = [row[place] for row in cells.values() if row.count(None) == len(row) - 1]
        alone = [_name(one, own) for one in lonely if one]
        if alone:
            more = [f"and {len(alone) - 6} more"] if len(alone) > 6 else []
            notes.append(f"only {column.name} has {' '.join([', '.join(alone[:6]), *more])}")
    rows, names = [], Counter(_name(next(filter(None, row)), own) for row in cells.values())
    for key, row in cells.items():
        first = next(filter(None, row))
        name = _name(first, own)
        for place, cell in enumerate(row):
            if cell and _other_network(first, cell):
                notes.append(f"{name}: the network itself is another one in {columns[place].name}")
                row[place] = None
        if sum(r is not None for r in row) < 2:
            continue
        name = name if names[name] == 1 else " ".join(key)
        rows.append(
            Row(
                name,
                _setting(first.case, own),
                tuple(row),
                tuple(_of_times(row[0], r) for r in row),
                tuple(_of_peaks(row[0], r) for r in row),
            )
        )
    return tuple(rows), tuple(notes)


def _own(columns: Sequence[Column]) -> set[str]:
    """What belongs to the columns, not to the cases."""
    found = set()
    for name in _OF_A_RUN:
        values = [{_ways(r.case)[name] for r in column.results} for column in columns]
        if all(len(of) == 1 for of in values) and len(set().union(*values)) > 1:
            found.add(name)
    return found


def _ways(case: Case) -> dict[str, str]:
    """How a case is measured, by the names of facts; what need not be said is empty."""
    threads = f"{case.threads} threads" if case.threads else ""
    values = (_device(case), case.runtime, case.mode, threads)
    return dict(zip(_OF_A_RUN, values, strict=True))


def _key(case: Case, own: set[str]) -> Key:
    """What makes two cases the same in all columns."""
    return (case.values_key, *_setting(case, own))


def _setting(case: Case, own: set[str]) -> Key:
    """What is equal for networks that are compared, besides their input."""
    ways = [value for name, value in _ways(case).items() if name not in own]
    clients = f"{case.clients} clients" if case.clients > 1 else ""
    return (f"batch {case.batch_size}", case.dtype, *ways, clients)


_USUAL = ("", "batch 1", "float32", "cpu", "tensorflow", "graph", "infer")


def _name(r: Result, own: set[str]) -> str:
    told = [word for word in _setting(r.case, own) if word not in _USUAL]
    return " ".join([r.label, sizes(r.case.inputs), *told])


def _other_network(one: Result, other: Result) -> bool:
    digests = {one.paper.digest, other.paper.digest} - {""}
    return len(digests) > 1 or one.cost.params != other.cost.params


def _of_times(base: Result | None, new: Result | None) -> Estimate | None:
    """The ratio of times to the first column."""
    return None if base is None or new is base or new is None else _apart(base, new)


def _of_peaks(base: Result | None, new: Result | None) -> Estimate | None:
    """The same of the measured peaks; none where a peak did not rise, as 0 bytes have no ratio."""
    if base is None or new is base or new is None or not all((*base.peaks, *new.peaks)):
        return None
    return stats.separate(base.peaks, new.peaks)


def _apart(base: Result, new: Result) -> Estimate | None:
    """How many times as long the launches of one run take as those of another.

    Nothing pairs them, and a machine is not the same from one run to the next, so there is room for
    that in the interval.
    """
    before, after = (stats.medians(side.samples.values()) for side in (base, new))
    return stats.separate(before, after, allowance("drift", base, new))


def _changes(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[int, tuple[RankChange, ...]]:
    """How many pairs of networks can be compared in two columns, and those that change rank."""
    pairs, changes = 0, []
    for first, second in combinations(rows, 2):
        if first.setting != second.setting:
            continue
        ratios = [
            _within(column, one, other) if one and other else None
            for column, one, other in zip(columns, first.results, second.results, strict=True)
        ]
        known = [found for found in ratios if found and found.low is not None]
        pairs += len(known) > 1
        sure = [found for found in known if found.decided]
        if {found.value > 1 for found in sure} == {True, False}:
            changes.append(RankChange(first, second, tuple(ratios)))
    return pairs, tuple(sorted(changes, key=lambda change: change.reach, reverse=True))


def _within(column: Column, first: Result, second: Result) -> Estimate | None:
    """The time of one network over that of another in one run; None if they are not to compare.

    Those are compared that have the same input, or that took turns.
    """
    turns = column.turns.get(first.case.id, set()) & column.turns.get(second.case.id, set())
    if first.case.network == second.case.network or not (
        turns or first.case.inputs == second.case.inputs
    ):
        return None
    return ratio(second, first)
