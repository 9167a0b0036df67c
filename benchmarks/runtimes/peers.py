"""PEERS: the time of a call as we measure it, and as somebody else does, round by round.

OpenVINO's own `benchmark_app` runs the file that we exported, and a loop written by hand runs the
network on TensorFlow. Each side is a new process in each round; the order changes from round to
round, so that a machine that becomes slower is on nobody's side.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median

from scipy.stats import quantile_test

from benchmarks.runtimes import rows
from cnnbench import stats
from cnnbench.cases.case import Case, sizes
from cnnbench.cases.plan import Plan
from cnnbench.host.environment import available_memory, environment
from cnnbench.runner import exports, launching, session
from cnnbench.runner.schedule import Launch
from cnnbench.runs import store
from cnnbench.stats import Estimate

SIZE = 224
CASES = (
    *(
        Case(name, (SIZE, SIZE, 3), mode=mode, runtime=runtime)
        for name in ("MobileNetV2", "ResNet50")
        for runtime, mode in (("openvino", "infer"), ("tensorflow", "graph"))
    ),
    Case("residual_module", (112, 112, 64), mode="infer", runtime="openvino"),
)
"""Two applications, and a block that returns 3 MiB. `benchmark_app` prints two decimals of a
millisecond, which must be little beside the time of a call."""

PEERS = {"openvino": "benchmark_app", "tensorflow": "a loop"}
ROUNDS = 40
SECONDS = 2
"""Of calls in a process."""

MARGIN = 0.03
FILE = "peers.csv"


@dataclass(frozen=True)
class Round:
    """The time of a call in one process of each side, the median in seconds."""

    runtime: str
    network: str
    number: int
    first: str
    ours_s: float
    theirs_s: float
    threads: int
    cpu: str
    version: str


def record(out: Path, minutes: float, rounds: int) -> None:
    """Make the rounds that the file does not have yet."""
    made = {(r.runtime, r.network, r.number) for r in rows.read(out / FILE, Round)}
    todo = [
        (case, f"{case.name} {sizes(case.inputs)}", number)
        for number in range(rounds)
        for case in CASES
    ]
    measuring = session.start(*PEERS)
    where = environment({"versions": {}, "devices": {}}, None)
    cores = where["cores"]
    plan = Plan("peers", "", CASES, threads=cores)

    def ours(case: Case, number: int) -> float:
        launch = Launch((case,), number)
        (found,), _ = launching.measure(plan, launch, SECONDS, measuring, ready=ready)
        if not found.ok:
            raise RuntimeError(f"{case.id}: {found.outcome}: {found.detail}")
        return stats.medians([found.samples_ns])[0] / 1e9

    def theirs(case: Case, _: int) -> float:
        model = ready.files[case.id].model
        return benchmark_app(model, cores) if model else by_hand(case, cores)

    with (
        tempfile.TemporaryDirectory() as folder,
        store.create(Path(folder) / "run", plan) as file,
        exports.made(plan, file, measuring, available_memory, print) as ready,
    ):
        end = time.monotonic() + 60 * minutes
        for case, network, number in todo:
            if (case.runtime, network, number) in made:
                continue
            if time.monotonic() > end:
                break
            sides = (ours, theirs) if number % 2 else (theirs, ours)
            times = {side.__name__: side(case, number) for side in sides}
            row = Round(
                runtime=case.runtime,
                network=network,
                number=number,
                first=sides[0].__name__,
                ours_s=times["ours"],
                theirs_s=times["theirs"],
                threads=cores,
                cpu=where["cpu"],
                version=measuring.described[case.runtime].versions[case.runtime],
            )
            rows.append(out / FILE, [row])
            print(f"{number + 1} of {rounds}: {network} on {case.runtime}: {times}", flush=True)


def benchmark_app(model: Path, threads: int) -> float:
    """The median latency that OpenVINO's own tool prints, in seconds.

    It refuses a number of threads beside a hint; one stream is what the hint LATENCY sets. Without
    `-ip` it would have an input of bytes, which the network converts.
    """
    options = {
        "-m": model,
        "-d": "CPU",
        "-api": "sync",
        "-hint": "none",
        "-nstreams": 1,
        "-nthreads": threads,
        "-infer_precision": "f32",
        "-ip": "f32",
        "-t": SECONDS,
    }
    said = _said([Path(sys.executable).with_name("benchmark_app"), *chain(*options.items())])
    return latency(said)


def latency(said: str) -> float:
    """The median in what `benchmark_app` prints, in seconds."""
    (line,) = (line for line in said.splitlines() if "Median:" in line)
    value, unit = line.split()[-2:]
    assert unit == "ms", line
    return float(value) / 1e3


def by_hand(case: Case, threads: int) -> float:
    """What the loop prints."""
    script = Path(__file__).with_name("loop.py")
    return float(_said([sys.executable, script, case.target, SIZE, threads, SECONDS]))


def _said(command: Sequence[object]) -> str:
    quiet = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2", "CI": "true"}
    done = subprocess.run(
        list(map(str, command)),
        env=os.environ | quiet,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def ratio(rounds: Sequence[Round]) -> Estimate:
    """How many times as long a call takes in our process as in theirs, the median over rounds.

    The interval is that of order statistics, which no single bad round moves; its ends are not a
    number if there are fewer than six rounds.
    """
    ratios = [r.ours_s / r.theirs_s for r in rounds]
    low, high = quantile_test(ratios, p=0.5).confidence_interval(stats.LEVEL)
    return Estimate(median(ratios), low, high, len(ratios))


def equal(found: Estimate) -> str:
    """Whether all of the interval is within the margin of 1: yes, no, or open."""
    least, most = 1 / (1 + MARGIN), 1 + MARGIN
    if least <= found.low and found.high <= most:
        return "yes"
    return "**no**" if found.high < least or found.low > most else "open"
