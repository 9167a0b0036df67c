"""The timing loop. Boring on purpose; its clock is given to it."""

from __future__ import annotations

import gc
from collections.abc import Callable


def sample(
    step: Callable[[], object],
    clock: Callable[[], int],
    budget_ns: int,
    min_calls: int,
    max_calls: int,
) -> list[int]:
    """Nanoseconds of each call of `step`, in order.

    Stops after `max_calls`, or after `min_calls` once `budget_ns` have passed. The garbage
    collector rests meanwhile.
    """
    samples: list[int] = []
    gc.disable()
    try:
        begin = clock()
        while True:
            before = clock()
            step()
            after = clock()
            samples.append(after - before)
            if len(samples) >= max_calls:
                return samples
            if after - begin >= budget_ns and len(samples) >= min_calls:
                return samples
    finally:
        gc.enable()
