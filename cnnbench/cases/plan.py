"""PLAN: what a run set out to measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.cases.paper import QUANTITIES, Paper
from cnnbench.cost import cost
from cnnbench.errors import ShapeError


@dataclass(frozen=True, slots=True)
class BlockComparison:
    """Two blocks side by side on one device, at one size and several numbers of input channels.

    Args:
        title: what it asks.
        base: the label of the block that is compared with.
        new: the label of the other.
        size: height and width of the input.
        batch_size: samples per call.
        device: where both run.
        pairs: of the cases that are measured: channels, and the ids of base and new.
        show: the channels of the pairs that are tabled side by side; all if empty.
        range: the first and the last number of channels that are costed on paper.
        channels: those of the range that both blocks can be built for.
        base_costs: what the base costs at each of them, by the names of `paper.QUANTITIES`.
        new_costs: the same of the other block.
    """

    title: str
    base: str
    new: str
    size: tuple[int, int]
    batch_size: int
    device: str
    pairs: tuple[tuple[int, str, str], ...]
    show: tuple[int, ...]
    range: tuple[int, int]
    channels: tuple[int, ...]
    base_costs: dict[str, tuple[int, ...]]
    new_costs: dict[str, tuple[int, ...]]


def curves(
    at: Callable[[str, int], Case], base: str, new: str, range_: tuple[int, int]
) -> dict[str, Any]:
    """The last three fields of a `BlockComparison`, from the case of a label at a channel count."""
    channels: list[int] = []
    costs: dict[str, dict[str, list[int]]] = {
        side: {name: [] for name in QUANTITIES} for side in (base, new)
    }
    # Every integer, not a bisection: half a second for 512, and no crossing is missed.
    for count in range(range_[0], range_[1] + 1):
        try:
            found = {side: cost(at(side, count).graph()) for side in (base, new)}
        except ShapeError:
            continue  # a block may refuse some counts, as groups do
        channels.append(count)
        for side, one in found.items():
            for name, value in QUANTITIES.items():
                costs[side][name].append(value(one))
    of_base, of_new = (
        {name: tuple(values) for name, values in costs[side].items()} for side in (base, new)
    )
    return {"channels": tuple(channels), "base_costs": of_base, "new_costs": of_new}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run set out to measure; enough to continue it and to report it.

    `base` is the label that all others are compared with, if there is one; `together` are the ids
    of cases that take turns in one launch. With `precision`, cases are launched more often than
    `launches`, until the half-width of their interval is below it. `papers` has the costs of the
    cases by `Case.paper_key`.
    """

    suite: str
    description: str
    cases: tuple[Case, ...]
    comparisons: tuple[BlockComparison, ...] = ()
    base: str = ""
    together: tuple[tuple[str, ...], ...] = ()
    launches: int = 5
    precision: float | None = None
    reference: bool = False
    seed: int = 0
    time_budget_s: float = 270.0
    timeout_s: float = 120.0
    threads: int | None = None
    command: str = ""
    papers: dict[str, Paper] = field(default_factory=dict, repr=False, compare=False)

    def paper(self, case: Case) -> Paper:
        """What the rules say of a case: as it was planned, else from a new trace."""
        return self.papers.get(case.paper_key) or case.paper()

    @property
    def runtimes(self) -> tuple[str, ...]:
        """The runtimes of the cases, in the order of their first appearance."""
        return tuple(dict.fromkeys(case.runtime for case in self.cases))

    def to_json(self) -> dict[str, Any]:
        """Plain values for the first line of the store; the papers have lines of their own."""
        return asdict(replace(self, papers={}))
