"""The commands that measure, and show what was measured: run, report."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import cnnbench
from cnnbench import api, units
from cnnbench.cli.app import Runtime, Threads, app
from cnnbench.errors import CnnbenchError


class Devices(StrEnum):
    """Where `run` measures."""

    all = "all"
    cpu = "cpu"
    gpu = "gpu"


@app.command()
def run(
    suite: Annotated[str, typer.Argument(help="A suite's name, or a TOML file.")] = "tutorial",
    out: Annotated[
        str | None,
        typer.Option(help="Folder of the run [default: reports/SUITE-TIME].", metavar="FOLDER"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out, or the newest, as planned.")
    ] = False,
    device: Annotated[Devices, typer.Option(help="Where to measure.")] = Devices.all,
    launches: Annotated[
        int | None, typer.Option(min=1, help="Processes per case, exactly.")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="Launch again until intervals are so narrow [default: 2%].", metavar="%"),
    ] = None,
    time_budget: Annotated[
        str | None, typer.Option(help="For all launches: 90s, 5m, 1h.", metavar="TIME")
    ] = None,
    timeout: Annotated[str, typer.Option(help="For one launch.", metavar="TIME")] = "120s",
    seed: Annotated[int | None, typer.Option(help="Of the order and the inputs.")] = None,
    threads: Threads = None,
    runtime: Runtime = "tensorflow",
    ceilings: Annotated[
        bool, typer.Option(help="Measure the machine's ceilings first, unless they are known.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only where the report is.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Progress and result as JSON.")] = False,
) -> None:
    """Analyse, check, time and measure a suite, and write the report."""
    from cnnbench.cases import suites  # here: `analyze` need not wait for pydantic
    from cnnbench.runner.progress import watcher

    if out == "":  # which pathlib takes for the folder that we are in
        raise CnnbenchError("--out must be a folder; got an empty name")
    narrow = None if precision is None else units.parse_percent(precision)
    if narrow == 0:
        raise CnnbenchError("--precision must be more than 0%; no interval has no width")
    progress = watcher(quiet, json)
    if not resume:
        suites.load(suite)  # what is wrong with it is the first thing to say
    if not quiet and not json:
        print(f"cnnbench {cnnbench.__version__}: suite {suite}, starting {runtime} ...", flush=True)
    with progress:
        finished = api.run(
            suite,
            out=out,
            resume=resume,
            device=device.value,
            launches=launches,
            precision=narrow,
            time_budget=None if time_budget is None else units.parse_duration(time_budget),
            timeout=units.parse_duration(timeout),
            seed=seed,
            threads=threads,
            runtime=runtime,
            progress=progress,
            command=shlex.join(["cnnbench", *sys.argv[1:]]),
            ceilings=ceilings,
        )
    ending = finished.ending
    if json:
        from json import dumps

        print(dumps({"event": "end", "reason": ending.reason, "report": str(finished.page)}))
    else:
        if ending.reason != "done" and not quiet:
            print(
                f"{ending.reason}: {ending.remaining} launches not made; continue with "
                f"cnnbench run {suite} --out {finished.folder} --resume"
            )
        print(finished.page if quiet else f"report: {finished.page}")
    if ending.reason == "interrupted":
        raise typer.Exit(130)


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="Folder of a run.")]) -> None:
    """Write the report of a stored run again."""
    print(f"report: {api.report(folder)}")
