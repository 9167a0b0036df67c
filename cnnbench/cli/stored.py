"""The commands about stored runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option

from cnnbench import api
from cnnbench.cli import options
from cnnbench.cli.options import complete, show
from cnnbench.errors import CnnbenchError

INPUT = "A run, a folder of runs, a baseline, or pytest-benchmark's JSON: a file or a folder."


NOTHING_JUDGED = 3
"""The exit status of a gate of which a kind of limit had not a single case with an interval."""


def _stored(metavar: str, help: str) -> Any:
    """An argument that may be a baseline."""
    return Argument(help=help, metavar=metavar, autocompletion=complete(options.baselines))


def compare(
    base: Annotated[str, _stored("BASE", INPUT)],
    new: Annotated[
        str | None,
        _stored("NEW", "The same; not with --blocks, nor to hold one run to --max-time."),
    ] = None,
    blocks: Annotated[
        tuple[str, str] | None,
        Option(help="Two blocks of one run, paired launch by launch.", metavar="BASE NEW"),
    ] = None,
    metric: Annotated[
        Literal["time", "memory", "params", "flops"], Option(help="What to compare.")
    ] = "time",
    fail_above: Annotated[
        list[str] | None,
        Option(
            help="Exit with 1 if the whole interval of a case is above this, or if a case broke. "
            "Repeatable, with cases by a shell pattern of their names, as 'resnet50 *: 10%': the "
            "last that matches counts, before one without a pattern. So for the four below.",
            metavar="[CASES:]5%",
        ),
    ] = None,
    max_time: Annotated[
        list[str] | None,
        Option(
            help="Exit with 1 if the whole interval of a case's time in NEW is above 20ms, say.",
            metavar="[CASES:]TIME",
        ),
    ] = None,
    max_memory: Annotated[
        list[str] | None,
        Option(help="The same for the measured peak memory: 40MiB.", metavar="[CASES:]SIZE"),
    ] = None,
    max_params: Annotated[
        list[str] | None,
        Option(help="The same for the parameters: 10M.", metavar="[CASES:]COUNT"),
    ] = None,
    max_flops: Annotated[
        list[str] | None,
        Option(help="The same for the FLOPs: 5G.", metavar="[CASES:]COUNT"),
    ] = None,
    format: options.Format = "table",
) -> None:
    """Are two runs different? Ratio, interval and verdict per case.

    One run alone is held against --max-time and the like. markdown is for a pull request: the
    verdict first, what did not change folded, at most 65,536 characters.

    A limit inside an interval is "not decided" and does not fail. The exit status is 1 if a limit
    is broken, and 3 if nothing could be judged.
    """
    from cnnbench.reporting.runs import compared_runs

    largest = {
        "max_time": options.by_pattern("--max-time", max_time),
        "max_memory": options.by_pattern("--max-memory", max_memory),
        "max_params": options.by_pattern("--max-params", max_params),
        "max_flops": options.by_pattern("--max-flops", max_flops),
    }
    change = options.by_pattern("--fail-above", fail_above)
    alone = new is None and blocks is None and any(largest.values())
    if alone and (change or metric != "time"):
        raise CnnbenchError("--fail-above and --metric compare two runs; name both")
    comparison = gate = None
    if alone:
        gate = api.gate(base, **largest)
        page, said = compared_runs.limits(gate), compared_runs.judged(gate)
    else:
        comparison = api.compare(base, new, metric=metric, blocks=blocks)
        if change or any(largest.values()):
            gate = comparison.gate(change, **largest)
        page = compared_runs.document(comparison, gate)
        said = compared_runs.remarks(comparison, gate)
    if format == "markdown":
        page = compared_runs.pull_request(comparison, gate)
    print(show(page, format), end="")
    if format == "csv":
        for line in said:
            print(line, file=sys.stderr)
    if gate and not gate.passed:
        raise typer.Exit(1 if gate.failed else NOTHING_JUDGED)


def history(
    runs: Annotated[
        list[str] | None,
        Argument(
            help="Folders of runs, runs, baselines, or files of pytest-benchmark. "
            "[default: all baselines]",
            metavar="RUNS",
            autocompletion=complete(options.baselines),
        ),
    ] = None,
    metric: Annotated[Literal["time", "memory"], Option(help="What to follow.")] = "time",
    since: Annotated[
        str,
        Option(
            help="Only runs since a date (2026-11-30), so many days (30d), or a commit of the "
            "project.",
            metavar="WHEN",
        ),
    ] = "",
    fail_on_change: Annotated[
        bool,
        Option("--fail-on-change", help="Exit with 1 if a case became slower, or needs more."),
    ] = False,
    report: Annotated[
        str | None, Option(help="Write a page with a figure into this folder.", metavar="FOLDER")
    ] = None,
    figure: Annotated[
        str | None, Option(help="Draw the figure into this file: .png, .svg, .pdf.", metavar="FILE")
    ] = None,
    format: options.Format = "table",
) -> None:
    """When did a case become slower, or need more memory?

    The time of a case counts by how many times the time of the references beside it it took. Change
    points are found by PELT of the library ruptures, from the second run after a change on; in 50
    runs, 5 % or fewer of cases that did not change show one. The exit status is 3 if
    --fail-on-change has no case of four runs.
    """
    from cnnbench.reporting.runs import history as pages

    options.check_named(report=report, figure=figure)
    found = api.history(*(runs or ()), metric=metric, since=since, report=report, figure=figure)
    print(show(pages.document(found), format), end="")
    if format == "table":
        options.say(report=report and Path(report) / "README.md", figure=figure)
    if format == "csv":
        for line in pages.remarks(found):
            print(line, file=sys.stderr)
    if fail_on_change and not (found.judged and not found.slower):
        raise typer.Exit(1 if found.slower else NOTHING_JUDGED)


def save(
    name: Annotated[str, Argument(help="Letters, digits, '.', '_' and '-'.", metavar="NAME")],
    run: Annotated[Path, Argument(help="Folder of a run.", metavar="FOLDER")],
    replace: Annotated[
        bool, Option("--replace", help="Overwrite a baseline of this name.")
    ] = False,
) -> None:
    """Keep a copy of a run under a name."""
    print(f"baseline {name}: {api.save_baseline(name, run, replace=replace)}")


def list_(format: options.TextFormat = "table") -> None:
    """List the baselines."""
    from cnnbench.reporting.runs.compared_runs import baselines

    print(show(baselines(api.list_baselines()), format), end="")


def remove(name: Annotated[str, _stored("NAME", "A name from `baseline list`.")]) -> None:
    """Delete a baseline."""
    api.remove_baseline(name)
    print(f"removed baseline {name}")


def export(
    run: Annotated[str, _stored("RUN", "A run's folder, or a baseline.")],
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
