"""The page: every section in order, and the files beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from cnnbench import store
from cnnbench.cost import CONVENTION
from cnnbench.reporting import comparison_figures, figures, machine, sections
from cnnbench.reporting.answer import answer
from cnnbench.reporting.comparison import Versus, crossing_rows, side_by_side, versus
from cnnbench.reporting.frame import write_csv
from cnnbench.reporting.results import Result, devices, results, timed
from cnnbench.reporting.scaling import scaling_rows, scalings
from cnnbench.reporting.style import RC
from cnnbench.reporting.tables import Table, markdown
from cnnbench.store import Run


@dataclass(slots=True)
class Page:
    """A Markdown page that grows, and the folder that its figures go to."""

    folder: Path
    blocks: list[str] = field(default_factory=list)
    sections: int = 0

    def section(self, title: str) -> None:
        """Start a numbered section."""
        self.sections += 1
        self.blocks.append(f"## {self.sections}. {title}")

    def text(self, *paragraphs: str) -> None:
        """Add paragraphs; empty ones vanish."""
        self.blocks += [paragraph for paragraph in paragraphs if paragraph]

    def bullets(self, lines: Iterable[str]) -> None:
        """Add a list, if it has lines."""
        self.text("\n".join(f"- {line}" for line in lines))

    def table(self, table: Table) -> None:
        """Add a table, if it has rows."""
        headers, rows = table
        if rows:
            self.blocks.append(markdown(headers, rows))

    def figure(self, name: str, alt: str, draw: Callable[[], Figure]) -> None:
        """Draw a figure, save it beside the page and embed it."""
        with mpl.rc_context(RC):
            # Without the version of matplotlib, so that the same data give the same file.
            draw().savefig(self.folder / name, metadata={"Software": None})
        self.blocks.append(f"![{alt}]({name})")


def write(folder: Path) -> Path:
    """Render a stored run; see `cnnbench.reporting.write`."""
    run = store.read(folder)
    found, problems = results(run)
    compared = versus(run.plan, found)
    page = Page(folder)
    page.text(f"# Report: suite {run.plan.suite}", run.plan.description)
    page.text(*answer(found, compared))
    page.table(machine.machine_rows(run))
    page.bullets(machine.varied(run))
    page.text(
        f"Convention: {CONVENTION}. Times are of one call on the whole batch, with 95 % "
        "intervals in brackets and as bars; where a bar leaves a figure, the table has its ends."
    )
    _compare(page, compared)
    _scaling(page, found)
    _speed(page, found)
    _memory(page, found)
    _spread(page, found)
    _modes(page, found)
    page.section("Check against Keras")
    page.text(sections.check_summary(found))
    page.table(sections.check_rows(found))
    _outcomes(page, run, found, problems)
    page.section("How to reproduce")
    if run.plan.command:
        page.text(f"```\n{run.plan.command}\n```")
    page.text(
        "`cnnbench report FOLDER` renders this page again from "
        f"`{store.FILE}`; [results.csv](results.csv) has one row a case, in base units."
    )
    write_csv(found, folder / "results.csv")
    path = folder / "README.md"
    path.write_text("\n\n".join(page.blocks) + "\n", encoding="utf-8")
    return path


def _compare(page: Page, compared: Sequence[Versus]) -> None:
    shown = [v for v in compared if v.shown]
    if not shown:
        return
    page.section("Side by side")
    for index, v in enumerate(shown):
        page.text(f"### {v.comparison.title} ({v.where})")
        page.table(side_by_side(v))
        page.bullets(
            sections.notes((f"ratio at C = {pair.channels}", pair.ratio) for pair in v.shown)
        )
        page.figure(
            _name("compare", index),
            f"{v.comparison.new} over {v.comparison.base}, quantity by quantity",
            partial(comparison_figures.compare, v),
        )
    page.section("Crossover")
    for index, v in enumerate(shown):
        page.text(f"### {v.comparison.title} ({v.where})")
        page.table(crossing_rows(v))
        page.figure(
            _name("crossover", index),
            f"{v.comparison.base} and {v.comparison.new} over input channels",
            partial(comparison_figures.crossover, v),
        )


def _scaling(page: Page, found: Sequence[Result]) -> None:
    scaled = scalings(found)
    if not scaled:
        return
    page.section("Scaling with the input size")
    page.text(
        "Exponents of the side length, fitted on log-log scale: 2 is proportional to the "
        "number of pixels. A smaller exponent than expected means a fixed cost that small "
        "inputs do not amortise."
    )
    page.table(scaling_rows(scaled))
    for index, device in enumerate(devices(found)):
        if group := [s for s in scaled if s.device == device]:
            page.figure(
                _name("scaling", index),
                f"time and memory over input size, {device}",
                partial(figures.scaling, group),
            )


def _speed(page: Page, found: Sequence[Result]) -> None:
    measured = timed(found)
    page.section("Time against FLOPs")
    page.text(
        "Time is the geometric mean over launches of the median steady call; speed is FLOPs "
        "from the rules over that time."
    )
    page.table(sections.speed_rows(found))
    page.bullets(sections.notes((r.name, time) for r, time in measured))
    if not measured:
        return
    page.figure("flops.png", "time a call over FLOPs", partial(figures.flops, found))


def _memory(page: Page, found: Sequence[Result]) -> None:
    rows = sections.memory_rows(found)
    if not rows[1]:
        return
    sources = sorted({m.peak_source for r in found for m in r.launches if m.peak_source})
    page.section("Predicted and measured peak memory")
    page.text(
        "Measured is the rise of the process's peak memory over its first call, the median "
        f"over launches (source: {', '.join(sources) or 'not recorded'}). Predicted is the "
        "most activation memory alive at once, without the input and the weights, which "
        "exist before that call.",
        sections.memory_summary(found),
    )
    page.table(rows)
    if not any(r.peak_bytes for r in found):
        return  # nothing rose, and zero has no place on a logarithmic axis
    page.figure("memory.png", "measured over predicted peak", partial(figures.memory, found))


def _spread(page: Page, found: Sequence[Result]) -> None:
    rows = sections.spread_rows(found)
    if not rows[1]:
        return
    page.section("Spread of the samples")
    page.text(sections.spread_summary(found))
    page.table(rows)
    page.figure("spread.png", "spread of every launch", partial(figures.spread, found))


def _modes(page: Page, found: Sequence[Result]) -> None:
    rows = sections.mode_rows(found)
    if rows[1]:
        page.section("Execution modes")
        page.table(rows)


def _outcomes(page: Page, run: Run, found: Sequence[Result], problems: Sequence[str]) -> None:
    rows = sections.outcome_rows(run)
    lines = [*sections.unreached(run, found), *problems]
    page.section("Outcomes")
    if not rows[1] and not lines:
        page.text("Every case was measured in every launch.")
    page.table(rows)
    page.bullets(lines)


def _name(stem: str, index: int) -> str:
    return f"{stem}-{index + 1}.png" if index else f"{stem}.png"
