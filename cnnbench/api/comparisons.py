"""Runs compared, kept as baselines, and exported to other tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnbench.errors import CnnbenchError
from cnnbench.records import Record, one_line, plain

if TYPE_CHECKING:
    from cnnbench.runs.baselines import Baseline
    from cnnbench.runs.comparison import RunComparison


def compare(
    base: Path | str,
    new: Path | str | None = None,
    *,
    metric: str = "time",
    blocks: tuple[str, str] | None = None,
) -> RunComparison:
    """Compare two runs case by case, or two blocks of one run.

    `.gate(0.05)` of the result says whether a case became worse by more than 5 %, `.records()` is
    for a pandas frame, and `.to_json()` has plain values.

    Args:
        base: a run's folder, a baseline, or pytest-benchmark's JSON (a file, or a folder).
        new: the same; None if two blocks are compared.
        metric: time, memory, params or flops.
        blocks: the labels of two blocks of `base`, which are paired launch by launch.

    Raises:
        CnnbenchError: there is no such run or block, or they have no case in common.
    """
    from cnnbench.runs import comparison, recording

    if (new is None) == (blocks is None):
        raise CnnbenchError("compare takes two runs, or one run and two of its blocks")
    left = recording.read(str(base))
    if blocks:
        before, after = map(left.of_block, blocks)
        return comparison.compare(before, after, metric, paired=True)
    return comparison.compare(left, recording.read(str(new)), metric)


def save_baseline(name: str, run: Path | str, *, replace: bool = False) -> Path:
    """Keep a copy of a run under a name; returns its folder. See `cnnbench.runs.baselines.save`."""
    from cnnbench.runs import baselines

    return baselines.save(name, Path(run), replace=replace)


def list_baselines() -> list[Baseline]:
    """The baselines that there are, in the order of their names."""
    from cnnbench.runs.baselines import read_all

    return read_all()


def remove_baseline(name: str) -> None:
    """Delete a baseline; see `cnnbench.runs.baselines.remove`."""
    from cnnbench.runs import baselines

    baselines.remove(name)


@dataclass(frozen=True, slots=True, repr=False)
class Exported(Record):
    """A run for another tool.

    Args:
        format: csv, parquet or pytest-benchmark.
        data: the bytes of the file.
        path: where they were written, if anywhere.
        left_out: the cases for which the format has no place.
    """

    format: str
    data: bytes
    path: Path | None = None
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        facts = (f"{key} {value}" for key, value in self.to_json().items() if value)
        return one_line(self, *facts)

    def to_json(self) -> dict[str, Any]:
        """Plain values; of the data only the size in bytes."""
        values = {"format": self.format, "bytes": len(self.data)}
        return values | {"path": plain(self.path), "left_out": plain(self.left_out)}


def export(
    run: Path | str, format: str = "csv", *, per: str = "case", out: Path | None = None
) -> Exported:
    """Export a stored run to other tools.

    Args:
        run: its folder, or a baseline.
        format: csv, parquet or pytest-benchmark.
        per: what one row of csv or parquet is: a case, a launch or a call.
        out: the file to write; nothing is written if None.

    Raises:
        StoreError: there is no run, or nothing in it, or the file cannot be written.
        CnnbenchError: the format is unknown, or its library is not installed.
    """
    from cnnbench import reporting
    from cnnbench.runs import pytest_benchmark, recording

    stored = recording.run(str(run))
    left_out: list[str] = []
    if format == "pytest-benchmark":
        text, left_out = pytest_benchmark.write(stored)
        data = text.encode()
    else:
        data = reporting.export(stored, format, per)
    if out is not None:
        pytest_benchmark.save(out, data)
    return Exported(format, data, out, tuple(left_out))
