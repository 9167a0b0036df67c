"""What tables, pages and figures call the parts of a claim and its evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cnnbench import units
from cnnbench.claims.entry import Claim, ClaimTest
from cnnbench.claims.evidence import Point
from cnnbench.claims.judge import Segment, Tested
from cnnbench.claims.said import Exact, Said
from cnnbench.reporting.tables import number
from cnnbench.runs.store import Run

NOT_MEASURED = "not measured"

SHOW: dict[str, Callable[[float], str]] = {
    **dict.fromkeys(("parameters", "trainable", "weights"), lambda v: f"{v:,.0f}"),
    **dict.fromkeys(("MACs", "FLOPs"), units.count),
    **dict.fromkeys(("activations", "peak", "traffic", "memory"), units.binary),
    "time": units.seconds,
}
_NAMES = {
    "trainable": "trained parameters",
    "activations": "activation memory",
    "peak": "peak memory",
    "traffic": "memory access",
}


def name(test: ClaimTest) -> str:
    """What a test is called."""
    return test.name or _NAMES.get(test.quantity, test.quantity)


def shown(said: Said, value: Exact) -> str:
    """A value as the source would say it: 19.8 times, 81.5 % more, 9.19 Ki."""
    read, reading = said.read(value), said.reading
    if _turned(said, value):
        read, reading = -read, {"% more": "% less", "% less": "% more"}[reading]
    return f"{_digits(said, read)} {reading}".rstrip()


def _turned(said: Said, value: Exact) -> bool:
    """Whether a value is as much less as is said to be more, or the other way."""
    return said.reading in ("% more", "% less") and said.read(value) < 0


def _digits(said: Said, read: float) -> str:
    """A number with a digit more than the source prints; with three where it prints none."""
    return number(read) if said.decimals is None else f"{read:,.{said.decimals + 1}f}"


def where(claim: Claim, tested: Tested) -> str:
    """Over which part of the range a test holds; empty where that is all or nothing."""
    return holds_where(claim, tested.segments)


def holds_where(claim: Claim, segments: Sequence[Segment]) -> str:
    """Over which part of the range something holds; empty where that is all or nothing."""
    variable = claim.variable
    if variable is None or len(segments) < 2:
        return ""
    found = []
    for segment in segments:
        if segment.holds:
            if segment.first == variable.range[0]:
                found.append(f"up to {variable.name} = {segment.last}")
            elif segment.last == variable.range[1]:
                found.append(f"from {variable.name} = {segment.first} on")
            else:
                found.append(f"from {variable.name} = {segment.first} to {segment.last}")
    return f"holds {' and '.join(found)}"


def place(claim: Claim, at: int | None) -> str:
    """C = 3; empty where nothing is varied."""
    return f"{claim.variable.name} = {at}" if claim.variable and at is not None else ""


def _at(claim: Claim, at: int | None) -> str:
    return f" at {place(claim, at)}" if at is not None else ""


def at_points(claim: Claim, tested: Tested) -> str:
    """What the rules find at the values that the claim names."""
    values = [shown(tested.test.says, row.value) for row in tested.rows]
    if len(set(values)) == 1:
        return values[0]
    places = (_at(claim, row.at) for row in tested.rows)
    return ", ".join(f"{value}{at}" for value, at in zip(values, places, strict=True))


def measured_at(claim: Claim, point: Point) -> str:
    """A measured value with its interval, and where."""
    return f"{interval(point)}{_at(claim, point.at)}"


def interval(point: Point) -> str:
    """A measured value with its interval, as the source would say it."""
    said, found = point.test.says, point.estimate
    if found is None:
        return NOT_MEASURED
    if found.low is None or found.high is None:
        return shown(said, found.value)
    sign = -1 if _turned(said, found.value) else 1
    low, high = sorted(sign * said.read(end) for end in (found.low, found.high))
    return f"{shown(said, found.value)} [{_digits(said, low)}, {_digits(said, high)}]"


def machine(run: Run) -> str:
    """The machine and the framework of a run, in a few words."""
    first = next((m.environment for m in run.measurements), {})
    words = [f"on {first['cpu']}" if first.get("cpu") else "on this machine"]
    words += [f"{first['cores']} cores"] if first.get("cores") else []
    words += [f"{key} {value}" for key, value in (first.get("versions") or {}).items()]
    return ", ".join(words)
