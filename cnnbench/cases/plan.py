"""PLAN: what a run is to measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.cases.paper import QUANTITIES, Paper
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError, ShapeError

WIDEST = 4096
"""The most input channels for which two blocks are costed, each number for itself."""

_RENAMED = {"peak memory, predicted": "peak memory, on paper"}
"""Names of costs in runs that were stored before."""


@dataclass(frozen=True, slots=True)
class BlockComparison:
    """Two blocks, compared in one place at one image size and several numbers of input channels.

    `base` and `new` are the labels of the blocks. `pairs` has what is measured: the channels, and
    the ids of the cases of both. A table shows those of `show` side by side, or all if it is empty.
    `range` has the first and the last number of channels for which costs are computed, `channels`
    those between them for which both blocks can be built. The costs are lists with one number for
    each of these, by the names of `paper.QUANTITIES`.
    `runtime` is empty in old stored runs, which had one; `threads` is that of the cases.
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
    runtime: str = ""
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("base_costs", "new_costs"):
            named = {_RENAMED.get(of, of): costs for of, costs in getattr(self, name).items()}
            object.__setattr__(self, name, named)


def curves(
    at: Callable[[str, int], Case], base: str, new: str, range_: tuple[int, int]
) -> dict[str, Any]:
    """The last three fields of a `BlockComparison`; `at` gives the case of a label and channels.

    Raises:
        CnnbenchError: the range has too many numbers.
    """
    if not (range_[0] >= 1 and range_[1] <= WIDEST):
        raise CnnbenchError(
            f"range: every channel count is costed, so from 1 to {WIDEST} at most; got {range_}"
        )
    rows: dict[int, list[dict[str, int]]] = {}
    # Every number, not a bisection: it takes half a second for 512, and no crossing is missed.
    for channels in range(range_[0], range_[1] + 1):
        try:
            costs = [cost(at(label, channels).graph()) for label in (base, new)]
        except ShapeError:
            continue  # some blocks refuse some numbers, as a convolution in groups does
        rows[channels] = [{name: value(c) for name, value in QUANTITIES.items()} for c in costs]
    of_base, of_new = (
        {name: tuple(row[side][name] for row in rows.values()) for name in QUANTITIES}
        for side in (0, 1)
    )
    return {"channels": tuple(rows), "base_costs": of_base, "new_costs": of_new}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to measure. It is enough to continue the run and to report it.

    `base` is the label with which all others are compared; it may be empty. `together` has the ids
    of the cases that take turns in one launch. If `precision` is given, a case is launched more
    often than `launches`, until the half-width of its interval is below it. With `fill` the batches
    of a network are launched from the smallest on, until one is too large for the memory. With
    `profile` each launch also times the operations of a call, where its runtime can. With `at_once`
    the cases of a launch are built at once, which is sooner done and says little of how long that
    takes, and timed one after the other. `notes` says what was asked for and is left out, and why.
    `papers` has the costs of the cases, by `Case.paper_key`.
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
    fill: bool = False
    profile: bool = False
    at_once: bool = False
    command: str = ""
    notes: tuple[str, ...] = ()
    papers: dict[str, Paper] = field(default_factory=dict, repr=False, compare=False)

    def paper(self, case: Case) -> Paper:
        """The costs of a case: the stored ones, or else from a new trace."""
        return self.papers.get(case.paper_key) or case.paper()

    @property
    def runtimes(self) -> tuple[str, ...]:
        """The runtimes of the cases, in the order of their first appearance."""
        return tuple(dict.fromkeys(case.runtime for case in self.cases))

    def to_json(self) -> dict[str, Any]:
        """Plain values for the first line of the store. The papers have their own lines there."""
        return asdict(replace(self, papers={}))
