"""Workers of dask.distributed, as `crew` reaches them; all that there is of dask is here.

A worker is told what to do outside of dask's own scheduling: a launch must run where its partners
run, and a lost one only on the same kind of machine.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from cnnbench import __version__
from cnnbench.errors import ClusterError, CnnbenchError, one_line
from cnnbench.host import environment, gpu, hardware
from cnnbench.runner.agent import Agent, EndedError
from cnnbench.runner.crew import GoneError, Greeting

if TYPE_CHECKING:
    from distributed import Client

ANSWER_S = 5.0
"""How long a scheduler may take to answer."""

ADDRESS = re.compile(r"(?:(?:tcp|tls|ws|wss)://)?(?:[^\s/:\[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")
LOCAL = re.compile(r"local:(\d{1,4})")


class Dask:
    """The workers that are connected to a scheduler."""

    def __init__(self, client: Client, address: str) -> None:
        self._client, self.address = client, address
        self._run = uuid.uuid4().hex
        """Which agents are ours: others may measure on the same workers."""

    def workers(self) -> set[str]:
        """The addresses of those that are there.

        Raises:
            ClusterError: the scheduler is not.
        """
        try:
            if self._client.status != "running":
                raise OSError
            asked = self._client.scheduler.ncores
            return {*self._client.sync(asked, workers=None, callback_timeout=ANSWER_S)}
        except (OSError, TimeoutError):
            raise ClusterError(
                f"the scheduler at {self.address} does not answer any more; what is finished is "
                "kept: continue with --resume"
            ) from None

    def greet(self, worker: str) -> Greeting:
        """What a worker says of itself.

        Raises:
            CnnbenchError: it has not our version of cnnbench.
        """
        # A lambda is sent whole: what is not installed cannot be named.
        found = self._on(worker, lambda: __import__("cnnbench").__version__)
        if isinstance(found, ImportError):
            raise CnnbenchError(f"it lacks cnnbench: pip install 'cnnbench[cluster]' ({found})")
        if isinstance(found, str) and found != __version__:
            raise CnnbenchError(f"it has cnnbench {found}, this is {__version__}")
        greeting: Greeting = self._value(worker, _greet)
        return greeting

    def start(self, worker: str, question: bytes) -> bytes:
        """Start an agent there, and its answer to a question."""
        answer: bytes = self._value(worker, _start, self._run, question)
        return answer

    def ask(self, worker: str, question: bytes) -> bytes:
        """The answer of the agent there."""
        answer: bytes = self._value(worker, _ask, self._run, question)
        return answer

    def end(self, worker: str) -> None:
        """End the agent there, if there is one."""
        self._on(worker, _end, self._run)

    def _value(self, worker: str, function: Callable[..., Any], *args: Any) -> Any:
        """The same as `_on`, but what went wrong is raised."""
        value = self._on(worker, function, *args)
        if isinstance(value, (OSError, TimeoutError, EndedError)):
            raise GoneError(str(value))
        if isinstance(value, Exception):
            raise CnnbenchError(one_line(f"{type(value).__name__}: {value}"))
        return value

    def _on(self, worker: str, function: Callable[..., Any], *args: Any) -> Any:
        """What a function returns or raises in the process of a worker."""
        try:
            found = self._client.run(function, *args, workers=[worker], on_error="return")
        # A client whose scheduler is lost, or which is closed, fails in many ways.
        except (Exception, asyncio.CancelledError) as error:
            return OSError(str(error))
        return found[worker]


# What runs in the process of a worker.

_agents: dict[str, Agent] = {}


def _greet() -> Greeting:
    # Containers on one machine share its kernel, which has drawn this when it started.
    boot = hardware.text(hardware.ROOT, "proc/sys/kernel/random/boot_id")
    host = str(environment.machine()["host"])
    return Greeting(host, boot or host, os.environ.get("CUDA_VISIBLE_DEVICES", ""))


async def _start(run: str, question: bytes) -> bytes:
    await _end(run)
    _agents[run] = Agent(_variables())
    return await _ask(run, question)


async def _ask(run: str, question: bytes) -> bytes:
    if run not in _agents:
        raise EndedError("the worker was started again")
    return await asyncio.to_thread(_agents[run].ask, question)


async def _end(run: str) -> None:
    if run in _agents:
        await asyncio.to_thread(_agents.pop(run).end)


def _variables() -> dict[str, str]:
    """Our environment without what dask sets for workers, such as one thread for OpenMP."""
    import dask

    added = dask.config.get("distributed.nanny.pre-spawn-environ", {})
    return {k: v for k, v in os.environ.items() if k not in added or str(added[k]) != v}


@contextmanager
def connected(address: str) -> Iterator[Dask]:
    """The workers of the scheduler at an address; of local:N, that many of this machine's GPUs.

    Raises:
        ClusterError: dask is not installed, it is no address, or nobody answers there.
    """
    local = LOCAL.fullmatch(address)
    if not local and not ADDRESS.fullmatch(address):
        raise ClusterError(
            "--cluster must be the address of a dask scheduler, as HOST:8786 or tls://HOST:8786, "
            f"or local:N for the GPUs of this machine; got {address!r}"
        )
    shown = _gpus(int(local[1])) if local else []
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError(
            f"--cluster needs dask: pip install 'cnnbench[cluster]' ({error})"
        ) from None
    if address.startswith(("tls://", "wss://")):
        _check_certificate(address)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters, we say in a line
    with ExitStack() as stack:
        at = stack.enter_context(_of_this_machine(shown)) if local else address
        try:
            client = Client(at, timeout=ANSWER_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            why = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise ClusterError(
                f"no dask scheduler answers at {address} within {ANSWER_S:g} s: {why}"
            ) from None
        try:
            yield Dask(client, address)
        finally:
            client.close(timeout=ANSWER_S)


def _check_certificate(address: str) -> None:
    """Refuse an address for which dask has no certificate of ours to show.

    Raises:
        ClusterError: none is configured, or it cannot be read.
    """
    from distributed.security import Security

    try:
        if Security().get_connection_args("client").get("ssl_context"):
            return
        why = "none is configured"
    except (OSError, ValueError) as error:
        why = next(iter(str(error).splitlines()), "") or type(error).__name__
    raise ClusterError(
        f"{address} needs a certificate: {why}; name the files in dask's configuration, "
        "distributed.comm.tls: ca-file, client.cert and client.key"
    )


def _gpus(count: int) -> list[str]:
    """What each of some workers of this machine is to see: one GPU each, or "" of the CPU alone.

    Raises:
        ClusterError: there are not so many GPUs.
    """
    there = gpu.shown() or [""]
    if not 1 <= count <= len(there):
        has = f"{len(there)} GPUs" if there[0] else "no GPU that NVIDIA's library shows"
        most = f"local:1 to local:{len(there)}" if there[0] else "local:1, for its CPU"
        raise ClusterError(f"this machine has {has}; use {most}; got local:{count}")
    return there[:count]


@contextmanager
def _of_this_machine(shown: Sequence[str]) -> Iterator[str]:
    """The address of a scheduler in this process, with a worker for each of these GPUs."""
    from distributed import Scheduler, SpecCluster

    command = [sys.executable, "-m", "distributed.cli.dask_worker"]
    options = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--death-timeout", "10"]
    workers: list[subprocess.Popen[bytes]] = []
    only_here = {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}
    with SpecCluster(scheduler={"cls": Scheduler, "options": only_here}) as scheduler:
        try:
            for name in shown:
                seen = {"CUDA_VISIBLE_DEVICES": name} if name else {}
                workers.append(
                    subprocess.Popen(
                        [*command, scheduler.scheduler_address, *options],
                        env={**os.environ, **seen},
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        start_new_session=True,  # Ctrl-C is for us
                    )
                )
            yield scheduler.scheduler_address
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait()
