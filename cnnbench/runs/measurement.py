"""MEASUREMENT: what happened in one launch of one case. Raw; nothing here is derived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from cnnbench import stats
from cnnbench.cases.answer import Answer
from cnnbench.cases.case import Case


def in_turns(samples_ns: Sequence[int], bursts: Sequence[int]) -> list[tuple[int, ...]]:
    """The calls after the first, as many at each turn as `bursts` says."""
    calls = iter(samples_ns[1:])
    return [tuple(islice(calls, made)) for made in bursts]


@dataclass(frozen=True, slots=True)
class Measurement(Answer):
    """One launch: what its child answered, and where it belongs.

    Args:
        case: what was measured.
        launch: which of the case's launches, from 0; launches of one number ran in the
            same round, interleaved with the other cases.
        started: seconds since the epoch.
        wall_s: seconds that the launch took in all.
        beside: ids of the cases that took turns with this one.
        reference: id of the case that took turns too, to show how fast the machine was then,
            and `reference_ns`, its median call at each turn.
    """

    case: Case
    launch: int
    started: float = 0.0
    wall_s: float = 0.0
    beside: tuple[str, ...] = ()
    reference: str = ""
    reference_ns: tuple[float, ...] = ()

    @property
    def turns(self) -> list[tuple[int, ...]]:
        """The calls after the first, turn by turn, nanoseconds."""
        return in_turns(self.samples_ns, self.bursts)

    @property
    def pace(self) -> float | None:
        """How many times as long as the reference beside it a call took; None without one."""
        return stats.relative(self.turns, self.reference_ns)
