"""The commands that need no measurement: analyze, formula, list."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cnnbench import api, blocks, networks, units
from cnnbench.analysis.views import KEYS
from cnnbench.cli.app import Batch, DType, IncludeTop, Input, Params, app, parse_params
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import Graph
from cnnbench.networks.applications import SIZES
from cnnbench.reporting.analysis import costs as costs_text
from cnnbench.reporting.analysis.costs import VIEWS
from cnnbench.rule import Shape


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
    found = networks.resolve(target, shapes, include_top, parse_params(param or []))
    graph = found.trace(shapes, batch, dtype)
    if fold:
        from cnnbench.analysis.folding import folded

        graph = folded(graph)
    costs, title, name = cost(graph), found.title, format.value
    if memory is not None:
        text = _fits(found, graph, units.parse_bytes(memory), training, dtype, name)
    elif training is not None:
        from cnnbench.analysis.training import training as train
        from cnnbench.reporting.analysis import budget

        text = budget.render_training(train(graph, training), title, name)
    elif as_ is not None or explain_differences:
        from cnnbench.reporting.analysis import differences

        render = differences.render if as_ is None else partial(differences.render_as, tool=as_)
        text = render(graph, title, format=name)
    elif format is Format.mermaid:
        from cnnbench.reporting.analysis import mermaid

        text = mermaid.mermaid(graph, costs, depth)
    else:
        text = costs_text.render(
            costs, title, name, graph, view=view, depth=depth, sort=sort, top=top
        )
    if figure is not None:  # when nothing is left that could be refused
        from cnnbench.reporting.analysis import shares

        shares.shares(costs, figure, title)
        text += f"figure: {figure}\n" if format is Format.table else ""
    print(text, end="")
    if check:
        _check(found, graph, "github" if format is Format.markdown else "simple")


def _go_together(answers: list[str], of_tables: list[str]) -> None:
    if len(answers) > 1:
        raise CnnbenchError(f"{' and '.join(answers)} are different answers; choose one")
    if answers and of_tables:
        raise CnnbenchError(
            f"{', '.join(of_tables)} {'is' if len(of_tables) == 1 else 'are'} for tables, "
            f"not for {answers[0].removeprefix('--format ')}"
        )


def _check(target: networks.Target, graph: Graph, style: str) -> None:
    """Compare with others; status 1 if they differ."""
    from cnnbench import crosscheck
    from cnnbench.reporting.analysis import checked

    rows = crosscheck.report(*target.in_keras(graph))
    print("\n" + checked.render(rows, style), end="")
    if any(row.equal is False for row in rows):
        raise typer.Exit(1)


def _fits(
    target: networks.Target,
    graph: Graph,
    memory: int,
    optimizer: str | None,
    dtype: str | None,
    format: str,
) -> str:
    """What of a network fits into a memory, for a forward pass and for training."""
    from cnnbench.analysis.capacity import largest
    from cnnbench.reporting.analysis import budget

    batch, *first = graph.nodes[graph.inputs[0]].rule.shape
    others = [graph.nodes[i].rule.shape[1:] for i in graph.inputs[1:]]

    def trace(shape: Shape, batch_size: int) -> Graph:
        return target.trace([shape, *others], batch_size, dtype)

    fits = [largest(trace, tuple(first), batch, memory, way) for way in (None, optimizer or "adam")]
    return budget.render_fits(fits, target.title, format)


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

    print(formulas.render(api.formula(target, **parse_params(param or [])), format.value), end="")


@app.command("list")
def list_() -> None:
    """The blocks, models and suites that there are."""
    from tabulate import tabulate

    from cnnbench.cases import suites

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


def _applications() -> list[tuple[str, str]]:
    """Those of one input size in a line."""
    by_size: dict[int, list[str]] = {}
    for name, size in SIZES.items():
        by_size.setdefault(size, []).append(name)
    return [(units.shape((size, size, 3)), ", ".join(names)) for size, names in by_size.items()]
