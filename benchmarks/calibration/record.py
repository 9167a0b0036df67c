"""RECORD: pairs of launches between which there is no difference."""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from benchmarks.calibration import FOLDER
from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.host.environment import available_memory
from cnnbench.runner import exports, launching, session
from cnnbench.runner.schedule import Launch
from cnnbench.runs import store
from cnnbench.runs.store import Measurement, Store

CASES = (
    Case("naive_inception_module", (32, 32, 3)),
    Case("inception_module", (28, 28, 192)),
    Case("vgg_block", (32, 32, 3)),
    Case("residual_module", (16, 16, 64)),
    Case("residual_bottleneck", (16, 16, 256)),
)
SIDES = ("base", "new")


def sides(number: int, case: Case) -> tuple[Case, ...]:
    """Both sides of a pair: the same case under two labels."""
    return tuple(replace(case, label=f"{side} {number}") for side in SIDES)


@dataclass(frozen=True)
class Recording:
    """Cases that are launched beside themselves, and the folder of what was measured.

    Args:
        folder: of the file.
        command: that makes it.
        cases: what is launched.
        pairs: of each case.
        rounds: launches of each pair.
        slice_s: seconds of calls of each side of a launch.
    """

    folder: Path
    command: str
    cases: tuple[Case, ...]
    pairs: int = 20
    rounds: int = 8
    slice_s: float = 0.3

    @property
    def file(self) -> Path:
        """The measurements, packed."""
        return self.folder / f"{store.FILE}.gz"

    def launches(self, references: tuple[Case, ...]) -> list[Launch]:
        """Every round in its own random order, so that the launches of a pair lie far apart."""
        every = [sides(number, case) for case in self.cases for number in range(self.pairs)]
        order = []
        for number in range(self.rounds):
            Random(number).shuffle(every)
            order += [Launch(pair, number, references) for pair in every]
        return order

    def record(self, minutes: float) -> None:
        """Make the launches that the recording does not have yet, for so long at most."""
        plan = Plan(
            "calibration",
            "cases beside themselves",
            self.cases,
            launches=self.rounds,
            reference=True,
            command=self.command,
        )
        measuring = session.start(*plan.runtimes)
        with (
            self._unpacked(plan) as file,
            exports.made(plan, file, measuring, available_memory, print) as ready,
        ):
            end = time.monotonic() + 60 * minutes
            done = {
                (m.case.id, m.case.label, m.launch) for m in store.read(self.folder).measurements
            }
            builder = measuring.builder
            launches = self.launches(
                tuple(replace(reference, runtime=builder) for reference in launching.REFERENCES)
            )
            for count, launch in enumerate(launches):
                first = launch.cases[0]
                if (first.id, first.label, launch.number) in done:
                    continue
                if time.monotonic() > end:
                    break
                found, _ = launching.measure(plan, launch, self.slice_s, measuring, ready=ready)
                measuring.rest()  # two sides of a pair must not meet the same references
                for measurement in found:
                    file.append("launch", measurement.to_json())
                print(f"{count + 1} of {len(launches)}", end="\r", flush=True)

    @contextmanager
    def _unpacked(self, plan: Plan) -> Iterator[Store]:
        """The store, new or as it was left; packed at the end, also after Ctrl-C."""
        plain = self.folder / store.FILE
        if self.file.exists() and not plain.exists():  # if both are there, the last one was killed
            plain.write_bytes(gzip.decompress(self.file.read_bytes()))
        try:
            with (
                store.resume(self.folder)
                if plain.exists()
                else store.create(self.folder, plan) as file
            ):
                yield file
        finally:
            # The same bytes for the same recording: no name and no time in the archive.
            self.file.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
            plain.unlink()

    def read(self) -> tuple[Measurement, ...]:
        """The measurements, in the order in which they were made."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / store.FILE).write_bytes(gzip.decompress(self.file.read_bytes()))
            return store.read(Path(folder)).measurements


RECORDING = Recording(FOLDER, "python -m benchmarks.calibration record", CASES, slice_s=0.6)
