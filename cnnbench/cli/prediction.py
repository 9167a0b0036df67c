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
        bool, typer.Option("--calibrate", help="Measure this machine again, which takes a minute.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Show only this many layers.")] = 10,
    model: Annotated[bool, typer.Option("--model", help="Show the coefficients too.")] = False,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.table,
    runtime: Runtime = "tensorflow",
) -> None:
    """Predict the time and the peak memory of a network on the CPU of this machine."""
    from cnnbench.reporting.formats import show
    from cnnbench.reporting.prediction.forecast import document
    from cnnbench.runner.progress import watcher  # here, so that `analyze` does not import pydantic

    # Resolved here, because a target may have a parameter with the name of one of `api.predict`.
    shapes = None if input is None else units.parse_shapes(input)
    resolved = networks.resolve(target, shapes, include_top, parse_params(param or []))
    with watcher(quiet=not sys.stdout.isatty(), as_json=False) as progress:
        prediction = api.predict(
            resolved,
            shapes,
            batch_size=batch,
            calibrate=calibrate,
            runtime=runtime,
            progress=progress,
        )
    print(show(document(prediction, top, model), format.value), end="")
