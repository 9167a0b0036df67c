"""ALLOWANCES: how far times differ on a machine beyond what launches show, once measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnnbench.host import cache, environment


@dataclass(frozen=True, slots=True)
class Allowances:
    """Standard deviations of the logarithms of ratios, beyond what the launches of a run show.

    Args:
        machine: where they were measured, and by which runtime.
        drift: of two runs of the same thing, one after the other.
        layout: of two things side by side in one run.
        runs: how many runs they are from.
    """

    machine: dict[str, Any]
    drift: float
    layout: float
    runs: int


def here(runtime: str) -> dict[str, Any]:
    """What they hold for."""
    known = environment.machine()
    return {"runtime": runtime, **{name: known[name] for name in ("host", "cpu", "cores")}}


def stored(runtime: str) -> dict[str, float]:
    """Those of this machine by name; empty if `doctor --calibrate` was never run on it."""
    found = cache.read("allowances", Allowances, here(runtime), lambda kept: kept.machine)
    return {"drift": found.drift, "layout": found.layout} if found else {}


def keep(found: Allowances) -> str:
    """Store them for the next time; returns why they cannot be stored, or nothing."""
    return cache.write("allowances", found.machine, found)
