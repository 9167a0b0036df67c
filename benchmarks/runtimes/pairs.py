"""PAIRS: a network beside itself on two runtimes; how often `compare` calls equals different."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.calibration.judge import COMPARE, INTERVALS, Judged, by_interval
from benchmarks.calibration.record import Recording
from cnnbench.cases.case import Case
from cnnbench.runs.store import Measurement

RUNTIMES = ("openvino", "onnxruntime")
PAIRS = 60
LAUNCHES = 5
"""Of each pair, as `run` makes them."""

CASES = tuple(Case("residual_module", (28, 28, 64), mode="infer", runtime=r) for r in RUNTIMES)


def recording(out: Path, pairs: int = PAIRS) -> Recording:
    """Where the launches are."""
    command = f"python -m benchmarks.runtimes pairs {out}"
    return Recording(out / "pairs", command, CASES, pairs, LAUNCHES, slice_s=0.2)


def judged(measured: Sequence[Measurement]) -> dict[str, list[Judged]]:
    """What each method of `compare` says of the equals of a runtime.

    A method has no place where there are not enough launches for it yet.
    """
    found: dict[str, list[Judged]] = {}
    for runtime in RUNTIMES:
        mine = [m for m in measured if m.case.runtime == runtime]
        for method in COMPARE if mine else ():
            pairs, _ = INTERVALS[method]
            if next(pairs(mine, LAUNCHES), None):
                found.setdefault(runtime, []).append(by_interval(mine, method, LAUNCHES))
    return found
