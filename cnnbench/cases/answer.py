"""ANSWER: what the child of a launch says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["ok", "skipped", "timeout", "out-of-memory", "killed", "crashed", "failed"]
"""ok; skipped: not started, with the reason; timeout: stopped by us; out-of-memory: the
allocator said so; killed: by a signal from outside; crashed: by a signal of its own or an
exit status; failed: an exception, or a result that is not one."""


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
