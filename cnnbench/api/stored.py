"""What is done with stored runs: compared, followed, held to limits, kept by a name, exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnbench.errors import CnnbenchError
from cnnbench.records import Record, Records, one_line, plain

if TYPE_CHECKING:
    from cnnbench.runs.baselines import Baseline
    from cnnbench.runs.comparison import RunComparison
    from cnnbench.runs.gate import Gate, Most
    from cnnbench.runs.history import History


def compare(
    base: Path | str,
    new: Path | str | None = None,
    *,
    metric: str = "time",
    blocks: tuple[str, str] | None = None,
) -> RunComparison:
    """Compare two runs case by case, or two blocks of one run.

    `.gate(0.05)` of the result says whether a case became worse by more than 5 %, see there for
    limits of single cases; `.records()` is for a pandas frame, and `.to_json()` has plain values.

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
        raise CnnbenchError(
            "compare takes two runs, or one run and two of its blocks; one run alone can be held "
            "against a limit, as --max-time 20ms or cnnbench.gate(run, max_time='20ms')"
        )
    left = recording.read(str(base))
    if blocks:
        before, after = map(left.of_block, blocks)
        return comparison.compare(before, after, metric, paired=True)
    return comparison.compare(left, recording.read(str(new)), metric)


def history(
    *runs: Path | str,
    metric: str = "time",
    since: str = "",
    report: Path | str | None = None,
    figure: Path | str | None = None,
) -> History:
    """How the time or memory of each case went over many runs, and where it changed its level.

    `.slower` of the result has the cases that became slower, or take more, `.records()` is for a
    pandas frame, and `.to_json()` has plain values.

    Args:
        *runs: folders of runs, runs, baselines, or files of pytest-benchmark and folders of them,
            where each file is a run; all baselines if there are none.
        metric: time, or memory: the rise of the peak by the first call.
        since: only runs from then on: a date as 2026-11-30, so many days as 30d, or the commit of
            the project at which they begin. All runs if empty.
        report: a folder to write a page, its figure and history.csv into.
        figure: a file for the figure alone: .png, .svg or .pdf.

    Raises:
        CnnbenchError: there is no such run, or none since then.
    """
    from cnnbench.runs.history import history

    if figure is not None:
        from cnnbench.reporting import style

        style.check(Path(figure))
    found = history([str(run) for run in runs], since, metric=metric)
    if report is not None or figure is not None:
        from cnnbench.reporting.runs import history as page

        if report is not None:
            page.write(found, Path(report))
        if figure is not None:
            style.write(lambda: page.draw(found), Path(figure))
    return found


def gate(
    run: Path | str,
    *,
    max_time: Most = None,
    max_memory: Most = None,
    max_params: Most = None,
    max_flops: Most = None,
) -> Gate:
    """Whether each case of one run keeps its limits; of two runs see `RunComparison.gate`.

    Args:
        run: a run's folder, a baseline, or pytest-benchmark's JSON (a file, or a folder).
        max_time: the most seconds of a call, or as text: 20ms. Or several by the cases that they
            are for, `{"*": "20ms", "resnet50 *": "50ms"}`, where keys are shell patterns of whole
            names, and of those that match a case the last counts. So for the next three.
        max_memory: the most bytes by which the first call raises the peak memory.
        max_params: the most parameters.
        max_flops: the most FLOPs of a call.

    Raises:
        CnnbenchError: there is no such run, no limit, or a pattern that matches no case.
    """
    from cnnbench.runs import gate, recording

    most = {"time": max_time, "memory": max_memory, "params": max_params, "flops": max_flops}
    return gate.of_series(recording.read(str(run)).series, most)


def save_baseline(name: str, run: Path | str, *, replace: bool = False) -> Path:
    """Keep a copy of a run under a name; returns its folder. See `cnnbench.runs.baselines.save`."""
    from cnnbench.runs import baselines

    return baselines.save(name, Path(run), replace=replace)


def list_baselines() -> list[Baseline]:
    """The baselines that there are, in the order of their names."""
    from cnnbench.runs.baselines import read_all

    return Records(read_all())


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
    from cnnbench.reporting.runs import exported
    from cnnbench.runs import pytest_benchmark, recording

    stored = recording.run(str(run))
    left_out: list[str] = []
    if format == "pytest-benchmark":
        text, left_out = pytest_benchmark.write(stored)
        data = text.encode()
    else:
        data = exported.export(stored, format, per)
    if out is not None:
        pytest_benchmark.save(out, data)
    return Exported(format, data, out, tuple(left_out))
