"""The command line: parse, call one function of the package, print."""

from __future__ import annotations

import ast
import shlex
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import cnnbench
from cnnbench import api, blocks, targets, units
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError
from cnnbench.reporting.tables import VIEWS
from cnnbench.targets.applications import SIZES
from cnnbench.views import KEYS

app = typer.Typer(
    help="What CNN blocks and models cost: on paper, checked against Keras, and on your machine.",
    add_completion=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How `analyze` prints."""

    table = "table"
    markdown = "markdown"
    csv = "csv"
    json = "json"
    mermaid = "mermaid"


class FormulaFormat(StrEnum):
    """How `formula` prints."""

    text = "text"
    latex = "latex"
    markdown = "markdown"


class Devices(StrEnum):
    """Where `run` measures."""

    all = "all"
    cpu = "cpu"
    gpu = "gpu"


def _version(wanted: bool) -> None:
    if wanted:
        print(f"cnnbench {cnnbench.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(2)


@app.command()
def analyze(
    target: Annotated[
        str,
        typer.Argument(
            help="A name from `cnnbench list`, a .keras file, a SavedModel, or module:function."
        ),
    ],
    input: Annotated[
        str | None,
        typer.Option(help="Size of one sample, as 224x224x3; a,b for two inputs.", metavar="SIZE"),
    ] = None,
    batch: Annotated[int, typer.Option(help="Samples per forward pass.")] = 1,
    dtype: Annotated[
        str | None,
        typer.Option(help="float32, float16 or bfloat16 [default: the model's, else float32]."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", help="A parameter of the target.", metavar="NAME=VALUE"),
    ] = None,
    include_top: Annotated[
        bool, typer.Option(help="The classifier of a model of keras.applications.")
    ] = True,
    view: Annotated[
        str | None, typer.Option(help=f"What the table shows: {', '.join(VIEWS)}.", metavar="NAME")
    ] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Of the tree.")] = None,
    sort: Annotated[
        str | None,
        typer.Option(help=f"Layers with most of this first: {', '.join(KEYS)}.", metavar="NAME"),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Only so many layers.")] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.table,
    as_: Annotated[
        str | None,
        typer.Option(
            "--as", help="Count as another tool does: fvcore, thop, xla, ...", metavar="TOOL"
        ),
    ] = None,
    explain_differences: Annotated[
        bool, typer.Option("--explain-differences", help="What every tool prints, and why.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Compare with Keras and TensorFlow's profiler; exit 1 if they differ."
        ),
    ] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Draw each layer's share into this file: .png, .svg, .pdf.")
    ] = None,
) -> None:
    """Cost on paper, per layer and in total. The catalogue needs no framework."""
    from cnnbench.reporting import tables

    shapes = units.parse_shapes(input) if input else None
    found = targets.resolve(target, shapes, include_top, _params(param or []))
    graph = found.trace(shapes, batch, dtype)
    costs = cost(graph)
    if figure:
        from cnnbench.reporting import shares

        shares.shares(costs, figure, found.title)
    if as_ or explain_differences:
        from cnnbench.reporting import differences

        if as_:
            print(differences.render_as(graph, found.title, as_, format.value), end="")
        else:
            print(differences.render(graph, found.title, format.value), end="")
        return
    if format is Format.mermaid:
        from cnnbench.reporting import mermaid

        if view or sort or top:
            raise CnnbenchError("--view, --sort and --top are for tables, not for mermaid")
        print(mermaid.mermaid(graph, costs, depth), end="")
        return
    print(
        tables.render(
            costs, found.title, format.value, graph, view=view, depth=depth, sort=sort, top=top
        ),
        end="",
    )
    if figure and format is Format.table:
        print(f"figure: {figure}")
    if check:
        from cnnbench import agreement
        from cnnbench.reporting import checked

        rows = agreement.report(*found.in_keras(graph))
        print(
            "\n" + checked.render(rows, "github" if format is Format.markdown else "simple"), end=""
        )
        if any(row.equal is False for row in rows):
            raise typer.Exit(1)


@app.command()
def formula(
    target: Annotated[str, typer.Argument(help="A block or model of the catalogue.")],
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", "-p", help="A size or parameter that stays a number.", metavar="NAME=VALUE"
        ),
    ] = None,
    format: Annotated[FormulaFormat, typer.Option(help="How to print it.")] = FormulaFormat.text,
) -> None:
    """Closed forms of the cost of a block, in n, H, W, C and its parameters."""
    from cnnbench.reporting import formulas

    print(formulas.render(api.formula(target, **_params(param or [])), format.value), end="")


@app.command("list")
def list_() -> None:
    """The blocks, models and suites that there are."""
    from tabulate import tabulate

    from cnnbench import suites

    for kind in ("block", "model"):
        entries = [e for e in blocks.catalogue().values() if e.kind == kind]
        rows = [(e.name, units.shape(e.input_shape), e.summary) for e in entries]
        print(tabulate(rows, (f"{kind}s", "input", ""), tablefmt="simple"), end="\n\n")
    print(
        tabulate(
            _applications(),
            ("input", "keras.applications"),
            tablefmt="simple",
            maxcolwidths=[None, 88],
        ),
        end="\n\n",
    )
    print(tabulate(suites.describe().items(), ("suites", ""), tablefmt="simple"))


@app.command()
def run(
    suite: Annotated[str, typer.Argument(help="A suite's name, or a TOML file.")] = "tutorial",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run [default: reports/SUITE-TIME].")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out, or the newest, as planned.")
    ] = False,
    device: Annotated[Devices, typer.Option(help="Where to measure.")] = Devices.all,
    launches: Annotated[int | None, typer.Option(min=1, help="Processes per case.")] = None,
    time_budget: Annotated[
        str | None, typer.Option(help="For all launches: 90s, 5m, 1h.", metavar="TIME")
    ] = None,
    timeout: Annotated[str, typer.Option(help="For one launch.", metavar="TIME")] = "120s",
    seed: Annotated[int | None, typer.Option(help="Of the order and the inputs.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads per operation.")] = None,
    runtime: Annotated[str, typer.Option(help="tensorflow, or fake to try it out.")] = "tensorflow",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only where the report is.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Progress and result as JSON.")] = False,
) -> None:
    """Analyse, check, time and measure a suite, and write the report."""
    from cnnbench.progress import watcher

    progress = watcher(quiet, json)
    if not quiet and not json:
        print(f"cnnbench {cnnbench.__version__}: suite {suite}, starting {runtime} ...", flush=True)
    with progress:
        finished = api.run(
            suite,
            out=out,
            resume=resume,
            device=device.value,
            launches=launches,
            time_budget=units.parse_duration(time_budget) if time_budget else None,
            timeout=units.parse_duration(timeout),
            seed=seed,
            threads=threads,
            runtime=runtime,
            progress=progress,
            command=shlex.join(["cnnbench", *sys.argv[1:]]),
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


def _applications() -> list[tuple[str, str]]:
    """Those of one input size in a line."""
    by_size: dict[int, list[str]] = {}
    for name, size in SIZES.items():
        by_size.setdefault(size, []).append(name)
    return [(units.shape((size, size, 3)), ", ".join(names)) for size, names in by_size.items()]


def _params(pairs: Sequence[str]) -> dict[str, Any]:
    """n_filters=64 as {"n_filters": 64}; what is no Python literal is text."""
    params = {}
    for text in pairs:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise CnnbenchError(f"a parameter must look like n_filters=64; got {text!r}")
        try:
            params[name] = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            params[name] = value  # the exceptions that `literal_eval` is documented to raise
    return params


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    try:
        return app(args=argv, standalone_mode=False, prog_name="cnnbench") or 0
    except CnnbenchError as error:
        message = str(error)
    except typer.TyperException as error:
        message = error.format_message()
    print(f"cnnbench: {message}", file=sys.stderr)
    return 2


def entry() -> None:
    """The `cnnbench` command."""
    raise SystemExit(main())
