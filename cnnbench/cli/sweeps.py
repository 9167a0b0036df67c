"""The command that computes the cost of a whole design space: sweep."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from cnnbench import api, units
from cnnbench.cli import options
from cnnbench.cli.options import show
from cnnbench.errors import CnnbenchError

MOST_VALUES = 10**6
"""The most values of a list; a single range may be longer."""
PATIENCE_S = 2.0
"""The time after which a progress bar appears."""

_Count = Annotated[int | None, Option(parser=units.parse_count, metavar="100M")]
_Bytes = Annotated[int | None, Option(parser=units.parse_bytes, metavar="4MiB")]


def sweep(
    target: options.Entry,
    param: Annotated[
        list[str] | None,
        Option(
            "--param",
            "-p",
            help="16:256 includes both ends, 16:256:16 has steps, 16:256:x2 doubles; or 8,12,16; "
            "or texts: A,B.",
            metavar="NAME=VALUES",
        ),
    ] = None,
    input: Annotated[
        str | None, Option(help="Size of one sample, as 28x28x192.", metavar="SIZE")
    ] = None,
    input_size: Annotated[
        str | None, Option(help="Side lengths of a square input.", metavar="VALUES")
    ] = None,
    input_channels: Annotated[
        str | None, Option(help="Channels of the input.", metavar="VALUES")
    ] = None,
    batch: Annotated[str | None, Option(help="Samples per forward pass.", metavar="VALUES")] = None,
    dtype: Annotated[str, Option(help="float32, float16 or bfloat16.")] = "float32",
    max_params: _Count = None,
    max_macs: _Count = None,
    max_flops: _Count = None,
    max_activation: _Bytes = None,
    max_peak: _Bytes = None,
    max_memory: _Bytes = None,
    max_channels: _Count = None,
    min_params: _Count = None,
    min_flops: _Count = None,
    min_channels: _Count = None,
    minimize: Annotated[
        str | None,
        Option(
            help="params, macs, flops, activation, peak (of activations), memory (and weights) "
            "or channels (of the output); several as flops,peak; or none [default: flops].",
            metavar="NAMES",
        ),
    ] = None,
    maximize: Annotated[
        str | None, Option(help="As --minimize [default: channels].", metavar="NAMES")
    ] = None,
    pareto: Annotated[
        bool, Option("--pareto", help="Only those that no other one beats in all of these.")
    ] = False,
    top: Annotated[int, Option(min=0, help="How many rows to show; 0 for all.")] = 20,
    sample: Annotated[
        int | None, Option(min=1, help="Try only this many, drawn evenly from the grid.")
    ] = None,
    seed: Annotated[int, Option(min=0, help="Seed of the sample.")] = 0,
    measure: Annotated[
        int, Option(min=0, help="Measure the times of this many rows, on the CPU.")
    ] = 0,
    out: Annotated[
        str | None, Option(help="Folder to store the measurements in.", metavar="FOLDER")
    ] = None,
    runtime: options.Runtime = "tensorflow",
    cluster: options.Cluster = None,
    launches: Annotated[int, Option(min=1, help="Processes per row.")] = 3,
    time_budget: Annotated[
        str, Option(help="Time for all launches: 90s, 5m, 1h.", metavar="TIME")
    ] = "2m",
    format: options.Format = "table",
    figure: Annotated[
        Path | None, Option(help="Draw the first two objectives into this file: .png, .svg, .pdf.")
    ] = None,
) -> None:
    """Every configuration of a block: the best, or the Pareto front."""
    options.check_named(out=out)
    if out and not measure:
        raise CnnbenchError("--out stores measurements; say how many rows with --measure")
    if cluster is not None and not measure:
        raise CnnbenchError("--cluster is where to measure; say how many rows with --measure")
    if figure is not None:
        from cnnbench.reporting import style

        style.check(figure)
    from cnnbench.reporting.design_space.sweep import document
    from cnnbench.runner.progress import watcher

    sizes = {"input_size": input_size, "input_channels": input_channels, "batch": batch}
    grid = _grid(param)
    grid |= {name: values(name, text) for name, text in sizes.items() if text is not None}
    at_most = {"params": max_params, "macs": max_macs, "flops": max_flops, "channels": max_channels}
    at_most |= {"activation": max_activation, "peak": max_peak, "memory": max_memory}
    at_least = {"params": min_params, "flops": min_flops, "channels": min_channels}
    talks = measure and format == "table" and sys.stdout.isatty()
    with watcher(quiet=not talks, as_json=False) as progress:
        result = api.sweep(
            target,
            grid,
            None if input is None else units.parse_shape(input, ranks=(1, 3, 4)),
            dtype=dtype,
            at_most={metric: most for metric, most in at_most.items() if most is not None},
            at_least={metric: least for metric, least in at_least.items() if least is not None},
            minimize=_names(minimize),
            maximize=_names(maximize),
            pareto=pareto,
            top=top,
            sample=sample,
            seed=seed,
            watch=_Bar() if sys.stderr.isatty() else None,
            measure=measure,
            progress=progress,
            out=out,
            runtime=runtime,
            cluster=cluster,
            launches=launches,
            time_budget=time_budget,
        )
    text = show(document(result), format)
    if figure is not None:
        from cnnbench.reporting.design_space import plane

        plane.plane(result, figure)
        text += f"\nfigure: {figure}\n" if format == "table" else ""
    print(text, end="")


def _names(text: str | None) -> list[str] | None:
    """flops,peak as a list of two; none as an empty list."""
    if text is None:
        return None
    return [] if text == "none" else options.listed(text) or [""]


def _grid(pairs: Sequence[str] | None) -> dict[str, Any]:
    grid: dict[str, Any] = {}
    for name, text in options.split(pairs, "f2_in=16:256"):
        if name in grid:
            raise CnnbenchError(f"{name} is given twice; join the values, as in 16:64,96,128")
        grid[name] = values(name, text)
    return grid


_RANGE = re.compile(r"(-?\d{1,18}):(-?\d{1,18})(?::(x?)(\d{1,18}))?")


def values(name: str, text: str) -> Any:
    """16:256, 16:256:16, 16:256:x2 or 16,24,32:64 as a range, a list, or one value.

    A range includes its end, if a step leads there. A comma inside brackets belongs to a value:
    (64,64,256).
    """
    listed: list[Any] = []
    parts = re.split(r",(?![^(\[{]*[)\]}])", text)
    for part in map(str.strip, parts):
        if not part:
            raise CnnbenchError(f"{name} must be like 16:256, 16:256:16 or 8,12,16; got {text!r}")
        if ":" in part and part[0] not in "{'\"":
            numbers = _numbers(name, part)
            if len(parts) == 1 and isinstance(numbers, range):
                return numbers
            if len(numbers) > MOST_VALUES:
                raise CnnbenchError(f"{name} lists more than {MOST_VALUES:,} values; use a range")
            listed += numbers
        else:
            listed.append(options.literal(part))
    return listed if len(listed) > 1 else listed[0]


def _numbers(name: str, text: str) -> range | list[int]:
    match = _RANGE.fullmatch(text)
    if not match:
        raise CnnbenchError(
            f"a range of {name} must look like 16:256, 16:256:16 or 16:256:x2; got {text!r}"
        )
    first, last, step = int(match[1]), int(match[2]), int(match[4] or 1)
    if last < first:
        raise CnnbenchError(f"a range of {name} must ascend, as {last}:{first}; got {text!r}")
    if not match[3]:
        if not step:
            raise CnnbenchError(f"the step of {name} must be at least 1; got {text!r}")
        return range(first, last + 1, step)
    if step < 2 or first < 1:
        raise CnnbenchError(f"{name} can grow from 1 on, and by x2 or more; got {text!r}")
    grown = [first]
    while grown[-1] * step <= last:
        grown.append(grown[-1] * step)
    return grown


class _Bar:
    """A progress bar on the standard error, for a sweep that takes long."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            if time.monotonic() - self._began < PATIENCE_S or done == total:
                return
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("configurations", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done)
        if done == total:
            self._bar.stop()
