"""MEASUREMENT: what happened in one launch of one case. Raw; nothing here is derived."""

from __future__ import annotations

from dataclasses import dataclass

from cnnbench.cases.answer import Answer
from cnnbench.cases.case import Case


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
