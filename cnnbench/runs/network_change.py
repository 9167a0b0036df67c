"""NETWORK CHANGE: a case whose network is another one in two recordings, though its id is equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cnnbench.runs.recording import Series


@dataclass(frozen=True, slots=True)
class NetworkChange:
    """What is known of a network before and after; None where a recording does not say it.

    `digest` is that of the graph: where it differs and no count does, another operation, another
    order or another shape costs the same.
    """

    case: str
    digest: tuple[str | None, str | None]
    params: tuple[int | None, int | None]
    macs: tuple[int | None, int | None]
    flops: tuple[int | None, int | None]


def network_changes(
    base: Mapping[str, Series], new: Mapping[str, Series]
) -> tuple[NetworkChange, ...]:
    """The cases of both sides whose digests differ, or whose counts do."""
    pairs = [(series, new[key]) for key, series in base.items() if key in new]
    changes = [
        NetworkChange(
            before.name,
            (_digest(before), _digest(after)),
            (before.params, after.params),
            (_macs(before), _macs(after)),
            (before.flops, after.flops),
        )
        for before, after in pairs
    ]
    return tuple(change for change in changes if _differs(change))


def _differs(change: NetworkChange) -> bool:
    sides = (change.digest, change.params, change.macs, change.flops)
    return any(one != other and None not in (one, other) for one, other in sides)


def _digest(series: Series) -> str | None:
    return (series.result.paper.digest or None) if series.result else None


def _macs(series: Series) -> int | None:
    return series.result.cost.macs if series.result else None
