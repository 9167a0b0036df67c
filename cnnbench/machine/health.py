"""Whether this machine is fit for timing: what disturbs it, and the difference that it can resolve.

That difference is the noise floor. To measure it, one block is launched again and again beside the
reference of all runs. The two processes take turns, as two blocks do that a run compares. The true
ratio of their times is always the same, so the scatter of the measured ratios is noise. The 95 %
interval over n launches follows from the standard deviation of their logarithms with Student's t,
and from the differences that no launch can show (`stats.LAYOUT`). A difference of half its width is
detected half of the time.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnbench import runtimes, stats, units
from cnnbench.cases.case import Case
from cnnbench.host import allowances, environment, hardware
from cnnbench.host.allowances import Allowances
from cnnbench.records import Record, one_line
from cnnbench.runs.result import Result, result
from cnnbench.stats import LAYOUT, Estimate
from cnnbench.stats.estimate import half_interval

if TYPE_CHECKING:
    from cnnbench.runner.loop import Progress
    from cnnbench.runner.session import Session

BUSY = 0.2
"""From this load a core on, other programs take time that is measured as ours."""
STOLEN = 0.01
"""From this share on, the time that other guests of the host take is worth a warning."""
LITTLE_MEMORY = 2**30
COARSE_NS = 1000
"""A clock with larger steps shows them in a call of one millisecond."""
READS = 20_000

CASE = Case("residual_module", ((32, 32, 64),), label="noise floor")
"""A block of common size: some milliseconds a call."""

MOST_LAUNCHES = 30
LAUNCHES = (2, 3, 5, 10, 20)
"""Launches a case for which the smallest difference is shown."""


PAIR = (CASE, replace(CASE, params={"n_filters": 32}, label="beside it"))
RUNS = 6
"""Runs from which allowances are measured; each starts the runtime anew."""
RUN_LAUNCHES = 8
PADDING = "CNNBENCH_PADDING"
"""A variable of another length in each of these runs: it moves what lies behind it in memory."""
PAGE_BYTES = 4096


class HealthStatus(StrEnum):
    """What a finding means for timing."""

    OK = "ok"
    WARN = "warn"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HealthFinding(Record):
    """One property of the machine, what it means for timing, and what to do about it."""

    what: str
    value: str
    verdict: HealthStatus
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Noise(Record):
    """How much launches of the same case differ, and the time of one call.

    `deviation` is the standard deviation of the logarithms of the ratio to the reference.
    """

    case: Case
    time: Estimate
    launches: int
    deviation: float

    def __repr__(self) -> str:
        percent = f"{100 * self.deviation:.1f} %"
        return one_line(self, self.case.target, f"{percent} over {self.launches} launches")

    def resolved(self, launches: int) -> float:
        """The smallest difference that this many launches a case can resolve: 0.05 is 5 %."""
        half = half_interval(self.deviation / math.sqrt(launches), launches - 1, LAYOUT)
        return math.exp(half) - 1

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "case": self.case.id,
            "seconds": self.time.value,
            "launches": self.launches,
            "deviation": self.deviation,
            "smallest_difference": {str(n): self.resolved(n) for n in LAUNCHES},
        }


@dataclass(frozen=True, slots=True)
class Health(Record):
    """The findings; the noise floor or the allowances if measured; `note` says why not."""

    findings: tuple[HealthFinding, ...]
    noise: Noise | None = None
    allowances: Allowances | None = None
    note: str = ""

    def __repr__(self) -> str:
        warnings = sum(f.verdict is HealthStatus.WARN for f in self.findings)
        noise = [str(self.noise)] if self.noise else []
        return one_line(self, f"{len(self.findings)} findings", f"{warnings} warnings", *noise)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "noise": self.noise and self.noise.to_json(),
            "allowances": self.allowances and asdict(self.allowances),
            "note": self.note,
        }


def findings_there(_: Session, __: Progress) -> list[HealthFinding]:
    """The same as `findings` on a machine of a cluster, which is named first."""
    machine = environment.machine()
    name = f"{machine['host']}, {machine['cpu']}"
    return [HealthFinding("machine", name, HealthStatus.OK), *findings()]


def findings(root: Path = hardware.ROOT, cores: int | None = None) -> list[HealthFinding]:
    """Everything that can disturb timing; what cannot be read here is unknown, never an error.

    The kernel's files are read under `root`; the system is asked for usable `cores` if None.
    """
    import psutil

    usable = cores or environment.cores()
    governors, turbo = hardware.governors(root), hardware.turbo(root)
    guest, stolen = hardware.virtual(root), hardware.stolen(root)
    load = psutil.getloadavg()[0]  # on Windows too, where it is 0 in the first seconds
    pages = hardware.huge_pages(root)
    return [
        _cores(root, usable),
        _quota(root, usable),
        _judged(
            "frequency governor",
            ", ".join(governors) or None,
            governors != ["performance"],
            "the clock follows the load: sudo cpupower frequency-set -g performance",
        ),
        _judged(
            "turbo",
            None if turbo is None else "on" if turbo else "off",
            bool(turbo),
            "the clock depends on temperature and on other cores: switch it off for fine "
            "comparisons",
        ),
        _judged(
            "virtual machine",
            None if guest is None else "yes" if guest else "no",
            bool(guest),
            "other guests may take the processor: compare within one run, with more --launches",
        ),
        _judged(
            "time given to other guests",
            None if stolen is None else f"{100 * stolen:.2g} % since the start",
            (stolen or 0) > STOLEN,
            "measure at another hour or on another host",
        ),
        _judged(
            "load (1 min)",
            f"{load:.2f} on {usable} core{'s' * (usable > 1)}",
            load > BUSY * usable,
            "close other programs, or wait until they are done",
        ),
        _power(),
        _memory(root),
        _swap(),
        _judged(
            "transparent huge pages",
            pages,
            pages == "always",
            "measured peaks of memory round up to 2 MiB: set them to madvise",
        ),
        _clock(root),
    ]


def _judged(what: str, value: str | None, bad: bool, advice: str) -> HealthFinding:
    if value is None:
        return HealthFinding(what, "not readable here", HealthStatus.UNKNOWN)
    if bad:
        return HealthFinding(what, value, HealthStatus.WARN, advice)
    return HealthFinding(what, value, HealthStatus.OK)


def _cores(root: Path, usable: int) -> HealthFinding:
    threads = hardware.siblings(root)
    value = f"{usable} usable of {os.cpu_count() or usable}"
    if threads is not None:
        value += f", {threads} hardware thread{'s' * (threads > 1)} a core"
    return _judged(
        "cores",
        value,
        (threads or 1) > 1,
        "threads of one core slow each other down: "
        f"try --threads {max(usable // (threads or 1), 1)}",
    )


def _quota(root: Path, usable: int) -> HealthFinding:
    quota, stops = hardware.cpu_quota(root), hardware.throttled(root)
    value: str | None = "none" if (root / hardware.GROUPS).exists() else None
    if quota is not None:
        value = f"{quota:.3g} cores, stopped {stops or 0} times so far"
    return _judged(
        "container's CPU limit",
        value,
        quota is not None and quota < usable,
        "the container is stopped in the middle of calls: "
        f"use --threads {max(int(quota or 1), 1)}, or raise the limit",
    )


def _power() -> HealthFinding:
    import psutil

    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, ValueError):  # not offered here, or with strange files
        return _judged("power", None, False, "")
    on_battery = battery is not None and battery.power_plugged is False
    value = "battery" if on_battery else "mains" if battery else "no battery"
    return _judged("power", value, on_battery, "plug it in: clocks are lower on battery")


def _memory(root: Path) -> HealthFinding:
    import psutil

    memory, limit = psutil.virtual_memory(), hardware.memory_limit(root)
    room = hardware.memory_room(root)
    value = f"{units.binary(memory.available)} available of {units.binary(memory.total)}"
    if limit is not None and limit < memory.total:
        value += f", container's limit {units.binary(limit)}"
    return _judged(
        "memory",
        value,
        min(memory.available, memory.available if room is None else room) < LITTLE_MEMORY,
        "large cases will be skipped or killed: free some, or raise the limit",
    )


def _swap() -> HealthFinding:
    import psutil

    try:
        swap = psutil.swap_memory()
    except (OSError, RuntimeError):  # a container may hide these files
        return _judged("swap in use", None, False, "")
    return _judged(
        "swap in use",
        f"{units.binary(swap.used)} of {units.binary(swap.total)}" if swap.total else "no swap",
        swap.used > 0,
        "a page that must be read back takes milliseconds: free memory, then swapoff -a",
    )


def _clock(root: Path) -> HealthFinding:
    step, cost = clock_step(time.perf_counter_ns)
    source = hardware.text(root, "sys/devices/system/clocksource/clocksource0/current_clocksource")
    value = f"steps of {step} ns, {cost:.0f} ns a reading"
    return _judged(
        "clock",
        value + (f", from {source}" if source else ""),
        max(step, cost) > COARSE_NS,
        "short calls cannot be told apart: measure larger batches, or boot with clocksource=tsc",
    )


def clock_step(clock: Callable[[], int]) -> tuple[int, float]:
    """The smallest step of a clock and the time that one reading takes, both in nanoseconds.

    That time is taken from the fastest thousand readings in a row; others may have been
    interrupted.
    """
    times = [clock() for _ in range(READS)]
    steps = [b - a for a, b in pairwise(times) if b > a]
    thousands = pairwise(times[::1000])
    return min(steps, default=0), min((b - a) / 1000 for a, b in thousands)


def measure_noise(session: Session, progress: Progress | None, budget_s: float) -> Noise | None:
    """Launch the case until the budget is spent; None if too few launches gave a time."""
    run = session.measure(
        [CASE], progress, launches=MOST_LAUNCHES, time_budget_s=budget_s, reference=True
    )
    return noise(result(CASE, run.plan.paper(CASE), run.measurements))


def noise(measured: Result) -> Noise | None:
    """The noise of launches beside references; None for fewer than two launches."""
    paces = _log_paces(measured)
    if measured.time is None or len(paces) < 2:
        return None
    return Noise(measured.case, measured.time, len(paces), float(np.std(paces, ddof=1)))


def _log_paces(measured: Result) -> list[float]:
    """The logarithm of the pace of each launch."""
    return [math.log(pace.value) for pace in measured.paces(measured.references).values()]


def measure_allowances(
    start: Callable[[], Session], progress: Progress | None, budget_s: float
) -> Allowances | None:
    """Measure the same two blocks in several runs; None if too few gave times.

    Each run starts its runtime anew, in an environment of another size, so that code and data lie
    elsewhere (Mytkowicz et al., ASPLOS 2009). What the runs differ by beyond their launches is the
    allowance: between the ratios of the two blocks the layout, and between the paces of one beside
    the reference, for the difference of two runs, the drift.
    """
    paces, ratios = [], []
    for number in range(RUNS):
        with _padded(number * PAGE_BYTES // RUNS):
            measuring = start()
            (runtime,) = measuring.asked
            mode, *_ = runtimes.load(runtime).MODES
            pair = [replace(case, runtime=runtime, mode=mode) for case in PAIR]
            run = measuring.measure(
                pair,
                progress,
                runtime=runtime,
                launches=RUN_LAUNCHES,
                time_budget_s=budget_s / RUNS,
                reference=True,
                together=(tuple(case.id for case in pair),),
            )
        base, new = (result(case, run.plan.paper(case), run.measurements) for case in pair)
        beside = [
            stats.relative(turns, new.turns[launch])
            for launch, turns in base.turns.items()
            if launch in new.turns
        ]
        paces.append(_log_paces(base))
        ratios.append([math.log(ratio) for ratio in beside if ratio])
    if min(map(len, (*paces, *ratios))) < 2:
        return None
    drift, layout = math.sqrt(2) * stats.excess(paces), stats.excess(ratios)
    return Allowances(allowances.here(runtime), drift, layout, RUNS)


@contextmanager
def _padded(size: int) -> Iterator[None]:
    os.environ[PADDING] = "x" * size
    try:
        yield
    finally:
        del os.environ[PADDING]
