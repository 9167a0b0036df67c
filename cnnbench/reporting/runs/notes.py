"""Notes: doubts about estimates, one line each, with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnnbench.stats import Doubt, Estimate

ADVICE = {
    Doubt.SINGLE: "run with two or more --launches",
    Doubt.FEW: "run with more --launches, or continue the run with --resume",
    Doubt.SPREAD: "close other programs, or run with more --launches",
    Doubt.UNPAIRED: "continue the run with --resume to complete its rounds",
    Doubt.SEPARATE: "measure both in turn, three runs or more of each, and compare their folders",
    Doubt.ONLY_FIRST: "give the run more time",
    Doubt.UNSETTLED: "give each launch more time",
    Doubt.DRIFT: "let the machine cool or settle, then run again",
    Doubt.TWO_SPEEDS: "look at the figure of the spread; close other programs",
}
"""What to do about each doubt."""


def notes(estimates: Iterable[tuple[str, Estimate | None]]) -> list[str]:
    """One line for each doubt: what it is, which estimates it concerns, and what to do."""
    names: dict[Doubt, list[str]] = {}
    count = 0
    for name, estimate in estimates:
        count += estimate is not None
        for doubt in estimate.doubts if estimate else ():
            names.setdefault(doubt, []).append(name)
    return [
        f"Note: {doubt}: {listed(names[doubt], count)}. To do: {ADVICE[doubt]}."
        for doubt in Doubt
        if doubt in names
    ]


def listed(names: Sequence[str], of: int, limit: int = 6) -> str:
    """The names if they are few, else how many of all."""
    if len(names) <= limit:
        return ", ".join(names)
    return "all cases" if len(names) == of else f"{len(names)} of {of} cases"
