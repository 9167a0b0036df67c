"""Starts a child for every launch, waits without spinning, and says how it ended.

Children are forked from a server process that has imported the runtime's framework but
started nothing of it: fresh as a new interpreter, in a tenth of its time.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import (
    ForkServerContext,
    ForkServerProcess,
    SpawnContext,
    SpawnProcess,
)
from pathlib import Path
from typing import Any

from cnnbench import runtimes
from cnnbench.errors import RuntimeMissingError
from cnnbench.runner import worker

START_TIMEOUT_S = 120.0
"""The longest that the server may take to import a framework and describe its devices."""

START_TRIES = 10
MAX_ANSWER_BYTES = 2**24
FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")


@dataclass(frozen=True, slots=True)
class Server:
    """The source of fresh processes for one runtime."""

    runtime: str
    context: ForkServerContext | SpawnContext
    environment: Mapping[str, str]

    def describe(self) -> dict[str, Any]:
        """Versions and devices, as the runtime says them.

        Raises:
            RuntimeMissingError: the runtime cannot be started; the message says why.
        """
        answer = self._ask(worker.describe, (self.runtime,), START_TIMEOUT_S)
        if answer["outcome"] != "ok":
            raise RuntimeMissingError(
                f"the runtime {self.runtime!r} does not start: {answer['detail']}"
            )
        return answer

    def measure(self, order: worker.Order, timeout_s: float) -> dict[str, Any]:
        """The outcome of one launch, and its samples if it came to that."""
        return self._ask(worker.measure, (order,), timeout_s)

    def _ask(
        self, target: Callable[..., None], args: tuple[Any, ...], timeout_s: float
    ) -> dict[str, Any]:
        descriptor, log = tempfile.mkstemp(prefix="cnnbench-", suffix=".log")
        os.close(descriptor)
        receiver, sender = self.context.Pipe(duplex=False)
        child = self.context.Process(target=target, args=(sender, log, *args))
        late = threading.Event()

        def stop() -> None:
            late.set()
            child.kill()

        alarm = threading.Timer(timeout_s, stop)
        try:
            with _quiet(log, self.environment), _without_main():
                _start(child)
            sender.close()
            alarm.start()
            answer = _received(receiver, child, log)
            if late.is_set():
                return {"outcome": "timeout", "detail": f"no result within {timeout_s:g} s"}
            return answer
        except (OSError, EOFError) as error:
            return {"outcome": "failed", "detail": f"no process could be started: {error}"}
        finally:
            # Also on Ctrl-C: no child outlives the question.
            alarm.cancel()
            if child.pid is not None:
                child.kill()
                child.join()
            receiver.close()
            Path(log).unlink(missing_ok=True)


def start(runtime: str) -> Server:
    """A server for a runtime; its processes start when they are needed.

    Raises:
        UnknownNameError: there is no such runtime.
    """
    module = runtimes.load(runtime)
    if "forkserver" in multiprocessing.get_all_start_methods():
        context: ForkServerContext | SpawnContext = multiprocessing.get_context("forkserver")
        ours = ("cnnbench.runner.worker", module.__name__)
        context.set_forkserver_preload([*module.PRELOAD, *ours, "cnnbench.runner.freeze"])
    else:
        context = multiprocessing.get_context("spawn")
    return Server(runtime, context, module.ENVIRONMENT)


def _start(child: ForkServerProcess | SpawnProcess) -> None:
    """Start a child; where the server has died, once more when another has taken its place."""
    for _ in range(START_TRIES - 1):
        try:
            return child.start()
        except (OSError, EOFError):
            time.sleep(0.2)  # until the dead server can be told from a busy one
    return child.start()


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


def _received(receiver: Any, child: Any, log: str) -> dict[str, Any]:
    """The child's document, or what became of the child that did not send one."""
    try:
        document = receiver.recv_bytes(MAX_ANSWER_BYTES)
    except (EOFError, OSError):  # OSError: the end came in the middle, or rubbish did
        child.join(5)
        return _died(child.exitcode, log)
    try:
        answer = json.loads(document)
        if answer["outcome"] == "ok" or isinstance(answer["detail"], str):
            return dict(answer)
    except (ValueError, KeyError, TypeError):
        pass
    return {
        "outcome": "failed",
        "detail": f"expected one JSON document from the child; got {len(document)} bytes: "
        f"{document[:40]!r}",
    }


def _died(exitcode: int | None, log: str) -> dict[str, Any]:
    words = Path(log).read_text(errors="replace").strip().splitlines()
    last = f"; it last said: {words[-1][:200]}" if words else ""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ", most often because memory ran out" if name == "SIGKILL" else ""
        outcome = "killed" if name in FROM_OUTSIDE else "crashed"
        return {"outcome": outcome, "detail": f"{name}{hint}{last}"}
    return {"outcome": "crashed", "detail": f"exit status {exitcode} without a result{last}"}
