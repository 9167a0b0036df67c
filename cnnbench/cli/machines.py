"""The commands about machines: doctor, roofline."""

from __future__ import annotations

import sys
from dataclasses import replace
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
    from cnnbench.machine.health import Health


class Device(StrEnum):
    """The device of this machine that `roofline` measures."""

    cpu = "cpu"
    gpu = "gpu"


@app.command()
def doctor(
    time_budget: Annotated[
        str, typer.Option(help="Time for the noise floor: 20s, 1m.", metavar="TIME")
    ] = "20s",
    noise: Annotated[bool, typer.Option(help="Measure the noise floor.")] = True,
    format: Annotated[TextFormat, typer.Option(help="How to print it.")] = TextFormat.table,
    runtime: Runtime = "tensorflow",
) -> None:
    """Whether this machine is fit for timing, and how small a difference it can show."""
    from cnnbench.reporting.formats import show
    from cnnbench.reporting.machine.doctor import document
    from cnnbench.runner.progress import watcher

    budget = units.parse_duration(time_budget)
    at_once = format is TextFormat.table

    def told(health: Health) -> None:
        print(show(document(health), format.value), end="", flush=True)

    with watcher(quiet=not (at_once and noise and sys.stdout.isatty()), as_json=False) as progress:
        health = api.doctor(
            noise_s=budget if noise else None,
            runtime=runtime,
            progress=progress,
            told=told if at_once else None,
        )
    if not at_once:
        print(show(document(health), format.value), end="")
    elif health.noise or health.note:
        print("\n" + show(document(replace(health, findings=())), format.value), end="")


@app.command()
def roofline(
    target: Annotated[
        str | None,
        typer.Argument(help="What `analyze` takes; if left out, only the ceilings are shown."),
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
        str | None, typer.Option(help="A peak instead of a device: 156TFLOP/s.", metavar="RATE")
    ] = None,
    bandwidth: Annotated[
        str | None, typer.Option(help="With --peak: 1555GB/s.", metavar="RATE")
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Show only this many layers.")] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.table,
    device: Annotated[Device, typer.Option(help="The device of this machine.")] = Device.cpu,
    threads: Threads = None,
    runtime: Runtime = "tensorflow",
    again: Annotated[
        bool, typer.Option("--again", help="Measure this machine again; the better result counts.")
    ] = False,
) -> None:
    """The least time of a network's layers on a device, and whether a time is possible."""
    from cnnbench.reporting.formats import show
    from cnnbench.reporting.machine.roofline import document
    from cnnbench.runner.progress import watcher

    if format is Format.csv and target is None:
        raise CnnbenchError("--format csv is for the layers of a network; name one")
    # Resolved here, because a target may have a parameter with the name of one of `api.roofline`.
    shapes = None if input is None else units.parse_shapes(input)
    resolved = None
    if target is not None:
        resolved = networks.resolve(target, shapes, params=parse_params(param or []))
    with watcher(quiet=not sys.stdout.isatty(), as_json=False) as progress:
        roofline = api.roofline(
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
    print(show(document(roofline, top), format.value), end="")
