"""The commands on stored runs: compare, baseline, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from cnnbench import api, units
from cnnbench.cli import options
from cnnbench.errors import CnnbenchError
from cnnbench.reporting.formats import show

INPUT = "A run, a folder of runs, a baseline, or pytest-benchmark's JSON: a file or a folder."

baseline = typer.Typer(help="Runs kept under a name, to compare later runs with.")


def compare(
    base: Annotated[str, Argument(help=INPUT)],
    new: Annotated[str | None, Argument(help="The same; not with --blocks.")] = None,
    blocks: Annotated[
        tuple[str, str] | None,
        Option(help="Two blocks of one run, paired launch by launch.", metavar="BASE NEW"),
    ] = None,
    metric: Annotated[
        Literal["time", "memory", "params", "flops"], Option(help="What to compare.")
    ] = "time",
    fail_above: Annotated[
        float | None,
        Option(
            parser=units.parse_percent,
            help="Exit with 1 if the whole interval of a case is above this, or if a case broke.",
            metavar="5%",
        ),
    ] = None,
    format: options.Format = "table",
) -> None:
    """Are two runs different? Prints ratio, interval and verdict of each case."""
    from cnnbench.reporting.runs import compared_runs

    comparison = api.compare(base, new, metric=metric, blocks=blocks)
    gate = None if fail_above is None else comparison.gate(fail_above)
    print(show(compared_runs.document(comparison, gate), format), end="")
    if format == "csv":
        for line in compared_runs.remarks(comparison, gate):
            print(line, file=sys.stderr)
    if gate and not gate.passed:
        raise typer.Exit(1)


@baseline.command()
def save(
    name: Annotated[str, Argument(help="Letters, digits, '.', '_' and '-'.")],
    run: Annotated[Path, Argument(help="Folder of a run.")],
    replace: Annotated[
        bool, Option("--replace", help="Overwrite a baseline of this name.")
    ] = False,
) -> None:
    """Keep a copy of a run under a name."""
    print(f"baseline {name}: {api.save_baseline(name, run, replace=replace)}")


@baseline.command("list")
def list_(format: options.TextFormat = "table") -> None:
    """List the baselines."""
    from cnnbench.reporting.runs.compared_runs import baselines

    print(show(baselines(api.list_baselines()), format), end="")


@baseline.command()
def remove(name: Annotated[str, Argument(help="A name from `baseline list`.")]) -> None:
    """Delete a baseline."""
    api.remove_baseline(name)
    print(f"removed baseline {name}")


def export(
    run: Annotated[str, Argument(help="A run's folder, or a baseline.")],
    format: Annotated[
        Literal["csv", "parquet", "pytest-benchmark"], Option(help="What to write.")
    ] = "csv",
    per: Annotated[
        Literal["case", "launch", "call"] | None,
        Option(help="What one row of CSV or Parquet is [default: case]."),
    ] = None,
    out: Annotated[
        Path | None, Option(help="File to write; printed if not given.", metavar="FILE")
    ] = None,
) -> None:
    """Export a stored run to other tools."""
    if format == "parquet" and out is None:
        raise CnnbenchError("parquet is not text; name a file with --out")
    if per and format == "pytest-benchmark":
        raise CnnbenchError("--per is for csv and parquet; pytest-benchmark has one row a case")
    exported = api.export(run, format, per=per or "case", out=out)
    if out is None:
        sys.stdout.write(exported.data.decode())
    else:
        print(f"{format}: {out}")
    for name in exported.left_out:
        print(f"left out: {name}", file=sys.stderr)
