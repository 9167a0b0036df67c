"""SESSION: one life of the parent, as this program sees it from outside.

What the parent has printed as finished is counted from its output alone, and the stored lines are
read with `json` alone.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO, Any

import psutil

from benchmarks.runtimes import rows
from benchmarks.soak import runtime
from cnnbench.cases.case import Case
from cnnbench.runs import store
from cnnbench.schema import record as checked

TIMEOUT_S = 2
STUCK_S = 60.0
"""A parent that says nothing for so long does not end by itself."""
LAUNCHED = "launches.csv"


@dataclass(frozen=True)
class Launch:
    """A launch that the parent has printed as finished, and its memory and open files then."""

    session: int
    case: int
    launch: int
    outcome: str
    wrong: str
    must: str
    rss_bytes: int
    files: int


@dataclass(frozen=True)
class Session:
    """One life of the parent: its fault, and what was found after it.

    Args:
        fault: what went wrong in it; "none" of the last.
        launches: that it has printed as finished.
        status: with which it ended; a signal is negative.
        said: its last line about it.
        lines: how many lines an error took.
        lost: launches that were printed as finished, in all sessions, and are not in the file.
        processes: of it that are still there after it.
        seconds: that it took.
    """

    number: int
    fault: str
    launches: int
    status: int
    said: str
    lines: int
    lost: int
    processes: int
    seconds: float


@dataclass
class Soak:
    """The run, as this program sees it.

    Args:
        out: where it is recorded.
        work: where it happens.
        launches: of each case.
        keys: the place of each case, by its id.
        finished: launches that were printed as finished, and not destroyed since.
        destroyed: those whose line this program has damaged.
    """

    out: Path
    work: Path
    seed: int
    random: Random
    launches: int = 1
    keys: dict[str, int] = field(default_factory=dict)
    finished: set[tuple[str, int]] = field(default_factory=set)
    destroyed: set[tuple[str, int]] = field(default_factory=set)
    session: int = 0
    printed: int = 0

    @property
    def run(self) -> Path:
        """The folder of the run."""
        return self.work / "run"

    @property
    def file(self) -> Path:
        """What is stored."""
        return self.run / store.FILE

    @property
    def command(self) -> list[str]:
        """What is run."""
        command = f"run {self.work / 'suite.toml'} --runtime {runtime.__name__} --out {self.run}"
        given = (
            f"--launches {self.launches} --timeout {TIMEOUT_S}s --seed {self.seed} --no-ceilings"
        )
        words = f"{command} {given} --time-budget 3h --json".split()
        return [sys.executable, "-m", "benchmarks.soak.parent", *words]

    @contextmanager
    def parent(
        self,
        resume: bool = True,
        variables: dict[str, str] | None = None,
        prefix: list[str] | None = None,
    ) -> Iterator[Parent]:
        """Start the parent; whatever is left of it at the end is killed."""
        command = [*(prefix or []), *self.command, *(["--resume"] if resume else [])]
        with tempfile.TemporaryFile() as errors:  # there may be no room where it works
            started = Parent(self, command, variables or {}, errors)
            try:
                yield started
            finally:
                started.stop()

    def lines(self) -> Iterator[tuple[int, bytes, str, dict[str, Any]]]:
        """The place, the bytes, the type and the values of every stored line that is whole."""
        place = 0
        for line in self.file.read_bytes().split(b"\n") if self.file.exists() else ():
            with suppress(ValueError, KeyError, TypeError):  # damaged by us, or cut
                data = json.loads(line)
                yield place, line, data["type"], data
            place += len(line) + 1

    def stored(self) -> Counter[tuple[str, int]]:
        """How often each launch is in the file."""
        return Counter(key(data) for _, _, kind, data in self.lines() if kind == "launch")


def key(data: dict[str, Any]) -> tuple[str, int]:
    """The case of a stored launch, and its number."""
    return checked(Case, data["case"]).id, data["launch"]


class Parent:
    """A parent that runs, and what it prints."""

    def __init__(
        self,
        soak: Soak,
        command: list[str],
        variables: dict[str, str],
        errors: IO[bytes],
    ) -> None:
        self._soak, self.begin = soak, time.monotonic()
        self._errors = errors
        temporary = soak.work / "temporary"
        temporary.mkdir(exist_ok=True)
        ours = {runtime.SEED: str(soak.seed), "TMPDIR": str(temporary), "PYTHONFAULTHANDLER": "1"}
        self.process = psutil.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **ours, **variables},
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.launches, self._silent = 0, False

    def _listen(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def hear(self, launches: float) -> None:
        """Write down launches as it prints them, until there are so many or it has ended."""
        heard = 0
        while heard < launches and not self._silent:
            try:
                line = self._lines.get(timeout=STUCK_S)
            except queue.Empty:
                self.process.send_signal(signal.SIGABRT)  # it says where it is stuck, and ends
                line = b""
            if not line:
                self._silent = True
                continue
            event = json.loads(line)
            if event["event"] == "launch":
                heard += 1
                self._note(event)

    def _note(self, event: dict[str, Any]) -> None:
        soak, case, number = self._soak, event["case"], event["launch"]
        self.launches += 1
        soak.printed += 1
        soak.finished.add((case, number))
        soak.destroyed.discard((case, number))
        rss = files = 0
        with suppress(psutil.Error):  # it has ended
            rss, files = self.process.memory_info().rss, self.process.num_fds()
        wrong, _ = runtime.fault(str(soak.seed), case, soak.seed + number)
        place = soak.keys.setdefault(case, len(soak.keys))
        must = runtime.FAULTS[wrong][1] if wrong else "ok"
        row = Launch(soak.session, place, number, event["outcome"], wrong, must, rss, files)
        rows.append(soak.out / LAUNCHED, [row])

    def servers(self) -> list[psutil.Process]:
        """Its fork servers."""
        found = []
        for child in self.process.children():
            with suppress(psutil.Error):  # it has ended, and nobody has asked how
                found += [child] * ("forkserver" in " ".join(child.cmdline()))
        return found

    def ended(self, fault: str) -> Session:
        """Hear the rest, wait for its end, and look for what it has printed as finished."""
        soak = self._soak
        self.hear(float("inf"))
        status = self.process.wait(STUCK_S)
        deadline = time.monotonic() + 10
        while (left := self._family()) and time.monotonic() < deadline:
            time.sleep(0.1)
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        lost = soak.finished - soak.destroyed - soak.stored().keys()
        said_last = said[-1].replace(str(soak.work), "") if said else ""
        seconds = time.monotonic() - self.begin
        return Session(
            soak.session, fault, self.launches, status, said_last, len(said), len(lost), left,
            round(seconds, 1),
        )  # fmt: skip

    def _family(self) -> int:
        """How many processes of its session there are."""
        count = 0
        for process in psutil.process_iter():
            try:
                ours = os.getsid(process.pid) == self.process.pid
                count += ours and process.status() != psutil.STATUS_ZOMBIE
            except (psutil.Error, OSError):
                continue
        return count

    def stop(self) -> None:
        """Kill it, if it is there."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
