"""The command that predicts: predict."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cnnbench import api, networks, units
from cnnbench.cli.app import Batch, Format, IncludeTop, Input, Params, Runtime, app, parse_params


@app.command()
def predict(
    target: Annotated[str, typer.Argument(help="What `analyze` takes.")],
    input: Input = None,
    batch: Batch = 1,
    param: Params = None,
    include_top: IncludeTop = True,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure this machine again: a minute.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Only so many layers.")] = 10,
    model: Annotated[bool, typer.Option("--model", help="The coefficients too.")] = False,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.table,
    runtime: Runtime = "tensorflow",
) -> None:
    """Time and peak memory of a network on this machine's CPU, without running it."""
    from cnnbench.reporting.prediction import forecast
    from cnnbench.runner.progress import watcher  # here: `analyze` need not wait for pydantic

    # Resolved here, for a target may have a parameter that is called like one of `api.predict`.
    shapes = None if input is None else units.parse_shapes(input)
    resolved = networks.resolve(target, shapes, include_top, parse_params(param or []))
    with watcher(quiet=not sys.stdout.isatty(), as_json=False) as progress:
        title, found = api.predict(
            resolved,
            shapes,
            batch_size=batch,
            calibrate=calibrate,
            runtime=runtime,
            progress=progress,
        )
    print(forecast.render(found, title, format.value, top, model), end="")
