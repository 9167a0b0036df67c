"""Results as rows, as a pandas frame, and as results.csv: one row for each case, in base units."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pandas as pd

from cnnbench.cases.case import sizes
from cnnbench.runs.result import Result


def frame(results: Iterable[Result]) -> pd.DataFrame:
    """One row for each case; what was not measured is missing, never zero."""
    return pd.DataFrame(rows(results))


def csv_bytes(table: pd.DataFrame) -> bytes:
    """A frame as CSV with twelve digits: beyond these only platforms differ."""
    return table.to_csv(index=False, float_format="%.12g", lineterminator="\n").encode()


def rows(results: Iterable[Result]) -> list[dict[str, Any]]:
    """One mapping for each case, all with the same keys."""
    return [_row(r) for r in results]


def _row(r: Result) -> dict[str, Any]:
    case, cost, time = r.case, r.cost, r.time
    ok = sum(m.ok for m in r.launches)
    return {
        "label": r.label,
        "target": case.target,
        "params": json.dumps(case.params, sort_keys=True),
        "input": sizes(case.inputs),
        "batch": case.batch_size,
        "device": case.device,
        "runtime": case.runtime,
        "mode": case.mode,
        "dtype": case.dtype,
        "parameters": cost.params,
        "macs": cost.macs,
        "flops": r.flops,
        "uncounted_layers": len(cost.uncounted),
        "activation_bytes": cost.activation_bytes,
        "peak_activation_bytes": cost.peak_activation_bytes,
        "launches_ok": ok,
        "launches_failed": len(r.launches) - ok,
        "calls": r.calls,
        "warmup_calls": r.warmup_calls,
        "time_s": time.value if time else None,
        "time_low_s": time.low if time else None,
        "time_high_s": time.high if time else None,
        "samples_per_s": r.throughput,
        "build_s": r.build,
        "compile_s": r.compile,
        "first_call_s": r.first_call,
        "new_batch_s": r.new_batch,
        "growth_bytes_per_call": r.growth_bytes,
        "gflops_per_s": r.speed / 1e9 if r.speed else None,
        "measured_peak_bytes": r.peak_bytes,
        "predicted_peak_bytes": r.predicted_peak_bytes,
        "peak_error": r.peak_error,
        "keras_check": r.check,
        "outcome": r.outcome,
    }
