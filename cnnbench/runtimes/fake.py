"""A runtime that computes its times instead of measuring them; nothing to install.

One call takes 20 us, plus 10 us a layer, plus 1 ns per 100 FLOPs, a training step three times
that, and the first two calls of a process ten and two times as long. Launches differ by a few
percent, by the same ones in every run. So runner, store and report can be tried, and tested
exactly, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from cnnbench.cases.answer import Check
from cnnbench.cases.case import Case
from cnnbench.runtimes import Prepared

PRELOAD: tuple[str, ...] = ()
ENVIRONMENT: dict[str, str] = {}


def describe() -> dict[str, Any]:
    """One simulated CPU."""
    return {"versions": {"fake": "1"}, "devices": {"cpu": ["simulated"], "gpu": []}}


def call_ns(case: Case) -> int:
    """Nanoseconds of one steady call, before noise."""
    cost = case.cost()
    forward = 20_000 + 10_000 * (len(cost.layers) - 1) + cost.flops // 100
    return 3 * forward if case.mode == "train" else forward


def prepare(case: Case, seed: int, threads: int | None = None) -> Prepared:
    """A step that moves a clock of its own."""
    cost = case.cost()
    noise = Random(f"{case.id} {seed}")
    drift = noise.gauss(1.0, 0.03)
    base = call_ns(case)
    now = calls = 0

    def step() -> None:
        nonlocal now, calls
        slow = {0: 10, 1: 2}.get(calls, 1)
        now += int(base * slow * drift * noise.gauss(1.0, 0.01))
        calls += 1

    def peak_of(call: Callable[[], object]) -> int:
        call()
        return int(cost.peak_activation_bytes * 1.05)

    return Prepared(
        step=step,
        check=Check(len(cost.layers), cost.params),
        clock=lambda: now,
        device_peak_of=peak_of,
    )
