"""CANDIDATES: which of several networks to take: those within limits, and that none beats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cnnbench.cost import Cost
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.records import Record, one_line
from cnnbench.rule import Shape
from cnnbench.units import binary, count, seconds

KEYS = {
    "params": "params",
    "macs": "macs",
    "flops": "flops",
    "memory": "peak_bytes",
    "time": "time_s",
    "top1": "top1_percent",
}
"""What networks can be ordered by, and the attribute of `Candidate` that holds it."""

_SHOW: dict[str, Callable[[float], str]] = dict.fromkeys(KEYS, count)
_SHOW |= {"memory": binary, "time": seconds, "top1": "{:.1f} %".format}


@dataclass(frozen=True, slots=True)
class Candidate(Record):
    """One network: what it costs on paper, and what is known of it besides.

    Args:
        name: as it was asked for.
        input_shapes: of all inputs, batch first.
        dtype: that it is analysed in.
        params: weights in all.
        macs: of one forward pass of the whole batch.
        flops: the same.
        weight_bytes: memory of all weights.
        peak_bytes: of the weights and the most activations that are alive at once.
        lower_bound: a layer has no rule, so that the work and the memory may be more.
        time_s: predicted for one call on this machine; None where it is not calibrated.
        rise_bytes: predicted: by how much a first call raises the peak memory of a process.
        top1_percent: the accuracy that is published for its weights; None where none is.
        reason: why it is not chosen; empty if it is.
    """

    name: str
    input_shapes: tuple[Shape, ...] = ()
    dtype: str = ""
    params: int | None = None
    macs: int | None = None
    flops: int | None = None
    weight_bytes: int | None = None
    peak_bytes: int | None = None
    lower_bound: bool = False
    time_s: float | None = None
    rise_bytes: float | None = None
    top1_percent: float | None = None
    reason: str = ""

    def __repr__(self) -> str:
        facts = [f"{self.shown(key)} {key}" for key in KEYS if self.value(key) is not None]
        return one_line(self, self.name, *facts, *([self.reason] if self.reason else []))

    def value(self, key: str) -> float | None:
        """What one of KEYS says of it; None where that is not known."""
        value: float | None = getattr(self, KEYS[key])
        return value

    def shown(self, key: str) -> str:
        """The same as text; it must be known."""
        value = self.value(key)
        least = ">= " if self.lower_bound and key not in ("params", "top1") else ""
        return "?" if value is None else f"{least}{_SHOW[key](value)}"


@dataclass(frozen=True, slots=True)
class Choice(Record):
    """Which of several networks to take.

    Args:
        chosen: in order; within the limits, and on the front where one was asked for.
        beaten: within the limits, but another is as good in both of `pareto`, and better in one.
        excluded: not within a limit, or a value that is asked for is not known.
        failed: those that cannot be analysed.
        pareto: the two of KEYS that make the front.
        time_range: eight of ten networks take between the first and the second of these, as
            multiples of the predicted time; None without predictions.
    """

    chosen: tuple[Candidate, ...]
    beaten: tuple[Candidate, ...] = ()
    excluded: tuple[Candidate, ...] = ()
    failed: tuple[Candidate, ...] = ()
    pareto: tuple[str, str] | None = None
    time_range: tuple[float, float] | None = None

    def __repr__(self) -> str:
        names = ", ".join(candidate.name for candidate in self.chosen) or "none"
        total = sum(map(len, (self.chosen, self.beaten, self.excluded, self.failed)))
        return f"Choice({len(self.chosen)} of {total}: {names})"


def candidate(name: str, cost: Cost) -> Candidate:
    """A network by its cost on paper."""
    return Candidate(
        name,
        cost.input_shapes,
        cost.dtype,
        cost.params,
        cost.macs,
        cost.flops,
        cost.weight_bytes,
        cost.peak_bytes,
        bool(cost.uncounted),
    )


def choose(
    candidates: Sequence[Candidate],
    *,
    sort: str | None = None,
    limits: Mapping[str, float] | None = None,
    pareto: tuple[str, str] | None = None,
    time_range: tuple[float, float] | None = None,
) -> Choice:
    """Keep the networks within limits that no other beats, and order them.

    Candidates with a reason cannot be analysed. The order is by `sort`, else by the second of
    `pareto`, else as given.
    """
    limits, front = limits or {}, pareto or ()
    for key in (*([sort] if sort else []), *limits, *front):
        if key not in KEYS:
            raise unknown("column", key, KEYS)
    if pareto and pareto[0] == pareto[1]:
        raise CnnbenchError(f"a front needs two different columns; got {pareto[0]} twice")
    analysed = [c for c in candidates if not c.reason]
    judged = [replace(c, reason=_excluded(c, limits, front)) for c in analysed]
    within = [c for c in judged if not c.reason]
    chosen = [c for c in within if not any(_beats(other, c, front) for other in within)]
    beaten = [
        replace(c, reason=f"beaten by {by.name}")
        for c in within
        if (by := next((best for best in chosen if _beats(best, c, front)), None))
    ]
    order = sort or (pareto[1] if pareto else None)
    return Choice(
        chosen=_ordered(chosen, order),
        beaten=_ordered(beaten, order),
        excluded=tuple(c for c in judged if c.reason),
        failed=tuple(c for c in candidates if c.reason),
        pareto=pareto,
        time_range=time_range,
    )


def parse_axes(text: str) -> tuple[str, str]:
    """top1:time as two of KEYS."""
    first, colon, second = text.partition(":")
    if not colon:
        raise CnnbenchError(f"a front needs two columns, as top1:time; got {text!r}")
    return first, second


def _ordered(candidates: Sequence[Candidate], key: str | None) -> tuple[Candidate, ...]:
    """The best first; those of which it is not known last."""
    return tuple(sorted(candidates, key=lambda c: _badness(c, key)) if key else candidates)


def _badness(candidate: Candidate, key: str) -> float:
    """Less is better, of all keys; what is not known is worst."""
    value = candidate.value(key)
    if value is None:
        return float("inf")
    return -value if key == "top1" else value


def _excluded(candidate: Candidate, limits: Mapping[str, float], needed: Sequence[str]) -> str:
    """Why a network is out of the question; empty if it is not."""
    for key in (*limits, *needed):
        if candidate.value(key) is None:
            return f"no {key} is known of it"
    for key, most in limits.items():
        if (value := candidate.value(key)) is not None and value > most:
            return f"{candidate.shown(key)} {key}, more than {_SHOW[key](most)}"
    return ""


def _beats(one: Candidate, other: Candidate, keys: Sequence[str]) -> bool:
    """Whether one is as good as another in all keys, and better in some."""
    pairs = [(_badness(one, key), _badness(other, key)) for key in keys]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)
