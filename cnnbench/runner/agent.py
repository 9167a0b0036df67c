"""A process that measures for somebody else, as a run on this machine would.

A worker of a cluster starts one. It is no task of the worker: a worker may not have child processes
of its own, and has threads that work while a task runs. What the agent is asked, and what it
answers, are pickled and have their length before them. It ends with whoever started it.
"""

from __future__ import annotations

import os
import pickle
import platform
import queue
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import IO, Any

from cnnbench import paths, units
from cnnbench.cases.case import Case, named_devices
from cnnbench.cases.plan import Plan
from cnnbench.errors import CnnbenchError
from cnnbench.host import environment, gpu
from cnnbench.runner import exports, launching, planning, session
from cnnbench.runner.child import Planned, Reply
from cnnbench.runner.launching import Ended
from cnnbench.runner.loop import Progress
from cnnbench.runner.schedule import Launch
from cnnbench.runner.session import Session

IDLE_S = 900.0
"""It ends if it is asked nothing for so long: whoever asked it may have died."""

DISK_BYTES = 100 * 2**20
"""What must be free where temporary files go: a full disk would fail launches, one after another,
that succeed elsewhere."""

END_S = 5.0
"""How long it may take to end, and to remove its files."""

_LENGTH = struct.Struct("<Q")


class MachineError(CnnbenchError):
    """This machine cannot measure, whatever the launch."""


class EndedError(Exception):
    """An agent has ended while somebody waited for its answer."""


@dataclass(frozen=True, slots=True)
class Started:
    """What an agent says when its runtimes are ready.

    Args:
        described: the versions and devices of the runtimes, by name.
        asked: those of them that were asked for.
        absent: what is missing of them.
        machine: what does not change of the machine, as `environment.machine` has it.
        room: bytes of memory that are free, by device as cases call it; of a GPU None if unknown.
    """

    described: dict[str, Reply]
    asked: tuple[str, ...]
    absent: tuple[str, ...]
    machine: dict[str, Any]
    room: dict[str, int | None]


@dataclass(slots=True)
class Site:
    """What an agent keeps from one question to the next."""

    measuring: Session = field(default_factory=Session)
    ready: exports.Ready = field(default_factory=exports.Ready)
    plan: Plan | None = None
    files: ExitStack = field(default_factory=ExitStack)


# What an agent can be asked: functions that get its site first.


def start(site: Site, names: Sequence[str], some: bool) -> Started:
    """Start runtimes; see `session.start`."""
    check_disk()
    site.measuring = session.start(*names, some=some)
    room: dict[str, int | None] = {}
    for reply in site.measuring.described.values():
        for at in named_devices(reply.devices):
            kind, _, index = at.partition(":")
            room[at] = environment.available_memory() if kind == "cpu" else gpu.memory(int(index))
    described = site.measuring.described
    machine = {**environment.machine(), "python": platform.python_version()}
    return Started(described, site.measuring.asked, site.measuring.absent, machine, room)


def opened(site: Site, cases: Sequence[Case], timeout_s: float) -> tuple[Planned, ...]:
    """See `Workers.plan`."""
    return site.measuring.plan(cases, timeout_s)


def there(site: Site, function: Callable[..., Any], *args: Any) -> Any:
    """See `Session.there`."""
    return function(site.measuring, *args, Progress())


def prepare(site: Site, plan: Plan) -> list[tuple[str, dict[str, Any]]]:
    """Get ready for the launches of a plan; returns what has to be stored of that.

    Raises:
        CnnbenchError: a network is not here, or is another one than was planned.
    """
    site.files.close()
    planning.check_unchanged(plan, site.measuring)
    kept = _Kept()
    made = exports.made(plan, kept, site.measuring, environment.available_memory, lambda _: None)
    site.ready, site.plan = site.files.enter_context(made), plan
    site.files.callback(site.measuring.rest)
    return kept.lines


class _Kept:
    """A store that only remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def append(self, kind: str, data: dict[str, Any]) -> None:
        """Remember a line."""
        self.lines.append((kind, data))


def measure(site: Site, launch: Launch, slice_s: float) -> Ended:
    """Make a launch of the plan."""
    check_disk()
    assert site.plan
    with _device(launch.cases[0]):
        begin = perf_counter()
        found, sampled_s = launching.measure(
            site.plan, launch, slice_s, site.measuring, ready=site.ready
        )
        return Ended(launch, found, perf_counter() - begin, sampled_s)


def check_disk(least: int = DISK_BYTES) -> None:
    """Refuse to go on without room for temporary files.

    Raises:
        MachineError: there is none.
    """
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < least:
        raise MachineError(
            f"{units.binary(free)} are free in {folder}, and {units.binary(least)} are needed"
        )


@contextmanager
def _device(case: Case) -> Iterator[None]:
    """Keep other agents of this machine and user from the device of a case meanwhile."""
    from filelock import FileLock

    try:
        paths.cache_dir().mkdir(parents=True, exist_ok=True)
        name = "cpu"
        if case.kind == "gpu":
            name = gpu_name(os.environ.get("CUDA_VISIBLE_DEVICES", ""), case.index)
        lock = FileLock(paths.cache_dir() / f"measuring-{name}.lock")
    except OSError as error:
        raise MachineError(f"{paths.cache_dir()}: {error.strerror}") from None
    with lock:
        yield


def gpu_name(shown: str, index: int) -> str:
    """The name of a GPU on its machine; `shown` is CUDA_VISIBLE_DEVICES of what sees it."""
    names = shown.split(",")
    return names[index].strip() if shown and index < len(names) else str(index)


class Agent:
    """An agent, as whoever started it sees it."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(variables),
            start_new_session=True,  # Ctrl-C is for whoever started us
        )

    def ask(self, message: bytes) -> bytes:
        """The answer to what `asked` has made; see `answered` for what that is.

        Raises:
            EndedError: the agent has ended.
        """
        assert self._process.stdin
        assert self._process.stdout
        with self._asking:
            try:
                _write(self._process.stdin, message)
                return _read(self._process.stdout)
            except (OSError, EOFError, ValueError):  # ValueError: the pipe was closed
                self.end()
                raise EndedError(f"it ended with status {self._process.returncode}") from None

    def end(self) -> None:
        """End it, and what it measures."""
        assert self._process.stdin
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def asked(function: Callable[..., Any], *args: Any) -> bytes:
    """A question: a function of this file and what it gets besides the site."""
    return pickle.dumps((function, args))


def answered(message: bytes) -> Any:
    """The value of an answer.

    Raises:
        CnnbenchError: what the function has raised.
        RuntimeError: it was something else.
    """
    good, value = pickle.loads(message)
    if not good:
        raise value
    return value


def _write(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(_LENGTH.pack(len(message)) + message)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    (size,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return _exactly(pipe, size)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    found = pipe.read(size)
    if len(found) < size:
        raise EOFError
    return found


def main() -> None:
    """Answer questions until there are no more."""
    # What is printed here, or by a child, must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    site = Site()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, questions, site), daemon=True).start()
    while True:
        try:
            message = questions.get(timeout=IDLE_S)
        except queue.Empty:
            break
        with suppress(OSError):
            _write(answers, _answer(site, message))
    site.files.close()


def _listen(pipe: IO[bytes], questions: queue.SimpleQueue[bytes], site: Site) -> None:
    """Hear what is asked; the end of it ends the process, in the middle of a launch too."""
    try:
        while True:
            questions.put(_read(pipe))
    except (EOFError, OSError):
        site.files.close()
        os._exit(0)


def _answer(site: Site, message: bytes) -> bytes:
    try:
        function, args = pickle.loads(message)
        return pickle.dumps((True, function(site, *args)))
    except CnnbenchError as error:
        return pickle.dumps((False, error))
    except Exception as error:
        import traceback

        traceback.print_exc()
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))


if __name__ == "__main__":
    # By its name, under which what is pickled refers to it.
    from cnnbench.runner import agent

    agent.main()
