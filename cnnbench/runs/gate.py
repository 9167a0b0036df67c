"""GATE: whether a comparison stays within a limit, and which cases do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnnbench.errors import CnnbenchError
from cnnbench.records import Record, one_line
from cnnbench.runs.case_change import CaseChange


@dataclass(frozen=True, slots=True, repr=False)
class Gate(Record):
    """The cases that speak against the new side.

    Args:
        limit: the share by which a case may become slower (or larger): 0.05 is 5 %.
        above: the cases whose whole interval is above the limit.
        broke: the cases that have a value in the base but none in the new side.
        unjudged: the cases without an interval or a base value; these neither pass nor fail.
    """

    limit: float
    above: tuple[CaseChange, ...]
    broke: tuple[CaseChange, ...]
    unjudged: tuple[CaseChange, ...]

    def __repr__(self) -> str:
        sides = {"above": self.above, "broke": self.broke, "not judged": self.unjudged}
        counts = (f"{len(changes)} {side}" for side, changes in sides.items())
        return one_line(self, f"{100 * self.limit:g} %", self.word, *counts)

    @property
    def passed(self) -> bool:
        """Whether no case is above the limit and none broke."""
        return not self.above and not self.broke

    @property
    def word(self) -> str:
        """Passed or failed."""
        return "passed" if self.passed else "failed"

    def to_json(self) -> dict[str, Any]:
        """Plain values; cases by their keys."""
        sides = {"above": self.above, "broke": self.broke, "unjudged": self.unjudged}
        keys = {side: [change.key for change in changes] for side, changes in sides.items()}
        return {"limit": self.limit, "passed": self.passed, **keys}


def gate(changes: Sequence[CaseChange], limit: float) -> Gate:
    """Judge changes by a limit: 0.05 accepts an interval that begins at or below 5 % more.

    A case is above the limit only if its interval excludes it, so that noise does not fail.

    Raises:
        CnnbenchError: the limit is not a number of at least 0.
    """
    if not limit >= 0:  # also for NaN
        raise CnnbenchError(f"a gate's limit must be 0 or more, as 0.05 for 5 %; got {limit!r}")
    return Gate(
        limit,
        above=tuple(c for c in changes if (low := _low(c)) is not None and low > 1 + limit),
        broke=tuple(c for c in changes if c.broke),
        unjudged=tuple(c for c in changes if _low(c) is None and not c.broke),
    )


def _low(change: CaseChange) -> float | None:
    return change.ratio.low if change.ratio else None
