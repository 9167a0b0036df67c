"""`cnnbench verify`: what tutorials and papers say of networks, judged."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer import Argument, Option

from cnnbench import api, units
from cnnbench.cli import options
from cnnbench.cli.options import complete, show
from cnnbench.errors import CnnbenchError


def verify(
    claims: Annotated[
        list[str] | None,
        Argument(
            help="Claims to argue in full; a table of all claims if left out.",
            metavar="CLAIM",
            autocompletion=complete(options.claims),
        ),
    ] = None,
    run: Annotated[
        str | None,
        Option(
            help="Judge by this stored run or baseline.",
            metavar="FOLDER",
            autocompletion=complete(options.baselines),
        ),
    ] = None,
    measure: Annotated[
        bool, Option("--measure", help="Measure what the claims need, and write a report.")
    ] = False,
    out: Annotated[
        str | None,
        Option(help="Folder for that run [default: reports/claims-TIME].", metavar="FOLDER"),
    ] = None,
    resume: options.Resume = False,
    launches: Annotated[int | None, Option(min=1, help="Processes per case [default: 5].")] = None,
    time_budget: Annotated[
        str | None, Option(help="For all launches: 90s, 5m [default: 6m].", metavar="TIME")
    ] = None,
    threads: options.Threads = None,
    runtime: Annotated[
        str | None, Option(help="tensorflow, or fake to try it out [default: tensorflow].")
    ] = None,
    cluster: options.Cluster = None,
    report: Annotated[
        str | None, Option(help="Write the report into this folder.", metavar="FOLDER")
    ] = None,
    figure: Annotated[
        str | None, Option(help="Draw one claim into this file: .png, .svg, .pdf.", metavar="FILE")
    ] = None,
    format: options.TextFormat = "table",
) -> None:
    """Judge what tutorials and papers say, on paper or by a run.

    Verdicts: confirmed; nearly (not to the printed digit, but within 1 % of the number); refuted;
    depends (true in some places); inconclusive (the intervals leave it open).
    """
    from cnnbench.reporting.claims import verdicts
    from cnnbench.runner.progress import watcher

    of_runs = {
        "--out": out,
        "--resume": resume,
        "--launches": launches,
        "--time-budget": time_budget,
        "--threads": threads,
        "--runtime": runtime,
        "--cluster": cluster,
    }
    given = options.given_names(of_runs)
    if given and not measure:
        raise CnnbenchError(
            f"{', '.join(given)} {'goes' if len(given) == 1 else 'go'} with --measure"
        )
    if measure and run is not None:
        raise CnnbenchError("--run is for an existing run and --measure makes one; choose one")
    options.check_named(out=out, report=report, run=run)
    if figure is not None and len(claims or ()) != 1:
        raise CnnbenchError(f"--figure draws one claim; got {len(claims or ())}: name one")
    with watcher(quiet=not measure or format != "table", as_json=False) as progress:
        verified = api.verify(
            claims or (),
            run=run,
            measure=measure,
            out=out,
            resume=resume,
            launches=launches or 5,
            time_budget=time_budget,
            threads=threads,
            runtime=runtime or "tensorflow",
            cluster=cluster,
            progress=progress,
            command=options.as_typed(),
            report=report,
            figure=figure,
        )
    page = verdicts.document(verified.claims, verified.run, bool(claims))
    print(show(page, format), end="")
    if format == "table":
        options.say(report=verified.page, figure=figure)
    if verified.ending and verified.ending.reason != "done":
        where = f" --cluster {cluster}" if cluster else ""
        print(
            f"{verified.ending.reason}: {units.counted(verified.ending.remaining, 'launch')} not "
            "made; continue "
            f"with --measure --resume --out {verified.run.folder if verified.run else out}{where}",
            file=sys.stderr,
        )
        if verified.ending.reason == "interrupted":
            raise typer.Exit(130)
