"""The command that predicts: predict."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from cnnbench import api, targets, units
from cnnbench.cli.app import app, parse_params


class PredictFormat(StrEnum):
    """How `predict` prints."""

    table = "table"
    markdown = "markdown"
    csv = "csv"
    json = "json"


@app.command()
def predict(
    target: Annotated[str, typer.Argument(help="What `analyze` takes.")],
    input: Annotated[
        str | None, typer.Option(help="Size of one sample, as 224x224x3.", metavar="SIZE")
    ] = None,
    batch: Annotated[int, typer.Option(help="Samples per forward pass.")] = 1,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", help="A parameter of the target.", metavar="NAME=VALUE"),
    ] = None,
    include_top: Annotated[
        bool, typer.Option(help="The classifier of a model of keras.applications.")
    ] = True,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure this machine again: about a minute.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Only so many layers.")] = 10,
    model: Annotated[bool, typer.Option("--model", help="The coefficients too.")] = False,
    format: Annotated[PredictFormat, typer.Option(help="How to print it.")] = PredictFormat.table,
    runtime: Annotated[str, typer.Option(help="tensorflow, or fake to try it out.")] = "tensorflow",
) -> None:
    """Time and peak memory of a network on this machine's CPU, without running it."""
    from cnnbench.progress import watcher  # here: `analyze` need not wait for pydantic
    from cnnbench.reporting import predicted

    # Resolved here, for a target may have a parameter that is called like one of `api.predict`.
    shapes = None if input is None else units.parse_shapes(input)
    resolved = targets.resolve(target, shapes, include_top, parse_params(param or []))
    with watcher(quiet=not sys.stdout.isatty(), as_json=False) as progress:
        title, found = api.predict(
            resolved,
            shapes,
            batch_size=batch,
            calibrate=calibrate,
            runtime=runtime,
            progress=progress,
        )
    print(predicted.render(found, title, format.value, top, model), end="")
