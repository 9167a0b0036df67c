"""How tables, pages and figures name the parts of a claim and write its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cnnbench import units
from cnnbench.claims.entry import Claim
from cnnbench.claims.judged import MeasuredValue
from cnnbench.claims.on_paper import Segment, Tested
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
"""How values of each quantity are written."""


def shown(said: Said, value: Exact) -> str:
    """A value as the source would write it: 19.8 times, 81.5 % more, 9.19 Ki."""
    read, reading = said.read(value), said.reading
    if _turned(said, value):
        read, reading = -read, {"% more": "% less", "% less": "% more"}[reading]
    return f"{_digits(said, read)} {reading}".rstrip()


def _turned(said: Said, value: Exact) -> bool:
    """Whether the value is less where the source says more, or more where it says less."""
    return said.reading in ("% more", "% less") and said.read(value) < 0


def _digits(said: Said, read: float) -> str:
    """A number with one digit more than the source prints; with three where it prints none."""
    return number(read) if said.decimals is None else f"{read:,.{said.decimals + 1}f}"


def holds_where(claim: Claim, segments: Sequence[Segment]) -> str:
    """In which part of the range a test holds; empty where it holds everywhere or nowhere."""
    variable = claim.variable
    if variable is None or len(segments) < 2:
        return ""
    parts = []
    for first, last in ((s.first, s.last) for s in segments if s.holds):
        if first == variable.range[0]:
            parts.append(f"up to {variable.name} = {last}")
        else:
            end = "on" if last == variable.range[1] else f"to {last}"
            parts.append(f"from {variable.name} = {first} {end}")
    return f"holds {' and '.join(parts)}"


def place(claim: Claim, at: int | None) -> str:
    """C = 3; empty where nothing is varied."""
    return f"{claim.variable.name} = {at}" if claim.variable and at is not None else ""


def at(claim: Claim, value: int | None) -> str:
    """The same after a number: " at C = 3"."""
    return f" at {place(claim, value)}" if value is not None else ""


def at_points(claim: Claim, tested: Tested) -> str:
    """The results on paper at the values that the claim names."""
    texts = [shown(tested.test.says, value.value) for value in tested.values]
    if len(set(texts)) == 1:
        return texts[0]
    places = (at(claim, value.at) for value in tested.values)
    return ", ".join(map("".join, zip(texts, places, strict=True)))


def interval(value: MeasuredValue) -> str:
    """A measured value with its interval, as the source would write it."""
    said, estimate = value.test.says, value.estimate
    if estimate is None:
        return NOT_MEASURED
    if estimate.low is None or estimate.high is None:
        return shown(said, estimate.value)
    sign = -1 if _turned(said, estimate.value) else 1
    low, high = sorted(sign * said.read(end) for end in (estimate.low, estimate.high))
    return f"{shown(said, estimate.value)} [{_digits(said, low)}, {_digits(said, high)}]"


def machine(run: Run) -> str:
    """The machine and the framework of a run, in a few words."""
    first = next((m.environment for m in run.measurements), {})
    words = [f"on {first['cpu']}" if first.get("cpu") else "on this machine"]
    words += [f"{first['cores']} cores"] if first.get("cores") else []
    words += [f"{key} {value}" for key, value in (first.get("versions") or {}).items()]
    return ", ".join(words)
