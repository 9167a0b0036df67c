"""RECORD: a run under faults, session by session, and what is in its file after each of them.

A session is one life of the parent. It ends by its fault, or is ended soon after it; the next one
continues the run with `--resume`. What the parent has printed as finished is counted here, from its
output alone, and the stored lines are read with `json` alone.
"""

from __future__ import annotations

import json
import os
import platform
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psutil

from benchmarks.runtimes import rows
from benchmarks.soak import runtime
from benchmarks.soak.parent import BACK, LIMIT
from cnnbench import blocks
from cnnbench.cases.case import Case
from cnnbench.host.environment import machine
from cnnbench.runs import store
from cnnbench.runs.result import results
from cnnbench.schema import record as checked

LAUNCHES = 1
"""Of each case."""
TIMEOUT_S = 2
STUCK_S = 60.0
"""A parent that says nothing for so long does not end by itself."""
AFTER = 5
"""Launches between a fault from which the parent recovers and Ctrl-C."""
BACK_S = 3600.0
"""By how much the wall clock is set back."""
ROOM = 30_000
"""Bytes by which the file may still grow when the disk is full."""
LAUNCHED, SESSIONS, END = "launches.csv", "sessions.csv", "end.json"


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


@dataclass(frozen=True)
class End:
    """What is there when the run is complete.

    Args:
        date: of the recording.
        machine: where it was made.
        command: how.
        cases: that were planned, and those of them that have a time, and that have costs.
        launches: that were planned, and those of them that are in the file.
        wrong: cases all of whose launches were made to go wrong.
        unread: lines that cannot be read.
        repeated: launches that are in the file more than once.
        temporary: what is left in the folder for temporary files, by the beginning of the name.
    """

    date: str
    machine: dict[str, Any]
    command: str
    seed: int
    cases: int
    timed: int
    costed: int
    launches: int
    stored: int
    wrong: int
    unread: int
    repeated: int
    temporary: dict[str, int]


@dataclass
class Soak:
    """The run, as this program sees it.

    Args:
        out: where it is recorded.
        work: where it happens.
        keys: the place of each case, by its id.
        finished: launches that were printed as finished, and not destroyed since.
        destroyed: those whose line this program has damaged.
    """

    out: Path
    work: Path
    seed: int
    random: Random
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
        given = f"--launches {LAUNCHES} --timeout {TIMEOUT_S}s --seed {self.seed} --no-ceilings"
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
        started = Parent(
            self,
            [*(prefix or []), *self.command, *(["--resume"] if resume else [])],
            variables or {},
        )
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
    ) -> None:
        self._soak, self.begin = soak, time.monotonic()
        self._errors = soak.work / f"errors-{soak.session}"
        temporary = soak.work / "temporary"
        temporary.mkdir(exist_ok=True)
        ours = {runtime.SEED: str(soak.seed), "TMPDIR": str(temporary), "PYTHONFAULTHANDLER": "1"}
        with self._errors.open("wb") as errors:
            self.process = psutil.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
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
        said = self._errors.read_text(errors="replace").strip().splitlines()
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


# The faults: each begins a session, in which the parent finishes some launches.


def parent_killed(soak: Soak, launches: int) -> Session:
    """SIGKILL, at any moment of a launch."""
    with soak.parent() as parent:
        parent.hear(launches)
        time.sleep(soak.random.uniform(0, 0.15))
        parent.process.kill()
        return parent.ended("parent is killed")


def killed_while_planning(soak: Soak, launches: int) -> Session:
    """SIGKILL of the first parent, as soon as it has begun to store the plan."""
    with soak.parent(resume=False) as parent:
        deadline = time.monotonic() + STUCK_S
        begun = (soak.file, soak.file.with_suffix(".part"))
        while not any(path.exists() for path in begun) and time.monotonic() < deadline:
            time.sleep(0.0005)
        parent.process.kill()
        return parent.ended("parent is killed while it stores the plan")


def server_killed(soak: Soak, launches: int) -> Session:
    """SIGKILL of the fork server, three times."""
    with soak.parent() as parent:
        for _ in range(3):
            parent.hear(launches // 3)
            time.sleep(soak.random.uniform(0, 0.15))
            for server in parent.servers():
                server.kill()
        parent.hear(AFTER)
        parent.interrupt()
        return parent.ended("fork server is killed")


def disk_full(soak: Soak, launches: int) -> Session:
    """No file may grow beyond some size, as on a full disk: the write itself fails."""
    with soak.parent(variables={LIMIT: str(soak.file.stat().st_size + ROOM)}) as parent:
        return parent.ended("disk is full")


def read_only(soak: Soak, launches: int) -> Session:
    """Nothing in the folder may be written."""
    with _not_writable(soak.run), soak.parent(prefix=_without_override()) as parent:
        return parent.ended("folder is read-only")


def read_only_later(soak: Soak, launches: int) -> Session:
    """The same from some moment of the run on."""
    with soak.parent(prefix=_without_override()) as parent:
        parent.hear(launches)
        with _not_writable(soak.run):
            parent.hear(AFTER)
            parent.interrupt()
            return parent.ended("folder becomes read-only")


def launch_damaged(soak: Soak, launches: int) -> Session:
    """Some bytes in the middle of stored launches are others."""
    for _ in range(3):
        _damage(soak, "launch")
    return _interrupted(soak, launches, "stored launches are corrupted")


def costs_damaged(soak: Soak, launches: int) -> Session:
    """The same of the costs of cases."""
    for _ in range(3):
        _damage(soak, "paper")
    return _interrupted(soak, launches, "stored costs are corrupted")


def cut(soak: Soak, launches: int) -> Session:
    """The file ends in the middle of its last line."""
    place, line, kind, data = list(soak.lines())[-1]
    with soak.file.open("r+b") as file:
        file.truncate(place + soak.random.randrange(1, len(line) - 1))
    if kind == "launch":
        soak.destroyed.add(key(data))
    return _interrupted(soak, launches, "last line is cut")


def set_back(soak: Soak, launches: int) -> Session:
    """The wall clock says that it is an hour earlier."""
    return _interrupted(soak, launches, "clock is set back", {BACK: str(BACK_S)})


def second_run(soak: Soak, launches: int) -> Session:
    """Two others write into the folder at the same time, or try to."""
    with soak.parent() as parent:
        parent.hear(launches)
        said = []
        for resume in (["--resume"], []):
            done = subprocess.run(
                [*soak.command, *resume], capture_output=True, text=True, check=False
            )
            said.append(f"status {done.returncode}: {done.stderr.strip()}")
        parent.hear(AFTER)
        parent.interrupt()
        session = parent.ended("second run into the folder")
    others = "; ".join(said).replace(str(soak.work), "")
    return Session(**{**asdict(session), "said": others})


FAULTS = (
    parent_killed, server_killed, disk_full, read_only, read_only_later, launch_damaged,
    costs_damaged, cut, set_back, second_run,
)  # fmt: skip


def _interrupted(
    soak: Soak, launches: int, fault: str, variables: dict[str, str] | None = None
) -> Session:
    """A session that ends by Ctrl-C."""
    with soak.parent(variables=variables) as parent:
        parent.hear(launches)
        parent.interrupt()
        return parent.ended(fault)


def _damage(soak: Soak, of: str) -> None:
    found = [one for one in soak.lines() if one[2] == of]
    place, line, _, data = soak.random.choice(found)
    with soak.file.open("r+b") as file:
        file.seek(place + len(line) // 2)
        file.write(b"\xff\x00\xfe")
    if of == "launch" and key(data) not in soak.stored():
        soak.destroyed.add(key(data))


@contextmanager
def _not_writable(folder: Path) -> Iterator[None]:
    files = [folder, *folder.iterdir()]
    before = [path.stat().st_mode for path in files]
    for path in files:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in zip(files, before, strict=True):
            path.chmod(mode)


def _without_override() -> list[str]:
    """What starts a program for which modes of files count although its user is root."""
    if os.geteuid():
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def record(
    out: Path, work: Path, cases: int, seed: int, faults: Any = FAULTS, each: int = 1
) -> None:
    """Make the run, with so many sessions of each fault, and write down how it went."""
    out.mkdir(parents=True, exist_ok=True)
    for name in (LAUNCHED, SESSIONS, END):
        (out / name).unlink(missing_ok=True)
    soak = Soak(out, work, seed, Random(seed))
    (work / "suite.toml").write_text(suite(cases))
    sessions = [fault for fault in faults for _ in range(each)]
    soak.random.shuffle(sessions)
    # So that the last fault finds launches to come.
    share = cases * LAUNCHES // (len(sessions) + 3)

    def make(fault: Callable[[Soak, int], Session]) -> None:
        launches = soak.random.randint(share // 2, share)
        session = fault(soak, launches)
        rows.append(out / SESSIONS, [session])
        print(session, flush=True)
        soak.session += 1

    make(killed_while_planning)
    make(_begun)
    for fault in sessions:
        make(fault)
    make(_to_the_end)
    (out / END).write_text(json.dumps(asdict(ended(soak, cases)), indent=2) + "\n")


def _begun(soak: Soak, launches: int) -> Session:
    """The run is begun again if there was no plan yet, else continued."""
    with soak.parent(resume=soak.file.exists()) as parent:
        parent.hear(launches)
        parent.interrupt()
        return parent.ended("Ctrl-C alone")


def _to_the_end(soak: Soak, _: int) -> Session:
    with soak.parent() as parent:
        return parent.ended("none")


def ended(soak: Soak, cases: int) -> End:
    """What is there when the run is complete."""
    run, stored = store.read(soak.run), soak.stored()
    found, _ = results(run)
    wrong = [
        all(runtime.fault(str(soak.seed), case.id, soak.seed + n)[0] for n in range(LAUNCHES))
        for case in run.plan.cases
    ]
    temporary = (soak.work / "temporary").iterdir()
    return End(
        date=time.strftime("%Y-%m-%d"),
        machine={name: machine()[name] for name in ("cpu", "cores", "platform")}
        | {"python": platform.python_version()},
        command=f"python -m benchmarks.soak run --cases {cases} --seed {soak.seed}",
        seed=soak.seed,
        cases=len(run.plan.cases),
        timed=sum(r.time is not None for r in found),
        costed=len(found),
        launches=len(run.plan.cases) * LAUNCHES,
        stored=len(stored),
        wrong=sum(wrong),
        unread=len(run.bad_lines),
        repeated=sum(count > 1 for count in stored.values()),
        temporary=dict(Counter(path.name.split("-")[0] for path in temporary)),
    )


def suite(cases: int) -> str:
    """So many cases: the networks of the catalogue at as many batches as that takes."""
    names = list(blocks.catalogue())[:cases]
    tables = []
    for place, name in enumerate(names):
        batches = list(range(1, len(range(place, cases, len(names))) + 1))
        tables.append(f'[[block]]\nname = "{name}"\ntarget = "{name}"\nbatches = {batches}\n')
    return "\n".join(['name = "soak"', *tables])
