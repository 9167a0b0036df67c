"""One process at work for a launch: started, asked, heard, and how it ended."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.context import (
    ForkServerContext,
    ForkServerProcess,
    SpawnContext,
    SpawnProcess,
)
from multiprocessing.forkserver import ForkServer
from pathlib import Path
from typing import Any

START_TRIES = 10
MAX_ANSWER_BYTES = 2**24
GRACE_S = 1.0
"""What a child gets to answer although the time of its launch is over: it may have waited."""

FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")


class Child:
    """A process that works for us; `answer` is its result, or what became of it, once known.

    It is forked from `forks`, or spawned where there is none.
    """

    def __init__(
        self,
        context: ForkServerContext | SpawnContext,
        environment: Mapping[str, str],
        forks: ForkServer | None,
        target: Callable[..., None],
        *args: object,
    ) -> None:
        self.answer: dict[str, Any] | None = None
        self._late = False
        descriptor, self._log = tempfile.mkstemp(prefix="cnnbench-", suffix=".log")
        os.close(descriptor)
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=target, args=(theirs, self._log, *args))
        try:
            with theirs, _quiet(self._log, environment), _without_main(), _forked_from(forks):
                _start(self._process)
        except (OSError, EOFError) as error:
            self.answer = {"outcome": "failed", "detail": f"no process could be started: {error}"}

    @property
    def working(self) -> bool:
        """Whether it has not ended yet."""
        return self.answer is None

    def ask(self, message: bytes) -> None:
        """Tell it what to do next; one that has died says so when it is heard."""
        with suppress(OSError):
            self._pipe.send_bytes(message)

    def hear(self, left_s: float, timeout_s: float) -> tuple[int, int]:
        """Wait, without spinning, for what it says next.

        Args:
            left_s: one that is silent longer is killed.
            timeout_s: of how long that is the rest, for the record.

        Returns:
            The number of calls that it made and their nanoseconds; zeros when it has ended,
            and then `answer` is known.
        """
        if self.answer is not None:
            return 0, 0
        alarm = threading.Timer(max(left_s, GRACE_S), self._stop)
        alarm.daemon = True  # Ctrl-C may come before it can be cancelled
        try:
            alarm.start()
            message = self._pipe.recv_bytes(MAX_ANSWER_BYTES)
        except (EOFError, OSError):  # OSError: the end came in the middle, or rubbish did
            self._process.join(5)
            self.answer = (
                {"outcome": "timeout", "detail": f"no result within {timeout_s:g} s"}
                if self._late
                else _died(self._process.exitcode, self._log)
            )
            return 0, 0
        finally:
            alarm.cancel()
        try:
            heard = json.loads(message)
            if isinstance(heard, dict):
                if heard["outcome"] == "ok" or isinstance(heard["detail"], str):
                    self.answer = heard
                    return 0, 0
            else:
                calls, ns = heard
                return int(calls), int(ns)
        except (ValueError, KeyError, TypeError):
            pass
        self.answer = {
            "outcome": "failed",
            "detail": f"expected one JSON document from the child; got {len(message)} bytes: "
            f"{message[:40]!r}",
        }
        return 0, 0

    def end(self) -> None:
        """See to it that the process is gone; also on Ctrl-C no child outlives its launch."""
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()
        self._pipe.close()
        Path(self._log).unlink(missing_ok=True)

    def _stop(self) -> None:
        self._late = True
        self._process.kill()


def _start(child: ForkServerProcess | SpawnProcess) -> None:
    """Start a child; where the server has died, once more when another has taken its place."""
    for _ in range(START_TRIES - 1):
        try:
            return child.start()
        except (OSError, EOFError):
            time.sleep(0.2)  # until the dead server can be told from a busy one
    return child.start()


@contextmanager
def _forked_from(forks: ForkServer | None) -> Iterator[None]:
    """Start a process from a fork server of ours, not from the one that all programs share."""
    shared = forkserver.connect_to_new_process
    if forks is not None:
        forkserver.connect_to_new_process = forks.connect_to_new_process
    try:
        yield
    finally:
        forkserver.connect_to_new_process = shared


@contextmanager
def _quiet(log: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Start a process with other variables and with its output in the log.

    The server inherits both once, when its first child is asked for; it has no parameters
    for either.
    """
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    try:
        with open(log, "ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        yield
    finally:
        for target, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, target)
            os.close(copy)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_main() -> Iterator[None]:
    """Start a process that does not import the main program, of which ours need nothing.

    `multiprocessing` finds it by these two names. Imported, a script that calls us outside
    an `if __name__ == "__main__":` would run again in every child, and refuse to.
    """
    main = sys.modules["__main__"]
    spec, file = main.__spec__, vars(main).pop("__file__", None)
    main.__spec__ = None
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


def _died(exitcode: int | None, log: str) -> dict[str, Any]:
    words = Path(log).read_text(errors="replace").strip().splitlines()
    last = f"; it last said: {words[-1][:200]}" if words else ""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ", most often because memory ran out" if name == "SIGKILL" else ""
        outcome = "killed" if name in FROM_OUTSIDE else "crashed"
        return {"outcome": outcome, "detail": f"{name}{hint}{last}"}
    return {"outcome": "crashed", "detail": f"exit status {exitcode} without a result{last}"}
