"""ANSWER: what the child of a launch says of it, in one document."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["ok", "skipped", "timeout", "out-of-memory", "killed", "crashed", "failed"]
"""ok; skipped: not started, with the reason; timeout: stopped by us; out-of-memory: the
allocator said so; killed: by a signal from outside; crashed: by a signal of its own or an
exit status; failed: an exception, or an answer that cannot be read."""


@dataclass(frozen=True, slots=True)
class Check:
    """The comparison of a case's graph with the Keras model that was timed.

    `differences` says, layer by layer, what was expected on paper and what Keras has.
    """

    layers: int
    params: int
    differences: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Every layer's parameters and output shape agree, and the totals do."""
        return not self.differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a launch ended, and what it gave.

    Args:
        outcome: how it ended, and `detail` why.
        samples_ns: every call in order, nanoseconds, the first (and any warm-up) included.
        bursts: how many calls after the first were made at each turn.
        build_ns: nanoseconds to load or build the network; None where not measured.
        compile_ns: nanoseconds to trace it or compile it before its first call.
        new_batch_ns: nanoseconds of the first call with one sample more, with all that this takes
            (a new trace); None where not measured.
        peak_bytes: rise of the peak memory over the first call; None where not measured.
        peak_source: what reported it.
        resident_bytes: memory of the process after the first call and after each burst.
        check: comparison with Keras; None where the runtime builds no Keras model.
        environment: the machine, the versions and the load, where the launch ran.
    """

    outcome: Outcome
    detail: str = ""
    samples_ns: tuple[int, ...] = ()
    bursts: tuple[int, ...] = ()
    build_ns: int | None = None
    compile_ns: int | None = None
    new_batch_ns: int | None = None
    peak_bytes: int | None = None
    peak_source: str = ""
    resident_bytes: tuple[int, ...] = ()
    check: Check | None = None
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the launch has samples."""
        return self.outcome == "ok"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
