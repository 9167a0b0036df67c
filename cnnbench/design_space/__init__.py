"""DESIGN SPACE: the cost of every configuration of a block, and which ones are worth a look.

The rules for the cost of one configuration are applied to many at once, on columns of numbers.
Where a block or a rule compares two numbers, a column is split by the answer (`column`), so that
every configuration costs exactly what it costs by itself. `grid` numbers the configurations,
`front` keeps the best ones, and `rows` has them with their costs and, if asked for, their times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from cnnbench.design_space.column import Ints, array
from cnnbench.design_space.front import Best, Front
from cnnbench.design_space.grid import METRICS, Grid
from cnnbench.design_space.rows import Limit, Objective, Sweep, evenly
from cnnbench.errors import CnnbenchError, ShapeError, unknown

MOST = 10**9
"""The most configurations that are tried without a sample, which takes some minutes."""
MOST_ROWS = 10**6
CLOUD = 20_000
"""Configurations in the sample that a figure shows."""
CHUNK = 50_000  # its columns stay in the processor's cache

Watch = Callable[[int, int], None]
"""Called with the number of configurations that are done, and of all."""


def sweep(
    grid: Grid,
    *,
    at_most: Mapping[str, int],
    at_least: Mapping[str, int],
    minimize: Sequence[str] | None,
    maximize: Sequence[str] | None,
    pareto: bool,
    top: int,
    sample: int | None,
    seed: int,
    watch: Watch | None = None,
) -> Sweep:
    """Cost a grid and keep the best; see `cnnbench.sweep`."""
    objectives = _objectives(minimize, maximize, pareto)
    limits = [Limit(name, value) for name, value in at_most.items()]
    limits += [Limit(name, value, least=True) for name, value in at_least.items()]
    for name in [o.metric for o in objectives] + [limit.metric for limit in limits]:
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
    if top < 0:
        raise CnnbenchError(f"top must be at least 1, or 0 for all; got {top}")
    tried, random = _tried(grid, sample), np.random.default_rng(seed)
    columns = len(objectives) + 1  # the last one is the number of the configuration
    best = Front(columns) if pareto else Best(columns, top or MOST_ROWS + 1)
    cloud = Best(columns, CLOUD, keys=1)  # by a random first column, which makes a uniform sample
    within, refused, refusal = 0, 0, grid.size
    for done, numbers in _chunks(grid.size, tried, random):
        rows, bad = _judged(grid, numbers, objectives, limits)
        best.add(rows)
        marks = (random.random(len(rows)) * 2**53).astype(np.int64)  # exact: it has 53 bits
        cloud.add(np.column_stack([marks, rows[:, :-1]]))
        within += len(rows)
        refused += len(bad)
        refusal = min([refusal, *bad[:1].tolist()])
        if watch:
            watch(done, tried)
    why = _refusal(grid, refusal) if refused else ""
    if not within:
        if refused == tried:
            raise CnnbenchError(f"none of {tried:,} configurations can be built; {why}")
        rest = f", {refused:,} cannot be built" if refused else ""
        more = "" if grid.size > 1 else ", or vary a parameter, as -p NAME=16:256"
        number = f"none of {tried:,} configurations is" if tried > 1 else "the configuration is not"
        raise CnnbenchError(f"{number} within the limits{rest}; loosen them{more}")
    found = len(best.rows)
    if top == 0 and found > MOST_ROWS:
        raise CnnbenchError(f"more than {MOST_ROWS:,} rows; narrow the limits, or ask for a top")
    # Of a front, as many rows as asked for, evenly along it; of the best, no others were kept.
    numbers = best.rows[evenly(found, top or MOST_ROWS), -1]
    signs = np.array([objective.sign for objective in objectives])
    return Sweep(
        grid=grid,
        tried=tried,
        refused=refused,
        refusal=why,
        within_limits=within,
        limits=tuple(limits),
        objectives=objectives,
        pareto=pareto,
        candidates=found if pareto else within,
        numbers=numbers,
        values=grid.values(numbers),
        costs=_costs(grid, numbers),
        line=best.rows[:, :-1] * signs,
        cloud=cloud.rows[:, 1:] * signs,
    )


def _objectives(
    minimize: Sequence[str] | None, maximize: Sequence[str] | None, pareto: bool
) -> tuple[Objective, ...]:
    small = [Objective(name) for name in (("flops",) if minimize is None else minimize)]
    large = [Objective(name, True) for name in (("channels",) if maximize is None else maximize)]
    # A front begins at its cheap end. A list is ordered first by the objective that was given.
    first = pareto or (minimize is not None and maximize is None)
    objectives = (*small, *large) if first else (*large, *small)
    names = [objective.metric for objective in objectives]
    for name in names:
        if names.count(name) > 1:
            raise CnnbenchError(f"{name} can be one objective only; it is named twice")
    if not objectives:
        raise CnnbenchError("expected an objective; name one to minimize or to maximize")
    if pareto and len(objectives) not in (2, 3):
        raise CnnbenchError(f"a front has two or three objectives; got {len(objectives)}")
    return objectives


def _tried(grid: Grid, sample: int | None) -> int:
    """How many configurations will be tried."""
    if sample is not None and sample < 1:
        raise CnnbenchError(f"a sample must be at least 1; got {sample}")
    tried = min(grid.size, sample or grid.size)
    if grid.size > np.iinfo(np.int64).max:
        raise CnnbenchError(
            f"the grid has {grid.size:.1e} configurations, too many to number; narrow the ranges"
        )
    if tried > MOST:
        raise CnnbenchError(
            f"the grid has {tried:,} configurations, and at most {MOST:,} are tried; give the "
            "ranges a step, as in 16:256:16, or ask for a sample of 1000000"
        )
    return tried


def _chunks(size: int, tried: int, random: np.random.Generator) -> Iterator[tuple[int, Ints]]:
    """The numbers of some configurations, ascending, and how many are done after them.

    A sample draws one configuration from each of many equal stretches of the grid.
    """
    stretch, longer = divmod(size, tried)
    for start in range(0, tried, CHUNK):
        place = np.arange(start, min(start + CHUNK, tried))
        numbers = place * stretch + np.minimum(place, longer)
        if tried < size:
            numbers += random.integers(stretch + (place < longer))
        yield int(place[-1]) + 1, numbers


def _judged(
    grid: Grid, numbers: Ints, objectives: Sequence[Objective], limits: Sequence[Limit]
) -> tuple[Ints, Ints]:
    """A row for each within the limits, its objectives and its number; the refused numbers."""
    rows, refused = [np.empty((0, len(objectives) + 1), np.int64)], [np.empty(0, np.int64)]
    for part, total in grid.costs(numbers):
        if total is None:
            refused.append(part)
            continue
        within = np.ones(len(part), bool)
        for limit in limits:
            values = array(METRICS[limit.metric](total), len(part))
            within &= values >= limit.value if limit.least else values <= limit.value
        columns = [o.sign * array(METRICS[o.metric](total), len(part)) for o in objectives]
        rows.append(np.column_stack([*columns, part])[within])
    return np.concatenate(rows), np.sort(np.concatenate(refused))


def _costs(grid: Grid, numbers: Ints) -> dict[str, list[int]]:
    """Every metric of some configurations, in their order; none of them is refused."""
    order = np.argsort(numbers)
    costs = np.empty((len(METRICS), len(numbers)), np.int64)
    for start in range(0, len(numbers), CHUNK):
        chunk = order[start : start + CHUNK]
        rows, _ = _judged(grid, numbers[chunk], [*map(Objective, METRICS)], ())
        costs[:, chunk] = rows[np.argsort(rows[:, -1]), :-1].T
    return dict(zip(METRICS, costs.tolist(), strict=True))


def _refusal(grid: Grid, number: int) -> str:
    """Why one configuration is refused."""
    values = ", ".join(f"{name}={value!r}" for name, value in grid.at(number).items())
    try:
        grid.case(number).graph()
    except ShapeError as error:
        return f"{values}: {error}"
    raise AssertionError(f"refused in a sweep but not by itself: {values}")
