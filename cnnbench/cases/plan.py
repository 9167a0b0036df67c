"""PLAN: what a run set out to measure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from cnnbench.cases.case import Case


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two blocks side by side at one size and several numbers of input channels."""

    title: str
    base: str
    new: str
    size: tuple[int, int]
    batch_size: int
    channels: tuple[int, ...]
    show: tuple[int, ...]
    range: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run set out to measure; enough to continue it and to report it.

    `blocks` gives the target and parameters behind each label that a comparison names;
    `together` the ids of cases that take turns in one launch. With `precision`, cases are
    launched more often than `launches`, until the half-width of their interval is below it.
    """

    suite: str
    description: str
    cases: tuple[Case, ...]
    comparisons: tuple[Comparison, ...] = ()
    blocks: dict[str, dict[str, Any]] = field(default_factory=dict)
    together: tuple[tuple[str, ...], ...] = ()
    launches: int = 5
    precision: float | None = None
    reference: bool = False
    seed: int = 0
    time_budget_s: float = 270.0
    timeout_s: float = 120.0
    runtime: str = "tensorflow"
    threads: int | None = None
    command: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values for the first line of the store."""
        return {**asdict(self), "cases": [case.to_json() for case in self.cases]}
