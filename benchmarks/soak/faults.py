"""FAULTS: each begins a session, in which the parent finishes some launches."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from benchmarks.soak.parent import BACK, LIMIT
from benchmarks.soak.session import STUCK_S, Session, Soak, key

AFTER = 5
"""Launches between a fault from which the parent recovers and Ctrl-C."""
BACK_S = 3600.0
"""By how much the wall clock is set back."""
ROOM = 30_000
"""Bytes by which the file may still grow when the disk is full."""
LARGEST = 2**28
"""A file system with more bytes is not filled."""


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


def no_room(soak: Soak, launches: int) -> Session:
    """The file system is full, also for temporary files; a large one is left alone."""
    if shutil.disk_usage(soak.work).total > LARGEST:
        return _interrupted(soak, launches, "none, as the file system is large")
    with soak.parent() as parent:
        parent.hear(launches)
        with _filled(soak.work / "ballast"):
            return parent.ended("file system is full")


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
    parent_killed, server_killed, disk_full, no_room, read_only, read_only_later, launch_damaged,
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


@contextmanager
def _filled(ballast: Path) -> Iterator[None]:
    """Take all room of a file system meanwhile."""
    try:
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        yield
    finally:
        ballast.unlink()


def _without_override() -> list[str]:
    """What starts a program for which modes of files count although its user is root."""
    if os.geteuid():
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
