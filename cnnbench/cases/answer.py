"""ANSWER: what the process of a launch sends back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, Literal

Outcome = Literal["ok", "skipped", "timeout", "out-of-memory", "killed", "crashed", "failed"]
"""How a launch ended. skipped: it was not started. timeout: we stopped it. out-of-memory: the
allocator said so. killed: by a signal from outside. crashed: by its own signal, or with an exit
status. failed: an exception, or an answer that cannot be read."""


@dataclass(frozen=True, slots=True)
class Check:
    """The comparison of a case's graph with the Keras model that was timed.

    Each of `differences` is about one layer: what the graph has, and what Keras has.
    """

    layers: int
    params: int
    differences: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether the parameters and output shapes of all layers agree, and the totals too."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class Operation:
    """What a runtime runs as one, and how long that takes in a call.

    Args:
        names: what the runtime calls it, with the names of layers in them; several where it runs
            as one what the network has as several.
        kind: its type, in the runtime's words.
        ns: nanoseconds, without those of other operations inside it; the median over calls.
        size: how many values it returns, and `macs`, its multiply-adds; 0 where the runtime does
            not say that. They tell whose it is where exporters lose the names.
    """

    names: tuple[str, ...]
    kind: str
    ns: float
    size: int = 0
    macs: int = 0


@dataclass(frozen=True, slots=True)
class LaunchProfile:
    """What the operations of a call took in one launch.

    Args:
        operations: all that the runtime's profiler saw.
        call_ns: nanoseconds of a whole call while the profiler watched, the median; None where
            each operation ran by itself, because the runtime has no profiler.
        problem: why there are none.
    """

    operations: tuple[Operation, ...] = ()
    call_ns: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a launch ended, and what it measured; what was not measured is None.

    Args:
        outcome: how it ended.
        detail: why it ended so.
        samples_ns: nanoseconds of every call in order, including the first and the warm-up.
        bursts: how many calls were made at each turn, without the first call.
        rates: calls a second of several clients together, while all were at work, at each turn;
            `samples_ns` has the calls of one after those of another then.
        build_ns: nanoseconds to load or build the network.
        compile_ns: nanoseconds to trace or compile it before its first call.
        new_batch_ns: nanoseconds of the first call with one sample more, including a new trace.
        peak_bytes: rise of the peak memory over the first call.
        load_bytes: rise of the peak memory while the network was loaded or built and compiled,
            from after the runtime's start.
        joint_bytes: rise of the peak memory over both together, and over the calls of all clients
            if there are several.
        difference: the largest difference of an output to that of TensorFlow (eager), relative
            to the largest output.
        peak_source: what reported it.
        resident_bytes: memory of the process after the first call and after each burst.
        check: comparison with Keras; None if the runtime builds no Keras model.
        environment: the machine, the versions and the load during the launch.
        profile: what the operations of a call took, if that was asked for.
    """

    outcome: Outcome
    detail: str = ""
    samples_ns: tuple[int, ...] = ()
    bursts: tuple[int, ...] = ()
    rates: tuple[float, ...] = ()
    build_ns: int | None = None
    compile_ns: int | None = None
    new_batch_ns: int | None = None
    peak_bytes: int | None = None
    load_bytes: int | None = None
    joint_bytes: int | None = None
    difference: float | None = None
    peak_source: str = ""
    resident_bytes: tuple[int, ...] = ()
    check: Check | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    profile: LaunchProfile | None = None

    @property
    def ok(self) -> bool:
        """Whether the launch has samples."""
        return self.outcome == "ok"

    @property
    def gpu(self) -> dict[str, Any]:
        """What was seen of the GPU meanwhile, as `host.gpu` says it; empty without one."""
        return self.environment.get("gpu") or {}

    @property
    def turns(self) -> list[tuple[int, ...]]:
        """The calls after the first, turn by turn, nanoseconds."""
        calls = iter(self.samples_ns[1:])
        return [tuple(islice(calls, made)) for made in self.bursts]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
