"""The commands about this machine: doctor, roofline, predict, profile."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Argument, Option

from cnnbench import api, networks, units
from cnnbench.cli import options
from cnnbench.cli.options import complete, show
from cnnbench.errors import CnnbenchError

if TYPE_CHECKING:
    from cnnbench.machine.health import Health


def doctor(
    time_budget: Annotated[
        str | None,
        Option(help="Time to measure [default: 20s; 3m with --calibrate].", metavar="TIME"),
    ] = None,
    noise: Annotated[bool, Option(help="Measure the noise floor.")] = True,
    calibrate: Annotated[
        bool, Option("--calibrate", help="Measure how far equal runs differ, and keep it.")
    ] = False,
    format: options.TextFormat = "table",
    runtime: options.Runtime = "tensorflow",
    cluster: options.Cluster = None,
) -> None:
    """Is this machine fit for timing? Which differences can it show?"""
    from cnnbench.reporting.machine import health_document
    from cnnbench.runner.progress import watcher

    usual = "3m" if calibrate else "20s"
    budget = units.parse_duration(usual if time_budget is None else time_budget)
    at_once = format == "table"

    def told(health: Health) -> None:
        print(show(health_document(health), format), end="", flush=True)

    measured = noise or calibrate
    with watcher(
        quiet=not (at_once and measured and sys.stdout.isatty()), as_json=False
    ) as progress:
        health = api.doctor(
            noise_s=budget if noise else None,
            calibrate_s=budget if calibrate else None,
            runtime=runtime,
            cluster=cluster,
            progress=progress,
            told=told if at_once else None,
        )
    if not at_once:
        print(show(health_document(health), format), end="")
    elif health.noise or health.allowances or health.note:
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
    target: options.Target,
    input: options.Input = None,
    batch: options.Batch = 1,
    param: options.Params = None,
    include_top: options.IncludeTop = True,
    calibrate: Annotated[
        bool, Option("--calibrate", help="Measure this machine again, for minutes.")
    ] = False,
    top: Annotated[int, Option(min=1, help="Show only this many layers.")] = 10,
    model: Annotated[bool, Option("--model", help="Show the coefficients too.")] = False,
    format: options.Format = "table",
    runtime: options.Runtime = "tensorflow",
    mode: Annotated[
        str, Option(help="The usual one of the runtime, or train: a step with adam.")
    ] = "",
    cluster: options.Cluster = None,
) -> None:
    """Time and peak memory of a network here, without running it.

    For the CPU of this machine, or of those of a --cluster. It is measured once for a runtime and
    mode, in two to three minutes.
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
            mode=mode,
            cluster=cluster,
            progress=progress,
        )
    print(show(document(prediction, top, model), format), end="")


def profile(
    targets: Annotated[
        list[str],
        Argument(
            help="What `analyze` takes, or the folder of a run with profiles.",
            metavar="TARGET",
            autocompletion=complete(options.targets),
        ),
    ],
    against: Annotated[
        str,
        Option(
            help="Compare layer by layer with another runtime, network, or run with profiles.",
            metavar="OTHER",
        ),
    ] = "",
    by: Annotated[
        Literal["layer", "type", "block"], Option(help="What a row of the table is.")
    ] = "layer",
    sort: Annotated[
        Literal["time", "loss", "order"],
        Option(help="Layers by their time, by what they lose, or as in the network."),
    ] = "time",
    top: options.Top = None,
    input: options.Input = None,
    batch: options.Batch = 1,
    dtype: Annotated[str, Option(help="As of `run` [default: the network's own].")] = "",
    mode: Annotated[
        str, Option(help="Of the runtime [default: the usual one].", metavar="NAME")
    ] = "",
    param: options.Params = None,
    import_: options.Imports = None,
    launches: Annotated[int, Option(min=1, help="Processes.")] = 5,
    time_budget: Annotated[str, Option(help="For all launches: 60s, 5m.", metavar="TIME")] = "60s",
    timeout: options.Timeout = "120s",
    threads: options.Threads = None,
    runtime: options.Runtimes = "tensorflow",
    figure: Annotated[
        Path | None, Option(help="Draw where the time goes: FILE.svg, .png or .pdf.")
    ] = None,
    out: Annotated[
        str | None, Option(help="Keep the run in this folder, with its report.", metavar="FOLDER")
    ] = None,
    quiet: options.Quiet = False,
    format: options.Format = "table",
) -> None:
    """Where does the time go? Each layer, measured.

    By the runtime's own profiler, beside FLOPs, bytes, the least time and what is lost against it.
    """
    from cnnbench.reporting import profiles, style
    from cnnbench.runner.progress import watcher

    if figure is not None:
        style.check(figure)
    given: dict[str, Any] = {
        "input_shape": input,
        "batch_size": batch if batch != 1 else None,
        "dtype": options.listed(dtype),
        "mode": options.listed(mode),
        "params": options.parse_params(param),
        "imports": import_,
        "threads": threads,
    }
    with watcher(quiet or not sys.stdout.isatty(), as_json=False) as progress:
        found = api.profile(
            *targets,
            against=against,
            launches=launches,
            time_budget=time_budget,
            runtime=runtime,
            out=out,
            **{name: value for name, value in given.items() if value},
            timeout=timeout,
            progress=progress,
            command=options.as_typed(),
        )
    print(show(profiles.document(found, by, sort, top), format), end="")
    if figure is not None and found.profiles:
        style.write(lambda: profiles.icicle(found.profiles[0]), figure)
    if found.ended == "interrupted":
        raise typer.Exit(130)
    if not found.profiles:
        raise typer.Exit(1)
