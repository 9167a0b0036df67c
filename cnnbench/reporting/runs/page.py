"""The page of a stored run: its answer, every section in order, and how to make it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import pandas as pd

from cnnbench.cost import CONVENTION
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs import headline, machine, sections
from cnnbench.reporting.runs.answer import answer
from cnnbench.reporting.runs.compared_blocks import ComparedBlocks, compared_blocks
from cnnbench.reporting.runs.exported import csv_bytes, row
from cnnbench.reporting.style import Look, looks
from cnnbench.runs import store
from cnnbench.runs.result import Result, results
from cnnbench.runs.store import Run

T = TypeVar("T")
K = TypeVar("K")


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
    def looks(self) -> dict[str, Look]:
        """Colour and marker of every network, the same in all figures of the page."""
        pairs = [(blocks.comparison.base, blocks.comparison.new) for blocks in self.comparisons]
        first = [*chain.from_iterable(pairs), self.run.plan.base]
        return looks((r.label for r in self.results), first)


def write(folder: Path) -> Path:
    """Render the run stored in a folder into the same folder; returns its README.md."""
    page = document(store.read(folder))
    table = pd.DataFrame(map(dict, page.rows or ()))
    return formats.write(page, folder, {"results.csv": csv_bytes(table)})


def document(run: Run) -> Document:
    """The page of a run; its `rows` are those of results.csv."""
    joined, problems = results(run)
    comparisons = compared_blocks(run.plan, joined)
    data = Data(run, tuple(joined), tuple(comparisons), tuple(problems))
    page = Document(rows=[row(r) for r in joined])
    _answer(page, data)
    for section in sections.load():
        section.add(page, data)
    page.section("Method and machine")
    page.bullets(machine.varied(run))
    with page.folded("How it was measured, where, and how to make this page again"):
        page.text(
            f"Convention: {CONVENTION}. Times are per call, for the whole batch. Brackets and bars "
            "are 95 % intervals; if a bar is cut off by the edge of a figure, the table has its "
            "ends."
        )
        if run.plan.command:
            page.code(run.plan.command)
        page.text(
            "`cnnbench report FOLDER` renders this page again from "
            f"`{store.FILE}`; [results.csv](results.csv) has one row per case, in base units."
        )
        page.table(machine.machine_rows(run))
    return page


def _answer(page: Document, data: Data) -> None:
    """The question, one sentence, two numbers, how far to trust them, and where it was."""
    from cnnbench.reporting.runs.sections.compared import against  # here: sections import Data
    from cnnbench.reporting.runs.sections.roofline import flagged, points

    run, results, comparisons = data.run, data.results, data.comparisons
    ratios = [(r, x) for place in against(run, results) for r, x in place.others if x]
    placed = [point for c in run.ceilings for point in points(results, c)]
    page.heading(headline.question(run, results, comparisons), 1)
    page.text(headline.sentence(run.plan.base, results, comparisons, ratios))
    page.tiles(headline.tiles(run.plan.base, results, comparisons, ratios))
    page.badges(headline.badges(results, len(flagged(placed)) if placed else None))
    page.text(machine.line(run), run.plan.description)
    page.section("Answer")
    if comparisons or not ratios:
        page.text(*answer(results, comparisons))


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


def numbered(stem: str, index: int) -> str:
    """The file name of one of several figures of a kind: scaling.png, scaling-2.png."""
    return f"{stem}-{index + 1}.png" if index else f"{stem}.png"
