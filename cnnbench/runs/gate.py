"""GATE: whether a comparison passes a limit, and what speaks against it."""

from __future__ import annotations

from dataclasses import dataclass

from cnnbench.runs.comparison import Change, Compared


@dataclass(frozen=True, slots=True)
class Gate:
    """What speaks against the new side: intervals wholly above the limit, and what broke.

    `unjudged` has no interval, or no base, and so can neither pass nor fail.
    """

    limit: float
    above: tuple[Change, ...]
    broke: tuple[Change, ...]
    unjudged: tuple[Change, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing does."""
        return not self.above and not self.broke


def gate(compared: Compared, limit: float) -> Gate:
    """Judge by a limit: 0.05 lets an interval reach to 5 % above the base, and beyond.

    A case is above it only if its interval excludes the limit, so that noise does not fail.
    """
    changes = compared.changes
    return Gate(
        limit,
        above=tuple(c for c in changes if (low := _low(c)) is not None and low > 1 + limit),
        broke=tuple(c for c in changes if c.broke),
        unjudged=tuple(c for c in changes if _low(c) is None and not c.broke),
    )


def _low(change: Change) -> float | None:
    return change.ratio.low if change.ratio else None
