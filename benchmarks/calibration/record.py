"""RECORD: pairs of launches between which there is no difference."""

from __future__ import annotations

import gzip
import time
from dataclasses import replace
from pathlib import Path
from random import Random

from benchmarks.calibration import FOLDER
from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.runner import loop, session
from cnnbench.runner.schedule import Launch
from cnnbench.runs import store
from cnnbench.runs.store import Measurement

CASES = (
    Case("naive_inception_module", (32, 32, 3)),
    Case("inception_module", (28, 28, 192)),
    Case("vgg_block", (32, 32, 3)),
    Case("residual_module", (16, 16, 64)),
    Case("residual_bottleneck", (16, 16, 256)),
)
PAIRS = 20
"""Of each case."""

ROUNDS = 8
SLICE_S = 0.3
SIDES = ("base", "new")
FILE = FOLDER / f"{store.FILE}.gz"


def sides(number: int, case: Case) -> tuple[Case, ...]:
    """Both sides of a pair: the same case under two labels."""
    return tuple(replace(case, label=f"{side} {number}") for side in SIDES)


def launches() -> list[Launch]:
    """Every round in its own random order, so that the launches of a pair lie far apart."""
    every = [sides(number, case) for case in CASES for number in range(PAIRS)]
    order = []
    for number in range(ROUNDS):
        Random(number).shuffle(every)
        order += [Launch(pair, number, loop.REFERENCE) for pair in every]
    return order


def record(minutes: float) -> None:
    """Make the launches that the recording does not have yet."""
    end = time.monotonic() + 60 * minutes
    plan = Plan(
        "calibration",
        "cases beside themselves",
        CASES,
        launches=ROUNDS,
        reference=True,
        command="python -m benchmarks.calibration record",
    )
    done = {(m.case.id, m.case.label, m.launch) for m in read()} if FILE.exists() else set()
    measuring = session.start(*plan.runtimes)
    if not done:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with store.create(FOLDER, plan):
            pass
    else:
        (FOLDER / store.FILE).write_bytes(gzip.decompress(FILE.read_bytes()))
    with store.resume(FOLDER) as file:
        for count, launch in enumerate(launches()):
            first = launch.cases[0]
            if (first.id, first.label, launch.number) in done:
                continue
            if time.monotonic() > end:
                break
            found, _ = loop.measure(plan, launch, SLICE_S, measuring)
            for measurement in found:
                file.append("launch", measurement.to_json())
            print(f"{count + 1} of {len(launches())}", end="\r", flush=True)
    # The same bytes for the same recording: no name and no time in the archive.
    plain = FOLDER / store.FILE
    FILE.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    plain.unlink()


def read(file: Path = FILE) -> tuple[Measurement, ...]:
    """The recording, in the order in which it was made."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / store.FILE).write_bytes(gzip.decompress(file.read_bytes()))
        return store.read(Path(folder)).measurements
