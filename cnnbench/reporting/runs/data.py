"""DATA: a stored run joined with its costs, which every section of its page takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import TypeVar

from cnnbench.reporting.runs.compared_blocks import ComparedBlocks
from cnnbench.reporting.style import Look, looks
from cnnbench.runs.result import Result
from cnnbench.runs.store import Run

T = TypeVar("T")
K = TypeVar("K")

LISTED = 2000
"""The most cases that a page lists, in any table: no browser opens one with a hundred thousand."""


@dataclass(frozen=True, slots=True)
class Data:
    """A stored run joined with its costs on paper: all that a section may show.

    `results` has one entry a case, `comparisons` one entry a comparison and device, and
    `problems` one line for every case whose cost is not known.
    """

    run: Run
    results: tuple[Result, ...]
    comparisons: tuple[ComparedBlocks, ...]
    problems: tuple[str, ...]

    @property
    def places(self) -> Mapping[str, tuple[int, ...]]:
        """The row of every case in the table of all cases, by its id; none if it is not listed."""
        listed = enumerate(self.results[:LISTED])
        return defaultdict(tuple, {r.case.id: (place,) for place, r in listed})

    @property
    def looks(self) -> dict[str, Look]:
        """Colour and marker of every network, the same in all figures of the page."""
        pairs = [(blocks.comparison.base, blocks.comparison.new) for blocks in self.comparisons]
        first = [*chain.from_iterable(pairs), self.run.plan.base]
        return looks((r.label for r in self.results), first)


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The items of each key, in the order of their first appearance."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def series(
    results: Iterable[Result], alike: Callable[[Result], str], size: Callable[[Result], float]
) -> list[list[Result]]:
    """The timed cases that are alike but for a size, in its order, where there are several."""
    groups = grouped((r for r in results if r.time), alike).values()
    ordered = [sorted(group, key=size) for group in groups]
    return [group for group in ordered if size(group[0]) < size(group[-1])]


def apart(rows: Sequence[Sequence[str]]) -> list[str]:
    """A name for each of some rows: its first word, and of the others those that vary."""
    varies = [len({*column}) > 1 for column in zip(*rows, strict=True)]
    return [" ".join([row[0], *compress(row[1:], varies[1:])]) for row in rows]


def numbered(stem: str, index: int) -> str:
    """The file name of one of several figures of a kind: scaling.png, scaling-2.png."""
    return f"{stem}-{index + 1}.png" if index else f"{stem}.png"
