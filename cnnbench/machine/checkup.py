"""Findings and noise floor in one go."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cnnbench import runtimes
from cnnbench.errors import RuntimeMissingError
from cnnbench.machine import noise
from cnnbench.machine.health import Finding, Health, findings
from cnnbench.runner import session
from cnnbench.runner.loop import Progress

LEAST_S = 1.0


def checkup(
    noise_s: float | None,
    runtime: str,
    progress: Progress,
    told: Callable[[Sequence[Finding]], None] | None,
) -> Health:
    """What can be read, then what must be measured; see `cnnbench.api.doctor`."""
    begin = time.perf_counter()
    runtimes.load(runtime)  # a wrong name is the first thing to say
    found = tuple(findings())
    if told:
        told(found)
    if noise_s is None:
        return Health(found)
    try:
        measuring = session.start(runtime)
    except RuntimeMissingError as error:
        return Health(found, note=f"no noise floor: {error}")
    left = noise_s - (time.perf_counter() - begin)
    floor = noise.measure(measuring, progress, max(left, LEAST_S))
    note = "" if floor else "no noise floor: too few launches gave a time; give it more time"
    return Health(found, floor, note)
