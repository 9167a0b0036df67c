"""HISTORIES: what `history` says of many equal runs, and of a change among them.

A run is launches of one case, drawn with replacement from one eighth of the recording, so that the
launches of a run share the state of the machine. Its launches may also all be longer or
shorter by a drift of the size that `stats.DRIFT` allows for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.judge import Rate
from cnnbench import stats
from cnnbench.runs.store import Measurement
from cnnbench.stats import Shift

LAUNCHES = 5
WINDOWS = 8
EACH = 200
"""Histories of each case."""
SLOWER = (0.05, 0.10)
NEAR = 2
"""So many runs off its place a slow-down is still the one that is found."""


@dataclass(frozen=True)
class Judged:
    """Equal runs, and the same with a slow-down.

    Args:
        what: times beside references, times alone or peaks, and whether a drift was added.
        runs: of a history.
        later: how many of them are slower, in those that have a slow-down.
        changed: histories of equal runs in which a change was found.
        found: those in which the slow-down was found, by its size.
        placed: of these, of the smaller one, those that name its place.
        covered: and those whose interval of the ratio contains it.
    """

    what: str
    runs: int
    later: int
    changed: Rate
    found: tuple[Rate, ...]
    placed: Rate
    covered: Rate


def everything(recording: Sequence[Measurement], each: int = EACH) -> list[Judged]:
    """Histories of 10 and of 50 runs, slower from the middle or only at the end."""
    paces, times, peaks = _values(recording)
    kinds = (
        ("beside references", paces, 0.0),
        ("beside references, drift added", paces, stats.DRIFT),
        ("times alone", times, 0.0),
        ("times alone, drift added", times, stats.DRIFT),
        ("peak memory", peaks, 0.0),
    )
    rows = [
        judged(name, values, drift, runs, runs // 2, each)
        for name, values, drift in kinds
        for runs in (10, 50)
    ]
    name, values, drift = kinds[1]
    return [*rows, *(judged(name, values, drift, 50, later, each) for later in (2, 3, 5))]


def judged(
    what: str, values: Sequence[Sequence[float]], drift: float, runs: int, later: int, each: int
) -> Judged:
    """Histories drawn from the values of each case."""
    random = np.random.default_rng(runs)
    place = runs - later
    changed = 0
    found: list[list[Shift]] = [[] for _ in SLOWER]
    for case in values:
        for _ in range(each):
            logs = _drawn(np.log(case), drift, runs, random)
            changed += bool(_shifts(logs))
            for by, right in zip(SLOWER, found, strict=True):
                slow = logs + math.log(1 + by) * (np.arange(runs) >= place)[:, None]
                near = (s for s in _shifts(slow) if abs(s.at - place) <= NEAR)
                right += [s for s in near if s.ratio.value > 1][:1]
    total = each * len(values)
    smaller = found[0]
    ends = [(s.ratio.low or 0.0, s.ratio.high or math.inf) for s in smaller]
    return Judged(
        what,
        runs,
        later,
        Rate(changed, total),
        tuple(Rate(len(right), total) for right in found),
        Rate(sum(s.earliest <= place <= s.latest for s in smaller), len(smaller)),
        Rate(sum(low <= 1 + SLOWER[0] <= high for low, high in ends), len(smaller)),
    )


def _values(recording: Sequence[Measurement]) -> tuple[list[list[float]], ...]:
    """Of each case the paces, the times and the peaks of its launches, in the order of time."""
    paces: dict[str, list[float]] = {}
    times: dict[str, list[float]] = {}
    peaks: dict[str, list[float]] = {}
    for m in sorted(recording, key=lambda m: m.started):
        pace = stats.pace(m.turns, [*m.references.values()]) if m.ok else None
        if pace:
            paces.setdefault(m.case.id, []).append(pace.value)
            times.setdefault(m.case.id, []).extend(stats.medians([m.samples_ns]))
        if m.ok and m.peak_bytes:
            peaks.setdefault(m.case.id, []).append(m.peak_bytes)
    return tuple([*found.values()] for found in (paces, times, peaks))


def _drawn(
    logs: NDArray[np.float64], drift: float, runs: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """A row of launches for each run."""
    size = len(logs) // WINDOWS
    windows = logs[: size * WINDOWS].reshape(WINDOWS, size)
    window = random.integers(WINDOWS, size=(runs, 1))
    launches = random.integers(size, size=(runs, LAUNCHES))
    # DRIFT is of the difference of two runs.
    return windows[window, launches] + random.normal(0, drift / math.sqrt(2), (runs, 1))


def _shifts(logs: NDArray[np.float64]) -> tuple[Shift, ...]:
    """As `cnnbench.runs.history` finds them."""
    errors = logs.std(axis=1, ddof=1) / math.sqrt(LAUNCHES)
    return stats.shifts(np.exp(logs.mean(axis=1)).tolist(), errors.tolist())
