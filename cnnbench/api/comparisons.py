"""Runs beside each other, kept, and given to other tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnbench.errors import CnnbenchError

if TYPE_CHECKING:
    from cnnbench.runs.baselines import Baseline
    from cnnbench.runs.comparison import Compared


def compare(
    base: Path | str,
    new: Path | str | None = None,
    *,
    metric: str = "time",
    blocks: tuple[str, str] | None = None,
) -> Compared:
    """Two runs case by case, or two blocks of one run; `.records()` is for a pandas frame.

    Args:
        base: a run's folder, a baseline, or pytest-benchmark's JSON (a file, or a folder).
        new: the same; None where two blocks are compared.
        metric: time, memory, params or flops.
        blocks: the labels of two blocks of `base`, which are paired launch by launch.

    Raises:
        CnnbenchError: there is no such run or block, or nothing in common.
    """
    from cnnbench.runs import comparison, inputs

    if (new is None) == (blocks is None):
        raise CnnbenchError("compare takes two runs, or one run and two of its blocks")
    left = inputs.recording(str(base))
    if blocks:
        before, after = map(left.of_block, blocks)
        return comparison.compare(before, after, metric, paired=True)
    return comparison.compare(left, inputs.recording(str(new)), metric)


def save_baseline(name: str, run: Path | str, *, replace: bool = False) -> Path:
    """Keep a copy of a run under a name; see `cnnbench.runs.baselines.save`."""
    from cnnbench.runs import baselines

    return baselines.save(name, Path(run), replace=replace)


def list_baselines() -> list[Baseline]:
    """The baselines that there are, in the order of their names."""
    from cnnbench.runs.baselines import read_all

    return read_all()


def remove_baseline(name: str) -> None:
    """Forget a baseline; see `cnnbench.runs.baselines.remove`."""
    from cnnbench.runs import baselines

    baselines.remove(name)


@dataclass(frozen=True, slots=True)
class Exported:
    """The bytes of a file, and the cases that its format has no place for."""

    data: bytes
    left_out: tuple[str, ...] = ()


def export(
    run: Path | str, format: str = "csv", *, per: str = "case", out: Path | None = None
) -> Exported:
    """A stored run for other tools.

    Args:
        run: its folder, or a baseline.
        format: csv, parquet or pytest-benchmark.
        per: what a row of the first two is: a case, a launch or a call.
        out: the file to write; none if None.

    Raises:
        StoreError: there is no run, or nothing in it, or the file cannot be written.
        CnnbenchError: another format, or one whose library is not installed.
    """
    from cnnbench import reporting
    from cnnbench.runs import inputs, pytest_benchmark

    stored = inputs.run(str(run))
    if format == "pytest-benchmark":
        text, left_out = pytest_benchmark.write(stored)
        found = Exported(text.encode(), tuple(left_out))
    else:
        found = Exported(reporting.export(stored, format, per))
    if out is not None:
        pytest_benchmark.save(out, found.data)
    return found
