"""The commands that need no measurement: analyze, formula, list."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cnnbench import api, blocks, units
from cnnbench.cli.app import Batch, DType, IncludeTop, Input, Params, app, parse_params
from cnnbench.errors import CnnbenchError
from cnnbench.reporting.analysis import costs
from cnnbench.reporting.document import Document
from cnnbench.reporting.formats import show


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


@app.command()
def analyze(
    target: Annotated[
        str,
        typer.Argument(
            help="A name from `cnnbench list`, a .keras file, a SavedModel, or module:function."
        ),
    ],
    input: Input = None,
    batch: Batch = 1,
    dtype: DType = None,
    param: Params = None,
    include_top: IncludeTop = True,
    fold: Annotated[
        bool, typer.Option("--fold", help="Batch norm as part of the convolution before it.")
    ] = False,
    view: Annotated[
        str | None,
        typer.Option(help=f"What the table shows: {', '.join(costs.VIEWS)}.", metavar="NAME"),
    ] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Of the tree.")] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            help=f"Layers with most of this first: {', '.join(costs.SORT_KEYS)}.", metavar="NAME"
        ),
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
    training: Annotated[
        str | None,
        typer.Option(help="One training step with this optimizer: adam, sgd, ...", metavar="NAME"),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            help="The largest batch and input that fit: 8GiB; to train, with --training or adam.",
            metavar="SIZE",
        ),
    ] = None,
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
    asked = {
        "--format mermaid": format is Format.mermaid or None,
        "--as": as_,
        "--explain-differences": explain_differences or None,
        "--memory": memory,
        "--training": training if memory is None else None,
    }
    answers = [name for name, value in asked.items() if value is not None]
    of_tables = {"--view": view, "--sort": sort, "--top": top, "--check": check or None}
    if format is not Format.mermaid:
        of_tables["--depth"] = depth
    _go_together(answers, [name for name, value in of_tables.items() if value is not None])
    if check and format in (Format.csv, Format.json):
        raise CnnbenchError(f"--check is for tables, not for {format.value}")
    if fold and (training is not None or memory is not None or check):
        raise CnnbenchError("--fold is for inference; not with --training, --memory or --check")

    shapes = None if input is None else units.parse_shapes(input)
    network = api.analysis.resolved(target, shapes, include_top, parse_params(param or []))
    at: dict[str, Any] = {"input_shape": shapes, "batch_size": batch, "dtype": dtype}
    if memory is not None:
        from cnnbench.reporting.analysis import budget

        uses = (None, training or "adam")
        page = budget.capacity_document(
            [api.capacity(network, memory, optimizer=use, **at) for use in uses]
        )
    elif training is not None:
        from cnnbench.reporting.analysis import budget

        page = budget.training_document(api.training(network, optimizer=training, **at))
    else:
        graph = api.trace(network, fold=fold, **at)
        if as_ is not None or explain_differences:
            from cnnbench.reporting.analysis import differences

            page = (
                differences.document(graph)
                if as_ is None
                else differences.tool_document(graph, as_)
            )
        elif format is Format.mermaid:
            from cnnbench.reporting.analysis import mermaid

            page = mermaid.document(graph, depth)
        else:
            page = costs.document(graph, view=view, depth=depth, sort=sort, top=top)
    rows = api.check(network, **at) if check else []
    if check:
        from cnnbench.reporting.analysis import checked

        page.blocks += checked.document(rows).blocks
    text = show(page, "markdown" if format is Format.mermaid else format.value)
    if figure is not None:  # when nothing is left that could be refused
        from cnnbench.reporting.analysis import shares

        shares.shares(api.analyze(network, fold=fold, **at), figure)
        text += f"figure: {figure}\n" if format is Format.table else ""
    print(text, end="")
    if any(row.equal is False for row in rows):
        raise typer.Exit(1)


def _go_together(answers: list[str], of_tables: list[str]) -> None:
    if len(answers) > 1:
        raise CnnbenchError(f"{' and '.join(answers)} are different answers; choose one")
    if answers and of_tables:
        raise CnnbenchError(
            f"{', '.join(of_tables)} {'is' if len(of_tables) == 1 else 'are'} for tables, "
            f"not for {answers[0].removeprefix('--format ')}"
        )


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
    from cnnbench.reporting.analysis import formulas

    closed = api.formula(target, **parse_params(param or []))
    if format is FormulaFormat.latex:
        print(formulas.latex(closed))
    elif format is FormulaFormat.markdown:
        print(show(formulas.document(closed, as_latex=True), "markdown"), end="")
    else:
        print(show(formulas.document(closed), "table"), end="")


@app.command("list")
def list_() -> None:
    """The blocks, models and suites that you can name."""
    from cnnbench.cases import suites
    from cnnbench.networks.applications import SIZES

    page = Document()
    for kind in ("block", "model"):
        entries = [e for e in blocks.catalogue().values() if e.kind == kind]
        rows = [[e.name, units.shape(e.input_shape), e.summary] for e in entries]
        page.table(([f"{kind}s", "input", ""], rows))
    by_size: dict[str, list[str]] = {}
    for name, side in SIZES.items():
        by_size.setdefault(units.shape((side, side, 3)), []).append(name)
    rows = [[size, ", ".join(names)] for size, names in by_size.items()]
    page.table((["input", "keras.applications"], rows), wrap=88)
    page.table((["suites", ""], list(map(list, suites.describe().items()))))
    print(show(page, "table"), end="")
