"""MEASUREMENT: what happened in one launch of one case. Raw; nothing here is derived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from cnnbench import stats
from cnnbench.cases.answer import Check, Outcome
from cnnbench.cases.case import Case


def in_turns(samples_ns: Sequence[int], bursts: Sequence[int]) -> list[tuple[int, ...]]:
    """The calls after the first, as many at each turn as `bursts` says."""
    calls = iter(samples_ns[1:])
    return [tuple(islice(calls, made)) for made in bursts]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One launch: a fresh process that built the network and called it again and again.

    Args:
        case: what was measured.
        launch: which of the case's launches, from 0; launches of one number ran in the
            same round, interleaved with the other cases.
        outcome: how it ended, and `detail` why.
        started: seconds since the epoch.
        wall_s: seconds that the launch took in all.
        samples_ns: every call in order, nanoseconds, the first (and any warm-up) included.
        bursts: how many calls after the first were made at each turn.
        beside: ids of the cases that took turns with this one.
        reference: id of the case that took turns too, to show how fast the machine was then,
            and `reference_ns`, its median call at each turn.
        peak_bytes: rise of the peak memory over the first call; None where not measured.
        peak_source: what reported it.
        check: comparison with Keras; None where the runtime builds no Keras model.
        environment: the machine, the versions and the load when it started.
    """

    case: Case
    launch: int
    outcome: Outcome
    detail: str = ""
    started: float = 0.0
    wall_s: float = 0.0
    samples_ns: tuple[int, ...] = ()
    bursts: tuple[int, ...] = ()
    beside: tuple[str, ...] = ()
    reference: str = ""
    reference_ns: tuple[float, ...] = ()
    peak_bytes: int | None = None
    peak_source: str = ""
    check: Check | None = None
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the launch has samples."""
        return self.outcome == "ok"

    @property
    def turns(self) -> list[tuple[int, ...]]:
        """The calls after the first, turn by turn, nanoseconds."""
        return in_turns(self.samples_ns, self.bursts)

    @property
    def pace(self) -> float | None:
        """How many times as long as the reference beside it a call took; None without one."""
        return stats.relative(self.turns, self.reference_ns)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a record."""
        return {**asdict(self), "case": self.case.to_json()}
