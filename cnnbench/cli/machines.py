"""The commands about machines: doctor, roofline."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cnnbench import api, networks, units
from cnnbench.cli.app import (
    Batch,
    DType,
    Format,
    Input,
    Params,
    Runtime,
    TextFormat,
    Threads,
    app,
    parse_params,
)
from cnnbench.errors import CnnbenchError

if TYPE_CHECKING:
    from cnnbench.machine.health import Finding


class Device(StrEnum):
    """What of this machine `roofline` is about."""

    cpu = "cpu"
    gpu = "gpu"


@app.command()
def doctor(
    time_budget: Annotated[
        str, typer.Option(help="For the noise floor: 20s, 1m.", metavar="TIME")
    ] = "20s",
    noise: Annotated[bool, typer.Option(help="Measure the noise floor.")] = True,
    format: Annotated[TextFormat, typer.Option(help="How to print it.")] = TextFormat.table,
    runtime: Runtime = "tensorflow",
) -> None:
    """Whether this machine is fit for timing, and how small a difference it can show."""
    from cnnbench.reporting.machine import doctor as page
    from cnnbench.runner.progress import watcher

    budget = units.parse_duration(time_budget)
    at_once = format is TextFormat.table

    def told(findings: Sequence[Finding]) -> None:
        print(page.findings_table(findings, "simple"), flush=True)

    with watcher(quiet=not (at_once and noise and sys.stdout.isatty()), as_json=False) as progress:
        found = api.doctor(
            noise_s=budget if noise else None,
            runtime=runtime,
            progress=progress,
            told=told if at_once else None,
        )
    if at_once:
        print(page.noise_text(found, "simple"), end="")
    else:
        print(page.render(found, format.value), end="")


@app.command()
def roofline(
    target: Annotated[
        str | None,
        typer.Argument(help="What `analyze` takes; without one, only the ceilings."),
    ] = None,
    input: Input = None,
    batch: Batch = 1,
    dtype: DType = None,
    param: Params = None,
    time: Annotated[
        str | None, typer.Option(help="Is this time possible? 4.16ms, 12us, 1.5s.", metavar="TIME")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(help="A known device: A100, H100, V100, T4 [default: this machine]."),
    ] = None,
    peak: Annotated[
        str | None, typer.Option(help="A peak instead: 156TFLOP/s.", metavar="RATE")
    ] = None,
    bandwidth: Annotated[
        str | None, typer.Option(help="With --peak: 1555GB/s.", metavar="RATE")
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Only so many layers.")] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.table,
    device: Annotated[Device, typer.Option(help="Of this machine.")] = Device.cpu,
    threads: Threads = None,
    runtime: Runtime = "tensorflow",
    again: Annotated[
        bool, typer.Option("--again", help="Measure this machine again; the better counts.")
    ] = False,
) -> None:
    """The least time of a network's layers on a device, and whether a time is possible."""
    from cnnbench.reporting.machine import roofline
    from cnnbench.runner.progress import watcher

    if format is Format.csv and target is None:
        raise CnnbenchError("--format csv is for the layers of a network; name one")
    # Resolved here, for a target may have a parameter that is called like one of `api.roofline`.
    shapes = None if input is None else units.parse_shapes(input)
    resolved = None
    if target is not None:
        resolved = networks.resolve(target, shapes, params=parse_params(param or []))
    with watcher(quiet=not sys.stdout.isatty(), as_json=False) as progress:
        title, found = api.roofline(
            resolved,
            shapes,
            batch_size=batch,
            dtype=dtype,
            seconds=None if time is None else units.parse_quantity(time, *units.TIME),
            on=on,
            peak=None if peak is None else units.parse_quantity(peak, *units.RATE),
            bandwidth=None if bandwidth is None else units.parse_quantity(bandwidth, *units.FLOW),
            device=device.value,
            threads=threads,
            runtime=runtime,
            again=again,
            progress=progress,
        )
    print(roofline.render(found, title, format.value, top), end="")
