"""The page as it grows, and the data that its sections read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cnnbench import units
from cnnbench.reporting.runs.versus import Versus
from cnnbench.reporting.style import Figure, save
from cnnbench.reporting.tables import LEAST, MISSING, UNKNOWN, Table, markdown
from cnnbench.runs.result import Result, flops_rate
from cnnbench.runs.store import Run


def flops(result: Result) -> str:
    """FLOPs on paper of what is timed; a lower bound, or unknown, where a layer has no rule."""
    return _counted(result, units.count(result.flops))


def speed(result: Result) -> str:
    """FLOPs a second."""
    return MISSING if result.speed is None else _counted(result, flops_rate(result.speed))


def _counted(result: Result, text: str) -> str:
    if not result.cost.uncounted:
        return text
    return f"{LEAST}{text}" if result.flops else UNKNOWN


@dataclass(frozen=True, slots=True)
class Data:
    """A stored run joined with its costs on paper: all that a section may show.

    `results` has one entry a case, `comparisons` one entry a comparison and device, and
    `problems` one line for every case whose cost is not known.
    """

    run: Run
    results: tuple[Result, ...]
    comparisons: tuple[Versus, ...]
    problems: tuple[str, ...]


@dataclass(slots=True)
class Page:
    """A Markdown page that grows, and the folder that its figures go to."""

    folder: Path
    blocks: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
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
        save(draw, self.folder / name)
        self.figures.append(name)
        self.blocks.append(f"![{alt}]({name})")


def numbered(stem: str, index: int) -> str:
    """The file name of a figure that a page may have several of: scaling.png, scaling-2.png."""
    return f"{stem}-{index + 1}.png" if index else f"{stem}.png"
