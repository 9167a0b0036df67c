"""The health of the machine and its noise floor together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from cnnbench import runtimes
from cnnbench.errors import RuntimeMissingError
from cnnbench.machine import noise
from cnnbench.machine.health import Health, findings
from cnnbench.runner import session
from cnnbench.runner.loop import Progress

LEAST_S = 1.0


def checkup(
    noise_s: float | None,
    runtime: str,
    progress: Progress,
    told: Callable[[Health], None] | None,
) -> Health:
    """First what can be read, then what must be measured; see `cnnbench.api.doctor`."""
    begin = time.perf_counter()
    runtimes.load(runtime)  # so that a wrong name is refused first
    health = Health(tuple(findings()))
    if told:
        told(health)
    if noise_s is None:
        return health
    try:
        measuring = session.start(runtime)
    except RuntimeMissingError as error:
        return replace(health, note=f"no noise floor: {error}")
    left = noise_s - (time.perf_counter() - begin)
    floor = noise.measure(measuring, progress, max(left, LEAST_S))
    note = "" if floor else "no noise floor: too few launches gave a time; give it more time"
    return replace(health, noise=floor, note=note)
