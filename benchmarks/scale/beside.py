"""BESIDE: the same run with a cluster of one worker and without, in turn, on this machine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from benchmarks.runtimes import rows
from cnnbench import stats
from cnnbench.runs import store
from cnnbench.runs.result import ratio, results
from cnnbench.stats import Estimate
from cnnbench.stats.estimate import student

FILE, FAKE = "cluster.csv", "cluster-fake.csv"
"""Of real launches, and of those of the runtime `fake`, which take the time of a process alone."""
HERE, CLUSTER = "here", "cluster"
ADDRESS = "127.0.0.1:8786"
RUN = (
    *("run", "vgg_block", "residual_module", "inception_module", "--input", "32x32x64"),
    *("--batch", "1,8", "--launches", "10", "--time-budget", "10m", "--no-ceilings", "--quiet"),
)
"""All launches that are asked for are made, each as long as a launch may be: no run is cut short
by its time, so all of them do the same."""


@dataclass(frozen=True)
class Beside:
    """A run of one place.

    Args:
        turn: of both places; a turn has one run of each.
        place: `here` or `cluster`.
        wall_s: from the begin of the command to its end, the pages of the report included.
        launches: that were made, counting each case.
        launches_s: the time that these took.
        verdicts: of the pairs of cases that took turns, as `faster slower same`.
    """

    turn: int
    place: str
    wall_s: float
    launches: int
    launches_s: float
    verdicts: str


def record(folder: Path, turns: int, fake: bool) -> None:
    """Add so many turns to the file of the folder."""
    file = folder / (FAKE if fake else FILE)
    first = 1 + max((one.turn for one in rows.read(file, Beside)), default=-1)
    with _cluster():
        for turn in range(first, first + turns):
            for place in (HERE, CLUSTER) if turn % 2 else (CLUSTER, HERE):
                rows.append(file, [_run(turn, place, ["--runtime", "fake"] * fake)])


def overhead(found: Sequence[Beside]) -> Estimate | None:
    """How many times as long a run takes with a cluster, over the turns."""
    return stats.geometric([there / here for here, there in _turns(found)])


def more(found: Sequence[Beside], of_s: float = 1.0) -> Estimate:
    """How much longer a run takes with a cluster, as a share of `of_s` seconds.

    The mean over the turns, with Student's interval.
    """
    each = [(there - here) / of_s for here, there in _turns(found)]
    mean, half = fmean(each), student(len(each) - 1) * stdev(each) / len(each) ** 0.5
    return Estimate(mean, mean - half, mean + half, len(each))


def _turns(found: Sequence[Beside]) -> list[tuple[float, float]]:
    """The seconds of both runs of each turn: without a cluster, and with it."""
    walls = {(one.turn, one.place): one.wall_s for one in found}
    return [(walls[turn, HERE], walls[turn, CLUSTER]) for turn in sorted({n for n, _ in walls})]


def alike(found: Sequence[Beside], one: str, other: str) -> float:
    """The share of pairs of cases that have the same verdict in two runs, over all such runs.

    Two runs of one place show how often chance alone changes a verdict.
    """
    runs = [
        (a, b)
        for a in found
        for b in found
        if (a.place, b.place) == (one, other) and (one != other or a.turn < b.turn)
    ]
    return fmean(
        mine == theirs
        for a, b in runs
        for mine, theirs in zip(a.verdicts.split(), b.verdicts.split(), strict=True)
    )


def _run(turn: int, place: str, more: list[str]) -> Beside:
    with tempfile.TemporaryDirectory(prefix="beside-") as folder:
        out = Path(folder) / "run"
        more = [*more, "--cluster", ADDRESS] if place == CLUSTER else more
        begin = time.perf_counter()
        command = [sys.executable, "-m", "cnnbench", *RUN, "--out", str(out), *more]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall_s = time.perf_counter() - begin
        run = store.read(out)
    cases = {r.case.id: r for r in results(run)[0]}
    ratios = [
        ratio(cases[base], cases[new]) for base, *others in run.plan.together for new in others
    ]
    walls = {(m.launch, m.started): m.wall_s for m in run.measurements}
    return Beside(
        turn,
        place,
        wall_s,
        len(run.measurements),
        sum(walls.values()),
        " ".join(stats.verdict(found) if found else "none" for found in ratios),
    )


@contextmanager
def _cluster() -> Iterator[None]:
    """A scheduler and a worker, as `dask scheduler` and `dask worker` start them."""
    host, _, port = ADDRESS.partition(":")
    dask = [sys.executable, "-m", "dask"]
    commands = (
        [*dask, "scheduler", "--host", host, "--port", port, "--no-dashboard"],
        [*dask, "worker", ADDRESS, "--nthreads", "1", "--no-dashboard"],
    )
    with ExitStack() as running:
        for command in commands:
            process = running.enter_context(
                subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            running.callback(process.terminate)
        time.sleep(5)
        yield
