"""The command that tries what would make a network faster: advise."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer import Option

from cnnbench import api
from cnnbench.cli import options
from cnnbench.cli.options import show


def advise(
    target: options.Target,
    ways: Annotated[
        str,
        Option(
            help="What to try: other runtimes or types, one thread, a larger batch, other layers.",
            metavar="NAMES",
        ),
    ] = ",".join(api.WAYS),
    input: options.Input = None,
    batch: options.Batch = 1,
    param: options.Params = None,
    import_: options.Imports = None,
    launches: Annotated[int, Option(min=1, help="Processes of each case.")] = 3,
    time_budget: Annotated[str, Option(help="For all launches: 4m.", metavar="TIME")] = "4m",
    timeout: options.Timeout = "120s",
    runtime: options.Runtime = "tensorflow",
    quiet: options.Quiet = False,
    format: options.Format = "table",
) -> None:
    """What makes it faster here? Changes, tried and measured.

    Each takes turns with the network as it is: ratio, interval, and how far the outputs move.
    """
    from cnnbench.reporting import advice
    from cnnbench.runner.progress import watcher

    with watcher(quiet or not sys.stdout.isatty(), as_json=False) as progress:
        found = api.advise(
            target,
            input,
            ways=options.listed(ways),
            runtime=runtime,
            batch_size=batch,
            launches=launches,
            time_budget=time_budget,
            timeout=timeout,
            params=options.parse_params(param),
            imports=import_ or (),
            progress=progress,
        )
    print(show(advice.document(found), format), end="")
    if found.ended == "interrupted":
        raise typer.Exit(130)
