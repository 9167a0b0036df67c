"""A stored run as a table for other programs (`cnnbench export`): CSV or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pandas as pd

from cnnbench import stats
from cnnbench.errors import CnnbenchError, StoreError, unknown
from cnnbench.reporting.runs.frame import csv_bytes, frame
from cnnbench.runs.measurement import Measurement
from cnnbench.runs.result import results
from cnnbench.runs.store import Run


def export(run: Run, format: str, per: str) -> bytes:
    """The data as a file, with one row for each case, launch or call, in base units.

    Raises:
        UnknownNameError: the format or the kind of row is unknown.
        StoreError: nothing was measured.
    """
    for kind, name, known in (("format", format, FORMATS), ("row", per, PER)):
        if name not in known:
            raise unknown(kind, name, known)
    if not run.measurements:
        raise StoreError(f"{run.folder} holds no launch to export")
    return FORMATS[format](PER[per](run))


def as_parquet(data: pd.DataFrame) -> bytes:
    """The frame with the types of its columns, compressed.

    Raises:
        CnnbenchError: pyarrow is not installed.
    """
    out = BytesIO()
    try:
        data.to_parquet(out, engine="pyarrow", index=False)
    except ImportError:
        raise CnnbenchError(
            "Parquet needs pyarrow, which is not installed: pip install 'cnnbench[parquet]'"
        ) from None
    return out.getvalue()


def _cases(run: Run) -> pd.DataFrame:
    return frame(results(run)[0])


def _launches(run: Run) -> pd.DataFrame:
    return pd.DataFrame([_launch(m) for m in run.measurements])


def _calls(run: Run) -> pd.DataFrame:
    return pd.DataFrame(row for m in run.measurements for row in _calls_of(m))


def _case(m: Measurement) -> dict[str, Any]:
    return {"case": m.case.id, "label": m.case.label or m.case.target, "launch": m.launch}


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
        "peak_source": m.peak_source,
        "load_1m": m.environment.get("load_1m"),
    }


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e9


def _calls_of(m: Measurement) -> Iterator[dict[str, Any]]:
    """The calls in order; those of the warm-up are marked."""
    leading = stats.warmup([ns / 1e9 for ns in m.samples_ns]) if m.samples_ns else 0
    for call, ns in enumerate(m.samples_ns):
        yield {**_case(m), "call": call, "warmup": call < leading, "ns": ns}


PER: dict[str, Callable[[Run], pd.DataFrame]] = {
    "case": _cases,
    "launch": _launches,
    "call": _calls,
}
"""What one row can be."""

FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {"csv": csv_bytes, "parquet": as_parquet}
