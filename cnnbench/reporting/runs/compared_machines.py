"""The page of several runs side by side (`cnnbench report RUN RUN ...`): a column for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cnnbench import stats, units
from cnnbench.cost import CONVENTION
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.runs.notes import listed, notes
from cnnbench.reporting.runs.sections.compared import draw_ratios
from cnnbench.reporting.runs.sections.roofline import Point, about, points
from cnnbench.reporting.style import PLAIN
from cnnbench.reporting.tables import MISSING, csv_text, interval, number, optional
from cnnbench.runs.result import Result, allowance
from cnnbench.runs.side_by_side import Column, RankChange, Row, SideBySide
from cnnbench.stats import Estimate

MOST = 40
"""The most cases that the figure has room for."""
SAID = 12
"""The most changes of rank of which each has a line."""
NOT_HERE = "not in this run"
NOT_STORED = "the roofline of this machine is not stored"
NO_BOUNDS = "no bounds: a step of training, several clients, or layers that are not counted"
_NAMES = {"GPU": "GPU", "cpu": "CPU", "project_commit": "commit of the project"}


def write(beside: SideBySide, folder: Path, also: Sequence[str] = ()) -> Path:
    """Write the page, its figure and machines.csv into a folder; returns README.md.

    `also` are the endings of figures beside .png: .svg, .pdf.
    """
    page = document(beside)
    table = csv_text(page.rows or ())
    return formats.write(page, folder, {"machines.csv": table.encode()}, also)


def document(beside: SideBySide) -> Document:
    """The page of several runs; its `rows` have one entry for each case and run."""
    page = Document(rows=[*_records(beside)])
    first = beside.columns[0]
    page.heading(_question(beside), 1)
    page.text(" ".join(_answers(beside)))
    page.tiles(_tiles(beside))
    page.badges(_badges(beside))
    page.text(f"Ratios are to {first.name}: below 1 is faster.")
    page.section("Answer")
    page.table(_beside(beside, _time, lambda row: row.times))
    page.bullets(_doubts(beside))
    _figure(page, beside)
    page.section("Which networks change rank")
    _ranks(page, beside)
    page.section("Memory")
    _memory(page, beside)
    page.section("Machines and method")
    page.table(_machines(beside, beside.differing))
    page.bullets(f"{c.name}: {line}" for c in beside.columns for line in _roofs(c))
    page.bullets(f"Note: {note}." for note in beside.notes)
    with page.folded("How intervals are made, where the runs are, and how to make this page again"):
        page.text(
            f"Convention: {CONVENTION}. Times are per call, for the whole batch: the geometric "
            "mean over launches of the median call. Brackets and bars are 95 % intervals. Launches "
            "of two runs are never put together and nothing pairs them, so the interval of a ratio "
            f"to {first.name} is that of two means, with room for what changes in a machine "
            f"from one run to the next ({100 * _room(beside):.1f} %). Two networks change rank if "
            "the intervals of the ratio of their times, each within its own run, lie below 1 in "
            "one run and above 1 in another."
        )
        page.table(_machines(beside, beside.shared))
        folders = [str(column.run.folder) for column in beside.columns]
        page.code(f"cnnbench report {' '.join(folders)} --out FOLDER")
        page.text("[machines.csv](machines.csv) has one row for each case and run, in base units.")
    return page


def _room(beside: SideBySide) -> float:
    """The most that the interval of a ratio between runs has room for."""
    pairs = [(row.results[0], r) for row in beside.rows for r in row.results[1:]]
    known = [allowance("drift", base, r) for base, r in pairs if base and r]
    return max(known, default=stats.DRIFT)


def _compared(beside: SideBySide) -> str:
    """What the columns are."""
    words = {"machines": ("host", "cpu", "GPU", "cores"), "runtimes": ("runtime",)}
    words |= {"modes": ("mode",), "devices": ("device",), "numbers of threads": ("threads",)}
    versions = any(key.startswith("versions.") for key in beside.named_by)
    found = [word for word, keys in words.items() if {*keys} & {*beside.named_by}]
    return next(iter([*found, *(["versions"] if versions else [])]), "runs")


def _question(beside: SideBySide) -> str:
    labels = list(dict.fromkeys(r.label for row in beside.rows for r in row.results if r))
    what = labels[0] if len(labels) == 1 else f"the same {len(labels)} networks"
    verb = "is" if len(labels) == 1 else "are"
    where = f"{_on(beside)} {len(beside.columns)} {_compared(beside)}"
    return f"How fast {verb} {what} {where}?"


def _on(beside: SideBySide) -> str:
    """The preposition before a column."""
    return "in" if _compared(beside) in ("runs", "modes") else "on"


def _means(beside: SideBySide) -> list[tuple[Column, list[Estimate], Estimate | None]]:
    """Of each column but the first its ratios, and their geometric mean."""
    found = []
    for place, column in enumerate(beside.columns[1:], start=1):
        ratios = [ratio for row in beside.rows if (ratio := row.times[place])]
        mean = stats.together(ratios) or next(iter(ratios), None)
        found.append((column, ratios, mean))
    return found


def _answers(beside: SideBySide) -> Iterator[str]:
    first, on = beside.columns[0].name, _on(beside)
    for column, ratios, mean in _means(beside):
        if mean is None:
            yield f"**{column.name} has no timed case in common with {first}.**"
            continue
        faster = sum(ratio.decided and ratio.value < 1 for ratio in ratios)
        slower = sum(ratio.decided and ratio.value > 1 for ratio in ratios)
        times = f"{interval(mean, number)} times as long as {on} {first}"
        if len(ratios) == 1:
            yield f"**{on.title()} {column.name} a call takes {times}.**"
        else:
            open_ = len(ratios) - faster - slower
            yield (
                f"**{on.title()} {column.name} a call takes {times}** (geometric mean of "
                f"{len(ratios)} cases: {faster} faster, {slower} slower, {open_} not decided)."
            )
    pairs = f"of {beside.pairs} pairs of networks"
    if beside.changes:
        yield f"**{len(beside.changes)} {pairs} change rank.**"
    elif beside.pairs:
        yield f"None {pairs} changes rank by more than the intervals allow."


def _tiles(beside: SideBySide) -> list[tuple[str, str, str]]:
    first = beside.columns[0].name
    found = []
    for column, ratios, mean in _means(beside):
        if mean:
            ends = "" if mean.low is None else f"[{number(mean.low)}, {number(mean.high or 0)}]"
            of = f", mean of {len(ratios)} cases" if len(ratios) > 1 else ""
            found.append((number(mean.value), ends, f"time on {column.name} / {first}{of}"))
    return found[:4]


def _badges(beside: SideBySide) -> list[tuple[str, bool | None]]:
    partly = sum(not row.everywhere for row in beside.rows)
    failed = sum(1 for row in beside.rows for r in row.results if r and not r.time)
    return [
        (f"{len(beside.rows)} cases", None),
        (f"{partly} not in every run" if partly else "every run has every case", not partly),
        (f"{failed} without a time" if failed else "no failures", not failed),
    ]


def _named(row: Row) -> str:
    """The case, marked if some run does not have it."""
    return row.name if row.everywhere else f"{row.name} *"


def _beside(
    beside: SideBySide,
    show: Callable[[Result | None], str],
    ratios: Callable[[Row], Sequence[Estimate | None]],
) -> Table:
    """A row for each case: its value in each run, and the ratios to the first."""
    first, *others = beside.columns
    headers = ["case", *(column.name for column in beside.columns)]
    headers += [f"{column.name} / {first.name}" for column in others]
    return headers, [
        [
            _named(row),
            *(show(r) for r in row.results),
            *(interval(ratio, number) for ratio in ratios(row)[1:]),
        ]
        for row in beside.rows
    ]


def _time(r: Result | None) -> str:
    if r is None:
        return MISSING
    return interval(r.time, units.seconds) if r.time else r.outcome


def _doubts(beside: SideBySide) -> list[str]:
    columns = [c.name for c in beside.columns]
    partly = [row.name for row in beside.rows if not row.everywhere]
    marked = f"`*`: not in every run: {listed(partly, len(beside.rows))}." if partly else ""
    every = [
        (f"{row.name} on {name}", r.time if r else None)
        for row in beside.rows
        for name, r in zip(columns, row.results, strict=True)
    ]
    return [*filter(None, [marked]), *notes(every)]


def _figure(page: Document, beside: SideBySide) -> None:
    first, *others = beside.columns
    shown = [row for row in beside.rows if any(row.times)][:MOST]
    if not shown:
        return
    if len(beside.rows) > MOST:
        page.text(f"The figure has only the first {MOST} of {len(beside.rows)} cases.")
    panels = [
        (f"on {column.name}", {row.name: ratio for row in shown if (ratio := row.times[place])})
        for place, column in enumerate(others, start=1)
    ]
    x = (
        f"faster  \u2190  time of a call / that on {first.name}  \u2192  slower\n"
        "(bar: 95 % interval; hollow: it contains 1)"
    )
    looks = dict.fromkeys((row.name for row in shown), PLAIN)
    alt = f"time of each case on each of the others over that on {first.name}"
    page.picture("machines.png", alt, partial(draw_ratios, [p for p in panels if p[1]], looks, x))


def _ranks(page: Document, beside: SideBySide) -> None:
    if not beside.pairs:
        page.text(
            "No two networks with the same input, or that took turns, have intervals in two runs."
        )
        return
    if not beside.changes:
        page.text(
            f"No network does: of {beside.pairs} pairs none is in one order in one run and in "
            "the other order in another by more than the intervals allow."
        )
        return
    below = [_below_roofs(column) for column in beside.columns]
    page.text(
        "A ratio is the time of the first network over that of the second, within one run. By the "
        "roofline: the ratio of the least times, for each layer the longer of arithmetic and "
        "traffic to memory. A network is bound by what takes most of its least time."
    )
    page.bullets(_why(change, beside.columns, below) for change in beside.changes[:SAID])
    if (more := len(beside.changes) - SAID) > 0:
        page.text(f"{more} more are only in the table; these are the largest changes.")
    headers = ["networks", "on", "times as long", "by the roofline", "FLOPs per byte", "bound by"]
    with page.folded("Each change on every machine, with arithmetic intensities"):
        page.table((headers, [*_rank_rows(beside, below)]))


def _below_roofs(column: Column) -> dict[str, Point]:
    """The cases of a run below its own ceilings, by their ids."""
    ceilings = column.run.ceilings
    found = (point for ceiling in ceilings for point in points(column.results, ceiling))
    return {point.result.case.id: point for point in found}


def _points(
    change: RankChange, place: int, below: Sequence[dict[str, Point]]
) -> tuple[Point, Point] | None:
    """Both networks of a change below the roofline of a column."""
    both = [row.results[place] for row in (change.first, change.second)]
    found = [below[place].get(r.case.id) if r else None for r in both]
    one, other = found
    return (one, other) if one and other and other.least_s else None


def _limit(point: Point) -> str:
    return "memory" if point.waiting > 0.5 else "compute"


def _missing(change: RankChange, column: Column, place: int) -> str:
    """Why nothing is known of the roofline of a column."""
    one, other = (row.results[place] for row in (change.first, change.second))
    if not (one and other):
        return NOT_HERE
    known = [(ceiling.device, ceiling.dtype) for ceiling in column.run.ceilings]
    return NO_BOUNDS if (one.case.device, one.case.dtype) in known else NOT_STORED


def _rank_rows(beside: SideBySide, below: Sequence[dict[str, Point]]) -> Iterator[list[str]]:
    for change in beside.changes:
        for place, column in enumerate(beside.columns):
            known = _points(change, place, below)
            if known is None:
                said = [_missing(change, column, place), MISSING, MISSING]
            else:
                one, other = known
                said = [
                    number(one.least_s / other.least_s),
                    f"{number(one.intensity)} and {number(other.intensity)}",
                    f"{_limit(one)} and {_limit(other)}",
                ]
            pair = f"{change.first.name} / {change.second.name}"
            yield [pair, column.name, interval(change.ratios[place], number), *said]


def _why(change: RankChange, columns: Sequence[Column], below: Sequence[dict[str, Point]]) -> str:
    """A change of rank, and whether the rooflines of the machines say the same."""
    times = [interval(change.ratios[place], number) for place in change.ends]
    names = [columns[place].name for place in change.ends]
    said = (
        f"**{change.first.name}** over **{change.second.name}**: {times[0]} on {names[0]}, "
        f"{times[1]} on {names[1]}."
    )
    pairs = [_points(change, place, below) for place in change.ends]
    known = [pair for pair in pairs if pair]
    if len(known) < len(pairs):
        lacking = [
            f"{name}: {_missing(change, columns[place], place)}."
            for name, place, pair in zip(names, change.ends, pairs, strict=True)
            if not pair
        ]
        return " ".join([said, *lacking])
    least = [one.least_s / other.least_s for one, other in known]
    verdict = "say the same" if least[0] < 1 < least[1] else "do not explain it"
    bound = [
        _bound(row.results, [pair[side] for pair in known], names)
        for side, row in enumerate((change.first, change.second))
    ]
    ratios = " and ".join(map(number, least))
    return f"{said} The rooflines {verdict}: {ratios}; {', '.join(bound)}."


def _bound(results: Sequence[Result | None], at: Sequence[Point], names: Sequence[str]) -> str:
    """What a network is bound by on two machines."""
    label = next(r.label for r in results if r)
    limits = [f"{_limit(point)} bound" for point in at]
    if limits[0] == limits[1]:
        return f"{label} is {limits[0]} on both"
    return f"{label} is {limits[0]} on {names[0]} and {limits[1]} on {names[1]}"


def _memory(page: Document, beside: SideBySide) -> None:
    if not any(r and r.peaks for row in beside.rows for r in row.results):
        page.text("No run has measured peaks.")
        return
    page.text("The rise of the peak memory by the first call: the median over launches.")

    def show(r: Result | None) -> str:
        return optional(r.peak_bytes if r else None, units.binary)

    page.table(_beside(beside, show, lambda row: row.peaks))


def _machines(beside: SideBySide, keys: Sequence[str]) -> Table:
    """Some facts of every run."""
    return ["", *(column.name for column in beside.columns)], [
        [_fact(key), *(listed(c.facts.get(key, ()), 99) or MISSING for c in beside.columns)]
        for key in keys
    ]


def _fact(key: str) -> str:
    return _NAMES.get(key, key.removeprefix("versions.").replace("_", " "))


def _roofs(column: Column) -> list[str]:
    return [about(ceiling) for ceiling in column.run.ceilings] or [f"{NOT_STORED}."]


def _records(beside: SideBySide) -> Iterator[dict[str, Any]]:
    """One flat row for each case and run, in base units."""
    for row in beside.rows:
        for place, column in enumerate(beside.columns):
            r = row.results[place]
            yield {
                "case": row.name,
                "key": r.case.id if r else "",
                "run": column.name,
                "folder": str(column.run.folder),
                **_values("time_s", r.time if r else None),
                "launches": r.time.n if r and r.time else 0,
                "launches_vary_by": r.spread.between if r and r.spread else None,
                **_values("ratio_to_first", row.times[place]),
                "measured_peak_bytes": r.peak_bytes if r else None,
                **_values("peak_ratio_to_first", row.peaks[place]),
                "outcome": r.outcome if r else NOT_HERE,
            }


def _values(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    of = (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), of, strict=True))
