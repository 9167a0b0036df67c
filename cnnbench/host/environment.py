"""The machine on which a launch runs, as every record contains it."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import cnnbench
from cnnbench.host import hardware


def environment(described: dict[str, Any], threads: int | None) -> dict[str, Any]:
    """What the runtime's `describe` answers, the machine, and its current load."""
    return {
        **machine(),
        "threads": threads or machine()["cores"],
        "versions": {
            "cnnbench": cnnbench.__version__,
            "python": platform.python_version(),
            **described["versions"],
        },
        "devices": described["devices"],
        "load_1m": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


@cache
def machine() -> dict[str, Any]:
    """What does not change while a process lives: host, processor, memory, commits."""
    import psutil

    memory = psutil.virtual_memory().total
    return {
        "host": platform.node(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": cores(),
        "memory_bytes": min(memory, hardware.memory_limit() or memory),
        "commit": _commit(),
        "project_commit": _head(),
    }


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> int:
    """Bytes that a new process could use now."""
    import psutil

    available, room = psutil.virtual_memory().available, hardware.memory_room()
    return available if room is None else min(available, room)


def _cpu_model() -> str:
    lines = (hardware.text(hardware.ROOT, "proc/cpuinfo") or "").splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def _commit() -> str | None:
    """The git commit of the running cnnbench, with "+" if files differ; None outside git."""
    root = Path(cnnbench.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None  # installed: a repository further up would be somebody else's
    return _head("-C", str(root), files=("--", "cnnbench"))


def _head(*where: str, files: tuple[str, ...] = ("--untracked-files=no",)) -> str | None:
    """The commit of a repository, here if nothing says where, with "+" if `files` differ.

    None outside of git, and where it takes too long, as on a slow network.
    """
    try:
        commit = _git(*where, "rev-parse", "--short=12", "HEAD")
        changed = _git(*where, "status", "--porcelain", *files)
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + "+" * bool(changed)


def _git(*args: str) -> str:
    # Whoever made the repository must not choose a program for us to start.
    command = ["git", "-c", "core.fsmonitor=false", *args]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
    return done.stdout.strip()
