"""The commands on stored runs: compare, baseline, export."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cnnbench import api, units
from cnnbench.cli.app import Format, TextFormat, app
from cnnbench.errors import CnnbenchError

INPUT = "A run, a folder of runs, a baseline, or pytest-benchmark's JSON: a file or a folder."

baseline = typer.Typer(help="Runs kept under a name, to compare later runs with.")
app.add_typer(baseline, name="baseline", no_args_is_help=False)


class Metric(StrEnum):
    """What `compare` compares."""

    time = "time"
    memory = "memory"
    params = "params"
    flops = "flops"


class ExportFormat(StrEnum):
    """What `export` writes."""

    csv = "csv"
    parquet = "parquet"
    pytest_benchmark = "pytest-benchmark"


class Per(StrEnum):
    """What a row of an export stands for."""

    case = "case"
    launch = "launch"
    call = "call"


@app.command()
def compare(
    base: Annotated[str, typer.Argument(help=INPUT)],
    new: Annotated[str | None, typer.Argument(help="The same; not with --blocks.")] = None,
    blocks: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Two blocks of one run, paired launch by launch.", metavar="BASE NEW"),
    ] = None,
    metric: Annotated[Metric, typer.Option(help="What to compare.")] = Metric.time,
    fail_above: Annotated[
        str | None,
        typer.Option(
            help="Exit with 1 if the whole interval of a case is above this, or if a case broke.",
            metavar="5%",
        ),
    ] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.table,
) -> None:
    """Are two runs different? Prints ratio, interval and verdict of each case."""
    from cnnbench.reporting.formats import show
    from cnnbench.reporting.runs import compared_runs

    limit = None if fail_above is None else units.parse_percent(fail_above)
    comparison = api.compare(base, new, metric=metric.value, blocks=blocks)
    gate = None if limit is None else comparison.gate(limit)
    print(show(compared_runs.document(comparison, gate), format.value), end="")
    if format is Format.csv:
        for line in compared_runs.remarks(comparison, gate):
            print(line, file=sys.stderr)
    if gate and not gate.passed:
        raise typer.Exit(1)


@baseline.command()
def save(
    name: Annotated[str, typer.Argument(help="Letters, digits, '.', '_' and '-'.")],
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite a baseline of this name.")
    ] = False,
) -> None:
    """Keep a copy of a run under a name."""
    print(f"baseline {name}: {api.save_baseline(name, run, replace=replace)}")


@baseline.command("list")
def list_(
    format: Annotated[TextFormat, typer.Option(help="How to print it.")] = TextFormat.table,
) -> None:
    """List the baselines."""
    from cnnbench.reporting.formats import show
    from cnnbench.reporting.runs import baselines

    print(show(baselines.document(api.list_baselines()), format.value), end="")


@baseline.command()
def remove(name: Annotated[str, typer.Argument(help="A name from `baseline list`.")]) -> None:
    """Delete a baseline."""
    api.remove_baseline(name)
    print(f"removed baseline {name}")


@app.command()
def export(
    run: Annotated[str, typer.Argument(help="A run's folder, or a baseline.")],
    format: Annotated[ExportFormat, typer.Option(help="What to write.")] = ExportFormat.csv,
    per: Annotated[
        Per | None, typer.Option(help="What one row of CSV or Parquet is [default: case].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write; printed if not given.", metavar="FILE")
    ] = None,
) -> None:
    """Export a stored run to other tools."""
    if format is ExportFormat.parquet and out is None:
        raise CnnbenchError("parquet is not text; name a file with --out")
    if per and format is ExportFormat.pytest_benchmark:
        raise CnnbenchError("--per is for csv and parquet; pytest-benchmark has one row a case")
    exported = api.export(run, format.value, per=(per or Per.case).value, out=out)
    if out is None:
        sys.stdout.write(exported.data.decode())
    else:
        print(f"{format.value}: {out}")
    for name in exported.left_out:
        print(f"left out: {name}", file=sys.stderr)
