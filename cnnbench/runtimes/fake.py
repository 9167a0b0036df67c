"""A runtime that computes its times instead of measuring them; nothing to install.

One call takes 20 us, plus 10 us a layer, plus 1 ns per 100 FLOPs, a training step three times
that, and the first two calls of a process ten and two times as long. Launches differ by a few
percent, by the same ones in every run. Threads share nine tenths of a call; clients queue
for as much. So runner, store and report can be tried, and tested exactly, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random
from threading import local
from typing import Any

from cnnbench.cases.answer import Check, LaunchProfile, Operation
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.runtimes import Order, Prepared

MODES = ("graph", "eager", "xla", "predict", "train")
SERIAL = {"train": "a step changes the weights"}
PROFILES = ("graph",)
PRELOAD: tuple[str, ...] = ()
ENVIRONMENT: dict[str, str] = {}
SIMULATED = True
BUILD_NS, COMPILE_NS = 2_000_000, 5_000_000
"""A layer: to build, and to trace."""


class _Time(local):
    """Nanoseconds that have passed for a thread."""

    ns = 0


def describe() -> dict[str, Any]:
    """One simulated CPU."""
    return {"versions": {"fake": "1"}, "devices": {"cpu": ["simulated"], "gpu": []}}


def call_ns(case: Case, paper: Paper) -> int:
    """Nanoseconds of one steady call, before noise."""
    forward = 20_000 + 10_000 * (len(paper.cost.layers) - 1) + paper.cost.flops // 100
    whole = 3 * forward if case.mode == "train" else forward
    if case.threads:
        whole = whole // 10 + 9 * whole // (10 * case.threads)
    return whole + (case.clients - 1) * 9 * whole // 10


def prepare(order: Order) -> Prepared:
    """A step that moves a clock of its own."""
    case, paper = order.case, order.paper or order.case.paper()
    noise = Random(f"{case.id} {order.seed}")
    drift = noise.gauss(1.0, 0.03)
    base, layers = call_ns(case, paper), len(paper.cost.layers)
    time, clients = _Time(), count(1)

    def client(noise: Random) -> Callable[[], None]:
        calls = count()

        def step() -> None:
            slow = {0: 10, 1: 2}.get(next(calls), 1)
            time.ns += int(base * slow * drift * noise.gauss(1.0, 0.01))

        return step

    def new_batch() -> None:
        time.ns += COMPILE_NS * layers + 10 * base

    def peak_of(call: Callable[[], object]) -> tuple[int, str]:
        call()
        return int(paper.cost.peak_activation_bytes * 1.05), "device"

    def profiled(_: int) -> LaunchProfile:
        operations = (
            Operation(
                (f"{layer.name}/{layer.op}",), layer.op, drift * (10_000 + layer.flops // 100)
            )
            for layer in paper.cost.layers
            if layer.op != "InputLayer"
        )
        return LaunchProfile(tuple(operations), 1.01 * drift * base)

    return Prepared(
        step=client(noise),
        check=Check(layers, paper.cost.params),
        clock=lambda: time.ns,
        device_peak_of=peak_of,
        new_batch=new_batch,
        profile=profiled,
        client=lambda: client(Random(f"{case.id} {order.seed} {next(clients)}")),
        build_ns=BUILD_NS * layers,
        compile_ns=COMPILE_NS * layers,
    )
