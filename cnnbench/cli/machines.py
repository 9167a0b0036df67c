"""The commands about this machine: doctor, roofline, predict."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from cnnbench import api, networks, units
from cnnbench.cli import options
from cnnbench.cli.options import complete, show
from cnnbench.errors import CnnbenchError

if TYPE_CHECKING:
    from cnnbench.machine.health import Health


def doctor(
    time_budget: Annotated[
        str, Option(help="Time for the noise floor: 20s, 1m.", metavar="TIME")
    ] = "20s",
    noise: Annotated[bool, Option(help="Measure the noise floor.")] = True,
    format: options.TextFormat = "table",
    runtime: options.Runtime = "tensorflow",
) -> None:
    """Is this machine fit for timing? Which differences can it show?"""
    from cnnbench.reporting.machine import health_document
    from cnnbench.runner.progress import watcher

    budget = units.parse_duration(time_budget)
    at_once = format == "table"

    def told(health: Health) -> None:
        print(show(health_document(health), format), end="", flush=True)

    with watcher(quiet=not (at_once and noise and sys.stdout.isatty()), as_json=False) as progress:
        health = api.doctor(
            noise_s=budget if noise else None,
            runtime=runtime,
            progress=progress,
            told=told if at_once else None,
        )
    if not at_once:
        print(show(health_document(health), format), end="")
    elif health.noise or health.note:
        rest = health_document(replace(health, findings=()))
        print("\n" + show(rest, format), end="")


def roofline(
    target: Annotated[
        str | None,
        Argument(
            help="What `analyze` takes; if left out, only the ceilings are shown.",
            metavar="TARGET",
            autocompletion=complete(options.targets),
        ),
    ] = None,
    input: options.Input = None,
    batch: options.Batch = 1,
    dtype: options.DType = None,
    param: options.Params = None,
    time: Annotated[
        str | None, Option(help="Is this time possible? 4.16ms, 12us, 1.5s.", metavar="TIME")
    ] = None,
    on: Annotated[
        str | None, Option(help="A known device: A100, H100, V100, T4 [default: this machine].")
    ] = None,
    peak: Annotated[
        str | None, Option(help="A peak instead of a device: 156TFLOP/s.", metavar="RATE")
    ] = None,
    bandwidth: Annotated[str | None, Option(help="With --peak: 1555GB/s.", metavar="RATE")] = None,
    top: options.Top = None,
    format: options.Format = "table",
    device: Annotated[
        str, Option(help="Of this machine: cpu, gpu (the first) or gpu:1.", metavar="DEVICE")
    ] = "cpu",
    threads: options.Threads = None,
    runtime: options.Runtime = "tensorflow",
    again: Annotated[
        bool, Option("--again", help="Measure this machine again; the better result counts.")
    ] = False,
) -> None:
    """The least time of a network's layers; is a time possible?"""
    from cnnbench.reporting.machine import roofline_document
    from cnnbench.runner.progress import watcher

    if format == "csv" and target is None:
        raise CnnbenchError("--format csv is for the layers of a network; name one")
    # Resolved here, because a target may have a parameter with the name of one of `api.roofline`.
    resolved = None
    if target is not None:
        resolved = networks.resolve(target, input, params=options.parse_params(param))
    with watcher(quiet=not sys.stdout.isatty(), as_json=False) as progress:
        roofline = api.roofline(
            resolved,
            input,
            batch_size=batch,
            dtype=dtype,
            seconds=None if time is None else units.parse_quantity(time, *units.TIME),
            on=on,
            peak=None if peak is None else units.parse_quantity(peak, *units.RATE),
            bandwidth=None if bandwidth is None else units.parse_quantity(bandwidth, *units.FLOW),
            device=device,
            threads=threads,
            runtime=runtime,
            again=again,
            progress=progress,
        )
    print(show(roofline_document(roofline, top), format), end="")


def predict(
    target: Annotated[
        str,
        Argument(
            help="What `analyze` takes.",
            metavar="TARGET",
            autocompletion=complete(options.targets),
        ),
    ],
    input: options.Input = None,
    batch: options.Batch = 1,
    param: options.Params = None,
    include_top: options.IncludeTop = True,
    calibrate: Annotated[
        bool, Option("--calibrate", help="Measure this machine again, which takes a minute.")
    ] = False,
    top: Annotated[int, Option(min=1, help="Show only this many layers.")] = 10,
    model: Annotated[bool, Option("--model", help="Show the coefficients too.")] = False,
    format: options.Format = "table",
    runtime: options.Runtime = "tensorflow",
) -> None:
    """Time and peak memory of a network here, without running it.

    For the CPU of this machine, which is measured once, in about a minute.
    """
    from cnnbench.reporting.prediction.forecast import document
    from cnnbench.runner.progress import watcher

    # Resolved here for the same reason as in `roofline`.
    resolved = networks.resolve(target, input, include_top, options.parse_params(param))
    with watcher(quiet=not sys.stdout.isatty(), as_json=False) as progress:
        prediction = api.predict(
            resolved,
            input,
            batch_size=batch,
            calibrate=calibrate,
            runtime=runtime,
            progress=progress,
        )
    print(show(document(prediction, top, model), format), end="")
