"""What the sections of a run's page share: the data that they read, and some texts."""

from __future__ import annotations

from dataclasses import dataclass

from cnnbench import units
from cnnbench.reporting.runs.compared_blocks import ComparedBlocks
from cnnbench.reporting.tables import LEAST, MISSING, UNKNOWN
from cnnbench.runs.result import Result, flops_rate
from cnnbench.runs.store import Run


def flops(result: Result) -> str:
    """FLOPs on paper of what is timed; a lower bound, or unknown, if a layer has no rule."""
    return _counted(result, units.count(result.flops))


def speed(result: Result) -> str:
    """FLOPs per second."""
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
    comparisons: tuple[ComparedBlocks, ...]
    problems: tuple[str, ...]


def numbered(stem: str, index: int) -> str:
    """The file name of one of several figures of a kind: scaling.png, scaling-2.png."""
    return f"{stem}-{index + 1}.png" if index else f"{stem}.png"
