"""One child process, as its parent sees it: started, asked, heard, and how it ended."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.forkserver import ForkServer
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from cnnbench import paths, schema
from cnnbench.cases.answer import Answer, Outcome
from cnnbench.errors import CnnbenchError

START_TRIES = 10
RETRY_S = 0.2
"""Until then a fork server that has died can be told from a busy one."""
MAX_REPLY_BYTES = 2**24
GRACE_S = 1.0
"""The least time that a child gets to reply. The time of its launch may be over because it waited
for its turn."""

FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")


class Turn(NamedTuple):
    """What a child says of a turn: how many calls it made, in how many nanoseconds, and the median.

    All are zeros of a child that has ended.
    """

    calls: int = 0
    ns: int = 0
    median_ns: float = 0


@dataclass(frozen=True, slots=True)
class Planned:
    """The sizes and the type of a case, and its costs as `Paper.to_json` gives them."""

    inputs: tuple[tuple[int, ...], ...]
    dtype: str
    paper: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Answer):
    """The last message of a child, or what became of it; sent as one JSON document.

    The child of a launch fills the fields of `Answer`. One that describes its runtime fills
    `versions` and `devices`, the names of the latter by kind. One that plans fills `planned`,
    and one that stores the values of a network their `digest`. One that rewrites a network says
    how far the outputs of each change are `apart` from those before.
    """

    versions: dict[str, Any] = field(default_factory=dict)
    devices: dict[str, list[str]] = field(default_factory=dict)
    planned: tuple[Planned, ...] = ()
    digest: str = ""
    apart: dict[str, float] = field(default_factory=dict)


class Child:
    """A process that works for us; `reply` is None until it has ended.

    `turns` is how many it has had. It is forked from `forks`, or spawned if that is None.
    """

    def __init__(
        self,
        context: ForkServerContext | SpawnContext,
        environment: Mapping[str, str],
        forks: ForkServer | None,
        target: Callable[..., None],
        *args: object,
    ) -> None:
        self.reply: Reply | None = None
        self.turns = 0
        self._late = False
        self._pipe: Connection
        self._process: BaseProcess
        self._log = paths.temporary_file("cnnbench-", ".log")
        main = vars(sys.modules["__main__"])
        server = {"connect_to_new_process": forks.connect_to_new_process} if forks else {}
        for left in reversed(range(START_TRIES)):
            # Each try has a pipe of its own: a fork server that dies may have made a child before.
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=target, args=(theirs, self._log, *args))
            try:
                with (
                    theirs,
                    # A fork server inherits both from us when it starts; it has no parameters for
                    # them.
                    _changed(os.environ, environment),
                    _output_to(self._log),
                    # `multiprocessing` would import the main program in the child. A script that
                    # calls us outside `if __name__ == "__main__":` would run again there, and fail.
                    _changed(main, {"__spec__": None, "__file__": None}),
                    # From a fork server of ours, not from the one that all programs share.
                    _changed(vars(forkserver), server),
                ):
                    self._process.start()
                return
            except (OSError, EOFError) as error:
                self._ended("failed", f"no process could be started: {error}")
                if left:
                    self.reply = None
                    self._pipe.close()
                    time.sleep(RETRY_S)

    def ask(self, message: bytes) -> None:
        """Tell it what to do next; that it has died is found when it is heard."""
        with suppress(OSError):
            self._pipe.send_bytes(message)

    def hear(self, left_s: float, timeout_s: float) -> Turn:
        """Wait, without spinning, for its next message; it is killed after `left_s` seconds.

        If it has ended, `reply` is known. A reply about a timeout names `timeout_s`.
        """
        if self.reply:
            return Turn()
        alarm = threading.Timer(max(left_s, GRACE_S), self._stop)
        alarm.daemon = True  # Ctrl-C may come before it can be cancelled
        try:
            alarm.start()
            message = self._pipe.recv_bytes(MAX_REPLY_BYTES)
        except (EOFError, OSError):  # OSError: it ended in the middle, or sent rubbish
            self._process.join(5)
            if self._late:
                return self._ended("timeout", f"no result within {timeout_s:g} s")
            return self._ended(*_death(self._process.exitcode, self._log))
        finally:
            alarm.cancel()
        try:
            heard = json.loads(message)
            if isinstance(heard, list):
                self.turns += 1
                calls, ns, median_ns = heard
                return Turn(int(calls), int(ns), float(median_ns))
            self.reply = schema.record(Reply, heard)
            return Turn()
        except (ValueError, TypeError, CnnbenchError) as error:
            got = f"got {len(message)} bytes: {message[:40]!r} ({error})"
            return self._ended("failed", f"expected one JSON document from the child; {got}")

    def end(self) -> None:
        """Kill the process if it is still there; also after Ctrl-C none outlives its launch."""
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()
        self._pipe.close()
        Path(self._log).unlink(missing_ok=True)

    def _ended(self, outcome: Outcome, detail: str) -> Turn:
        self.reply = Reply(outcome=outcome, detail=detail)
        return Turn()

    def _stop(self) -> None:
        self._late = True
        self._process.kill()


@contextmanager
def ctrl_c_later() -> Iterator[None]:
    """Ctrl-C waits until the end of the `with`.

    While `multiprocessing` starts a process it would leave one that nobody knows and that waits for
    us, and its fork server, for which we wait at the end, waits for that.
    """
    if threading.current_thread() is not threading.main_thread() or not (
        before := signal.getsignal(signal.SIGINT)
    ):
        yield
        return
    pressed: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _changed(names: MutableMapping[str, Any], values: Mapping[str, Any]) -> Iterator[None]:
    """Set names, such as the variables of a module, to other values, and back at the end."""
    before = {name: names[name] for name in values if name in names}
    names.update(values)
    try:
        yield
    finally:
        for name in values:
            del names[name]
        names.update(before)


@contextmanager
def _output_to(log: str) -> Iterator[None]:
    """Send what this process writes to the log, and at the end to the terminal again."""
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


def _death(exitcode: int | None, log: str) -> tuple[Outcome, str]:
    """How a child ended that sent no reply, with the last line of its output."""
    words = Path(log).read_text(errors="replace").strip().splitlines()
    last = f"; it last said: {words[-1][:200]}" if words else ""
    if exitcode is None or exitcode >= 0:
        return "crashed", f"exit status {exitcode} without a result{last}"
    name = signal.Signals(-exitcode).name
    hint = ", most often because memory ran out" if name == "SIGKILL" else ""
    return "killed" if name in FROM_OUTSIDE else "crashed", f"{name}{hint}{last}"
