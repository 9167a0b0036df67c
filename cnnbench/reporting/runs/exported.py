"""A stored run as a table for other programs (`cnnbench export`): a frame, CSV or Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pandas as pd

from cnnbench import stats
from cnnbench.cases.case import sizes
from cnnbench.errors import CnnbenchError, StoreError, unknown
from cnnbench.runs.result import Result, results
from cnnbench.runs.store import Measurement, Run


def export(run: Run, format: str, per: str) -> bytes:
    """The data as a file, with one row for each case, launch or call, in base units."""
    for kind, name, known in (("format", format, FORMATS), ("row", per, PER)):
        if name not in known:
            raise unknown(kind, name, known)
    if not run.measurements:
        raise StoreError(f"{run.folder} holds no launch to export")
    return FORMATS[format](PER[per](run))


def csv_bytes(table: pd.DataFrame) -> bytes:
    """A frame as CSV with twelve digits: beyond these only platforms differ."""
    return table.to_csv(index=False, float_format="%.12g", lineterminator="\n").encode()


def _parquet(table: pd.DataFrame) -> bytes:
    """The frame with the types of its columns, compressed."""
    out = BytesIO()
    try:
        table.to_parquet(out, engine="pyarrow", index=False)
    except ImportError:
        raise CnnbenchError(
            "Parquet needs pyarrow, which is not installed: pip install 'cnnbench[parquet]'"
        ) from None
    return out.getvalue()


def row(r: Result) -> dict[str, Any]:
    """A case as a row of results.csv; what was not measured is missing, never zero."""
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
        "threads": r.threads,
        "clients": case.clients,
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
        "p95_s": slow.value if (slow := stats.percentile(r.samples.values(), 95)) else None,
        "p99_s": slow.value if (slow := stats.percentile(r.samples.values(), 99)) else None,
        "samples_per_s": r.throughput,
        "build_s": r.build,
        "compile_s": r.compile,
        "first_call_s": r.first_call,
        "new_batch_s": r.new_batch,
        "growth_bytes_per_call": r.growth_bytes,
        "gflops_per_s": r.speed / 1e9 if r.speed else None,
        "measured_peak_bytes": r.peak_bytes,
        "load_peak_bytes": r.load_bytes,
        "joint_peak_bytes": r.joint_bytes,
        "output_difference": r.difference,
        "export_s": r.exported.seconds if r.exported else None,
        "export_peak_bytes": r.exported.peak_bytes if r.exported else None,
        "exported_bytes": r.exported.bytes if r.exported else None,
        "peak_on_paper_bytes": r.peak_on_paper_bytes,
        "predicted_peak_bytes": r.predicted_peak_bytes,
        "peak_error": r.peak_error,
        "keras_check": r.check,
        "outcome": r.outcome,
    }


def _launch(m: Measurement) -> dict[str, Any]:
    seconds = [ns / 1e9 for ns in m.samples_ns]
    medians = stats.medians([seconds]) if m.ok and seconds else []
    return {
        **_case(m),
        "outcome": m.outcome,
        "detail": m.detail,
        "started_s": m.started,
        "wall_s": m.wall_s,
        "calls": len(seconds),
        "warmup_calls": stats.warmup(seconds) if medians else None,
        "median_s": medians[0] if medians else None,
        "build_s": _seconds(m.build_ns),
        "compile_s": _seconds(m.compile_ns),
        "new_batch_s": _seconds(m.new_batch_ns),
        "peak_bytes": m.peak_bytes,
        "load_peak_bytes": m.load_bytes,
        "joint_peak_bytes": m.joint_bytes,
        "output_difference": m.difference,
        "peak_source": m.peak_source,
        "load_1m": m.environment.get("load_1m"),
        **{f"gpu_{name}": m.gpu.get(name) for name in ("sm_mhz", "memory_mhz", "watts", "celsius")},
        "gpu_throttled": ", ".join(m.gpu.get("throttled") or ()),
    }


def _calls(run: Run) -> pd.DataFrame:
    """The calls of every launch in order; those of the warm-up are marked."""
    calls: list[dict[str, Any]] = []
    for m in run.measurements:
        leading = stats.warmup([ns / 1e9 for ns in m.samples_ns])
        for call, ns in enumerate(m.samples_ns):
            calls.append({**_case(m), "call": call, "warmup": call < leading, "ns": ns})
    return pd.DataFrame(calls)


def _case(m: Measurement) -> dict[str, Any]:
    return {"case": m.case.id, "label": m.case.name, "launch": m.launch}


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e9


PER: dict[str, Callable[[Run], pd.DataFrame]] = {
    "case": lambda run: pd.DataFrame(map(row, results(run)[0])),
    "launch": lambda run: pd.DataFrame(map(_launch, run.measurements)),
    "call": _calls,
}
"""What one row can be."""

FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {"csv": csv_bytes, "parquet": _parquet}
