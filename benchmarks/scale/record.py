"""RECORD: what each stage of a run takes: time, memory, and bytes on the disk."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from benchmarks.runtimes import rows
from benchmarks.scale.simulated import Link
from cnnbench.cases import suites
from cnnbench.cases.plan import Plan
from cnnbench.host.environment import machine
from cnnbench.reporting.runs import page
from cnnbench.runner import cluster, planning, pool
from cnnbench.runner.sampling import peak_of, resident
from cnnbench.runs import store
from cnnbench.runs.store import Store

T = TypeVar("T")

CASES = (1_000, 10_000, 100_000)
WORKERS = 1_000
LAUNCH_S = 1.0
"""How long a launch takes on a worker, about the least that one takes on a real one."""
SEED = 1
FILE, WHERE = "stages.csv", "where.json"
BEFORE = "before.csv"
"""The same of 1,000 cases, recorded once before what was slow was changed (commit b1eed2d)."""

FILTERS, CONVOLUTIONS = (8, 16, 24, 32, 40, 48, 56, 64, 72, 80), (1, 2, 3, 4, 5)
SIZES, CHANNELS = (8, 12, 16, 24, 32), (1, 3, 4, 8)
"""The space: each of these with as many batches as the cases take."""


@dataclass(frozen=True)
class Stage:
    """What a stage took in the process that runs everything.

    Args:
        cases: of the run; each is launched once.
        workers: that make the launches.
        launch_s: seconds that each waits.
        stage: its name.
        wall_s: seconds.
        cpu_s: processor time, without that of the simulated workers.
        peak_bytes: rise of the peak memory over it.
        kept_bytes: rise of the memory from its begin to its end.
        written_bytes: by which files grew.
    """

    cases: int
    workers: int
    launch_s: float
    stage: str
    wall_s: float
    cpu_s: float
    peak_bytes: int
    kept_bytes: int
    written_bytes: int


def suite(cases: int) -> str:
    """A sweep over the design space of a VGG block, as a user would write it."""
    networks = [(filters, depth) for filters in FILTERS for depth in CONVOLUTIONS]
    inputs = [f"{size}x{size}x{channels}" for size in SIZES for channels in CHANNELS]
    batches, rest = divmod(cases, len(networks) * len(inputs))
    if rest:  # a small run: fewer networks
        networks, batches = networks[: max(cases // len(inputs), 1)], 1
    tables = [
        f'[[block]]\nname = "{depth} convolutions, {filters} filters"\ntarget = "vgg_block"\n'
        f"params = {{ n_filters = {filters}, n_conv = {depth} }}\n"
        f"inputs = {json.dumps(inputs)}\nbatches = {list(range(1, batches + 1))}\n"
        for filters, depth in networks
    ]
    return "\n".join(['name = "scale"\nlaunches = 1\n', *tables])


class Timed:
    """A store that knows how long its writing took."""

    def __init__(self, file: Store) -> None:
        self._file = file
        self.wall_s = self.cpu_s = 0.0

    def append(self, kind: str, data: dict[str, Any]) -> None:
        """Write a line."""
        self._timed(lambda: self._file.append(kind, data))

    def extend(self, lines: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Write some."""
        self._timed(lambda: self._file.extend(lines))

    def _timed(self, write: Callable[[], None]) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        write()
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.thread_time() - cpu


def one(work: Path, cases: int, workers: int, launch_s: float) -> None:
    """Make a run of so many cases; prints a line a stage."""
    link = Link(workers, launch_s)
    file, folder = work / "scale.toml", work / "run"
    file.write_text(suite(cases))
    with patch.object(cluster, "connected", lambda _: nullcontext(link)):
        with pool.joined(link.address, ["fake"]) as joined:

            def planned() -> Plan:
                wanted = suites.load(str(file))
                fields = {"launches": 1, "seed": SEED, "time_budget_s": 1e6}
                return planning.plan(wanted, joined.places(), joined, 120.0, **fields)

            plan, stage = measured("plan", planned, link)
            report(stage, plan, link, workers, launch_s)
            link.plan = plan
            created, writing = measured("store", lambda: store.create(folder, plan), link)
            with created as stored:
                timed = Timed(stored)
                ending, stage = measured("schedule", lambda: joined.run(plan, timed), link)
        assert (ending.reason, ending.measured) == ("done", len(plan.cases)), ending
        stage["wall_s"] -= timed.wall_s
        stage["cpu_s"] -= timed.cpu_s
        report(stage, plan, link, workers, launch_s)
        writing["wall_s"] += timed.wall_s
        writing["cpu_s"] += timed.cpu_s
        size = (folder / store.FILE).stat().st_size
        report({**writing, "written_bytes": size}, plan, link, workers, launch_s)
    _, stage = measured("report", lambda: page.write(folder), link)
    size = sum(path.stat().st_size for path in folder.iterdir()) - size
    report({**stage, "written_bytes": size}, plan, link, workers, launch_s)


def measured(name: str, call: Callable[[], T], link: Link) -> tuple[T, dict[str, Any]]:
    """What a call returns, and what it took."""
    found: list[T] = []
    before, wall = resident() or 0, time.perf_counter()
    cpu = time.process_time() - link.cpu_s
    peak, _ = peak_of(lambda: found.append(call()))
    return found[0], {
        "stage": name,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - link.cpu_s - cpu,
        "peak_bytes": peak,
        "kept_bytes": (resident() or 0) - before,
        "written_bytes": 0,
    }


def report(stage: dict[str, Any], plan: Plan, link: Link, workers: int, launch_s: float) -> None:
    """Print a stage, for whoever started this process."""
    row = Stage(cases=len(plan.cases), workers=workers, launch_s=launch_s, **stage)
    print(json.dumps(asdict(row)), flush=True)


def record(out: Path, cases: Sequence[int], workers: int, launch_s: float) -> None:
    """Measure runs of so many cases, each in a process of its own."""
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).unlink(missing_ok=True)
    given = f"--workers {workers} --seconds {launch_s:g}"
    for number in cases:
        command = [sys.executable, "-m", "benchmarks.scale", "one", *given.split()]
        with subprocess.Popen(
            [*command, "--cases", str(number)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            for line in process.stdout:
                print(line, end="", flush=True)
                rows.append(out / FILE, [Stage(**json.loads(line))])
        if process.returncode:
            raise RuntimeError(f"{number} cases: status {process.returncode}")
    where = {
        **{name: machine()[name] for name in ("cpu", "cores", "platform")},
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
        "seed": SEED,
        "command": f"python -m benchmarks.scale run {given}",
    }
    (out / WHERE).write_text(json.dumps(where, indent=2) + "\n")
